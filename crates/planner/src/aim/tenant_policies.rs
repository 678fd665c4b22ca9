//! Policies of the tenant: what should change of them, and what a person should know.

use super::{Aim, World};
use crate::address::Address;
use crate::diff::Gone;
use crate::finding::Severity;
use crate::kinds::guest::issuer::Issuer;
use crate::kinds::tenant_policy::{
    Declared, Premium, Properties, Section, Seen, Takes, TenantPolicy, policy_of,
};
use crate::kinds::{Change, Object};
use crate::plan::{Because, Count};

impl Aim {
    pub(super) fn tenant_policies(&mut self, world: World<'_>) {
        for (section, seen) in &world.snapshot.policies {
            for (name, all) in &seen.named {
                if let [(id, _)] = all.as_slice() {
                    self.ids.bind(section.address(name), id.clone());
                }
            }
        }
        for (section, declared) in &world.desired.policies {
            let terms = section.terms();
            if !world.knows(*section) {
                let text = format!("{} could not be read: it stays as it is", section.called());
                self.report(Severity::Error, "policy-unread", None, text)
                    .hint(format!("grant {}", terms.reading().join(", ")));
                let guards = declared.iter().filter(|it| terms.protects(&it.properties));
                self.unguarded
                    .extend(guards.map(|it| section.address(&it.name)));
                continue;
            }
            for declared in declared {
                if !self.tenant_policy(world, *section, declared)
                    && terms.protects(&declared.properties)
                {
                    self.unguarded.insert(section.address(&declared.name));
                }
                self.settle();
            }
        }
        for (section, seen) in &world.snapshot.policies {
            self.undeclared_policies(world, *section, seen);
            self.settle();
        }
    }

    /// Says what changes of policies mean, and counts what they take.
    pub(super) fn follow_policies(&mut self, world: World<'_>) {
        let managed = self.fates.iter().filter(|(_, fate)| fate.id.is_some());
        let mut managed: Vec<_> = managed.map(|(key, _)| key.clone()).collect();
        managed.sort();
        let signs_in_with = |key: &String, issuer: &Issuer| {
            let id = self.fates.get(key).and_then(|fate| fate.id.as_ref());
            let user = id.and_then(|id| world.snapshot.users.get(id));
            user.is_some_and(|user| user.issuer.as_ref() == Some(issuer))
        };
        let with_passcode = managed
            .iter()
            .filter(|key| signs_in_with(key, &Issuer::Mail));
        let with_passcode: Vec<_> = with_passcode.cloned().collect();
        for drawn in &mut self.changes {
            let Object::TenantPolicy(policy) = drawn.change.object() else {
                continue;
            };
            let before = match drawn.change.before() {
                Some(Object::TenantPolicy(before)) => Some(&before.properties),
                _ => None,
            };
            let is_left = !matches!(drawn.change, Change::Delete { .. });
            let after = is_left.then_some(&policy.properties);
            let terms = policy.section.terms();
            let notes = after.map(|after| terms.notes(before, after));
            let notes = notes.into_iter().flatten();
            drawn.notes = notes.map(str::to_owned).collect();
            if terms.is_beta() {
                let note = "Graph offers this in its beta version only, which may change";
                drawn.notes.push(note.to_owned());
            }
            match terms.takes(before, after) {
                Takes::Nothing => {}
                Takes::Something => drawn.counts = Some(Count::Removal),
                Takes::FromGuests => {
                    drawn.counts = Some(Count::Removal);
                    drawn.loses.clone_from(&managed);
                }
                Takes::FromPasscodes => {
                    drawn.counts = Some(Count::Removal);
                    drawn.loses = with_passcode.clone();
                }
                Takes::Protection => {
                    drawn.notes.push("protects less than now".to_owned());
                    drawn.counts = Some(Count::Weakened);
                }
            }
        }
    }

