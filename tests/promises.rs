//! The promises, by name, as far as only the whole program can show them.

use std::time::Duration;

use guestlist_sandbox::{Act, Behaviour, Canned, Fault};
use serde_json::json;

use crate::harness::{REAL, Repository, SECRET, Tenant};

fn repository(guests: &str, more: &str) -> Repository {
    Repository::new(&[
        ("guests/a.yaml", guests),
        ("policies/a.yaml", &format!("{REAL}{more}")),
    ])
}

const ADA: &str = "guests: [{mail: ada@contoso.example}]\n";

/// A tenant of which a plan would remove `count` guests.
fn dropping(count: usize) -> Tenant {
    let tenant = Tenant::empty();
    for n in 0..count {
        tenant.managed(&format!("gone{n}@contoso.example"));
    }
    tenant
}

fn writes(tenant: &Tenant) -> usize {
    let requests = tenant.sandbox.requests();
    requests
        .iter()
        .filter(|request| {
            request.number > 0 && request.method != "GET" && !request.path.contains("$batch")
        })
        .count()
}

#[test]
fn promise_1_planning_writes_nothing() {
    let tenant = dropping(3);
    let before = tenant.sandbox.state();
    tenant.run(&repository(ADA, ""), &["plan"]).ends(0);
    assert_eq!((writes(&tenant), tenant.sandbox.state()), (0, before));
}

#[test]
fn promise_1_an_approved_plan_executes_nothing_new() {
    let tenant = Tenant::empty();
    let repository = repository(ADA, "");
    let file = repository.path().join("plan.json");
    let plan = file.to_str().unwrap();
    tenant.run(&repository, &["plan", "--out", plan]).ends(0);
    repository.write("guests/b.yaml", "guests: [{mail: eve@contoso.example}]\n");
    tenant.run(&repository, &["apply", plan, "--yes"]).ends(0);
    assert!(tenant.sandbox.find("ada@contoso.example").is_some());
    assert!(tenant.sandbox.find("eve@contoso.example").is_none());
}

#[test]
fn promise_2_a_protected_guest_and_a_privileged_one_keep_everything() {
    let tenant = Tenant::empty();
    let ids = [
        tenant.managed("boss@contoso.example"),
        tenant.managed("admin@contoso.example"),
        tenant.managed("bob@contoso.example"),
    ];
    tenant.sandbox.assign_role(&ids[1], "User Administrator");
    tenant.sandbox.insert_group(json!({ "displayName": "partners", "mailNickname": "partners", "mailEnabled": false, "securityEnabled": true, "members": ids }));
    let guests: String = ["boss", "admin", "bob"]
        .map(|name| {
            format!(
                "  - {{mail: {name}@contoso.example, expires: 2026-01-31, groups: [partners]}}\n"
            )
        })
        .concat();
    let rules = "groups: [{name: partners}]\nscope: {protected: [boss@contoso.example]}\n";
    let repository = repository(&format!("guests:\n{guests}"), rules);
    let ran = tenant.applied(&repository);
    assert!(
        ran.stdout.contains("is protected (scope.protected)")
            && ran.stdout.contains("is privileged (User Administrator)"),
        "{}",
        ran.stdout
    );
    assert_eq!(tenant.user("boss@contoso.example")["accountEnabled"], true);
    assert_eq!(tenant.user("admin@contoso.example")["accountEnabled"], true);
    assert_eq!(tenant.user("bob@contoso.example")["accountEnabled"], false);
    assert_eq!(tenant.members("partners").len(), 2);
}

#[test]
fn promise_3_a_missing_permission_removes_nobody() {
    let tenant = dropping(2);
    let all = [
        "User.ReadWrite.All",
        "Group.Read.All",
        "Organization.Read.All",
        "User.RevokeSessions.All",
    ];
    let permissions = Some(all.iter().map(|name| (*name).to_owned()).collect());
    tenant.sandbox.behave(Behaviour {
        permissions,
        ..Behaviour::default()
    });
    let ran = tenant.run(&repository(ADA, ""), &["plan"]).ends(0);
    assert!(
        ran.stdout.contains("roles could not be read")
            && ran.stdout.contains("RoleManagement.Read.Directory"),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("accountEnabled"), "{}", ran.stdout);
    tenant
        .run(&repository(ADA, ""), &["apply", "--yes"])
        .ends(4);
}

