//! Writes HTML. Markup is what this program itself spells out; everything else is text, and escaped.

use serde::Serialize;

use super::super::escaped;
use crate::safe::printable;

/// HTML as it grows. Only `'static` text can become markup.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Writes markup.
    pub(super) fn raw(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Writes markup with a text for each `{}` in it: between tags, or in a quoted attribute.
    pub(super) fn put(&mut self, markup: &'static str, texts: &[&str]) {
        debug_assert_eq!(markup.matches("{}").count(), texts.len(), "{markup}");
        let mut texts = texts.iter();
        for (place, part) in markup.split("{}").enumerate() {
            if place > 0 {
                self.text(texts.next().copied().unwrap_or_default());
            }
            self.raw(part);
        }
    }

    /// Writes text.
    pub(super) fn text(&mut self, text: &str) {
        for c in printable(text).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
    }

    /// Writes data for the script: a block that is never run, and that nothing within can end.
    /// Source: "Restrictions for contents of script elements", HTML standard.
    pub(super) fn data(&mut self, value: &impl Serialize) {
        let json = escaped(&serde_json::to_string(value).unwrap_or_default());
        for c in json.chars() {
            match c {
                '<' => self.0.push_str("\\u003c"),
                '>' => self.0.push_str("\\u003e"),
                '&' => self.0.push_str("\\u0026"),
                c => self.0.push(c),
            }
        }
    }

    /// Returns what was written.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// Returns a number as people read it: `10,000`.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promise_10_text_never_becomes_markup() {
        let hostile = "</script><!--<img src=x onerror='alert(1)'>\u{2028}\u{202e}\"&::x";
        let mut page = Html::default();
        page.put("{}", &[hostile]);
        assert_eq!(
            page.finish(),
            "&lt;/script&gt;&lt;!--&lt;img src=x onerror=&#39;alert(1)&#39;&gt;\\u{2028}\\u{202e}&quot;&amp;:\\:x"
        );
        let mut page = Html::default();
        page.data(&hostile);
        let json = page.finish();
        assert!(json.is_ascii() && !json.contains(['<', '>', '&']), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
    }

    #[test]
    fn numbers_are_grouped() {
        let all = [0, 12, 123, 1234, 100_000, 1_234_567].map(grouped);
        assert_eq!(all, ["0", "12", "123", "1,234", "100,000", "1,234,567"]);
    }
}
