//! `groupExpiration:` after how long Microsoft 365 groups that nobody uses are deleted, and which.
//! Sources: "groupLifecyclePolicy resource type", Graph v1.0; "Configure the expiration policy for
//! Microsoft 365 groups", Microsoft Entra ID.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Declared, ONLY, Premium, Properties, Section, Takes, Terms, changed};
use crate::kinds::guest::user::{DecodeError, text};
use crate::load::Checker;
use crate::policy::Policy;
use crate::request::{Read, Request};
use crate::schema::of;
use crate::snapshot::Topic;
use crate::time::Days;
use crate::yaml::{Node, scalar};

pub(super) struct GroupExpiration;

/// The shortest lifetime that Graph takes, in days.
const SHORTEST: u16 = 30;

const PATH: &str = "/groupLifecyclePolicies";
const LIFETIME: &str = "groupLifetimeInDays";
const GROUPS: &str = "managedGroupTypes";
const NOTIFY: &str = "alternateNotificationEmails";

/// After how long Microsoft 365 groups that nobody uses are deleted. One policy for the tenant.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "GroupExpiration")]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping")]
struct Written {
    /// How long a group lives after it was made or renewed: at least 30 days.
    #[schemars(with = "String", regex(pattern = r"^[0-9]+d$"), example = "180d")]
    lifetime: Days,
    /// Which Microsoft 365 groups: all of the tenant, those that say `expiration: true`, or none.
    groups: Covers,
    /// Who is told about groups without an owner; an empty list for nobody.
    #[schemars(inner(regex(pattern = "@")))]
    notify: Option<Vec<String>>,
}

/// Which Microsoft 365 groups expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Covers {
    /// All of the tenant.
    All,
    /// Those that were added.
    Selected,
    /// None.
    None,
}

/// Returns which groups expire by such a policy; nothing if it says something that is not known.
pub(crate) fn covers(properties: &Properties) -> Option<Covers> {
    match properties.get(GROUPS)?.as_str()? {
        "All" => Some(Covers::All),
        "Selected" => Some(Covers::Selected),
        "None" => Some(Covers::None),
        _ => None,
    }
}

/// Returns addresses in one order and spelling.
fn in_order<'a>(addresses: impl Iterator<Item = &'a str>) -> Value {
    let trimmed = addresses.map(|address| address.trim().to_lowercase());
    let mut addresses: Vec<_> = trimmed.filter(|address| !address.is_empty()).collect();
    addresses.sort();
    match addresses.is_empty() {
        true => Value::Null,
        false => json!(addresses.join(";")),
    }
}

impl Terms for GroupExpiration {
    fn noun(&self) -> &'static str {
        "group expiration"
    }

    fn schema(&self) -> Value {
        of::<Written>()
    }

    fn read(&self, node: &Node, _: &Policy, check: &mut Checker<'_>) -> Vec<Declared> {
        let Some(written) = check.decode::<Written>(node, &[]) else {
            return Vec::new();
        };
        if written.lifetime.0 < SHORTEST {
            check.at(node, "lifetime", "groups live at least 30 days");
        }
        let notify = written.notify.as_deref();
        for (index, address) in notify.into_iter().flatten().enumerate() {
            if !address.contains('@') || address.contains(';') {
                let path = ["notify".into(), index.into()];
                check.path(node, &path, format!("`{address}` is no address"));
            }
        }
        let groups = match written.groups {
            Covers::All => "All",
            Covers::Selected => "Selected",
            Covers::None => "None",
        };
        let mut properties = Properties::from([
            (LIFETIME.to_owned(), json!(written.lifetime.0)),
            (GROUPS.to_owned(), json!(groups)),
        ]);
        if let Some(notify) = notify {
            let notify = in_order(notify.iter().map(String::as_str));
            properties.insert(NOTIFY.to_owned(), notify);
        }
        vec![Declared {
            properties,
            ..Declared::new(ONLY, node, check)
        }]
    }

    fn written(&self, _: &str, properties: &Properties) -> Option<String> {
        let text = |name: &str| properties.get(name).and_then(Value::as_str);
        let lifetime = properties.get(LIFETIME).and_then(Value::as_u64)?;
        let groups = covers(properties).and(text(GROUPS))?.to_lowercase();
        let notify: Vec<_> = text(NOTIFY)
            .into_iter()
            .flat_map(|all| all.split(';'))
            .filter(|address| address.contains('@'))
            .map(scalar)
            .collect();
        let is_taken = (u64::from(SHORTEST)..=3660).contains(&lifetime);
        is_taken.then(|| {
            format!(
                "  lifetime: {}d\n  groups: {groups}\n  notify: [{}]\n",
                lifetime,
                notify.join(", ")
            )
        })
    }

    fn reads(&self) -> Vec<Read> {
        let read = Read::list(PATH, "Directory.Read.All").optional();
        vec![read.about(Topic::TenantPolicies(Section::GroupExpiration))]
    }

    fn reading(&self) -> &'static [&'static str] {
        &["Directory.Read.All"]
    }

    fn writing(&self) -> &'static [&'static str] {
        &["Directory.ReadWrite.All"]
    }

    fn decode(&self, item: &Value) -> Result<Option<(String, Properties)>, DecodeError> {
        let days = item[LIFETIME]
            .as_i64()
            .ok_or(DecodeError::Missing(LIFETIME))?;
        let groups = text(item, GROUPS).ok_or(DecodeError::Missing(GROUPS))?;
        let notify = item[NOTIFY].as_str().unwrap_or_default();
        let properties = Properties::from([
            (LIFETIME.to_owned(), json!(days)),
            (GROUPS.to_owned(), json!(groups)),
            (NOTIFY.to_owned(), in_order(notify.split(';'))),
        ]);
        Ok(Some((ONLY.to_owned(), properties)))
    }

    fn create(&self, _: &str, properties: &Properties) -> Request {
        Request::post(PATH, changed(&Properties::new(), properties))
    }

    fn update(&self, id: &str, before: &Properties, after: &Properties) -> Request {
        Request::patch(format!("{PATH}/{id}"), changed(before, after))
    }

    fn notes(&self, before: Option<&Properties>, after: &Properties) -> Vec<&'static str> {
        let days = |properties: &Properties| properties.get(LIFETIME).and_then(Value::as_i64);
        let then = before.and_then(covers);
        let mut notes = Vec::new();
        if covers(after) == Some(Covers::All) && then != Some(Covers::All) {
            notes.push(
                "every Microsoft 365 group of the tenant expires, also those that no file knows, unless \
                 it is used or renewed",
            );
        }
        if covers(after) == Some(Covers::None) && then.is_some_and(|then| then != Covers::None) {
            notes.push("no group expires any more");
        }
        if before.is_some_and(|before| days(after) < days(before)) {
            notes.push("groups expire earlier than they do now");
        }
        if !notes.is_empty() && covers(after) != Some(Covers::None) {
            notes.push("the oldest within about 35 days; a deleted group can be restored for 30");
        }
        notes
    }

    fn takes(&self, before: Option<&Properties>, after: Option<&Properties>) -> Takes {
        let Some(after) = after else {
            return Takes::Nothing;
        };
        let days = |properties: &Properties| properties.get(LIFETIME).and_then(Value::as_i64);
        let widens =
            covers(after) == Some(Covers::All) && before.and_then(covers) != Some(Covers::All);
        match widens || before.is_some_and(|before| days(after) < days(before)) {
            true => Takes::Something,
            false => Takes::Nothing,
        }
    }

    fn needs(&self, _: &Properties) -> Option<Premium> {
        Some(Premium::P1)
    }
}
