//! What a declared guest is asked by mail: to redeem an invitation, to do so under a new address,
//! to consent again, not to forget. At most one of them in a run.

use super::declared::{is_ours, wanted};
use super::guard::Kept;
use super::next::{Next, What};
use super::welcome::copied;
use super::{Aim, Present, World};
use jiff::{SignedDuration, Timestamp};

use crate::address::Address;
use crate::diff::Gone;
use crate::kinds::guest::user::User;
use crate::kinds::guest::written::Declared;
use crate::kinds::{Action, Kind, Object};
use crate::plan::{Because, Count};
use crate::stamp::{Mark, OWED, Stamp};
use crate::time::{Days, Until, days_after, first_instant};

/// When people are told of an invitation that nobody redeems, if no rule says.
const PENDING_WARN: Days = Days(14);

impl Aim {
    /// Asks what has to be asked. `stamp` is the one that this run leaves behind; the marks of what
    /// is asked are added to it.
    pub(super) fn ask(&mut self, who: Present<'_>, stamp: Stamp) {
        let Present { declared, user, .. } = who;
        let handed = stamp.mark(Mark::Repoint).is_some()
            || declared
                .formerly
                .as_ref()
                .is_some_and(|old| user.label() == *old);
        if handed {
            self.repoint(who, stamp);
        } else if declared.blocked == Some(true) {
            // Whoever may not sign in is not asked to.
        } else if user.is_pending() {
            self.pending(who, stamp);
        } else {
            self.consent(who, stamp);
        }
    }

    /// Returns the address to which an invitation for an existing account goes; says why not.
    pub(super) fn reachable(
        &mut self,
        declared: &Declared,
        user: &User,
        kept: Option<&Kept>,
    ) -> Option<String> {
        let address = Address::guest(&declared.key);
        // Graph refuses a reset for whoever holds a role; protected people are left in peace.
        // Source: "Reset redemption status for a guest user", Entra External ID.
        if let Some(kept) = kept {
            self.warn(
                kept.code(),
                &address,
                format!("{}: is not asked to redeem again", kept.text()),
            )
            .at(&declared.origin);
            return None;
        }
        if user.mail.is_none() {
            self.warn(
                "no-mail",
                &address,
                "has no `mail` in the tenant: cannot be asked to redeem again",
            )
            .at(&declared.origin);
        }
        user.mail.clone()
    }

