//! Text as YAML that means that text and nothing else.

/// Returns text as a YAML scalar: plain where nothing in it means anything, else in double quotes.
/// JSON's strings are YAML's.
pub(crate) fn scalar(text: &str) -> String {
    let mut chars = text.chars();
    let begins = chars.next().is_some_and(|c| c.is_alphabetic());
    let goes_on = |c: char| {
        c.is_alphanumeric() || matches!(c, ' ' | '.' | '@' | '-' | '_' | '\'' | '+' | '/')
    };
    let words = [
        "true", "false", "null", "yes", "no", "on", "off", "nan", "inf",
    ];
    let means = words.contains(&text.to_lowercase().as_str());
    if begins && chars.all(goes_on) && !means && !text.ends_with(' ') && !text.contains(" -") {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}
