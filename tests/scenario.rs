//! One tenant and one repository whose plan has every kind of step; and what of a tenant must be
//! the same, however often a run was disturbed.

use std::collections::BTreeMap;

use guestlist_planner::load::{Config, load};
use guestlist_planner::yaml::Source;
use guestlist_sandbox::Sandbox;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{REAL, STAMP};

/// Who is disabled, stripped and marked.
pub(crate) const EXPIRED: &str = "expired@contoso.example";
/// Who is in no file any more, and is disabled.
pub(crate) const DROPPED: &str = "dropped@contoso.example";
/// Whose grace is over, and who is deleted.
pub(crate) const OVERDUE: &str = "overdue@contoso.example";
/// Whose account goes to another address.
pub(crate) const FORMER: &str = "former@contoso.example";
/// The first who is invited.
pub(crate) const INVITED: &str = "new1@contoso.example";

/// A licence of the tenant.
const POWER_BI: &str = "a403ebcc-fae0-4ca2-8c8c-7a907fd6c235";

const POLICIES: &str = "
groups:
  - {name: projects, description: Made by this run, owners: [grace@fabrikam.example]}
  - {name: readers}
  - {name: writers, adopt: true, description: As the files say, guests: exact}
  - {name: team, type: microsoft365, owners: [grace@fabrikam.example], expiration: true, allowToAddGuests: false, licenses: [POWER_BI_STANDARD]}
