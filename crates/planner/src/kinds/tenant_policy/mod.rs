//! A policy of the tenant: a rule that Microsoft enforces, as far as files manage it. Each section of the
//! files is one file here and one line in `sections!`; everything else knows none of them. What a file
//! does not say stays as it is. What is ours says so, and only that is ever deleted.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Change, Cx, Kind, Stage};
use crate::address::{Address, Ids, ObjectId};
use crate::kinds::guest::user::DecodeError;
use crate::load::{Checker, Origin};
use crate::policy::Policy;
use crate::request::{Answer, Read, Request};
use crate::yaml::Node;

mod conditional_access;
mod cross_tenant_access;
mod external_collaboration;
mod flat;
mod group_expiration;
mod group_settings;
mod named_locations;
mod reference;

pub(crate) use conditional_access::{excluded, policy_of};
pub(crate) use group_expiration::{Covers, covers};
pub use reference::Referred;
pub(crate) use reference::is_id;

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
    /// Ids that only the files know, by name.
    pub ids: BTreeMap<(Referred, String), ObjectId>,
    /// Where it stands.
    pub origin: Origin,
}

impl Declared {
    /// Returns a policy that stands at a node and says nothing yet.
    fn new(name: impl Into<String>, node: &Node, check: &Checker<'_>) -> Self {
        Self {
            name: name.into(),
            properties: Properties::new(),
            ids: BTreeMap::new(),
            origin: check.origin(node.place),
        }
    }

    /// Returns the one policy of a section, if the section says something of it.
    fn only(properties: Properties, node: &Node, check: &Checker<'_>) -> Vec<Self> {
        let one = Self {
            properties,
            ..Self::new(ONLY, node, check)
        };
        let says_something = !one.properties.is_empty();
        says_something.then_some(one).into_iter().collect()
    }
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

    /// Returns whether the section lists policies, each with a name.
    fn is_list(&self) -> bool {
        false
    }

    /// Returns whether Graph offers it only in beta: then nothing is read unless files declare it.
    fn is_beta(&self) -> bool {
        false
    }

    /// Returns whether every tenant has a policy of this name, so that nobody need have made it.
    fn is_always_there(&self, _: &str) -> bool {
        false
    }

    /// Reads the section, beside the rules of the repository, and reports every mistake in it.
    fn read(&self, node: &Node, policy: &Policy, check: &mut Checker<'_>) -> Vec<Declared>;

    /// Returns a policy as YAML, as it would stand in the section; none if no file can say it, or it is
    /// no concern of guests.
    fn written(&self, name: &str, properties: &Properties) -> Option<String>;

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
                let id = self.id(item).ok_or(DecodeError::NoId)?;
                seen.named.entry(name).or_default().push((id, properties));
            }
        }
        Ok(())
    }

    /// Returns where an item says by what it is known.
    fn pointer(&self) -> &'static str {
        "/id"
    }

    /// Returns by what an item is known.
    fn id(&self, item: &Value) -> Option<String> {
        let id = item.pointer(self.pointer()).and_then(Value::as_str);
        id.map(str::to_owned)
    }

    /// Reads a policy out of a reply; none if the item is something else.
    fn decode(&self, item: &Value) -> Result<Option<(String, Properties)>, DecodeError>;

    /// Returns a policy as it will be: what is declared in the place of what is there.
    fn over(&self, observed: &Properties, declared: &Properties) -> Properties {
        let mut properties = observed.clone();
        properties.extend(declared.clone());
        properties
    }

    /// Returns a policy with another text for each reference: its name for its id, or the reverse.
    fn renamed(&self, properties: &Properties, _: &mut Rename<'_>) -> Properties {
        properties.clone()
    }

    /// Returns the request that creates one. References are ids.
    fn create(&self, name: &str, properties: &Properties) -> Request;

    /// Returns the request that changes one. References are ids.
    fn update(&self, id: &str, before: &Properties, after: &Properties) -> Request;

    /// Returns the request that deletes one; none if none is ever deleted.
    fn delete(&self, _: &str) -> Option<Request> {
        None
    }

    /// Returns what a new one says so that it is known to be ours.
    fn mark(&self, _: &str) -> Properties {
        Properties::new()
    }

    /// Returns the place of a change in a plan; nothing is before a creation, and after a deletion.
    fn stage(&self, _: Option<&Properties>, _: Option<&Properties>) -> Stage {
        Stage::Govern
    }

    /// Returns why a policy cannot become another, if so.
    fn refusal(&self, _: &Properties, _: &Properties) -> Option<String> {
        None
    }

    /// Returns whether such a policy protects accounts: whoever it is for gets no access without it.
    fn protects(&self, _: &Properties) -> bool {
        false
    }

    /// Returns what people should know about such a change; nothing is before a creation.
    fn notes(&self, before: Option<&Properties>, after: &Properties) -> Vec<&'static str>;

    /// Returns what such a change takes from people; nothing is before a creation, and after a deletion.
    fn takes(&self, _: Option<&Properties>, _: Option<&Properties>) -> Takes {
        Takes::Nothing
    }

    /// Returns the licence that such a policy needs, if any.
    fn needs(&self, _: &Properties) -> Option<Premium> {
        None
    }
}

