//! Guests that a file declares and the tenant has: adopt, keep, end. Whoever is not there is in
//! `absent`.

use jiff::Timestamp;

use super::consent::was_asked;
use super::ending::Leaving;
use super::guard::Kept;
use super::welcome::with_welcome;
use super::{Aim, Fate, Present, World};
use crate::address::Address;
use crate::diff::Drawn;
use crate::kinds::guest::Guest;
use crate::kinds::guest::user::User;
use crate::kinds::guest::written::Declared;
use crate::kinds::{Action, Change, Object};
use crate::matching::Match;
use crate::plan::{Because, Count};
use crate::policy::{Ladder, Orphaned};
use crate::stamp::{Mark, Reading, Stamp};
use crate::time::{Days, show};

impl Aim {
    pub(super) fn declared(&mut self, world: World<'_>) {
        let guests: Vec<_> = world.desired.guests.values().collect();
        self.each(&guests, |aim, declared| aim.one_declared(world, declared));
    }

    fn one_declared(&mut self, world: World<'_>, declared: &Declared) {
        match world.matching.of(&declared.key) {
            Match::Blocked(why) => self.refuse(declared, "match", why),
            Match::Absent => self.absent(world, declared),
            Match::Deleted(user) => self.deleted(world, declared, user),
            Match::Live(user) => self.live(world, declared, user),
        }
    }

    /// Blocks every step on a declared guest.
    pub(super) fn refuse(&mut self, declared: &Declared, code: &str, why: impl Into<String>) {
        self.block(code, &Address::guest(&declared.key), why)
            .at(&declared.origin);
    }

    fn live(&mut self, world: World<'_>, declared: &Declared, user: &User) {
        let address = Address::guest(&declared.key);
        let observed = user.object(&declared.key, world.stamp());
        self.see(Object::Guest(observed.into()), Some(&user.id));
        self.managed += usize::from(is_ours(world, user));
        let stamp = match Self::take_on(world, declared, user) {
            Ok(stamp) => stamp,
            Err((code, why)) => {
                let finding = self.block(code, &address, why).at(&declared.origin);
                if let Reading::Foreign(text) = user.stamp(world.stamp()) {
                    finding.hint(format!("{} holds: {text}", world.stamp()));
                }
                return;
            }
        };
        let adopting = !is_ours(world, user);
        let kept = world.kept(user);
        if let Some(end) = over(world, declared) {
            if adopting {
                let text = format!(
                    "exists already and its declared time ended {}: a typo must not cost an account",
                    show(end, world.zone())
                );
                self.refuse(declared, "over-at-adoption", text);
                return;
            }
            return self.ending(world, declared, user, stamp, end, kept);
        }
        let fate = self.fate(declared, Some(user), kept != Some(Kept::Restricted));
        fate.kept = kept.clone();
        let who = Present {
            world,
            declared,
            user,
            kept: kept.as_ref(),
        };
        self.keep(who, stamp);
        self.expiring(world, declared, kept.as_ref());
        if adopting {
            self.info(
                "adopted",
                &address,
                "exists already and is taken on: never invited again",
            )
            .at(&declared.origin);
        }
    }

    /// Returns the stamp to go on from, or why the guest cannot be ours.
    fn take_on(
        world: World<'_>,
        declared: &Declared,
        user: &User,
    ) -> Result<Stamp, (&'static str, String)> {
        let attribute = world.stamp();
        if let Some(other) = elsewhere(user, attribute)
            .filter(|other| world.request.moved_from.as_deref() != Some(other))
        {
            return Err((
                "stamp-moved",
                format!(
                    "carries a stamp in {other}, but `tenant.stamp` is {attribute}; `--stamp-was {other}` moves it"
                ),
            ));
        }
        match user.stamp(attribute) {
            Reading::Stamp(stamp) if stamp.owner == world.owner() => Ok(stamp),
            Reading::Stamp(stamp) if world.request.take_over.as_ref() == Some(&stamp.owner) => {
                Ok(taken_over(stamp, world))
            }
            Reading::Stamp(stamp) => Err((
                "foreign-stamp",
                format!(
                    "belongs to `{0}`; `--take-over {0}` makes it ours",
                    stamp.owner
                ),
            )),
            // What it holds is said apart: it may be anything about anybody.
            Reading::Foreign(_) => Err((
                "foreign-stamp",
                format!("{attribute} holds other text, which is never overwritten"),
            )),
            Reading::Empty if user.synced => Err((
                "synced",
                format!("is synchronised from on-premises: {attribute} cannot be written"),
            )),
            Reading::Empty if world.snapshot.governed.contains(&user.id) && !declared.adopt => {
                Err(("governed", "is governed by entitlement management, which may delete it: `adopt: true` takes it on all the same".to_owned()))
            }
            Reading::Empty => match elsewhere(user, attribute).map(|from| user.stamp(&from)) {
                Some(Reading::Stamp(stamp)) if stamp.owner != world.owner() => {
                    Err(("foreign-stamp", format!("belongs to `{}`", stamp.owner)))
                }
                Some(Reading::Stamp(stamp)) => Ok(stamp),
                _ => Ok(Stamp::new(world.owner())),
            },
        }
    }

