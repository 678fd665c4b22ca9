//! What people ask day by day: who is this guest, and who loses access soon.

use guestlist_sandbox::Behaviour;
use serde_json::{Value, json};

use crate::harness::{REAL, Repository, Tenant};

fn applied() -> Repository {
    let repository = Repository::example();
    repository.run(&["apply", "--yes"]).ends(0);
    repository
}

#[test]
fn a_guest_is_explained_with_every_access_and_what_comes_next() {
    let repository = applied();
    let told = repository
        .run(&["explain", "Ada@contoso.example"])
        .ends(0)
        .stdout;
    for line in [
        "guest ada@contoso.example                               guests/contoso.yaml:5",
        "  state     Guest, can sign in, invitation not redeemed",
        "  stamp     guestlist owner=sandbox",
        "  sponsors  grace@fabrikam.example",
        "  why       Annual audit, CHG-1234",
        "  group audit-readers                                   guests/contoso.yaml:13",
        "  group contoso-guests, by its rule                     policies/groups.yaml:14",
        "  2027-07-01 00:00 EEST  loses group audit-uploaders    guests/contoso.yaml:14",
    ] {
        assert!(
            told.contains(&format!("{line}\n")),
            "{line} is not in\n{told}"
        );
    }
    assert!(told.contains("Last in the journal\n"), "{told}");
    let ended = repository
        .run(&["explain", "emmy@litware.example"])
        .ends(0)
        .stdout;
    assert!(
        ended.contains("  info: expired 2026-07-01 00:00 EEST; deleted on "),
        "{ended}"
    );
    let left = repository
        .run(&["explain", "rosa@litware.example"])
        .ends(0)
        .stdout;
    assert!(
        left.contains("  state     deleted ") && !left.contains("Next"),
        "{left}"
    );
}

#[test]
fn who_is_not_declared_or_no_guest_is_told_apart() {
    let repository = Repository::example();
    let stranger = repository
        .run(&["explain", "kurt@litware.example"])
        .ends(0)
        .stdout;
    assert!(
        stranger.contains("in no file\n") && stranger.contains("none: not ours"),
        "{stranger}"
    );
    let nobody = repository
        .run(&["explain", "nobody@contoso.example"])
        .ends(1)
        .stderr;
    assert!(
        nobody.contains("no such guest is declared or in the tenant"),
        "{nobody}"
    );
    let member = repository
        .run(&["explain", "grace@fabrikam.example"])
        .ends(1)
        .stderr;
    assert!(
        member.contains("grace@fabrikam.example is no guest"),
        "{member}"
    );
    // What a run would do, where there is something to do.
    let waiting = repository
        .run(&["explain", "emmy@litware.example"])
        .ends(0)
        .stdout;
    assert!(
        waiting.contains("A run would now\n  guest emmy@litware.example  "),
        "{waiting}"
    );
}

#[test]
fn a_saved_snapshot_explains_without_credentials() {
    let repository = applied();
    let file = repository.path().join("tenant.json");
    let file = file.to_str().unwrap();
    repository.run(&["observe", "--out", file]).ends(0);
    let args = [
        "explain",
        "ada@contoso.example",
        "--observed",
        file,
        "--format",
        "json",
    ];
    let told: Value = serde_json::from_str(&repository.run(&args).ends(0).stdout).unwrap();
    assert_eq!(told["guest"], "ada@contoso.example");
    assert_eq!(told["isComplete"], false);
    let texts = [0, 1, 2, 3].map(|n| &told["next"][n]["text"]);
    let wanted = [
        "is reminded of the invitation, if it waits still",
        "is deleted, if the invitation waits still",
        "loses directory role Directory Readers",
        "loses group audit-uploaders",
    ];
    assert_eq!(texts, wanted);
}

#[test]
fn what_a_snapshot_does_not_hold_is_not_explained_as_absent() {
    let repository = applied();
    let file = repository.path().join("tenant.json");
    let file = file.to_str().unwrap();
    repository.run(&["observe", "--out", file]).ends(0);
    let group = "groups:\n  - name: unread\n";
    repository.write("policies/more.yaml", group);
    let refused = repository
        .run(&["explain", "ada@contoso.example", "--observed", file])
        .ends(1)
        .stderr;
    assert!(refused.contains("does not cover these files"), "{refused}");
}

#[test]
fn who_loses_access_soon_is_listed_by_day_and_by_sponsor() {
    let day = |days: i64| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
        at.strftime("%F").to_string()
    };
    let files = format!(
        "guests:
  - mail: ada@contoso.example
    sponsors: [grace@fabrikam.example, hedy@fabrikam.example]
    expires: {}
  - {{mail: eve@contoso.example, expires: {}}}
  - {{mail: old@contoso.example, expires: 2020-01-31}}
",
        day(10),
        day(50)
    );
    let policies = ("policies/all.yaml", "tenant: {id: sandbox}");
    let repository = Repository::new(&[("guests/all.yaml", &files), policies]);
    let list = |args: &[&str]| {
        repository
            .run(&[&["expiring"], args].concat())
            .ends(0)
            .stdout
    };
    let text = list(&[]);
    assert!(text.contains("  ada@contoso.example expires, "), "{text}");
    assert!(!text.contains("eve") && !text.contains("old"), "{text}");
    assert!(list(&["--within", "60d"]).contains("eve@contoso.example"));
    assert!(list(&["--within", "5d"]).starts_with("No access ends by "));
    let page = list(&["--format", "markdown"]);
    assert_eq!(
        page.matches("`ada@contoso.example` expires").count(),
        2,
        "{page}"
    );
    let json: Value = serde_json::from_str(&list(&["--format", "json"])).unwrap();
    assert_eq!(json["ending"][0]["guest"], "ada@contoso.example");
    assert_eq!(json["ending"][0]["sponsors"][1], "hedy@fabrikam.example");
}

