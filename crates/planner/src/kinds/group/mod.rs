//! A group: what of it we manage, and which requests read and change it. `written` is what people
//! write about groups, `seen` what the tenant says of them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Change, Cx, Kind, Stage};
use crate::address::{Address, ObjectId};
use crate::request::{Read, Request};

pub mod options;
pub mod seen;
pub mod written;

pub use options::Has;

/// The most owners that travel in a creation. Source: "Create group", Graph v1.0.
const BOUND_OWNERS: usize = 20;

/// The two types of group that Graph can write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Type {
    /// A security group.
    #[default]
    Security,
    /// A Microsoft 365 group.
    Microsoft365,
}

/// A group, as far as it is managed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The name by which files refer to it.
    #[serde(rename = "group")]
    pub name: String,
    /// Its type; fixed once it exists.
    #[serde(rename = "type")]
    pub group_type: Type,
    /// What it has besides its members.
    #[serde(flatten)]
    pub has: Has,
    /// Properties by Graph's names (`displayName`, `description`, `membershipRule`); `None` is empty.
    #[serde(flatten)]
    #[schemars(skip)]
    pub properties: BTreeMap<String, Option<String>>,
    /// Users and groups that own it, by the names that files give them.
    pub owners: Option<BTreeSet<String>>,
    /// What marks a group of ours: its `uniqueName`, or the end of its description.
    pub mark: Option<Mark>,
}

/// Where it says that we made the group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mark {
    /// In `uniqueName`.
    UniqueName(String),
    /// At the end of the description, where the tenant refused a `uniqueName`.
    Description(String),
}

/// Returns what marks the group `name` of the repository `owner`: its `uniqueName`.
pub fn mark(owner: &str, name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.chars().all(plain) && name.len() <= 64 {
        return format!("guestlist-{owner}-{name}");
    }
    // Two names must not share a mark because both lose the same characters.
    let slug: String = name.chars().filter(|c| plain(*c)).take(40).collect();
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("guestlist-{owner}-{slug}-{hash:016x}")
}

impl Group {
    /// Returns the rule that its members follow, if there is one.
    pub fn rule(&self) -> Option<&str> {
        self.properties.get("membershipRule")?.as_deref()
    }

    /// Returns the group without what it has besides its members.
    fn gives_more_than(&self, before: &Self) -> bool {
        let licenses = |group: &Self| group.has.licenses.clone().unwrap_or_default();
        let had = licenses(before);
        let mut has = licenses(self).into_keys();
        self.rule() != before.rule() || has.any(|name| !had.contains_key(&name))
    }

    fn without_has(&self) -> Self {
        Self {
            has: Has::default(),
            ..self.clone()
        }
    }

    fn description(&self) -> Option<String> {
        let text = self.properties.get("description").cloned().flatten();
        match &self.mark {
            Some(Mark::Description(mark)) => Some(seen::marked_description(text.as_deref(), mark)),
            _ => text,
        }
    }

    fn display_name(&self) -> &str {
        let name = self
            .properties
            .get("displayName")
            .and_then(Option::as_deref);
        name.unwrap_or(&self.name)
    }

    fn body(&self, cx: &Cx<'_>) -> Map<String, Value> {
        let unified = self.group_type == Type::Microsoft365;
        let rule = self.rule();
        let nickname = self
            .properties
            .get("mailNickname")
            .cloned()
            .flatten()
            .unwrap_or_else(|| nickname(&self.name));
        let mut types = Vec::new();
        types.extend(unified.then_some("Unified"));
        types.extend(rule.is_some().then_some("DynamicMembership"));
        let mut body = Map::new();
        body.insert("displayName".into(), json!(self.display_name()));
        if let Some(text) = self.description() {
            body.insert("description".into(), json!(text));
        }
        body.insert("mailEnabled".into(), json!(unified));
        body.insert("mailNickname".into(), json!(nickname));
        body.insert("securityEnabled".into(), json!(!unified));
        if unified {
            // Graph would make it public. Source: "group resource type", Graph v1.0.
            body.insert("visibility".into(), json!("Private"));
        }
        body.insert("groupTypes".into(), json!(types));
        if let Some(rule) = rule {
            body.insert("membershipRule".into(), json!(rule));
            body.insert("membershipRuleProcessingState".into(), json!("On"));
        }
        let owners: Vec<_> = self
            .owners
            .iter()
            .flatten()
            .take(BOUND_OWNERS)
            .filter_map(|owner| reference(owner, cx))
            .collect();
        if !owners.is_empty() {
            body.insert("owners@odata.bind".into(), json!(owners));
        }
        body
    }

    /// Returns the creation. A `uniqueName` makes it safe to repeat: a second one is refused. Where
    /// the tenant refuses the property itself, the mark goes into the description.
    fn create(&self, cx: &Cx<'_>) -> Request {
        let bind =
            |body| Request::post("/groups", Value::Object(body)).binding(self.address(), "/id");
        let Some(Mark::UniqueName(mark)) = &self.mark else {
            return bind(self.body(cx));
        };
        let mut named = self.body(cx);
        named.insert("uniqueName".into(), json!(mark));
        let described = Self {
            mark: Some(Mark::Description(mark.clone())),
            ..self.clone()
        };
        bind(named).or("uniqueName", bind(described.body(cx)))
    }

