//! Creating and changing groups.

use super::*;
use crate::testing::{Caller, ROOT, column, demo, empty};

fn security(name: &str) -> Value {
    json!({"displayName": name, "mailEnabled": false, "mailNickname": name, "securityEnabled": true})
}

fn with(name: &str, value: Value) -> Value {
    let mut group = security("partners");
    group[name] = value;
    group
}

fn create(caller: &Caller, group: Value) -> (u16, Value) {
    caller.ask("POST", "/groups", group)
}

#[test]
fn creating_is_strict() {
    let caller = empty();
    for group in [
        with("mailNickname", json!("a b")),
        with("mailNickname", json!("x".repeat(65))),
        with("securityEnabled", Value::Null),
        with("mailEnabled", json!(true)),
        with("securityEnabled", json!(false)),
        with("groupTypes", json!(["Dynamic"])),
        with("groupTypes", json!(["DynamicMembership"])),
        with("membershipRule", json!("user.userType -eq \"Guest\"")),
        with("visibility", json!("HiddenMembership")),
        with("description", json!("")),
        with(
            "owners@odata.bind",
            json!(["https://graph.microsoft.com/v1.0/users/x"]),
        ),
        with("nonsense", json!(1)),
    ] {
        assert_eq!(create(&caller, group.clone()).0, 400, "{group}");
    }
    assert_eq!(create(&caller, security("partners")).0, 201);
    assert_eq!(
        create(&caller, security("partners")).0,
        201,
        "names may repeat"
    );
}

#[test]
fn owners_and_members_come_along() {
    let caller = demo();
    let url = |name: &str| json!([format!("{ROOT}/users/{}", caller.id(name))]);
    let mut group = security("partners");
    group["owners@odata.bind"] = url("grace@fabrikam.example");
    group["members@odata.bind"] = url("mary@contoso.example");
    let (status, body) = create(&caller, group);
    assert_eq!(
        (status, &body["createdDateTime"]),
        (201, &json!("2026-11-22T03:00:00Z"))
    );
    let id = body["id"].as_str().unwrap();
    assert_eq!(
        column(
            &caller.get(&format!("/groups/{id}/owners?$select=mail")),
            "mail"
        ),
        ["grace@fabrikam.example"]
    );
    assert_eq!(
        column(
            &caller.get(&format!("/groups/{id}/members?$select=mail")),
            "mail"
        ),
        ["mary@contoso.example"]
    );
}

#[test]
fn a_unique_name_makes_creating_safe_to_repeat() {
    let mut caller = empty();
    let named = with("uniqueName", json!("ours-partners"));
    let target = "/groups(uniqueName='ours-partners')";
    assert_eq!(caller.status("PATCH", target, security("partners")), 404);
    assert_eq!(create(&caller, named.clone()).0, 201);
    assert_eq!(create(&caller, named).0, 400);
    let id = caller.get(target)["id"].clone();
    caller
        .headers
        .push(("prefer".into(), "create-if-missing".into()));
    assert_eq!(
        caller.status("PATCH", target, json!({"description": "All"})),
        204
    );
    let other = "/groups(uniqueName='ours-other')";
    assert_eq!(caller.status("PATCH", other, security("other")), 201);
    assert_eq!(caller.status("PATCH", other, security("other")), 204);
    assert_eq!(caller.get(target)["id"], id);
    assert_eq!(
        caller.status("PATCH", target, json!({"uniqueName": "changed"})),
        400
    );
}

#[test]
fn dynamic_groups_follow_their_rule() {
    let caller = demo();
    let mut group = security("litware");
    group["groupTypes"] = json!(["DynamicMembership"]);
    group["membershipRule"] =
        json!("(user.userType -eq \"Guest\") and (user.mail -endsWith \"@litware.example\")");
    let (status, body) = create(&caller, group);
    assert_eq!(
        (status, &body["membershipRuleProcessingState"]),
        (201, &json!("On"))
    );
    let target = format!("/groups/{}", body["id"].as_str().unwrap());
    let members = || {
        column(
            &caller.get(&format!("{target}/members?$select=displayName")),
            "displayName",
        )
    };
    assert_eq!(members(), ["Emmy Noether", "Kurt Goedel"]);
    caller.sandbox.delete(&caller.id("kurt@litware.example"));
    assert_eq!(members(), ["Emmy Noether"]);
    assert_eq!(
        caller.status("PATCH", &target, json!({"membershipRule": "nonsense"})),
        400
    );
    assert_eq!(
        caller.status(
            "PATCH",
            &target,
            json!({"membershipRuleProcessingState": "Paused"})
        ),
        204
    );
    caller.invite("new@litware.example");
    assert_eq!(members(), ["Emmy Noether"]);
    assert_eq!(
        caller.status(
            "PATCH",
            &target,
            json!({"membershipRuleProcessingState": "On"})
        ),
        204
    );
    assert_eq!(members().len(), 2);
}

#[test]
fn microsoft_365_groups_have_addresses_and_can_be_restored() {
    let caller = demo();
    let mut group = security("team");
    group["groupTypes"] = json!(["Unified"]);
    group["mailEnabled"] = json!(true);
    let (status, body) = create(&caller, group.clone());
    assert_eq!(
        (status, &body["mail"], &body["visibility"]),
        (
            201,
            &json!("team@fabrikam.onmicrosoft.example"),
            &json!("Public")
        )
    );
    assert_eq!(create(&caller, group).0, 400, "the address is taken");
    let id = body["id"].as_str().unwrap();
    assert_eq!(
        caller.status("DELETE", &format!("/groups/{id}"), Value::Null),
        204
    );
    assert_eq!(
        column(
            &caller.get("/directory/deletedItems/microsoft.graph.group"),
            "id"
        ),
        [id]
    );
    assert_eq!(
        caller.status(
            "POST",
            &format!("/directory/deletedItems/{id}/restore"),
            Value::Null
        ),
        200
    );
    let readers = caller.id("audit-readers");
    assert_eq!(
        caller.status("DELETE", &format!("/groups/{readers}"), Value::Null),
        204
    );
    assert_eq!(
        caller.get("/directory/deletedItems/microsoft.graph.group")["value"],
        json!([])
    );
}
