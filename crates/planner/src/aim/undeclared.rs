//! Guests that no file declares: ours that left the files, and everybody else's.

use std::collections::BTreeMap;

use super::declared::{begun, elsewhere};
use super::ending::Leaving;
use super::{Aim, Fate, World};
use crate::address::Address;
use crate::domain::{domain_of, matches_domain};
use crate::kinds::Object;
use crate::kinds::guest::user::User;
use crate::plan::{Because, Count};
use crate::policy::{Ladder, Reach};
use crate::stamp::{Mark, Reading, Stamp};
use crate::time::days_after;

impl Aim {
    pub(super) fn undeclared(&mut self, world: World<'_>) {
        let guests = world
            .snapshot
            .users
            .values()
            .filter(|user| user.is_guest() && !world.matching.is_claimed(&user.id));
        let guests: Vec<_> = guests.filter(|user| !world.snapshot.is_own(user)).collect();
        let mut labels: BTreeMap<String, usize> = BTreeMap::new();
        for user in &guests {
            *labels.entry(user.label()).or_default() += 1;
        }
        for user in guests {
            let label = user.label();
            let taken = labels[&label] > 1 || world.desired.guests.contains_key(&label);
            let key = if taken {
                format!("{label} ({})", user.id)
            } else {
                label
            };
            self.ids.bind(Address::guest(&key), user.id.clone());
            match user.stamp(world.stamp()) {
                Reading::Stamp(stamp) if stamp.owner == world.owner() => {
                    self.dropped(world, user, &key, stamp)
                }
                Reading::Empty => match elsewhere(user, world.stamp()) {
                    None => self.stranger(world, user, &key),
                    Some(other) => {
                        self.not_ours += 1;
                        self.warn(
                            "stamp-moved",
                            &Address::guest(&key),
                            format!("is in no file and carries a stamp in {other}: left alone"),
                        );
                    }
                },
                // Another repository's guest, or other text where our stamp would be: not ours.
                _ => self.not_ours += 1,
            }
            self.settle();
        }
    }

    /// A guest of ours that is in no file any more.
    fn dropped(&mut self, world: World<'_>, user: &User, key: &str, stamp: Stamp) {
        self.managed += 1;
        let by_scope = stamp.mark(Mark::Reason) == Some("scope");
        let (ladder, reason) = if by_scope {
            (
                capped(world.policy.lifecycle.undeclared, reach(world, key)),
                "scope",
            )
        } else {
            (world.policy.lifecycle.undeclared, "undeclared")
        };
        self.end(world, user, key, stamp, ladder, reason);
    }

    /// A guest that nobody declared and that carries no stamp.
    fn stranger(&mut self, world: World<'_>, user: &User, key: &str) {
        let address = Address::guest(key);
        let reach = reach(world, key);
        let old_enough = match (world.policy.scope.age, user.created) {
            (None, _) => true,
            (Some(age), Some(created)) => days_after(created, age, world.zone()) <= world.now,
            (Some(_), None) => false,
        };
        self.not_ours += 1;
        if reach == Reach::Report || !old_enough || user.synced {
            self.info("undeclared", &address, "is in no file and not ours");
            return;
        }
        let ladder = capped(world.policy.lifecycle.undeclared, reach);
        self.end(world, user, key, Stamp::new(world.owner()), ladder, "scope");
    }

    fn end(
        &mut self,
        world: World<'_>,
        user: &User,
        key: &str,
        stamp: Stamp,
        ladder: Ladder,
        reason: &'static str,
    ) {
        let address = Address::guest(key);
        let text = if reason == "scope" {
            "in no file (scope)"
        } else {
            "no longer declared"
        };
        if let Some(kept) = world.kept(user) {
            self.warn(
                kept.code(),
                &address,
                format!("{}, although {text}", kept.text()),
            );
            return;
        }
        let before = user.object(key, world.stamp());
        self.see(Object::Guest(before.clone().into()), Some(&user.id));
        // What is seen and not wanted elsewhere is wanted as it is.
        self.want(Object::Guest(before.into()), Because::rule(text), None);
        let stranger = reason == "scope";
        self.decide(
            key,
            Fate {
                id: Some(user.id.clone()),
                grant: false,
                strip: None,
                power: None,
                stranger,
                kept: None,
                ahead: Vec::new(),
            },
        );
        if ladder.disable.is_none() {
            self.info("undeclared", &address, text);
        }
        let since = begun(user, &stamp, world.now).unwrap_or(world.now);
        let leaving = Leaving {
            user,
            key,
            stamp,
            reason,
            because: Because::rule(text),
            rule: world.policy.rule("undeclared"),
            since,
            first: Count::Removal,
            later: Some(Count::Removal),
        };
        self.descend(world, leaving, ladder);
    }
}

/// Returns how far scope reaches for a guest of this address; the narrowest pattern wins.
fn reach(world: World<'_>, label: &str) -> Reach {
    let domain = domain_of(label.split(" (").next().unwrap_or(label));
    let rules = world
        .policy
        .scope
        .domains
        .iter()
        .filter(|(pattern, _)| matches_domain(pattern, &domain));
    rules
        .max_by_key(|(pattern, _)| (!pattern.starts_with("*."), pattern.len()))
        .map_or(world.policy.scope.undeclared, |(_, reach)| *reach)
}

/// Returns the ladder no further than scope reaches.
fn capped(ladder: Ladder, reach: Reach) -> Ladder {
    match reach {
        Reach::Report => Ladder {
            disable: None,
            strip: None,
            delete: None,
        },
        Reach::Disable => Ladder {
            strip: None,
            delete: None,
            ..ladder
        },
        Reach::Delete => ladder,
    }
}
