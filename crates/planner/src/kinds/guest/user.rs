//! A user as the tenant has it: a guest, or anyone else who could be mistaken for one.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::Guest;
use super::issuer::Issuer;
use super::profile::{NAMES, PROFILE, Profile};
use crate::address::ObjectId;
use crate::domain::normal;
use crate::few::Few;
use crate::request::{Read, encode, literal};
use crate::snapshot::Topic;
use crate::stamp::{Reading, Stamp};

/// A reply that does not have the shape Graph documents.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// An object without an id.
    #[error("an object in the reply has no id")]
    NoId,
    /// A property of another type than documented.
    #[error("property `{0}` in the reply is not of the documented type")]
    Type(&'static str),
    /// A property without which nothing can be decided.
    #[error("property `{0}` is missing in the reply")]
    Missing(&'static str),
}

/// A user of the tenant. What Graph did not send is `None`, which is unknown and never "no".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct User {
    /// Graph's id.
    pub id: ObjectId,
    /// The sign-in name in this tenant.
    pub user_principal_name: String,
    /// The address.
    pub mail: Option<String>,
    /// Further addresses, `proxyAddresses` without their prefix and invited identities included.
    pub other_addresses: Vec<String>,
    /// `Guest` or `Member`.
    pub user_type: Option<String>,
    /// How the account came about; `LocalAccount` is a B2C customer.
    pub creation_type: Option<String>,
    /// Whether sign-in is possible.
    pub account_enabled: Option<bool>,
    /// `PendingAcceptance`, `Accepted` or nothing.
    pub external_user_state: Option<String>,
    /// When that state was reached.
    pub state_changed: Option<Timestamp>,
    /// When the account was created.
    pub created: Option<Timestamp>,
    /// When it was deleted, if it is.
    pub deleted: Option<Timestamp>,
    /// Sessions that began earlier are void.
    pub sessions_valid_from: Option<Timestamp>,
    /// Whether it is synchronised from on-premises: its attributes are read-only then.
    pub synced: bool,
    /// Whether it is in a restricted management administrative unit: it refuses applications.
    pub restricted: bool,
    /// Profile properties, those that hold something.
    pub profile: Profile,
    /// `extensionAttribute1` to `15`, those that hold something.
    pub attributes: Few<String, String>,
    /// Who vouches, if that was read.
    pub sponsors: Option<Vec<ObjectId>>,
    /// With what the invitation was redeemed, if that was read and is so.
    pub issuer: Option<Issuer>,
}

/// Returns a text property; an empty one is none.
pub(crate) fn text(item: &Value, name: &str) -> Option<String> {
    item.get(name)?
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn instant(item: &Value, name: &'static str) -> Result<Option<Timestamp>, DecodeError> {
    match item.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_str()
            .and_then(|text| text.parse().ok())
            .map(Some)
            .ok_or(DecodeError::Type(name)),
    }
}

fn flag(item: &Value, name: &'static str) -> Result<Option<bool>, DecodeError> {
    match item.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_bool().map(Some).ok_or(DecodeError::Type(name)),
    }
}

/// Returns whether a property has this value: Graph's enumerations are compared without case.
fn is(property: &Option<String>, value: &str) -> bool {
    property
        .as_deref()
        .is_some_and(|text| text.eq_ignore_ascii_case(value))
}

/// Returns the ids of a list of objects.
pub(crate) fn ids(items: &[Value]) -> Result<BTreeSet<ObjectId>, DecodeError> {
    items
        .iter()
        .map(|item| text(item, "id").ok_or(DecodeError::NoId))
        .collect()
}

impl User {
    /// Reads a user out of a reply.
    pub fn decode(item: &Value) -> Result<Self, DecodeError> {
        let attributes = item["onPremisesExtensionAttributes"]
            .as_object()
            .into_iter()
            .flatten();
        let attributes = attributes.filter_map(|(name, value)| {
            Some((
                name.clone(),
                value.as_str().filter(|text| !text.is_empty())?.to_owned(),
            ))
        });
        let sponsors = match item.get("sponsors") {
            None | Some(Value::Null) => None,
            Some(Value::Array(sponsors)) => Some(ids(sponsors)?.into_iter().collect()),
            Some(_) => return Err(DecodeError::Type("sponsors")),
        };
        Ok(Self {
            id: text(item, "id").ok_or(DecodeError::NoId)?,
            user_principal_name: text(item, "userPrincipalName").unwrap_or_default(),
            mail: text(item, "mail"),
            other_addresses: other_addresses(item),
            user_type: text(item, "userType"),
            creation_type: text(item, "creationType"),
            account_enabled: flag(item, "accountEnabled")?,
            external_user_state: text(item, "externalUserState"),
            state_changed: instant(item, "externalUserStateChangeDateTime")?,
            created: instant(item, "createdDateTime")?,
            deleted: instant(item, "deletedDateTime")?,
            sessions_valid_from: instant(item, "signInSessionsValidFromDateTime")?,
            synced: flag(item, "onPremisesSyncEnabled")?.unwrap_or_default(),
            restricted: flag(item, "isManagementRestricted")?.unwrap_or_default(),
            profile: PROFILE
                .iter()
                .filter_map(|property| Some((property.into(), Some(text(item, property.name)?))))
                .collect(),
            attributes: attributes.collect(),
            sponsors,
            issuer: Issuer::decode(item),
        })
    }