#[test]
fn promise_3_a_failed_or_truncated_read_stops_the_plan() {
    for act in [
        Act::Answer(Canned::status(400)),
        Act::Answer(Canned {
            status: 200,
            headers: Vec::new(),
            body: Some(json!({ "value": "none" })),
        }),
    ] {
        for path in ["/users", "/directory/deletedItems", "/organization"] {
            let tenant = dropping(2);
            tenant.sandbox.behave(Behaviour {
                faults: vec![Fault::on("GET", path, act.clone()).times(99)],
                ..Behaviour::default()
            });
            let ran = tenant.run(&repository(ADA, ""), &["plan"]).ends(1);
            assert!(
                ran.stdout.is_empty() && ran.stderr.contains("GET "),
                "{}",
                ran.stderr
            );
        }
    }
}

#[test]
fn promise_5_a_creation_that_is_slow_to_show_is_waited_for() {
    let tenant = Tenant::empty();
    tenant.sandbox.behave(Behaviour {
        replication: Duration::from_millis(1200),
        ..Behaviour::default()
    });
    let guests = "guests: [{mail: ada@contoso.example, displayName: Ada, companyName: Contoso, sponsors: [grace@fabrikam.example], groups: [partners]}]\n";
    tenant.applied(&repository(guests, "groups: [{name: partners}]\n"));
    assert_eq!((tenant.mails(), tenant.members("partners").len()), (1, 1));
}

#[test]
fn promise_5_invitations_stop_when_microsoft_blocks_them() {
    let tenant = Tenant::empty();
    tenant.sandbox.behave(Behaviour {
        invitation_block_after: Some(0),
        ..Behaviour::default()
    });
    let guests: String = (0..5)
        .map(|n| format!("  - mail: guest{n}@contoso.example\n"))
        .collect();
    let ran = tenant
        .run(
            &repository(&format!("guests:\n{guests}"), ""),
            &["apply", "--yes"],
        )
        .ends(4);
    assert!(
        ran.stdout.contains("1 failed, 4 skipped") && ran.stdout.contains("suspicious activity"),
        "{}",
        ran.stdout
    );
    let sent = tenant
        .sandbox
        .requests()
        .iter()
        .filter(|request| request.path == "/invitations")
        .count();
    assert_eq!(sent, 1, "the first one goes alone");
}

