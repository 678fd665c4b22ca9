//! Each fault on a request by itself and on one inside a batch.

use super::*;
use crate::behaviour::Fault;
use crate::testing::{Caller, column, demo, empty, invitation};
use serde_json::json;

fn faulty(caller: &Caller, faults: Vec<Fault>) {
    caller.sandbox.behave(Behaviour {
        faults,
        ..Behaviour::default()
    });
}

fn get(id: &str, url: &str) -> Value {
    json!({"id": id, "method": "GET", "url": url})
}

fn post(id: &str, url: &str, body: Value) -> Value {
    json!({"id": id, "method": "POST", "url": url, "headers": {"Content-Type": "application/json"}, "body": body})
}

fn invite(id: &str, mail: &str) -> Value {
    post(id, "/invitations", invitation(mail))
}

/// Returns the inner answer with this id.
fn inner<'a>(answer: &'a Value, id: &str) -> &'a Value {
    let responses = answer["responses"].as_array().unwrap();
    responses.iter().find(|one| one["id"] == id).unwrap()
}

#[test]
fn the_nth_request_whatever_it_is() {
    let caller = empty();
    faulty(
        &caller,
        vec![
            Fault::next(Act::Answer(Canned::status(503)))
                .after(1)
                .times(2),
        ],
    );
    let targets = ["/users", "/groups", "/domains", "/organization"];
    let statuses = targets.map(|target| caller.status("GET", target, Value::Null));
    assert_eq!(statuses, [200, 503, 503, 200]);
}

#[test]
fn a_request_that_hangs_is_done_or_not_as_told() {
    let caller = empty();
    for (act, done) in [(Act::Hang, false), (Act::DoThenHang, true)] {
        faulty(&caller, vec![Fault::on("POST", "/invitations", act)]);
        let answer = caller.answer(
            "POST",
            "/invitations",
            Some(&invitation("ada@contoso.example")),
        );
        assert!(matches!(answer, Answer::Hang));
        assert_eq!(caller.sandbox.find("ada@contoso.example").is_some(), done);
    }
    assert_eq!(caller.sandbox.requests()[0].status, None);
}

#[test]
fn a_batch_hangs_where_one_of_its_requests_does() {
    for (act, done) in [(Act::Hang, 1), (Act::DoThenHang, 2)] {
        let caller = empty();
        faulty(
            &caller,
            vec![Fault::on("POST", "/invitations", act).after(1)],
        );
        let mails = ["a@x.example", "b@x.example", "c@x.example"];
        let requests: Vec<Value> = mails.iter().map(|mail| invite(mail, mail)).collect();
        let batch = json!({"requests": requests});
        assert!(matches!(
            caller.answer("POST", "/$batch", Some(&batch)),
            Answer::Hang
        ));
        let known = mails.map(|mail| caller.sandbox.find(mail).is_some());
        assert_eq!(known, [0, 1, 2].map(|at| at < done));
    }
}

#[test]
fn a_stale_replica_answers_reads_only() {
    let caller = empty();
    let old = caller.sandbox.insert_user(json!({"mail": "old@x.example"}));
    let stale = || Fault::next(Act::Stale).times(usize::MAX);
    faulty(&caller, vec![stale()]);
    let (status, new) = caller.invite("new@x.example");
    assert_eq!(status, 201);
    let change = json!({"companyName": "Contoso"});
    assert_eq!(
        caller.status("PATCH", &format!("/users/{old}"), change),
        204
    );
    let listed = column(&caller.get("/users?$select=mail"), "mail");
    assert!(!listed.contains(&"new@x.example".to_owned()));
    let company = format!("/users/{old}?$select=companyName");
    assert_eq!(caller.get(&company)["companyName"], Value::Null);
    let batch =
        json!({"requests": [invite("1", "more@x.example"), get("2", &format!("/users/{new}"))]});
    let (_, answer) = caller.ask("POST", "/$batch", batch);
    assert_eq!(inner(&answer, "1")["status"], 201);
    assert_eq!(inner(&answer, "2")["status"], 404);

    faulty(&caller, vec![stale()]);
    assert_eq!(
        caller.status("GET", &format!("/users/{new}"), Value::Null),
        200,
        "the replica catches up when the behaviour is set"
    );
    faulty(&caller, Vec::new());
    assert!(caller.sandbox.lock().replica.is_none());
    assert_eq!(caller.get(&company)["companyName"], "Contoso");
}

