//! Everything people can get wrong about policies of the tenant: what `bad_input.rs` is for the rest.

use crate::bad_input::Case;
use crate::harness::Repository;

const GUEST: (&str, &str) = ("guests/a.yaml", "guests: [{mail: ada@contoso.example}]\n");

/// A case of one policy, which has everything that is not wrong.
macro_rules! policy {
    ($what:literal, $text:literal, $($expected:literal),+) => {
        (
            $what,
            &[
                ("policies/a.yaml", concat!("conditionalAccess:\n  - name: One\n", $text, "\n")),
                GUEST,
            ],
            &[$($expected),+],
        )
    };
}

/// A case of one named location.
macro_rules! location {
    ($what:literal, $text:literal, $expected:literal) => {
        (
            $what,
            &[
                (
                    "policies/a.yaml",
                    concat!("namedLocations: [{name: One", $text, "}]\n"),
                ),
                GUEST,
            ],
            &[$expected],
        )
    };
}

/// A case of one other tenant.
macro_rules! tenants {
    ($what:literal, $text:literal, $expected:literal) => {
        (
            $what,
            &[
                (
                    "policies/a.yaml",
                    concat!("crossTenantAccess: [{", $text, "}]\n"),
                ),
                GUEST,
            ],
            &[$expected],
        )
    };
}

/// A case of who may be invited, sign in and leave.
macro_rules! collaboration {
    ($what:literal, $text:literal, $expected:literal) => {
        (
            $what,
            &[
                (
                    "policies/a.yaml",
                    concat!("externalCollaboration: {", $text, "\n"),
                ),
                GUEST,
            ],
            &[$expected],
        )
    };
}

