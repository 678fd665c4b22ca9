//! Who may be invited, sign in by mail and leave, against a served tenant: what of it is beta is asked only
//! where files say so.

use guestlist_sandbox::{Act, Behaviour, Fault};
use serde_json::{Value, json};

use crate::harness::{REAL, Repository, Tenant};

const B2B: &str = "/policies/b2bManagementPolicies";
const LEAVING: &str = "/policies/externalIdentitiesPolicy";

fn repository(policies: &str) -> Repository {
    Repository::new(&[
        ("policies/tenant.yaml", REAL),
        ("policies/collaboration.yaml", policies),
        ("guests/a.yaml", "guests: [{mail: ada@contoso.example}]"),
    ])
}

/// Returns what a plan says, but for when.
fn changes(planned: &str) -> &str {
    planned.split_once("\n\n").unwrap().1
}

/// Returns the definitions of the policies that say from where guests may come.
fn definitions(tenant: &Tenant) -> Vec<Value> {
    let state = tenant.sandbox.state();
    let policies = state["b2bManagementPolicies"].as_array().unwrap().iter();
    let texts = policies.map(|policy| policy["definition"][0].as_str().unwrap().to_owned());
    texts
        .map(|text| serde_json::from_str(&text).unwrap())
        .collect()
}

fn lists(allowed_or_blocked: Value) -> Value {
    json!({ "B2BManagementPolicy": { "InvitationsAllowedAndBlockedDomainsPolicy": allowed_or_blocked } })
}

const FIRST: &str = "
requirements: {domains: {allow: [Contoso.example, müller.example, evil.example], block: [evil.example]}}
externalCollaboration:
  beta: true
  domains: requirements
  allowExternalIdentitiesToLeave: false
  allowExternalIdToUseEmailOtp: enabled
";

