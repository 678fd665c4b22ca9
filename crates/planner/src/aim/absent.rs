//! Guests that a file declares and the tenant does not have, or not any more: invite, bring back,
//! or leave in peace.

use jiff::Timestamp;

use super::consent::given_up;
use super::declared::{over, taken_over, wanted};
use super::{Aim, Present, World};
use crate::address::Address;
use crate::kinds::guest::user::User;
use crate::kinds::guest::written::Declared;
use crate::kinds::{Action, Kind, Object};
use crate::plan::Because;
use crate::policy::Left;
use crate::stamp::{Mark, OWED, Reading, Stamp};
use crate::time::{days_after, show};

impl Aim {
    /// Nobody answers to the address.
    pub(super) fn absent(&mut self, world: World<'_>, declared: &Declared) {
        let address = Address::guest(&declared.key);
        if let Some(end) = over(world, declared) {
            let text = format!("is not invited: the time ended {}", show(end, world.zone()));
            self.info("over", &address, text)
                .at(&declared.expires_origin);
            return;
        }
        if declared.formerly.is_some() {
            let text = "nobody in the tenant has the former address: a new guest is invited";
            self.warn("formerly-unknown", &address, text)
                .at(&declared.origin);
        }
        let mut invitation = match self.invitation(world, declared) {
            Ok(invitation) => invitation,
            Err(why) => return self.refuse(declared, "sender-unknown", why),
        };
        let mut stamp = Stamp::new(world.owner());
        if declared.blocked == Some(true) && invitation.mail.take().is_some() {
            stamp = stamp.marked(Mark::Welcome, OWED);
        }
        let mut guest = wanted(declared, stamp, declared.blocked.map(|blocked| !blocked));
        self.mail(declared, &invitation, &declared.mail);
        guest.invitation = Some(invitation);
        self.want(
            Object::Guest(guest.into()),
            Because::written(&declared.origin),
            None,
        );
        let kept = world.kept_when_there(&declared.key);
        self.fate(declared, None, true).kept = kept.clone();
        if declared.blocked != Some(true) && kept.is_none() {
            self.foresee_waiting(world, declared);
        }
    }

    /// A deleted account did.
    pub(super) fn deleted(&mut self, world: World<'_>, declared: &Declared, user: &User) {
        let address = Address::guest(&declared.key);
        if over(world, declared).is_some() {
            self.info("over", &address, "is deleted, and the time is over")
                .hint("the entry can be removed")
                .at(&declared.expires_origin);
            return;
        }
        let stamp = match user.stamp(world.stamp()) {
            Reading::Stamp(stamp) if stamp.owner == world.owner() => stamp,
            Reading::Stamp(stamp) if world.request.take_over.as_ref() == Some(&stamp.owner) => {
                taken_over(stamp, world)
            }
            Reading::Empty => Stamp::new(world.owner()),
            _ => {
                return self.refuse(
                    declared,
                    "foreign-stamp",
                    "is deleted, and the account belongs to someone else",
                );
            }
        };
        let by_us = deleted_by_us(world, user, &stamp);
        let given_up = given_up(world, user, &stamp).is_some_and(|at| at <= world.now);
        if !by_us && given_up {
            let text = "is deleted and never redeemed the invitation: not brought back (lifecycle.pending.delete)";
            self.warn("never-redeemed", &address, text)
                .hint("remove the entry")
                .at(&declared.origin);
            return;
        }
        if !by_us && world.policy.lifecycle.left == Left::Report {
            let when = user.deleted.map_or_else(String::new, |at| {
                format!(" on {}", at.to_zoned(world.zone().clone()).date())
            });
            let text =
                format!("left the tenant or was deleted by someone else{when}: not invited again");
            let finding = self.warn("left", &address, text).at(&declared.origin);
            finding.hint("remove the entry, or bring the guest back with `lifecycle.left: rejoin`; 30 days after the deletion the tenant forgets, and the guest would be invited anew");
            return;
        }
        let before = user.object(&declared.key, world.stamp());
        let mut clean = stamp.settled();
        if user.is_pending() {
            // Whoever is brought back has the whole time once more.
            clean = clean.marked_now(Mark::Pending);
        }
        let enabled = match declared.blocked {
            Some(true) if world.kept(user).is_some() => None,
            blocked => Some(blocked != Some(true)),
        };
        let after = wanted(declared, clean.clone(), enabled).over(&before);
        self.ids.bind(address, user.id.clone());
        let text = if by_us {
            "declared again; we had deleted it"
        } else {
            "declared, and `lifecycle.left` is rejoin"
        };
        self.act(
            Action::Restore,
            before,
            after,
            Because::at(text, &declared.origin),
            None,
        );
        self.fate(declared, Some(user), true).kept = world.kept(user);
        let who = Present {
            world,
            declared,
            user,
            kept: None,
        };
        self.remind(who, clean);
    }
}

/// Returns whether our own ladder deleted an account: only if it was deleted on or after the day
/// on which the ladder allowed it.
fn deleted_by_us(world: World<'_>, user: &User, stamp: &Stamp) -> bool {
    let ladder = match stamp.mark(Mark::Reason) {
        Some("expired") => world.policy.lifecycle.expired,
        Some("undeclared" | "scope") => world.policy.lifecycle.undeclared,
        _ => return false,
    };
    let (Some(begun), Some(delete), Some(deleted)) = (
        stamp.instant(Mark::Offboarding, world.now),
        ladder.delete,
        user.deleted,
    ) else {
        return false;
    };
    let day = |instant: Timestamp| instant.to_zoned(world.zone().clone()).date();
    user.account_enabled != Some(true)
        && day(deleted) >= day(days_after(begun, delete, world.zone()))
}
