//! Tenants of any size, made by counting: as large as a test of scale wants them, and the same
//! each time.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::tenant::{Object, Tenant};
use crate::{guest, seed, time};

/// The oldest guests came so long ago.
const YEARS: i64 = 3;

/// Returns a tenant with guests who accepted, and the groups they are in.
pub(crate) fn tenant(
    now: Timestamp,
    guests: usize,
    groups: usize,
    groups_per_guest: usize,
    stamp: Option<&str>,
) -> Tenant {
    let mut tenant = seed::empty(now);
    let mut members: Vec<Vec<Value>> = vec![Vec::new(); groups];
    for number in 0..guests {
        let id = id(0xa000_0000, number);
        let mut user = person(&id, number, stamp);
        let created = created(now, number, guests);
        guest::fill(&tenant, &mut user, "Accepted", created);
        tenant.users.insert(id.clone(), user);
        for step in (0..groups_per_guest).filter(|_| groups > 0) {
            let group = &mut members[(number + step * 7) % groups];
            // Few groups come round again.
            if group.last() != Some(&json!(id)) {
                group.push(json!(id));
            }
        }
    }
    for (number, members) in members.into_iter().enumerate() {
        let id = id(0xb000_0000, number);
        let group = group(now, &id, number, members);
        tenant.groups.insert(id, group);
    }
    tenant
}

fn person(id: &str, number: usize, stamp: Option<&str>) -> Object {
    let mut user = Object::new();
    user.insert("id".into(), json!(id));
    user.insert("mail".into(), json!(format!("g{number}@contoso.example")));
    user.insert("displayName".into(), json!(format!("Guest {number}")));
    user.insert("companyName".into(), json!("Contoso"));
    if let Some(stamp) = stamp {
        let attributes = json!({"extensionAttribute15": stamp});
        user.insert("onPremisesExtensionAttributes".into(), attributes);
    }
    user
}

fn group(now: Timestamp, id: &str, number: usize, members: Vec<Value>) -> Object {
    let name = format!("group-{number}");
    let made = time::stamp(time::days_before(now, YEARS * 365));
    let mut group = Object::new();
    for (property, value) in [
        ("id", json!(id)),
        ("createdDateTime", json!(made)),
        ("displayName", json!(name)),
        ("groupTypes", json!([])),
        ("mailEnabled", json!(false)),
        ("mailNickname", json!(name)),
        ("owners", json!([])),
        ("renewedDateTime", json!(made)),
        ("securityEnabled", json!(true)),
    ] {
        group.insert(property.into(), value);
    }
    group.insert("members".into(), Value::Array(members));
    group
}

/// Returns an id; the order of ids is not that of numbers, as in a real tenant.
fn id(kind: u64, number: usize) -> String {
    let number = number as u64;
    let mixed = number.wrapping_mul(0x9e37_79b9) % 0x1000_0000;
    format!("{:08x}-0000-4000-8000-{number:012x}", kind + mixed)
}

/// Spreads arrivals evenly, the first guest's first.
fn created(now: Timestamp, number: usize, guests: usize) -> Timestamp {
    let span = YEARS * 365 * 24 * 3600;
    let left = (guests - number) as i64;
    now - SignedDuration::from_secs(span * left / guests as i64)
}

#[cfg(test)]
mod tests {
    use crate::Sandbox;
    use crate::testing::{column, now, of};

    #[test]
    fn guests_and_groups_are_as_promised() {
        let caller = of(Sandbox::generated(now(), 30, 10, 2, Some("mine")));
        let list = caller.get("/users?$filter=userType eq 'Guest'&$top=999&$select=mail,createdDateTime,companyName,onPremisesExtensionAttributes");
        assert_eq!(list["value"].as_array().unwrap().len(), 30);
        let attributes = &list["value"][0]["onPremisesExtensionAttributes"];
        assert_eq!(attributes["extensionAttribute15"], "mine");
        let mut made = column(&list, "createdDateTime");
        made.sort();
        assert_eq!(made[0], "2023-11-23T03:00:00Z");
        assert!(made[29] < crate::time::stamp(now()));

        let guest = caller.id("g3@contoso.example");
        let groups = caller.get(&format!("/users/{guest}/memberOf?$select=displayName"));
        let mut names = column(&groups, "displayName");
        names.sort();
        assert_eq!(names, ["group-0", "group-3"]);
        let readable = Sandbox::from_state(caller.sandbox.state()).unwrap();
        assert_eq!(readable.state(), caller.sandbox.state());
        let alone = Sandbox::generated(now(), 1, 1, 5, None).state();
        assert_eq!(alone["groups"][0]["members"].as_array().unwrap().len(), 1);
        Sandbox::generated(now(), 3, 0, 2, None);
    }
}
