//! Which mail goes out with an invitation, from where, and to whom; and the welcome that is still owed to a
//! guest because a run was stopped before it was sent.

use std::borrow::Cow;

use super::declared::wanted;
use super::{Aim, Present, World};
use crate::address::Address;
use crate::kinds::guest::Invitation;
use crate::kinds::guest::written::Declared;
use crate::kinds::{Action, Kind};
use crate::mail::Mail;
use crate::plan::Because;
use crate::stamp::{Mark, OWED, Stamp};
use crate::time::{Until, show};

impl Aim {
    /// Returns the invitation of a guest with the mail that we send ourselves, if we do; or why we cannot.
    pub(super) fn invitation(
        &self,
        world: World<'_>,
        declared: &Declared,
    ) -> Result<Invitation, String> {
        let mut invitation = declared.invitation.clone();
        if let Some(from) = declared
            .invitation
            .from
            .as_ref()
            .filter(|_| invitation.send)
        {
            let sender = self.mailbox(world, from)?;
            let welcome = &world.policy.mails.welcome;
            let mut mail = Mail::welcome(welcome, &filling(world, declared), from, &sender);
            mail.cc.clone_from(&invitation.cc);
            invitation.mail = Some(mail);
        }
        Ok(invitation)
    }

    /// Returns the account that has a mailbox of this tenant.
    fn mailbox(&self, world: World<'_>, from: &str) -> Result<String, String> {
        let id = self.resolve(world, from);
        let id = id.map_err(|why| format!("no mail can be sent from {from}: {why}"))?;
        match world.user(&id) {
            Some(user) if !user.is_guest() => Ok(id),
            _ => Err(format!(
                "no mail can be sent from {from}: it is no user of this tenant"
            )),
        }
    }

    /// Notes whether a mail goes out, and to whom.
    pub(super) fn mail(&mut self, declared: &Declared, invitation: &Invitation, to: &str) {
        let address = Address::guest(&declared.key);
        let cc = copied(invitation);
        let text = match &invitation.mail {
            _ if !invitation.send => "mail: none is sent".to_owned(),
            // The subject may hold names, and notes are shown where names are not.
            Some(mail) => format!("mail: {} sends the welcome to {to}{cc}", mail.from),
            None if invitation.is_ours() => {
                "mail: none is sent while sign-in is blocked; the welcome follows".to_owned()
            }
            None => format!("mail: Microsoft sends the invitation to {to}{cc}"),
        };
        self.note(&address, text);
        if invitation.message.is_some() && !invitation.is_ours() {
            self.warn(
                "message-dropped",
                &address,
                "Graph drops `invitation.message` when an application invites",
            )
            .hint("`invitation.from` sends it from a mailbox of yours")
            .at(&declared.origin);
        }
        if invitation.language.is_some() && (invitation.message.is_some() || invitation.is_ours()) {
            let text = match invitation.is_ours() {
                true => "`invitation.language` says nothing where we send the mail ourselves",
                false => "Graph ignores `invitation.language` when there is a message",
            };
            self.warn("language-ignored", &address, text)
                .at(&declared.origin);
        }
    }

    /// Sends the welcome that is owed.
    pub(super) fn welcome(&mut self, who: Present<'_>, stamp: Stamp) {
        let Present {
            world,
            declared,
            user,
            ..
        } = who;
        let Some((invitation, mail)) = self.asking(who) else {
            return;
        };
        let before = user.object(&declared.key, world.stamp());
        let mut after = wanted(declared, stamp.without(Mark::Welcome), None).over(&before);
        self.mail(declared, &invitation, &mail);
        after.invitation = Some(invitation);
        let because = Because::at("the welcome is owed", &declared.origin);
        self.act(Action::Welcome, before, after, because, None);
    }

    /// Returns how a guest who is there is asked to redeem, and under which address; says why not.
    pub(super) fn asking(&mut self, who: Present<'_>) -> Option<(Invitation, String)> {
        let Present {
            world,
            declared,
            user,
            kept,
        } = who;
        let mail = self.reachable(declared, user, kept)?;
        match self.invitation(world, declared) {
            Ok(invitation) => Some((invitation, mail)),
            Err(why) => {
                self.warn("sender-unknown", &Address::guest(&declared.key), why)
                    .at(&declared.origin);
                None
            }
        }
    }

    /// Says that nobody knows whether a welcome was sent.
    pub(super) fn welcome_in_doubt(&mut self, declared: &Declared, attribute: &str) {
        let text = "a run ended while it sent the welcome: whether it went out is not known, and it is not sent again by itself";
        let hint = format!(
            "if it did not arrive, write `welcome=owed` for `welcome=sending` into the guest's {attribute}"
        );
        self.warn("welcome-in-doubt", &Address::guest(&declared.key), text)
            .hint(&hint)
            .at(&declared.origin);
    }
}

/// Says who gets a copy of the mail to a guest.
pub(super) fn copied(invitation: &Invitation) -> String {
    let link = if invitation.is_ours() {
        " without the link"
    } else {
        ""
    };
    let cc = invitation.cc.iter();
    cc.map(|cc| format!(", copy{link} to {cc}")).collect()
}

/// Returns the stamp with what is known of the welcome. Who has redeemed needs none. An account without a
/// stamp that waits to be redeemed may be one whose run was killed right after inviting: of us, it had no
/// mail. Whoever carries our stamp and no such mark was welcomed, or invited by Microsoft.
pub(super) fn with_welcome(who: Present<'_>, stamp: Stamp, is_new: bool) -> Stamp {
    let Present {
        declared,
        user,
        kept,
        ..
    } = who;
    if !user.is_pending() {
        return stamp.without(Mark::Welcome);
    }
    let owed = is_new && kept.is_none() && declared.invitation.is_ours();
    match stamp.mark(Mark::Welcome) {
        None if owed => stamp.marked(Mark::Welcome, OWED),
        // What is owed and wanted no more is not owed.
        Some(OWED) if !declared.invitation.send => stamp.without(Mark::Welcome),
        _ => stamp,
    }
}

/// Returns what a welcome may name.
fn filling<'a>(world: World<'a>, declared: &'a Declared) -> Vec<(&'static str, Cow<'a, str>)> {
    let name = declared.profile.get("displayName");
    let name = name.and_then(Option::as_deref).unwrap_or(&declared.mail);
    let expires = declared.expires.map(|expires| match expires {
        Until::Day(day) => day.to_string(),
        Until::Instant(instant) => show(instant, world.zone()),
    });
    let sponsors = declared.sponsors.iter().flatten();
    let sponsors: Vec<_> = sponsors.map(String::as_str).collect();
    let tenant = world.snapshot.tenant_name.as_deref();
    let tenant = tenant.unwrap_or(&world.policy.tenant.id);
    let message = declared.invitation.message.as_deref();
    vec![
        ("displayName", name.into()),
        ("mail", declared.mail.as_str().into()),
        ("message", message.unwrap_or_default().into()),
        ("expires", expires.unwrap_or_default().into()),
        ("sponsors", sponsors.join(", ").into()),
        ("tenant", tenant.into()),
    ]
}
