//! Mail that we send ourselves, from a mailbox of the tenant: templates in Markdown below `policies/`,
//! and what becomes of them. What is filled in stays text, whatever it says.

use std::borrow::Cow;

use comrak::nodes::{Node, NodeValue};
use comrak::{Arena, Options, format_html, parse_document};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Value, json};

use crate::address::ObjectId;
use crate::safe::hides;

/// What a welcome may name.
const WELCOME: &[&str] = &[
    "displayName",
    "mail",
    "message",
    "expires",
    "sponsors",
    "tenant",
    LINK,
];

/// What a notice of coming ends may name.
const EXPIRING: &[&str] = &["guests", "tenant"];

/// Where the redeem link goes; known only once the guest is invited.
const LINK: &str = "redeemLink";

/// Stands for the redeem link until it is known. It survives Markdown, also as the target of a link.
const HOLE: &str = "guestlist-redeem-link";

/// `mails:` what we write ourselves.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
pub struct Mails {
    /// What guests get that are invited with `invitation.from`.
    pub welcome: Welcome,
    /// What `notify` writes to sponsors.
    pub expiring: Expiring,
}

/// `mails.welcome:` the mail to a guest. It may name `{displayName}`, `{mail}`, `{message}`, `{expires}`,
/// `{sponsors}`, `{tenant}`, and must name `{redeemLink}`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
pub struct Welcome {
    /// The subject.
    #[serde(deserialize_with = "welcome_subject")]
    #[schemars(example = "You are invited to {tenant}")]
    pub subject: String,
    /// The text, in Markdown. A paragraph that names something empty is left out.
    #[serde(deserialize_with = "welcome_text")]
    #[schemars(example = "Hello {displayName},\n\n[accept the invitation]({redeemLink}).")]
    pub text: String,
}

/// `mails.expiring:` the mail to a sponsor. It may name `{tenant}`, and must name `{guests}`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
pub struct Expiring {
    /// The mailbox it is sent from: a user of the tenant, or a shared mailbox.
    #[schemars(example = "access-desk@fabrikam.example")]
    pub from: Option<String>,
    /// The subject.
    #[serde(deserialize_with = "expiring_subject")]
    pub subject: String,
    /// The text, in Markdown.
    #[serde(deserialize_with = "expiring_text")]
    pub text: String,
}

impl Default for Welcome {
    fn default() -> Self {
        Self {
            subject: "You are invited to {tenant}".to_owned(),
            text: "Hello {displayName},\n\n{message}\n\n\
                   {tenant} invites you to work with its applications. \
                   [Accept the invitation]({redeemLink}) to get access.\n\n\
                   If you did not expect this, ask whoever you know there before you accept.\n"
                .to_owned(),
        }
    }
}

impl Default for Expiring {
    fn default() -> Self {
        Self {
            from: None,
            subject: "Guests you vouch for at {tenant} are about to lose access".to_owned(),
            text: "You vouch for these guests of {tenant}. Their access ends on the day shown, by itself.\n\n\
                   {guests}\n\n\
                   Whoever is still needed has to be renewed before that day; for the others there is nothing to do.\n"
                .to_owned(),
        }
    }
}

fn welcome_subject<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    template(
        deserializer,
        WELCOME.split_last().map_or(WELCOME, |(_, rest)| rest),
        None,
    )
}

fn welcome_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = template(deserializer, WELCOME, Some(LINK))?;
    shows_all(&text, &[]).map_err(de::Error::custom)?;
    match html(&text, &[]).contains(HOLE) {
        true => Ok(text),
        false => Err(de::Error::custom(
            "`{redeemLink}` stands where no mail shows it\nhint: write `[accept the invitation]({redeemLink})`",
        )),
    }
}

fn expiring_subject<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    template(deserializer, &["tenant"], None)
}

fn expiring_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = template(deserializer, EXPIRING, Some("guests"))?;
    shows_all(&text, &["guests"]).map_err(de::Error::custom)?;
    Ok(text)
}

