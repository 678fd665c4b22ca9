//! Planning, from YAML and a tenant to what people read.

mod tenant;

use serde_json::json;
use tenant::{Tenant, guest, member, stamped};

const GROUPS: &str = "
groups:
  - name: partners
  - name: auditors
";

fn tenant() -> Tenant {
    Tenant {
        users: vec![
            member("m1", "grace@fabrikam.example"),
            guest(
                "g1",
                "bob@contoso.example",
                json!({ "onPremisesExtensionAttributes": stamped(""), "sponsors": [{ "id": "m1" }] }),
            ),
        ],
        groups: vec![
            json!({ "id": "p", "displayName": "partners", "groupTypes": [], "securityEnabled": true, "members": ["g1", "m1"] }),
            json!({ "id": "a", "displayName": "auditors", "groupTypes": [], "securityEnabled": true, "members": [] }),
        ],
        ..Tenant::default()
    }
}

#[test]
fn a_new_guest_is_invited_and_gets_its_groups() {
    let guests = "
guests:
  - mail: Ada@contoso.example
    displayName: Ada Lovelace
    sponsors: [grace@fabrikam.example]
    expires: 2026-12-31
    groups: [partners]
  - {mail: bob@contoso.example, groups: [partners]}
";
    insta::assert_snapshot!(tenant().planned(guests, GROUPS, "2026-05-02"), @r#"
    + guest ada@contoso.example: invite                       guests/all.yaml:3
        displayName  "Ada Lovelace"
        mail         "Ada@contoso.example"
        stamp        "guestlist owner=sandbox"
        mail: Microsoft sends the invitation to Ada@contoso.example
    + membership partners / ada@contoso.example               guests/all.yaml:7
    + sponsor ada@contoso.example / grace@fabrikam.example    guests/all.yaml:3

    3 to create, 0 to change, 0 to delete. 2 unchanged, 0 not ours.
    "#);
}

#[test]
fn an_expired_guest_is_disabled_stripped_and_deleted_in_turn() {
    let guests = "guests: [{ mail: bob@contoso.example, expires: 2026-05-01, groups: [partners] }]";
    insta::assert_snapshot!(tenant().planned(guests, GROUPS, "2026-05-02"), @r#"
    ~ guest bob@contoso.example                               expired 2026-05-02 00:00 UTC (guests/all.yaml:1)
        accountEnabled  true → false
        stamp           "guestlist owner=sandbox" → "guestlist owner=sandbox offboarding=now reason=expired"
    ~ guest bob@contoso.example: revoke sessions              expired 2026-05-02 00:00 UTC (guests/all.yaml:1)
    - membership partners / bob@contoso.example               expired 2026-05-02 00:00 UTC (guests/all.yaml:1)

    0 to create, 2 to change, 1 to delete. 0 unchanged, 0 not ours.

    info: guest bob@contoso.example: expired 2026-05-02 00:00 UTC; deleted on 2026-06-01 00:00 UTC (guests/all.yaml:1)
    "#);
    let mut later = tenant();
    later.users[1]["accountEnabled"] = json!(false);
    later.users[1]["signInSessionsValidFromDateTime"] = json!("2026-05-02T00:00:01Z");
    later.users[1]["onPremisesExtensionAttributes"] =
        stamped("offboarding=2026-05-02T00:00:00Z reason=expired");
    later.groups[0]["members"] = json!(["m1"]);
    insta::assert_snapshot!(later.planned(guests, GROUPS, "2026-05-31"), @"
    Nothing to do. 0 unchanged, 0 not ours.

    info: guest bob@contoso.example: expired 2026-05-02 00:00 UTC; deleted on 2026-06-01 00:00 UTC (guests/all.yaml:1)
    ");
    insta::assert_snapshot!(later.planned(guests, GROUPS, "2026-06-01"), @"
    - guest bob@contoso.example                               expired 2026-05-02 00:00 UTC (guests/all.yaml:1)

    0 to create, 0 to change, 1 to delete. 0 unchanged, 0 not ours.
    ");
}
