//! Conditional access policies and named locations against a served tenant: made, changed in every
//! property, drifted, deleted, imported; and guards that are up before anybody gets in, or nobody does.

use std::process::Stdio;
use std::time::Duration;

use guestlist_sandbox::{Act, Behaviour, Canned, Elsewhere, Fault};
use serde_json::{Value, json};

use crate::faults::spread;
use crate::harness::{REAL, Repository, Tenant};

const BREAK_GLASS: &str = "breakglass@fabrikam.example";

fn repository(policies: &str) -> Repository {
    Repository::new(&[
        ("policies/tenant.yaml", REAL),
        ("policies/access.yaml", policies),
        (
            "policies/groups.yaml",
            "groups: [{name: contoso}, {name: wingtip}]",
        ),
        ("guests/a.yaml", "guests: [{mail: ada@contoso.example}]"),
    ])
}

/// A tenant with an emergency account, applications, and nothing of conditional access.
fn tenant() -> Tenant {
    let tenant = Tenant::empty();
    tenant
        .sandbox
        .insert_user(json!({ "mail": BREAK_GLASS, "displayName": "Break Glass" }));
    for (number, name) in ["Salesforce", "Ledger"].iter().enumerate() {
        let app_id = format!("a0000000-0000-4000-8000-00000000000{number}");
        let app = json!({ "displayName": name, "appId": app_id });
        tenant.sandbox.insert_service_principal(app);
    }
    tenant
}

