//! Which reads are still wanted: each follows from the files, or from earlier answers.

use std::collections::BTreeSet;

use foldhash::HashSet;

use super::referrals::Referrals;
use super::{Snapshot, Topic, native};
use crate::address::ObjectId;
use crate::kinds::assignment::{Sort, directory_role};
use crate::kinds::group::seen::{self as group, Found};
use crate::kinds::group::written::Declared;
use crate::kinds::guest::user::{self, User};
use crate::kinds::tenant_policy::{Referred, Section};
use crate::load::Desired;
use crate::matching::Matching;
use crate::policy::Policy;
use crate::request::{Read, literal};

impl Snapshot {
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
        reads.extend(native());
        // Whom they cover, whom they leave out, and which of them are ours although no file says so any more.
        reads.push(conditional_access());
        reads.extend(role_reads());
        let sorts = Sort::ALL.iter();
        reads.extend(sorts.flat_map(|sort| sort.rules().reads(policy, self.held(*sort))));
        let mut sections = desired.sections();
        let referred = Referrals::of(desired, self);
        if referred.any(Referred::NamedLocation) {
            sections.insert(Section::NamedLocations);
        }
        reads.extend(referred.reads());
        reads.extend(sections.iter().flat_map(|section| section.terms().reads()));
        let options = desired.groups.values().map(|group| &group.options);
        if options.clone().any(|it| it.allow_to_add_guests.is_some()) {
            reads.push(setting_templates());
        }
        let is_new = |group: &Declared| group.rule.is_some() && !group.is_named();
        if !sections.is_empty() || desired.groups.values().any(is_new) {
            reads.push(plans());
        }
        reads.extend(principals(desired, policy));
        if desired.policies.contains_key(&Section::ConditionalAccess) {
            reads.extend(self.emergency(policy));
        }
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
        let by_files = self.excluded_by(desired);
        let excluded: BTreeSet<_> = self.excluded.keys().chain(by_files.keys()).collect();
        let excluded: Vec<_> = excluded.into_iter().map(String::as_str).collect();
        reads.extend(group::by_id(&excluded));
        reads.extend(excluded.into_iter().map(group::inner));
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

    /// Returns the reads of the groups that emergency accounts are in.
    fn emergency(&self, policy: &Policy) -> Vec<Read> {
        let accounts = &policy.tenant.emergency_access;
        let is_one = |user: &&User| {
            let names = [Some(&user.user_principal_name), user.mail.as_ref()];
            let is_named = |name: &&String| accounts.iter().any(|it| it.eq_ignore_ascii_case(name));
            names.iter().flatten().any(is_named)
        };
        let of = |user: &User| {
            let path = format!(
                "/users/{}/transitiveMemberOf/microsoft.graph.group?$select=id",
                user.id
            );
            let read = Read::list(path, "GroupMember.Read.All").optional();
            read.about(Topic::Belongs(user.id.clone()))
        };
        match accounts.is_empty() {
            true => Vec::new(),
            false => self.users.values().filter(is_one).map(of).collect(),
        }
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
}

/// Returns the read of what settings of a group are made from.
fn setting_templates() -> Read {
    let path = "/groupSettingTemplates?$select=id,displayName";
    let read = Read::list(path, "GroupSettings.Read.All").optional();
    read.about(Topic::SettingTemplates)
}

/// Returns the read of what the tenant has bought.
pub fn plans() -> Read {
    let path = "/subscribedSkus?$select=capabilityStatus,servicePlans";
    let read = Read::list(path, "LicenseAssignment.Read.All").optional();
    read.about(Topic::Plans)
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

pub(super) fn role_reads() -> [Read; 3] {
    [
        directory_role::assignments(),
        directory_role::definitions(),
        group::role_assignable(),
    ]
}

/// Returns the reads of every user and group that files refer to: sponsors and owners.
fn principals(desired: &Desired, policy: &Policy) -> Vec<Read> {
    let emergency = policy.tenant.emergency_access.iter();
    let mut names = desired.principals();
    names.extend(emergency.map(|name| name.to_lowercase()));
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
