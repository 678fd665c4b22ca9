//! The end of a guest's time: what is said ahead of it, and the rungs that follow.

use jiff::{SignedDuration, Timestamp};

use super::declared::begun;
use super::guard::Kept;
use super::next::{Next, What};
use super::{Aim, World};
use crate::address::Address;
use crate::diff::Gone;
use crate::kinds::guest::Guest;
use crate::kinds::guest::user::User;
use crate::kinds::guest::written::Declared;
use crate::kinds::{Action, Kind, Object};
use crate::load::Origin;
use crate::offboard::{Rung, due, first};
use crate::plan::{Because, Count};
use crate::policy::Ladder;
use crate::stamp::{Mark, Stamp};
use crate::time::{days_after, show};

/// A guest whose access ends.
pub(super) struct Leaving<'a> {
    pub(super) user: &'a User,
    pub(super) key: &'a str,
    pub(super) stamp: Stamp,
    /// Why, as the stamp says it.
    pub(super) reason: &'static str,
    /// Why, as people read it.
    pub(super) because: Because,
    /// The rule by which it goes on.
    pub(super) rule: Origin,
    /// When the reason arose.
    pub(super) since: Timestamp,
    /// What the first rung counts against.
    pub(super) first: Count,
    /// What the later ones count against.
    pub(super) later: Option<Count>,
}

impl Aim {
    /// Says that a guest's end is near.
    pub(super) fn expiring(&mut self, world: World<'_>, declared: &Declared, kept: Option<&Kept>) {
        let Some(expires) = declared.expires else {
            return;
        };
        let end = expires.end(world.zone());
        let ladder = world.policy.lifecycle.expired;
        if let Some((rung, at)) = first(ladder, end, world.zone()).filter(|_| kept.is_none()) {
            let what = What::Rung(rung);
            let origin = None;
            self.foresee(&declared.key, Next { at, what, origin });
        }
        let warn = world.policy.lifecycle.expiring.warn;
        if end <= days_after(world.now, warn, world.zone()) {
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
        self.fate(declared, Some(user), false).kept = kept.clone();
        let ended = show(end, world.zone());
        if let Some(kept) = kept {
            let text = format!("{}, although the time ended {ended}", kept.text());
            self.warn(kept.code(), &Address::guest(&declared.key), text)
                .at(&declared.expires_origin);
            return;
        }
        let because = Because::at(format!("expired {ended}"), &declared.expires_origin);
        let leaving = Leaving {
            user,
            key: &declared.key,
            stamp,
            reason: "expired",
            because,
            rule: declared.expires_origin.clone(),
            since: end,
            first: Count::Expiry,
            later: None,
        };
        self.descend(world, leaving, world.policy.lifecycle.expired);
    }

    /// Goes down the rungs that are due.
    pub(super) fn descend(&mut self, world: World<'_>, leaving: Leaving<'_>, ladder: Ladder) {
        let (user, key) = (leaving.user, leaving.key);
        let disabled = begun(user, &leaving.stamp, world.now);
        let same_reason = leaving.stamp.mark(Mark::Reason) == Some(leaving.reason);
        // For another reason than it began for, off-boarding begins anew, and so does the grace.
        let anew = disabled.is_some() && !same_reason;
        let begun = if anew { Some(world.now) } else { disabled };
        let due = due(ladder, leaving.since, begun, world.now, world.zone());
        let because = &leaving.because;
        if due.delete {
            let gone = Gone {
                because: because.clone(),
                counts: leaving.later,
            };
            self.gone.insert(Address::guest(key), gone);
            return;
        }
        match begun {
            _ if anew => {
                let before = user.object(key, world.stamp());
                let guest = marked(&before, &leaving);
                let revoked = guest.over(&before);
                self.want(Object::Guest(guest.into()), because.clone(), None);
                let revoke = Action::RevokeSessions;
                self.act(revoke, revoked.clone(), revoked, because.clone(), None);
            }
            None if due.disable => self.begin(world, &leaving),
            Some(begun) if sessions_outlive(user, begun) => {
                let guest = user.object(key, world.stamp());
                let revoke = Action::RevokeSessions;
                self.act(revoke, guest.clone(), guest, because.clone(), None);
            }
            _ => {}
        }
        if let Some(fate) = self.fates.get_mut(key) {
            let first = begun.is_none() || anew;
            let counts = if first {
                Some(leaving.first)
            } else {
                leaving.later
            };
            let gone = Gone {
                because: because.clone(),
                counts,
            };
            let strips = ladder.strip.is_some();
            fate.power = (due.disable && strips).then(|| gone.clone());
            fate.strip = due.strip.then_some(gone);
        }
        self.announce(world, &leaving, due.ahead);
    }

    /// Blocks sign-in, ends sessions, and marks the account with when and why.
    fn begin(&mut self, world: World<'_>, leaving: &Leaving<'_>) {
        let before = leaving.user.object(leaving.key, world.stamp());
        let guest = Guest {
            account_enabled: Some(false),
            ..marked(&before, leaving)
        };
        let revoked = guest.over(&before);
        let (because, counts) = (leaving.because.clone(), Some(leaving.first));
        self.want(Object::Guest(guest.into()), because.clone(), counts);
        let revoke = Action::RevokeSessions;
        self.act(revoke, revoked.clone(), revoked, because, counts);
    }

    /// Says what happens to the guest next, and when.
    fn announce(&mut self, world: World<'_>, leaving: &Leaving<'_>, ahead: Vec<(Rung, Timestamp)>) {
        let Some(&(rung, at)) = ahead.first() else {
            return;
        };
        for (rung, at) in ahead {
            let next = Next {
                at,
                what: What::Rung(rung),
                origin: Some(leaving.rule.clone()),
            };
            self.foresee(leaving.key, next);
        }
        let code = match rung {
            Rung::Delete => "deletion-coming",
            _ => "offboarding",
        };
        let because = &leaving.because;
        let text = format!(
            "{}; {} on {}",
            because.text,
            rung.done(),
            show(at, world.zone())
        );
        let finding = self.info(code, &Address::guest(leaving.key), text);
        finding.origin = because.origin.clone();
    }
}

/// Returns whether sessions from before an instant of ours are still good. The tenant's clock may
/// be behind ours by a little.
fn sessions_outlive(user: &User, begun: Timestamp) -> bool {
    let skew = SignedDuration::from_mins(5);
    user.sessions_valid_from
        .is_some_and(|from| from.duration_until(begun) > skew)
}

/// Returns the account as it is, marked with when off-boarding begins and why; and whether someone
/// else had blocked sign-in before, because then being declared again does not unblock it.
fn marked(before: &Guest, leaving: &Leaving<'_>) -> Guest {
    let stamp = leaving.stamp.clone();
    let by_other = before.account_enabled == Some(false) && stamp.mark(Mark::Offboarding).is_none();
    let stamp = if by_other {
        stamp.marked(Mark::Blocked, "elsewhere")
    } else {
        stamp
    };
    let stamp = stamp.marked_now(Mark::Offboarding);
    Guest {
        stamp: Some(stamp.marked(Mark::Reason, leaving.reason)),
        profile: Default::default(),
        ..before.clone()
    }
}
