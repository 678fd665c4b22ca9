//! Policies of the tenant: what should change of them, and what a person should know.

use super::{Aim, World};
use crate::finding::Severity;
use crate::kinds::Object;
use crate::kinds::tenant_policy::{Declared, Premium, Section, TenantPolicy};
use crate::plan::Because;

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
        for drawn in &mut self.changes {
            if let Object::TenantPolicy(after) = drawn.change.object() {
                let before = match drawn.change.before() {
                    Some(Object::TenantPolicy(before)) => Some(&before.properties),
                    _ => None,
                };
                let notes = after.section.terms().notes(before, &after.properties);
                drawn.notes = notes.into_iter().map(str::to_owned).collect();
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
                self.block("policy-ambiguous", &address, text)
                    .at(&declared.origin);
                return;
            }
        }
        let needs = section.terms().needs(&declared.properties);
        if let Some(text) = needs.and_then(|needs| world.lacks(needs)) {
            self.block("unlicensed", &address, text)
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
