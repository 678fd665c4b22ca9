//! Faults, replication, batches, permissions and tokens, asked without a socket.

use serde_json::json;

use super::*;
use crate::behaviour::Canned;
use crate::quota::{Quota, Rate};
use crate::testing::{Caller, column, demo, empty, invitation, reference};
use std::time::Duration;

fn faulty(caller: &Caller, faults: Vec<Fault>) {
    caller.sandbox.behave(Behaviour {
        faults,
        ..Behaviour::default()
    });
}

fn get(id: &str, url: &str) -> Value {
    json!({"id": id, "method": "GET", "url": url})
}

#[test]
fn faults_strike_the_requests_they_are_meant_for() {
    let caller = empty();
    faulty(
        &caller,
        vec![
            Fault::on("GET", "/users", Act::Answer(Canned::throttled(7)))
                .after(1)
                .times(2),
            Fault::at(5, Act::Drop),
        ],
    );
    let statuses: Vec<u16> = (0..4)
        .map(|_| caller.status("GET", "/users", Value::Null))
        .collect();
    assert_eq!(statuses, [200, 429, 429, 200]);
    assert!(matches!(
        caller.answer("GET", "/groups", None),
        Answer::Drop
    ));
    let received = caller.sandbox.requests();
    assert_eq!((received[4].number, received[4].status), (5, None));
    assert!(!received[0].headers.contains_key("authorization"));
}

#[test]
fn lost_answers_are_done_and_dropped_requests_are_not() {
    let caller = empty();
    let body = invitation("ada@contoso.example");
    faulty(
        &caller,
        vec![Fault::at(1, Act::Drop), Fault::at(2, Act::Lose)],
    );
    assert!(matches!(
        caller.answer("POST", "/invitations", Some(&body)),
        Answer::Drop
    ));
    assert!(caller.sandbox.find("ada@contoso.example").is_none());
    assert!(matches!(
        caller.answer("POST", "/invitations", Some(&body)),
        Answer::Drop
    ));
    assert!(caller.sandbox.find("ada@contoso.example").is_some());
    faulty(
        &caller,
        vec![
            Fault::at(1, Act::Truncate),
            Fault::at(2, Act::DoThenAnswer(Canned::status(503))),
        ],
    );
    assert!(matches!(
        caller.answer("GET", "/users", None),
        Answer::Truncated(_)
    ));
    assert_eq!(
        caller.status("POST", "/invitations", invitation("b@contoso.example")),
        503
    );
    assert!(caller.sandbox.find("b@contoso.example").is_some());
}

#[test]
fn a_new_guest_is_unknown_elsewhere_for_a_while() {
    let caller = demo();
    let replication = |seconds| {
        caller.sandbox.behave(Behaviour {
            replication: Duration::from_secs(seconds),
            ..Behaviour::default()
        });
    };
    replication(3600);
    let (_, id) = caller.invite("ada@contoso.example");
    let readers = caller.id("audit-readers");
    let (target, link) = (
        format!("/users/{id}"),
        format!("/groups/{readers}/members/$ref"),
    );
    let change = json!({"companyName": "Contoso"});
    let early = caller.refused("PATCH", &target, change.clone());
    assert_eq!(early, (404, "Directory_ObjectNotFound".into()));
    assert_eq!(caller.status("GET", &target, Value::Null), 404);
    assert_eq!(caller.status("POST", &link, reference(&id)), 404);
    let known = column(&caller.get("/users?$select=mail"), "mail");
    assert!(!known.contains(&"ada@contoso.example".to_owned()));
    assert_eq!(caller.invite("ada@contoso.example"), (201, id.clone()));
    replication(0);
    assert_eq!(caller.status("PATCH", &target, change), 204);
    assert_eq!(caller.status("POST", &link, reference(&id)), 204);
}

