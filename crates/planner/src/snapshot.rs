//! What the tenant has, as far as a plan needs it. It serialises, so plans can be made without
//! credentials. It knows which reads it answers: what was not read is never taken for absent.

mod native;
mod reads;
mod referrals;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::address::ObjectId;
use crate::coverage::AccessPolicy;
use crate::kinds::assignment::{Held, Sort};
use crate::kinds::group::options::{Asked, template_id};
use crate::kinds::group::seen::{self as group, SeenGroups};
use crate::kinds::guest::user::{DecodeError, User, text};
use crate::kinds::tenant_policy::{Premium, Referred, Section, Seen as SeenPolicies, is_id};
use crate::load::Desired;
use crate::request::{Answer, Read};

pub use native::{Native, native};
use reads::role_reads;
pub use reads::{conditional_access, governed, organization, plans, user_named};
pub(crate) use reads::{groups_by_id, groups_named, holds, principals_by_id};
pub(crate) use referrals::referrals;

/// The version of the file format. A reader refuses a newer one.
pub const FORMAT: u32 = 1;

/// What a read is about, for whoever takes in its answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// The tenant itself.
    Organization,
    /// All guests.
    Users,
    /// All deleted users.
    DeletedUsers,
    /// Everybody who is no guest.
    AllMembers,
    /// Whoever holds some addresses.
    LookedUpUsers,
    /// Users and groups that files refer to.
    Principals,
    /// Groups found by name.
    Groups,
    /// A group found by id.
    Group(ObjectId),
    /// Members of a group.
    Members(ObjectId),
    /// Owners of a group.
    Owners(ObjectId),
    /// What else a group has.
    Options(ObjectId, Asked),
    /// What settings of a group are made from.
    SettingTemplates,
    /// Groups that roles can be given to.
    RoleGroups,
    /// Groups that follow a rule.
    DynamicGroups,
    /// People who are no guests and in a group whose rule changes.
    Followers,
    /// What there is of a sort of assignment, and who holds it.
    Assigned(Sort),
    /// Whom entitlement management governs.
    Governed,
    /// What a guest is a member of.
    Holds(ObjectId),
    /// Which groups somebody is in, also by way of others.
    Belongs(ObjectId),
    /// Conditional access policies.
    ConditionalAccess,
    /// The groups in a group that conditional access excludes.
    Inner(ObjectId),
    /// What Microsoft's own features do to guests.
    Native,
    /// The policies of a section.
    TenantPolicies(Section),
    /// What policies refer to, of a sort, by name.
    Named(Referred),
    /// What the tenant has bought.
    Plans,
}

impl Topic {
    /// Returns whether further questions follow from an answer. To the others they follow at most
    /// together with the last.
    pub fn leads_on(&self) -> bool {
        match self {
            Self::Organization
            | Self::Users
            | Self::DeletedUsers
            | Self::AllMembers
            | Self::Groups
            | Self::Group(_)
            | Self::RoleGroups => true,
            Self::Assigned(sort) => sort.rules().leads_on(),
            Self::LookedUpUsers
            | Self::Principals
            | Self::DynamicGroups
            | Self::Followers
            | Self::Members(_)
            | Self::Owners(_)
            | Self::Options(..)
            | Self::SettingTemplates
            | Self::Governed
            | Self::Holds(_)
            | Self::Belongs(_)
            | Self::ConditionalAccess
            | Self::Inner(_)
            | Self::Native
            | Self::TenantPolicies(_)
            | Self::Named(_)
            | Self::Plans => false,
        }
    }
}

