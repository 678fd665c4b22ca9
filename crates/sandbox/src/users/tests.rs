//! Reading and changing users.

use super::*;
use crate::testing::{column, demo, empty};

#[test]
fn a_read_returns_the_default_properties_or_the_selected_ones() {
    let caller = demo();
    let mary = caller.id("mary@contoso.example");
    let user = caller.get(&format!("/users/{mary}"));
    assert_eq!(user["displayName"], "Mary Somerville");
    assert_eq!(user["jobTitle"], Value::Null);
    assert!(user.get("userType").is_none() && user.get("sponsors").is_none());
    let user = caller.get("/users/mary_contoso.example%23EXT%23@fabrikam.onmicrosoft.example?$select=id,userType,companyName,onPremisesExtensionAttributes,signInActivity,businessPhones");
    assert_eq!(
        (&user["userType"], &user["companyName"]),
        (&json!("Guest"), &Value::Null)
    );
    assert_eq!(
        user["onPremisesExtensionAttributes"]
            .as_object()
            .unwrap()
            .len(),
        15
    );
    assert_eq!(user["businessPhones"], json!([]));
    assert!(user.get("signInActivity").is_none());
    assert_eq!(
        caller.refused("GET", "/users/nobody", Value::Null),
        (404, "Request_ResourceNotFound".into())
    );
}

#[test]
fn a_list_expands_sponsors() {
    let caller = demo();
    let list = caller.get("/users?$filter=userType%20eq%20'Guest'&$select=mail&$expand=sponsors($select=id,displayName)");
    assert_eq!(list["value"].as_array().unwrap().len(), 5);
    assert_eq!(
        list["value"][0]["sponsors"],
        json!([{"@odata.type": "#microsoft.graph.user", "id": caller.id("grace@fabrikam.example"), "displayName": "Grace Hopper"}])
    );
}

#[test]
fn an_update_merges_and_a_new_mail_becomes_the_primary_address() {
    let caller = demo();
    let target = format!("/users/{}", caller.id("emmy@litware.example"));
    let change = json!({
        "companyName": "Litware", "mail": "noether@litware.example",
        "onPremisesExtensionAttributes": {"extensionAttribute1": "x"},
    });
    assert_eq!(caller.ask("PATCH", &target, change), (204, Value::Null));
    let user = caller.get(&format!("{target}?$select=companyName,proxyAddresses,otherMails,onPremisesExtensionAttributes,userPrincipalName"));
    assert_eq!(user["companyName"], "Litware");
    assert_eq!(
        user["proxyAddresses"],
        json!(["SMTP:noether@litware.example", "smtp:emmy@litware.example"])
    );
    assert_eq!(user["otherMails"], json!(["emmy@litware.example"]));
    assert_eq!(
        user["onPremisesExtensionAttributes"]["extensionAttribute15"],
        "guestlist owner=sandbox"
    );
    assert!(
        user["userPrincipalName"]
            .as_str()
            .unwrap()
            .starts_with("emmy_litware.example#EXT#")
    );
}

#[test]
fn what_must_be_unique_or_well_formed_is() {
    let caller = demo();
    let target = format!("/users/{}", caller.id("emmy@litware.example"));
    for change in [
        json!({"mail": "KURT@litware.example"}),
        json!({"mail": "no address"}),
        json!({"otherMails": ["ä@litware.example"]}),
        json!({"usageLocation": "FIN"}),
        json!({"usageLocation": null}),
        json!({"userPrincipalName": "grace@fabrikam.example"}),
        json!({"userPrincipalName": "emmy@elsewhere.example"}),
        json!({"sponsors@odata.bind": []}),
    ] {
        assert_eq!(
            caller.refused("PATCH", &target, change.clone()),
            (400, "Request_BadRequest".into()),
            "{change}"
        );
    }
}

#[test]
fn members_are_created_in_a_verified_domain_only() {
    let caller = empty();
    let user = |upn: &str| {
        json!({"accountEnabled": true, "displayName": "Ada", "mailNickname": "ada",
            "userPrincipalName": upn, "passwordProfile": {"password": "xWwvJ]6NMw+bWH-d"}})
    };
    assert_eq!(
        caller.status("POST", "/users", user("ada@elsewhere.example")),
        400
    );
    let (status, body) = caller.ask("POST", "/users", user("ada@fabrikam.example"));
    assert_eq!(
        (status, &body["userPrincipalName"]),
        (201, &json!("ada@fabrikam.example"))
    );
    assert_eq!(
        caller.status("POST", "/users", user("ADA@fabrikam.example")),
        400
    );
    assert!(
        !caller
            .sandbox
            .state()
            .to_string()
            .contains("xWwvJ]6NMw+bWH-d")
    );
}

#[test]
fn sessions_are_revoked_at_the_tenants_time() {
    let caller = demo();
    let target = format!("/users/{}", caller.id("emmy@litware.example"));
    let (status, body) = caller.ask(
        "POST",
        &format!("{target}/revokeSignInSessions"),
        Value::Null,
    );
    assert_eq!((status, &body["value"]), (200, &json!(true)));
    let user = caller.get(&format!("{target}?$select=signInSessionsValidFromDateTime"));
    assert_eq!(
        user["signInSessionsValidFromDateTime"],
        "2026-11-22T03:00:00Z"
    );
}

#[test]
fn memberships_hold_roles_too_unless_cast() {
    let caller = demo();
    let emmy = caller.id("emmy@litware.example");
    caller.sandbox.assign_role(&emmy, "Directory Readers");
    let target = format!("/users/{emmy}/memberOf");
    let mut kinds = column(&caller.get(&target), "@odata.type");
    kinds.sort();
    assert_eq!(
        kinds,
        [
            "#microsoft.graph.directoryRole",
            "#microsoft.graph.group",
            "#microsoft.graph.group"
        ]
    );
    let names = column(
        &caller.get(&format!(
            "{target}/microsoft.graph.group?$select=displayName"
        )),
        "displayName",
    );
    assert_eq!(names, ["audit-readers", "audit-uploaders"]);
}