#[test]
fn a_batch_answers_each_request_for_itself() {
    let caller = demo();
    let mary = caller.id("mary@contoso.example");
    caller.sandbox.behave(Behaviour {
        page_size: Some(1),
        ..Behaviour::default()
    });
    let (status, body) = caller.ask("POST", "/$batch", json!({"requests": [
        get("1", "/users?$select=id"),
        get("2", "/users/nobody"),
        {"id": "3", "method": "PATCH", "url": format!("/users/{mary}"), "headers": {"Content-Type": "application/json"}, "body": {"companyName": "Contoso"}},
        {"id": "4", "method": "GET", "url": "/users", "dependsOn": ["2"]},
        {"id": "5", "method": "GET", "url": "/users?$filter=userType ne 'Guest'&$count=true", "headers": {"ConsistencyLevel": "eventual"}},
        {"id": "6", "method": "POST", "url": "/$batch", "headers": {"Content-Type": "application/json"}, "body": {"requests": []}},
    ]}));
    assert_eq!(status, 200);
    let responses = body["responses"].as_array().unwrap();
    let order: Vec<(&str, u64)> = responses
        .iter()
        .map(|one| (one["id"].as_str().unwrap(), one["status"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        order,
        [
            ("6", 400),
            ("5", 200),
            ("4", 424),
            ("3", 204),
            ("2", 404),
            ("1", 200)
        ]
    );
    assert!(
        responses[5]["body"]["@odata.nextLink"]
            .as_str()
            .unwrap()
            .starts_with("http://localhost/v1.0/users?")
    );
    assert_eq!(responses[5]["headers"]["Content-Type"], "application/json");
    assert_eq!(responses[1]["body"]["@odata.count"], 4);
    assert!(responses[3].get("body").is_none());
    let received = caller.sandbox.requests();
    assert_eq!(received.iter().filter(|one| one.in_batch).count(), 5);
    assert_eq!(
        (received[0].path.as_str(), received[0].status),
        ("/$batch", Some(200))
    );
}

#[test]
fn faults_reach_into_batches() {
    let caller = empty();
    let batch =
        json!({"requests": [get("1", "/users"), get("2", "/groups"), get("3", "/domains")]});
    faulty(
        &caller,
        vec![Fault::on(
            "GET",
            "/groups",
            Act::Answer(Canned::throttled(3)),
        )],
    );
    let (_, body) = caller.ask("POST", "/$batch", batch.clone());
    assert_eq!(
        (
            &body["responses"][1]["status"],
            &body["responses"][1]["headers"]["Retry-After"]
        ),
        (&json!(429), &json!("3"))
    );
    faulty(&caller, vec![Fault::at(3, Act::Drop)]);
    caller.sandbox.forget_requests();
    assert!(matches!(
        caller.answer("POST", "/$batch", Some(&batch)),
        Answer::Drop
    ));
    assert_eq!(
        caller.sandbox.requests().len(),
        3,
        "what comes after the break is not done"
    );
}

#[test]
fn permissions_open_doors() {
    let mut caller = demo();
    let mut only = |roles: &[&str]| {
        caller.sandbox.behave(Behaviour {
            permissions: Some(roles.iter().map(|role| (*role).to_owned()).collect()),
            ..Behaviour::default()
        });
        caller.token = caller.sandbox.token();
        let mary = format!("/users/{}", caller.id("mary@contoso.example"));
        let reset = json!({"invitedUserEmailAddress": "mary@contoso.example", "inviteRedirectUrl": "https://x.example", "resetRedemption": true, "invitedUser": {"id": caller.id("mary@contoso.example")}});
        let role_group = json!({"displayName": "x", "mailEnabled": false, "mailNickname": "x", "securityEnabled": true, "isAssignableToRole": true});
        [
            caller.status("GET", "/users", Value::Null),
            caller.status("PATCH", &mary, json!({"accountEnabled": true})),
            caller.status("PATCH", &mary, json!({"companyName": "Contoso"})),
            caller.status("POST", "/invitations", invitation("mary@contoso.example")),
            caller.status("POST", "/invitations", reset),
            caller.status("POST", "/groups", role_group),
            caller.status("GET", "/users?$select=signInActivity", Value::Null),
        ]
    };
    assert_eq!(only(&[]), [403; 7]);
    assert_eq!(
        only(&["User.Read.All", "User.EnableDisableAccount.All"]),
        [200, 204, 403, 403, 403, 403, 403]
    );
    assert_eq!(
        only(&["User.Read.All", "User.Invite.All", "AuditLog.Read.All"]),
        [200, 403, 403, 201, 403, 403, 200]
    );
    assert_eq!(
        only(&["User.ReadWrite.All", "Group.ReadWrite.All"]),
        [200, 204, 204, 201, 201, 403, 403]
    );
    assert_eq!(
        only(&["Group.Create", "RoleManagement.ReadWrite.Directory"]),
        [403, 403, 403, 403, 403, 201, 403]
    );
}

#[test]
fn tokens_are_needed_and_expire() {
    let mut caller = empty();
    caller.sandbox.expire_tokens();
    assert_eq!(
        caller.refused("GET", "/users", Value::Null),
        (401, "InvalidAuthenticationToken".into())
    );
    caller.token = "nonsense".into();
    let reply = caller.reply("GET", "/users", None);
    assert_eq!(reply.status, 401);
    assert!(
        reply
            .headers
            .iter()
            .any(|(name, _)| name == "www-authenticate")
    );
    caller.sandbox.behave(Behaviour {
        token_lifetime: Duration::ZERO,
        ..Behaviour::default()
    });
    caller.token = caller.sandbox.token();
    assert_eq!(caller.status("GET", "/users", Value::Null), 401);
}

#[test]
fn answers_carry_ids_and_costs() {
    let mut caller = empty();
    caller
        .headers
        .push(("client-request-id".into(), "mine".into()));
    let reply = caller.reply("GET", "/users?$select=id", None);
    let header = |wanted: &str| {
        reply
            .headers
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(header("client-request-id"), Some("mine"));
    assert_eq!(header("x-ms-resource-unit"), Some("1"));
    assert_eq!(header("date"), Some("Sun, 22 Nov 2026 03:00:00 GMT"));
    assert!(header("request-id").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_quota_throttles_each_request_of_a_batch_and_eases_with_time() {
    let caller = demo();
    let quota = Quota {
        small: Rate::new(5, Duration::from_secs(10)),
        ..Quota::documented()
    };
    caller.sandbox.behave(Behaviour {
        quota: Some(quota),
        ..Behaviour::default()
    });
    let requests: Vec<Value> = (1..=6)
        .map(|id| get(&id.to_string(), "/organization"))
        .collect();
    let batch = json!({ "requests": requests });
    let (status, body) = caller.ask("POST", "/$batch", batch);
    assert_eq!(status, 200);
    let last = &body["responses"][0];
    assert_eq!((&last["id"], &last["status"]), (&json!("6"), &json!(429)));
    let headers = &last["headers"];
    assert_eq!(headers["Retry-After"], "4");
    assert_eq!(
        headers["x-ms-throttle-scope"],
        "Tenant_Application/ReadWrite/99999999-9999-4999-8999-999999999999/7f3a0000-0000-4000-8000-000000000001"
    );
    assert_eq!(
        headers["x-ms-throttle-information"],
        "ResourceUnitLimitExceeded"
    );
    assert_eq!(headers["x-ms-throttle-limit-percentage"], "1.20");
    let before = &body["responses"][2];
    assert_eq!(before["status"], 200);
    assert_eq!(
        before["headers"].get("x-ms-throttle-limit-percentage"),
        None
    );

    tokio::time::advance(Duration::from_secs(4)).await;
    assert_eq!(caller.status("GET", "/organization", Value::Null), 200);
    assert_eq!(caller.status("GET", "/organization", Value::Null), 429);
}

#[tokio::test(start_paused = true)]
async fn conditional_access_does_not_say_when_to_come_back() {
    let caller = empty();
    caller.sandbox.behave(Behaviour {
        quota: Some(Quota::documented()),
        ..Behaviour::default()
    });
    let policies = "/identity/conditionalAccess/policies";
    assert_eq!(caller.status("GET", policies, Value::Null), 200);
    let reply = caller.reply("GET", policies, None);
    assert_eq!(reply.status, 429);
    assert!(reply.headers.iter().all(|(name, _)| name != "retry-after"));
}

#[tokio::test(start_paused = true)]
async fn replication_goes_by_the_runtimes_clock() {
    let caller = empty();
    caller.sandbox.behave(Behaviour {
        replication: Duration::from_secs(30),
        ..Behaviour::default()
    });
    let (_, id) = caller.invite("ada@contoso.example");
    let target = format!("/users/{id}");
    assert_eq!(caller.status("GET", &target, Value::Null), 404);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(caller.status("GET", &target, Value::Null), 200);
}
