//! What a declared guest is asked by mail: to redeem an invitation, to do so under a new address,
//! to consent again, not to forget. At most one of them in a run.

use super::declared::wanted;
use super::guard::Kept;
use super::{Aim, World};
use crate::address::Address;
use crate::diff::Gone;
use crate::kinds::guest::user::User;
use crate::kinds::guest::written::Declared;
use crate::kinds::{Action, Kind};
use crate::plan::{Because, Count};
use crate::stamp::{Mark, Stamp};
use crate::time::{Days, Until, days_after, first_instant};

/// When people are told of an invitation that nobody redeems, if no rule says.
const PENDING_WARN: Days = Days(14);

impl Aim {
    /// Asks what has to be asked. `stamp` is the one that this run leaves behind; the marks of what
    /// is asked are added to it.
    pub(super) fn ask(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        user: &User,
        stamp: Stamp,
        kept: Option<&Kept>,
    ) {
        let handed = stamp.mark(Mark::Repoint).is_some()
            || declared
                .formerly
                .as_ref()
                .is_some_and(|old| user.label() == *old);
        if handed {
            self.repoint(world, declared, user, stamp, kept);
        } else if user.is_pending() {
            self.pending(world, declared, user, stamp, kept);
        } else if declared.blocked != Some(true) {
            self.consent(world, declared, user, stamp);
        }
    }

    /// Hands the account to the address the guest has now; also finishes what was begun.
    fn repoint(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        user: &User,
        stamp: Stamp,
        kept: Option<&Kept>,
    ) {
        let address = Address::guest(&declared.key);
        let old = declared.formerly.clone().unwrap_or_else(|| user.label());
        let before = user.object(&declared.key, world.stamp());
        if before.stamp.is_none() {
            let text = "cannot take over an account that does not carry our stamp: adopt it under its old address first";
            return self.refuse(declared, "repoint", text);
        }
        if let Some(kept) = kept {
            return self.refuse(
                declared,
                "repoint",
                format!("the account of {old} {}", kept.text()),
            );
        }
        let mut after = wanted(declared, stamp.without(Mark::Repoint), None).over(&before);
        after.mail = Some(declared.mail.clone());
        after.invitation = Some(declared.invitation.clone());
        let text = format!(
            "{} receives the account of {old} and everything it holds; {old} can no longer sign in with it",
            declared.mail
        );
        self.note(&address, text);
        self.mail(declared);
        let because = Because::at(format!("formerly {old}"), &declared.origin);
        self.act(
            Action::Repoint,
            before,
            after,
            because,
            Some(Count::Removal),
        );
    }

    /// Asks for consent again where it is older than `redeemedSince`.
    fn consent(&mut self, world: World<'_>, declared: &Declared, user: &User, stamp: Stamp) {
        let Some(since) = declared.redeemed_since else {
            return;
        };
        let cutoff = match since {
            Until::Day(day) => first_instant(day, world.zone()),
            Until::Instant(instant) => instant,
        };
        let accepted = user.external_user_state.as_deref() == Some("Accepted");
        let old = user.state_changed.is_some_and(|at| at < cutoff);
        let asked = stamp
            .instant(Mark::Reset, world.now)
            .is_some_and(|at| at >= cutoff);
        if cutoff > world.now || !accepted || !old || asked {
            return;
        }
        let before = user.object(&declared.key, world.stamp());
        let mut after = wanted(declared, stamp.marked_now(Mark::Reset), None).over(&before);
        after.invitation = Some(declared.invitation.clone());
        self.mail(declared);
        let because = Because::at(format!("redeemedSince {since}"), &declared.origin);
        self.act(Action::ResetRedemption, before, after, because, None);
    }

    /// A guest who has not redeemed the invitation.
    fn pending(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        user: &User,
        stamp: Stamp,
        kept: Option<&Kept>,
    ) {
        let Some(invited) = user.state_changed.or(user.created) else {
            return;
        };
        let address = Address::guest(&declared.key);
        let is_ours = user.object(&declared.key, world.stamp()).stamp.is_some();
        let over = world
            .policy
            .lifecycle
            .pending
            .delete
            .is_some_and(|days| days_after(invited, days, world.zone()) <= world.now);
        if over && is_ours && Self::was_reminded(world, &stamp) && kept.is_none() {
            let on = invited.to_zoned(world.zone().clone()).date();
            let because = Because::rule(format!(
                "invited {on}, never redeemed (lifecycle.pending.delete)"
            ));
            self.wanted.remove(&address);
            self.fates.remove(&declared.key);
            self.gone.insert(
                address,
                Gone {
                    because,
                    counts: Some(Count::Removal),
                },
            );
        } else {
            self.remind(world, declared, user, stamp);
        }
    }

    /// Sends the invitation once more, where that is due and was not done; else says that it waits.
    pub(super) fn remind(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        user: &User,
        stamp: Stamp,
    ) {
        let Some(invited) = user
            .state_changed
            .or(user.created)
            .filter(|_| user.is_pending())
        else {
            return;
        };
        let address = Address::guest(&declared.key);
        let rule = world.policy.lifecycle.pending.remind;
        if days_after(invited, rule.unwrap_or(PENDING_WARN), world.zone()) > world.now {
            return;
        }
        let on = invited.to_zoned(world.zone().clone()).date();
        if rule.is_none() || stamp.mark(Mark::Reminded).is_some() || declared.blocked == Some(true)
        {
            let text = format!("was invited {on} and has not redeemed the invitation");
            self.info("pending", &address, text).at(&declared.origin);
            return;
        }
        let before = user.object(&declared.key, world.stamp());
        let mut after = wanted(declared, stamp.marked_now(Mark::Reminded), None).over(&before);
        after.invitation = Some(declared.invitation.clone());
        self.note(
            &address,
            format!(
                "mail: the invitation is sent to {} once more",
                declared.mail
            ),
        );
        let because = Because::rule(format!(
            "invited {on}, not redeemed (lifecycle.pending.remind)"
        ));
        self.act(Action::Remind, before, after, because, None);
    }

    /// Returns whether the guest had the time between reminder and deletion, where both are
    /// written: nobody is deleted whom the rules would have reminded first.
    fn was_reminded(world: World<'_>, stamp: &Stamp) -> bool {
        let rules = world.policy.lifecycle.pending;
        let (Some(remind), Some(delete)) = (rules.remind, rules.delete) else {
            return true;
        };
        let grace = Days(delete.0.saturating_sub(remind.0));
        stamp
            .instant(Mark::Reminded, world.now)
            .is_some_and(|at| days_after(at, grace, world.zone()) <= world.now)
    }

    /// Notes whether a mail goes out, and to whom.
    pub(super) fn mail(&mut self, declared: &Declared) {
        let address = Address::guest(&declared.key);
        let invitation = &declared.invitation;
        let cc = invitation
            .cc
            .as_ref()
            .map(|cc| format!(", copy to {cc}"))
            .unwrap_or_default();
        let text = if invitation.send {
            format!(
                "mail: Microsoft sends the invitation to {}{cc}",
                declared.mail
            )
        } else {
            "mail: none is sent".to_owned()
        };
        self.note(&address, text);
        if invitation.message.is_some() {
            let text = "Graph drops `invitation.message` when an application invites";
            self.warn("message-dropped", &address, text)
                .at(&declared.origin);
            if invitation.language.is_some() {
                self.warn(
                    "language-ignored",
                    &address,
                    "Graph ignores `invitation.language` when there is a message",
                )
                .at(&declared.origin);
            }
        }
    }
}
