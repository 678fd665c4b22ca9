//! The mark on a managed guest: `guestlist owner=partner-access offboarding=… reason=expired`.
//! It stands in an extension attribute that others can write too, so nothing here is trusted to
//! shorten a grace; what cannot be read counts as absent.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The word every stamp begins with.
const WORD: &str = "guestlist";

/// Stands for the instant at which a request is sent; plans do not know it yet.
const NOW: &str = "now";

/// Whose guest this is, and what was begun with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "String")]
pub struct Stamp {
    /// Which repository the guest belongs to.
    pub owner: String,
    /// Everything else. Keys that this version does not know survive.
    marks: BTreeMap<String, String>,
}

/// The keys of what must not happen twice, or must not be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// When off-boarding began.
    Offboarding,
    /// Why it began.
    Reason,
    /// When the account was given a new address whose redemption reset is still owed.
    Repoint,
    /// When the redemption was reset.
    Reset,
    /// When the guest was reminded of the invitation.
    Reminded,
    /// Who had blocked sign-in before off-boarding began, if not we.
    Blocked,
    /// When we took the guest on with an invitation not redeemed.
    Pending,
    /// Whether the mail that we send ourselves is [`OWED`] or [`SENDING`].
    Welcome,
    /// Of which end of access sponsors were told.
    Notified,
}

/// A mail is to be sent, and was not yet.
pub const OWED: &str = "owed";

/// A mail is being sent. Found later, it may have been sent or not.
pub const SENDING: &str = "sending";

impl Mark {
    fn key(self) -> &'static str {
        match self {
            Self::Offboarding => "offboarding",
            Self::Reason => "reason",
            Self::Repoint => "repoint",
            Self::Reset => "reset",
            Self::Reminded => "reminded",
            Self::Blocked => "blocked",
            Self::Pending => "pending",
            Self::Welcome => "welcome",
            Self::Notified => "notified",
        }
    }
}

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Nothing.
    Empty,
    /// A stamp, of whatever owner.
    Stamp(Stamp),
    /// Somebody else's text, never overwritten.
    Foreign(String),
}

impl Stamp {
    /// Returns the stamp of a guest that was just taken on.
    pub fn new(owner: &str) -> Self {
        Self {
            owner: owner.to_owned(),
            marks: BTreeMap::new(),
        }
    }

    /// Reads what stands in the attribute.
    pub fn read(text: Option<&str>) -> Reading {
        let text = text.unwrap_or_default().trim();
        if text.is_empty() {
            return Reading::Empty;
        }
        Self::parse(text).map_or_else(|| Reading::Foreign(text.to_owned()), Reading::Stamp)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        if words.next() != Some(WORD) {
            return None;
        }
        let mut marks = words
            .map(|word| word.split_once('='))
            .map(|pair| pair.map(|(k, v)| (k.to_owned(), v.to_owned())));
        let mut marks = marks.by_ref().collect::<Option<BTreeMap<_, _>>>()?;
        let owner = marks.remove("owner")?;
        Some(Self { owner, marks })
    }

    /// Returns whose stamp a text is, if it is one: what is asked most often.
    pub fn owner_in(text: Option<&str>) -> Option<&str> {
        let mut words = text?.split_whitespace();
        if words.next() != Some(WORD) {
            return None;
        }
        let mut owner = None;
        for word in words {
            let (key, value) = word.split_once('=')?;
            owner = Some(value).filter(|_| key == "owner").or(owner);
        }
        owner
    }

    /// Returns the text of a mark.
    pub fn mark(&self, mark: Mark) -> Option<&str> {
        self.marks.get(mark.key()).map(String::as_str)
    }

    /// Returns the instant of a mark. One that cannot be read or lies in the future is none.
    pub fn instant(&self, mark: Mark, now: Timestamp) -> Option<Timestamp> {
        self.mark(mark)?
            .parse()
            .ok()
            .filter(|instant| *instant <= now)
    }

    /// Returns whether a mark holds the instant at which it will be written.
    pub fn is_marked_now(&self, mark: Mark) -> bool {
        self.mark(mark) == Some(NOW)
    }

    /// Returns the stamp with a mark that holds the instant at which it will be written.
    pub fn marked_now(self, mark: Mark) -> Self {
        self.marked(mark, NOW)
    }

    /// Returns the stamp with a mark.
    pub fn marked(mut self, mark: Mark, text: &str) -> Self {
        self.marks.insert(mark.key().to_owned(), text.to_owned());
        self
    }

    /// Returns the stamp without a mark.
    pub fn without(mut self, mark: Mark) -> Self {
        self.marks.remove(mark.key());
        self
    }

    /// Returns the stamp under another owner.
    pub fn owned_by(self, owner: &str) -> Self {
        Self {
            owner: owner.to_owned(),
            ..self
        }
    }

    /// Returns the stamp as it is while nothing is being ended.
    pub fn settled(self) -> Self {
        self.without(Mark::Offboarding)
            .without(Mark::Reason)
            .without(Mark::Blocked)
    }

    /// Returns the text to write at `now`.
    pub fn at(&self, now: Timestamp) -> String {
        let now = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let marks = self.marks.iter().map(|(key, value)| {
            (
                key.clone(),
                if value == NOW {
                    now.clone()
                } else {
                    value.clone()
                },
            )
        });
        Self {
            owner: self.owner.clone(),
            marks: marks.collect(),
        }
        .to_string()
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WORD} owner={}", self.owner)?;
        self.marks
            .iter()
            .try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}

impl From<Stamp> for String {
    fn from(stamp: Stamp) -> Self {
        stamp.to_string()
    }
}

impl TryFrom<String> for Stamp {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_survive_and_foreign_text_is_told_apart() {
        let text =
            "guestlist owner=a notified=2026-11-01 offboarding=2026-11-22T03:00:00Z reason=expired";
        let Reading::Stamp(stamp) = Stamp::read(Some(text)) else {
            panic!()
        };
        assert_eq!(stamp.to_string(), text);
        for text in [
            text,
            "guestlist a=b",
            "guestlist owner=a b",
            "guestlist owner=a owner=b",
            " x",
        ] {
            let read = match Stamp::read(Some(text)) {
                Reading::Stamp(stamp) => Some(stamp.owner),
                _ => None,
            };
            assert_eq!(Stamp::owner_in(Some(text)), read.as_deref(), "{text}");
        }
        assert_eq!(
            Stamp::read(Some("cost centre 7")),
            Reading::Foreign("cost centre 7".into())
        );
        assert_eq!(
            Stamp::read(Some("guestlist of honour")),
            Reading::Foreign("guestlist of honour".into())
        );
        assert_eq!(Stamp::read(Some("  ")), Reading::Empty);
    }

    #[test]
    fn an_instant_in_the_future_or_unreadable_is_none() {
        let now = "2026-11-22T00:00:00Z".parse().unwrap();
        let stamp = |value: &str| Stamp::new("a").marked(Mark::Offboarding, value);
        assert!(
            stamp("2026-11-21T00:00:00Z")
                .instant(Mark::Offboarding, now)
                .is_some()
        );
        for bad in ["2026-11-23T00:00:00Z", "soon", "now", ""] {
            assert!(
                stamp(bad).instant(Mark::Offboarding, now).is_none(),
                "{bad}"
            );
        }
    }
}