#[test]
fn from_where_guests_come_and_how_they_go_is_as_the_files_say() {
    let tenant = Tenant::empty();
    let files = repository(FIRST);
    tenant.applied(&files);
    let ours = ["contoso.example", "xn--mller-kva.example"];
    assert_eq!(
        definitions(&tenant),
        [lists(json!({ "AllowedDomains": ours }))]
    );
    let state = tenant.sandbox.state();
    assert_eq!(
        state["externalIdentitiesPolicy"]["allowExternalIdentitiesToLeave"],
        false
    );
    assert_eq!(
        state["externalIdentitiesPolicy"]["allowDeletedIdentitiesDataRemoval"],
        false
    );
    assert_eq!(
        state["emailMethod"]["allowExternalIdToUseEmailOtp"],
        "enabled"
    );
    assert_eq!(state["emailMethod"]["state"], "enabled");

    // Somebody changes all of it in the portal, where other things are said, too.
    let id = state["b2bManagementPolicies"][0]["id"].as_str().unwrap();
    let mut other = lists(json!({ "BlockedDomains": ["contoso.example"], "OfTheFuture": [1] }));
    other["B2BManagementPolicy"]["PreviewPolicy"] = json!({ "Features": ["OneTimePasscode"] });
    tenant
        .sandbox
        .edit(id, json!({ "definition": [other.to_string()] }));
    tenant.sandbox.edit(
        "externalIdentitiesPolicy",
        json!({ "allowExternalIdentitiesToLeave": true }),
    );
    tenant.sandbox.edit(
        "Email",
        json!({ "allowExternalIdToUseEmailOtp": "default" }),
    );
    let planned = tenant
        .run(&files, &["plan", "--detailed-exitcode"])
        .ends(2)
        .stdout;
    insta::assert_snapshot!(changes(&planned), @r#"
    ~ external identities of the tenant                       policies/collaboration.yaml:4
        allowExternalIdentitiesToLeave  true → false
        guests have to ask somebody if they want to leave
        Graph offers this in its beta version only, which may change
    ~ invitation domains of the tenant                        policies/collaboration.yaml:4
        AllowedDomains  nothing → ["contoso.example", "xn--mller-kva.example"]
        BlockedDomains  ["contoso.example"] → nothing
        who has not redeemed yet and comes from elsewhere cannot any more; who has, stays
        Graph offers this in its beta version only, which may change
    ~ one time passcode of the tenant                         policies/collaboration.yaml:4
        allowExternalIdToUseEmailOtp  "default" → "enabled"

    0 to create, 3 to change, 0 to delete. 1 unchanged, 0 not ours.
    About 3 writes, less than a minute.

    warning: guest ada@contoso.example: has no sponsor (guests/a.yaml:1)
    "#);
    tenant.applied(&files);
    let [mut now] = definitions(&tenant).try_into().unwrap();
    let policy = now["B2BManagementPolicy"].take();
    assert_eq!(
        policy["PreviewPolicy"],
        json!({ "Features": ["OneTimePasscode"] })
    );
    assert_eq!(
        policy["InvitationsAllowedAndBlockedDomainsPolicy"],
        json!({ "AllowedDomains": ours, "OfTheFuture": [1] })
    );

    // A new partner: the list is longer before the first of them is invited.
    files.write(
        "policies/collaboration.yaml",
        FIRST.replace("müller", "litware"),
    );
    files.write(
        "guests/a.yaml",
        "guests: [{mail: ada@contoso.example}, {mail: eve@litware.example}]",
    );
    tenant.applied(&files);
    assert!(tenant.sandbox.find("eve@litware.example").is_some());

    // Whoever lets in all but some needs a flag.
    let blocks = FIRST.replace(
        "allow: [Contoso.example, müller.example, evil.example], ",
        "",
    );
    files.write("policies/collaboration.yaml", &blocks);
    tenant.run(&files, &["apply", "--yes"]).ends(3);
    tenant
        .run(&files, &["apply", "--yes", "--allow-weakened", "1"])
        .ends(0);
    tenant.run(&files, &["plan", "--detailed-exitcode"]).ends(0);
    let policy = &definitions(&tenant)[0]["B2BManagementPolicy"];
    assert_eq!(
        policy["InvitationsAllowedAndBlockedDomainsPolicy"],
        json!({ "BlockedDomains": ["evil.example"], "OfTheFuture": [1] })
    );
}

#[test]
fn what_is_beta_is_asked_only_where_files_say_so() {
    let tenant = Tenant::empty();
    let files = repository("externalCollaboration: {allowExternalIdToUseEmailOtp: enabled}");
    tenant.applied(&files);
    tenant.run(&files, &["doctor"]).ends(0);
    tenant.imported_policies();
    let page = files.path().join("report.html");
    tenant
        .run(&files, &["report", "--out", page.to_str().unwrap()])
        .ends(0);
    let asked = |path: &str| {
        let received = tenant.sandbox.requests();
        received.iter().any(|it| it.path.starts_with(path))
    };
    assert!(!asked(B2B) && !asked(LEAVING));
    tenant.applied(&repository(FIRST));
    assert!(asked(B2B) && asked(LEAVING));
}

#[test]
fn a_definition_that_looks_otherwise_is_left_alone() {
    let tenant = Tenant::empty();
    let files = repository(FIRST);
    tenant.applied(&files);
    let id = tenant.sandbox.state()["b2bManagementPolicies"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for strange in [
        json!(["no JSON"]),
        json!(["{}"]),
        json!([]),
        json!(["{}", "{}"]),
    ] {
        tenant.sandbox.edit(&id, json!({ "definition": strange }));
        let planned = tenant.run(&files, &["plan"]).ends(0).stdout;
        assert!(
            planned.contains(
                "error: invitation domains of the tenant: what its definition says cannot be read"
            ),
            "{planned}"
        );
        tenant.run(&files, &["apply", "--yes"]).ends(4);
        let state = tenant.sandbox.state();
        assert_eq!(state["b2bManagementPolicies"][0]["definition"], strange);
    }
}

#[test]
fn a_lost_answer_makes_no_second_list() {
    let tenant = Tenant::empty();
    tenant.sandbox.behave(Behaviour {
        faults: vec![Fault::on("POST", B2B, Act::Lose)],
        ..Behaviour::default()
    });
    tenant.applied(&repository(FIRST));
    assert_eq!(definitions(&tenant).len(), 1);
}

#[test]
fn whoever_signs_in_by_mail_only_loses_that_and_is_counted() {
    let tenant = Tenant::empty();
    let files = repository("externalCollaboration: {allowExternalIdToUseEmailOtp: enabled}");
    files.write(
        "guests/a.yaml",
        "guests: [{mail: ada@contoso.example}, {mail: bob@contoso.example}]",
    );
    tenant.applied(&files);
    let by_mail = tenant.sandbox.find("ada@contoso.example").unwrap();
    let identities =
        json!([{ "signInType": "federated", "issuer": "mail", "issuerAssignedId": null }]);
    tenant
        .sandbox
        .edit(&by_mail, json!({ "identities": identities }));
    files.write(
        "policies/collaboration.yaml",
        "externalCollaboration: {allowExternalIdToUseEmailOtp: disabled}",
    );
    let planned = tenant.run(&files, &["plan"]).ends(0).stdout;
    insta::assert_snapshot!(changes(&planned), @r#"
    ~ one time passcode of the tenant                         policies/collaboration.yaml:1
        allowExternalIdToUseEmailOtp  "enabled" → "disabled"
        whoever signs in with a passcode by mail cannot any more, until their redemption is reset

    0 to create, 1 to change, 0 to delete. 2 unchanged, 0 not ours.
    About 1 write, less than a minute.

    warning: guest ada@contoso.example: has no sponsor (guests/a.yaml:1)
    warning: guest bob@contoso.example: has no sponsor (guests/a.yaml:1)
    "#);
}

#[test]
fn an_identity_provider_that_nobody_reviewed_is_an_error() {
    let tenant = Tenant::empty();
    let files = repository("externalCollaboration: {identityProviders: []}");
    tenant.applied(&files);
    let contoso = json!({ "displayName": "Contoso", "issuerUri": "http://contoso.example/adfs/services/trust" });
    tenant.sandbox.insert_identity_provider(contoso);
    let google =
        json!({ "displayName": "Sign in", "identityProviderType": "Google", "clientId": "x" });
    tenant.sandbox.insert_identity_provider(google);
    let told = tenant.run(&files, &["apply", "--yes"]).ends(4).stdout;
    assert!(
        told.contains("error: identity providers of the tenant: the tenant also has Google, http://contoso.example/adfs/services/trust: they are made and removed in the Entra admin center"),
        "{told}"
    );
    let imported = tenant.imported_policies();
    assert!(
        imported.contains(
            "  identityProviders: [Google, \"http://contoso.example/adfs/services/trust\"]\n"
        ),
        "{imported}"
    );
    let both = "externalCollaboration: {identityProviders: [\"http://contoso.example/adfs/services/trust\", Google]}";
    files.write("policies/collaboration.yaml", both);
    tenant.applied(&files);
    files.write(
        "policies/collaboration.yaml",
        both.replace("Google", "Facebook"),
    );
    let told = tenant.run(&files, &["plan"]).ends(0).stdout;
    assert!(
        told.contains("the tenant also has Google, and lacks Facebook"),
        "{told}"
    );
}

#[test]
fn what_cannot_be_read_stays_and_the_rest_goes_on() {
    let tenant = Tenant::empty();
    let all = [
        "User.ReadWrite.All",
        "User.Invite.All",
        "Group.Read.All",
        "Organization.Read.All",
        "RoleManagement.Read.Directory",
        "Policy.Read.All",
        "Policy.ReadWrite.ExternalIdentities",
    ];
    tenant.sandbox.behave(Behaviour {
        permissions: Some(all.map(str::to_owned).into()),
        ..Behaviour::default()
    });
    let files = repository(FIRST);
    let applied = tenant.run(&files, &["apply", "--yes"]).ends(4).stdout;
    assert!(
        applied.contains("error: `externalCollaboration`, domains of invitations (beta) could not be read: it stays as it is\n  hint: grant Policy.Read.B2BManagementPolicy"),
        "{applied}"
    );
    let state = tenant.sandbox.state();
    assert_eq!(
        state["externalIdentitiesPolicy"]["allowExternalIdentitiesToLeave"],
        false
    );
    assert_eq!(state["b2bManagementPolicies"], json!([]));
    assert!(tenant.sandbox.find("ada@contoso.example").is_some());
}
