//! Invitations: inviting a guest, inviting one again, and resetting a redemption. What Microsoft
//! would mail is kept in `mails`. <https://learn.microsoft.com/graph/api/invitation-post>

use serde_json::{Value, json};
use uuid::Uuid;

use crate::audits;
use crate::call::Call;
use crate::check::{self, Purpose};
use crate::collaboration;
use crate::error::{GraphError, Outcome};
use crate::guest;
use crate::http::Reply;
use crate::privileged;
use crate::sponsors::{self, MAX_SPONSORS};
use crate::tenant::{Object, is_true, same, text};
use crate::time;
use crate::users::has_proxy;

const FORBIDDEN: &str = "~!#$%^&*()+=[]{}\\/|;:\"<>?,";

pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    let mut body = call.body()?;
    let sponsors = call.take_binds(&mut body, "invitedUserSponsors")?;
    let named = body.remove("invitedUser");
    check::body("invitation", &body, Purpose::Create)?;
    check::required(
        "invitation",
        &body,
        &["invitedUserEmailAddress", "inviteRedirectUrl"],
    )?;
    check_form(&body)?;
    check_policy(call)?;
    if sponsors.len() > MAX_SPONSORS {
        return Err(sponsors::too_many());
    }
    for sponsor in &sponsors {
        call.target(sponsor)?;
    }

    let reset = is_true(&body, "resetRedemption");
    let (id, kind) = match (reset, named) {
        (true, named) => (reset_redemption(call, &body, named)?, "reset"),
        (false, None | Some(Value::Null)) => (invite(call, &body, &sponsors)?, "invitation"),
        (false, Some(_)) => {
            return Err(GraphError::bad(
                "Property 'invitedUser' is read-only unless resetRedemption is true.",
            ));
        }
    };
    *call.invitations += 1;
    audits::invited(call, &id, reset);
    send_mail(call, &body, &id, kind);
    Ok(Reply::created(answer(call, &body, &id)))
}

fn check_form(body: &Object) -> Outcome<()> {
    let address = text(body, "invitedUserEmailAddress");
    let edges = |part: &str| part.starts_with(['.', '-']) || part.ends_with(['.', '-']);
    let good = address.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && !domain.contains('@')
            && !edges(local)
            && !edges(domain)
    });
    let forbidden =
        |letter: char| FORBIDDEN.contains(letter) || letter.is_whitespace() || letter.is_control();
    if !good || address.contains(forbidden) {
        return Err(GraphError::malformed(
            "The invited user email address is not valid.",
        ));
    }
    let url = text(body, "inviteRedirectUrl");
    if !(url.starts_with("https://") || url.starts_with("http://")) {
        return Err(GraphError::malformed(
            "The invite redirect URL is not valid.",
        ));
    }
    let copies = body
        .get("invitedUserMessageInfo")
        .and_then(|info| info.get("ccRecipients"))
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if copies > 1 {
        return Err(GraphError::malformed(
            "Only one cc recipient is supported in an invitation.",
        ));
    }
    Ok(())
}

/// Who may invite is the tenant's decision; an app is neither a member nor an inviter.
fn check_policy(call: &Call<'_>) -> Outcome<()> {
    let from = text(&call.tenant.authorization_policy, "allowInvitesFrom");
    if matches!(from, "none" | "adminsAndGuestInviters") {
        return Err(GraphError::new(
            403,
            "Forbidden",
            "Guest invitations not allowed for your company. Contact your company administrator for more details.",
        ));
    }
    let limit = call.behaviour.invitation_block_after;
    if limit.is_some_and(|limit| *call.invitations >= limit) {
        return Err(GraphError::new(
            403,
            "Forbidden",
            "Invitations are blocked for this directory due to suspicious activity. Please contact Microsoft support for help.",
        ));
    }
    Ok(())
}

fn invite(call: &mut Call<'_>, body: &Object, sponsors: &[String]) -> Outcome<String> {
    let address = text(body, "invitedUserEmailAddress");
    let existing = call
        .tenant
        .users
        .known_as(address)
        .find(|user| answers_to(user, address));
    if let Some(user) = existing {
        let id = text(user, "id").to_owned();
        if text(user, "userType") == "Guest" {
            return Ok(id);
        }
        return Err(GraphError::malformed(format!(
            "The invited user already exists in the directory as object ID: {id}. They can use that account to sign in to shared apps and resources."
        )));
    }
    if call
        .tenant
        .groups
        .values()
        .any(|group| has_proxy(group, address))
    {
        return Err(GraphError::malformed(
            "The invited address is the address of a group. Group email addresses aren't supported.",
        ));
    }
    if !collaboration::admits(call.tenant, address) {
        return Err(GraphError::malformed(
            "This user's domain is not on the list of domains that may be invited.",
        ));
    }
    if call.tenant.owns_domain_of(address) {
        return Err(GraphError::malformed(
            "The domain of the invited address is a verified domain of this directory.",
        ));
    }

    let id = Uuid::new_v4().to_string();
    let mut user = guest::new(call.tenant, &id, address, call.now);
    for (property, source) in [
        ("displayName", "invitedUserDisplayName"),
        ("userType", "invitedUserType"),
    ] {
        if let Some(value) = body.get(source).filter(|value| !value.is_null()) {
            user.insert(property.into(), value.clone());
        }
    }
    user.insert("sponsors".into(), json!(sponsors));
    call.tenant.users.insert(id.clone(), user);
    call.born.push(id.clone());
    Ok(id)
}

