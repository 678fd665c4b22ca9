//! Asks a guest to redeem, or to redeem again, and sends our own mail for it where Microsoft sends none.
//! Here a guest is as it will be. Each request marks what the next run must know if this one is stopped.

use serde_json::{Value, json};

use super::{Guest, LINK};
use crate::kinds::{Cx, Kind};
use crate::mail::Mail;
use crate::request::Request;
use crate::stamp::{Mark, OWED, SENDING};

impl Guest {
    /// Returns the requests that hand the account to another address. It goes into `mail` first, with a
    /// mark that the reset is still owed.
    pub(super) fn repoint(&self, before: &Self, id: &str, cx: &Cx<'_>) -> Vec<Request> {
        let owing = self.owing();
        let stamp = owing.stamp.clone();
        let marked = Self {
            stamp: stamp.map(|stamp| stamp.marked_now(Mark::Repoint)),
            ..self.clone()
        };
        let begin = marked.patch(Some(before), cx);
        let end = owing.patch(Some(&marked), cx);
        begin
            .into_iter()
            .chain([Self::revoke(id), self.asking(id)])
            .chain(end)
            .chain(self.delivery(cx))
            .collect()
    }

    /// Returns the requests that ask for consent again. Graph mails with the reset; we do after it, which
    /// must not be forgotten in between.
    pub(super) fn reset_redemption(&self, before: &Self, id: &str, cx: &Cx<'_>) -> Vec<Request> {
        let announced = match self.mail() {
            Some(_) => before.stamped_as(self).marked(OWED),
            None => before.clone(),
        };
        let begin = announced.patch(Some(before), cx);
        let end = self.owing().patch(Some(&announced), cx);
        begin
            .into_iter()
            .chain([self.asking(id)])
            .chain(end)
            .chain(self.delivery(cx))
            .collect()
    }

    /// Returns the requests that remind. Marked before it is sent: a reminder that is lost is better than
    /// one sent daily.
    pub(super) fn remind(&self, before: &Self, id: &str, cx: &Cx<'_>) -> Vec<Request> {
        let begin = self.owing().patch(Some(before), cx);
        begin
            .into_iter()
            .chain([self.asking(id)])
            .chain(self.delivery(cx))
            .collect()
    }

    /// Returns the requests that send the welcome that is owed.
    pub(super) fn welcome(&self, id: &str, cx: &Cx<'_>) -> Vec<Request> {
        let asking = self.asking(id);
        if self.mail().is_some() {
            return std::iter::once(asking).chain(self.delivery(cx)).collect();
        }
        // Since it was owed, the files leave it to Microsoft.
        let (owed, sending) = (self.marked(OWED), self.marked(SENDING));
        let steps = [
            sending.patch(Some(&owed), cx),
            Some(asking.undone_by(owed.patch(Some(&sending), cx))),
            self.patch(Some(&sending), cx),
        ];
        steps.into_iter().flatten().collect()
    }

    /// Returns the body that asks the guest to redeem (again). It names the account by id, so
    /// that it can never make a second one.
    /// Source: "Reset redemption status for a guest user", Entra External ID.
    fn reset(&self, id: &str) -> Value {
        let invitation = self.invitation.clone().unwrap_or_default();
        let mut body = invitation.body(self.mail.as_deref().unwrap_or_default());
        body["resetRedemption"] = json!(true);
        body["invitedUser"] = json!({ "id": id });
        body
    }

    /// Returns the request that asks the guest to redeem (again).
    fn asking(&self, id: &str) -> Request {
        self.telling(Request::post("/invitations", self.reset(id)))
    }

    /// Returns an invitation that tells us the link, where a mail of ours needs it.
    pub(super) fn telling(&self, invitation: Request) -> Request {
        match self.mail() {
            Some(_) => invitation.disclosing(self.address(), LINK),
            None => invitation,
        }
    }

    pub(super) fn mail(&self) -> Option<&Mail> {
        let invitation = self
            .invitation
            .as_ref()
            .filter(|invitation| invitation.send);
        invitation.and_then(|invitation| invitation.mail.as_ref())
    }

    /// Returns the guest with a mail of ours that is to be sent, if there is one.
    pub(super) fn owing(&self) -> Self {
        match self.mail() {
            Some(_) => self.marked(OWED),
            None => self.clone(),
        }
    }

    fn marked(&self, text: &str) -> Self {
        Self {
            stamp: self
                .stamp
                .clone()
                .map(|stamp| stamp.marked(Mark::Welcome, text)),
            ..self.clone()
        }
    }

    /// Returns the guest with its stamp; one who is only now taken on has the one that comes with that. What
    /// is still to be done is not marked.
    fn stamped_as(&self, after: &Self) -> Self {
        let coming = || Some(after.stamp.clone()?.without(Mark::Reset));
        Self {
            stamp: self.stamp.clone().or_else(coming),
            ..self.clone()
        }
    }

    /// Returns the requests that send our own mail, once its link is known: marked before, so that a run
    /// that is killed never leads to a second one, and taken back where the mail is refused. A copy goes
    /// after all that, and without the link.
    pub(super) fn delivery(&self, cx: &Cx<'_>) -> Vec<Request> {
        let (Some(mail), Some(link)) = (self.mail(), cx.links.get(&self.address())) else {
            return Vec::new();
        };
        let (owed, sending) = (self.marked(OWED), self.marked(SENDING));
        let to = self.mail.as_deref().unwrap_or_default();
        let send = Request::post(
            format!("/users/{}/sendMail", mail.sender),
            mail.body(to, link),
        );
        let send = send.undone_by(owed.patch(Some(&sending), cx));
        let copy = mail.cc.as_ref().map(|cc| {
            let path = format!("/users/{}/sendMail", mail.sender);
            Request::post(path, mail.copy(cc))
        });
        let steps = [
            sending.patch(Some(&owed), cx),
            Some(send),
            self.patch(Some(&sending), cx),
            copy,
        ];
        steps.into_iter().flatten().collect()
    }
}
