//! A group as people write it below `policies/`.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Type;
use crate::load::{Checker, Origin};
use crate::rule;
use crate::yaml::Node;

/// The longest membership rule. Source: "Dynamic membership rules", Entra.
const MAX_RULE: usize = 3072;

/// What the schema says of a mail nickname: what [`is_nickname`] says.
const NICKNAME: &str = r#"^[!#-&*+0-9=?A-Z^-~\-]{1,64}$"#;

/// One group, as declared.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The display name, by which files refer to it.
    pub name: String,
    /// Its id, where the name would be ambiguous.
    pub id: Option<String>,
    /// Its alternate key, where the name would be ambiguous.
    pub unique_name: Option<String>,
    /// Its mail nickname, where the name would be ambiguous; also given to a new group.
    pub mail_nickname: Option<String>,
    /// The description, if it is managed; an inner `None` clears it.
    pub description: Option<Option<String>>,
    /// Security or Microsoft 365; `None` is not said.
    pub group_type: Option<Type>,
    /// The owners, if they are managed.
    pub owners: Option<BTreeSet<String>>,
    /// What happens to undeclared guests in it.
    pub guests: Undeclared,
    /// Whether an existing group is managed.
    pub adopt: bool,
    /// The rule that makes it dynamic.
    pub rule: Option<String>,
    /// What else it should have.
    pub options: Options,
    /// Where the entry stands.
    pub origin: Origin,
}

/// What a group has besides its members, as far as it is managed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether the policy for selected groups covers it.
    pub expiration: Option<bool>,
    /// Whether guests can be added to it.
    pub allow_to_add_guests: Option<bool>,
    /// The licences that its members get, by `skuPartNumber`.
    pub licenses: Option<BTreeSet<String>>,
}

/// `guests:` what happens to guests in the group whom no file puts there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Undeclared {
    /// They stay and are reported.
    #[default]
    Declared,
    /// They are removed.
    Exact,
}

/// A group of the tenant.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Group")]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping")]
pub(crate) struct Written {
    /// The display name, by which guests refer to it.
    #[schemars(length(min = 1, max = 256))]
    name: String,
    /// Graph's id of an existing group, where the name would be ambiguous.
    #[schemars(extend("format" = "uuid"))]
    id: Option<String>,
    /// The `uniqueName` of an existing group, where the name would be ambiguous.
    #[schemars(length(min = 1, max = 128))]
    unique_name: Option<String>,
    /// The mail nickname, where the name would be ambiguous; also given to a new group.
    #[schemars(regex(pattern = NICKNAME))]
    mail_nickname: Option<String>,
    /// What it is for; `null` clears.
    #[schemars(length(min = 1, max = 1024))]
    description: Option<String>,
    /// Security (the default for a new one) or Microsoft 365.
    #[serde(rename = "type")]
    group_type: Option<Type>,
    /// Users by mail or sign-in name.
    #[schemars(inner(regex(pattern = "@")))]
    owners: Option<Vec<String>>,
    /// What happens to guests in it whom no file puts there.
    guests: Option<Undeclared>,
    /// It exists already: manage its description, owners and rule, too.
    adopt: Option<bool>,
    /// The rule that makes it dynamic.
    #[schemars(length(min = 1, max = MAX_RULE))]
    membership_rule: Option<String>,
    /// Whether it is among the selected groups that expire (`groupExpiration`). Microsoft 365 only.
    expiration: Option<bool>,
    /// Whether guests can be added to it. Microsoft 365 only.
    allow_to_add_guests: Option<bool>,
    /// The licences that its members get; an empty list for none of those that are managed.
    licenses: Option<Vec<String>>,
}

impl Declared {
    /// Reads one entry of `groups:` and reports every mistake in it.
    pub fn read(node: &Node, check: &mut Checker<'_>) -> Option<Self> {
        check.nothing_held(node, |key| key == "description");
        let written: Written = check.decode(node, &[])?;
        written.checked(node, check);
        Some(Self {
            name: written.name,
            id: written.id.map(|id| id.to_lowercase()),
            unique_name: written.unique_name,
            mail_nickname: written.mail_nickname,
            description: node.get("description").map(|_| written.description),
            group_type: written.group_type,
            owners: written.owners.map(|owners| owners.into_iter().collect()),
            guests: written.guests.unwrap_or_default(),
            adopt: written.adopt.unwrap_or_default(),
            rule: written.membership_rule,
            options: Options {
                expiration: written.expiration,
                allow_to_add_guests: written.allow_to_add_guests,
                licenses: written.licenses.map(|all| all.into_iter().collect()),
            },
            origin: check.origin(node.place),
        })
    }