/// Whether an address already belongs to a user.
fn answers_to(user: &Object, address: &str) -> bool {
    same(text(user, "mail"), address)
        || same(text(user, "userPrincipalName"), address)
        || has_proxy(user, address)
        || crate::tenant::links(user, "otherMails")
            .iter()
            .any(|mail| same(mail, address))
}

/// The guest keeps id, groups and user principal name; only who redeems changes.
fn reset_redemption(call: &mut Call<'_>, body: &Object, named: Option<Value>) -> Outcome<String> {
    // The published permission list does not split resets out; Microsoft's own tools ask for this.
    call.require(&["User.ReadWrite.All", "Directory.ReadWrite.All"])?;
    let id = named
        .as_ref()
        .and_then(|user| user.get("id"))
        .and_then(Value::as_str)
        .map(str::to_ascii_lowercase)
        .ok_or_else(|| {
            GraphError::malformed("invitedUser.id is required when resetRedemption is true.")
        })?;
    let user = call.user(&id)?;
    privileged::check_restricted(user)?;
    let address = text(body, "invitedUserEmailAddress");
    let known = same(text(user, "mail"), address)
        || crate::tenant::links(user, "otherMails")
            .iter()
            .any(|mail| same(mail, address));
    if text(user, "externalUserState").is_empty() {
        return Err(GraphError::malformed(
            "The redemption status of this user cannot be reset: the user was not invited.",
        ));
    }
    if !known {
        return Err(GraphError::malformed(
            "The invited address must be the mail or one of the otherMails of the user whose redemption is reset.",
        ));
    }
    if !privileged::roles(call.tenant, &id).is_empty() {
        return Err(GraphError::denied());
    }
    let (tenant, now) = (&mut *call.tenant, call.now);
    guest::set_pending(tenant, &id, now);
    Ok(id)
}

/// Keeps what would have been mailed. Callers here are apps, whose custom text Microsoft drops.
fn send_mail(call: &mut Call<'_>, body: &Object, user: &str, kind: &str) {
    if !is_true(body, "sendInvitationMessage") {
        return;
    }
    let info = body
        .get("invitedUserMessageInfo")
        .cloned()
        .unwrap_or_default();
    // The language is ignored when there is a custom text, even one that is then dropped.
    let language = match (&info["customizedMessageBody"], &info["messageLanguage"]) {
        (Value::Null, Value::String(language)) => language.as_str(),
        _ => "en-US",
    };
    call.tenant.mails.push(json!({
        "to": text(body, "invitedUserEmailAddress"),
        "cc": info["ccRecipients"][0]["emailAddress"]["address"],
        "kind": kind,
        "userId": user,
        "messageLanguage": language,
        "customizedMessage": false,
        "at": time::stamp(call.now),
    }));
}

fn answer(call: &Call<'_>, body: &Object, user: &str) -> Value {
    let guest = call.tenant.users.get(user);
    let state = guest.map_or("", |guest| text(guest, "externalUserState"));
    let id = Uuid::new_v4().to_string();
    let ticket = Uuid::new_v4().simple().to_string();
    let redeem = format!(
        "https://login.microsoftonline.com/redeem?rd=https%3a%2f%2finvitations.microsoft.com%2fredeem%2f%3ftenant%3d{}%26user%3d{id}%26ticket%3d{ticket}%26ver%3d2.0",
        call.tenant.id()
    );
    let info = body
        .get("invitedUserMessageInfo")
        .cloned()
        .unwrap_or(json!({
            "messageLanguage": null, "customizedMessageBody": null,
            "ccRecipients": [{"emailAddress": {"name": null, "address": null}}],
        }));
    json!({
        "@odata.context": format!("{}/$metadata#invitations/$entity", call.root),
        "id": id,
        "inviteRedeemUrl": redeem,
        "invitedUserDisplayName": body.get("invitedUserDisplayName"),
        "invitedUserType": guest.and_then(|guest| guest.get("userType")),
        "invitedUserEmailAddress": text(body, "invitedUserEmailAddress"),
        "sendInvitationMessage": is_true(body, "sendInvitationMessage"),
        "resetRedemption": is_true(body, "resetRedemption"),
        "inviteRedirectUrl": text(body, "inviteRedirectUrl"),
        "status": if state == "Accepted" { "Completed" } else { "PendingAcceptance" },
        "invitedUserMessageInfo": info,
        "invitedUser": {"id": user},
    })
}

#[cfg(test)]
mod tests;
