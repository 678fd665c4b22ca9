//! A guest's account: what of it we manage, and which requests change it. `written` is what
//! people write about guests, `user` what the tenant says of them.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use self::profile::Profile;
use super::{Action, Change, Cx, Kind, Stage};
use crate::address::{Address, ObjectId};
use crate::mail::Mail;
use crate::request::{Read, Request};
use crate::stamp::{Mark, Stamp};

mod asks;
pub mod granted;
pub mod issuer;
pub mod profile;
pub mod user;
pub mod written;

/// Where the answer to an invitation has the redeem link. Source: "invitation resource type", Graph v1.0.
const LINK: &str = "/inviteRedeemUrl";

/// Where an invitation leads when the file does not say.
const REDIRECT: &str = "https://myapps.microsoft.com";

/// A guest's account, as far as it is managed. What is nothing or missing is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Guest {
    /// The key: the declared address in lower case; for others their address or id.
    #[serde(rename = "guest")]
    pub key: String,
    /// The address, as written or observed.
    pub mail: Option<String>,
    /// Profile properties; `None` is empty.
    #[serde(flatten)]
    #[schemars(skip)]
    pub profile: Profile,
    /// Whether sign-in is possible.
    pub account_enabled: Option<bool>,
    /// Whether the invitation was redeemed. Read and never written; a change of it meanwhile
    /// stops what was planned without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_user_state: Option<String>,
    /// Our mark.
    pub stamp: Option<Stamp>,
    /// The attribute in which the stamp stood before, to be emptied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clears: Option<String>,
    /// What an invitation says, where one is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Invitation>,
}

/// What an invitation says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    /// Whether Microsoft sends a mail.
    pub send: bool,
    /// Where the guest lands after redeeming.
    pub redirect_url: String,
    /// The text of the mail.
    pub message: Option<String>,
    /// The language of the mail, when it has no text of ours.
    pub language: Option<String>,
    /// Who gets a copy.
    pub cc: Option<String>,
    /// The mailbox that we send the mail from ourselves, instead of Microsoft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The mail that goes out from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<Mail>,
}

impl Default for Invitation {
    fn default() -> Self {
        Self {
            send: true,
            redirect_url: REDIRECT.to_owned(),
            message: None,
            language: None,
            cc: None,
            from: None,
            mail: None,
        }
    }
}

impl Invitation {
    /// Returns whether we send the mail ourselves.
    pub fn is_ours(&self) -> bool {
        self.send && self.from.is_some()
    }

    /// Returns the body of a plain invitation. `customizedMessageBody` silences `messageLanguage`,
    /// so only one of them is sent. Source: "invitedUserMessageInfo resource type", Graph v1.0.
    fn body(&self, mail: &str) -> Value {
        let mut body = json!({
            "invitedUserEmailAddress": mail,
            "inviteRedirectUrl": self.redirect_url,
            "sendInvitationMessage": self.send && self.from.is_none(),
        });
        if self.from.is_some() {
            return body;
        }
        let mut info = Map::new();
        match (&self.message, &self.language) {
            (Some(message), _) => drop(info.insert("customizedMessageBody".into(), json!(message))),
            (None, Some(language)) => drop(info.insert("messageLanguage".into(), json!(language))),
            (None, None) => {}
        }
        if let Some(cc) = &self.cc {
            info.insert(
                "ccRecipients".into(),
                json!([{ "emailAddress": { "address": cc } }]),
            );
        }
        if !info.is_empty() {
            body["invitedUserMessageInfo"] = Value::Object(info);
        }
        body
    }
}

impl Guest {
    /// Returns where this guest is found, once its id is known.
    fn path(&self, cx: &Cx<'_>) -> Option<String> {
        cx.ids.get(&self.address()).map(|id| format!("/users/{id}"))
    }

    fn invitation(&self) -> Value {
        let mut body = self
            .invitation
            .clone()
            .unwrap_or_default()
            .body(self.mail.as_deref().unwrap_or_default());
        if let Some(Some(name)) = self.profile.get("displayName") {
            body["invitedUserDisplayName"] = json!(name);
        }
        body
    }

    /// Returns the properties that differ from `before`, as a PATCH body; nothing if none does.
    fn difference(&self, before: Option<&Self>, cx: &Cx<'_>) -> Option<Value> {
        let mut body = Map::new();
        for (name, value) in self.profile.iter() {
            if before.and_then(|before| before.profile.get(name)) != Some(value) {
                body.insert(name.as_str().to_owned(), json!(value));
            }
        }
        if before.is_some_and(|before| before.mail != self.mail) {
            body.insert("mail".into(), json!(self.mail));
        }
        if let Some(enabled) = self
            .account_enabled
            .filter(|_| before.and_then(|b| b.account_enabled) != self.account_enabled)
        {
            body.insert("accountEnabled".into(), json!(enabled));
        }
        let mut attributes = Map::new();
        if before.and_then(|before| before.stamp.as_ref()) != self.stamp.as_ref() {
            let text = self
                .stamp
                .as_ref()
                .map(|stamp| (cx.stamp.to_owned(), json!(stamp.at(cx.now))));
            attributes.extend(text);
        }
        attributes.extend(self.clears.iter().map(|old| (old.clone(), Value::Null)));
        if !attributes.is_empty() {
            body.insert(
                "onPremisesExtensionAttributes".into(),
                Value::Object(attributes),
            );
        }
        (!body.is_empty()).then_some(Value::Object(body))
    }

    fn patch(&self, before: Option<&Self>, cx: &Cx<'_>) -> Option<Request> {
        Some(Request::patch(self.path(cx)?, self.difference(before, cx)?))
    }