    /// Returns whether this is somebody's guest: `userType` Guest, and no customer account.
    /// Source: "user resource type", Graph v1.0 (`userType`, `creationType`).
    pub fn is_guest(&self) -> bool {
        is(&self.user_type, "Guest") && !is(&self.creation_type, "LocalAccount")
    }

    /// Returns whether an invitation waits to be redeemed. Unknown is no.
    pub fn is_pending(&self) -> bool {
        is(&self.external_user_state, "PendingAcceptance")
    }

    /// Returns whether the invitation was redeemed. Unknown is no.
    pub fn is_accepted(&self) -> bool {
        is(&self.external_user_state, "Accepted")
    }

    /// Returns every address, as it is compared, by which a file may name this user. The sign-in
    /// name counts only where there is no `mail`: names outlive a change of address.
    pub fn addresses(&self) -> BTreeSet<String> {
        let mut all: BTreeSet<_> = self
            .other_addresses
            .iter()
            .map(|text| normal(text))
            .collect();
        match &self.mail {
            Some(mail) => drop(all.insert(normal(mail))),
            None => all.extend(external_name(self.sign_in_name()).map(|name| normal(&name))),
        }
        if !self.is_external() {
            all.insert(normal(&self.user_principal_name));
        }
        all.remove("");
        all
    }

    /// Returns whether the sign-in name is that of somebody invited from elsewhere.
    pub fn is_external(&self) -> bool {
        self.user_principal_name
            .to_ascii_uppercase()
            .contains(EXTERNAL)
    }

    /// Returns every name, as it is compared, by which `scope.protected` may mean this user: any
    /// address or name, old or new, or the id. Naming too many is better than missing one.
    pub fn names(&self) -> BTreeSet<String> {
        let mut all = self.addresses();
        all.insert(normal(&self.id));
        all.insert(normal(&self.user_principal_name));
        all.extend(external_name(self.sign_in_name()).map(|name| normal(&name)));
        all
    }

    /// Returns the sign-in name; a deleted user's carries the id in front of it.
    fn sign_in_name(&self) -> &str {
        let prefix = self.id.replace('-', "");
        self.user_principal_name
            .strip_prefix(&prefix)
            .unwrap_or(&self.user_principal_name)
    }

    /// Returns what stands in the attribute that carries the stamp.
    pub fn stamp(&self, attribute: &str) -> Reading {
        Stamp::read(self.attributes.get(attribute).map(String::as_str))
    }

    /// Returns whether the account carries the stamp of an owner.
    pub fn is_of(&self, owner: &str, attribute: &str) -> bool {
        Stamp::owner_in(self.attributes.get(attribute).map(String::as_str)) == Some(owner)
    }

    /// Returns the account as far as it is managed, under `key`.
    pub fn object(&self, key: &str, attribute: &str) -> Guest {
        let stamp = match self.stamp(attribute) {
            Reading::Stamp(stamp) => Some(stamp),
            _ => None,
        };
        Guest {
            key: key.to_owned(),
            mail: self.mail.clone(),
            profile: NAMES
                .iter()
                .map(|name| (*name, self.profile.get(name).cloned().flatten()))
                .collect(),
            account_enabled: self.account_enabled,
            external_user_state: self.external_user_state.clone(),
            stamp,
            clears: None,
            invitation: None,
        }
    }

    /// Returns what people call this user when no file does: the address, else the sign-in name.
    pub fn label(&self) -> String {
        let external = || external_name(self.sign_in_name());
        normal(
            &self
                .mail
                .clone()
                .or_else(external)
                .unwrap_or_else(|| self.user_principal_name.clone()),
        )
    }
}

