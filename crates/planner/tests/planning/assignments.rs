//! Directory roles of guests: given, left, taken; and who may be given which at all.

use guestlist_planner::plan::Request;
use serde_json::json;

use crate::tenant::{Tenant, config, guest, instant, stamped};

const NOW: &str = "2026-05-02";

/// Bob is ours and holds some roles.
fn tenant(roles: &[&'static str]) -> Tenant {
    let ours = json!({ "onPremisesExtensionAttributes": stamped("") });
    Tenant {
        users: vec![guest("g1", "bob@contoso.example", ours)],
        roles: roles.iter().map(|role| ("g1", *role)).collect(),
        ..Tenant::default()
    }
}

/// An entry for Bob that lists roles.
fn bob(roles: &str) -> String {
    format!("guests:\n  - mail: bob@contoso.example\n    directoryRoles: {roles}\n")
}

/// The steps and findings of a plan, without what is said of sponsors.
fn planned(tenant: &Tenant, guests: &str, policies: &str, now: &str) -> String {
    let planned = tenant.planned(guests, policies, now);
    let lines = planned.lines().filter(|line| !line.contains("sponsor"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_role_is_given_and_taken_as_the_entry_lists_it() {
    let swapped = bob("[Guest Inviter]");
    insta::assert_snapshot!(planned(&tenant(&["Directory Readers"]), &swapped, "", NOW), @"
    - directory role Directory Readers / bob@contoso.example  not among the declared `directoryRoles` (guests/all.yaml:2)
    + directory role Guest Inviter / bob@contoso.example      guests/all.yaml:3

    1 to create, 0 to change, 1 to delete. 1 unchanged, 0 not ours.
    About 2 writes, less than a minute.
    ");
    insta::assert_snapshot!(planned(&tenant(&["Guest Inviter"]), &swapped, "", NOW), @"
    Nothing to do. 2 unchanged, 0 not ours.
    ");
    insta::assert_snapshot!(planned(&tenant(&["Guest Inviter"]), &bob("[]"), "", NOW), @"
    - directory role Guest Inviter / bob@contoso.example      not among the declared `directoryRoles` (guests/all.yaml:2)

    0 to create, 0 to change, 1 to delete. 1 unchanged, 0 not ours.
    About 1 write, less than a minute.
    ");
    // A guest who is invited gets it, too.
    let ada = "guests: [{mail: ada@contoso.example, directoryRoles: [Directory Readers]}]";
    insta::assert_snapshot!(planned(&tenant(&[]), ada, "", NOW), @r#"
    ~ guest bob@contoso.example                               no longer declared
        accountEnabled  true → false
        stamp           "guestlist owner=sandbox" → "guestlist owner=sandbox offboarding=now reason=undeclared"
    ~ guest bob@contoso.example: revoke sessions              no longer declared
    + guest ada@contoso.example: invite                       guests/all.yaml:1
        mail   "ada@contoso.example"
        stamp  "guestlist owner=sandbox"
        mail: Microsoft sends the invitation to ada@contoso.example
    + directory role Directory Readers / ada@contoso.example  guests/all.yaml:1

    2 to create, 2 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 5 writes, less than a minute.

    info: guest bob@contoso.example: no longer declared; stripped on 2026-05-09 00:00 UTC
    "#);
}

#[test]
fn a_role_ends_on_its_day_and_with_the_guest() {
    let until = bob("[{name: Directory Readers, expires: 2026-05-01}]");
    insta::assert_snapshot!(planned(&tenant(&["Directory Readers"]), &until, "", NOW), @"
    - directory role Directory Readers / bob@contoso.example  expired 2026-05-02 00:00 UTC (guests/all.yaml:3)

    0 to create, 0 to change, 1 to delete. 1 unchanged, 0 not ours.
    About 1 write, less than a minute.
    ");
    insta::assert_snapshot!(planned(&tenant(&[]), &until, "", NOW), @"
    Nothing to do. 1 unchanged, 0 not ours.

    info: guest bob@contoso.example: does not get directory role Directory Readers: expired 2026-05-02 00:00 UTC (guests/all.yaml:3)
    ");
    insta::assert_snapshot!(planned(&tenant(&["Directory Readers"]), &until, "", "2026-04-30"), @"
    Nothing to do. 2 unchanged, 0 not ours.
    ");
    let over = format!("{}    expires: 2026-05-01\n", bob("[Directory Readers]"));
    insta::assert_snapshot!(planned(&tenant(&["Directory Readers", "Guest Inviter"]), &over, "", NOW), @r#"
    - directory role Directory Readers / bob@contoso.example  expired 2026-05-02 00:00 UTC (guests/all.yaml:4)
    - directory role Guest Inviter / bob@contoso.example      expired 2026-05-02 00:00 UTC (guests/all.yaml:4)
    ~ guest bob@contoso.example                               expired 2026-05-02 00:00 UTC (guests/all.yaml:4)
        accountEnabled  true → false
        stamp           "guestlist owner=sandbox" → "guestlist owner=sandbox offboarding=now reason=expired"
    ~ guest bob@contoso.example: revoke sessions              expired 2026-05-02 00:00 UTC (guests/all.yaml:4)

    0 to create, 2 to change, 2 to delete. 0 unchanged, 0 not ours.
    About 4 writes, less than a minute.

    info: guest bob@contoso.example: expired 2026-05-02 00:00 UTC; deleted on 2026-06-01 00:00 UTC (guests/all.yaml:4)
    "#);
}

#[test]
fn a_role_that_nobody_lists_is_left_alone_and_said() {
    let silent = "guests: [{mail: bob@contoso.example}]";
    insta::assert_snapshot!(planned(&tenant(&["Directory Readers"]), silent, "", NOW), @"
    Nothing to do. 1 unchanged, 0 not ours.
    ");
    let other = "
guests:
  - {mail: bob@contoso.example}
  - {mail: ada@contoso.example, directoryRoles: [], expires: 2026-01-01}
";
    insta::assert_snapshot!(planned(&tenant(&["Directory Readers"]), other, "", NOW), @"
    Nothing to do. 1 unchanged, 0 not ours.

    info: guest bob@contoso.example: holds directory role Directory Readers, and its entry has no `directoryRoles:`: left alone (guests/all.yaml:3)
    info: guest ada@contoso.example: is not invited: the time ended 2026-01-02 00:00 UTC (guests/all.yaml:4)
    ");
    // Gone from the files: what this repository gives is taken with the rest, anything else stays.
    let left = "guests: [{mail: ada@contoso.example, directoryRoles: [], expires: 2026-01-01}]";
    let policies = "lifecycle: {undeclared: {disable: 0d, strip: 0d}}";
    insta::assert_snapshot!(planned(&tenant(&["Directory Readers"]), left, policies, NOW), @r#"
    - directory role Directory Readers / bob@contoso.example  no longer declared
    ~ guest bob@contoso.example                               no longer declared
        accountEnabled  true → false
        stamp           "guestlist owner=sandbox" → "guestlist owner=sandbox offboarding=now reason=undeclared"
    ~ guest bob@contoso.example: revoke sessions              no longer declared

    0 to create, 2 to change, 1 to delete. 0 unchanged, 0 not ours.
    About 3 writes, less than a minute.

    info: guest ada@contoso.example: is not invited: the time ended 2026-01-02 00:00 UTC (guests/all.yaml:1)
    "#);
    let left = "guests: [{mail: ada@contoso.example, expires: 2026-01-01}]";
    insta::assert_snapshot!(planned(&tenant(&["Directory Readers"]), left, policies, NOW), @r#"
    ~ guest bob@contoso.example                               no longer declared
        accountEnabled  true → false
        stamp           "guestlist owner=sandbox" → "guestlist owner=sandbox offboarding=now reason=undeclared"
    ~ guest bob@contoso.example: revoke sessions              no longer declared

    0 to create, 2 to change, 0 to delete. 0 unchanged, 0 not ours.
    About 2 writes, less than a minute.

    info: guest bob@contoso.example: keeps directory role Directory Readers: not managed here, so not taken
    info: guest ada@contoso.example: is not invited: the time ended 2026-01-02 00:00 UTC (guests/all.yaml:1)
    "#);
}

#[test]
fn promise_2_nothing_is_taken_from_whoever_has_power_unless_policies_allow_that_power() {
    let none = bob("[]");
    let powerful = tenant(&["User Administrator", "Directory Readers"]);
    insta::assert_snapshot!(planned(&powerful, &none, "", NOW), @"
    Nothing to do. 1 unchanged, 0 not ours.

    warning: guest bob@contoso.example: is privileged (User Administrator): nothing is taken: keeps directory role Directory Readers
    ");
    let allowed = "requirements: {privileged: [User Administrator]}";
    insta::assert_snapshot!(planned(&powerful, &none, allowed, NOW), @"
    - directory role Directory Readers / bob@contoso.example  not among the declared `directoryRoles` (guests/all.yaml:2)
    - directory role User Administrator / bob@contoso.example  not among the declared `directoryRoles` (guests/all.yaml:2)

    0 to create, 0 to change, 2 to delete. 1 unchanged, 0 not ours.
    About 2 writes, less than a minute.
    ");
    let given = bob("[User Administrator]");
    insta::assert_snapshot!(planned(&tenant(&[]), &given, allowed, NOW), @"
    + directory role User Administrator / bob@contoso.example  guests/all.yaml:3

    1 to create, 0 to change, 0 to delete. 1 unchanged, 0 not ours.
    About 1 write, less than a minute.
    ");
}

#[test]
fn promise_3_roles_that_cannot_be_read_are_neither_given_nor_taken() {
    let mut blind = tenant(&["Directory Readers"]);
    blind.roles_denied = true;
    insta::assert_snapshot!(planned(&blind, &bob("[Guest Inviter]"), "", NOW), @"
    Nothing can be done: 1 error. 1 unchanged, 0 not ours.

    error: `directoryRoles` could not be read: nothing of it is given or taken
      hint: grant RoleManagement.Read.Directory
    ");
}

#[test]
fn a_role_that_the_tenant_does_not_have_blocks_itself_only() {
    let guests = bob("[Reports Reader, Guest Inviter]");
    insta::assert_snapshot!(planned(&tenant(&[]), &guests, "", NOW), @"
    + directory role Guest Inviter / bob@contoso.example      guests/all.yaml:3

    1 to create, 0 to change, 0 to delete. 1 unchanged, 0 not ours.
    About 1 write, less than a minute.

    error: directory role Reports Reader / bob@contoso.example: the tenant has no directory role Reports Reader (guests/all.yaml:3)
    ");
}

#[test]
fn whoever_holds_a_role_is_not_asked_to_redeem_again() {
    let guests = format!(
        "{}    redeemedSince: 2026-04-01\n",
        bob("[Directory Readers]")
    );
    insta::assert_snapshot!(planned(&tenant(&["Directory Readers"]), &guests, "", NOW), @"
    Nothing to do. 2 unchanged, 0 not ours.

    warning: guest bob@contoso.example: is not asked to redeem again: holds directory role Directory Readers, and Graph resets the redemption of nobody who holds a role (guests/all.yaml:2)
    ");
    let handed = "guests: [{mail: new@contoso.example, formerly: bob@contoso.example}]";
    insta::assert_snapshot!(planned(&tenant(&["Directory Readers"]), handed, "", NOW), @"
    Nothing can be done: 1 error. 1 unchanged, 0 not ours.

    error: guest new@contoso.example: the account of bob@contoso.example cannot be handed over: holds directory role Directory Readers, and Graph resets the redemption of nobody who holds a role (guests/all.yaml:1)
    ");
}

#[test]
fn a_snapshot_from_before_roles_were_looked_at_is_not_taken_for_one_without() {
    let now = instant(NOW);
    let config = config(&bob("[]"), "", now);
    let observed = tenant(&["User Administrator"]).observe(&config, now);
    let text = serde_json::to_string(&observed).unwrap();
    let old = text.replace(",directoryScopeId", "");
    assert_ne!(text, old);
    let old = serde_json::from_str(&old).unwrap();
    let header = Default::default();
    let open =
        guestlist_planner::plan::plan_saved(&config, &old, now, &Request::default(), &header);
    assert_eq!(open.unwrap_err().len(), 1);
}