#[test]
fn the_doctor_names_what_is_missing_and_what_is_lost_without_it() {
    let tenant = Tenant::empty();
    let repository = Repository::new(&[
        (
            "guests/all.yaml",
            "guests: [{mail: ada@contoso.example, groups: [readers]}]",
        ),
        (
            "policies/all.yaml",
            &format!("{REAL}groups: [{{name: readers}}]\n"),
        ),
    ]);
    let allow = |names: &[&str]| {
        tenant.sandbox.behave(Behaviour {
            permissions: Some(names.iter().map(|name| (*name).to_owned()).collect()),
            ..Behaviour::default()
        });
        tenant.run(&repository, &["doctor"])
    };
    let reads = [
        "User.Read.All",
        "Organization.Read.All",
        "Group.Read.All",
        "GroupMember.Read.All",
    ];
    let told = allow(&reads).ends(1).stdout;
    for line in [
        "  ready    groups, and which of them carry roles      Group.Read.All\n",
        "  missing  directory roles                            RoleManagement.Read.Directory\n           without it nobody is disabled, stripped or deleted\n",
        "  missing  memberships                                GroupMember.ReadWrite.All\n",
        "  missing  whom entitlement management governs        EntitlementManagement.Read.All (not used by these files)\n",
        "  missing  who invited whom, for `import --inviters`  AuditLog.Read.All (not used by these files)\n           without it inviters are not proposed as sponsors\n",
        "The least permissions to plan: Group.Read.All, GroupMember.Read.All, Organization.Read.All, RoleManagement.Read.Directory, User.Read.All\n",
    ] {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
    // An app that only plans is healthy.
    let roles = [&reads[..], &["RoleManagement.Read.Directory"]].concat();
    let told = allow(&roles).ends(0).stdout;
    assert!(told.contains("  missing  invite, remind, ask for consent again      User.Invite.All, User.ReadWrite.All\n"), "{told}");
    tenant.run(&repository, &["plan"]).ends(0);
    // Without groups in the files it is still to be known which of them carry roles.
    repository.write("policies/all.yaml", REAL);
    repository.write("guests/all.yaml", "guests: [{mail: ada@contoso.example}]");
    let told = allow(&[
        "User.Read.All",
        "Organization.Read.All",
        "RoleManagement.Read.Directory",
    ]);
    let told = told.ends(1).stdout;
    assert!(
        told.contains("  missing  groups, and which of them carry roles"),
        "{told}"
    );
    assert!(
        told.contains("least permissions to plan: Group.Read.All, Organization"),
        "{told}"
    );
    // Another tenant's credential is no health at all.
    tenant.sandbox.behave(Behaviour::default());
    repository.write("policies/all.yaml", "tenant: {id: other.example, owner: x}");
    let told = tenant.run(&repository, &["doctor"]).ends(1).stderr;
    assert!(
        told.contains("`tenant.id` is other.example, but this is Fabrikam"),
        "{told}"
    );
}

#[test]
fn what_of_microsofts_own_acts_on_the_same_guests_is_said() {
    let tenant = Tenant::empty();
    tenant.managed("ada@contoso.example");
    let guests = "guests: [{mail: ada@contoso.example}]";
    let repository = Repository::new(&[("guests/a.yaml", guests), ("policies/a.yaml", REAL)]);
    let doctor = || tenant.run(&repository, &["doctor"]).ends(0).stdout;
    let plan = || tenant.run(&repository, &["plan"]).ends(0).stdout;
    let told = doctor();
    assert!(
        told.contains("\n  none     entitlement management\n"),
        "{told}"
    );
    let unknown = "  unknown  guest lifecycle policies                   LifecyclePolicies-Guests.Read.All, or the tenant does not serve it\n";
    assert!(told.contains(unknown), "{told}");
    assert!(!plan().contains("beside this program"));

    tenant
        .sandbox
        .set_external_user_lifecycle_action("blockSignInAndDelete");
    let of = |kind: &str, name: &str, enabled: bool| {
        let kind = format!("#microsoft.graph.identityGovernance.{kind}LifecyclePolicy");
        let policy =
            json!({ "@odata.type": kind, "id": name, "displayName": name, "isEnabled": enabled });
        tenant.sandbox.insert_lifecycle_policy(policy);
    };
    of("guest", "No sponsor", true);
    of("guest", "Turned off", false);
    of("agentIdentity", "Agents", true);
    let told = doctor();
    assert!(told.contains("\n  warning  entitlement management acts on the guests whom it governs (blockSignInAndDelete)"), "{told}");
    assert!(
        told.contains("\n  warning  the guest lifecycle policy No sponsor acts on guests\n"),
        "{told}"
    );
    assert!(
        !told.contains("Turned off") && !told.contains("Agents"),
        "{told}"
    );
    let told = plan();
    let warning =
        "warning: the guest lifecycle policy No sponsor acts on guests, beside this program\n";
    assert!(told.contains(warning), "{told}");
    assert!(
        told.contains("info: entitlement management acts on the guests whom it governs"),
        "{told}"
    );
}
