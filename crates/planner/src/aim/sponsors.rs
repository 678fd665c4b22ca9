//! Who vouches for a guest, where a file says so.

use std::collections::BTreeSet;

use super::{Aim, Fate, World};
use crate::address::Address;
use crate::diff::Gone;
use crate::kinds::guest::written::Declared;
use crate::kinds::sponsor::Sponsor;
use crate::kinds::{Kind, Object};
use crate::plan::Because;

impl Aim {
    pub(super) fn sponsors(&mut self, world: World<'_>) {
        for declared in world.desired.guests.values() {
            let fate = self.fates.get(&declared.key).filter(|fate| fate.grant);
            if let (Some(fate), Some(names)) = (fate.cloned(), &declared.sponsors) {
                self.vouched(world, declared, names, fate);
                self.settle();
            }
        }
    }

    /// Compares the sponsors of one guest.
    fn vouched(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        names: &BTreeSet<String>,
        fate: Fate,
    ) {
        let resolved = self.resolved(world, declared, names);
        let seen = fate
            .id
            .and_then(|id| world.user(&id))
            .and_then(|user| user.sponsors.clone());
        for id in seen.iter().flatten() {
            let sponsor = self.principal_name(world, id);
            self.see(
                Object::Sponsor(Sponsor {
                    guest: declared.key.clone(),
                    sponsor,
                }),
                None,
            );
        }
        let because = Because::written(&declared.origin);
        for name in resolved.iter().flatten() {
            let sponsor = Sponsor {
                guest: declared.key.clone(),
                sponsor: name.clone(),
            };
            self.want(Object::Sponsor(sponsor), because.clone(), None);
        }
        // While a declared name leads nowhere, nobody is known to be superfluous.
        let (Some(resolved), Some(seen)) = (resolved, seen) else {
            return;
        };
        for id in seen {
            let name = self.principal_name(world, &id);
            if !resolved.contains(&name) {
                let address = Sponsor {
                    guest: declared.key.clone(),
                    sponsor: name,
                }
                .address();
                self.gone.insert(
                    address,
                    Gone {
                        because: Because::at("not among the declared sponsors", &declared.origin),
                        counts: None,
                    },
                );
            }
        }
    }

    /// Resolves the declared sponsors. An unknown one is an error; a guest that is still to be
    /// invited then waits, because nobody may come in without those who vouch.
    fn resolved(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        names: &BTreeSet<String>,
    ) -> Option<Vec<String>> {
        let mut known = Some(Vec::new());
        for name in names {
            match self.sponsor(world, name) {
                Ok(id) => {
                    let name = self.principal_name(world, &id);
                    if let Some(known) = &mut known {
                        known.push(name);
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
