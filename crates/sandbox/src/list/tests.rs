//! Pages, counts and expansion.

use super::*;
use crate::Behaviour;
use crate::testing::{Caller, ROOT, column, demo, empty};

fn paged(caller: &Caller, size: usize) {
    caller.sandbox.behave(Behaviour {
        page_size: Some(size),
        ..Behaviour::default()
    });
}

/// Follows next links; between pages something may happen.
fn walk(caller: &Caller, start: &str, mut between: impl FnMut(usize)) -> Vec<String> {
    let mut target = start.to_owned();
    let mut found = Vec::new();
    for page in 0.. {
        let body = caller.get(&target);
        found.extend(column(&body, "mail"));
        let Some(next) = body["@odata.nextLink"].as_str() else {
            break;
        };
        target = next.strip_prefix(ROOT).unwrap().to_owned();
        between(page);
    }
    found
}

#[test]
fn pages_keep_the_query_and_give_everybody_once() {
    let caller = demo();
    paged(&caller, 2);
    let start = "/users?$filter=userType%20eq%20'Guest'&$select=id,mail&$top=999";
    let first = caller.get(start);
    assert_eq!(first["value"].as_array().unwrap().len(), 2);
    let mut found = walk(&caller, start, |_| {});
    found.sort();
    assert_eq!(
        found,
        [
            "emmy@litware.example",
            "joan@contoso.example",
            "kurt@litware.example",
            "mary@contoso.example",
            "otto@contoso.example"
        ]
    );
}

#[test]
fn who_comes_or_goes_meanwhile_disturbs_nobody_else() {
    for start in [
        "/users?$select=mail",
        "/users?$select=mail&$orderby=displayName%20desc",
    ] {
        let caller = empty();
        let ids: Vec<String> = (0..9)
            .map(|number| {
                let id = format!("a000000{number}-0000-4000-8000-000000000000");
                caller.sandbox.insert_user(json!({"id": id, "mail": format!("g{number}@contoso.example"), "displayName": format!("G{number}")}))
            })
            .collect();
        paged(&caller, 3);
        let mut found = walk(&caller, start, |page| {
            if page == 0 {
                caller.sandbox.delete(&ids[0]);
                caller.sandbox.delete(&ids[8]);
                caller.sandbox.insert_user(json!({"id": "00000000-0000-4000-8000-000000000000", "mail": "first@contoso.example"}));
            }
        });
        let all = found.len();
        found.sort();
        found.dedup();
        assert_eq!(found.len(), all, "{start}: nobody twice");
        for number in 1..8 {
            assert!(
                found.contains(&format!("g{number}@contoso.example")),
                "{start}: {number}"
            );
        }
    }
}

#[test]
fn a_full_last_page_has_no_next_link() {
    let caller = demo();
    paged(&caller, 9);
    assert!(caller.get("/users").get("@odata.nextLink").is_none());
    paged(&caller, 8);
    assert!(caller.get("/users").get("@odata.nextLink").is_some());
    assert_eq!(
        caller.status("GET", "/users?$skiptoken=nonsense", Value::Null),
        400
    );
}

#[test]
fn counting() {
    let caller = demo();
    assert!(
        caller
            .get("/users?$count=true")
            .get("@odata.count")
            .is_none()
    );
    assert_eq!(caller.status("GET", "/users/$count", Value::Null), 400);
    let caller = caller.eventual();
    paged(&caller, 2);
    assert_eq!(caller.get("/users?$count=true")["@odata.count"], 9);
    assert_eq!(
        caller.get("/users/$count?$filter=userType%20ne%20'Guest'&$count=true"),
        json!(4)
    );
}

#[test]
fn sign_in_data_needs_a_licence() {
    let caller = demo();
    let mary = caller.id("mary@contoso.example");
    caller.sandbox.edit(
        &mary,
        json!({"signInActivity": {"lastSuccessfulSignInDateTime": "2026-10-01T00:00:00Z"}}),
    );
    let target = "/users?$select=mail,signInActivity";
    let list = caller.get(target);
    let signed_in: Vec<&Value> = list["value"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one.get("signInActivity").is_some())
        .collect();
    assert_eq!(signed_in.len(), 1);
    caller.sandbox.lock().tenant.subscribed_skus.clear();
    assert_eq!(caller.status("GET", target, Value::Null), 403);
}

#[test]
fn roles_expand_their_definitions() {
    let caller = demo();
    let list = caller.get("/roleManagement/directory/roleAssignments?$expand=roleDefinition&$filter=directoryScopeId%20eq%20'/'");
    let only = &list["value"][0];
    assert_eq!(
        only["roleDefinition"]["displayName"],
        "Global Administrator"
    );
    assert_eq!(only["roleDefinition"]["isBuiltIn"], true);
}