    /// Returns whether the entry says which existing group it means.
    pub fn is_named(&self) -> bool {
        self.id.is_some() || self.unique_name.is_some()
    }

    /// Returns what kind of group to create.
    pub fn type_to_create(&self) -> Type {
        self.group_type.unwrap_or_default()
    }
}

impl Written {
    fn checked(&self, node: &Node, check: &mut Checker<'_>) {
        let length = self.name.chars().count();
        if self.name.trim().is_empty() || length > 256 || self.name.chars().any(char::is_control) {
            check.at(
                node,
                "name",
                "a group's name has 1 to 256 printable characters",
            );
        }
        if self.id.as_ref().is_some_and(|id| !is_guid(id)) {
            check.at(
                node,
                "id",
                "a group's id is a GUID, such as 11111111-1111-1111-1111-111111111111",
            );
        }
        let unique = self.unique_name.as_ref();
        if unique.is_some_and(|name| name.trim().is_empty() || name.chars().count() > 128) {
            check.at(node, "uniqueName", "a uniqueName has 1 to 128 characters");
        }
        if unique.is_some() && self.id.is_some() {
            check.at(node, "uniqueName", "`id` says already which group is meant");
        }
        if self
            .mail_nickname
            .as_ref()
            .is_some_and(|name| !is_nickname(name))
        {
            check.at(node, "mailNickname", "a mail nickname has up to 64 ASCII characters, none of @ () \\ / [] \" ' ; : . <> , or a space");
        }
        if self
            .description
            .as_ref()
            .is_some_and(|text| text.chars().count() > 1024 || text.is_empty())
        {
            check.at(
                node,
                "description",
                "a description has 1 to 1,024 characters\nhint: write null to clear it",
            );
        }
        for (index, owner) in self
            .owners
            .iter()
            .flatten()
            .enumerate()
            .filter(|(_, owner)| !owner.contains('@'))
        {
            check.path(node, &["owners".into(), index.into()], format!("`{owner}` cannot own a group\nhint: an owner is a user: write an address or user principal name"));
        }
        let unified_only = [
            ("expiration", self.expiration.is_some()),
            ("allowToAddGuests", self.allow_to_add_guests.is_some()),
        ];
        for (key, is_set) in unified_only {
            if is_set && self.group_type == Some(Type::Security) {
                check.at(
                    node,
                    key,
                    format!("`{key}` goes with Microsoft 365 groups only"),
                );
            }
        }
        let Some(rule) = &self.membership_rule else {
            return;
        };
        let length = rule.chars().count();
        if length > MAX_RULE || rule.trim().is_empty() {
            check.at(
                node,
                "membershipRule",
                format!("a rule has 1 to {MAX_RULE} characters, this one has {length}"),
            );
            return;
        }
        if let Some(text) = refusal(rule) {
            check.at(node, "membershipRule", text);
        }
        if self.guests == Some(Undeclared::Exact) {
            check.at(
                node,
                "guests",
                "`exact` on a group with a membershipRule: its members follow the rule",
            );
        }
    }
}

/// Returns what Entra would refuse about a rule, or why it can be about no guest.
fn refusal(rule: &str) -> Option<String> {
    match rule::parse(rule) {
        Ok(rule) => rule
            .is_about_devices()
            .then(|| "a rule about devices takes in no guest".to_owned()),
        Err(rule::Mistake { at, text, hint }) => {
            let hint = hint.map(|hint| format!("\nhint: {hint}"));
            let place = at + 1;
            let hint = hint.unwrap_or_default();
            Some(format!("{text}, at character {place} of the rule{hint}"))
        }
    }
}

/// Returns whether text has the form of an object id.
pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(i, c)| {
            if matches!(i, 8 | 13 | 18 | 23) {
                c == '-'
            } else {
                c.is_ascii_hexdigit()
            }
        })
}

/// Source: "Create group", Graph v1.0.
fn is_nickname(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !"@()\\/[]\"';:.<>,".contains(c);
    !text.is_empty() && text.len() <= 64 && text.chars().all(plain)
}
