//! Reads the body of an error reply: Graph's own shape, its older and odder ones, and what is no
//! reply of Graph at all. Whatever it returns is fit to be printed.

use serde_json::{Map, Value};

/// How much of a message is kept.
const LONGEST_MESSAGE: usize = 600;

/// What an error reply says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The codes, the outermost first.
    pub(crate) codes: Vec<String>,
    /// The message.
    pub(crate) message: String,
    /// The request id, if the body has it.
    pub(crate) request_id: Option<String>,
}

impl Fault {
    /// Reads Graph's error object. Returns none if `body` does not hold one.
    ///
    /// `innerError` is spelt in several ways and nests; the code may be empty.
    /// Source: "Microsoft Graph error responses and resource types", concepts/errors.
    pub(crate) fn decode(body: &Value) -> Option<Self> {
        let error = match body.get("error")? {
            Value::Object(error) => error,
            // What token endpoints send, and gateways that imitate them.
            Value::String(code) => {
                let message = body
                    .get("error_description")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                return Some(Self {
                    codes: vec![clean(code)],
                    message: clean(message),
                    request_id: None,
                });
            }
            _ => return None,
        };
        let mut fault = Self {
            message: clean(&message(error)),
            ..Self::default()
        };
        let mut inner = Some(error);
        while let Some(object) = inner {
            match field(object, "code") {
                Some(Value::String(code)) => fault.codes.push(clean(code)),
                Some(Value::Number(code)) => fault.codes.push(code.to_string()),
                _ => {}
            }
            if let Some(id) = field(object, "request-id").and_then(Value::as_str) {
                fault.request_id = Some(clean(id));
            }
            inner = field(object, "innererror").and_then(Value::as_object);
        }
        Some(fault)
    }
}

/// Returns the message, with the details that a validation error (422) keeps apart. The Azure AD
/// Graph's shape, `{lang, value}`, still shows through in places.
fn message(error: &Map<String, Value>) -> String {
    let mut text = match field(error, "message") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(text)) => field(text, "value")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        _ => String::new(),
    };
    for detail in field(error, "details")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        if let Some(detail) = detail
            .get("message")
            .and_then(Value::as_str)
            .filter(|detail| !text.contains(detail))
        {
            text = format!("{text} {detail}");
        }
    }
    text
}

fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// Returns text of a reply as it may be printed: on one line, not longer than it helps, without
/// characters that move the cursor or reorder the line, and without what lets somebody in.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        let word: String = word.chars().filter(|c| !reorders(*c)).collect();
        if word.is_empty() {
            continue;
        }
        if !clean.is_empty() {
            clean.push(' ');
        }
        clean.push_str(secret(&word).unwrap_or(&word));
    }
    match clean.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean,
    }
}

/// Returns what to print instead of a word that is a redeem link or a token.
fn secret(word: &str) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase();
    if lower.contains("redeem")
        && (lower.contains("://") || lower.contains("%3a%2f%2f") || lower.contains("redeemurl"))
    {
        return Some("[redeem link]");
    }
    // Every JWT starts so, whatever the header holds: `{"` in base64.
    let is_token = word
        .find("eyJ")
        .is_some_and(|start| word[start..].len() > 40);
    is_token.then_some("[token]")
}

/// Bidirectional controls, zero-width characters and line separators.
fn reorders(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_inner_errors_are_read_in_any_spelling() {
        let body = json!({ "error": {
            "code": "", "message": "no",
            "InnerError": { "code": "Directory_QuotaExceeded", "innererror": { "code": 7, "Request-Id": "r1" } },
        } });
        let fault = Fault::decode(&body).unwrap();
        assert_eq!(fault.codes, ["", "Directory_QuotaExceeded", "7"]);
        assert_eq!(fault.request_id.as_deref(), Some("r1"));
    }

    #[test]
    fn the_details_of_a_conflict_are_part_of_the_message() {
        let body = json!({ "error": {
            "code": "UnprocessableEntity", "message": "Invalid.",
            "details": [{ "code": "PropertyConflict", "target": "mailNickname", "message": "It is taken." }],
        } });
        assert_eq!(
            Fault::decode(&body).unwrap().message,
            "Invalid. It is taken."
        );
    }

    #[test]
    fn older_shapes_are_understood() {
        let old =
            json!({ "error": { "code": "X", "message": { "lang": "en", "value": "old words" } } });
        assert_eq!(Fault::decode(&old).unwrap().message, "old words");
        let token = json!({ "error": "invalid_client", "error_description": "AADSTS7000215" });
        assert_eq!(Fault::decode(&token).unwrap().codes, ["invalid_client"]);
        assert_eq!(Fault::decode(&json!({ "value": [] })), None);
    }

    #[test]
    fn nothing_that_lets_somebody_in_is_kept() {
        let link = "https://login.microsoftonline.com/Redeem?rd=https%3a%2f%2finvitations.example%2fredeem";
        let text = format!(
            "see {link} and (inviteRedeemUrl=x) Bearer ey{}",
            "J".repeat(60)
        );
        assert_eq!(
            clean(&text),
            "see [redeem link] and [redeem link] Bearer [token]"
        );
        assert_eq!(clean("please redeem it"), "please redeem it");
    }

    #[test]
    fn text_is_data() {
        assert_eq!(clean("a\r\n\u{1b}[2Jb\u{202e}c \u{200b} d"), "a [2Jbc d");
        assert_eq!(
            clean(&"x".repeat(5000)).chars().count(),
            LONGEST_MESSAGE + 1
        );
    }
}
