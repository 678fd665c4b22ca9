//! A policy of the tenant: a rule that Microsoft enforces, as far as files manage it. Each section of the
//! files is one file here and one line in `sections!`; everything else knows none of them. What a file
//! does not say stays as it is, and no policy is ever deleted.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Change, Cx, Kind, Stage};
use crate::address::{Address, ObjectId};
use crate::kinds::guest::user::{DecodeError, text};
use crate::load::{Checker, Origin};
use crate::request::{Answer, Read, Request};
use crate::yaml::Node;

mod group_expiration;
mod group_settings;

pub(crate) use group_expiration::{Covers, covers};

/// What files call a policy of which there is only one.
pub const ONLY: &str = "of the tenant";

/// What a policy says, by Graph's names.
pub type Properties = BTreeMap<String, Value>;

/// A policy of the tenant, as far as it is managed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantPolicy {
    /// The section of the files that it stands in.
    pub section: Section,
    /// What files call it; `of the tenant` where there is only one.
    #[serde(rename = "policy")]
    pub name: String,
    /// What it says.
    #[serde(flatten)]
    #[schemars(skip)]
    pub properties: Properties,
}

/// A policy as people wrote it.
#[derive(Clone, Debug)]
pub struct Declared {
    /// What files call it.
    pub name: String,
    /// What it says, of what is managed.
    pub properties: Properties,
    /// Where it stands.
    pub origin: Origin,
}

/// The declared policies, by section.
pub type Policies = BTreeMap<Section, Vec<Declared>>;

/// The policies of a section as the tenant has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// By what files call them.
    pub named: BTreeMap<String, Vec<(ObjectId, Properties)>>,
    /// What a new one says where files say nothing.
    #[serde(default)]
    pub base: Properties,
}

/// What one section must say of itself.
pub(crate) trait Terms: Sync {
    /// Returns what people call its policies: `group expiration`.
    fn noun(&self) -> &'static str;

    /// Returns the JSON Schema of the section.
    fn schema(&self) -> Value;

    /// Reads the section and reports every mistake in it: names, and what each policy says.
    fn read(&self, node: &Node, check: &mut Checker<'_>) -> Vec<(String, Properties)>;

    /// Returns a policy as YAML, as it would stand in the section; none if no file can say it.
    fn written(&self, properties: &Properties) -> Option<String>;

    /// Returns the reads that tell what there is.
    fn reads(&self) -> Vec<Read>;

    /// Returns the least application permissions of those reads.
    fn reading(&self) -> &'static [&'static str];

    /// Returns the least application permissions that create and change one.
    fn writing(&self) -> &'static [&'static str];

    /// Takes in an answer to one of the reads.
    fn take_in(&self, _: &Read, items: &[Value], seen: &mut Seen) -> Result<(), DecodeError> {
        for item in items {
            if let Some((name, properties)) = self.decode(item)? {
                let id = text(item, "id").ok_or(DecodeError::NoId)?;
                seen.named.entry(name).or_default().push((id, properties));
            }
        }
        Ok(())
    }

    /// Reads a policy out of a reply; none if the item is something else.
    fn decode(&self, item: &Value) -> Result<Option<(String, Properties)>, DecodeError>;

    /// Returns the request that creates one.
    fn create(&self, properties: &Properties) -> Request;

    /// Returns the request that changes one.
    fn update(&self, id: &str, before: &Properties, after: &Properties) -> Request;

    /// Returns what people should know about such a change; nothing is before a creation.
    fn notes(&self, before: Option<&Properties>, after: &Properties) -> Vec<&'static str>;

    /// Returns what such a change takes from people.
    fn takes(&self, _: Option<&Properties>, _: &Properties) -> Takes {
        Takes::Nothing
    }

    /// Returns the licence that such a policy needs, if any.
    fn needs(&self, _: &Properties) -> Option<Premium> {
        None
    }
}

/// What a change of a policy takes from people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing.
    Nothing,
    /// Something, and nobody can say from whom.
    Something,
    /// Something from every guest.
    FromGuests,
}

/// A licence of Microsoft Entra ID for the whole tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Premium {
    /// P1, or anything that has it in it.
    P1,
}

