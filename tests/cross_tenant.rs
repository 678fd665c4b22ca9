//! What holds between this tenant and others, against a served tenant: changed, made, drifted, left alone,
//! imported.

use guestlist_sandbox::{Act, Behaviour, Fault};
use serde_json::{Value, json};

use crate::harness::{REAL, Repository, Tenant};

const PARTNER: &str = "22222222-2222-2222-2222-222222222222";

fn repository(policies: &str) -> Repository {
    Repository::new(&[
        ("policies/tenant.yaml", REAL),
        ("policies/tenants.yaml", policies),
        ("guests/a.yaml", "guests: [{mail: ada@contoso.example}]"),
    ])
}

fn partner(tenant: &Tenant) -> Value {
    let all = tenant.sandbox.state()["crossTenantPartners"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

const FIRST: &str = "
crossTenantAccess:
  - tenant: default
    b2bCollaborationInbound:
      usersAndGroups: {accessType: blocked, users: [AllUsers]}
      applications: {accessType: blocked, applications: [AllApplications]}
    invitationRedemptionIdentityProviderConfiguration:
      primaryIdentityProviderPrecedenceOrder: [socialIdentityProviders, azureActiveDirectory]
      fallbackIdentityProvider: emailOneTimePasscode
  - tenant: 22222222-2222-2222-2222-222222222222
    name: Contoso
    inboundTrust: {isMfaAccepted: true}
    automaticUserConsentSettings: {inboundAllowed: true, outboundAllowed: false}
    b2bCollaborationInbound:
      usersAndGroups: {accessType: allowed, users: [AllUsers]}
      applications: {accessType: allowed, applications: [Office365, AAAAAAAA-0000-4000-8000-00000000000A]}
";

const SECOND: &str = "
crossTenantAccess:
  - tenant: 22222222-2222-2222-2222-222222222222
    inboundTrust: {isMfaAccepted: false, isCompliantDeviceAccepted: false, isHybridAzureADJoinedDeviceAccepted: false}
    automaticUserConsentSettings: {inboundAllowed: false}
    b2bCollaborationInbound:
      usersAndGroups: {accessType: blocked, users: [], groups: [bbbbbbbb-0000-4000-8000-00000000000b]}
      applications: {accessType: blocked, applications: [AllApplications]}
    b2bCollaborationOutbound:
      usersAndGroups: {accessType: blocked, users: [AllUsers]}
      applications: {accessType: blocked, applications: [AllApplications]}
";

#[test]
fn tenants_are_let_in_and_kept_out_as_the_files_say() {
    let tenant = Tenant::empty();
    let files = repository(FIRST);
    tenant.applied(&files);
    let all = tenant.sandbox.state()["crossTenantDefault"].clone();
    assert_eq!(
        all["b2bCollaborationInbound"]["usersAndGroups"]["accessType"],
        "blocked"
    );
    assert_eq!(
        all["b2bCollaborationOutbound"]["usersAndGroups"]["accessType"],
        "allowed"
    );
    assert_eq!(
        all["invitationRedemptionIdentityProviderConfiguration"],
        json!({
            "primaryIdentityProviderPrecedenceOrder": ["socialIdentityProviders", "azureActiveDirectory"],
            "fallbackIdentityProvider": "emailOneTimePasscode",
        })
    );
    let made = partner(&tenant);
    assert_eq!(made["tenantId"], PARTNER);
    assert_eq!(made["inboundTrust"]["isMfaAccepted"], true);
    assert_eq!(made["b2bDirectConnectInbound"], Value::Null);
    assert_eq!(
        made["b2bCollaborationInbound"]["applications"]["targets"],
        json!([
            { "target": "Office365", "targetType": "application" },
            { "target": "aaaaaaaa-0000-4000-8000-00000000000a", "targetType": "application" },
        ])
    );

    // Everything changes; what the default says stays without its item. Keeping people out is no loss of
    // protection.
    files.write("policies/tenants.yaml", SECOND);
    tenant.applied(&files);
    let changed = partner(&tenant);
    assert_eq!(changed["inboundTrust"]["isMfaAccepted"], false);
    assert_eq!(
        changed["automaticUserConsentSettings"],
        json!({ "inboundAllowed": false, "outboundAllowed": false })
    );
    assert_eq!(
        changed["b2bCollaborationInbound"]["usersAndGroups"]["targets"],
        json!([{ "target": "bbbbbbbb-0000-4000-8000-00000000000b", "targetType": "group" }])
    );

    // Trusting again needs a flag.
    files.write(
        "policies/tenants.yaml",
        SECOND.replace("{isMfaAccepted: false", "{isMfaAccepted: true"),
    );
    let refused = tenant.run(&files, &["plan"]).ends(3).stdout;
    assert!(
        refused.contains("trusts the second factor that is given there"),
        "{refused}"
    );

    // Without the section everything stays.
    files.write("policies/tenants.yaml", "limits: {removals: {count: 1}}");
    tenant.run(&files, &["plan", "--detailed-exitcode"]).ends(0);
}

#[test]
fn a_partner_whose_answer_was_lost_is_found() {
    let tenant = Tenant::empty();
    let path = "/policies/crossTenantAccessPolicy/partners";
    tenant.sandbox.behave(Behaviour {
        faults: vec![Fault::on("POST", path, Act::Lose)],
        ..Behaviour::default()
    });
    tenant.applied(&repository(FIRST));
    assert_eq!(partner(&tenant)["tenantId"], PARTNER);
}

#[test]
fn import_writes_what_holds_between_tenants() {
    let tenant = Tenant::empty();
    tenant.applied(&repository(FIRST));
    insta::assert_snapshot!(tenant.imported_policies(), @"
    # Written by `guestlist import`. It is yours now: importing again leaves it alone.
    externalCollaboration:
      allowInvitesFrom: everyone
      guestUserRole: guestUser
      allowEmailVerifiedUsersToJoinOrganization: false
      allowedToSignUpEmailBasedSubscriptions: true
      allowExternalIdToUseEmailOtp: default
      identityProviders: []
    crossTenantAccess:
      - tenant: 22222222-2222-2222-2222-222222222222
        inboundTrust: {isMfaAccepted: true}
        automaticUserConsentSettings: {inboundAllowed: true, outboundAllowed: false}
        b2bCollaborationInbound:
          usersAndGroups: {accessType: allowed, users: [AllUsers], groups: []}
          applications: {accessType: allowed, applications: [Office365, aaaaaaaa-0000-4000-8000-00000000000a]}
      - tenant: default
        inboundTrust: {isMfaAccepted: false, isCompliantDeviceAccepted: false, isHybridAzureADJoinedDeviceAccepted: false}
        invitationRedemptionIdentityProviderConfiguration:
          primaryIdentityProviderPrecedenceOrder: [socialIdentityProviders, azureActiveDirectory]
          fallbackIdentityProvider: emailOneTimePasscode
        b2bCollaborationInbound:
          usersAndGroups: {accessType: blocked, users: [AllUsers], groups: []}
          applications: {accessType: blocked, applications: [AllApplications]}
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