/// The state of a tenant at one instant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// The version of this format.
    pub format: u32,
    /// When it was taken.
    pub taken: Timestamp,
    /// The tenant's id.
    pub tenant_id: Option<String>,
    /// The tenant's name.
    pub tenant_name: Option<String>,
    /// The tenant's own domains in lower case.
    pub domains: BTreeSet<String>,
    /// All guests, and whoever else was looked up.
    pub users: BTreeMap<ObjectId, User>,
    /// Deleted users that can be restored.
    pub deleted: BTreeMap<ObjectId, User>,
    /// Groups, members, owners.
    pub groups: SeenGroups,
    /// Names of groups that files use as sponsors.
    pub named_groups: BTreeMap<ObjectId, String>,
    /// What else people hold besides memberships, by sort.
    #[serde(default)]
    pub held: BTreeMap<Sort, Held>,
    /// Users whom entitlement management governs, as far as that was needed and could be read.
    #[serde(default)]
    pub governed: BTreeSet<ObjectId>,
    /// What guests are members of whose access ends: ids and names, as far as that could be read.
    #[serde(default)]
    pub holds: BTreeMap<ObjectId, BTreeMap<ObjectId, String>>,
    /// Groups that conditional access excludes, also by way of other groups, and the names of the policies
    /// that do.
    #[serde(default)]
    pub excluded: BTreeMap<ObjectId, BTreeSet<String>>,
    /// The groups in groups that conditional access excludes or shall exclude.
    #[serde(default)]
    pub inner: BTreeMap<ObjectId, BTreeSet<ObjectId>>,
    /// Groups that emergency accounts are in, also by way of others, if that was needed and could be read.
    #[serde(default)]
    pub belongs: BTreeMap<ObjectId, BTreeSet<ObjectId>>,
    /// Conditional access policies.
    #[serde(default)]
    pub access_policies: Vec<AccessPolicy>,
    /// People who are no guests and in a dynamic group whose rule changes, with their whole profile.
    #[serde(default)]
    pub followers: BTreeMap<ObjectId, User>,
    /// What of Microsoft's own acts on guests, too.
    #[serde(default)]
    pub native: BTreeSet<Native>,
    /// Policies of the tenant, of the sections that files have.
    #[serde(default)]
    pub policies: BTreeMap<Section, SeenPolicies>,
    /// Names of what those refer to, by id, of the sorts that have no place of their own here.
    #[serde(default)]
    pub named: BTreeMap<Referred, BTreeMap<String, String>>,
    /// The id of what the setting of a group is made from, if that was needed.
    #[serde(default)]
    pub setting_template: Option<ObjectId>,
    /// The service plans that the tenant has bought, by name, if that was needed and could be read.
    #[serde(default)]
    pub plans: Option<BTreeSet<String>>,
    /// Reads that are answered, by path.
    done: BTreeSet<String>,
    /// Optional reads that were not to be had, by path.
    denied: BTreeSet<String>,
}