fn table(tenant: &Tenant, name: &str) -> Vec<Value> {
    tenant.sandbox.state()[name]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// Returns the only policy of the tenant.
fn policy(tenant: &Tenant) -> Value {
    let mut all = table(tenant, "conditionalAccessPolicies");
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn id(tenant: &Tenant, table_name: &str, name: &str) -> Value {
    let all = table(tenant, table_name);
    let found = all
        .iter()
        .find(|one| one["displayName"] == name || one["mail"] == name);
    found.unwrap()["id"].clone()
}

const FIRST: &str = "
namedLocations:
  - {name: Offices, ipRanges: [203.0.113.0/24, '2001:db8::/32'], isTrusted: true}
  - {name: North, countriesAndRegions: [FI, SE]}
conditionalAccess:
  - name: 'Guests: strong'
    state: reportOnly
    include:
      guests: [b2bCollaborationGuest, b2bCollaborationMember]
      tenants: [22222222-2222-2222-2222-222222222222]
      groups: [contoso]
      roles: [Guest Inviter]
    exclude: {users: [breakglass@fabrikam.example], groups: [wingtip]}
    applications: {include: [Salesforce, Office365], exclude: [Ledger]}
    clientAppTypes: [browser, mobileAppsAndDesktopClients]
    locations: {include: [All], exclude: [AllTrusted, North]}
    platforms: {include: [all], exclude: [linux]}
    signInRiskLevels: []
    grant:
      operator: AND
      controls: [compliantDevice]
      authenticationStrength: Phishing-resistant MFA
      termsOfUse: {Terms for partners: aaaaaaaa-0000-4000-8000-00000000000a}
    session: {signInFrequency: 12h, cloudAppSecurity: monitorOnly, applicationEnforcedRestrictions: true}
";

const SECOND: &str = "
namedLocations:
  - {name: Offices, ipRanges: [198.51.100.0/24], isTrusted: false}
  - {name: North, countriesAndRegions: [NO], includeUnknownCountriesAndRegions: true, countryLookupMethod: authenticatorAppGps}
conditionalAccess:
  - name: 'Guests: strong'
    state: enabled
    include:
      guests: [internalGuest]
      users: [grace@fabrikam.example]
    exclude:
      guests: [serviceProvider]
      users: [breakglass@fabrikam.example]
      roles: [Guest Inviter]
    applications: {include: [All]}
    clientAppTypes: [all]
    locations: {include: [Offices], exclude: []}
    platforms: {include: [windows, macOS], exclude: []}
    grant: {controls: [mfa, compliantDevice], operator: OR}
    session: {signInFrequency: everyTime, persistentBrowser: never, disableResilienceDefaults: true}
";

#[test]
fn a_policy_is_made_changed_in_everything_and_set_right() {
    let tenant = tenant();
    let files = repository(FIRST);
    tenant.applied(&files);
    let made = policy(&tenant);
    let conditions = &made["conditions"];
    assert_eq!(made["state"], "enabledForReportingButNotEnforced");
    assert_eq!(
        made["description"],
        "Managed by guestlist, owner=partner-access"
    );
    assert_eq!(
        conditions["users"]["excludeUsers"],
        json!([id(&tenant, "users", BREAK_GLASS)])
    );
    assert_eq!(
        conditions["users"]["includeGroups"],
        json!([id(&tenant, "groups", "contoso")])
    );
    let mut places = vec![json!("AllTrusted"), id(&tenant, "namedLocations", "North")];
    places.sort_by_key(Value::to_string);
    assert_eq!(conditions["locations"]["excludeLocations"], json!(places));
    assert_eq!(
        made["grantControls"]["authenticationStrength"]["displayName"],
        "Phishing-resistant MFA"
    );
    assert_eq!(
        made["grantControls"]["termsOfUse"],
        json!(["aaaaaaaa-0000-4000-8000-00000000000a"])
    );

    // Every property changes.
    files.write("policies/access.yaml", SECOND);
    // Two of the places mean other addresses and countries: a policy may protect less by it.
    tenant.run(&files, &["apply", "--yes"]).ends(3);
    tenant
        .run(&files, &["apply", "--yes", "--allow-weakened", "2"])
        .ends(0);
    tenant.run(&files, &["plan", "--detailed-exitcode"]).ends(0);
    let changed = policy(&tenant);
    let conditions = &changed["conditions"];
    assert_eq!(changed["state"], "enabled");
    assert_eq!(conditions["users"]["includeGroups"], json!([]));
    assert_eq!(
        conditions["users"]["includeGuestsOrExternalUsers"],
        json!({ "guestOrExternalUserTypes": "internalGuest", "externalTenants": { "@odata.type": "#microsoft.graph.conditionalAccessAllExternalTenants", "membershipKind": "all" } })
    );
    assert_eq!(
        conditions["locations"]["includeLocations"],
        json!([id(&tenant, "namedLocations", "Offices")])
    );
    assert_eq!(
        changed["grantControls"]["authenticationStrength"],
        Value::Null
    );
    assert_eq!(
        changed["grantControls"]["builtInControls"],
        json!(["compliantDevice", "mfa"])
    );
    assert_eq!(changed["sessionControls"]["cloudAppSecurity"], Value::Null);
    assert_eq!(
        changed["sessionControls"]["signInFrequency"]["value"],
        Value::Null
    );
    let places = table(&tenant, "namedLocations");
    let ranges = places
        .iter()
        .find(|place| place["displayName"] == "Offices")
        .unwrap();
    assert_eq!(ranges["ipRanges"][0]["cidrAddress"], "198.51.100.0/24");

    // Somebody turns it off in the portal, and adds what no file can say.
    let filter =
        json!({ "deviceFilter": { "mode": "exclude", "rule": "device.isCompliant -eq True" } });
    let mut conditions = conditions.clone();
    conditions["devices"] = filter.clone();
    tenant.sandbox.edit(
        changed["id"].as_str().unwrap(),
        json!({ "state": "disabled", "conditions": conditions }),
    );
    let planned = tenant.run(&files, &["plan"]).ends(0).stdout;
    assert!(
        planned.contains(r#"state  "disabled" → "enabled""#),
        "{planned}"
    );
    tenant.applied(&files);
    let mended = policy(&tenant);
    assert_eq!(mended["state"], "enabled");
    assert_eq!(mended["conditions"]["devices"], filter);

    // Another change of the same block leaves it alone.
    files.write(
        "policies/access.yaml",
        SECOND.replace("[windows, macOS]", "[windows, macOS, linux]"),
    );
    tenant.applied(&files);
    assert_eq!(policy(&tenant)["conditions"]["devices"], filter);
}

#[test]
fn a_policy_that_leaves_the_files_is_deleted_if_that_is_allowed() {
    let tenant = tenant();
    let files = repository(SECOND);
    tenant.applied(&files);
    let theirs = json!({ "displayName": "Theirs", "conditions": {
        "clientAppTypes": ["all"], "applications": { "includeApplications": ["All"] },
        "users": { "includeGuestsOrExternalUsers": { "guestOrExternalUserTypes": "b2bCollaborationGuest", "externalTenants": {
            "@odata.type": "#microsoft.graph.conditionalAccessAllExternalTenants", "membershipKind": "all" } } },
    } });
    tenant.sandbox.insert_conditional_access_policy(theirs);
    files.write("policies/access.yaml", "limits: {expiries: {count: 99}}");
    let refused = tenant.run(&files, &["apply", "--yes"]).ends(3);
    assert!(
        refused.stdout.contains("limits.weakened.count allows 0"),
        "{}",
        refused.stdout
    );
    assert_eq!(table(&tenant, "conditionalAccessPolicies").len(), 2);
    tenant
        .run(&files, &["apply", "--yes", "--allow-weakened", "1"])
        .ends(0);
    assert_eq!(policy(&tenant)["displayName"], "Theirs");
    assert_eq!(table(&tenant, "deletedConditionalAccessPolicies").len(), 1);
    tenant.run(&files, &["plan", "--detailed-exitcode"]).ends(0);
}

#[test]
fn a_policy_that_changed_meanwhile_is_left_alone() {
    let tenant = tenant();
    let files = repository(SECOND);
    tenant.applied(&files);
    let id = policy(&tenant)["id"].as_str().unwrap().to_owned();
    files.write("policies/access.yaml", SECOND.replace("everyTime", "4h"));
    let path = format!("/identity/conditionalAccess/policies/{id}");
    let meanwhile = Elsewhere {
        method: "PATCH".into(),
        path,
        body: Some(json!({ "state": "disabled" })),
    };
    tenant.sandbox.behave(Behaviour {
        faults: vec![
            Fault::on(
                "GET",
                "/identity/conditionalAccess/policies",
                Act::Meanwhile(vec![meanwhile]),
            )
            .after(1),
        ],
        ..Behaviour::default()
    });
    let ran = tenant.run(&files, &["apply", "--yes", "--allow-weakened", "1"]);
    assert!(
        ran.stdout
            .contains("the policy changed since the plan was made"),
        "{}",
        ran.stdout
    );
    assert_eq!(policy(&tenant)["state"], "disabled");
}

/// A new partner: a group, a policy that covers it, and 20 guests.
fn new_partner() -> Repository {
    let guests: String = (1..=20)
        .map(|n| format!("  - {{mail: guest{n}@contoso.example, groups: [contoso]}}\n"))
        .collect();
    let files = repository(
        "
conditionalAccess:
  - name: 'Contoso: MFA'
    state: enabled
    include: {groups: [contoso]}
    applications: {include: [All]}
    grant: {controls: [mfa]}
",
    );
    files.write("guests/a.yaml", format!("guests:\n{guests}"));
    files
}

/// Returns at which places requests of a method to paths that begin so were received.
fn places(tenant: &Tenant, method: &str, path: &str) -> Vec<usize> {
    let requests = tenant.sandbox.requests();
    let all = requests.iter().enumerate();
    let found = all.filter(|(_, one)| one.method == method && one.path.starts_with(path));
    found.map(|(place, _)| place).collect()
}

#[test]
fn the_guard_is_up_before_the_first_guest_gets_in() {
    let tenant = tenant();
    tenant.applied(&new_partner());
    let guard = places(&tenant, "POST", "/identity/conditionalAccess/policies");
    let invitations = places(&tenant, "POST", "/invitations");
    assert_eq!((guard.len(), invitations.len()), (1, 20));
    assert!(guard[0] < invitations[0]);
    assert_eq!(tenant.members("contoso").len(), 20);
    let explained = tenant
        .run(&new_partner(), &["explain", "guest7@contoso.example"])
        .ends(0)
        .stdout;
    assert!(explained.contains("Contoso: MFA"), "{explained}");
}

#[test]
fn if_the_guard_fails_nobody_gets_in() {
    for act in [
        Act::Answer(Canned::status(400)),
        Act::Answer(Canned::status(403)),
        Act::Drop,
    ] {
        let tenant = tenant();
        let mut fault = Fault::on("POST", "/identity/conditionalAccess/policies", act);
        fault.times = 1000;
        tenant.sandbox.behave(Behaviour {
            faults: vec![fault],
            ..Behaviour::default()
        });
        let ran = tenant
            .run(&new_partner(), &["apply", "--yes", "--settle", "1"])
            .ends(4);
        assert!(
            ran.stdout.contains(
                "nobody is given anything before conditional access Contoso: MFA is in force"
            ),
            "{}",
            ran.stdout
        );
        assert!(places(&tenant, "POST", "/invitations").is_empty());
        assert_eq!(tenant.members("contoso"), Vec::<String>::new());
    }
}

#[test]
fn a_guard_whose_answer_was_lost_is_found_and_not_made_twice() {
    let tenant = tenant();
    tenant.sandbox.behave(Behaviour {
        faults: vec![Fault::on(
            "POST",
            "/identity/conditionalAccess/policies",
            Act::Lose,
        )],
        ..Behaviour::default()
    });
    tenant.applied(&new_partner());
    assert_eq!(policy(&tenant)["displayName"], "Contoso: MFA");
    assert_eq!(tenant.members("contoso").len(), 20);
}

#[test]
fn import_writes_the_policies_about_guests() {
    let tenant = tenant();
    let files = repository(FIRST);
    tenant.applied(&files);
    tenant
        .sandbox
        .insert_conditional_access_policy(json!({ "displayName": "Everybody" }));
    insta::assert_snapshot!(tenant.imported_policies(), @r#"
    # Written by `guestlist import`. It is yours now: importing again leaves it alone.
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
    namedLocations:
      - name: North
        countriesAndRegions: [FI, SE]
        countryLookupMethod: clientIpAddress
        includeUnknownCountriesAndRegions: false
      - name: Offices
        ipRanges: ["2001:db8::/32", "203.0.113.0/24"]
        isTrusted: true
    conditionalAccess:
      - name: "Guests: strong"
        state: reportOnly
        include: {guests: [b2bCollaborationGuest, b2bCollaborationMember], tenants: ["22222222-2222-2222-2222-222222222222"], groups: [contoso], roles: [Guest Inviter]}
        exclude: {groups: [wingtip], users: [breakglass@fabrikam.example]}
        applications: {include: [Office365, Salesforce], exclude: [Ledger]}
        clientAppTypes: [browser, mobileAppsAndDesktopClients]
        locations: {include: [All], exclude: [AllTrusted, North]}
        platforms: {include: [all], exclude: [linux]}
        grant: {operator: AND, controls: [compliantDevice], authenticationStrength: Phishing-resistant MFA, termsOfUse: {Terms 1: aaaaaaaa-0000-4000-8000-00000000000a}}
        session: {signInFrequency: 12h, cloudAppSecurity: monitorOnly, applicationEnforcedRestrictions: true}
    "#);
}

/// A place, a policy that names it, and one that leaves the files.
const PLACE: &str = "
namedLocations: [{name: Offices, ipRanges: [203.0.113.0/24]}]
conditionalAccess:
  - name: New
    state: enabled
    include: {groups: [contoso]}
    applications: {include: [All]}
    locations: {include: [All], exclude: [Offices]}
    grant: {controls: [mfa]}
";

#[test]
fn killed_at_any_write_to_a_policy_and_run_again_ends_the_same() {
    let root = "/identity/conditionalAccess";
    let writes = [
        ("POST", "/namedLocations"),
        ("POST", "/policies"),
        ("DELETE", "/policies/"),
    ];
    let each = writes
        .iter()
        .flat_map(|write| [(write, Act::Hang), (write, Act::DoThenHang)]);
    let cases: Vec<_> = each.collect();
    spread(cases.len(), |number| {
        let ((method, path), act) = cases[number].clone();
        let path = format!("{root}{path}");
        let (tenant, files) = (tenant(), repository(PLACE));
        tenant.sandbox.insert_conditional_access_policy(json!({
            "displayName": "Old", "state": "disabled", "description": "Managed by guestlist, owner=partner-access",
        }));
        tenant.sandbox.behave(Behaviour {
            faults: vec![Fault::on(method, &path, act.clone())],
            ..Behaviour::default()
        });
        let apply = ["apply", "--yes", "--settle", "2"];
        let mut command = tenant.command(&files, &apply);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while places(&tenant, method, &path).is_empty() {
            assert!(
                child.try_wait().unwrap().is_none(),
                "{method} {path} never comes"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        tenant.sandbox.behave(Behaviour::default());
        tenant.run(&files, &apply).ends(0);
        tenant.run(&files, &["plan", "--detailed-exitcode"]).ends(0);
        assert_eq!(
            policy(&tenant)["displayName"],
            "New",
            "{act:?} {method} {path}"
        );
        assert_eq!(table(&tenant, "namedLocations").len(), 1);
        assert_eq!(table(&tenant, "deletedConditionalAccessPolicies").len(), 1);
    });
}
