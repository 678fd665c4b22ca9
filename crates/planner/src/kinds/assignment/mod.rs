//! What a guest is given besides memberships: directory roles and their like. Each sort is one file
//! here and one line in `sorts!`; whoever plans, reads or shows them knows no sort.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Change, Cx, Kind, Stage};
use crate::address::{Address, ObjectId};
use crate::kinds::guest::granted::WrittenGrant;
use crate::kinds::guest::user::DecodeError;
use crate::load::Checker;
use crate::policy::Policy;
use crate::request::{Read, Request};
use crate::time::Until;
use crate::yaml::{Node, node as yaml, scalar};

pub mod administrative_unit;
pub mod app_role;
pub mod directory_role;
pub mod license;
pub mod written;

/// Something that a guest holds, or is to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assignment {
    /// What sort of thing it is.
    pub sort: Sort,
    /// What is held, as files name it: `Directory Readers`.
    pub to: String,
    /// Graph's id of what is held: whoever approves a name approves what had it then.
    pub id: String,
    /// The guest, by key.
    pub guest: String,
}

/// What a sort says of itself.
pub(crate) trait Rules: Sync {
    /// Returns what people call one: `directory role`.
    fn noun(&self) -> &'static str;

    /// Returns the key in a guest's entry that lists them: `directoryRoles`.
    fn key(&self) -> &'static str;

    /// Returns what people call all of them: `directory roles of guests`.
    fn of_guests(&self) -> &'static str;

    /// Returns the least application permissions that read them.
    fn reading(&self) -> &'static [&'static str];

    /// Returns the least application permissions that give and take them, besides.
    fn writing(&self) -> &'static [&'static str];

    /// Returns the JSON Schema of an item of that list.
    fn schema(&self) -> Value {
        json!({ "$ref": "#/$defs/Grant" })
    }

    /// Returns what an item of that list names, if it can be read.
    fn named(&self, item: &Node) -> Option<String> {
        match &item.get("name").unwrap_or(item).value {
            yaml::Value::Text(name) => Some(name.clone()),
            _ => None,
        }
    }

    /// Reads the list and reports every mistake in it: names, and when each ends.
    fn read(&self, list: &Node, check: &mut Checker<'_>) -> Option<Vec<(String, Option<Until>)>> {
        let items: Vec<WrittenGrant> = check.decode(list, &[])?;
        let items = items.into_iter();
        Some(items.map(|item| (item.name, item.expires)).collect())
    }

    /// Returns an item of that list as YAML, in one line.
    fn written(&self, to: &str, _: &Policy) -> String {
        scalar(to)
    }

    /// Returns why files must not give this to a guest, if so.
    fn refusal(&self, to: &str, policy: &Policy) -> Option<String>;

    /// Returns what the rules of the repository name of it, where only that is looked at.
    fn allowed(&self, _: &Policy) -> Vec<String> {
        Vec::new()
    }

    /// Returns whether this repository gives and takes this.
    fn is_managed(&self, to: &str, uses: bool, policy: &Policy) -> bool;

    /// Returns the reads that tell what there is, and who holds it; also those that follow from what was
    /// read already.
    fn reads(&self, policy: &Policy, held: &Held) -> Vec<Read>;

    /// Returns whether reads follow from answers.
    fn leads_on(&self) -> bool {
        false
    }

    /// Returns whether it is power in the directory: that goes before sign-in is blocked, because Graph
    /// may refuse to disable whoever has some.
    /// Source: "Sensitive actions", user resource type, Graph v1.0.
    fn is_power(&self) -> bool {
        false
    }

    /// Takes in an answer to one of them.
    fn take_in(&self, read: &Read, items: &[Value], held: &mut Held) -> Result<(), DecodeError>;

    /// Returns the request that gives `to` to a user; both are ids.
    fn give(&self, user: &str, to: &str) -> Request;

    /// Returns the request that takes it from a user, by the id of the assignment.
    fn take(&self, user: &str, assignment: &str) -> Request;

    /// Returns whether somebody who holds it that way holds it as a file means it.
    fn suffices(&self, edge: &Edge) -> bool {
        edge.fixed.is_none()
    }

    /// Returns the property that a guest must have before, if any.
    fn needs(&self) -> Option<&'static str> {
        None
    }
}

