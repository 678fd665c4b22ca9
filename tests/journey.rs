//! The whole way of a team, in one go: an empty folder, a tenant full of guests nobody knows, files, a
//! pull request, an apply, somebody's last day, and files that are tidy again.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{Ran, Repository, STAMP, TENANT, Tenant};

const PROTECTED: &str = "partner-admin@contoso.example";

/// A repository, and the tenant that it is for.
struct Team {
    repository: Repository,
    tenant: Tenant,
}

impl Team {
    #[track_caller]
    fn run(&self, args: &[&str]) -> Ran {
        self.tenant.run(&self.repository, args).ends(0)
    }

    fn file(&self, path: &str) -> String {
        std::fs::read_to_string(self.repository.path().join(path)).unwrap()
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.file(path);
        assert!(text.contains(from), "{from} in\n{text}");
        self.repository.write(path, text.replacen(from, to, 1));
    }

    /// Plans as a workflow does for a pull request.
    #[track_caller]
    fn comment(&self) -> String {
        let page = self.run(&["plan", "--format", "markdown"]).stdout;
        assert!(
            page.starts_with(&format!("<!-- guestlist {TENANT} -->\n")),
            "{page}"
        );
        page
    }

    fn guest(&self, mail: &str) -> Value {
        self.tenant.user(mail)
    }
}

/// Guests of two partners, in a group that somebody made by hand.
fn inherited() -> Tenant {
    let tenant = Tenant::empty();
    let grace = tenant.sandbox.find("grace@fabrikam.example").unwrap();
    let add = |mail: &str| {
        let more = json!({ "displayName": mail, "sponsors": [grace], "createdDateTime": "2025-01-01T00:00:00Z" });
        tenant.guest(mail, more)
    };
    let members = [
        add("ada@contoso.example"),
        add("mary@contoso.example"),
        add("emmy@litware.example"),
    ];
    add(PROTECTED);
    tenant.sandbox.insert_group(json!({
        "displayName": "audit-readers", "mailNickname": "readers", "mailEnabled": false, "securityEnabled": true,
        "members": members,
    }));
    tenant
}

fn ago(days: i64) -> String {
    let at = Timestamp::now() - SignedDuration::from_hours(24 * days);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[test]
fn from_an_empty_folder_to_a_tenant_that_keeps_itself() {
    let team = Team {
        repository: Repository::new(&[]),
        tenant: inherited(),
    };
    // Monday: a repository, and what the tenant has.
    team.run(&[
        "init",
        "--tenant",
        TENANT,
        "--owner",
        "partner-access",
        "--time-zone",
        "Europe/Helsinki",
        "--ci",
        "github",
    ]);
    team.run(&["doctor"]);
    team.run(&["import", "--expires", "+180d"]);
    let page = team.comment();
    assert!(
        page.contains("**0 lose access, 0 come in, 4 change.**"),
        "{page}"
    );
    team.run(&["apply", "--yes"]);
    team.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(team.tenant.mails(), 0);

    // A pull request brings in a guest, and takes one out.
    let newcomer = "  - mail: new@contoso.example\n    displayName: New\n    sponsors: [grace@fabrikam.example]\n    expires: 2099-12-31\n    groups: [audit-readers]\n";
    let contoso = team.file("guests/contoso.example.yaml") + newcomer;
    team.repository
        .write("guests/contoso.example.yaml", contoso);
    team.run(&["remove", "emmy@litware.example"]);
    team.run(&["validate"]);
    let page = team.comment();
    assert!(
        page.contains("**1 loses access, 1 comes in, 0 change.**"),
        "{page}"
    );
    assert!(
        page.find("emmy").unwrap() < page.find("`new@contoso.example`").unwrap(),
        "{page}"
    );
    team.run(&["apply", "--yes"]);
    assert_eq!(
        (
            team.tenant.mails(),
            team.guest("emmy@litware.example")["accountEnabled"].clone()
        ),
        (1, json!(false))
    );
    assert_eq!(team.tenant.members("audit-readers").len(), 4);

    // Somebody's day has come; another one is needed longer.
    let text = team.file("guests/contoso.example.yaml");
    let entry = text
        .split("  - mail: ")
        .find(|entry| entry.starts_with("mary@"))
        .unwrap();
    let expires = entry
        .lines()
        .find(|line| line.contains("expires:"))
        .unwrap();
    let over = entry.replace(expires, &format!("    expires: {}", &ago(40)[..10]));
    team.edit("guests/contoso.example.yaml", entry, &over);
    team.run(&["renew", "ada@contoso.example", "--until", "+300d"]);
    assert!(
        team.run(&["explain", "mary@contoso.example"])
            .stdout
            .contains("audit-readers")
    );
    team.run(&["apply", "--yes"]);
    assert_eq!(team.guest("mary@contoso.example")["accountEnabled"], false);
    assert_eq!(team.tenant.members("audit-readers").len(), 3);
    team.run(&["plan", "--detailed-exitcode"]);

    // A month later the account goes, and its entry after it.
    let mary = team.tenant.sandbox.find("mary@contoso.example").unwrap();
    let stamp = format!("{STAMP} offboarding={} reason=expired", ago(31));
    team.tenant.sandbox.edit(
        &mary,
        json!({ "onPremisesExtensionAttributes": { "extensionAttribute15": stamp } }),
    );
    team.run(&["apply", "--yes"]);
    let state = team.tenant.sandbox.state();
    let deleted = state["deletedUsers"].as_array().unwrap();
    assert!(deleted.iter().any(|user| user["id"] == mary.as_str()));
    let tidied = team.run(&["tidy"]).stdout;
    assert!(
        tidied.contains("-  - mail: mary@contoso.example"),
        "{tidied}"
    );
    let text = team.file("guests/contoso.example.yaml");
    assert!(
        !text.contains("mary@") && text.contains(PROTECTED) && text.ends_with(newcomer),
        "{text}"
    );
    team.run(&["plan", "--detailed-exitcode"]);
    let report = team.run(&["report"]).stdout;
    assert!(report.starts_with("<!doctype html>") && report.contains("new@contoso.example"));
}
