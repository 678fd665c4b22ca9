//! Users: list, read, create members, update, revoke sessions, and the groups they are in.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::check::{self, Purpose};
use crate::error::{GraphError, Outcome};
use crate::http::Reply;
use crate::links;
use crate::list::{self, Collection, Item};
use crate::privileged::{self, SENSITIVE};
use crate::query::Query;
use crate::source::Source;
use crate::tenant::{Object, Tenant, ids, is_true, same, text};
use crate::time;

pub(crate) const USERS: Collection = Collection {
    of: "user",
    context: "users",
    related: false,
};

pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    list::many(call, USERS, all(call))
}

pub(crate) fn count(call: &mut Call<'_>) -> Outcome {
    list::count(call, USERS, &all(call))
}

fn all<'a>(call: &'a Call<'_>) -> Source<'a> {
    Source::People(&call.tenant.users)
}

pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let user = call.user(call.param(0))?;
    list::one(call, USERS, &Item::new("user", user))
}

pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    let mut user = call.body()?;
    check::body("user", &user, Purpose::Create)?;
    check::required(
        "user",
        &user,
        &[
            "accountEnabled",
            "displayName",
            "mailNickname",
            "passwordProfile",
            "userPrincipalName",
        ],
    )?;
    check_values(call.tenant, "", &user)?;
    let upn = text(&user, "userPrincipalName").to_owned();
    if !call.tenant.owns_domain_of(&upn) {
        return Err(GraphError::bad(
            "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your organization.",
        ));
    }
    let id = Uuid::new_v4().to_string();
    user.remove("passwordProfile");
    user.insert("id".into(), json!(id));
    user.insert("createdDateTime".into(), json!(time::stamp(call.now)));
    user.entry("userType").or_insert(json!("Member"));
    user.insert(
        "identities".into(),
        json!([{"signInType": "userPrincipalName", "issuer": call.tenant.initial_domain(), "issuerAssignedId": upn}]),
    );
    if let Some(mail) = user.get("mail").and_then(Value::as_str).map(str::to_owned) {
        set_mail(&mut user, &mail);
    }
    let body = list::whole(call, USERS, &Item::new("user", &user), &Query::default())?;
    call.tenant.users.insert(id.clone(), user);
    call.born.push(id);
    Ok(Reply::created(body))
}

pub(crate) fn update(call: &mut Call<'_>) -> Outcome {
    let id = writable(call)?;
    let body = call.body()?;
    check::body("user", &body, Purpose::Update)?;
    check_permissions(call, &body)?;
    if body.keys().any(|name| SENSITIVE.contains(&name.as_str())) {
        privileged::check_sensitive(call, &id)?;
    }
    check_synced(call, &id, &body)?;
    check_values(call.tenant, &id, &body)?;
    call.tenant.users.change(&id, |user| merge(user, body));
    Ok(Reply::no_content())
}

/// A write soon after an invitation meets a replica that does not know the guest.
fn writable(call: &Call<'_>) -> Outcome<String> {
    let key = call.param(0);
    let user = call
        .tenant
        .user(key)
        .ok_or_else(|| GraphError::not_found(key))?;
    let id = text(user, "id");
    if call.hidden.contains_key(id) {
        return Err(GraphError::new(
            404,
            "Directory_ObjectNotFound",
            "Unable to read the company information from the directory.",
        ));
    }
    privileged::check_restricted(user)?;
    Ok(id.to_owned())
}

/// The finer permissions cover a property or two each.
fn check_permissions(call: &Call<'_>, body: &Object) -> Outcome<()> {
    let broad = call.is_granted(&["User.ReadWrite.All", "Directory.ReadWrite.All"]);
    for name in body.keys() {
        let fine: &[&str] = match name.as_str() {
            "accountEnabled" => &["User.EnableDisableAccount.All"],
            "otherMails" => &["User-Mail.ReadWrite.All"],
            "businessPhones" | "mobilePhone" => &["User-Phone.ReadWrite.All"],
            "passwordProfile" => &["User-PasswordProfile.ReadWrite.All"],
            "identities" => &["User.ManageIdentities.All"],
            _ => &[],
        };
        if name == "identities" || !broad {
            call.require(fine)?;
        }
    }
    Ok(())
}

/// Who comes from on-premises is changed there.
fn check_synced(call: &Call<'_>, id: &str, body: &Object) -> Outcome<()> {
    let synced = call
        .tenant
        .users
        .get(id)
        .is_some_and(|user| is_true(user, "onPremisesSyncEnabled"));
    let cloud_only =
        |name: &String| matches!(name.as_str(), "usageLocation" | "otherMails" | "userType");
    if synced && !body.keys().all(cloud_only) {
        return Err(GraphError::bad(
            "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.",
        ));
    }
    Ok(())
}

