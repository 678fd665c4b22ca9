//! What the tenant has, as far as a plan needs it. It serialises, so plans can be made without
//! credentials. It knows which reads it answers: what was not read is never taken for absent.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashSet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::address::ObjectId;
use crate::kinds::group::seen::{self as group, Found, SeenGroups};
use crate::kinds::guest::user::{self, DecodeError, User, text};
use crate::load::Desired;
use crate::matching::Matching;
use crate::policy::Policy;
use crate::request::{Answer, Read, literal};

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
    /// Groups that roles can be given to.
    RoleGroups,
    /// Groups that follow a rule.
    DynamicGroups,
    /// People who are no guests and in a group whose rule changes.
    Followers,
    /// Role assignments.
    RoleAssignments,
    /// Role definitions.
    RoleDefinitions,
    /// Whom entitlement management governs.
    Governed,
    /// What a guest is a member of.
    Holds(ObjectId),
    /// Conditional access policies.
    ConditionalAccess,
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
            Self::LookedUpUsers
            | Self::Principals
            | Self::DynamicGroups
            | Self::Followers
            | Self::Members(_)
            | Self::Owners(_)
            | Self::RoleAssignments
            | Self::RoleDefinitions
            | Self::Governed
            | Self::Holds(_)
            | Self::ConditionalAccess => false,
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
    /// Who holds which directory role: principal and role definition.
    pub role_assignments: BTreeSet<(ObjectId, ObjectId)>,
    /// The names of role definitions; built-in ones only.
    pub roles: BTreeMap<ObjectId, String>,
    /// Users whom entitlement management governs, as far as that was needed and could be read.
    #[serde(default)]
    pub governed: BTreeSet<ObjectId>,
    /// What guests are members of whose access ends: ids and names, as far as that could be read.
    #[serde(default)]
    pub holds: BTreeMap<ObjectId, BTreeMap<ObjectId, String>>,
    /// Groups that conditional access excludes, and the names of the policies that do.
    #[serde(default)]
    pub excluded: BTreeMap<ObjectId, BTreeSet<String>>,
    /// People who are no guests and in a dynamic group whose rule changes, with their whole profile.
    #[serde(default)]
    pub followers: BTreeMap<ObjectId, User>,
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
            role_assignments: BTreeSet::new(),
            roles: BTreeMap::new(),
            governed: BTreeSet::new(),
            holds: BTreeMap::new(),
            excluded: BTreeMap::new(),
            followers: BTreeMap::new(),
            done: BTreeSet::new(),
            denied: BTreeSet::new(),
        }
    }

    /// Returns the reads that are still wanted; they do not depend on each other. Asked again
    /// with answers that lead on, until there are none: later reads follow from earlier answers.
    pub fn wants(&self, desired: &Desired, policy: &Policy) -> Vec<Read> {
        self.open(desired, policy, None)
    }

    /// Returns the reads that are still wanted, for a caller who may have matched already.
    pub(crate) fn open(
        &self,
        desired: &Desired,
        policy: &Policy,
        matching: Option<&Matching<'_>>,
    ) -> Vec<Read> {
        let done = |read: &Read| self.done.contains(&read.path);
        let mut reads = user::reads().to_vec();
        reads.push(organization());
        reads.push(group::dynamic());
        // Without a group that a guest could come into, nobody comes into one that is excluded.
        if !desired.groups.is_empty() || self.groups.groups.values().any(|group| group.dynamic) {
            reads.push(conditional_access());
        }
        reads.extend(role_reads());
        reads.extend(principals(desired));
        reads.extend(self.groups.reads(desired, policy.tenant.owner(), &done));
        let role_groups = self
            .groups
            .groups
            .values()
            .filter(|group| group.role_assignable);
        // Whoever manages a role-assignable group is as good as its members.
        // Source: "Sensitive actions", user resource type, Graph v1.0.
        reads.extend(
            role_groups.flat_map(|group| [group::members(&group.id), group::owners(&group.id)]),
        );
        if reads.iter().take(2).all(done) {
            reads.extend(match matching {
                Some(matching) => self.doubtful(desired, policy, matching),
                None => self.doubtful(desired, policy, &Matching::new(self, desired, policy)),
            });
        }
        // A name allows a group only if no other that is excluded has it.
        let excluded: Vec<_> = self.excluded.keys().map(String::as_str).collect();
        reads.extend(group::by_id(&excluded));
        reads.extend(self.followers(desired, policy.tenant.owner(), &done));
        reads.retain(|read| !done(read));
        reads.sort();
        reads.dedup_by(|a, b| a.path == b.path);
        reads
    }

    /// Returns the look-ups of declared addresses that no guest of ours answers to, and of the
    /// sponsors of guests.
    fn doubtful(&self, desired: &Desired, policy: &Policy, matching: &Matching<'_>) -> Vec<Read> {
        let doubtful = matching.doubtful(desired);
        let mut reads = user::elsewhere(&doubtful);
        let sponsors: HashSet<_> = self
            .users
            .values()
            .filter(|user| user.is_guest())
            .filter_map(|user| user.sponsors.as_ref())
            .flatten()
            .collect();
        let mut sponsors: Vec<_> = sponsors.into_iter().map(String::as_str).collect();
        sponsors.sort_unstable();
        reads.extend(principals_by_id(&sponsors));
        if matching.adopts(desired) {
            reads.push(governed());
        }
        // A guest whose access ends may still have some; later, nothing is left to list.
        let (blocked, enabled): (Vec<_>, Vec<_>) = matching
            .leaving(desired, policy, self.taken)
            .into_iter()
            .partition(|user| user.account_enabled == Some(false));
        reads.extend(enabled.into_iter().map(holds));
        if !blocked.is_empty() {
            let members: BTreeSet<_> = self.groups.members.values().flatten().collect();
            let in_groups = blocked
                .into_iter()
                .filter(|user| members.contains(&user.id));
            reads.extend(in_groups.map(holds));
        }
        reads
    }

    /// Returns the reads of whoever is no guest and in a group whose rule changes.
    fn followers(&self, desired: &Desired, owner: &str, done: &dyn Fn(&Read) -> bool) -> Vec<Read> {
        let ruled = desired.groups.values().filter(|group| group.rule.is_some());
        let mut ruled = ruled.peekable();
        if ruled.peek().is_none() || !done(&user::reads()[0]) {
            return Vec::new();
        }
        let lookup = self.groups.lookup();
        let changing = ruled.filter_map(|declared| match lookup.find(declared, owner) {
            Found::One(seen) if seen.takes_rule(declared, owner) => {
                self.groups.members.get(&seen.id)
            }
            _ => None,
        });
        let guest = |id: &ObjectId| self.users.get(id).is_some_and(User::is_guest);
        let others: BTreeSet<_> = changing.flatten().filter(|id| !guest(id)).collect();
        let others: Vec<_> = others.into_iter().map(String::as_str).collect();
        user::followers(&others)
    }

    /// Takes in an answer.
    pub fn absorb(&mut self, read: &Read, answer: Answer) -> Result<(), AbsorbError> {
        let items = match answer {
            Answer::Items(items) => items,
            Answer::Missing => {
                // No list is not an empty list.
                if read.about == Some(Topic::Governed) {
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
            Some(Topic::RoleAssignments) => {
                for item in items {
                    self.role_assignments.insert(role_assignment(item)?);
                }
            }
            Some(Topic::RoleDefinitions) => {
                let built_in = items.iter().filter(|item| item["isBuiltIn"] == true);
                self.roles.extend(
                    built_in.filter_map(|item| text(item, "id").zip(text(item, "displayName"))),
                );
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
                let held = items
                    .iter()
                    .filter_map(|item| text(item, "id").map(|id| (id, item)));
                let named =
                    held.map(|(id, item)| (id.clone(), text(item, "displayName").unwrap_or(id)));
                self.holds.entry(id.clone()).or_default().extend(named);
            }
            Some(Topic::ConditionalAccess) => {
                for item in items {
                    self.excludes(item);
                }
            }
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

    /// Returns whether directory roles could be read. If not, nobody can be shown to be without one.
    pub fn knows_roles(&self) -> bool {
        role_reads()
            .iter()
            .all(|read| self.done.contains(&read.path) && !self.denied.contains(&read.path))
    }

    /// Returns whether it was asked whom entitlement management governs, and not answered.
    pub fn lacks_governed(&self) -> bool {
        self.denied.contains(&governed().path)
    }

    /// Returns whether it was asked which groups follow a rule, and not answered.
    pub fn lacks_dynamic(&self) -> bool {
        self.denied.contains(&group::dynamic().path)
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

/// Returns the read of the tenant itself.
pub fn organization() -> Read {
    let path = "/organization?$select=id,displayName,verifiedDomains";
    Read::list(path, "Organization.Read.All").about(Topic::Organization)
}

/// Returns the read of all conditional access policies. A tenant without the licence has none.
pub fn conditional_access() -> Read {
    Read::list("/identity/conditionalAccess/policies", "Policy.Read.All")
        .optional()
        .about(Topic::ConditionalAccess)
}

/// Returns the read of everybody whom entitlement management knows. A tenant without the licence
/// has no such list.
/// Source: "accessPackageSubject resource type", Graph v1.0.
pub fn governed() -> Read {
    let path =
        "/identityGovernance/entitlementManagement/subjects?$select=id,objectId,subjectLifecycle";
    let read = Read::list(path, "EntitlementManagement.Read.All")
        .optional()
        .about(Topic::Governed);
    Read {
        may_be_missing: true,
        ..read
    }
}

/// Returns the read of what a guest is a member of, directly.
pub(crate) fn holds(user: &User) -> Read {
    let path = format!("/users/{}/memberOf", user.id);
    Read::list(path, "GroupMember.Read.All")
        .optional()
        .about(Topic::Holds(user.id.clone()))
}

/// Returns the read of who holds which directory role.
pub fn role_assignments() -> Read {
    let path = "/roleManagement/directory/roleAssignments?$select=id,principalId,roleDefinitionId";
    Read::list(path, ROLES)
        .optional()
        .about(Topic::RoleAssignments)
}

/// Returns the ids of the principal and of the role definition of a role assignment.
pub fn role_assignment(item: &Value) -> Result<(ObjectId, ObjectId), DecodeError> {
    let edge = text(item, "principalId").zip(text(item, "roleDefinitionId"));
    edge.ok_or(DecodeError::Missing("principalId"))
}

const ROLES: &str = "RoleManagement.Read.Directory";

fn role_reads() -> [Read; 3] {
    let definitions = "/roleManagement/directory/roleDefinitions?$select=id,displayName,isBuiltIn";
    [
        role_assignments(),
        Read::list(definitions, ROLES)
            .optional()
            .about(Topic::RoleDefinitions),
        group::role_assignable(),
    ]
}

/// Returns the reads of every user and group that files refer to: sponsors and owners.
fn principals(desired: &Desired) -> Vec<Read> {
    let names = desired.principals();
    let (users, groups): (Vec<_>, Vec<_>) = names
        .iter()
        .map(String::as_str)
        .partition(|name| name.contains('@'));
    let mut reads: Vec<_> = users.chunks(7).map(principals_named).collect();
    reads.extend(groups_named(&groups));
    reads
}

/// Returns the reads of groups by their names.
pub(crate) fn groups_named(names: &[&str]) -> Vec<Read> {
    groups_filtered("displayName", names)
}

/// Returns the reads of the names of groups by their ids.
pub(crate) fn groups_by_id(ids: &[&str]) -> Vec<Read> {
    groups_filtered("id", ids)
}

fn groups_filtered(property: &str, values: &[&str]) -> Vec<Read> {
    let clause = |value: &&str| format!("{property}%20eq%20{}", literal(value));
    let some = |values: &[&str]| {
        let clauses: Vec<_> = values.iter().map(clause).collect();
        let filter = clauses.join("%20or%20");
        Read::list(
            format!("/groups?$filter={filter}&$select=id,displayName&$top=999"),
            "Group.Read.All",
        )
        .about(Topic::Principals)
    };
    values.chunks(15).map(some).collect()
}

const PRINCIPAL: &str = "$select=id,displayName,mail,userPrincipalName,userType,accountEnabled";

/// Returns the read of a user by mail or sign-in name.
pub fn user_named(name: &str) -> Read {
    principals_named(&[name])
}

fn principals_named(names: &[&str]) -> Read {
    let clause = |name: &&str| {
        format!(
            "mail%20eq%20{0}%20or%20userPrincipalName%20eq%20{0}",
            literal(name)
        )
    };
    principals_filtered(
        &names
            .iter()
            .map(clause)
            .collect::<Vec<_>>()
            .join("%20or%20"),
    )
}

/// Returns the reads of users by their ids.
pub(crate) fn principals_by_id(ids: &[&str]) -> Vec<Read> {
    let clause = |id: &&str| format!("id%20eq%20{}", literal(id));
    let some = |ids: &[&str]| {
        let clauses: Vec<_> = ids.iter().map(clause).collect();
        principals_filtered(&clauses.join("%20or%20"))
    };
    ids.chunks(15).map(some).collect()
}

fn principals_filtered(filter: &str) -> Read {
    Read::list(
        format!("/users?$filter={filter}&{PRINCIPAL}&$top=999"),
        "User.Read.All",
    )
    .about(Topic::Principals)
}