    /// Decides about one policy. Returns whether nothing keeps it from being as declared.
    fn tenant_policy(&mut self, world: World<'_>, section: Section, declared: &Declared) -> bool {
        let (terms, address) = (section.terms(), section.address(&declared.name));
        let seen = world.snapshot.policies(section);
        let policy = |properties| {
            let name = declared.name.clone();
            Object::TenantPolicy(
                TenantPolicy {
                    section,
                    name,
                    properties,
                }
                .into(),
            )
        };
        let there = seen
            .named
            .get(&declared.name)
            .map_or(&[][..], Vec::as_slice);
        let resolved = match self.resolved_policy(world, section, declared) {
            Ok(resolved) => resolved,
            Err(lost) => {
                self.stands("policy-unresolved", &address, lost.why.join(", "), declared);
                // It stands as it is, and protects whom it did: whoever it left out is gone.
                let protects = |(_, it): &(_, Properties)| terms.protects(it);
                return lost.is_left_out && matches!(there, [one] if protects(one));
            }
        };
        let (before, wanted) = match there {
            [] => {
                let mut base = seen.base.clone();
                base.extend(terms.mark(world.owner()));
                (Properties::new(), terms.over(&base, &resolved))
            }
            [(id, seen)] => {
                let before = self.named_policy(world, section, declared, seen);
                self.see(policy(before.clone()), Some(id));
                (before, resolved.clone())
            }
            several => {
                let text = format!(
                    "the tenant has {} of it: which is meant is not said",
                    several.len()
                );
                return self.stands("policy-ambiguous", &address, text, declared);
            }
        };
        let after = terms.over(&before, &wanted);
        if let Some(why) = terms.refusal(&before, &after).filter(|_| !there.is_empty()) {
            return self.stands("policy-refused", &address, why, declared);
        }
        if section == Section::ConditionalAccess {
            let policy = policy_of(&declared.name, &after, &self.ids);
            if !self.leaves_a_way_in(world, declared, &policy) {
                return false;
            }
        }
        // What a new one has besides is there without a licence, too.
        let mut asked = resolved.clone();
        asked.retain(|name, value| !value.is_null() && before.get(name) != Some(value));
        let needs = terms.needs(&asked).filter(|_| !asked.is_empty());
        if let Some(text) = needs.and_then(|needs| world.lacks(needs)) {
            return self.stands("unlicensed", &address, text, declared);
        }
        let because = Because::written(&declared.origin);
        self.want(policy(wanted), because, None);
        true
    }

    /// Says why a policy stays as it is, or is not made. What needs it is not made either.
    fn stands(
        &mut self,
        code: &str,
        address: &Address,
        why: impl Into<String>,
        declared: &Declared,
    ) -> bool {
        self.block(code, address, why).at(&declared.origin);
        false
    }

    /// Deletes the policies that are ours and that no file declares any more, and names the others that
    /// are about guests.
    fn undeclared_policies(&mut self, world: World<'_>, section: Section, seen: &Seen) {
        let (terms, declared) = (section.terms(), world.desired.policies.get(&section));
        let mark = terms.mark(world.owner());
        let is_declared = |name: &str| {
            terms.is_always_there(name) || declared.into_iter().flatten().any(|it| it.name == name)
        };
        let mut others = Vec::new();
        for (name, all) in seen.named.iter().filter(|(name, _)| !is_declared(name)) {
            let is_ours = |properties: &Properties| {
                let is_marked = |(name, value)| properties.get(name) == Some(value);
                !mark.is_empty() && mark.iter().all(is_marked)
            };
            match all.as_slice() {
                [(id, properties)] if is_ours(properties) => {
                    let policy = TenantPolicy {
                        section,
                        name: name.clone(),
                        properties: properties.clone(),
                    };
                    self.see(Object::TenantPolicy(policy.into()), Some(id));
                    let gone = Gone {
                        because: Because::rule("no file declares it any more"),
                        counts: None,
                    };
                    self.gone.insert(section.address(name), gone);
                }
                all if all.iter().any(|(_, it)| terms.written(name, it).is_some()) => {
                    others.push(format!("`{name}`"));
                }
                _ => {}
            }
        }
        if declared.is_some() && !others.is_empty() {
            // What cannot be marked is never deleted, and so may have been declared once.
            let about = if mark.is_empty() { "" } else { " about guests" };
            let text = format!(
                "{}{about} that no file declares: {}",
                terms.noun(),
                others.join(", ")
            );
            self.report(Severity::Info, "policies-undeclared", None, text);
        }
    }
}

impl World<'_> {
    /// Returns that the tenant has not bought a licence, if that is known.
    pub(super) fn lacks(&self, needs: Premium) -> Option<String> {
        let lacks = self.snapshot.has(needs) == Some(false);
        lacks.then(|| format!("needs {}, which the tenant does not have", needs.called()))
    }
}