#[test]
fn a_next_link_leads_to_a_stranger() {
    let caller = demo();
    faulty(
        &caller,
        vec![Fault::next(Act::ForeignLink).times(usize::MAX)],
    );
    let link = |list: &Value| list["@odata.nextLink"].as_str().map(str::to_owned);
    assert_eq!(
        link(&caller.get("/users")).unwrap(),
        "https://evil.example/v1.0/users?$skiptoken=astray"
    );
    let paged = link(&caller.get("/users?$top=1&$select=id")).unwrap();
    assert!(
        paged.starts_with("https://evil.example/v1.0/users?$top=1&$select=id&$skiptoken="),
        "{paged}"
    );
    let one = format!("/users/{}", caller.id("mary@contoso.example"));
    assert_eq!(link(&caller.get(&one)), None);
    let batch = json!({"requests": [get("1", "/groups")]});
    let (_, answer) = caller.ask("POST", "/$batch", batch);
    let groups = link(&inner(&answer, "1")["body"]).unwrap();
    assert!(groups.starts_with("https://evil.example/v1.0/groups?"));
}

#[test]
fn expired_tokens_open_nothing_any_more() {
    let mut caller = empty();
    let expire = |skip| vec![Fault::next(Act::ExpireTokens).after(skip)];
    faulty(&caller, expire(1));
    let statuses = [0, 1, 2].map(|_| caller.status("GET", "/users", Value::Null));
    assert_eq!(statuses, [200, 401, 401]);

    caller.token = caller.sandbox.token();
    faulty(&caller, expire(2));
    let batch = json!({"requests": [get("1", "/users"), get("2", "/users"), get("3", "/users")]});
    let (status, answer) = caller.ask("POST", "/$batch", batch);
    assert_eq!(status, 200);
    let statuses = ["1", "2", "3"].map(|id| inner(&answer, id)["status"].as_u64().unwrap());
    assert_eq!(statuses, [200, 401, 401]);
    assert_eq!(
        inner(&answer, "2")["body"]["error"]["code"],
        "InvalidAuthenticationToken"
    );
    caller.token = caller.sandbox.token();
    assert_eq!(caller.status("GET", "/users", Value::Null), 200);
}

#[test]
fn somebody_changes_things_just_before() {
    let caller = demo();
    let (mary, readers) = (
        caller.id("mary@contoso.example"),
        caller.id("audit-readers"),
    );
    let otto = caller.id("otto@contoso.example");
    let user = format!("/users/{mary}");
    let link =
        json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{otto}")});
    let disable = json!({"accountEnabled": false});
    let changes = vec![
        Elsewhere::new("PATCH", &user, Some(disable)),
        Elsewhere::new("PATCH", "/users/nobody", Some(json!({"jobTitle": "x"}))),
        Elsewhere::new(
            "POST",
            &format!("/groups/{readers}/members/$ref"),
            Some(link),
        ),
    ];
    let meanwhile = Fault::on("PATCH", "/users/", Act::Meanwhile(changes));
    caller.sandbox.behave(Behaviour {
        faults: vec![meanwhile],
        permissions: Some(Default::default()),
        ..Behaviour::default()
    });
    caller.sandbox.forget_requests();
    let batch = json!({"requests": [
        {"id": "1", "method": "PATCH", "url": user, "headers": {"Content-Type": "application/json"}, "body": {"companyName": "Contoso"}},
    ]});
    let (_, answer) = caller.ask("POST", "/$batch", batch);
    assert_eq!(inner(&answer, "1")["status"], 204);
    let user = caller.get(&format!("{user}?$select=accountEnabled,companyName"));
    assert_eq!(
        (&user["accountEnabled"], &user["companyName"]),
        (&json!(false), &json!("Contoso"))
    );
    let members = caller.get(&format!("/groups/{readers}/members"));
    assert!(column(&members, "id").contains(&otto));
    let numbers: Vec<usize> = caller
        .sandbox
        .requests()
        .iter()
        .map(|one| one.number)
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[test]
#[should_panic(expected = "Resource not found for the segment 'nonsense'")]
fn a_change_elsewhere_has_to_be_one_that_is_served() {
    let nowhere = vec![Elsewhere::new("POST", "/nonsense", None)];
    faulty(&empty(), vec![Fault::next(Act::Meanwhile(nowhere))]);
}

#[test]
fn a_proxy_answers_with_a_page() {
    let caller = empty();
    faulty(
        &caller,
        vec![Fault::on("POST", "/invitations", Act::Html(502)).times(2)],
    );
    let body = invitation("ada@x.example");
    let reply = caller.reply("POST", "/invitations", Some(&body));
    assert_eq!((reply.status, reply.is_html()), (502, true));
    assert!(reply.bytes().starts_with(b"<!DOCTYPE html>"));
    assert!(reply.headers.iter().all(|(name, _)| name != "request-id"));
    let batch = json!({"requests": [invite("1", "ada@x.example")]});
    let (_, answer) = caller.ask("POST", "/$batch", batch);
    let one = inner(&answer, "1");
    assert_eq!(
        (&one["status"], &one["headers"]["Content-Type"]),
        (&json!(502), &json!("text/html"))
    );
    assert!(one["body"].as_str().unwrap().starts_with("PCFET0NUWVBF"));
    assert!(caller.sandbox.find("ada@x.example").is_none());
}
