//! Who invited whom, by the audit log: proposed as sponsors of guests who have none. What the log does
//! not say plainly is not guessed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::sponsors::called;
use crate::address::ObjectId;
use crate::kinds::group::written::is_guid;
use crate::kinds::guest::user::{User, text};
use crate::request::{Answer, Read, literal};
use crate::snapshot::principals_by_id;

/// What the log calls it. Source: "Microsoft Entra audit log categories and activities".
const INVITED: &str = "Invite external user";

/// Who invited a guest, the first one first, by the guest's id.
pub type Invited = BTreeMap<ObjectId, Vec<ObjectId>>;

/// Returns whether a guest is known to have no sponsor.
pub fn lacks_sponsor(user: &User) -> bool {
    user.sponsors.as_ref().is_some_and(Vec::is_empty)
}

/// Returns the read of every invitation that the log still knows. It is not served in every cloud.
/// Source: "List directoryAudits", Graph v1.0.
pub fn invitations() -> Read {
    let filter = format!("activityDisplayName%20eq%20{}", literal(INVITED));
    let path = format!("/auditLogs/directoryAudits?$filter={filter}");
    Read {
        may_be_missing: true,
        ..Read::list(path, "AuditLog.Read.All").optional()
    }
}

/// Returns who invited some guests; none if that could not be read.
pub fn invited(answer: &Answer, guests: &[&User]) -> Option<Invited> {
    let Answer::Items(items) = answer else {
        return None;
    };
    let ids: BTreeSet<&str> = guests.iter().map(|guest| guest.id.as_str()).collect();
    let names: BTreeMap<String, &str> = guests
        .iter()
        .map(|guest| (guest.user_principal_name.to_lowercase(), guest.id.as_str()))
        .collect();
    let mut found: BTreeMap<ObjectId, BTreeSet<(Timestamp, ObjectId)>> = BTreeMap::new();
    for item in items {
        let Some((at, inviter)) = invitation(item) else {
            continue;
        };
        for target in item["targetResources"].as_array().into_iter().flatten() {
            let by_id = text(target, "id").and_then(|id| ids.get(id.as_str()).copied());
            let by_name = || {
                let name = text(target, "userPrincipalName")?.to_lowercase();
                names.get(&name).copied()
            };
            if let Some(guest) = by_id.or_else(by_name) {
                let all = found.entry(guest.to_owned()).or_default();
                all.insert((at, inviter.clone()));
            }
        }
    }
    let order = |all: BTreeSet<_>| all.into_iter().map(|(_, inviter)| inviter).collect();
    let found = found.into_iter().map(|(guest, all)| (guest, order(all)));
    Some(found.collect())
}

/// Returns when a person invited somebody, and the person's id, if an entry of the log says that.
fn invitation(item: &Value) -> Option<(Timestamp, ObjectId)> {
    let is = |name: &str, value: &str| {
        text(item, name).is_some_and(|text| text.eq_ignore_ascii_case(value))
    };
    let at = text(item, "activityDateTime")?.parse().ok()?;
    let inviter = text(&item["initiatedBy"]["user"], "id")?;
    (is("activityDisplayName", INVITED) && is("result", "success") && is_guid(&inviter))
        .then_some((at, inviter))
}

/// Returns the reads of the inviters.
pub fn who(invited: &Invited) -> Vec<Read> {
    let ids: BTreeSet<&str> = invited.values().flatten().map(String::as_str).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    principals_by_id(&ids)
}

