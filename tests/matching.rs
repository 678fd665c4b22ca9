//! Who is meant by an address, against a tenant that holds all the ways to be mistaken.

use serde_json::json;

use crate::harness::{REAL, Repository, STAMP, Tenant};

fn repository(guests: &str, more: &str) -> Repository {
    Repository::new(&[
        ("guests/a.yaml", guests),
        ("policies/a.yaml", &format!("{REAL}{more}")),
    ])
}

#[test]
fn forty_guests_come_into_an_empty_tenant() {
    let tenant = Tenant::empty();
    let guests: String = (0..40).map(|n| format!("  - {{mail: guest{n}@contoso.example, displayName: Guest {n}, sponsors: [grace@fabrikam.example], groups: [partners]}}\n")).collect();
    let repository = repository(
        &format!("guests:\n{guests}"),
        "groups: [{name: partners, owners: [grace@fabrikam.example]}]\n",
    );
    tenant.applied(&repository);
    assert_eq!((tenant.mails(), tenant.members("partners").len()), (40, 40));
    let state = tenant.sandbox.state();
    let group = state["groups"]
        .as_array()
        .unwrap()
        .iter()
        .find(|group| group["displayName"] == "partners")
        .unwrap();
    assert_eq!(group["uniqueName"], "guestlist-partner-access-partners");
    for n in [0, 39] {
        let user = tenant.user(&format!("guest{n}@contoso.example"));
        assert_eq!(
            user["onPremisesExtensionAttributes"]["extensionAttribute15"],
            STAMP
        );
        assert_eq!(user["sponsors"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn guests_are_adopted_by_mail_other_mails_and_external_name() {
    let tenant = Tenant::empty();
    tenant.guest("Ada@Contoso.example", json!({}));
    tenant.guest(
        "alan.new@contoso.example",
        json!({ "otherMails": ["alan@contoso.example"] }),
    );
    let grace = tenant.sandbox.insert_user(json!({
        "userType": "Guest", "userPrincipalName": "emmy_n_litware.example#EXT#@fabrikam.onmicrosoft.example", "mail": null, "externalUserState": "Accepted",
    }));
    let guests = "guests: [{mail: ada@contoso.example}, {mail: alan@contoso.example, department: Audit}, {mail: emmy_n@litware.example}]\n";
    tenant.applied(&repository(guests, ""));
    assert_eq!(tenant.mails(), 0, "nobody is invited");
    let state = tenant.sandbox.state();
    let stamped = |user: &&serde_json::Value| {
        user["onPremisesExtensionAttributes"]["extensionAttribute15"] == STAMP
    };
    let users = state["users"].as_array().unwrap();
    assert_eq!(users.iter().filter(stamped).count(), 3);
    let alan = users
        .iter()
        .find(|user| user["department"] == "Audit")
        .unwrap();
    assert_eq!(
        alan["mail"], "alan.new@contoso.example",
        "adoption never changes mail"
    );
    assert!(
        users
            .iter()
            .find(|user| user["id"] == grace.as_str())
            .unwrap()["mail"]
            .is_null()
    );
}

#[test]
fn an_apostrophe_is_only_a_character() {
    let tenant = Tenant::empty();
    let repository = repository("guests: [{mail: \"o'brien@contoso.example\"}]\n", "");
    tenant.applied(&repository);
    assert_eq!(tenant.mails(), 1);
    tenant.applied(&repository);
    assert_eq!(tenant.mails(), 1);
}

#[test]
fn a_members_address_and_twins_block_their_guest_and_nobody_else() {
    let tenant = Tenant::empty();
    let member = tenant.sandbox.insert_user(json!({ "mail": "lise@partner.example", "userPrincipalName": "lise@fabrikam.example", "displayName": "Lise", "userType": "Member" }));
    let twins = [
        tenant.guest("twin@contoso.example", json!({})),
        tenant.guest(
            "other@contoso.example",
            json!({ "otherMails": ["twin@contoso.example"] }),
        ),
    ];
    let guests = "guests: [{mail: lise@partner.example}, {mail: twin@contoso.example}, {mail: ada@contoso.example}]\n";
    let before = tenant.sandbox.state();
    let ran = tenant
        .run(&repository(guests, ""), &["apply", "--yes"])
        .ends(4);
    assert!(
        ran.stdout
            .contains("lise@partner.example is no guest but Member"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("2 accounts answer to twin@contoso.example"),
        "{}",
        ran.stdout
    );
    let after = tenant.sandbox.state();
    let find = |state: &serde_json::Value, id: &str| {
        state["users"]
            .as_array()
            .unwrap()
            .iter()
            .find(|user| user["id"] == id)
            .unwrap()
            .clone()
    };
    for id in [&member, &twins[0], &twins[1]] {
        assert_eq!(find(&before, id), find(&after, id));
    }
    assert_eq!(tenant.mails(), 1, "only Ada is invited");
}

#[test]
fn a_leaver_is_not_dragged_back() {
    let tenant = Tenant::empty();
    let id = tenant.managed("rosa@litware.example");
    tenant.sandbox.delete(&id);
    let guests = "guests: [{mail: rosa@litware.example}]\n";
    let ran = tenant
        .run(&repository(guests, ""), &["apply", "--yes"])
        .ends(0);
    assert!(
        ran.stdout
            .contains("left the tenant or was deleted by someone else"),
        "{}",
        ran.stdout
    );
    assert_eq!(tenant.mails(), 0);
    tenant.applied(&repository(guests, "lifecycle: {left: rejoin}\n"));
    assert_eq!(tenant.user("rosa@litware.example")["id"], id.as_str());
}

#[test]
fn a_group_named_twice_is_not_guessed() {
    let tenant = Tenant::empty();
    let group = || json!({ "displayName": "partners", "mailNickname": "partners", "mailEnabled": false, "securityEnabled": true });
    let ids = [
        tenant.sandbox.insert_group(group()),
        tenant.sandbox.insert_group(group()),
    ];
    let guests = "guests: [{mail: ada@contoso.example, groups: [partners]}]\n";
    let ran = tenant
        .run(
            &repository(guests, "groups: [{name: partners}]\n"),
            &["apply", "--yes"],
        )
        .ends(4);
    assert!(
        ran.stdout.contains("2 groups of the tenant have this name"),
        "{}",
        ran.stdout
    );
    assert_eq!(
        tenant.mails(),
        1,
        "the guest is invited, the group is left alone"
    );
    tenant.applied(&repository(
        guests,
        &format!("groups: [{{name: partners, id: {}}}]\n", ids[1]),
    ));
    let state = tenant.sandbox.state();
    let members = |id: &str| {
        state["groups"]
            .as_array()
            .unwrap()
            .iter()
            .find(|group| group["id"] == id)
            .unwrap()["members"]
            .as_array()
            .map_or(0, Vec::len)
    };
    assert_eq!((members(&ids[0]), members(&ids[1])), (0, 1));
}

#[test]
fn an_account_is_handed_to_a_new_address_with_all_it_holds() {
    let tenant = Tenant::empty();
    let id = tenant.managed("a.turing@contoso.example");
    tenant.sandbox.insert_group(json!({ "displayName": "partners", "mailNickname": "partners", "mailEnabled": false, "securityEnabled": true, "members": [id] }));
    let guests = "guests: [{mail: alan@contoso.example, formerly: a.turing@contoso.example, groups: [partners]}]\n";
    let repository = repository(guests, "groups: [{name: partners}]\n");
    let ran = tenant.applied(&repository);
    assert!(
        ran.stdout
            .contains("alan@contoso.example receives the account of a.turing@contoso.example"),
        "{}",
        ran.stdout
    );
    let alan = tenant.user("alan@contoso.example");
    assert_eq!(
        (alan["id"].as_str(), alan["externalUserState"].as_str()),
        (Some(id.as_str()), Some("PendingAcceptance"))
    );
    assert_eq!(tenant.members("partners"), [id]);
    assert_eq!(
        alan["onPremisesExtensionAttributes"]["extensionAttribute15"], STAMP,
        "nothing is owed any more"
    );
}
