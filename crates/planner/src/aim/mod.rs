//! What is aimed at: policy rewrites what is declared into what should be, given what is there.
//! All that decides is here; the diff that follows only compares. What must not be touched is
//! copied to what is wanted, or never looked at.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashMap;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::guard::Kept;
use self::known::Known;
use self::next::Next;
use crate::address::{Address, Ids, ObjectId};
use crate::advice::advice;
use crate::diff::{Drawn, Gone, Wanted, diff};
use crate::finding::{Finding, Severity};
use crate::kinds::assignment::Sort;
use crate::kinds::guest::user::User;
use crate::kinds::guest::written::Declared;
use crate::kinds::{Change, Object};
use crate::load::{Config, Desired, Origin};
use crate::matching::Matching;
use crate::parallel;
use crate::plan::{Because, Count, Request};
use crate::policy::Policy;
use crate::snapshot::{Native, Snapshot};

mod absent;
mod assignments;
mod consent;
mod declared;
mod effects;
mod emergency;
mod ending;
mod groups;
mod guard;
mod known;
mod memberships;
mod next;
mod options;
mod references;
mod rules;
mod sponsors;
mod tenant_policies;
mod turnover;
mod uncovered;
mod undeclared;
mod welcome;

/// What should be, what is, and what a person should know.
#[derive(Debug, Default)]
pub(crate) struct Aim {
    /// What should be there; this and the next two until they are compared.
    wanted: BTreeMap<Address, Wanted>,
    /// What is there and may be managed.
    observed: BTreeMap<Address, Object>,
    /// What should go, and why.
    gone: BTreeMap<Address, Gone>,
    /// What should change.
    pub(crate) changes: Vec<Drawn>,
    /// What else people should know about a step.
    pub(crate) notes: BTreeMap<Address, Vec<String>>,
    /// What people should know.
    pub(crate) findings: Vec<Finding>,
    /// Names and ids.
    pub(crate) ids: Ids,
    /// Guests that are ours.
    pub(crate) managed: usize,
    /// Guests that are not.
    pub(crate) not_ours: usize,
    /// Managed objects that stay as they are.
    pub(crate) unchanged: usize,
    /// Objects on which nothing is done.
    blocked: BTreeSet<Address>,
    /// Objects on whose edges nothing is done either.
    barred: BTreeSet<Address>,
    /// Declared policies that are to protect accounts and cannot be put up.
    unguarded: BTreeSet<Address>,
    /// The account behind each name by which plans call a user or group.
    principals: BTreeMap<String, ObjectId>,
    /// The one name by which plans call each account or group that was asked for.
    names: HashMap<ObjectId, String>,
    fates: HashMap<String, Fate>,
    /// The key of each account whose fate is decided.
    keys: HashMap<ObjectId, String>,
    /// How many of what is counted are given by this plan.
    used: BTreeMap<(Sort, String), i64>,
}

/// What becomes of a guest, for whoever decides about the guest's access.
#[derive(Clone, Debug)]
struct Fate {
    /// The account, unless it is still to be invited.
    id: Option<String>,
    /// Whether access may be given.
    grant: bool,
    /// Why access is taken away, if it is.
    strip: Option<Gone>,
    /// Why sign-in is blocked, if it is: power goes before, since Graph blocks nobody who has some.
    power: Option<Gone>,
    /// Whether nobody ever declared the guest: an exact group is then exact at once.
    stranger: bool,
    /// Why nothing is ever taken from the guest, if so.
    kept: Option<Kept>,
    /// What happens to the guest later if nobody does anything.
    ahead: Vec<Next>,
}

/// Everything that decisions are made from.
#[derive(Clone, Copy, Debug)]
struct World<'a> {
    desired: &'a Desired,
    policy: &'a Policy,
    snapshot: &'a Snapshot,
    matching: &'a Matching<'a>,
    known: &'a Known<'a>,
    request: &'a Request,
    now: Timestamp,
}

/// A declared guest whose account is there.
#[derive(Clone, Copy, Debug)]
struct Present<'a> {
    world: World<'a>,
    declared: &'a Declared,
    user: &'a User,
    /// Why nothing may be taken, if so.
    kept: Option<&'a Kept>,
}

impl<'a> World<'a> {
    fn zone(&self) -> &'a TimeZone {
        &self.policy.tenant.time_zone
    }

    fn owner(&self) -> &'a str {
        self.policy.tenant.owner()
    }

    fn stamp(&self) -> &'a str {
        self.policy.tenant.stamp.as_str()
    }

    fn user(&self, id: &str) -> Option<&'a User> {
        self.snapshot.users.get(id)
    }
}