/// Returns what the first inviter of each guest is called who can vouch for somebody: is in the tenant,
/// no guest, and can sign in.
pub fn proposed(invited: &Invited, answers: &[(Read, Answer)]) -> BTreeMap<ObjectId, String> {
    let items = answers.iter().filter_map(|(_, answer)| match answer {
        Answer::Items(items) => Some(items),
        Answer::Missing | Answer::Denied => None,
    });
    let users = items.flatten().filter_map(|item| User::decode(item).ok());
    let able = users.filter(|user| !user.is_guest() && user.account_enabled == Some(true));
    let names: BTreeMap<ObjectId, String> = able
        .filter_map(|user| called(&user).map(|name| (user.id, name)))
        .collect();
    let first = |all: &Vec<ObjectId>| all.iter().find_map(|id| names.get(id)).cloned();
    let proposed = invited
        .iter()
        .filter_map(|(guest, all)| Some((guest.clone(), first(all)?)));
    proposed.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ADA: &str = "a0000000-0000-4000-8000-000000000001";
    const BOB: &str = "a0000000-0000-4000-8000-000000000002";
    const GRACE: &str = "b0000000-0000-4000-8000-000000000001";
    const HEDY: &str = "b0000000-0000-4000-8000-000000000002";

    fn guest(id: &str, name: &str) -> User {
        User {
            id: id.to_owned(),
            user_principal_name: name.to_owned(),
            sponsors: Some(Vec::new()),
            ..User::default()
        }
    }

    fn entry(day: u8, by: &str, target: Value, more: Value) -> Value {
        let mut entry = json!({
            "activityDisplayName": INVITED, "result": "success",
            "activityDateTime": format!("2026-11-{day:02}T09:00:00.1234567Z"),
            "initiatedBy": { "user": { "id": by } }, "targetResources": [target],
        });
        for (name, value) in more.as_object().unwrap() {
            entry[name] = value.clone();
        }
        entry
    }

    fn read(items: Vec<Value>) -> Invited {
        let (ada, bob) = (guest(ADA, "ada#EXT#@x"), guest(BOB, "Bob#EXT#@x"));
        invited(&Answer::Items(items), &[&ada, &bob]).unwrap()
    }

    #[test]
    fn guests_are_found_by_id_or_name_and_inviters_by_day() {
        let found = read(vec![
            entry(3, HEDY, json!({ "id": ADA }), json!({})),
            entry(2, GRACE, json!({ "id": ADA }), json!({})),
            entry(
                2,
                GRACE,
                json!({ "id": null, "userPrincipalName": "bob#ext#@X" }),
                json!({}),
            ),
            entry(2, GRACE, json!({ "id": GRACE }), json!({})),
        ]);
        let expected = [(ADA, vec![GRACE, HEDY]), (BOB, vec![GRACE])];
        let owned = |(guest, all): (&str, Vec<&str>)| {
            (
                guest.to_owned(),
                all.into_iter().map(str::to_owned).collect(),
            )
        };
        assert_eq!(found, expected.map(owned).into());
        let read = who(&found);
        assert_eq!(read.len(), 1);
        assert!(read[0].path.contains(GRACE) && read[0].path.contains(HEDY));
    }

    #[test]
    fn what_does_not_plainly_say_who_invited_is_passed_over() {
        let ada = || json!({ "id": ADA });
        let odd = [
            json!({ "result": "failure" }),
            json!({ "result": null }),
            json!({ "activityDisplayName": "Add user" }),
            json!({ "activityDateTime": "yesterday" }),
            json!({ "initiatedBy": { "user": null, "app": { "appId": GRACE } } }),
            json!({ "initiatedBy": null }),
            json!({ "initiatedBy": { "user": { "id": "x' or 'a' eq 'a" } } }),
            json!({ "targetResources": null }),
            json!({ "targetResources": [{ "id": "", "userPrincipalName": "" }] }),
        ];
        for more in odd {
            assert_eq!(
                read(vec![entry(1, GRACE, ada(), more.clone())]),
                Invited::new(),
                "{more}"
            );
        }
        assert_eq!(read(vec![Value::Null]), Invited::new());
        let ada = guest(ADA, "ada#EXT#@x");
        assert_eq!(invited(&Answer::Denied, &[&ada]), None);
        assert_eq!(invited(&Answer::Missing, &[&ada]), None);
    }

    #[test]
    fn only_who_can_vouch_is_proposed() {
        let invited = read(vec![
            entry(1, GRACE, json!({ "id": ADA }), json!({})),
            entry(2, HEDY, json!({ "id": ADA }), json!({})),
        ]);
        let user = |id: &str, mail: &str, more: Value| {
            let mut user = json!({ "id": id, "mail": mail, "userPrincipalName": mail, "userType": "Member", "accountEnabled": true });
            for (name, value) in more.as_object().unwrap() {
                user[name] = value.clone();
            }
            user
        };
        let hedy = || user(HEDY, "hedy@x.example", json!({}));
        let proposal = |grace: Value| {
            let answer = Answer::Items(
                [grace, hedy()]
                    .into_iter()
                    .filter(|it| !it.is_null())
                    .collect(),
            );
            proposed(&invited, &[(invitations(), answer)]).remove(ADA)
        };
        let grace = |more| user(GRACE, "Grace@x.example", more);
        assert_eq!(
            proposal(grace(json!({}))).as_deref(),
            Some("grace@x.example")
        );
        for unable in [
            grace(json!({ "userType": "Guest" })),
            grace(json!({ "accountEnabled": false })),
            grace(json!({ "accountEnabled": null })),
            grace(json!({ "mail": null, "userPrincipalName": "grace" })),
            Value::Null,
        ] {
            let shown = unable.to_string();
            assert_eq!(
                proposal(unable).as_deref(),
                Some("hedy@x.example"),
                "{shown}"
            );
        }
        assert!(proposed(&invited, &[(invitations(), Answer::Denied)]).is_empty());
    }
}