/// Returns another text for a reference: its name for its id, or the reverse.
pub(crate) type Rename<'a> = dyn FnMut(Referred, &str) -> String + 'a;

/// What a change of a policy takes from people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing.
    Nothing,
    /// Something, and nobody can say from whom.
    Something,
    /// Something from every guest.
    FromGuests,
    /// The way in of every guest who signs in with a passcode by mail.
    FromPasscodes,
    /// Protection.
    Protection,
}

/// A licence of Microsoft Entra ID for the whole tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Premium {
    /// P1, or anything that has it in it.
    P1,
    /// P2.
    P2,
}

impl Premium {
    /// Returns what people call it.
    pub fn called(self) -> &'static str {
        match self {
            Self::P1 => "Microsoft Entra ID P1",
            Self::P2 => "Microsoft Entra ID P2",
        }
    }

    /// Returns the service plans of which one is enough.
    /// Source: "Product names and service plan identifiers for licensing", Microsoft Entra ID.
    pub(crate) fn plans(self) -> &'static [&'static str] {
        match self {
            Self::P1 => &["AAD_PREMIUM", "AAD_PREMIUM_P2"],
            Self::P2 => &["AAD_PREMIUM_P2"],
        }
    }
}

/// Writes the list of sections.
macro_rules! sections {
    ($($(#[$doc:meta])* $section:ident($key:literal, $word:literal) = $terms:expr;)*) => {
        /// A section of the files that holds policies of the tenant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub enum Section {
            $($(#[$doc])* $section,)*
        }

        impl Section {
            /// Every section.
            pub const ALL: &'static [Self] = &[$(Self::$section,)*];

            /// Returns the key in files.
            pub fn key(self) -> &'static str {
                match self { $(Self::$section => $key,)* }
            }

            /// Returns the word in addresses.
            fn word(self) -> &'static str {
                match self { $(Self::$section => $word,)* }
            }

            pub(crate) fn terms(self) -> &'static dyn Terms {
                match self { $(Self::$section => &$terms,)* }
            }
        }
    };
}

sections! {
    /// After how long Microsoft 365 groups that nobody uses are deleted.
    GroupExpiration("groupExpiration", "groupExpiration") = group_expiration::GroupExpiration;
    /// What Microsoft 365 groups allow guests.
    GroupSettings("groupSettings", "groupSettings") = group_settings::GroupSettings;
    /// Who may invite guests, and what guests see.
    ExternalCollaboration("externalCollaboration", "externalCollaboration") = external_collaboration::ExternalCollaboration;
    /// Whether guests may leave by themselves.
    ExternalIdentities("externalCollaboration", "externalIdentities") = external_collaboration::leaving::ExternalIdentities;
    /// From where guests may be invited.
    InvitationDomains("externalCollaboration", "invitationDomains") = external_collaboration::domains::InvitationDomains;
    /// Whether guests may sign in with a passcode by mail.
    OneTimePasscode("externalCollaboration", "oneTimePasscode") = external_collaboration::passcode::OneTimePasscode;
    /// With what else guests may sign in.
    IdentityProviders("externalCollaboration", "identityProviders") = external_collaboration::providers::IdentityProviders;
    /// What holds between this tenant and others.
    CrossTenantAccess("crossTenantAccess", "crossTenantAccess") = cross_tenant_access::CrossTenantAccess;
    /// Places that conditional access knows.
    NamedLocations("namedLocations", "namedLocation") = named_locations::NamedLocations;
    /// What conditional access asks of guests.
    ConditionalAccess("conditionalAccess", "conditionalAccess") = conditional_access::ConditionalAccess;
}