/// Decides what should be.
pub(crate) fn aim(
    config: &Config,
    snapshot: &Snapshot,
    matching: &Matching<'_>,
    now: Timestamp,
    request: &Request,
) -> Aim {
    let known = Known::new(&config.desired, &config.policy, snapshot);
    let world = World {
        desired: &config.desired,
        policy: &config.policy,
        snapshot,
        matching,
        known: &known,
        request,
        now,
    };
    let mut aim = Aim {
        findings: advice(&config.desired),
        ..Aim::default()
    };
    aim.tenant(world);
    aim.emergency_accounts(world);
    aim.tenant_policies(world);
    aim.groups(world);
    aim.declared(world);
    aim.undeclared(world);
    aim.sponsors(world);
    aim.memberships(world);
    aim.kept_memberships(world);
    aim.assignments(world);
    aim.follow_rules(world);
    aim.follow_options(world);
    aim.follow_policies(world);
    aim.uncovered(world);
    aim.unread();
    aim
}

impl Aim {
    /// Returns whether an error finding blocks a change: of the object itself or of what it joins.
    pub(crate) fn is_blocked(&self, change: &Change<Object>) -> bool {
        let object = change.object();
        self.blocked.contains(&object.address())
            || object
                .refs()
                .iter()
                .any(|address| self.barred.contains(address))
    }

    /// Returns the declared policies that are to protect accounts and that no step puts up.
    pub(crate) fn unguarded(&self) -> BTreeSet<Address> {
        let changes = self.changes.iter().map(|drawn| &drawn.change);
        let blocked = changes.filter(|change| self.is_blocked(change));
        let guards = blocked.filter(|change| {
            let object = change.object();
            matches!(object, Object::TenantPolicy(policy) if policy.protects())
        });
        let guards = guards.map(|change| change.object().address());
        self.unguarded.iter().cloned().chain(guards).collect()
    }