/// Writes the list of sorts.
macro_rules! sorts {
    ($($(#[$doc:meta])* $sort:ident($name:literal) = $rules:expr;)*) => {
        /// A sort of thing that guests hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub enum Sort {
            $($(#[$doc])* $sort,)*
        }

        impl Sort {
            /// Every sort.
            pub const ALL: &'static [Self] = &[$(Self::$sort,)*];

            /// Returns the word in addresses.
            pub fn name(self) -> &'static str {
                match self { $(Self::$sort => $name,)* }
            }

            pub(crate) fn rules(self) -> &'static dyn Rules {
                match self { $(Self::$sort => &$rules,)* }
            }
        }
    };
}

sorts! {
    /// A built-in directory role, for the whole tenant.
    DirectoryRole("directoryRole") = directory_role::DirectoryRole;
    /// A role in an enterprise application.
    AppRole("appRole") = app_role::AppRole;
    /// A licence of the tenant.
    License("license") = license::License;
    /// An administrative unit of the tenant.
    AdministrativeUnit("administrativeUnit") = administrative_unit::AdministrativeUnit;
}

/// What there is of one sort, and who holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What files call it, by id.
    pub names: BTreeMap<String, String>,
    /// Of how many one can still be given, by id, where they are counted.
    #[serde(default)]
    pub room: BTreeMap<String, i64>,
    /// What can be neither given nor taken, by id, and why.
    #[serde(default)]
    pub closed: BTreeMap<String, String>,
    /// What cannot be given any more, by id, and why.
    #[serde(default)]
    pub retired: BTreeMap<String, String>,
    /// Who holds what, by the id of the user, or of any other principal.
    pub holders: BTreeMap<ObjectId, BTreeSet<Edge>>,
}

/// That somebody holds something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edge {
    /// What, by id.
    pub to: String,
    /// The id of the assignment.
    pub id: ObjectId,
    /// Why it cannot be taken from the holder by itself, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
    /// What keeps it from being in effect, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaw: Option<String>,
}

impl Held {
    /// Returns what files call something; its id if they cannot call it anything.
    pub fn name<'a>(&'a self, to: &'a str) -> &'a str {
        self.names.get(to).map_or(to, String::as_str)
    }

    /// Returns the ids of everything that files would mean by a name.
    pub(crate) fn meant(&self, name: &str) -> Vec<&str> {
        let meant = self.names.iter().filter(|(_, known)| *known == name);
        meant.map(|(id, _)| id.as_str()).collect()
    }

    /// Returns what somebody holds.
    pub fn of(&self, holder: &str) -> impl Iterator<Item = &Edge> {
        self.holders.get(holder).into_iter().flatten()
    }

    /// Returns every holder and what is held, by ids.
    pub fn pairs(&self) -> BTreeSet<(&str, &str)> {
        let holders = self.holders.iter();
        holders
            .flat_map(|(holder, edges)| {
                edges
                    .iter()
                    .map(move |edge| (holder.as_str(), edge.to.as_str()))
            })
            .collect()
    }
}

impl Sort {
    /// Takes in an answer to one of the reads of the sort.
    pub fn take_in(self, read: &Read, items: &[Value], held: &mut Held) -> Result<(), DecodeError> {
        self.rules().take_in(read, items, held)
    }

    /// Returns what people call one: `directory role`.
    pub fn noun(self) -> &'static str {
        self.rules().noun()
    }

    /// Returns what people call one of them: `directory role Directory Readers`.
    pub fn called(self, to: &str) -> String {
        format!("{} {to}", self.noun())
    }
}

impl Assignment {
    /// Returns whether it is power in the directory.
    pub(crate) fn is_power(&self) -> bool {
        self.sort.rules().is_power()
    }
}

impl Kind for Assignment {
    const NAME: &'static str = "assignment";

    fn address(&self) -> Address {
        Address::new(self.sort.name(), format!("{} / {}", self.to, self.guest))
    }

    fn refs(&self) -> Vec<Address> {
        vec![Address::guest(&self.guest)]
    }

    fn guest(&self) -> Option<&str> {
        Some(&self.guest)
    }

    fn over(&self, _: &Self) -> Self {
        self.clone()
    }

    fn stage(change: &Change<&Self>) -> Stage {
        match change {
            Change::Delete { before } if before.is_power() => Stage::Block,
            Change::Delete { .. } => Stage::Strip,
            _ => Stage::Grant,
        }
    }

    fn permissions(change: &Change<&Self>) -> Vec<&'static str> {
        change.object().sort.rules().writing().to_vec()
    }

    fn writes(change: &Change<&Self>, cx: &Cx<'_>) -> Vec<Request> {
        let this = change.object();
        let rules = this.sort.rules();
        let user = cx.ids.get(&Address::guest(&this.guest));
        let request = user.and_then(|user| match change {
            Change::Delete { .. } => cx.ids.get(&this.address()).map(|id| rules.take(user, id)),
            _ => Some(rules.give(user, &this.id)),
        });
        request.into_iter().collect()
    }
}