/// An answer that cannot be taken in.
#[derive(Debug, Error)]
#[error("the answer is not what Graph documents: {0}")]
pub struct AbsorbError(#[from] DecodeError);

impl Snapshot {
    /// Returns a snapshot that has seen nothing yet.
    pub fn new(taken: Timestamp) -> Self {
        Self {
            format: FORMAT,
            taken,
            tenant_id: None,
            tenant_name: None,
            domains: BTreeSet::new(),
            users: BTreeMap::new(),
            deleted: BTreeMap::new(),
            groups: SeenGroups::default(),
            named_groups: BTreeMap::new(),
            held: BTreeMap::new(),
            governed: BTreeSet::new(),
            holds: BTreeMap::new(),
            excluded: BTreeMap::new(),
            inner: BTreeMap::new(),
            belongs: BTreeMap::new(),
            access_policies: Vec::new(),
            followers: BTreeMap::new(),
            native: BTreeSet::new(),
            policies: BTreeMap::new(),
            named: BTreeMap::new(),
            setting_template: None,
            plans: None,
            done: BTreeSet::new(),
            denied: BTreeSet::new(),
        }
    }

    /// Takes in an answer.
    pub fn absorb(&mut self, read: &Read, answer: Answer) -> Result<(), AbsorbError> {
        let items = match answer {
            Answer::Items(items) => items,
            Answer::Missing => {
                // No list is not an empty list.
                if matches!(
                    read.about,
                    Some(Topic::Governed | Topic::Native | Topic::Options(..))
                ) {
                    self.denied.insert(read.path.clone());
                }
                Vec::new()
            }
            Answer::Denied => {
                self.denied.insert(read.path.clone());
                Vec::new()
            }
        };
        self.take_in(read, &items)?;
        self.done.insert(read.path.clone());
        Ok(())
    }

    fn take_in(&mut self, read: &Read, items: &[Value]) -> Result<(), DecodeError> {
        match &read.about {
            Some(Topic::Organization) => self.organization(items)?,
            Some(Topic::Users) => {
                for item in items {
                    let user = User::decode(item)?;
                    self.users.insert(user.id.clone(), user);
                }
            }
            Some(Topic::DeletedUsers) => {
                for item in items {
                    let user = User::decode(item)?;
                    self.deleted.insert(user.id.clone(), user);
                }
            }
            // The list of guests knows their sponsors, a look-up does not: the list wins.
            Some(Topic::LookedUpUsers | Topic::AllMembers) => {
                for item in items {
                    let user = User::decode(item)?;
                    if self
                        .users
                        .get(&user.id)
                        .is_none_or(|known| known.sponsors.is_none())
                    {
                        self.users.insert(user.id.clone(), user);
                    }
                }
            }
            Some(Topic::Principals) if read.path.starts_with("/groups") => {
                let names = items
                    .iter()
                    .filter_map(|item| text(item, "id").zip(text(item, "displayName")));
                self.named_groups.extend(names);
            }
            // A principal is read with a few properties only: whoever is known stays as known.
            Some(Topic::Principals) => {
                for item in items {
                    let user = User::decode(item)?;
                    self.users.entry(user.id.clone()).or_insert(user);
                }
            }
            Some(Topic::Followers) => {
                for item in items {
                    let user = User::decode(item)?;
                    self.followers.insert(user.id.clone(), user);
                }
            }
            Some(Topic::Groups | Topic::Group(_) | Topic::RoleGroups | Topic::DynamicGroups) => {
                self.groups.absorb(items)?
            }
            Some(Topic::Members(group)) => {
                SeenGroups::absorb_edges(&mut self.groups.members, group, items)?
            }
            Some(Topic::Owners(group)) => {
                SeenGroups::absorb_edges(&mut self.groups.owners, group, items)?
            }
            // What was denied or is not there is not known.
            Some(Topic::Options(..)) if self.denied.contains(&read.path) => {}
            Some(Topic::Options(group, asked)) => {
                self.groups.absorb_options(group, *asked, items)?
            }
            Some(Topic::SettingTemplates) => {
                self.setting_template = items.iter().find_map(template_id);
            }
            Some(Topic::Assigned(sort)) => {
                let held = self.held.entry(*sort).or_default();
                sort.take_in(read, items, held)?;
            }
            Some(Topic::Governed) => {
                let governed = items.iter().filter(|item| {
                    let state = item["subjectLifecycle"].as_str();
                    state.is_some_and(|state| state.eq_ignore_ascii_case("governed"))
                });
                self.governed
                    .extend(governed.filter_map(|item| text(item, "objectId")));
            }
            Some(Topic::Holds(id)) => {
                let named = joined(items);
                self.holds.entry(id.clone()).or_default().extend(named);
            }
            // Denied, it is not known which.
            Some(Topic::Belongs(_)) if self.denied.contains(&read.path) => {}
            Some(Topic::Belongs(id)) => {
                let groups = items.iter().filter_map(|item| text(item, "id"));
                self.belongs.entry(id.clone()).or_default().extend(groups);
            }
            Some(Topic::ConditionalAccess) => {
                for item in items {
                    self.excludes(item);
                    self.access_policies.push(AccessPolicy::decode(item));
                }
                let section = Section::ConditionalAccess;
                let seen = self.policies.entry(section).or_default();
                section.terms().take_in(read, items, seen)?;
            }
            // Denied, it is not known what there is.
            Some(Topic::Named(_)) if self.denied.contains(&read.path) => {}
            Some(Topic::Named(sort)) => {
                let named = items
                    .iter()
                    .filter_map(|item| text(item, sort.key()).zip(text(item, "displayName")));
                self.named.entry(*sort).or_default().extend(named);
            }
            // Whoever is in a group within a group is excluded, too.
            Some(Topic::Inner(group)) => {
                let policies = self.excluded.get(group).cloned().unwrap_or_default();
                for id in items.iter().filter_map(|item| text(item, "id")) {
                    let inner = self.inner.entry(group.clone()).or_default();
                    inner.insert(id.clone());
                    if !policies.is_empty() {
                        let excluded = self.excluded.entry(id).or_default();
                        excluded.extend(policies.clone());
                    }
                }
            }
            Some(Topic::TenantPolicies(section)) => {
                let seen = self.policies.entry(*section).or_default();
                section.terms().take_in(read, items, seen)?;
            }
            // Denied, it is not known what there is.
            Some(Topic::Plans) if self.denied.contains(&read.path) => {}
            Some(Topic::Plans) => {
                let is_in_use = |sku: &&Value| {
                    let status = sku["capabilityStatus"].as_str();
                    matches!(status, Some("Enabled" | "Warning"))
                };
                let skus = items.iter().filter(is_in_use);
                let plans = skus
                    .flat_map(|sku| sku["servicePlans"].as_array())
                    .flatten();
                let plans = plans.filter(|plan| plan["provisioningStatus"] != "Disabled");
                let plans = plans.filter_map(|plan| text(plan, "servicePlanName"));
                self.plans.get_or_insert_default().extend(plans);
            }
            Some(Topic::Native) => self.native.extend(items.iter().filter_map(Native::decode)),
            None => {}
        }
        Ok(())
    }

    /// Takes in which groups a policy excludes, if it is in force.
    fn excludes(&mut self, policy: &Value) {
        let groups = policy["conditions"]["users"]["excludeGroups"].as_array();
        if policy["state"] != "enabled" {
            return;
        }
        let name = text(policy, "displayName").unwrap_or_else(|| "without a name".to_owned());
        for id in groups.into_iter().flatten().filter_map(Value::as_str) {
            let names = self.excluded.entry(id.to_owned()).or_default();
            names.insert(name.clone());
        }
    }

    fn organization(&mut self, items: &[Value]) -> Result<(), DecodeError> {
        let tenant = items.first().ok_or(DecodeError::Missing("organization"))?;
        self.tenant_id = Some(text(tenant, "id").ok_or(DecodeError::NoId)?);
        self.tenant_name = text(tenant, "displayName");
        let domains = tenant["verifiedDomains"]
            .as_array()
            .ok_or(DecodeError::Missing("verifiedDomains"))?;
        self.domains = domains
            .iter()
            .filter_map(|domain| text(domain, "name"))
            .map(|name| crate::domain::domain(&name))
            .collect();
        Ok(())
    }

    /// Returns whether directory roles could be read, and who may get one by way of a group. If not,
    /// nobody can be shown to be without one.
    pub fn knows_roles(&self) -> bool {
        role_reads().iter().all(|read| self.knows(read))
    }

    /// Returns the groups that policies of the files exclude, by way of other groups, too, as far as they are
    /// there, and the names of the policies that do. A name means every group that has it.
    pub(crate) fn excluded_by(&self, desired: &Desired) -> BTreeMap<ObjectId, BTreeSet<String>> {
        let mut excluded: BTreeMap<ObjectId, BTreeSet<String>> = BTreeMap::new();
        for (text, policy) in desired.excluded() {
            let mut open = self.groups_called(text);
            while let Some(id) = open.pop() {
                let policies = excluded.entry(id.clone()).or_default();
                if policies.insert(policy.to_owned()) {
                    open.extend(self.inner.get(&id).into_iter().flatten().cloned());
                }
            }
        }
        excluded
    }

    /// Returns the ids of the groups that a text names: an id, or a name in any case.
    fn groups_called(&self, text: &str) -> Vec<ObjectId> {
        let is_it = |name: &str| name.eq_ignore_ascii_case(text);
        let groups = self.groups.groups.values();
        let groups = groups.filter(|group| is_it(&group.display_name));
        let named = self.named_groups.iter().filter(|(_, name)| is_it(name));
        let ids = groups.map(|group| &group.id);
        let ids = ids.chain(named.map(|(id, _)| id)).cloned();
        let ids = ids.chain(is_id(text).then(|| text.to_lowercase()));
        let ids: BTreeSet<_> = ids.collect();
        ids.into_iter().collect()
    }

    /// Returns whether a read was answered.
    pub(crate) fn knows(&self, read: &Read) -> bool {
        self.done.contains(&read.path) && !self.denied.contains(&read.path)
    }

    /// Returns whether the tenant has bought a licence, if that was read.
    pub fn has(&self, premium: Premium) -> Option<bool> {
        let plans = self.plans.as_ref()?;
        Some(premium.plans().iter().any(|plan| plans.contains(*plan)))
    }

    /// Returns the policies of a section, as far as they were read.
    pub fn policies(&self, section: Section) -> &SeenPolicies {
        static NOTHING: SeenPolicies = SeenPolicies {
            named: BTreeMap::new(),
            base: BTreeMap::new(),
        };
        self.policies.get(&section).unwrap_or(&NOTHING)
    }

    /// Returns what there is of a sort, and who holds it, as far as that was read.
    pub fn held(&self, sort: Sort) -> &Held {
        static NOTHING: Held = Held {
            names: BTreeMap::new(),
            room: BTreeMap::new(),
            closed: BTreeMap::new(),
            retired: BTreeMap::new(),
            holders: BTreeMap::new(),
        };
        self.held.get(&sort).unwrap_or(&NOTHING)
    }

    /// Returns what somebody holds besides memberships, by what people call it.
    pub(crate) fn called(&self, holder: &str) -> Vec<String> {
        let sorts = Sort::ALL.iter();
        let called = sorts.flat_map(|sort| {
            let held = self.held(*sort);
            let edges = held.of(holder);
            edges.map(|edge| sort.called(held.name(&edge.to)))
        });
        called.collect()
    }

    /// Returns whether something is of a sort of assignment, and not a group.
    pub(crate) fn is_assigned(&self, id: &str) -> bool {
        self.held.values().any(|held| held.names.contains_key(id))
    }

    /// Returns whether it was asked whom entitlement management governs, and not answered.
    pub fn lacks_governed(&self) -> bool {
        self.denied.contains(&governed().path)
    }

    /// Returns whether it was asked which groups follow a rule, and not answered.
    pub fn lacks_dynamic(&self) -> bool {
        self.denied.contains(&group::dynamic().path)
    }

    /// Returns whether conditional access policies were read.
    pub fn knows_access_policies(&self) -> bool {
        self.knows(&conditional_access())
    }

    /// Returns whether it was asked which groups conditional access excludes, and not answered.
    pub fn lacks_exclusions(&self) -> bool {
        self.denied.contains(&conditional_access().path)
    }

    /// Returns whether an account is of the tenant's own domains: by its address, or by a sign-in
    /// name that nobody from elsewhere has.
    pub fn is_own(&self, user: &User) -> bool {
        let own = |text: &str| self.domains.contains(&crate::domain::domain_of(text));
        own(&user.label()) || (!user.is_external() && own(&user.user_principal_name))
    }

    /// Returns why nobody vouches for a guest, if that is so and known.
    pub(crate) fn unvouched(&self, user: &User) -> Option<&'static str> {
        let sponsors = user.sponsors.as_ref()?;
        let gone = |id: &String| {
            let sponsor = self.users.get(id);
            sponsor.is_some_and(|sponsor| sponsor.account_enabled == Some(false))
        };
        match sponsors.as_slice() {
            [] => Some("has no sponsor"),
            all => all
                .iter()
                .all(gone)
                .then_some("every sponsor's account is disabled"),
        }
    }

    /// Returns the tenant's name and id, for people.
    pub fn tenant_label(&self) -> String {
        let id = self.tenant_id.as_deref().unwrap_or("unknown");
        self.tenant_name
            .as_ref()
            .map_or_else(|| id.to_owned(), |name| format!("{name} ({id})"))
    }
}

/// Returns what people call what somebody is a member of, by id. Directory roles are listed, too, and are
/// read on their own. Source: "List a user's direct memberships", Graph v1.0.
pub(crate) fn joined(items: &[Value]) -> impl Iterator<Item = (ObjectId, String)> {
    items.iter().filter_map(|item| {
        let noun = match item["@odata.type"].as_str() {
            Some("#microsoft.graph.directoryRole") => return None,
            Some("#microsoft.graph.administrativeUnit") => "administrative unit",
            _ => "group",
        };
        let id = text(item, "id")?;
        let name = text(item, "displayName").unwrap_or_else(|| id.clone());
        Some((id, format!("{noun} {name}")))
    })
}