    /// A guest whose time is not over.
    fn keep(&mut self, who: Present<'_>, stamp: Stamp) {
        let Present {
            world,
            declared,
            user,
            kept,
        } = who;
        let address = Address::guest(&declared.key);
        if kept == Some(&Kept::Restricted) {
            self.warn("restricted", &address, Kept::Restricted.text())
                .at(&declared.origin);
            return;
        }
        let adopting = !is_ours(world, user);
        let orphan = self.orphan(who);
        if let Some(because) = orphan.filter(|_| kept.is_none() && !adopting) {
            return self.end_orphan(who, stamp, because);
        }
        let enabled = self.sign_in(declared, user, &stamp, kept);
        let back = adopting || stamp.mark(Mark::Offboarding).is_some();
        let had_none =
            user.stamp(world.stamp()) == Reading::Empty && elsewhere(user, world.stamp()).is_none();
        let mut clean = with_welcome(who, stamp.settled(), had_none);
        if was_asked(user, &clean, world.now) {
            clean = clean.without(Mark::Repoint);
        }
        if user.is_pending() && back {
            // Deletion counts from when we took the guest on, or back.
            clean = clean.marked_now(Mark::Pending);
        }
        let blocks = enabled == Some(false) && user.account_enabled != Some(false);
        let because = if blocks { "blocked" } else { "declared" };
        let because = Because::at(because, &declared.origin);
        let counts = blocks.then_some(Count::Removal);
        if blocks {
            let guest = user.object(&declared.key, world.stamp());
            let revoke = Action::RevokeSessions;
            self.act(revoke, guest.clone(), guest, because.clone(), counts);
        }
        let mut guest = wanted(declared, clean.clone(), enabled);
        guest.clears = elsewhere(user, world.stamp());
        self.want(Object::Guest(guest.into()), because, counts);
        self.ask(who, clean);
    }

    /// Decides whether sign-in should be possible; `None` leaves it as it is.
    fn sign_in(
        &mut self,
        declared: &Declared,
        user: &User,
        stamp: &Stamp,
        kept: Option<&Kept>,
    ) -> Option<bool> {
        let address = Address::guest(&declared.key);
        let disabled = user.account_enabled == Some(false);
        let by_us = stamp.mark(Mark::Offboarding).is_some() && stamp.mark(Mark::Blocked).is_none();
        match (declared.blocked, kept) {
            (Some(true), Some(kept)) if !disabled => {
                let text = format!("{}, although `blocked: true`", kept.text());
                self.warn(kept.code(), &address, text).at(&declared.origin);
                None
            }
            (Some(blocked), _) => Some(!blocked),
            // What our own off-boarding disabled, being declared enables.
            (None, _) if disabled && by_us => Some(true),
            (None, _) if disabled => {
                let text = "sign-in was blocked by someone else and stays blocked";
                self.info("blocked-elsewhere", &address, text)
                    .at(&declared.origin);
                None
            }
            (None, _) => None,
        }
    }

