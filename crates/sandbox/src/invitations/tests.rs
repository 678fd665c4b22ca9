//! Inviting, inviting again, resetting, and what is refused.

use super::*;
use crate::behaviour::Behaviour;
use crate::testing::{Caller, ROOT, demo, empty, invitation};

fn mails(caller: &Caller) -> Vec<Value> {
    caller.sandbox.state()["mails"].as_array().unwrap().clone()
}

#[test]
fn an_invitation_makes_a_pending_guest() {
    let caller = empty();
    let grace = caller.id("grace@fabrikam.example");
    let mut body = invitation("ada.lovelace@contoso.example");
    body["invitedUserDisplayName"] = json!("Ada Lovelace");
    body["invitedUserSponsors@odata.bind"] = json!([format!("{ROOT}/users/{grace}")]);
    let (status, answer) = caller.ask("POST", "/invitations", body);
    assert_eq!(status, 201);
    assert_eq!(answer["status"], "PendingAcceptance");
    assert!(
        answer["inviteRedeemUrl"]
            .as_str()
            .unwrap()
            .starts_with("https://")
    );
    let id = answer["invitedUser"]["id"].as_str().unwrap();
    let user = caller.get(&format!("/users/{id}?$select=userPrincipalName,mailNickname,externalUserState,creationType,identities,proxyAddresses,createdDateTime,displayName&$expand=sponsors"));
    assert_eq!(
        user["userPrincipalName"],
        "ada.lovelace_contoso.example#EXT#@fabrikam.onmicrosoft.example"
    );
    assert_eq!(user["mailNickname"], "ada.lovelace_contoso.example#EXT#");
    assert_eq!(
        (&user["externalUserState"], &user["creationType"]),
        (&json!("PendingAcceptance"), &json!("Invitation"))
    );
    assert_eq!(user["identities"].as_array().unwrap().len(), 1);
    assert_eq!(user["createdDateTime"], "2026-11-22T03:00:00Z");
    assert_eq!(user["displayName"], "Ada Lovelace");
    assert_eq!(user["sponsors"][0]["id"], json!(grace));
    assert!(mails(&caller).is_empty());

    caller.sandbox.redeem(id);
    let user = caller.get(&format!("/users/{id}?$select=externalUserState,identities"));
    assert_eq!(user["externalUserState"], "Accepted");
    assert_eq!(user["identities"][0]["issuer"], "ExternalAzureAD");
}

#[test]
fn inviting_again_makes_no_second_user_but_a_second_mail() {
    let caller = empty();
    let (_, id) = caller.invite("ada@contoso.example");
    let mut body = invitation("ADA@contoso.example");
    body["sendInvitationMessage"] = json!(true);
    body["invitedUserMessageInfo"] = json!({"messageLanguage": "fi-FI", "ccRecipients": [{"emailAddress": {"address": "cc@fabrikam.example"}}]});
    let (status, answer) = caller.ask("POST", "/invitations", body.clone());
    assert_eq!((status, &answer["invitedUser"]["id"]), (201, &json!(id)));
    body["invitedUserMessageInfo"]["customizedMessageBody"] = json!("Welcome");
    caller.ask("POST", "/invitations", body);
    let mails = mails(&caller);
    assert_eq!(
        (mails.len(), &mails[0]["messageLanguage"], &mails[0]["cc"]),
        (2, &json!("fi-FI"), &json!("cc@fabrikam.example"))
    );
    assert_eq!(
        (&mails[1]["messageLanguage"], &mails[1]["customizedMessage"]),
        (&json!("en-US"), &json!(false))
    );
    assert_eq!(caller.sandbox.state()["users"].as_array().unwrap().len(), 2);
}

#[test]
fn a_deleted_guest_comes_back_as_somebody_new() {
    let caller = demo();
    let old = caller.id("rosa@litware.example");
    let (status, new) = caller.invite("rosa@litware.example");
    assert_eq!(status, 201);
    assert_ne!(old, new);
}

#[test]
fn what_cannot_be_invited() {
    let caller = demo();
    for mail in [
        "ada+audit@contoso.example",
        ".ada@contoso.example",
        "ada-@contoso.example",
        "ada",
        "ada@x@y.example",
        "ada@contoso.example.",
        "grace@fabrikam.example",
        "nobody@fabrikam.example",
    ] {
        assert_eq!(caller.invite(mail).0, 400, "{mail}");
    }
    assert_eq!(caller.invite("a_d-a.l@contoso.example").0, 201);
    let with = |name: &str, value: Value| {
        let mut body = invitation("new@contoso.example");
        body[name] = value;
        caller.status("POST", "/invitations", body)
    };
    let twice = json!({"ccRecipients": [{"emailAddress": {"address": "a@b.example"}}, {"emailAddress": {"address": "c@b.example"}}]});
    assert_eq!(with("invitedUserMessageInfo", twice), 400);
    assert_eq!(with("inviteRedirectUrl", json!("myapps")), 400);
    assert_eq!(with("inviteRedirectUrl", Value::Null), 400);
    assert_eq!(with("invitedUserType", json!("Partner")), 400);
    assert_eq!(with("status", json!("Completed")), 400);
    assert_eq!(
        with(
            "invitedUser",
            json!({"id": caller.id("mary@contoso.example")})
        ),
        400
    );
    assert_eq!(with("note", json!("x")), 400);
}

#[test]
fn a_reset_keeps_the_guest_and_asks_for_a_known_address() {
    let caller = demo();
    let mary = caller.id("mary@contoso.example");
    let mut body = invitation("somerville@contoso.example");
    body["resetRedemption"] = json!(true);
    body["sendInvitationMessage"] = json!(true);
    assert_eq!(caller.status("POST", "/invitations", body.clone()), 400);
    body["invitedUser"] = json!({"id": mary});
    assert_eq!(caller.status("POST", "/invitations", body.clone()), 400);
    caller
        .sandbox
        .edit(&mary, json!({"mail": "somerville@contoso.example"}));
    let (status, answer) = caller.ask("POST", "/invitations", body.clone());
    assert_eq!((status, &answer["invitedUser"]["id"]), (201, &json!(mary)));
    let user = caller.get(&format!(
        "/users/{mary}?$select=externalUserState,userPrincipalName"
    ));
    assert_eq!(user["externalUserState"], "PendingAcceptance");
    assert!(
        user["userPrincipalName"]
            .as_str()
            .unwrap()
            .starts_with("mary_contoso")
    );
    assert_eq!(mails(&caller)[0]["kind"], "reset");
    caller.sandbox.assign_role(&mary, "Reports Reader");
    assert_eq!(caller.status("POST", "/invitations", body), 403);
}

#[test]
fn the_tenant_may_forbid_or_block_invitations() {
    let caller = empty();
    caller.sandbox.behave(Behaviour {
        invitation_block_after: Some(1),
        ..Behaviour::default()
    });
    assert_eq!(caller.invite("a@contoso.example").0, 201);
    assert_eq!(caller.invite("b@contoso.example").0, 403);
    caller.sandbox.behave(Behaviour::default());
    caller
        .sandbox
        .edit("authorizationPolicy", json!({"allowInvitesFrom": "none"}));
    assert_eq!(
        caller.refused("POST", "/invitations", invitation("b@contoso.example")),
        (403, "Forbidden".into())
    );
}