/// Returns what of a template would not be shown as it is meant: markup of HTML is left out of mails,
/// and names are filled in only where text is. What is in `alone` must be a paragraph of its own.
fn shows_all(text: &str, alone: &[&str]) -> Result<(), String> {
    if text.contains(HOLE) {
        return Err(format!("`{HOLE}` stands for something else"));
    }
    let arena = Arena::new();
    let root = parse_document(&arena, text, &options());
    let mut single = Vec::new();
    for node in root.descendants() {
        let names_some = |text: &str| {
            names(text).any(|name| WELCOME.contains(&name) || EXPIRING.contains(&name))
        };
        match &node.data().value {
            NodeValue::HtmlBlock(_) | NodeValue::HtmlInline(_) => {
                return Err("mails take no HTML\nhint: write Markdown".to_owned());
            }
            NodeValue::CodeBlock(code) if names_some(&code.literal) => {
                return Err("nothing is filled in in a block of code".to_owned());
            }
            NodeValue::Image(link) if names_some(&link.url) || names_some(&link.title) => {
                return Err("nothing is filled in in a picture".to_owned());
            }
            NodeValue::Link(link) if names_some(&link.url) && link.url != format!("{{{LINK}}}") => {
                return Err(format!(
                    "a link leads to a fixed address or to `{{{LINK}}}`"
                ));
            }
            NodeValue::Paragraph => single.extend(only_text(node)),
            _ => {}
        }
    }
    let mut alone = alone.iter().map(|name| format!("{{{name}}}"));
    match alone.find(|name| !single.contains(name)) {
        Some(name) => Err(format!("`{name}` is a paragraph of its own")),
        None => Ok(()),
    }
}

/// Returns the text of a paragraph that is nothing else.
fn only_text(paragraph: Node<'_>) -> Option<String> {
    let mut text = String::new();
    for child in paragraph.children() {
        match &child.data().value {
            NodeValue::Text(part) => text += part,
            _ => return None,
        }
    }
    Some(text.trim().to_owned())
}

/// Reads a template that names only what is known, and what it must.
fn template<'de, D: Deserializer<'de>>(
    deserializer: D,
    known: &[&str],
    must: Option<&str>,
) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let stranger = names(&text).find(|name| !known.contains(name));
    if let Some(stranger) = stranger {
        let known: Vec<_> = known.iter().map(|name| format!("{{{name}}}")).collect();
        return Err(de::Error::custom(format!(
            "`{{{stranger}}}` stands for nothing here\nhint: what can be filled in is {}",
            known.join(", ")
        )));
    }
    match must.filter(|must| !names(&text).any(|name| name == *must)) {
        Some(must) => Err(de::Error::custom(format!("`{{{must}}}` is missing"))),
        None => Ok(text),
    }
}

/// Returns what stands in braces and looks like a name.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split('{').skip(1);
    let inside = parts.filter_map(|part| part.split_once('}').map(|(name, _)| name));
    inside.filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// What is filled in: names, and what they stand for.
pub type Filling<'a> = [(&'a str, Cow<'a, str>)];

/// A mail, but for the redeem link, which nobody knows before it is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mail {
    /// The address of the mailbox it is sent from.
    pub from: String,
    /// Graph's id of the account that has this mailbox.
    pub sender: ObjectId,
    /// Who gets a copy, without the redeem link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cc: Option<String>,
    /// The subject.
    pub subject: String,
    /// The text.
    pub html: String,
}

impl Mail {
    /// Fills in a welcome.
    pub fn welcome(template: &Welcome, filling: &Filling<'_>, from: &str, sender: &str) -> Self {
        Self {
            from: from.to_owned(),
            sender: sender.to_owned(),
            cc: None,
            subject: line(&fill(&template.subject, filling)),
            html: html(&template.text, filling),
        }
    }

    /// Fills in a notice. `guests` is Markdown that is safe already.
    pub fn expiring(
        template: &Expiring,
        tenant: &str,
        guests: &str,
        from: &str,
        sender: &str,
    ) -> Self {
        let filling = [("tenant", Cow::Borrowed(tenant))];
        Self {
            from: from.to_owned(),
            sender: sender.to_owned(),
            cc: None,
            subject: line(&fill(&template.subject, &filling)),
            html: html(&template.text.replace("{guests}", guests), &filling),
        }
    }

    /// Returns the body of the request that sends it. The link is a secret: the message is not kept in
    /// *Sent items*. Source: "user: sendMail", Graph v1.0.
    pub fn body(&self, to: &str, link: &str) -> Value {
        let link = link
            .replace('&', "&amp;")
            .replace('"', "&quot;")
            .replace('<', "&lt;");
        self.message(&[to], &self.html.replace(HOLE, &link))
    }

    /// Returns the body of the request that sends a mail without a link to somebody.
    pub fn to(&self, recipients: &[&str]) -> Value {
        self.message(recipients, &self.html)
    }