#[test]
fn promise_6_the_order_of_files_and_entries_changes_nothing() {
    let tenant = Tenant::empty();
    let plan = |files: &[(&str, &str)]| {
        let repository = Repository::new(files);
        repository.write(
            "policies/a.yaml",
            format!("{REAL}groups: [{{name: b}}, {{name: a}}]\n"),
        );
        let text = tenant.run(&repository, &["plan"]).ends(0).stdout;
        // Reasons name files and lines, which of course differ.
        text.lines()
            .filter(|line| line.starts_with(['+', '-', '~']))
            .map(|line| line.split("  ").next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let one = plan(&[(
        "guests/a.yaml",
        "guests: [{mail: a@contoso.example, groups: [a, b]}, {mail: b@contoso.example}]\n",
    )]);
    let two = plan(&[
        ("guests/z.yaml", "guests: [{mail: b@contoso.example}]\n"),
        (
            "guests/y.yml",
            "guests: [{groups: [b, a], mail: a@contoso.example}]\n",
        ),
    ]);
    assert_eq!(one, two);
}

#[test]
fn promise_7_more_removals_than_allowed_need_the_number() {
    let tenant = dropping(11);
    let repository = repository(ADA, "");
    let before = tenant.sandbox.state();
    let ran = tenant.run(&repository, &["apply", "--yes"]).ends(3);
    assert!(
        ran.stdout.contains("accountEnabled  true → false"),
        "the plan is shown in full: {}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("limits.removals.count allows 10")
            && ran.stdout.contains("--allow-removals 11"),
        "{}",
        ran.stdout
    );
    assert_eq!(before, tenant.sandbox.state());
    tenant.run(&repository, &["plan"]).ends(3);
    tenant
        .run(&repository, &["apply", "--yes", "--allow-removals", "10"])
        .ends(3);
    tenant
        .run(&repository, &["apply", "--yes", "--no-removals"])
        .ends(0);
    assert!(tenant.sandbox.find("ada@contoso.example").is_some());
    tenant
        .run(&repository, &["apply", "--yes", "--allow-removals", "11"])
        .ends(0);
    tenant
        .run(&repository, &["plan", "--detailed-exitcode"])
        .ends(0);
}

#[test]
fn promise_9_no_secret_token_or_redeem_link_leaves_the_program() {
    let tenant = Tenant::empty();
    let repository = repository(
        "guests: [{mail: ada@contoso.example, displayName: Ada}]\n",
        "",
    );
    let ran = tenant.run(&repository, &["apply", "--yes", "-vv"]).ends(0);
    let mut all = format!("{}{}", ran.stdout, ran.stderr);
    for entry in std::fs::read_dir(repository.path().join(".guestlist/journal")).unwrap() {
        all += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
    }
    for secret in [SECRET, "redeem?", "inviteRedeemUrl", "Bearer ", "eyJ"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(all.contains("\"phase\":\"intent\"") && all.contains("\"phase\":\"outcome\""));
}

#[test]
fn promise_10_names_from_the_tenant_are_printed_harmless() {
    let tenant = Tenant::empty();
    let hostile = "\u{1b}[2JEve\u{202e}\n::set-output name=x::y";
    tenant.guest("eve@contoso.example", json!({ "displayName": hostile }));
    let repository = repository(
        "guests: [{mail: eve@contoso.example, displayName: Eve}]\n",
        "",
    );
    let ran = tenant.run(&repository, &["apply", "--yes"]).ends(0);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    assert!(
        !all.contains(['\u{1b}', '\u{202e}']) && !all.contains("::set-output"),
        "{all}"
    );
}

#[test]
fn promise_11_a_change_by_someone_else_is_noticed_before_a_guest_is_disabled() {
    let tenant = dropping(1);
    let repository = repository(ADA, "");
    let file = repository.path().join("plan.json");
    let plan = file.to_str().unwrap();
    tenant.run(&repository, &["plan", "--out", plan]).ends(0);
    let id = tenant.sandbox.find("gone0@contoso.example").unwrap();
    tenant
        .sandbox
        .edit(&id, json!({ "department": "Changed meanwhile" }));
    let ran = tenant.run(&repository, &["apply", plan, "--yes"]).ends(4);
    assert!(
        ran.stdout.contains("guest gone0@contoso.example: is not changed: what is there differs from what was approved"),
        "{}",
        ran.stdout
    );
    assert_eq!(tenant.user("gone0@contoso.example")["accountEnabled"], true);
}

#[test]
fn promise_12_every_write_has_a_line_before_and_after() {
    let tenant = Tenant::empty();
    let repository = repository(ADA, "");
    tenant.run(&repository, &["apply", "--yes"]).ends(0);
    let journal = std::fs::read_dir(repository.path().join(".guestlist/journal"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let text = std::fs::read_to_string(journal.path()).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let phases = |phase: &str| {
        lines
            .iter()
            .filter(|line| line["phase"] == phase)
            .map(|line| line["request"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(phases("intent"), phases("outcome"));
    assert_eq!(phases("intent").len(), writes(&tenant));
    assert!(
        lines
            .iter()
            .filter(|line| line["phase"] == "outcome")
            .all(|line| line["requestId"].is_string())
    );
}

#[test]
fn promise_11_who_could_not_be_disabled_is_not_stripped_either() {
    let tenant = Tenant::empty();
    let id = tenant.managed("bob@contoso.example");
    tenant.sandbox.insert_group(json!({ "displayName": "partners", "mailNickname": "partners", "mailEnabled": false, "securityEnabled": true, "members": [id] }));
    let guests = "guests: [{mail: bob@contoso.example, expires: 2026-01-31, groups: [partners]}]\n";
    let repository = repository(guests, "groups: [{name: partners}]\n");
    let fault = Fault::on("PATCH", "/users/", Act::Answer(Canned::status(403))).times(9);
    tenant.sandbox.behave(Behaviour {
        faults: vec![fault],
        ..Behaviour::default()
    });
    let ran = tenant.run(&repository, &["apply", "--yes"]).ends(4);
    assert!(
        ran.stdout
            .contains("an earlier step on this guest was not done"),
        "{}",
        ran.stdout
    );
    assert_eq!(tenant.members("partners"), [id]);
}