#[test]
fn who_is_looked_up_by_address_comes_in_pages_too() {
    let caller = empty();
    for number in 0..3 {
        caller.sandbox.insert_user(json!({
            "mail": format!("ada{number}@contoso.example"), "otherMails": ["Ada@home.example"],
        }));
    }
    paged(&caller, 1);
    let start = "/users?$filter=userType eq 'Guest' and otherMails/any(m:m eq 'ada@HOME.example')&$select=mail";
    let mut found = walk(&caller, start, |_| {});
    found.sort();
    assert_eq!(
        found,
        [
            "ada0@contoso.example",
            "ada1@contoso.example",
            "ada2@contoso.example"
        ]
    );
    let strangers = start.replace("userType eq 'Guest'", "accountEnabled eq false");
    assert!(walk(&caller, &strangers, |_| {}).is_empty());
    let eventual = caller.eventual();
    let counted = eventual.get(&format!("{start}&$count=true"));
    assert_eq!(counted["@odata.count"], 3);
}

/// Makes guests who came on the first of November and two days on, and one who came never.
fn arrivals() -> Caller {
    let caller = empty();
    for day in 1..=3 {
        caller.sandbox.insert_user(json!({
            "mail": format!("day{day}@contoso.example"),
            "createdDateTime": format!("2026-11-0{day}T00:00:00Z"),
        }));
    }
    let never = caller
        .sandbox
        .insert_user(json!({"mail": "never@contoso.example"}));
    caller
        .sandbox
        .edit(&never, json!({"createdDateTime": null}));
    caller
}

#[test]
fn guests_are_found_by_when_they_came() {
    let caller = arrivals();
    for (range, days) in [
        ("createdDateTime ge 2026-11-02T00:00:00Z", &[2, 3][..]),
        ("createdDateTime le 2026-11-02T00:00:00Z", &[1, 2]),
        (
            "createdDateTime ge 2026-11-01T00:00:01Z and createdDateTime le 2026-11-02T23:59:59Z",
            &[2],
        ),
        ("createdDateTime ge 2026-12-01T00:00:00Z", &[]),
    ] {
        let target = format!("/users?$filter=userType eq 'Guest' and {range}&$select=mail");
        let mut found = column(&caller.get(&target), "mail");
        found.sort();
        let wanted = days.iter().map(|day| format!("day{day}@contoso.example"));
        assert_eq!(found, wanted.collect::<Vec<_>>(), "{range}");
    }
    // Graph documents eq, ne, not, ge, le and in, so neither of these, advanced or not.
    for range in [
        "createdDateTime gt 2026-11-02T00:00:00Z",
        "createdDateTime lt 2026-11-02T00:00:00Z",
    ] {
        let target = format!("/users?$filter=userType eq 'Guest' and {range}");
        assert_eq!(caller.status("GET", &target, Value::Null), 400);
    }
    let before = "/users?$filter=userType eq 'Guest' and not(createdDateTime ge 2026-11-02T00:00:00Z) and createdDateTime le 2026-11-30T00:00:00Z&$select=mail&$count=true";
    assert_eq!(caller.status("GET", before, Value::Null), 400);
    let advanced = caller.eventual().get(before);
    assert_eq!(column(&advanced, "mail"), ["day1@contoso.example"]);
}

#[test]
fn a_count_is_a_bare_number_inside_a_batch_too() {
    let caller = arrivals();
    let target =
        "/users/$count?$filter=userType eq 'Guest' and createdDateTime ge 2026-11-02T00:00:00Z";
    assert_eq!(caller.status("GET", target, Value::Null), 400);
    let requests = json!({"requests": [
        {"id": "1", "method": "GET", "url": target, "headers": {"ConsistencyLevel": "eventual"}},
        {"id": "2", "method": "GET", "url": target},
    ]});
    let (_, body) = caller.ask("POST", "/$batch", requests);
    let (refused, counted) = (&body["responses"][0], &body["responses"][1]);
    assert_eq!(
        (&counted["status"], &counted["body"]),
        (&json!(200), &json!(2))
    );
    assert_eq!(counted["headers"]["Content-Type"], "text/plain");
    assert_eq!(refused["status"], 400);
    let reply = caller.eventual().reply("GET", target, None);
    assert_eq!(reply.bytes(), b"2");
    let plain = ("content-type".to_owned(), "text/plain".to_owned());
    assert!(reply.headers.contains(&plain));
}