    /// Hands the account to the address the guest has now; also finishes what was begun.
    fn repoint(&mut self, who: Present<'_>, stamp: Stamp) {
        let Present {
            world,
            declared,
            user,
            kept,
        } = who;
        let address = Address::guest(&declared.key);
        let old = declared.formerly.clone().unwrap_or_else(|| user.label());
        let before = user.object(&declared.key, world.stamp());
        if !is_ours(world, user) {
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
        if let Some(why) = world.cannot_reset(user) {
            let text = format!("the account of {old} cannot be handed over: {why}");
            return self.refuse(declared, "holds-role", text);
        }
        // One step does it all: nothing of the new entry reaches the account while it has the
        // old address.
        let enabled = match self.wanted.remove(&address).map(|wanted| wanted.object) {
            Some(Object::Guest(guest)) => guest.account_enabled,
            _ => None,
        };
        let invitation = match self.invitation(world, declared) {
            Ok(invitation) => invitation,
            Err(why) => return self.refuse(declared, "sender-unknown", why),
        };
        let mut after = wanted(declared, stamp.without(Mark::Repoint), enabled).over(&before);
        after.mail = Some(declared.mail.clone());
        let text = format!(
            "{} receives the account of {old} and everything it holds; {old} can no longer sign in with it",
            declared.mail
        );
        self.note(&address, text);
        self.mail(declared, &invitation, &declared.mail);
        after.invitation = Some(invitation);
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
    fn consent(&mut self, who: Present<'_>, stamp: Stamp) {
        let Present {
            world,
            declared,
            user,
            ..
        } = who;
        let Some(since) = declared.redeemed_since else {
            return;
        };
        let cutoff = match since {
            Until::Day(day) => first_instant(day, world.zone()),
            Until::Instant(instant) => instant,
        };
        let accepted = user.is_accepted();
        let old = user.state_changed.is_some_and(|at| at < cutoff);
        let asked = stamp
            .instant(Mark::Reset, world.now)
            .is_some_and(|at| at >= cutoff);
        if cutoff > world.now || !accepted || !old || asked {
            return;
        }
        let Some((invitation, mail)) = self.asking(who) else {
            return;
        };
        if let Some(why) = world.cannot_reset(user) {
            let address = Address::guest(&declared.key);
            self.warn(
                "holds-role",
                &address,
                format!("is not asked to redeem again: {why}"),
            )
            .at(&declared.origin);
            return;
        }
        let before = user.object(&declared.key, world.stamp());
        let mut after = wanted(declared, stamp.marked_now(Mark::Reset), None).over(&before);
        self.mail(declared, &invitation, &mail);
        after.invitation = Some(invitation);
        let because = Because::at(format!("redeemedSince {since}"), &declared.origin);
        self.act(Action::ResetRedemption, before, after, because, None);
    }

    /// A guest who has not redeemed the invitation.
    fn pending(&mut self, who: Present<'_>, stamp: Stamp) {
        let Present {
            world,
            declared,
            user,
            kept,
        } = who;
        let goes = given_up(world, user, &stamp).filter(|_| kept.is_none() && is_ours(world, user));
        if goes.is_some_and(|at| at <= world.now) {
            let because =
                Because::rule("the invitation was never redeemed (lifecycle.pending.delete)");
            let address = Address::guest(&declared.key);
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
            if kept.is_none()
                && let Some(sent) = sent(user)
            {
                let since = stamp.instant(Mark::Pending, world.now).unwrap_or(world.now);
                let at = goes.or_else(|| would_go(world, declared, sent, since.max(sent)));
                self.foresee_given_up(world, declared, at);
            }
            match stamp.mark(Mark::Welcome) {
                Some(OWED) => return self.welcome(who, stamp),
                Some(_) => self.welcome_in_doubt(declared, world.stamp()),
                None => {}
            }
            self.remind(who, stamp);
        }
    }

    /// Says what happens to somebody who is invited now, if the invitation is not redeemed.
    pub(super) fn foresee_waiting(&mut self, world: World<'_>, declared: &Declared) {
        let remind = world.policy.lifecycle.pending.remind;
        if let Some(remind) = remind.filter(|_| declared.invitation.send) {
            let at = days_after(world.now, remind, world.zone());
            self.foresee_reminder(world, declared, at);
        }
        let at = would_go(world, declared, world.now, world.now);
        self.foresee_given_up(world, declared, at);
    }

    fn foresee_reminder(&mut self, world: World<'_>, declared: &Declared, at: Timestamp) {
        let (what, origin) = (What::Reminder, Some(world.policy.rule("pending")));
        self.foresee(&declared.key, Next { at, what, origin });
    }

    fn foresee_given_up(&mut self, world: World<'_>, declared: &Declared, at: Option<Timestamp>) {
        let (what, origin) = (What::GivenUp, Some(world.policy.rule("pending")));
        if let Some(at) = at {
            self.foresee(&declared.key, Next { at, what, origin });
        }
    }

    /// Sends the invitation once more, where that is due and was not done; else says that it waits.
    pub(super) fn remind(&mut self, who: Present<'_>, stamp: Stamp) {
        let Present {
            world,
            declared,
            user,
            kept,
        } = who;
        let Some(sent) = sent(user) else { return };
        if declared.blocked == Some(true) {
            return;
        }
        let rule = world.policy.lifecycle.pending.remind;
        let reminds =
            rule.is_some() && !was_reminded(&stamp, sent, world.now) && declared.invitation.send;
        let due = days_after(sent, rule.unwrap_or(PENDING_WARN), world.zone());
        if due > world.now {
            if reminds && kept.is_none() {
                self.foresee_reminder(world, declared, due);
            }
            return;
        }
        let on = sent.to_zoned(world.zone().clone()).date();
        let address = Address::guest(&declared.key);
        if !reminds {
            let text = format!("was invited {on} and has not redeemed the invitation");
            self.info("pending", &address, text).at(&declared.origin);
            return;
        }
        let Some((invitation, mail)) = self.asking(who) else {
            return;
        };
        let before = user.object(&declared.key, world.stamp());
        let stamp = stamp.without(Mark::Welcome).marked_now(Mark::Reminded);
        let mut after = wanted(declared, stamp, None).over(&before);
        let cc = copied(&invitation);
        let text = match &invitation.mail {
            Some(ours) => format!(
                "mail: {} sends the invitation to {mail} once more{cc}",
                ours.from
            ),
            None => format!("mail: the invitation is sent to {mail} once more{cc}"),
        };
        self.note(&address, text);
        after.invitation = Some(invitation);
        let because = Because::rule(format!(
            "invited {on}, not redeemed (lifecycle.pending.remind)"
        ));
        self.act(Action::Remind, before, after, because, None);
    }
}

/// Returns whether a hand-over that was interrupted had asked for redemption already: since its
/// mark was set, sessions were ended and the account has begun to wait. Then only the mark is left to
/// clear. Somebody else's request alone looks otherwise: it ends no sessions.
pub(super) fn was_asked(user: &User, stamp: &Stamp, now: Timestamp) -> bool {
    let Some(marked) = stamp.instant(Mark::Repoint, now) else {
        return false;
    };
    let since = |instant: Option<Timestamp>| instant.is_some_and(|instant| instant >= marked);
    since(sent(user)) && since(user.sessions_valid_from)
}

/// Returns when an account goes that waits for its invitation to be redeemed, as far as that is known.
/// It counts from when we took the guest on, if that came later; and whom the rules remind first has
/// the time from then on.
pub(super) fn given_up(world: World<'_>, user: &User, stamp: &Stamp) -> Option<Timestamp> {
    let rules = world.policy.lifecycle.pending;
    let (delete, sent) = (rules.delete?, sent(user)?);
    if stamp.is_marked_now(Mark::Pending) {
        return None;
    }
    let since = stamp
        .instant(Mark::Pending, world.now)
        .map_or(sent, |seen| seen.max(sent));
    let waited = days_after(since, delete, world.zone());
    let Some(remind) = rules.remind else {
        return Some(waited);
    };
    if !was_reminded(stamp, sent, world.now) {
        return None;
    }
    let grace = Days(delete.0.saturating_sub(remind.0));
    let reminded = stamp.instant(Mark::Reminded, world.now)?;
    Some(waited.max(days_after(reminded, grace, world.zone())))
}

/// Returns when an account would go at the earliest that was invited at `sent`, waits since `since`, and
/// is still to be reminded.
fn would_go(
    world: World<'_>,
    declared: &Declared,
    sent: Timestamp,
    since: Timestamp,
) -> Option<Timestamp> {
    let rules = world.policy.lifecycle.pending;
    let delete = rules.delete?;
    let waited = days_after(since, delete, world.zone());
    let Some(remind) = rules.remind else {
        return Some(waited);
    };
    let reminded = days_after(sent, remind, world.zone()).max(world.now);
    let grace = Days(delete.0.saturating_sub(remind.0));
    let told = days_after(reminded, grace, world.zone());
    declared.invitation.send.then(|| waited.max(told))
}

/// Returns whether the guest was reminded of the invitation that waits, and not of an earlier one. The mark
/// is set when the run begins, and the reminder itself may count as the invitation; a run takes hours.
fn was_reminded(stamp: &Stamp, sent: Timestamp, now: Timestamp) -> bool {
    let marked = stamp.instant(Mark::Reminded, now);
    // A mark that cannot be read must not lead to a mail every day.
    stamp.mark(Mark::Reminded).is_some()
        && marked.is_none_or(|marked| marked + SignedDuration::from_hours(24) >= sent)
}

/// Returns when the invitation that waits was sent.
fn sent(user: &User) -> Option<Timestamp> {
    user.state_changed
        .or(user.created)
        .filter(|_| user.is_pending())
}