/// Collects `otherMails`, `proxyAddresses` and the addresses among `identities`.
fn other_addresses(item: &Value) -> Vec<String> {
    let list = |name: &str| item[name].as_array().into_iter().flatten();
    let others = list("otherMails").filter_map(Value::as_str);
    let proxies = list("proxyAddresses")
        .filter_map(Value::as_str)
        .filter_map(|proxy| {
            let (kind, address) = proxy.split_once(':')?;
            kind.eq_ignore_ascii_case("smtp").then_some(address)
        });
    let identities =
        list("identities").filter(|identity| identity["signInType"] != "userPrincipalName");
    let identities = identities.filter_map(|identity| identity["issuerAssignedId"].as_str());
    let all = others.chain(proxies).chain(identities);
    let all: BTreeSet<_> = all.filter(|address| address.contains('@')).collect();
    all.into_iter().map(str::to_owned).collect()
}

/// Returns the address in a name such as `ada_contoso.example#EXT#@fabrikam.example`. A domain has
/// no underscore, so the last one stands for the `@`.
/// Source: "Troubleshoot B2B collaboration", Entra External ID.
fn external_name(name: &str) -> Option<String> {
    let end = name.to_ascii_uppercase().find(EXTERNAL)?;
    let (local, domain) = name.get(..end)?.rsplit_once('_')?;
    (!local.is_empty() && domain.contains('.')).then(|| format!("{local}@{domain}"))
}

/// What stands in the sign-in name of whoever was invited from elsewhere; in any case of letters.
const EXTERNAL: &str = "#EXT#";

/// Everything of a user that we decide by. Exactly these properties are asked for: what is not
/// selected reads as null. Source: "List users", Graph v1.0.
fn select() -> String {
    let facts = "id,userPrincipalName,mail,otherMails,proxyAddresses,identities,userType,creationType,accountEnabled,externalUserState,externalUserStateChangeDateTime,createdDateTime,signInSessionsValidFromDateTime,onPremisesSyncEnabled,isManagementRestricted,onPremisesExtensionAttributes";
    let profile = PROFILE
        .iter()
        .map(|property| property.name)
        .collect::<Vec<_>>()
        .join(",");
    format!("$select={facts},{profile}")
}

/// Returns the reads of all guests and of all deleted users.
pub(crate) fn reads() -> [Read; 2] {
    [guests(Created::default()), deleted()]
}

/// When a guest was created, to the second: at `from` or later, and at `to` or earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Created {
    /// The first second, if there is one.
    pub from: Option<Timestamp>,
    /// The last second, if there is one.
    pub to: Option<Timestamp>,
}

