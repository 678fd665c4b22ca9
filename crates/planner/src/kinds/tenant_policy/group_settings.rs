//! `groupSettings:` what the Microsoft 365 groups of the tenant allow guests.
//! Sources: "Overview of group settings in Microsoft Graph"; "groupSetting resource type", Graph v1.0.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Declared, ONLY, Premium, Properties, Section, Seen, Takes, Terms};
use crate::kinds::guest::user::{DecodeError, text};
use crate::load::Checker;
use crate::policy::Policy;
use crate::request::{Read, Request};
use crate::schema::of;
use crate::snapshot::Topic;
use crate::yaml::{Node, scalar};

pub(super) struct GroupSettings;

const PATH: &str = "/groupSettings";
const TEMPLATES: &str = "/groupSettingTemplates";
/// The template of the tenant's settings, by its display name.
const TEMPLATE: &str = "Group.Unified";
const TEMPLATE_ID: &str = "templateId";
const ADD: &str = "AllowToAddGuests";
const ACCESS: &str = "AllowGuestsToAccessGroups";
const OWN: &str = "AllowGuestsToBeGroupOwner";
const GUIDELINES: &str = "GuestUsageGuidelinesUrl";

/// What the Microsoft 365 groups of the tenant allow guests. What is not written stays as it is.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "GroupSettings")]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping")]
struct Written {
    /// Whether guests can be added to groups at all.
    allow_to_add_guests: Option<bool>,
    /// Whether guests reach what groups hold.
    allow_guests_to_access_groups: Option<bool>,
    /// Whether a guest can own a group.
    allow_guests_to_be_group_owner: Option<bool>,
    /// Where guests read what they may do; an empty text for nowhere.
    guest_usage_guidelines_url: Option<String>,
}