    /// Disables a guest for whom nobody vouches, and does nothing after that.
    fn end_orphan(&mut self, who: Present<'_>, stamp: Stamp, because: Because) {
        let Present {
            world,
            declared,
            user,
            ..
        } = who;
        let ladder = Ladder {
            disable: Some(Days(0)),
            strip: None,
            delete: None,
        };
        let leaving = Leaving {
            user,
            key: &declared.key,
            stamp,
            reason: "orphaned",
            because,
            rule: world.policy.rule("orphaned"),
            since: world.now,
            first: Count::Removal,
            later: None,
        };
        self.descend(world, leaving, ladder);
    }

    /// Says that nobody vouches for a guest any more. Returns why to disable, if a rule says so.
    fn orphan(&mut self, who: Present<'_>) -> Option<Because> {
        let Present {
            world,
            declared,
            user,
            ..
        } = who;
        let text = world.snapshot.unvouched(user)?;
        let waiting = declared
            .sponsors
            .as_ref()
            .is_some_and(|names| names.iter().any(|name| self.vouches(world, name)));
        if waiting {
            return None;
        }
        self.warn("orphaned", &Address::guest(&declared.key), text)
            .at(&declared.origin);
        (world.policy.lifecycle.orphaned == Orphaned::Disable)
            .then(|| Because::rule(format!("{text} (lifecycle.orphaned)")))
    }

    /// Returns whether a declared sponsor may be there and can sign in. A name that leads nowhere
    /// may be a typo: it is not known that nobody vouches.
    fn vouches(&self, world: World<'_>, name: &str) -> bool {
        let Ok(id) = self.resolve(world, name) else {
            return true;
        };
        world
            .user(&id)
            .is_none_or(|user| user.account_enabled != Some(false))
    }

    pub(super) fn act(
        &mut self,
        action: Action,
        before: Guest,
        after: Guest,
        because: Because,
        counts: Option<Count>,
    ) {
        let change = Change::Act {
            action,
            before: Object::Guest(before.into()),
            after: Object::Guest(after.into()),
        };
        self.changes.push(Drawn::new(change, because, counts));
    }

    pub(super) fn fate(
        &mut self,
        declared: &Declared,
        user: Option<&User>,
        grant: bool,
    ) -> &mut Fate {
        let id = user.map(|user| user.id.clone());
        self.decide(
            &declared.key,
            Fate {
                id,
                grant,
                strip: None,
                power: None,
                stranger: false,
                kept: None,
                ahead: Vec::new(),
            },
        )
    }
}

/// Returns the declared guest as it should be in Graph.
pub(super) fn wanted(declared: &Declared, stamp: Stamp, enabled: Option<bool>) -> Guest {
    Guest {
        key: declared.key.clone(),
        mail: Some(declared.mail.clone()),
        profile: declared.profile.clone(),
        account_enabled: enabled,
        external_user_state: None,
        stamp: Some(stamp),
        clears: None,
        invitation: None,
    }
}

/// Returns another owner's stamp as ours. What the other owner had begun is not ours to finish.
pub(super) fn taken_over(stamp: Stamp, world: World<'_>) -> Stamp {
    stamp.owned_by(world.owner()).settled()
}

/// Returns whether an account carries our stamp already.
pub(super) fn is_ours(world: World<'_>, user: &User) -> bool {
    user.is_of(world.owner(), world.stamp())
}

/// Returns when the declared time ended, if it has.
pub(super) fn over(world: World<'_>, declared: &Declared) -> Option<Timestamp> {
    declared
        .expires
        .map(|expires| expires.end(world.zone()))
        .filter(|end| *end <= world.now)
}

/// Returns when we disabled an account. An instant that cannot be read, lies in the future, or
/// stands on an enabled account is none: the grace then begins anew.
pub(super) fn begun(user: &User, stamp: &Stamp, now: Timestamp) -> Option<Timestamp> {
    stamp
        .instant(Mark::Offboarding, now)
        .filter(|_| user.account_enabled == Some(false))
}

/// Returns the other attribute in which a guest carries a stamp, if there is one.
pub(super) fn elsewhere(user: &User, attribute: &str) -> Option<String> {
    let others = user
        .attributes
        .iter()
        .filter(|(name, _)| name.as_str() != attribute);
    let mut stamped = others.filter(|(_, text)| Stamp::owner_in(Some(text)).is_some());
    stamped.next().map(|(name, _)| name.clone())
}