    /// Returns the body of the request that sends a copy of a welcome: the link is the guest's alone.
    pub fn copy(&self, to: &str) -> Value {
        let html = self.html.replace(&format!(" href=\"{HOLE}\""), "");
        self.message(&[to], &html.replace(HOLE, "…"))
    }

    fn message(&self, to: &[&str], html: &str) -> Value {
        let recipients = to
            .iter()
            .map(|to| json!({ "emailAddress": { "address": to } }));
        let message = json!({
            "subject": self.subject,
            "body": { "contentType": "html", "content": html },
            "toRecipients": recipients.collect::<Vec<_>>(),
        });
        json!({ "message": message, "saveToSentItems": false })
    }
}

/// Returns a text with what its names stand for. The redeem link is left for later.
fn fill(text: &str, filling: &Filling<'_>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out += before;
        let name = after.split_once('}').map(|(name, _)| name);
        let value = name.and_then(|name| match name {
            LINK => Some(HOLE),
            _ => filling
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| &**value),
        });
        // Nothing that is filled in may stand for the link.
        let value = value.map(|value| match name {
            Some(LINK) => value.to_owned(),
            _ => value.replace(HOLE, ""),
        });
        match (name, value) {
            (Some(name), Some(value)) => {
                out += &value;
                rest = &after[name.len() + 1..];
            }
            _ => {
                out.push('{');
                rest = after;
            }
        }
    }
    out + rest
}

/// Returns one line that shows what it says.
fn line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    visible(&words.join(" "))
}

/// Returns text without what hides itself or something else.
fn visible(text: &str) -> String {
    text.chars().filter(|c| !hides(*c)).collect()
}

/// Turns a template into HTML. It is understood as Markdown first and filled in after that, so that
/// no name or message can become a link or markup.
fn html(markdown: &str, filling: &Filling<'_>) -> String {
    let options = options();
    let arena = Arena::new();
    let root = parse_document(&arena, markdown, &options);
    for paragraph in root.descendants().collect::<Vec<_>>() {
        if lacks_something(paragraph, filling) {
            paragraph.detach();
        }
    }
    for node in root.descendants().collect::<Vec<_>>() {
        fill_node(&arena, node, filling);
    }
    let mut out = String::new();
    // A string takes everything in.
    let _ = format_html(root, &options, &mut out);
    out
}

fn fill_node<'a>(arena: &'a Arena<'a>, node: Node<'a>, filling: &Filling<'_>) {
    let text = match &mut node.data_mut().value {
        NodeValue::Link(link) => {
            link.url = fill(&link.url, filling);
            return;
        }
        NodeValue::Code(code) => {
            code.literal = fill(&code.literal, filling);
            return;
        }
        NodeValue::Text(text) if text.contains('{') => fill(text, filling),
        _ => return,
    };
    // What has lines keeps them.
    let mut lines = text.lines().map(visible);
    node.data_mut().value = NodeValue::Text(lines.next().unwrap_or_default().into());
    let mut last = node;
    for line in lines {
        for value in [NodeValue::LineBreak, NodeValue::Text(line.into())] {
            let next = arena.alloc(value.into());
            last.insert_after(next);
            last = next;
        }
    }
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.table = true;
    options
}