impl Terms for GroupSettings {
    fn noun(&self) -> &'static str {
        "group settings"
    }

    fn schema(&self) -> Value {
        of::<Written>()
    }

    fn read(&self, node: &Node, _: &Policy, check: &mut Checker<'_>) -> Vec<Declared> {
        check.nothing_held(node, |_| false);
        let Some(written) = check.decode::<Written>(node, &[]) else {
            return Vec::new();
        };
        let url = written.guest_usage_guidelines_url;
        if url.as_ref().is_some_and(|url| !is_address(url)) {
            check.at(
                node,
                "guestUsageGuidelinesUrl",
                "an address of the web begins with https://",
            );
        }
        let flag = |value: Option<bool>| value.map(|value| value.to_string());
        let values = [
            (ADD, flag(written.allow_to_add_guests)),
            (ACCESS, flag(written.allow_guests_to_access_groups)),
            (OWN, flag(written.allow_guests_to_be_group_owner)),
            (GUIDELINES, url),
        ];
        let values = values
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
        vec![Declared {
            properties: values.collect(),
            ..Declared::new(ONLY, node, check)
        }]
    }

    fn written(&self, _: &str, properties: &Properties) -> Option<String> {
        let keys = [
            ("allowToAddGuests", ADD),
            ("allowGuestsToAccessGroups", ACCESS),
            ("allowGuestsToBeGroupOwner", OWN),
            ("guestUsageGuidelinesUrl", GUIDELINES),
        ];
        let lines = keys.iter().filter_map(|(key, name)| {
            let value = properties.get(*name)?.as_str()?;
            match value {
                "true" | "false" => Some(format!("  {key}: {value}\n")),
                _ if *name == GUIDELINES && is_address(value) => {
                    Some(format!("  {key}: {}\n", scalar(value)))
                }
                _ => None,
            }
        });
        let lines: String = lines.collect();
        (!lines.is_empty()).then_some(lines)
    }

    /// A setting that nobody changed does not exist: the template says what holds then.
    fn reads(&self) -> Vec<Read> {
        [PATH, TEMPLATES]
            .map(|path| {
                let read = Read::list(path, "GroupSettings.Read.All").optional();
                read.about(Topic::TenantPolicies(Section::GroupSettings))
            })
            .to_vec()
    }

    fn reading(&self) -> &'static [&'static str] {
        &["GroupSettings.Read.All"]
    }

    fn writing(&self) -> &'static [&'static str] {
        &["GroupSettings.ReadWrite.All"]
    }

    fn take_in(&self, read: &Read, items: &[Value], seen: &mut Seen) -> Result<(), DecodeError> {
        for item in items.iter().filter(|item| item["displayName"] == TEMPLATE) {
            let id = text(item, "id").ok_or(DecodeError::NoId)?;
            if read.path == TEMPLATES {
                seen.base = values(item, "defaultValue");
                seen.base.insert(TEMPLATE_ID.to_owned(), json!(id));
            } else {
                let named = seen.named.entry(ONLY.to_owned()).or_default();
                named.push((id, values(item, "value")));
            }
        }
        Ok(())
    }

    fn decode(&self, item: &Value) -> Result<Option<(String, Properties)>, DecodeError> {
        // A template has the same name.
        let is_ours = item["displayName"] == TEMPLATE && item.get(TEMPLATE_ID).is_some();
        Ok(is_ours.then(|| (ONLY.to_owned(), values(item, "value"))))
    }

    fn create(&self, _: &str, properties: &Properties) -> Request {
        let mut body = body(properties);
        body[TEMPLATE_ID] = properties.get(TEMPLATE_ID).cloned().unwrap_or_default();
        Request::post(PATH, body)
    }

    /// All values travel: nothing says what becomes of those that do not.
    fn update(&self, id: &str, _: &Properties, after: &Properties) -> Request {
        Request::patch(format!("{PATH}/{id}"), body(after))
    }

    fn takes(&self, before: Option<&Properties>, after: Option<&Properties>) -> Takes {
        let Some(after) = after else {
            return Takes::Nothing;
        };
        match ends(ACCESS, before, after) {
            true => Takes::FromGuests,
            false => Takes::Nothing,
        }
    }

    fn notes(&self, before: Option<&Properties>, after: &Properties) -> Vec<&'static str> {
        let mut notes = Vec::new();
        if ends(ADD, before, after) {
            notes.push("no guest can be added to a Microsoft 365 group of the tenant any more");
        }
        if ends(ACCESS, before, after) {
            notes.push("guests lose what every Microsoft 365 group of the tenant holds");
        }
        notes
    }

    /// Whether guests reach groups is free to change.
    fn needs(&self, declared: &Properties) -> Option<Premium> {
        let is_free = declared.keys().all(|name| name == ACCESS);
        (!is_free).then_some(Premium::P1)
    }
}

/// Returns whether a change takes back what a setting allowed.
fn ends(name: &str, before: Option<&Properties>, after: &Properties) -> bool {
    let is_false = |properties: &Properties| properties.get(name) == Some(&json!("false"));
    is_false(after) && !before.is_some_and(is_false)
}

/// Returns whether text can stand in a file as an address of the web, or as none.
fn is_address(text: &str) -> bool {
    text.is_empty() || text.starts_with("https://")
}

/// Returns the values of a setting or a template by name, flags in one spelling.
fn values(item: &Value, key: &str) -> Properties {
    let values = item["values"].as_array().into_iter().flatten();
    let value = |value: &Value| {
        let (name, text) = (
            text(value, "name")?,
            value[key].as_str().unwrap_or_default(),
        );
        let is_flag = ["true", "false"]
            .iter()
            .any(|flag| text.eq_ignore_ascii_case(flag));
        let text = if is_flag {
            text.to_lowercase()
        } else {
            text.to_owned()
        };
        Some((name, json!(text)))
    };
    values.filter_map(value).collect()
}

fn body(properties: &Properties) -> Value {
    let values = properties.iter().filter(|(name, _)| *name != TEMPLATE_ID);
    let values: Vec<_> = values
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    json!({ "values": values })
}
