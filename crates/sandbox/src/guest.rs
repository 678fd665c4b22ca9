//! What Graph writes into a guest: at invitation, at redemption, at a reset. Also used to fill
//! in the defaults of guests that a test or a seed describes.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::tenant::{Object, Tenant, text};
use crate::time;

/// Returns a guest who was just invited.
pub(crate) fn new(tenant: &Tenant, id: &str, address: &str, now: Timestamp) -> Object {
    let mut guest = Object::new();
    guest.insert("id".into(), json!(id));
    guest.insert("mail".into(), json!(address));
    fill(tenant, &mut guest, "PendingAcceptance", now);
    guest
}

/// Fills in whatever is missing of a guest with a mail address.
pub(crate) fn fill(tenant: &Tenant, guest: &mut Object, state: &str, now: Timestamp) {
    let mail = text(guest, "mail").to_owned();
    let local = mail.split('@').next().unwrap_or_default().to_owned();
    let upn = match text(guest, "userPrincipalName") {
        "" => principal_name(tenant, &mail),
        upn => upn.to_owned(),
    };
    let nickname = upn
        .rsplit_once('@')
        .map_or(upn.as_str(), |(local, _)| local);
    let defaults = [
        ("displayName", json!(local)),
        ("mailNickname", json!(nickname)),
        ("userType", json!("Guest")),
        ("accountEnabled", json!(true)),
        ("creationType", json!("Invitation")),
        ("createdDateTime", json!(time::stamp(now))),
        ("externalUserState", json!(state)),
        ("userPrincipalName", json!(upn)),
    ];
    for (name, value) in defaults {
        guest.entry(name).or_insert(value);
    }
    if !mail.is_empty() {
        guest.entry("otherMails").or_insert(json!([mail]));
        guest
            .entry("proxyAddresses")
            .or_insert(json!([format!("SMTP:{mail}")]));
    }
    let created = guest["createdDateTime"].clone();
    guest
        .entry("externalUserStateChangeDateTime")
        .or_insert(created);
    let redeemed = text(guest, "externalUserState") == "Accepted";
    let identities = identities(tenant.initial_domain(), &upn, redeemed);
    guest.entry("identities").or_insert(identities);
}

/// The person accepts.
pub(crate) fn set_accepted(tenant: &mut Tenant, id: &str, now: Timestamp) {
    set_state(tenant, id, "Accepted", now);
}

/// The person has to accept again.
pub(crate) fn set_pending(tenant: &mut Tenant, id: &str, now: Timestamp) {
    set_state(tenant, id, "PendingAcceptance", now);
}

fn set_state(tenant: &mut Tenant, id: &str, state: &str, now: Timestamp) {
    let domain = tenant.initial_domain().to_owned();
    tenant.users.change(id, |guest| {
        let identities = identities(
            &domain,
            text(guest, "userPrincipalName"),
            state == "Accepted",
        );
        guest.insert("externalUserState".into(), json!(state));
        guest.insert(
            "externalUserStateChangeDateTime".into(),
            json!(time::stamp(now)),
        );
        guest.insert("identities".into(), identities);
    });
}

/// Before redemption the only issuer is the host's domain.
fn identities(domain: &str, upn: &str, redeemed: bool) -> Value {
    let own = json!({"signInType": "userPrincipalName", "issuer": domain, "issuerAssignedId": upn});
    match redeemed {
        false => json!([own]),
        true => json!([
            {"signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": null},
            own,
        ]),
    }
}

/// `ada@contoso.example` becomes `ada_contoso.example#EXT#@host`; a name in use gets a number.
fn principal_name(tenant: &Tenant, mail: &str) -> String {
    let base = mail.replace('@', "_");
    let domain = tenant.initial_domain();
    let mut name = format!("{base}#EXT#@{domain}");
    let mut number = 1;
    while tenant.user(&name).is_some() {
        name = format!("{base}{number}#EXT#@{domain}");
        number += 1;
    }
    name
}