impl Created {
    /// `ge` and `le` are what Graph documents for `createdDateTime`; whoever has none is in no
    /// range. Source: "user resource type", Graph v1.0.
    fn filter(self) -> String {
        let clause = |operator: &str, instant: Timestamp| {
            let instant = encode(&instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            format!("%20and%20createdDateTime%20{operator}%20{instant}")
        };
        let from = self.from.map(|from| clause("ge", from));
        let to = self.to.map(|to| clause("le", to));
        let guests = "$filter=userType%20eq%20%27Guest%27".to_owned();
        [Some(guests), from, to].into_iter().flatten().collect()
    }
}

/// Returns the read of all guests who were created then.
pub fn guests(created: Created) -> Read {
    let path = format!(
        "/users?{}&{}&$expand=sponsors($select=id)&$top=999",
        created.filter(),
        select()
    );
    Read::list(path, "User.Read.All").about(Topic::Users)
}

/// Returns the read whose answer carries the number of all guests who were created then, as the
/// index knows it. Source: "Advanced query capabilities on Microsoft Entra ID objects".
pub fn count(created: Created) -> Read {
    let path = format!("/users?{}&$select=id&$top=1&$count=true", created.filter());
    Read::list(path, "User.Read.All")
}

/// Returns the read of everybody who is no guest, with the properties that tell whom an address
/// means.
pub(crate) fn members() -> Read {
    let select = "$select=id,userPrincipalName,mail,otherMails,proxyAddresses,identities,userType,accountEnabled";
    let path = format!("/users?$filter=userType%20eq%20%27Member%27&{select}&$top=999");
    Read::list(path, "User.Read.All").about(Topic::AllMembers)
}

/// How many ids fit into one filter: Graph takes at most 15 clauses.
/// Source: "Use the $filter query parameter", Graph.
const IDS: usize = 15;

/// Returns the reads of these users with their whole profile.
pub(crate) fn followers(ids: &[&str]) -> Vec<Read> {
    let read = |ids: &[&str]| {
        let clauses = ids.iter().map(|id| format!("id%20eq%20{}", literal(id)));
        let filter = clauses.collect::<Vec<_>>().join("%20or%20");
        let path = format!("/users?$filter={filter}&{}", select());
        Read::list(path, "User.Read.All").about(Topic::Followers)
    };
    ids.chunks(IDS).map(read).collect()
}

/// Returns the read of these users, by list: whether lists show them yet.
pub fn listed(ids: &[&str]) -> Read {
    let clauses = ids.iter().map(|id| format!("id%20eq%20{}", literal(id)));
    let filter = clauses.collect::<Vec<_>>().join("%20or%20");
    Read::list(
        format!("/users?$filter={filter}&$select=id"),
        "User.Read.All",
    )
    .about(Topic::LookedUpUsers)
}

/// Returns the read of all deleted users that can be restored.
pub fn deleted() -> Read {
    let path = format!(
        "/directory/deletedItems/microsoft.graph.user?{},deletedDateTime&$top=999",
        select()
    );
    Read::list(path, "User.Read.All").about(Topic::DeletedUsers)
}

/// From how many addresses on it costs less to read everybody than to look each address up.
const MANY: usize = 150;

/// Returns the reads that show whoever is no listed guest and holds one of these addresses.
pub fn elsewhere(addresses: &BTreeSet<String>) -> Vec<Read> {
    if addresses.len() > MANY {
        vec![members()]
    } else {
        lookups(addresses.iter().map(String::as_str))
    }
}

/// Returns the reads that show whoever holds one of these addresses: live or deleted, guest or not.
pub fn holders(addresses: &BTreeSet<String>) -> Vec<Read> {
    let mut found = elsewhere(addresses);
    if addresses.len() > MANY {
        found.push(guests(Created::default()));
    }
    found.push(deleted());
    found
}

/// How many addresses fit into one filter of 15 clauses, at five clauses each.
pub const ADDRESSES: usize = 3;

/// Returns the reads of whoever holds one of these addresses, guest or not.
pub fn lookups<'a>(addresses: impl Iterator<Item = &'a str>) -> Vec<Read> {
    let addresses: Vec<_> = addresses.collect();
    let clauses = |address: &&str| {
        let mail = literal(address);
        let (primary, secondary) = (
            literal(&format!("SMTP:{address}")),
            literal(&format!("smtp:{address}")),
        );
        format!(
            "mail%20eq%20{mail}%20or%20userPrincipalName%20eq%20{mail}%20or%20otherMails/any(o:o%20eq%20{mail})\
             %20or%20proxyAddresses/any(p:p%20eq%20{primary})%20or%20proxyAddresses/any(p:p%20eq%20{secondary})"
        )
    };
    let select = select();
    let read = |chunk: &[&str]| {
        let filter = chunk
            .iter()
            .map(clauses)
            .collect::<Vec<_>>()
            .join("%20or%20");
        Read::list(
            format!("/users?$filter={filter}&{select}&$top=999"),
            "User.Read.All",
        )
        .about(Topic::LookedUpUsers)
    };
    addresses.chunks(ADDRESSES).map(read).collect()
}

/// Returns the read of one user again: for a precondition, or after a lost answer.
pub fn again(id: &str) -> Read {
    Read::one(
        format!("/users/{}?{}", encode(id), select()),
        "User.Read.All",
    )
    .about(Topic::LookedUpUsers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_is_decoded_at_its_last_underscore_and_only_without_mail() {
        let name = "ada_lovelace_contoso.example#EXT#@fabrikam.example";
        let user = |mail: Value| {
            User::decode(&json!({ "id": "1", "userPrincipalName": name, "mail": mail })).unwrap()
        };
        assert!(
            user(Value::Null)
                .addresses()
                .contains("ada_lovelace@contoso.example")
        );
        assert!(
            !user(json!("new@contoso.example"))
                .addresses()
                .contains("ada_lovelace@contoso.example")
        );
    }

    #[test]
    fn promise_4_what_graph_does_not_say_stays_unknown() {
        let user = User::decode(&json!({ "id": "1", "userType": "Guest" })).unwrap();
        assert_eq!(
            (
                user.account_enabled,
                user.sponsors,
                user.sessions_valid_from
            ),
            (None, None, None)
        );
        assert_eq!(
            User::decode(&json!({ "id": "1", "accountEnabled": "no" })),
            Err(DecodeError::Type("accountEnabled"))
        );
        assert_eq!(User::decode(&json!({})), Err(DecodeError::NoId));
    }
}