impl Premium {
    /// Returns what people call it.
    pub fn called(self) -> &'static str {
        match self {
            Self::P1 => "Microsoft Entra ID P1",
        }
    }

    /// Returns the service plans of which one is enough.
    /// Source: "Product names and service plan identifiers for licensing", Microsoft Entra ID.
    pub(crate) fn plans(self) -> &'static [&'static str] {
        match self {
            Self::P1 => &["AAD_PREMIUM", "AAD_PREMIUM_P2"],
        }
    }
}

/// Writes the list of sections.
macro_rules! sections {
    ($($(#[$doc:meta])* $section:ident($key:literal) = $terms:expr;)*) => {
        /// A section of the files that holds policies of the tenant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub enum Section {
            $($(#[$doc])* $section,)*
        }

        impl Section {
            /// Every section.
            pub const ALL: &'static [Self] = &[$(Self::$section,)*];

            /// Returns the key in files, which is also the word in addresses.
            pub fn key(self) -> &'static str {
                match self { $(Self::$section => $key,)* }
            }

            pub(crate) fn terms(self) -> &'static dyn Terms {
                match self { $(Self::$section => &$terms,)* }
            }
        }
    };
}

sections! {
    /// After how long Microsoft 365 groups that nobody uses are deleted.
    GroupExpiration("groupExpiration") = group_expiration::GroupExpiration;
    /// What Microsoft 365 groups allow guests.
    GroupSettings("groupSettings") = group_settings::GroupSettings;
}

impl Section {
    /// Returns the section of that key.
    pub fn of(key: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|section| section.key() == key)
    }

    /// Returns the address of a policy.
    pub fn address(self, name: &str) -> Address {
        Address::new(self.key(), name)
    }

    /// Reads the section.
    pub(crate) fn read(self, node: &Node, check: &mut Checker<'_>) -> Vec<Declared> {
        let origin = check.origin(node.place);
        let read = self.terms().read(node, check).into_iter();
        let declared = |(name, properties)| Declared {
            name,
            properties,
            origin: origin.clone(),
        };
        read.map(declared).collect()
    }
}

impl TenantPolicy {
    /// Returns whether answers to [`Kind::lookups`] show the policy as it is here.
    pub fn is_as_seen(&self, answers: &[(Read, Answer)]) -> bool {
        let mut seen = Seen::default();
        for (read, answer) in answers {
            let Answer::Items(items) = answer else {
                return false;
            };
            if self
                .section
                .terms()
                .take_in(read, items, &mut seen)
                .is_err()
            {
                return false;
            }
        }
        let seen = seen.named.get(&self.name).map_or(&[][..], Vec::as_slice);
        matches!(seen, [(_, properties)] if *properties == self.properties)
    }
}

impl Kind for TenantPolicy {
    const NAME: &'static str = "tenantPolicy";

    fn address(&self) -> Address {
        self.section.address(&self.name)
    }

    fn refs(&self) -> Vec<Address> {
        Vec::new()
    }

    fn guest(&self) -> Option<&str> {
        None
    }

    fn over(&self, observed: &Self) -> Self {
        let mut properties = observed.properties.clone();
        properties.extend(self.properties.clone());
        Self {
            properties,
            ..self.clone()
        }
    }

    fn stage(_: &Change<&Self>) -> Stage {
        Stage::Govern
    }

    fn permissions(change: &Change<&Self>) -> Vec<&'static str> {
        change.object().section.terms().writing().to_vec()
    }

    fn writes(change: &Change<&Self>, cx: &Cx<'_>) -> Vec<Request> {
        let address = change.object().address();
        let request = match change {
            Change::Create { after } => {
                let request = after.section.terms().create(&after.properties);
                Some(request.binding(address, "/id"))
            }
            Change::Update { before, after } => {
                let terms = after.section.terms();
                let id = cx.ids.get(&address);
                id.map(|id| terms.update(id, &before.properties, &after.properties))
            }
            // Others live by it, too: none is ever deleted.
            Change::Delete { .. } | Change::Act { .. } => None,
        };
        request.into_iter().collect()
    }

    fn lookups(&self) -> Vec<Read> {
        self.section.terms().reads()
    }

    fn found(&self, item: &Value) -> Option<ObjectId> {
        let (name, _) = self.section.terms().decode(item).ok()??;
        (name == self.name).then(|| text(item, "id")).flatten()
    }
}

/// Returns the properties that differ.
fn changed(before: &Properties, after: &Properties) -> Value {
    let changed = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value));
    changed
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