/// Rules that the schema cannot say: form of addresses, and what must be unique.
fn check_values(tenant: &Tenant, id: &str, body: &Object) -> Outcome<()> {
    let invalid = |name: &str| Err(GraphError::invalid_value(name, "User"));
    if let Some(location) = body.get("usageLocation").and_then(Value::as_str)
        && !(location.len() == 2 && location.chars().all(|one| one.is_ascii_alphabetic()))
    {
        return invalid("usageLocation");
    }
    if let Some(mail) = body.get("mail").and_then(Value::as_str) {
        if !is_address(mail) {
            return invalid("mail");
        }
        if holder(tenant, mail).is_some_and(|holder| holder != id) {
            return Err(GraphError::taken("proxyAddresses"));
        }
    }
    if let Some(mails) = body.get("otherMails").and_then(Value::as_array) {
        let good = |mail: &Value| {
            mail.as_str()
                .is_some_and(|mail| mail.len() <= 250 && is_address(mail))
        };
        if mails.len() > 250 || !mails.iter().all(good) {
            return invalid("otherMails");
        }
    }
    if let Some(upn) = body.get("userPrincipalName").and_then(Value::as_str) {
        if !tenant.owns_domain_of(upn) || upn.contains(' ') {
            return invalid("userPrincipalName");
        }
        if tenant.user(upn).is_some_and(|user| text(user, "id") != id) {
            return Err(GraphError::taken("userPrincipalName"));
        }
    }
    Ok(())
}

fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let plain = |letter: char| letter.is_ascii_graphic() && letter != '@';
    !local.is_empty() && !domain.is_empty() && local.chars().chain(domain.chars()).all(plain)
}

/// Returns the id of the live user or group that holds a mail address.
pub(crate) fn holder(tenant: &Tenant, mail: &str) -> Option<String> {
    tenant
        .users
        .known_as(mail)
        .chain(tenant.groups.values())
        .find(|object| has_proxy(object, mail))
        .map(|object| text(object, "id").to_owned())
}

pub(crate) fn has_proxy(object: &Object, mail: &str) -> bool {
    ids(object, "proxyAddresses").any(|proxy| {
        let (scheme, address) = proxy.split_once(':').unwrap_or(("", proxy));
        scheme.eq_ignore_ascii_case("smtp") && same(address, mail)
    })
}

/// A change keeps what it does not name, inside the extension attributes too.
pub(crate) fn merge(user: &mut Object, body: Object) {
    for (name, value) in body {
        match (name.as_str(), value) {
            ("@odata.type" | "passwordProfile", _) => {}
            ("mail", Value::String(mail)) => set_mail(user, &mail),
            ("onPremisesExtensionAttributes", Value::Object(changed)) => {
                let kept = user.entry(name).or_insert(json!({}));
                if !kept.is_object() {
                    *kept = json!({});
                }
                for (attribute, value) in changed {
                    kept[attribute] = value;
                }
            }
            (_, value) => {
                user.insert(name, value);
            }
        }
    }
}

/// A new mail becomes the primary proxy address; the one before stays as a secondary one.
pub(crate) fn set_mail(user: &mut Object, mail: &str) {
    let mut proxies = vec![format!("SMTP:{mail}")];
    for old in crate::tenant::links(user, "proxyAddresses") {
        let (scheme, address) = old.split_once(':').unwrap_or(("", &old));
        match scheme {
            _ if same(address, mail) => {}
            "SMTP" => proxies.push(format!("smtp:{address}")),
            _ => proxies.push(old.clone()),
        }
    }
    user.insert("mail".into(), json!(mail));
    user.insert("proxyAddresses".into(), json!(proxies));
}

pub(crate) fn revoke_sessions(call: &mut Call<'_>) -> Outcome {
    let id = writable(call)?;
    let now = time::stamp(call.now);
    call.tenant.users.change(&id, |user| {
        user.insert("signInSessionsValidFromDateTime".into(), json!(now))
    });
    let context = format!("{}/$metadata#Edm.Boolean", call.root);
    Ok(Reply::ok(json!({"@odata.context": context, "value": true})))
}

pub(crate) fn member_of(call: &mut Call<'_>) -> Outcome {
    memberships(call, "memberOf", false)
}

pub(crate) fn groups_of(call: &mut Call<'_>) -> Outcome {
    memberships(call, "memberOf", true)
}

pub(crate) fn transitive_member_of(call: &mut Call<'_>) -> Outcome {
    memberships(call, "transitiveMemberOf", false)
}

pub(crate) fn transitive_groups_of(call: &mut Call<'_>) -> Outcome {
    memberships(call, "transitiveMemberOf", true)
}

fn memberships(call: &Call<'_>, name: &str, groups_only: bool) -> Outcome {
    let user = call.user(call.param(0))?;
    let user = Item::new("user", user);
    let items = links::related(call.tenant, &user, name)?;
    let (of, context) = match groups_only {
        true => ("group", "groups"),
        false => ("directoryObject", "directoryObjects"),
    };
    let list = Collection {
        of,
        context,
        related: true,
    };
    list::many(call, list, items)
}

#[cfg(test)]
mod tests;