groupExpiration: {lifetime: 180d, groups: selected}
groupSettings: {allowGuestsToBeGroupOwner: false, guestUsageGuidelinesUrl: https://fabrikam.example/guests}
lifecycle: {pending: {remind: 14d}}
requirements: {privileged: [User Administrator], licenses: [POWER_BI_STANDARD], administrativeUnits: [Partners], appRoles: [{app: Ledger, role: Reader}, {app: Ledger, role: Writer}]}
";

/// What guards them: a policy that is made with the place and the group that it names, one that asks more, one
/// that asks less, and one that no file declares any more.
const GUARDS: &str = "
requirements: {domains: {block: [evil.example]}}
externalCollaboration:
  guestUserRole: restrictedGuestUser
  allowExternalIdToUseEmailOtp: enabled
  beta: true
  allowExternalIdentitiesToLeave: false
  domains: requirements
crossTenantAccess:
  - tenant: default
    b2bCollaborationOutbound:
      usersAndGroups: {accessType: blocked, users: [AllUsers]}
      applications: {accessType: blocked, applications: [AllApplications]}
  - tenant: 22222222-2222-2222-2222-222222222222
    inboundTrust: {isMfaAccepted: true}
namedLocations:
  - {name: Offices, ipRanges: [203.0.113.0/24]}
  - {name: Countries, countriesAndRegions: [FI, SE]}
conditionalAccess:
  - name: New
    state: enabled
    include: {groups: [projects], guests: [internalGuest]}
    exclude: {users: [grace@fabrikam.example]}
    applications: {include: [Ledger]}
    locations: {include: [All], exclude: [Offices]}
    grant: {authenticationStrength: Passwordless MFA}
  - name: Stronger
    state: enabled
    include: {users: [All]}
    exclude: {users: [alan@fabrikam.example]}
    applications: {include: [All]}
    session: {signInFrequency: 4h}
  - name: Weaker
    state: reportOnly
    include: {guests: [b2bCollaborationGuest]}
    applications: {include: [All]}
    grant: {controls: [mfa]}
";

/// Adds to a tenant what those files change.
pub(crate) fn guard(sandbox: &Sandbox) {
    let policy = |id: &str, name: &str, more: Value| {
        let mut policy = json!({
            "id": format!("f0000000-0000-4000-8000-00000000000{id}"), "displayName": name, "state": "enabled",
            "grantControls": { "operator": "OR", "builtInControls": ["mfa"] },
        });
        for (name, value) in more.as_object().unwrap() {
            policy[name] = value.clone();
        }
        sandbox.insert_conditional_access_policy(policy);
    };
    policy("1", "Stronger", json!({}));
    policy("2", "Weaker", json!({}));
    let ours = json!({ "description": "Managed by guestlist, owner=partner-access" });
    policy("3", "Old", ours);
    policy("4", "Theirs", json!({}));
}

/// Returns the files and those that guard them.
pub(crate) fn guarded(now: Timestamp) -> Vec<(&'static str, String)> {
    let mut all = files(now).to_vec();
    all.push(("policies/guards.yaml", GUARDS.to_owned()));
    all
}

/// Returns the files, as of `now`.
pub(crate) fn files(now: Timestamp) -> [(&'static str, String); 2] {
    let guests = json!({ "guests": [
        { "mail": INVITED, "displayName": "New One", "sponsors": ["grace@fabrikam.example"], "groups": ["projects", "readers"],
          "directoryRoles": ["Directory Readers"] },
        { "mail": "new2@contoso.example", "department": "Audit", "groups": ["readers"], "appRoles": [{ "app": "Ledger", "role": "Reader" }] },
        { "mail": "new3@contoso.example", "sponsors": ["grace@fabrikam.example", "alan@fabrikam.example"], "groups": ["writers"],
          "usageLocation": "FI", "licenses": ["POWER_BI_STANDARD"] },
        { "mail": "adopted@contoso.example", "department": "Audit", "groups": ["readers", "writers"] },
        { "mail": EXPIRED, "expires": "2026-01-31", "groups": ["readers", "writers"] },
        { "mail": OVERDUE, "expires": "2026-01-31" },
        { "mail": "back@contoso.example", "expires": "2099-01-31", "groups": ["readers"] },
        { "mail": "pending@contoso.example" },
        { "mail": "consent@contoso.example", "redeemedSince": day(now, 30) },
        { "mail": "moved@contoso.example", "formerly": FORMER, "groups": ["readers"] },
        { "mail": "trimmed@contoso.example", "groups": ["projects"], "sponsors": ["grace@fabrikam.example"], "directoryRoles": ["Reports Reader"], "administrativeUnits": [],
          "appRoles": [{ "app": "Ledger", "role": "Writer" }] },
        { "mail": "many1@contoso.example", "groups": ["projects", "readers"], "administrativeUnits": ["Partners"] },
        { "mail": "many2@contoso.example", "groups": ["projects", "readers"] },
        { "mail": "many3@contoso.example", "groups": ["projects", "readers"] },
    ]});
    [
        ("guests/all.yaml", serde_yaml::to_string(&guests).unwrap()),
        ("policies/all.yaml", format!("{REAL}{POLICIES}")),
    ]
}

/// Returns the files, loaded.
pub(crate) fn config(now: Timestamp) -> Config {
    let sources: Vec<_> = guarded(now)
        .into_iter()
        .map(|(path, text)| Source {
            path: path.to_owned(),
            text,
        })
        .collect();
    load(&sources, now).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn ago(now: Timestamp, days: i64) -> String {
    (now - SignedDuration::from_hours(24 * days))
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

fn day(now: Timestamp, days: i64) -> String {
    ago(now, days).split('T').next().unwrap().to_owned()
}

/// Returns the tenant, as of `now`. Ids are the same each time.
pub(crate) fn tenant(now: Timestamp) -> Sandbox {
    let sandbox = Sandbox::empty(now);
    let grace = sandbox.find("grace@fabrikam.example").unwrap();
    let mut number = 0;
    let mut id = || {
        number += 1;
        format!("a0000000-0000-4000-8000-0000000000{number:02x}")
    };
    let alan = sandbox
        .insert_user(json!({ "id": id(), "mail": "alan@fabrikam.example", "displayName": "Alan" }));
    let mut guest = |mail: &str, stamp: &str, more: Value| {
        let mut user = json!({
            "id": id(), "mail": mail, "displayName": mail, "userType": "Guest", "accountEnabled": true,
            "createdDateTime": ago(now, 300), "signInSessionsValidFromDateTime": ago(now, 300),
            "externalUserState": "Accepted", "externalUserStateChangeDateTime": ago(now, 300),
            "onPremisesExtensionAttributes": { "extensionAttribute15": stamp }, "sponsors": [grace],
        });
        for (name, value) in more.as_object().unwrap() {
            user[name] = value.clone();
        }
        if user.get("deletedDateTime").is_some() {
            sandbox.insert_deleted_user(user)
        } else {
            sandbox.insert_user(user)
        }
    };
    let begun = format!("{STAMP} offboarding={} reason=expired", ago(now, 40));
    let off = json!({ "accountEnabled": false, "signInSessionsValidFromDateTime": ago(now, 40) });
    let licensed = json!({
        "usageLocation": "FI",
        "licenseAssignmentStates": [{ "skuId": POWER_BI, "assignedByGroup": null, "state": "Active" }],
        "assignedLicenses": [{ "skuId": POWER_BI, "disabledPlans": [] }],
    });
    let expired = guest(EXPIRED, STAMP, licensed);
    let dropped = guest(DROPPED, STAMP, json!({}));
    let _overdue = guest(OVERDUE, &begun, off.clone());
    let _former = guest(FORMER, STAMP, json!({ "mail": FORMER }));
    let trimmed = guest(
        "trimmed@contoso.example",
        STAMP,
        json!({ "sponsors": [grace, alan] }),
    );
    let stray = guest(
        "stray@contoso.example",
        "",
        json!({ "onPremisesExtensionAttributes": {} }),
    );
    guest(
        "adopted@contoso.example",
        "",
        json!({ "onPremisesExtensionAttributes": {} }),
    );
    guest("consent@contoso.example", STAMP, json!({}));
    guest(
        "pending@contoso.example",
        STAMP,
        json!({ "externalUserState": "PendingAcceptance", "externalUserStateChangeDateTime": ago(now, 20) }),
    );
    for n in 1..=3 {
        guest(&format!("many{n}@contoso.example"), STAMP, json!({}));
    }
    let mut gone = off;
    gone["deletedDateTime"] = json!(ago(now, 5));
    guest("back@contoso.example", &begun, gone);
    let group = |number: u8, name: &str, members: Value| {
        let id = format!("b0000000-0000-4000-8000-0000000000{number:02x}");
        sandbox.insert_group(json!({ "id": id, "displayName": name, "mailNickname": name, "mailEnabled": false, "securityEnabled": true, "members": members }));
    };
    let role = |number: u8, name: &str| {
        let id = format!("c0000000-0000-4000-8000-0000000000{number:02x}");
        json!({ "id": id, "displayName": name, "value": name, "isEnabled": true, "allowedMemberTypes": ["User"] })
    };
    let roles = [role(1, "Reader"), role(2, "Writer")];
    let app = json!({ "id": "d0000000-0000-4000-8000-000000000001", "appId": "d0000000-0000-4000-8000-0000000000aa", "displayName": "Ledger", "appRoles": roles });
    let app = sandbox.insert_service_principal(app);
    let unit = json!({ "id": "e0000000-0000-4000-8000-000000000001", "displayName": "Partners", "members": [grace, trimmed] });
    sandbox.insert_administrative_unit(unit);
    for guest in [&expired, &trimmed] {
        sandbox.assign_app_role(guest, &app, roles[0]["id"].as_str().unwrap());
    }
    sandbox.assign_role(&expired, "User Administrator");
    sandbox.assign_role(&trimmed, "Guest Inviter");
    group(1, "readers", json!([grace, expired, dropped]));
    group(2, "writers", json!([grace, expired, trimmed, stray]));
    group(3, "others", json!([expired, trimmed]));
    sandbox
}

/// What of a tenant must be the same: who is there and holds what. Ids are names here; of instants
/// it matters only whether there is one, and whether sessions from before the run are void.
pub(crate) fn essence(sandbox: &Sandbox, now: Timestamp) -> BTreeMap<String, Value> {
    let state = sandbox.state();
    let list = |name: &str| state[name].as_array().cloned().unwrap_or_default();
    let (users, groups) = (list("users"), list("groups"));
    let name = |id: &Value| {
        let found = users
            .iter()
            .chain(&groups)
            .find(|object| object["id"] == *id);
        found.map_or_else(|| id.clone(), |object| object["mail"].clone())
    };
    let names = |ids: &Value| {
        let ids = ids.as_array().into_iter().flatten();
        let mut names: Vec<_> = ids.map(|id| name(id).to_string()).collect();
        names.sort();
        names
    };
    let mut essence = BTreeMap::new();
    let live = users.iter().map(|user| ("live", user.clone()));
    let deleted = list("deletedUsers")
        .into_iter()
        .map(|user| ("deleted", user));
    for (kind, user) in live.chain(deleted) {
        let stamp = user["onPremisesExtensionAttributes"]["extensionAttribute15"].as_str();
        let words = stamp.unwrap_or_default().split(' ');
        let words = words.map(|word| word.split("=20").next().unwrap());
        // `pending=` says when we first saw the invitation: only a second run sees one of the first.
        let stamp: Vec<_> = words.filter(|word| *word != "pending").collect();
        let void = user["signInSessionsValidFromDateTime"]
            .as_str()
            .unwrap_or_default();
        let void = void.parse::<Timestamp>().is_ok_and(|at| at >= now);
        let mut facts =
            json!({ "stamp": stamp, "sponsors": names(&user["sponsors"]), "revoked": void });
        for property in [
            "accountEnabled",
            "externalUserState",
            "displayName",
            "department",
            "userType",
            "otherMails",
            "assignedLicenses",
        ] {
            facts[property] = user[property].clone();
        }
        let key = format!("{kind} {}", user["mail"].as_str().unwrap_or_default());
        let twin = essence.insert(key.clone(), facts);
        assert!(twin.is_none(), "two accounts: {key}");
    }
    for role in list("roleAssignments") {
        let key = format!(
            "role {} of {}",
            role["roleDefinitionId"],
            name(&role["principalId"]).as_str().unwrap_or_default()
        );
        let twin = essence.insert(key.clone(), json!({ "scope": role["directoryScopeId"] }));
        assert!(twin.is_none(), "two assignments: {key}");
    }
    for role in list("appRoleAssignments") {
        let key = format!(
            "app role {} of {}",
            role["appRoleId"],
            name(&role["principalId"]).as_str().unwrap()
        );
        let twin = essence.insert(key.clone(), json!({ "app": role["resourceId"] }));
        assert!(twin.is_none(), "two assignments: {key}");
    }
    for unit in list("administrativeUnits") {
        let key = format!("unit {}", unit["displayName"]);
        essence.insert(key, json!({ "members": names(&unit["members"]) }));
    }
    let called = |id: &Value| {
        let group = groups.iter().find(|group| group["id"] == *id);
        group.map_or(Value::Null, |group| group["displayName"].clone())
    };
    for policy in list("groupLifecyclePolicies") {
        let covered: Vec<_> = policy["groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(called)
            .collect();
        let facts = json!({ "days": policy["groupLifetimeInDays"], "of": policy["managedGroupTypes"], "groups": covered });
        let twin = essence.insert("expiration".to_owned(), facts);
        assert!(twin.is_none(), "two policies");
    }
    let principal = |id: &Value| match name(id) {
        Value::Null => called(id),
        other => other,
    };
    for table in ["conditionalAccessPolicies", "namedLocations"] {
        for mut policy in list(table) {
            for name in ["id", "createdDateTime", "modifiedDateTime"] {
                policy.as_object_mut().unwrap().remove(name);
            }
            for list in ["includeGroups", "excludeUsers"] {
                let ids = policy["conditions"]["users"][list].as_array().cloned();
                let ids = ids.unwrap_or_default();
                let names: Vec<_> = ids.iter().map(principal).collect();
                if !names.is_empty() {
                    policy["conditions"]["users"][list] = json!(names);
                }
            }
            let places = policy["conditions"]["locations"]["excludeLocations"].as_array_mut();
            for place in places.into_iter().flatten() {
                let all = list("namedLocations");
                let found = all.into_iter().find(|one| one["id"] == *place);
                *place = found.unwrap()["displayName"].clone();
            }
            let key = format!("{table} {}", policy["displayName"]);
            let twin = essence.insert(key.clone(), policy);
            assert!(twin.is_none(), "two policies: {key}");
        }
    }
    for setting in list("groupSettings") {
        let key = format!(
            "setting {} of {}",
            setting["displayName"],
            called(&setting["of"])
        );
        let twin = essence.insert(key.clone(), json!({ "values": setting["values"] }));
        assert!(twin.is_none(), "two settings: {key}");
    }
    for group in &groups {
        let facts = json!({
            "description": group["description"], "uniqueName": group["uniqueName"],
            "members": names(&group["members"]), "owners": names(&group["owners"]),
            "licenses": group["assignedLicenses"],
        });
        let key = format!("group {}", group["displayName"].as_str().unwrap());
        let twin = essence.insert(key.clone(), facts);
        assert!(twin.is_none(), "two groups: {key}");
    }
    essence
}

/// Returns how often each mail went out.
pub(crate) fn mails(sandbox: &Sandbox) -> BTreeMap<String, usize> {
    let mut mails = BTreeMap::new();
    for mail in sandbox.state()["mails"].as_array().unwrap() {
        let name = format!(
            "{} to {}",
            mail["kind"].as_str().unwrap(),
            mail["to"].as_str().unwrap()
        );
        *mails.entry(name).or_default() += 1;
    }
    mails
}

/// Returns what differs, a line each.
pub(crate) fn differences(
    expected: &BTreeMap<String, Value>,
    found: &BTreeMap<String, Value>,
) -> Vec<String> {
    let keys: std::collections::BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let differs = |key: &&&String| expected.get(**key) != found.get(**key);
    let line = |key: &String| {
        let show = |side: Option<&Value>| side.map_or("nothing".to_owned(), Value::to_string);
        format!(
            "{key}: {} instead of {}",
            show(found.get(key)),
            show(expected.get(key))
        )
    };
    keys.iter().filter(differs).map(|key| line(key)).collect()
}