pub(crate) const CASES: &[Case] = &[
    collaboration!(
        "what is beta, and not said to be",
        "allowExternalIdentitiesToLeave: true}",
        "Graph offers `allowExternalIdentitiesToLeave` in its beta version only"
    ),
    collaboration!(
        "domains of nothing",
        "beta: true, domains: requirements}",
        "`requirements.domains` names none"
    ),
    collaboration!(
        "domains that no list of a tenant holds",
        "beta: true, domains: requirements}\nrequirements: {domains: {allow: [contoso.example, '*.contoso.example']}}",
        "cannot hold `*.contoso.example`"
    ),
    collaboration!(
        "domains of which none is left",
        "beta: true, domains: requirements}\nrequirements: {domains: {allow: [hr.contoso.example], block: ['*.contoso.example']}}",
        "blocks every domain that it allows"
    ),
    collaboration!(
        "domains as a list",
        "beta: true, domains: [contoso.example]}",
        "expected one of requirements, found a list"
    ),
    policy!(
        "a policy for guests of no type",
        "    state: enabled\n    include: {guests: []}\n    applications: {include: [All]}\n    grant: {controls: [mfa]}",
        "says nothing"
    ),
    policy!(
        "a policy for guests of no tenant",
        "    state: enabled\n    include: {guests: [b2bCollaborationGuest], tenants: []}\n    applications: {include: [All]}\n    grant: {controls: [mfa]}",
        "says nothing"
    ),
    policy!(
        "a policy for no client",
        "    state: enabled\n    include: {guests: [b2bCollaborationGuest]}\n    clientAppTypes: []\n    applications: {include: [All]}\n    grant: {controls: [mfa]}",
        "says nothing"
    ),
    tenants!(
        "one tenant redeems otherwise",
        "tenant: 22222222-2222-2222-2222-222222222222, invitationRedemptionIdentityProviderConfiguration: {primaryIdentityProviderPrecedenceOrder: [azureActiveDirectory], fallbackIdentityProvider: microsoftAccount}",
        "is said of all tenants together"
    ),
    tenants!(
        "one way to redeem twice",
        "tenant: default, invitationRedemptionIdentityProviderConfiguration: {primaryIdentityProviderPrecedenceOrder: [externalFederation, externalFederation], fallbackIdentityProvider: microsoftAccount}",
        "says one of them twice"
    ),
    tenants!(
        "no way to redeem",
        "tenant: default, invitationRedemptionIdentityProviderConfiguration: {primaryIdentityProviderPrecedenceOrder: [], fallbackIdentityProvider: microsoftAccount}",
        "says nothing"
    ),
    tenants!(
        "a tenant twice",
        "tenant: default, inboundTrust: {isMfaAccepted: true}}, {tenant: default, inboundTrust: {isMfaAccepted: true}",
        "declared twice"
    ),
    policy!(
        "a policy without state",
        "    include: {users: [All]}\n    applications: {include: [All]}\n    grant: {controls: [mfa]}",
        "`state` is missing"
    ),
    policy!(
        "a policy for nobody",
        "    state: enabled\n    include: {guests: null}\n    applications: {include: [All]}\n    grant: {controls: [mfa]}",
        "holds nothing"
    ),
    policy!(
        "a policy that includes nobody",
        "    state: enabled\n    include: {groups: []}\n    applications: {include: [All]}\n    grant: {controls: [mfa]}",
        "says nobody"
    ),
    policy!(
        "a policy for nothing",
        "    state: enabled\n    include: {users: [All]}\n    applications: {include: []}\n    grant: {controls: [mfa]}",
        "says nothing"
    ),
    policy!(
        "a policy that asks nothing",
        "    state: enabled\n    include: {users: [All]}\n    applications: {include: [All]}",
        "asks nothing",
        "write `grant:` or `session:`"
    ),
    policy!(
        "a grant that asks nothing",
        "    state: enabled\n    include: {users: [All]}\n    applications: {include: [All]}\n    grant: {controls: []}",
        "asks nothing"
    ),
    policy!(
        "a state that no policy has",
        "    state: off\n    include: {users: [All]}\n    applications: {include: [All]}\n    grant: {controls: [mfa]}",
        "known are `enabled`, `reportOnly`, `disabled`"
    ),
    policy!(
        "a type of guest that is none",
        "    state: enabled\n    include: {guests: [stranger]}\n    applications: {include: [All]}\n    grant: {controls: [mfa]}",
        "b2bCollaborationGuest"
    ),
    policy!(
        "a tenant by its domain",
        "    state: enabled\n    include: {guests: [internalGuest], tenants: [contoso.example]}\n    applications: {include: [All]}\n    grant: {controls: [mfa]}",
        "is no id of a tenant"
    ),
    policy!(
        "tenants of no guests",
        "    state: enabled\n    include: {groups: [a], tenants: [22222222-2222-2222-2222-222222222222]}\n    applications: {include: [All]}\n    grant: {controls: [mfa]}",
        "`guests` says what sort"
    ),
    policy!(
        "a group among users",
        "    state: enabled\n    include: {users: [partners]}\n    applications: {include: [All]}\n    grant: {controls: [mfa]}",
        "is no mail address or sign-in name"
    ),
    policy!(
        "all users left out",
        "    state: enabled\n    include: {users: [All]}\n    exclude: {users: [All]}\n    applications: {include: [All]}\n    grant: {controls: [mfa]}",
        "is no mail address or sign-in name"
    ),
    policy!(
        "block and more",
        "    state: enabled\n    include: {users: [All]}\n    applications: {include: [All]}\n    grant: {controls: [block, mfa], operator: OR}",
        "`block` lets nobody in"
    ),
    policy!(
        "two things and no operator",
        "    state: enabled\n    include: {users: [All]}\n    applications: {include: [All]}\n    grant: {controls: [compliantDevice, mfa]}",
        "AND or OR"
    ),
    policy!(
        "mfa twice",
        "    state: enabled\n    include: {users: [All]}\n    applications: {include: [All]}\n    grant: {controls: [mfa], authenticationStrength: Passwordless MFA, operator: AND}",
        "takes the place of `mfa`"
    ),
    policy!(
        "terms of use by name",
        "    state: enabled\n    include: {users: [All]}\n    applications: {include: [All]}\n    grant: {termsOfUse: {Partners: terms}}",
        "is no id of terms of use"
    ),
    policy!(
        "a time that is none",
        "    state: enabled\n    include: {users: [All]}\n    applications: {include: [All]}\n    session: {signInFrequency: 12m}",
        "such as 12h"
    ),
    policy!(
        "a browser that stays signed in to one application",
        "    state: enabled\n    include: {users: [All]}\n    applications: {include: [Office365]}\n    session: {persistentBrowser: never}",
        "applications: {include: [All]}"
    ),
    policy!(
        "a key that is none",
        "    state: enabled\n    include: {users: [All]}\n    applications: {include: [All]}\n    grant: {control: [mfa]}",
        "unknown key `control`",
        "controls"
    ),
    policy!(
        "a policy twice",
        "    state: enabled\n    include: {users: [All]}\n    applications: {include: [All]}\n    grant: {controls: [mfa]}\n  - name: ONE\n    state: disabled\n    include: {users: [All]}\n    applications: {include: [All]}\n    grant: {controls: [mfa]}",
        "`ONE` is declared twice",
        "policies/a.yaml:2"
    ),
    location!(
        "a place that is nowhere",
        "",
        "either `ipRanges` or `countriesAndRegions`"
    ),
    location!(
        "a place of both sorts",
        ", ipRanges: [203.0.113.0/24], countriesAndRegions: [FI]",
        "either `ipRanges` or `countriesAndRegions`"
    ),
    location!(
        "no range",
        ", ipRanges: [203.0.113.0/33]",
        "is no range of addresses"
    ),
    location!(
        "no country",
        ", countriesAndRegions: [Finland]",
        "is no country"
    ),
    location!(
        "a country that is trusted",
        ", countriesAndRegions: [FI], isTrusted: true",
        "`isTrusted` goes with `ipRanges`"
    ),
    tenants!(
        "a tenant by its name",
        "tenant: contoso.example, inboundTrust: {isMfaAccepted: true}",
        "is no id of a tenant"
    ),
    tenants!(
        "a tenant of which nothing is said",
        "tenant: default",
        "says nothing"
    ),
    tenants!(
        "all tenants redeem without being asked",
        "tenant: default, automaticUserConsentSettings: {inboundAllowed: true}",
        "say so of single tenants"
    ),
    tenants!(
        "half a direction",
        "tenant: default, b2bCollaborationInbound: {usersAndGroups: {accessType: allowed, users: [AllUsers]}}",
        "`applications` is missing"
    ),
    tenants!(
        "a direction for nobody",
        "tenant: default, b2bCollaborationInbound: {usersAndGroups: {accessType: allowed}, applications: {accessType: allowed, applications: [Office365]}}",
        "says nobody"
    ),
    tenants!(
        "people by name",
        "tenant: default, b2bCollaborationInbound: {usersAndGroups: {accessType: allowed, users: [ada@contoso.example]}, applications: {accessType: allowed, applications: [Office365]}}",
        "is no id"
    ),
    (
        "a role that guests do not have",
        &[
            (
                "policies/a.yaml",
                "externalCollaboration: {guestUserRole: admin}\n",
            ),
            GUEST,
        ],
        &["known are `restrictedGuestUser`, `guestUser`, `user`"],
    ),
    (
        "an emergency account by its name",
        &[
            (
                "policies/a.yaml",
                "tenant: {id: sandbox, emergencyAccess: [Break Glass]}\n",
            ),
            GUEST,
        ],
        &["is no mail address or sign-in name"],
    ),
];

#[test]
fn every_mistake_in_a_policy_is_named() {
    let mut wrong = Vec::new();
    for (what, files, expected) in CASES {
        let ran = Repository::new(files).run(&["plan"]).ends(1);
        assert!(ran.stdout.is_empty(), "{what}: {}", ran.stdout);
        let missing = expected.iter().filter(|text| !ran.stderr.contains(**text));
        wrong.extend(missing.map(|text| format!("{what}: {text}\n{}", ran.stderr)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
