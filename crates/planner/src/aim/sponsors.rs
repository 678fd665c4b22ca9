//! Who vouches for a guest, where a file says so.

use std::collections::BTreeSet;

use super::{Aim, World};
use crate::address::Address;
use crate::diff::Gone;
use crate::kinds::guest::written::Declared;
use crate::kinds::sponsor::Sponsor;
use crate::kinds::{Kind, Object};
use crate::matching::Match;
use crate::plan::Because;

impl Aim {
    pub(super) fn sponsors(&mut self, world: World<'_>) {
        for declared in world.desired.guests.values() {
            let fate = self.fates.get(&declared.key);
            if let Some(names) = &declared.sponsors
                && fate.is_some_and(|fate| fate.grant)
            {
                self.vouched(world, declared, names);
                self.settle();
            }
        }
    }

    /// Compares the sponsors of one guest.
    fn vouched(&mut self, world: World<'_>, declared: &Declared, names: &BTreeSet<String>) {
        let wanted = self.resolved(world, declared, names);
        let seen = match world.matching.of(&declared.key) {
            Match::Live(user) => user.sponsors.as_ref(),
            _ => None,
        };
        let seen: Option<BTreeSet<_>> = seen.map(|ids| {
            ids.iter()
                .map(|id| self.principal_name(world, id))
                .collect()
        });
        if let (Some(wanted), true) = (&wanted, wanted == seen) {
            // An edge has no properties, so nothing is left to compare.
            self.unchanged += wanted.len();
            return;
        }
        let edge = |sponsor: &String| Sponsor {
            guest: declared.key.clone(),
            sponsor: sponsor.clone(),
        };
        for name in seen.iter().flatten() {
            self.see(Object::Sponsor(edge(name)), None);
        }
        for name in wanted.iter().flatten() {
            let because = Because::written(&declared.origin);
            self.want(Object::Sponsor(edge(name)), because, None);
        }
        // While a declared name leads nowhere, nobody is known to be superfluous.
        let (Some(wanted), Some(seen)) = (wanted, seen) else {
            return;
        };
        for name in seen.difference(&wanted) {
            let because = Because::at("not among the declared sponsors", &declared.origin);
            let gone = Gone {
                because,
                counts: None,
            };
            self.gone.insert(edge(name).address(), gone);
        }
    }

    /// Resolves the declared sponsors. An unknown one is an error; a guest that is still to be
    /// invited then waits, because nobody may come in without those who vouch.
    fn resolved(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        names: &BTreeSet<String>,
    ) -> Option<BTreeSet<String>> {
        let mut known = Some(BTreeSet::new());
        for name in names {
            match self.sponsor(world, name) {
                Ok(id) => {
                    let name = self.principal_name(world, &id);
                    if let Some(known) = &mut known {
                        known.insert(name);
                    }
                }
                Err(text) => {
                    let edge = Sponsor {
                        guest: declared.key.clone(),
                        sponsor: name.clone(),
                    }
                    .address();
                    let guest = Address::guest(&declared.key);
                    let is_new = self
                        .fates
                        .get(&declared.key)
                        .is_some_and(|fate| fate.id.is_none());
                    let about = if is_new { guest } else { edge };
                    self.block("sponsor-unknown", &about, format!("sponsor {text}"))
                        .at(&declared.origin);
                    known = None;
                }
            }
        }
        known
    }

    /// Finds whom a sponsor's name means. A guest cannot vouch for a guest.
    pub(super) fn sponsor(&self, world: World<'_>, name: &str) -> Result<String, String> {
        let id = self.resolve(world, name)?;
        match world.user(&id) {
            Some(user) if user.is_guest() => Err(format!(
                "`{name}` is a guest: a sponsor belongs to this tenant"
            )),
            _ => Ok(id),
        }
    }
}
