//! Policies of the tenant: what should change of them, and what a person should know.

use serde_json::Value;

use super::{Aim, World};
use crate::finding::Severity;
use crate::kinds::Object;
use crate::kinds::tenant_policy::{Declared, Premium, Section, Takes, TenantPolicy};
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
                let text = format!("`{}` could not be read: it stays as it is", section.key());
                self.report(Severity::Error, "policy-unread", None, text)
                    .hint(format!("grant {}", terms.reading().join(", ")));
                continue;
            }
            for declared in declared {
                self.tenant_policy(world, *section, declared);
                self.settle();
            }
        }
    }

    /// Says what changes of policies mean, and counts what they take.
    pub(super) fn follow_policies(&mut self) {
        let managed = self.fates.iter().filter(|(_, fate)| fate.id.is_some());
        let mut managed: Vec<_> = managed.map(|(key, _)| key.clone()).collect();
        managed.sort();
        for drawn in &mut self.changes {
            let Object::TenantPolicy(after) = drawn.change.object() else {
                continue;
            };
            let before = match drawn.change.before() {
                Some(Object::TenantPolicy(before)) => Some(&before.properties),
                _ => None,
            };
            let terms = after.section.terms();
            let notes = terms.notes(before, &after.properties).into_iter();
            drawn.notes = notes.map(str::to_owned).collect();
            match terms.takes(before, &after.properties) {
                Takes::Nothing => {}
                Takes::Something => drawn.counts = Some(Count::Removal),
                Takes::FromGuests => {
                    drawn.counts = Some(Count::Removal);
                    drawn.loses.clone_from(&managed);
                }
            }
        }
    }

    fn tenant_policy(&mut self, world: World<'_>, section: Section, declared: &Declared) {
        let address = section.address(&declared.name);
        let seen = world.snapshot.policies(section);
        let policy = |properties| TenantPolicy {
            section,
            name: declared.name.clone(),
            properties,
        };
        let mut wanted = declared.properties.clone();
        match seen
            .named
            .get(&declared.name)
            .map_or(&[][..], Vec::as_slice)
        {
            [] => {
                let base = seen.base.clone();
                wanted = base.into_iter().chain(wanted).collect();
            }
            [(id, properties)] => {
                self.see(
                    Object::TenantPolicy(policy(properties.clone()).into()),
                    Some(id),
                );
            }
            several => {
                let text = format!(
                    "the tenant has {} of it: which is meant is not said",
                    several.len()
                );
                self.block_itself("policy-ambiguous", &address, text)
                    .at(&declared.origin);
                return;
            }
        }
        let there = seen.named.get(&declared.name).and_then(|all| all.first());
        let differs = |name: &String, value: &Value| {
            there.is_none_or(|(_, there)| there.get(name) != Some(value))
        };
        let mut changed = declared.properties.clone();
        changed.retain(|name, value| differs(name, value));
        let needs = section
            .terms()
            .needs(&changed)
            .filter(|_| !changed.is_empty());
        if let Some(text) = needs.and_then(|needs| world.lacks(needs)) {
            self.block_itself("unlicensed", &address, text)
                .at(&declared.origin);
        }
        let because = Because::written(&declared.origin);
        self.want(Object::TenantPolicy(policy(wanted).into()), because, None);
    }
}

impl World<'_> {
    /// Returns that the tenant has not bought a licence, if that is known.
    pub(super) fn lacks(&self, needs: Premium) -> Option<String> {
        let lacks = self.snapshot.has(needs) == Some(false);
        lacks.then(|| format!("needs {}, which the tenant does not have", needs.called()))
    }
}
