//! The end of a guest's time: what is said ahead of it, and the rungs that follow.

use jiff::Timestamp;

use super::declared::begun;
use super::guard::Kept;
use super::{Aim, World};
use crate::address::Address;
use crate::diff::Gone;
use crate::kinds::guest::Guest;
use crate::kinds::guest::user::User;
use crate::kinds::guest::written::Declared;
use crate::kinds::{Action, Kind, Object};
use crate::offboard::{Due, Rung, due};
use crate::plan::{Because, Count};
use crate::stamp::{Mark, Stamp};
use crate::time::{days_after, show};

impl Aim {
    /// Says that a guest's end is near.
    pub(super) fn expiring(&mut self, world: World<'_>, declared: &Declared) {
        let Some(expires) = declared.expires else {
            return;
        };
        let end = expires.end(world.zone());
        if end
            <= days_after(
                world.now,
                world.policy.lifecycle.expiring.warn,
                world.zone(),
            )
        {
            let text = format!("access ends {}", show(end, world.zone()));
            self.warn("expiring", &Address::guest(&declared.key), text)
                .at(&declared.expires_origin);
        }
    }

    /// A guest whose declared day has come.
    pub(super) fn ending(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        user: &User,
        stamp: Stamp,
        end: Timestamp,
        kept: Option<Kept>,
    ) {
        let address = Address::guest(&declared.key);
        self.fate(declared, Some(user), false);
        let text = format!("expired {}", show(end, world.zone()));
        let because = Because::at(text, &declared.expires_origin);
        if let Some(kept) = kept {
            let text = format!(
                "{}, although the time ended {}",
                kept.text(),
                show(end, world.zone())
            );
            self.warn(kept.code(), &address, text)
                .at(&declared.expires_origin);
            return;
        }
        let begun = begun(user, &stamp, world.now);
        let due = due(
            world.policy.lifecycle.expired,
            end,
            begun,
            world.now,
            world.zone(),
        );
        self.descend(
            world,
            user,
            &declared.key,
            stamp,
            "expired",
            &due,
            begun,
            &because,
            Count::Expiry,
            None,
        );
    }

    /// Goes down the rungs that are due. `later` is what rungs after the first count against.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different fact about one guest"
    )]
    pub(super) fn descend(
        &mut self,
        world: World<'_>,
        user: &User,
        key: &str,
        stamp: Stamp,
        reason: &str,
        due: &Due,
        begun: Option<Timestamp>,
        because: &Because,
        first: Count,
        later: Option<Count>,
    ) {
        let address = Address::guest(key);
        let counts = if begun.is_none() { Some(first) } else { later };
        if due.delete {
            self.gone.insert(
                address,
                Gone {
                    because: because.clone(),
                    counts: later,
                },
            );
            return;
        }
        match begun {
            None if due.disable => {
                self.begin(world, user, key, stamp, reason, because.clone(), first)
            }
            None => {}
            Some(begun) => {
                // A reason that changed keeps its instant: the grace has begun.
                if stamp.mark(Mark::Reason) != Some(reason) {
                    let guest = Guest {
                        stamp: Some(stamp.marked(Mark::Reason, reason)),
                        profile: Default::default(),
                        ..user.object(key, world.stamp())
                    };
                    self.want(Object::Guest(guest), because.clone(), None);
                }
                if user.sessions_valid_from.is_some_and(|from| from < begun) {
                    let guest = user.object(key, world.stamp());
                    self.act(
                        Action::RevokeSessions,
                        guest.clone(),
                        guest,
                        because.clone(),
                        None,
                    );
                }
            }
        }
        if due.strip
            && let Some(fate) = self.fates.get_mut(key)
        {
            fate.strip = Some(Gone {
                because: because.clone(),
                counts,
            });
        }
        if let Some((rung, at)) = due.next {
            let code = if rung == Rung::Delete {
                "deletion-coming"
            } else {
                "offboarding"
            };
            let text = format!(
                "{}; {} on {}",
                because.text,
                rung.done(),
                show(at, world.zone())
            );
            let finding = self.info(code, &address, text);
            finding.origin = because.origin.clone();
        }
    }

    /// Blocks sign-in, ends sessions, and marks the account with when and why.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different fact about one step"
    )]
    pub(super) fn begin(
        &mut self,
        world: World<'_>,
        user: &User,
        key: &str,
        stamp: Stamp,
        reason: &str,
        because: Because,
        counts: Count,
    ) {
        let before = user.object(key, world.stamp());
        let stamp = stamp
            .marked_now(Mark::Offboarding)
            .marked(Mark::Reason, reason);
        let guest = Guest {
            stamp: Some(stamp),
            account_enabled: Some(false),
            profile: Default::default(),
            ..before.clone()
        };
        let revoked = guest.over(&before);
        self.want(Object::Guest(guest), because.clone(), Some(counts));
        self.act(
            Action::RevokeSessions,
            revoked.clone(),
            revoked,
            because,
            Some(counts),
        );
    }
}
