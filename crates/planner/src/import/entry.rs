//! One guest as an entry below `guests:`.

use jiff::Timestamp;
use jiff::civil::Date;

use super::sponsors::Sponsors;
use crate::kinds::guest::user::User;
use crate::safe::hides;
use crate::yaml::scalar;

/// The properties that are worth a line. What is written is managed from then on.
const PROPERTIES: [&str; 4] = ["displayName", "companyName", "department", "jobTitle"];

/// An entry, and the file it goes into.
pub(super) struct Entry {
    /// The name of the file, without folder and ending.
    pub(super) file: String,
    /// The guest's address in lower case.
    pub(super) key: String,
    /// The address as it is written.
    pub(super) mail: String,
    /// The groups that the guest is in.
    pub(super) groups: Vec<String>,
    /// What the guest has that the entry does not say.
    pub(super) without: Vec<String>,
    /// The entry, some lines of YAML.
    pub(super) text: String,
}

impl Entry {
    pub(super) fn new(
        file: String,
        user: &User,
        sponsors: Option<Sponsors>,
        groups: Option<Vec<String>>,
        given: &[(&'static str, Vec<String>)],
        expires: Option<Date>,
        now: Timestamp,
    ) -> Self {
        let key = user.label();
        let mail = user.mail.as_ref().unwrap_or(&key).clone();
        let mut text = format!("  - mail: {}\n", scalar(&mail));
        let mut line = |name: &str, value: String| text += &format!("    {name}: {value}\n");
        for name in PROPERTIES {
            let value = user.profile.get(name).cloned().flatten();
            let visible = value.filter(|value| !value.chars().any(hides) && value.trim() == value);
            if let Some(value) = visible {
                line(name, scalar(&value));
            }
        }
        if let Some(sponsors) = sponsors {
            let why = if sponsors.invited {
                "  # inviter, by the audit log"
            } else {
                ""
            };
            line("sponsors", format!("{}{why}", list(&sponsors.names)));
        }
        let since = user.created.unwrap_or(now).strftime("%F");
        line("justification", format!("In the tenant since {since}"));
        if let Some(day) = expires {
            line("expires", day.to_string());
        }
        let groups = groups.unwrap_or_default();
        if !groups.is_empty() {
            line("groups", list(&groups));
        }
        for (key, names) in given {
            line(key, format!("[{}]", names.join(", ")));
        }
        Self {
            file,
            key,
            mail,
            groups,
            without: Vec::new(),
            text,
        }
    }
}

fn list(items: &[String]) -> String {
    let items: Vec<_> = items.iter().map(|item| scalar(item)).collect();
    format!("[{}]", items.join(", "))
}