    fn act(action: Action, before: &Self, after: &Self, cx: &Cx<'_>) -> Vec<Request> {
        let Some(id) = cx.ids.get(&after.address()) else {
            return Vec::new();
        };
        match action {
            Action::RevokeSessions => vec![Self::revoke(id)],
            Action::Restore => {
                let path = format!("/directory/deletedItems/{id}/restore");
                std::iter::once(Request::post(path, Value::Null))
                    .chain(after.patch(Some(before), cx))
                    .collect()
            }
            Action::Repoint => after.repoint(before, id, cx),
            Action::ResetRedemption => after.reset_redemption(before, id, cx),
            Action::Remind => after.remind(before, id, cx),
            Action::Welcome => after.welcome(id, cx),
        }
    }

    fn revoke(id: &str) -> Request {
        Request::post(format!("/users/{id}/revokeSignInSessions"), Value::Null).repeatable()
    }
}

impl Kind for Guest {
    const NAME: &'static str = "guest";

    fn address(&self) -> Address {
        Address::guest(&self.key)
    }

    fn refs(&self) -> Vec<Address> {
        Vec::new()
    }

    fn guest(&self) -> Option<&str> {
        Some(&self.key)
    }

    fn over(&self, observed: &Self) -> Self {
        let mut profile = observed.profile.clone();
        for (name, value) in self.profile.iter() {
            profile.insert(*name, value.clone());
        }
        Self {
            key: self.key.clone(),
            mail: observed.mail.clone(),
            profile,
            account_enabled: self.account_enabled.or(observed.account_enabled),
            external_user_state: observed.external_user_state.clone(),
            stamp: self.stamp.clone().or_else(|| observed.stamp.clone()),
            clears: self.clears.clone(),
            invitation: None,
        }
    }

    fn stage(change: &Change<&Self>) -> Stage {
        match change {
            Change::Update { before, after }
                if before.account_enabled == Some(true) && after.account_enabled == Some(false) =>
            {
                Stage::Block
            }
            Change::Update { after, .. } if after.is_offboarding() => Stage::Block,
            Change::Act {
                action: Action::RevokeSessions,
                ..
            } => Stage::Block,
            Change::Delete { .. } => Stage::Delete,
            _ => Stage::Admit,
        }
    }

    fn permissions(change: &Change<&Self>) -> Vec<&'static str> {
        match change {
            Change::Act {
                action: Action::Repoint,
                after,
                ..
            } if after.mail().is_some() => vec![
                "User.Invite.All",
                "User.ReadWrite.All",
                "User.RevokeSessions.All",
                "Mail.Send",
            ],
            Change::Create { after } | Change::Act { after, .. } if after.mail().is_some() => {
                vec!["User.Invite.All", "User.ReadWrite.All", "Mail.Send"]
            }
            Change::Create { .. } => vec!["User.Invite.All", "User.ReadWrite.All"],
            Change::Update { .. } => vec!["User.ReadWrite.All"],
            Change::Delete { .. } => vec!["User.DeleteRestore.All"],
            Change::Act {
                action: Action::RevokeSessions,
                ..
            } => vec!["User.RevokeSessions.All"],
            Change::Act {
                action: Action::Restore,
                ..
            } => vec!["User.DeleteRestore.All", "User.ReadWrite.All"],
            Change::Act {
                action: Action::Repoint,
                ..
            } => vec![
                "User.Invite.All",
                "User.ReadWrite.All",
                "User.RevokeSessions.All",
            ],
            Change::Act { .. } => vec!["User.Invite.All", "User.ReadWrite.All"],
        }
    }

    fn writes(change: &Change<&Self>, cx: &Cx<'_>) -> Vec<Request> {
        match change {
            Change::Create { after } => {
                let invite = Request::post("/invitations", after.invitation())
                    .binding(after.address(), "/invitedUser/id");
                let invite = after.telling(invite);
                // The name travels with the invitation, and a new account can sign in by itself.
                let mut fresh = (*after).clone();
                fresh
                    .profile
                    .retain(|name, value| name.as_str() == "displayName" || value.is_none());
                fresh.account_enabled = Some(true);
                fresh.stamp = None;
                std::iter::once(invite)
                    .chain(after.owing().patch(Some(&fresh), cx))
                    .chain(after.delivery(cx))
                    .collect()
            }
            Change::Update { before, after } => after.patch(Some(before), cx).into_iter().collect(),
            Change::Delete { before } => before.path(cx).map(Request::delete).into_iter().collect(),
            Change::Act {
                action,
                before,
                after,
            } => Self::act(*action, before, after, cx),
        }
    }

    fn lookups(&self) -> Vec<Read> {
        let mut reads = user::lookups(self.spellings().iter().map(String::as_str));
        reads.push(user::deleted());
        reads
    }

    fn found(&self, item: &Value) -> Option<ObjectId> {
        let user = user::User::decode(item).ok()?;
        (user.is_guest() && user.addresses().contains(&self.key)).then_some(user.id)
    }
}

impl Guest {
    /// Returns the address in every spelling in which the tenant may hold it: as written, and with
    /// the domain as punycode.
    pub fn spellings(&self) -> BTreeSet<String> {
        let written = self.mail.as_ref().map(|mail| mail.to_lowercase());
        std::iter::once(self.key.clone()).chain(written).collect()
    }

    /// Returns whether off-boarding has begun, by the stamp.
    pub fn is_offboarding(&self) -> bool {
        self.stamp
            .as_ref()
            .is_some_and(|stamp| stamp.mark(Mark::Offboarding).is_some())
    }
}
