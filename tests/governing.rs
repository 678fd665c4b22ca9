//! Policies of the tenant, and what groups have besides their members, against a served tenant: made,
//! changed, drifted, left alone; what a missing permission says; and what import writes of them.

use guestlist_sandbox::{Act, Behaviour, Elsewhere, Fault};
use serde_json::{Value, json};

use crate::harness::{REAL, Repository, Tenant};

const ADA: &str = "ada@contoso.example";

fn repository(policies: &str) -> Repository {
    let guest = format!("guests: [{{mail: {ADA}}}]");
    Repository::new(&[
        ("guests/a.yaml", &guest),
        ("policies/tenant.yaml", REAL),
        ("policies/governing.yaml", policies),
    ])
}

/// Returns the only object of a table.
fn only(tenant: &Tenant, table: &str) -> Value {
    let state = tenant.sandbox.state();
    let all = state[table].as_array().unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

fn group(tenant: &Tenant, name: &str) -> Value {
    let state = tenant.sandbox.state();
    let mut groups = state["groups"].as_array().unwrap().iter();
    groups
        .find(|group| group["displayName"] == name)
        .unwrap()
        .clone()
}

const EXPIRATION: &str =
    "groupExpiration: {lifetime: 180d, groups: selected, notify: [it@fabrikam.example]}\n";

#[test]
fn groups_expire_as_the_files_say_and_drift_is_set_right() {
    let tenant = Tenant::empty();
    let files = repository(&format!(
        "{EXPIRATION}groups:\n  - {{name: partners, type: microsoft365, expiration: true}}\n"
    ));
    tenant.applied(&files);
    let policy = only(&tenant, "groupLifecyclePolicies");
    assert_eq!(policy["groupLifetimeInDays"], 180);
    assert_eq!(policy["managedGroupTypes"], "Selected");
    assert_eq!(policy["alternateNotificationEmails"], "it@fabrikam.example");
    assert_eq!(policy["groups"], json!([group(&tenant, "partners")["id"]]));

    // Every property changes, and the group leaves.
    files.write(
        "policies/governing.yaml",
        "groupExpiration: {lifetime: 365d, groups: selected, notify: []}
groups:
  - {name: partners, type: microsoft365, expiration: false}
",
    );
    tenant.applied(&files);
    let policy = only(&tenant, "groupLifecyclePolicies");
    assert_eq!(policy["groupLifetimeInDays"], 365);
    assert_eq!(policy["alternateNotificationEmails"], Value::Null);
    assert_eq!(policy["groups"], json!([]));
    files.write(
        "policies/governing.yaml",
        "groupExpiration: {lifetime: 365d, groups: all}",
    );
    tenant.applied(&files);
    assert_eq!(
        only(&tenant, "groupLifecyclePolicies")["managedGroupTypes"],
        "All"
    );

    // Whoever takes the section out of the files takes nothing from the tenant.
    files.write("policies/governing.yaml", "limits: {removals: {count: 1}}");
    let planned = tenant.run(&files, &["plan"]).ends(0).stdout;
    assert!(planned.contains("Nothing to do."), "{planned}");
}

#[test]
fn group_settings_are_made_and_changed_with_all_their_values() {
    let tenant = Tenant::empty();
    let files = repository("groupSettings: {allowGuestsToBeGroupOwner: true}");
    tenant.applied(&files);
    let value = |tenant: &Tenant, name: &str| {
        let setting = only(tenant, "groupSettings");
        let values = setting["values"].as_array().unwrap().clone();
        let found = values.iter().find(|value| value["name"] == name);
        found.unwrap()["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(value(&tenant, "AllowGuestsToBeGroupOwner"), "true");
    assert_eq!(value(&tenant, "EnableGroupCreation"), "true");
    files.write(
        "policies/governing.yaml",
        "groupSettings:
  allowToAddGuests: false
  allowGuestsToAccessGroups: false
  allowGuestsToBeGroupOwner: false
  guestUsageGuidelinesUrl: https://fabrikam.example/guests
",
    );
    tenant.applied(&files);
    let names = [
        "AllowToAddGuests",
        "AllowGuestsToAccessGroups",
        "AllowGuestsToBeGroupOwner",
        "GuestUsageGuidelinesUrl",
    ];
    let values = names.map(|name| value(&tenant, name));
    assert_eq!(
        values,
        ["false", "false", "false", "https://fabrikam.example/guests"]
    );

    // Nobody can be put into a Microsoft 365 group now.
    files.write(
        "policies/groups.yaml",
        "groups: [{name: partners, type: microsoft365}, {name: readers}]",
    );
    files.write(
        "guests/a.yaml",
        format!("guests: [{{mail: {ADA}, groups: [partners, readers]}}]"),
    );
    let planned = tenant.run(&files, &["plan"]).ends(0).stdout;
    assert!(
        planned
            .contains("group partners takes no guests: `AllowToAddGuests` of the tenant is false"),
        "{planned}"
    );
    assert!(
        planned.contains("+ membership readers / ada@contoso.example"),
        "{planned}"
    );
}

#[test]
fn a_group_lets_no_guests_in_and_then_again() {
    let tenant = Tenant::empty();
    let files =
        repository("groups: [{name: partners, type: microsoft365, allowToAddGuests: false}]");
    tenant.applied(&files);
    let setting = only(&tenant, "groupSettings");
    assert_eq!(setting["of"], group(&tenant, "partners")["id"]);
    assert_eq!(setting["values"][0]["value"], "false");
    files.write(
        "policies/governing.yaml",
        "groups: [{name: partners, type: microsoft365, allowToAddGuests: true}]",
    );
    tenant.applied(&files);
    assert_eq!(only(&tenant, "groupSettings")["values"][0]["value"], "true");
}

/// The licence that the demo tenant has many of.
const LICENSE: &str = "requirements: {licenses: [POWER_BI_STANDARD]}\n";

/// Returns how many licences somebody has, by how they were given.
fn licenses(tenant: &Tenant, mail: &str) -> (usize, usize) {
    let user = tenant.user(mail);
    let states = user["licenseAssignmentStates"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let inherited = states
        .iter()
        .filter(|state| state["assignedByGroup"].is_string());
    let inherited = inherited.count();
    (states.len() - inherited, inherited)
}

#[test]
fn a_group_gives_its_members_a_licence_and_takes_it_from_guests_only() {
    let tenant = Tenant::empty();
    tenant.managed(ADA);
    let given = format!("{LICENSE}groups: [{{name: analysts, licenses: [POWER_BI_STANDARD]}}]");
    let files = repository(&given);
    files.write(
        "guests/a.yaml",
        format!("guests: [{{mail: {ADA}, groups: [analysts]}}]"),
    );
    tenant.applied(&files);
    assert_eq!(licenses(&tenant, ADA), (0, 1));
    let explained = tenant.run(&files, &["explain", ADA]).ends(0).stdout;
    assert!(
        explained.contains("license POWER_BI_STANDARD"),
        "{explained}"
    );

    // One that somebody else gave and no policy names stays.
    let none = format!("{LICENSE}groups: [{{name: analysts, licenses: []}}]");
    files.write("policies/governing.yaml", none.as_str());
    let planned = tenant
        .run(&files, &["plan", "--format", "markdown"])
        .ends(0)
        .stdout;
    assert!(planned.contains("**1 loses access"), "{planned}");
    assert!(
        planned.contains("loses a license of group `analysts`"),
        "{planned}"
    );
    // Somebody who is no guest has it by the group, too.
    let id = tenant.sandbox.find("analysts").unwrap();
    let grace = tenant.sandbox.find("grace@fabrikam.example").unwrap();
    let ada = tenant.sandbox.find(ADA).unwrap();
    tenant.sandbox.edit(&id, json!({ "members": [ada, grace] }));
    let planned = tenant.run(&files, &["plan"]).ends(0).stdout;
    assert!(
        planned.contains("would take license POWER_BI_STANDARD from members who are no guests"),
        "{planned}"
    );
    assert!(planned.contains("Nothing can be done"), "{planned}");
    tenant.sandbox.edit(&id, json!({ "members": [ada] }));
    tenant.applied(&files);
    assert_eq!(licenses(&tenant, ADA), (0, 0));
}

#[test]
fn what_the_application_may_not_read_stays_as_it_is() {
    let tenant = Tenant::empty();
    let files = repository(EXPIRATION);
    let permissions = [
        "User.Read.All",
        "Group.Read.All",
        "Organization.Read.All",
        "RoleManagement.Read.Directory",
    ];
    tenant.sandbox.behave(Behaviour {
        permissions: Some(permissions.map(str::to_owned).into()),
        ..Behaviour::default()
    });
    let planned = tenant.run(&files, &["plan"]).ends(0).stdout;
    assert!(
        planned.contains("error: `groupExpiration` could not be read: it stays as it is"),
        "{planned}"
    );
    assert!(planned.contains("grant Directory.Read.All"), "{planned}");
    let doctor = tenant.run(&files, &["doctor"]).stdout;
    assert!(doctor.contains("group expiration"), "{doctor}");
}

#[test]
fn import_writes_the_policies_that_the_tenant_has() {
    let tenant = Tenant::empty();
    let files = repository(&format!(
        "{EXPIRATION}groupSettings: {{allowGuestsToBeGroupOwner: true}}"
    ));
    tenant.applied(&files);
    insta::assert_snapshot!(tenant.imported_policies(), @r#"
    # Written by `guestlist import`. It is yours now: importing again leaves it alone.
    groupExpiration:
      lifetime: 180d
      groups: selected
      notify: [it@fabrikam.example]
    groupSettings:
      allowToAddGuests: true
      allowGuestsToAccessGroups: true
      allowGuestsToBeGroupOwner: true
      guestUsageGuidelinesUrl: ""
    externalCollaboration:
      allowInvitesFrom: everyone
      guestUserRole: guestUser
      allowEmailVerifiedUsersToJoinOrganization: false
      allowedToSignUpEmailBasedSubscriptions: true
      allowExternalIdToUseEmailOtp: default
      identityProviders: []
    crossTenantAccess:
      - tenant: default
        inboundTrust: {isMfaAccepted: false, isCompliantDeviceAccepted: false, isHybridAzureADJoinedDeviceAccepted: false}
        invitationRedemptionIdentityProviderConfiguration:
          primaryIdentityProviderPrecedenceOrder: [azureActiveDirectory, externalFederation, socialIdentityProviders]
          fallbackIdentityProvider: defaultConfiguredIdp
        b2bCollaborationInbound:
          usersAndGroups: {accessType: allowed, users: [AllUsers], groups: []}
          applications: {accessType: allowed, applications: [AllApplications]}
        b2bCollaborationOutbound:
          usersAndGroups: {accessType: allowed, users: [AllUsers], groups: []}
          applications: {accessType: allowed, applications: [AllApplications]}
        b2bDirectConnectInbound:
          usersAndGroups: {accessType: blocked, users: [AllUsers], groups: []}
          applications: {accessType: blocked, applications: [AllApplications]}
        b2bDirectConnectOutbound:
          usersAndGroups: {accessType: blocked, users: [AllUsers], groups: []}
          applications: {accessType: blocked, applications: [AllApplications]}
    "#);
}

#[test]
fn explain_tells_which_conditional_access_policies_cover_a_guest() {
    let tenant = Tenant::empty();
    let ada = tenant.managed(ADA);
    let group = |name: &str, members: Value| {
        tenant
            .sandbox
            .insert_group(json!({ "displayName": name, "members": members }))
    };
    let inner = group("inner", json!([ada]));
    let outer = group("outer", json!([inner]));
    let others = group("others", json!([]));
    let policy = |name: &str, users: Value| {
        let grant = json!({ "operator": "OR", "builtInControls": ["mfa"] });
        tenant.sandbox.insert_conditional_access_policy(
            json!({ "displayName": name, "conditions": { "users": users, "applications": { "includeApplications": ["All"] }, "clientAppTypes": ["all"] }, "grantControls": grant }),
        );
    };
    policy(
        "for all",
        json!({ "includeUsers": ["All"], "excludeGroups": [others] }),
    );
    policy(
        "not for her",
        json!({ "includeUsers": ["All"], "excludeGroups": [outer] }),
    );
    policy(
        "for guests",
        json!({ "includeGuestsOrExternalUsers": {
        "guestOrExternalUserTypes": "b2bCollaborationGuest",
        "externalTenants": { "@odata.type": "#microsoft.graph.conditionalAccessAllExternalTenants", "membershipKind": "all" },
    } }),
    );
    let files = repository("groups: [{name: others}]");
    let told = tenant.run(&files, &["explain", ADA]).ends(0).stdout;
    let (_, told) = told.split_once("Conditional access\n").unwrap();
    let told = told.split("\n\n").next().unwrap();
    insta::assert_snapshot!(told, @"
    for all                                               mfa
    for guests                                            mfa
    ");
}

#[test]
fn promise_11_what_somebody_else_changes_meanwhile_is_not_overwritten() {
    let tenant = Tenant::empty();
    tenant.managed(ADA);
    let grace = tenant.sandbox.find("grace@fabrikam.example").unwrap();
    let given =
        format!("{EXPIRATION}{LICENSE}groups: [{{name: analysts, licenses: [POWER_BI_STANDARD]}}]");
    let files = repository(&given);
    files.write(
        "guests/a.yaml",
        format!("guests: [{{mail: {ADA}, groups: [analysts]}}]"),
    );
    tenant.applied(&files);
    let taken = format!(
        "{}{LICENSE}groups: [{{name: analysts, licenses: []}}]",
        EXPIRATION.replace("180d", "365d")
    );
    files.write("policies/governing.yaml", taken.as_str());
    // Both change while the run is under way: at the look right before the write.
    let id = tenant.sandbox.find("analysts").unwrap();
    let policy = only(&tenant, "groupLifecyclePolicies")["id"].clone();
    let policy = format!("/groupLifecyclePolicies/{}", policy.as_str().unwrap());
    let reference = json!({ "@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{grace}") });
    let members = format!("/groups/{id}/members");
    let joins = Elsewhere::new("POST", &format!("{members}/$ref"), Some(reference));
    let edits = Elsewhere::new(
        "PATCH",
        &policy,
        Some(json!({ "groupLifetimeInDays": 200 })),
    );
    tenant.sandbox.behave(Behaviour {
        faults: vec![
            Fault::on("GET", &members, Act::Meanwhile(vec![joins])).after(1),
            Fault::on(
                "GET",
                "/groupLifecyclePolicies",
                Act::Meanwhile(vec![edits]),
            )
            .after(1),
        ],
        ..Behaviour::default()
    });
    let applied = tenant.run(&files, &["apply", "--yes"]).ends(4);
    let said = format!("{}{}", applied.stdout, applied.stderr);
    for why in [
        "the policy changed since the plan was made",
        "the rule or the members of the group changed since the plan was made",
    ] {
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(licenses(&tenant, ADA), (0, 1));
    assert_eq!(
        only(&tenant, "groupLifecyclePolicies")["groupLifetimeInDays"],
        200
    );
}

#[test]
fn a_group_is_named_by_its_unique_name() {
    let tenant = Tenant::empty();
    let group = |unique: &str| {
        let group = json!({ "displayName": "readers", "uniqueName": unique });
        tenant.sandbox.insert_group(group)
    };
    let (meant, other) = (group("finance-o'readers"), group("sales-readers"));
    let files = repository("groups: [{name: readers, uniqueName: finance-o'readers}]");
    files.write(
        "guests/a.yaml",
        format!("guests: [{{mail: {ADA}, groups: [readers]}}]"),
    );
    tenant.applied(&files);
    let ada = json!([tenant.sandbox.find(ADA).unwrap()]);
    let members = |id: &str| {
        let state = tenant.sandbox.state();
        let mut groups = state["groups"].as_array().unwrap().iter();
        groups.find(|group| group["id"] == id).unwrap()["members"].clone()
    };
    assert_eq!((members(&meant), members(&other)), (ada, json!([])));
    files.write(
        "policies/governing.yaml",
        "groups: [{name: readers, uniqueName: gone}]",
    );
    let planned = tenant.run(&files, &["plan"]).ends(0).stdout;
    assert!(
        planned.contains("error: group readers: the tenant has no group with this uniqueName"),
        "{planned}"
    );
}

#[test]
fn who_may_invite_is_as_the_files_say() {
    let tenant = Tenant::empty();
    let policy = |tenant: &Tenant| tenant.sandbox.state()["authorizationPolicy"].clone();
    let files = repository(
        "externalCollaboration:
  allowInvitesFrom: adminsGuestInvitersAndAllMembers
  guestUserRole: restrictedGuestUser
  allowEmailVerifiedUsersToJoinOrganization: false
  allowedToSignUpEmailBasedSubscriptions: false
",
    );
    tenant.applied(&files);
    let there = policy(&tenant);
    assert_eq!(
        there["allowInvitesFrom"],
        "adminsGuestInvitersAndAllMembers"
    );
    assert_eq!(
        there["guestUserRoleId"],
        "2af84b1e-32c8-42b7-82bc-daa82404023b"
    );
    assert_eq!(there["allowedToSignUpEmailBasedSubscriptions"], false);
    assert_eq!(there["allowedToUseSSPR"], true);

    // Somebody opens it in the portal.
    tenant.sandbox.edit(
        "authorizationPolicy",
        json!({ "allowInvitesFrom": "everyone" }),
    );
    tenant.applied(&files);
    assert_eq!(
        policy(&tenant)["allowInvitesFrom"],
        "adminsGuestInvitersAndAllMembers"
    );

    // Whoever opens it in the files needs a flag.
    files.write(
        "policies/governing.yaml",
        "externalCollaboration: {allowInvitesFrom: everyone, guestUserRole: user, allowEmailVerifiedUsersToJoinOrganization: true}",
    );
    tenant.run(&files, &["apply", "--yes"]).ends(3);
    tenant
        .run(&files, &["apply", "--yes", "--allow-weakened", "1"])
        .ends(0);
    tenant.run(&files, &["plan", "--detailed-exitcode"]).ends(0);
    assert_eq!(
        policy(&tenant)["guestUserRoleId"],
        "a0b1b346-4d3e-4e8b-98f8-753987be4970"
    );

    // Without the section it stays, and import writes it.
    insta::assert_snapshot!(tenant.imported_policies(), @"
    # Written by `guestlist import`. It is yours now: importing again leaves it alone.
    externalCollaboration:
      allowInvitesFrom: everyone
      guestUserRole: user
      allowEmailVerifiedUsersToJoinOrganization: true
      allowedToSignUpEmailBasedSubscriptions: false
      allowExternalIdToUseEmailOtp: default
      identityProviders: []
    crossTenantAccess:
      - tenant: default
        inboundTrust: {isMfaAccepted: false, isCompliantDeviceAccepted: false, isHybridAzureADJoinedDeviceAccepted: false}
        invitationRedemptionIdentityProviderConfiguration:
          primaryIdentityProviderPrecedenceOrder: [azureActiveDirectory, externalFederation, socialIdentityProviders]
          fallbackIdentityProvider: defaultConfiguredIdp
        b2bCollaborationInbound:
          usersAndGroups: {accessType: allowed, users: [AllUsers], groups: []}
          applications: {accessType: allowed, applications: [AllApplications]}
        b2bCollaborationOutbound:
          usersAndGroups: {accessType: allowed, users: [AllUsers], groups: []}
          applications: {accessType: allowed, applications: [AllApplications]}
        b2bDirectConnectInbound:
          usersAndGroups: {accessType: blocked, users: [AllUsers], groups: []}
          applications: {accessType: blocked, applications: [AllApplications]}
        b2bDirectConnectOutbound:
          usersAndGroups: {accessType: blocked, users: [AllUsers], groups: []}
          applications: {accessType: blocked, applications: [AllApplications]}
    ");
}