    fn update(&self, before: &Self, cx: &Cx<'_>) -> Vec<Request> {
        let Some(id) = cx.ids.get(&self.address()) else {
            return Vec::new();
        };
        let path = format!("/groups/{id}");
        let mut body = Map::new();
        for (name, value) in &self.properties {
            if before.properties.get(name) != Some(value) {
                let value = if name == "description" {
                    self.description()
                } else {
                    value.clone()
                };
                body.insert(name.clone(), json!(value));
            }
        }
        let mut requests = Vec::new();
        if !body.is_empty() {
            requests.push(Request::patch(path.clone(), Value::Object(body)));
        }
        requests.extend(self.has.writes(&before.has, &self.name, id, cx));
        let (Some(now), Some(then)) = (&self.owners, &before.owners) else {
            return requests;
        };
        // The next owner first: a Microsoft 365 group must never be without one.
        let added = now
            .difference(then)
            .filter_map(|owner| reference(owner, cx));
        requests.extend(added.map(|reference| Request::link(&path, "owners", reference)));
        let removed = then
            .difference(now)
            .filter_map(|owner| cx.ids.get(&Address::principal(owner)));
        requests.extend(removed.map(|id| Request::unlink(&path, "owners", id)));
        requests
    }
}

fn reference(owner: &str, cx: &Cx<'_>) -> Option<String> {
    cx.ids
        .get(&Address::principal(owner))
        .map(|id| format!("/users/{id}"))
}

/// Returns a mail nickname for a group that was not given one.
fn nickname(name: &str) -> String {
    let plain: String = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .take(64)
        .collect();
    if plain.is_empty() {
        "group".to_owned()
    } else {
        plain
    }
}

impl Kind for Group {
    const NAME: &'static str = "group";

    fn address(&self) -> Address {
        Address::group(&self.name)
    }

    fn refs(&self) -> Vec<Address> {
        let owners = self.owners.iter().flatten();
        let owners = owners.map(|owner| Address::principal(owner));
        owners.chain(self.has.refs()).collect()
    }

    fn guest(&self) -> Option<&str> {
        None
    }

    fn over(&self, observed: &Self) -> Self {
        let mut properties = observed.properties.clone();
        properties.extend(self.properties.clone());
        Self {
            name: self.name.clone(),
            group_type: observed.group_type,
            properties,
            owners: self.owners.clone().or_else(|| observed.owners.clone()),
            has: self.has.over(&observed.has),
            mark: observed.mark.clone(),
        }
    }

    /// Another rule, or a licence more, gives access: it waits for the guards as all that does. A new group
    /// comes first, since guards refer to it.
    fn stage(change: &Change<&Self>) -> Stage {
        match change {
            Change::Update { before, after } if after.gives_more_than(before) => Stage::Grant,
            _ => Stage::Hold,
        }
    }

    fn permissions(change: &Change<&Self>) -> Vec<&'static str> {
        let (before, after, base) = match change {
            Change::Create { after } => (None, after, Some("Group.Create")),
            Change::Update { before, after } => {
                let itself = before.without_has() != after.without_has();
                (
                    Some(*before),
                    after,
                    itself.then_some("Group.ReadWrite.All"),
                )
            }
            Change::Delete { before } | Change::Act { before, .. } => (Some(*before), before, None),
        };
        let has = after.has.permissions(before.map(|before| &before.has));
        base.into_iter().chain(has).collect()
    }

    fn writes(change: &Change<&Self>, cx: &Cx<'_>) -> Vec<Request> {
        match change {
            Change::Create { after } => {
                let unbound = after
                    .owners
                    .iter()
                    .flatten()
                    .skip(BOUND_OWNERS)
                    .filter_map(|owner| reference(owner, cx));
                let id = cx.ids.get(&after.address());
                let path = id.map(|id| format!("/groups/{id}"));
                let has = id.map(|id| after.has.writes(&Has::default(), &after.name, id, cx));
                let links = path.iter().flat_map(|path| {
                    unbound
                        .clone()
                        .map(move |reference| Request::link(path, "owners", reference))
                });
                let has = has.into_iter().flatten();
                std::iter::once(after.create(cx))
                    .chain(links)
                    .chain(has)
                    .collect()
            }
            Change::Update { before, after } => after.update(before, cx),
            // A group holds other people's access too: we never delete one.
            Change::Delete { .. } | Change::Act { .. } => Vec::new(),
        }
    }

    fn lookups(&self) -> Vec<Read> {
        vec![seen::named(&[self.display_name()])]
    }

    /// Only our mark tells: display names are not unique.
    fn found(&self, item: &Value) -> Option<ObjectId> {
        let mark = match self.mark.as_ref()? {
            Mark::UniqueName(mark) | Mark::Description(mark) => mark,
        };
        let seen = seen::SeenGroup::decode(item).ok()?;
        let marks = [&seen.unique_name, &seen.described_as];
        marks
            .into_iter()
            .flatten()
            .any(|found| found == mark)
            .then_some(seen.id)
    }
}