impl Section {
    /// Returns the section of that key; where several share it, the first.
    pub fn of(key: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|section| section.key() == key)
    }

    /// Returns what messages call it: its key, and what of the key is meant where others share it.
    pub(crate) fn called(self) -> String {
        let mut others = Self::ALL.iter().filter(|other| other.key() == self.key());
        match others.nth(1) {
            None => format!("`{}`", self.key()),
            Some(_) => format!("`{}`, {}", self.key(), self.terms().noun()),
        }
    }

    /// Returns the sections that are read although no file declares them.
    pub(crate) fn always() -> impl Iterator<Item = Self> {
        let all = Self::ALL.iter().copied();
        all.filter(|section| !section.terms().is_beta())
    }

    /// Returns the address of a policy.
    pub fn address(self, name: &str) -> Address {
        Address::new(self.word(), name)
    }

    /// Returns what a policy refers to, as it says it.
    pub(crate) fn referred(self, properties: &Properties) -> Vec<(Referred, String)> {
        let mut referred = Vec::new();
        self.terms().renamed(properties, &mut |sort, text| {
            referred.push((sort, text.to_owned()));
            text.to_owned()
        });
        referred
    }

    /// Reads a section that lists policies, item by item. No two may have the same name, which stands at `key`.
    fn read_list(
        check: &mut Checker<'_>,
        node: &Node,
        key: &str,
        read: impl Fn(&Node, &mut Checker<'_>) -> Option<Declared>,
    ) -> Vec<Declared> {
        let mut all: Vec<Declared> = Vec::new();
        for item in node.items() {
            let Some(declared) = read(item, check) else {
                continue;
            };
            let mut others = all.iter();
            match others.find(|other| other.name.eq_ignore_ascii_case(&declared.name)) {
                Some(first) => {
                    let text = format!(
                        "`{}` is declared twice\nhint: it is also declared at {}",
                        declared.name, first.origin
                    );
                    check.at(item, key, text);
                }
                None => all.push(declared),
            }
        }
        all
    }
}

impl TenantPolicy {
    /// Returns what it says with ids for the names of what it refers to; none if one is not known yet.
    pub(crate) fn by_id(&self, ids: &Ids) -> Option<Properties> {
        by_id(self.section, &self.properties, ids)
    }

    /// Returns whether answers to [`Kind::lookups`] show the policy as it is here.
    pub fn is_as_seen(&self, answers: &[(Read, Answer)], ids: &Ids) -> bool {
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
        matches!(seen, [(_, properties)] if Some(properties) == self.by_id(ids).as_ref())
    }

    /// Returns whether the policy protects accounts.
    pub fn protects(&self) -> bool {
        self.section.terms().protects(&self.properties)
    }
}

fn by_id(section: Section, properties: &Properties, ids: &Ids) -> Option<Properties> {
    let mut known = true;
    let renamed = section
        .terms()
        .renamed(properties, &mut |sort, name| match sort.id(name, ids) {
            Some(id) => id,
            None => {
                known = false;
                name.to_owned()
            }
        });
    known.then_some(renamed)
}

impl Kind for TenantPolicy {
    const NAME: &'static str = "tenantPolicy";

    fn address(&self) -> Address {
        self.section.address(&self.name)
    }

    fn refs(&self) -> Vec<Address> {
        let referred = self.section.referred(&self.properties).into_iter();
        let named = referred.filter(|(sort, name)| !sort.is_literal(name));
        named.map(|(sort, name)| sort.address(&name)).collect()
    }

    fn guest(&self) -> Option<&str> {
        None
    }

    fn over(&self, observed: &Self) -> Self {
        let terms = self.section.terms();
        Self {
            properties: terms.over(&observed.properties, &self.properties),
            ..self.clone()
        }
    }

    fn stage(change: &Change<&Self>) -> Stage {
        let before = change.before().map(|policy| &policy.properties);
        let policy = change.object();
        let after = (!matches!(change, Change::Delete { .. })).then_some(&policy.properties);
        policy.section.terms().stage(before, after)
    }

    fn permissions(change: &Change<&Self>) -> Vec<&'static str> {
        change.object().section.terms().writing().to_vec()
    }

    fn writes(change: &Change<&Self>, cx: &Cx<'_>) -> Vec<Request> {
        let address = change.object().address();
        let request = match change {
            Change::Create { after } => {
                let properties = after.by_id(cx.ids);
                let terms = after.section.terms();
                let create = |said| terms.create(&after.name, &said);
                properties.map(|said| create(said).binding(address, terms.pointer()))
            }
            Change::Update { before, after } => {
                let known = (
                    cx.ids.get(&address),
                    before.by_id(cx.ids),
                    after.by_id(cx.ids),
                );
                match known {
                    (Some(id), Some(before), Some(said)) => {
                        Some(after.section.terms().update(id, &before, &said))
                    }
                    _ => None,
                }
            }
            Change::Delete { before } => {
                let id = cx.ids.get(&address);
                id.and_then(|id| before.section.terms().delete(id))
            }
            Change::Act { .. } => None,
        };
        request.into_iter().collect()
    }

    fn lookups(&self) -> Vec<Read> {
        self.section.terms().reads()
    }

    fn found(&self, item: &Value) -> Option<ObjectId> {
        let (name, _) = self.section.terms().decode(item).ok()??;
        let id = self.section.terms().id(item);
        id.filter(|_| name == self.name)
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