    fn report(
        &mut self,
        severity: Severity,
        code: &str,
        about: Option<&Address>,
        text: impl Into<String>,
    ) -> &mut Finding {
        let finding = Finding {
            severity,
            code: code.to_owned(),
            about: about.cloned(),
            text: text.into(),
            hint: None,
            origin: None,
        };
        self.findings.push(finding);
        // It was pushed just above.
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    /// Records an error that blocks every step on an object and on its edges.
    fn block(&mut self, code: &str, about: &Address, text: impl Into<String>) -> &mut Finding {
        self.barred.insert(about.clone());
        self.block_itself(code, about, text)
    }

    /// Records an error that blocks every step on an object, and none on its edges.
    fn block_itself(
        &mut self,
        code: &str,
        about: &Address,
        text: impl Into<String>,
    ) -> &mut Finding {
        self.blocked.insert(about.clone());
        self.report(Severity::Error, code, Some(about), text)
    }

    fn warn(&mut self, code: &str, about: &Address, text: impl Into<String>) -> &mut Finding {
        self.report(Severity::Warning, code, Some(about), text)
    }

    fn info(&mut self, code: &str, about: &Address, text: impl Into<String>) -> &mut Finding {
        self.report(Severity::Info, code, Some(about), text)
    }

    fn want(&mut self, object: Object, because: Because, counts: Option<Count>) {
        self.wanted.insert(
            object.address(),
            Wanted {
                object,
                because,
                counts,
            },
        );
    }

    fn see(&mut self, object: Object, id: Option<&str>) {
        let address = object.address();
        if let Some(id) = id {
            self.ids.bind(address.clone(), id.to_owned());
        }
        self.observed.insert(address, object);
    }

    /// Records what becomes of a guest.
    fn decide(&mut self, key: &str, fate: Fate) -> &mut Fate {
        if let Some(id) = &fate.id {
            self.keys.insert(id.clone(), key.to_owned());
        }
        let entry = self.fates.entry(key.to_owned());
        entry.insert_entry(fate).into_mut()
    }

    /// Returns whether anything is decided about a guest: nothing is where an error blocks it.
    pub(crate) fn decides(&self, key: &str) -> bool {
        self.fates.contains_key(key)
    }

    fn note(&mut self, address: &Address, text: impl Into<String>) {
        self.notes
            .entry(address.clone())
            .or_default()
            .push(text.into());
    }

    /// Says what of the tenant itself a person should know.
    fn tenant(&mut self, world: World<'_>) {
        if world.snapshot.domains.is_empty() {
            self.report(
                Severity::Warning,
                "domains-unknown",
                None,
                "the tenant names no domains of its own",
            );
        }
        for text in &world.known.guarded.nobody {
            self.report(
                Severity::Info,
                "protects-nobody",
                None,
                format!("`scope.protected` names {text}, and nobody in the tenant answers to that"),
            );
        }
        if world.snapshot.lacks_governed() {
            let text = "it could not be read which guests entitlement management governs: it may delete one that is taken on";
            let finding = self.report(Severity::Warning, "governed-unknown", None, text);
            finding.hint = Some(
                "grant EntitlementManagement.Read.All, or write `adopt: true` on the guests"
                    .to_owned(),
            );
        }
        if world.snapshot.lacks_dynamic() {
            let text = "it could not be read which dynamic groups there are: whom a change leads into them is not said";
            let finding = self.report(Severity::Warning, "dynamic-unknown", None, text);
            finding.hint = Some("grant Group.Read.All".to_owned());
        }
        if world.snapshot.lacks_exclusions() {
            let text = "it could not be read which groups conditional access excludes: guests may come into one";
            let finding = self.report(Severity::Warning, "exclusions-unknown", None, text);
            finding.hint = Some("grant Policy.Read.All".to_owned());
        }
        for native in &world.snapshot.native {
            let severity = match native {
                Native::Policy(_) => Severity::Warning,
                Native::Entitlements(_) => Severity::Info,
            };
            let text = format!("{}, beside this program", native.text());
            self.report(severity, "acts-too", None, text)
                .hint("two robots must not fight over a person: let one of them end access");
        }
        if world.policy.lifecycle.inactive.is_some() {
            let finding = self.report(
                Severity::Warning,
                "inactive-not-supported",
                None,
                "`lifecycle.inactive` is not acted upon yet",
            );
            finding.hint = Some(
                "nobody is warned, disabled or deleted for inactivity by this version".to_owned(),
            );
        }
    }

    /// Says which permission is missing where something was not taken because of it.
    fn unread(&mut self) {
        if self
            .findings
            .iter()
            .any(|finding| finding.code == Kept::Unknown.code())
        {
            let text = "directory roles could not be read: nobody is disabled, stripped or deleted";
            let finding = self.report(Severity::Error, Kept::Unknown.code(), None, text);
            finding.hint =
                Some("grant RoleManagement.Read.Directory and Group.Read.All".to_owned());
        }
    }

    /// Decides about each of many things that do not depend on each other, side by side.
    fn each<T: Sync>(&mut self, items: &[T], decide: impl Fn(&mut Self, &T) + Sync) {
        let parts = parallel::shares(items, |share| {
            let mut part = Self::default();
            for item in share {
                decide(&mut part, item);
                part.settle();
            }
            part
        });
        parts.into_iter().for_each(|part| self.take_in(part));
    }

    /// Takes in what was decided about others. What is decided is settled, so nothing is compared.
    /// Names of principals are given one after the other, and never within a part.
    fn take_in(&mut self, part: Self) {
        let Self {
            changes,
            notes,
            findings,
            ids,
            managed,
            not_ours,
            unchanged,
            blocked,
            barred,
            unguarded,
            fates,
            keys,
            wanted,
            observed,
            gone,
            principals,
            names,
            used,
        } = part;
        debug_assert!(wanted.is_empty() && observed.is_empty() && gone.is_empty());
        debug_assert!(principals.is_empty() && names.is_empty() && used.is_empty());
        self.changes.extend(changes);
        self.notes.extend(notes);
        self.findings.extend(findings);
        self.ids.extend(ids);
        self.managed += managed;
        self.not_ours += not_ours;
        self.unchanged += unchanged;
        self.blocked.extend(blocked);
        self.barred.extend(barred);
        self.unguarded.extend(unguarded);
        self.fates.extend(fates);
        self.keys.extend(keys);
    }

    /// Compares what was aimed at so far with what is there. Called after each guest and each group:
    /// most of a tenant stays as it is, and nothing of that is kept.
    fn settle(&mut self) {
        let wanted = std::mem::take(&mut self.wanted);
        let observed = std::mem::take(&mut self.observed);
        let difference = diff(wanted, observed, std::mem::take(&mut self.gone));
        self.changes.extend(difference.changes);
        self.unchanged += difference.unchanged;
    }
}

impl Finding {
    fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    fn at(&mut self, origin: &Origin) -> &mut Self {
        self.origin = Some(origin.clone());
        self
    }
}

impl Because {
    /// Returns a reason that stands in the files.
    fn written(origin: &Origin) -> Self {
        Self {
            text: "declared".to_owned(),
            origin: Some(origin.clone()),
        }
    }

    /// Returns a reason with where it comes from.
    fn at(text: impl Into<String>, origin: &Origin) -> Self {
        Self {
            text: text.into(),
            origin: Some(origin.clone()),
        }
    }

    /// Returns a reason by a rule.
    fn rule(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            origin: None,
        }
    }
}