/// Returns whether a paragraph names something that is empty here; one with the link is never left out.
fn lacks_something(paragraph: Node<'_>, filling: &Filling<'_>) -> bool {
    let empty = |name: &str| {
        filling
            .iter()
            .any(|(known, value)| *known == name && value.trim().is_empty())
    };
    let (mut lacks, mut has_link) = (false, false);
    for node in paragraph.descendants() {
        match &node.data().value {
            NodeValue::Text(text) => {
                lacks |= names(text).any(empty);
                has_link |= names(text).any(|name| name == LINK);
            }
            NodeValue::Code(code) => lacks |= names(&code.literal).any(empty),
            NodeValue::Link(link) => has_link |= names(&link.url).any(|name| name == LINK),
            _ => {}
        }
    }
    matches!(paragraph.data().value, NodeValue::Paragraph) && lacks && !has_link
}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome(text: &str, filling: &Filling<'_>) -> Value {
        let template = Welcome {
            subject: "To {tenant}".to_owned(),
            text: text.to_owned(),
        };
        let mail = Mail::welcome(&template, filling, "desk@fabrikam.example", "id");
        mail.body(
            "ada@contoso.example",
            "https://login.example/redeem?a=1&b=\"2",
        )
    }

    #[test]
    fn a_template_is_markdown_and_what_is_filled_in_is_text() {
        let hostile = "[x](https://evil.example) <b> {redeemLink} \u{202e}&\r\nBcc: x";
        let filling = [
            ("displayName", Cow::from(hostile)),
            ("message", Cow::from("")),
            ("tenant", Cow::from("Fab\nrikam")),
        ];
        let text =
            "Hello **{displayName}**,\n\n{message}\n\n[Accept]({redeemLink}) or {unknown}: x\n";
        let body = welcome(text, &filling);
        assert_eq!(body["message"]["subject"], "To Fab rikam");
        insta::assert_snapshot!(body["message"]["body"]["content"].as_str().unwrap(), @r#"
        <p>Hello <strong>[x](https://evil.example) &lt;b&gt; {redeemLink} &amp;<br />
        Bcc: x</strong>,</p>
        <p><a href="https://login.example/redeem?a=1&amp;b=&quot;2">Accept</a> or {unknown}: x</p>
        "#);
        assert_eq!(body["saveToSentItems"], false);
    }

    #[test]
    fn nothing_that_is_filled_in_stands_for_the_link() {
        let filling = [("displayName", Cow::from("guestlist-redeem-link"))];
        let body = welcome("Hello {displayName}.\n\n[x]({redeemLink})", &filling);
        let content = body["message"]["body"]["content"].as_str().unwrap();
        assert!(content.starts_with("<p>Hello .</p>"), "{content}");
    }

    #[test]
    fn a_paragraph_that_names_something_empty_is_left_out_but_never_the_link() {
        let filling = [
            ("expires", Cow::from("")),
            ("tenant", Cow::from("Fabrikam")),
        ];
        let text = "To {tenant}.\n\nUntil {expires}.\n\n[Come]({redeemLink}) until {expires}.";
        let body = welcome(text, &filling);
        insta::assert_snapshot!(body["message"]["body"]["content"].as_str().unwrap(), @r#"
        <p>To Fabrikam.</p>
        <p><a href="https://login.example/redeem?a=1&amp;b=&quot;2">Come</a> until .</p>
        "#);
    }

    #[test]
    fn a_message_keeps_its_lines() {
        let filling = [("message", Cow::from("One\ntwo\n\nthree"))];
        let body = welcome("{message}\n\n{redeemLink}", &filling);
        insta::assert_snapshot!(body["message"]["body"]["content"].as_str().unwrap(), @r#"
        <p>One<br />
        two<br />
        <br />
        three</p>
        <p>https://login.example/redeem?a=1&amp;b=&quot;2</p>
        "#);
    }

    #[test]
    fn a_template_names_what_is_known_and_what_it_must() {
        let read =
            |text: &str| serde_json::from_value::<Mails>(json!({ "welcome": { "text": text } }));
        assert!(read("{redeemLink} {not a name}").is_ok());
        for wrong in [
            "Welcome!",
            "{redeemLink} {password}",
            "<a href='{redeemLink}'>x</a>",
            "{redeemLink}\n\n<div>\n{message}\n</div>",
            "{redeemLink} <b>x</b>",
            "{redeemLink}\n\n    {message}",
            "![x]({redeemLink}) {redeemLink}",
            "{redeemLink} [site]({displayName})",
            "{redeemLink} [site](https://help.example/{redeemLink})",
            "{redeemLink} guestlist-redeem-link",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let notice =
            |text: &str| serde_json::from_value::<Mails>(json!({ "expiring": { "text": text } }));
        assert!(notice("Soon:\n\n{guests}\n\nBye {tenant}").is_ok());
        for wrong in ["Soon: {guests}", "    {guests}", "<div>\n{guests}\n</div>"] {
            assert!(notice(wrong).is_err(), "{wrong}");
        }
        let secret = json!({ "welcome": { "subject": "{redeemLink}" } });
        assert!(
            serde_json::from_value::<Mails>(secret).is_err(),
            "a subject is no place for a secret"
        );
    }

    #[test]
    fn our_own_templates_are_such() {
        let (welcome, expiring) = (Welcome::default(), Expiring::default());
        let own = json!({
            "welcome": { "subject": welcome.subject, "text": welcome.text },
            "expiring": { "subject": expiring.subject, "text": expiring.text },
        });
        serde_json::from_value::<Mails>(own).unwrap();
    }
}
