//! `notify`: sponsors are told once of each end, never of what goes on, and nobody by a dry run.

use guestlist_sandbox::{Act, Behaviour, Canned, Elsewhere, Fault};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{REAL, Repository, STAMP, Tenant};

const DESK: &str = "access-desk@fabrikam.example";

const RULES: &str = "mails:
  expiring:
    from: access-desk@fabrikam.example
    subject: Guests of {tenant}
    text: |
      They go soon:

      {guests}
";

/// Two guests who end soon, one of them with two sponsors; one who ends later, one who has gone on.
fn tenant() -> Tenant {
    let tenant = Tenant::empty();
    for mail in [DESK, "alan@fabrikam.example"] {
        let user = json!({ "mail": mail, "displayName": mail, "accountEnabled": true });
        tenant.sandbox.insert_user(user);
    }
    for mail in [
        "ada@contoso.example",
        "emmy@contoso.example",
        "later@contoso.example",
    ] {
        tenant.managed(mail);
    }
    tenant.guest(
        "gone@contoso.example",
        json!({
            "accountEnabled": false,
            "onPremisesExtensionAttributes": { "extensionAttribute15": format!("{STAMP} offboarding=2026-01-01T00:00:00Z reason=expired") },
        }),
    );
    tenant
}

fn day(days: i64) -> String {
    let day = Timestamp::now() + SignedDuration::from_hours(24 * days);
    day.to_zoned(jiff::tz::TimeZone::get("Europe/Helsinki").unwrap())
        .date()
        .to_string()
}

fn guests(end: i64) -> String {
    let (soon, later) = (day(end), day(200));
    format!(
        "guests:
  - {{mail: ada@contoso.example, displayName: '[Ada](https://evil.example)', justification: Audit, expires: {soon}, sponsors: [grace@fabrikam.example, alan@fabrikam.example]}}
  - {{mail: emmy@contoso.example, expires: {soon}, sponsors: [grace@fabrikam.example]}}
  - {{mail: later@contoso.example, expires: {later}, sponsors: [grace@fabrikam.example]}}
  - {{mail: gone@contoso.example, expires: 2026-01-01, sponsors: [grace@fabrikam.example]}}
"
    )
}

fn repository() -> Repository {
    let policies = format!("{REAL}{RULES}");
    Repository::new(&[
        ("policies/a.yaml", &policies),
        ("guests/a.yaml", &guests(10)),
    ])
}

fn mails(tenant: &Tenant) -> Vec<Value> {
    tenant.sandbox.state()["mails"].as_array().unwrap().clone()
}

fn stamp(tenant: &Tenant, mail: &str) -> String {
    let user = tenant.user(mail);
    user["onPremisesExtensionAttributes"]["extensionAttribute15"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn sponsors_of_the_same_guests_get_one_mail_and_no_second_one_for_the_same_day() {
    let (tenant, repository) = (tenant(), repository());
    repository.write(
        "policies/b.yaml",
        "scope: {protected: [kept@contoso.example]}\n",
    );
    tenant.managed("kept@contoso.example");
    let kept = "  - {mail: kept@contoso.example, expires: 2026-12-01, sponsors: [grace@fabrikam.example]}\n";
    let kept = kept.replace("2026-12-01", &day(5));
    repository.write("guests/b.yaml", format!("guests:\n{kept}"));
    let shown = tenant.run(&repository, &["notify"]).ends(0);
    assert!(
        shown.stdout.contains(
            "mail to alan@fabrikam.example, grace@fabrikam.example from access-desk@fabrikam.example: Guests of Fabrikam"
        ),
        "{}",
        shown.stdout
    );
    assert!(
        ["later@", "gone@", "kept@"]
            .iter()
            .all(|who| !shown.stdout.contains(who)),
        "{}",
        shown.stdout
    );
    assert_eq!(
        (mails(&tenant).len(), stamp(&tenant, "ada@contoso.example")),
        (0, STAMP.to_owned())
    );

    let sent = tenant.run(&repository, &["notify", "--send"]).ends(0);
    assert!(
        sent.stdout.ends_with("2 of 2 mails sent.\n"),
        "{}",
        sent.stdout
    );
    let mails_then = mails(&tenant);
    let to: Vec<_> = mails_then
        .iter()
        .map(|mail| mail["to"].as_str().unwrap())
        .collect();
    assert_eq!(
        to,
        [
            "alan@fabrikam.example, grace@fabrikam.example",
            "grace@fabrikam.example"
        ]
    );
    let content = mails_then[0]["content"].as_str().unwrap();
    let line = format!("<li>{}: <code>ada@contoso.example</code>", day(10));
    assert!(content.contains(&line), "{content}");
    assert!(!content.contains("<a "), "{content}");
    assert!(stamp(&tenant, "ada@contoso.example").starts_with(&format!("{STAMP} notified=2")));

    let again = tenant.run(&repository, &["notify", "--send"]).ends(0);
    assert_eq!(again.stdout, "Nobody is to be told of anything.\n");
    // Who has another day is told of that.
    repository.write("guests/a.yaml", guests(20));
    tenant.run(&repository, &["notify", "--send"]).ends(0);
    assert_eq!(mails(&tenant).len(), 4);
    // What was noted is no change to a plan.
    let planned = tenant.run(&repository, &["plan"]).ends(0);
    assert!(!planned.stdout.contains("notified"), "{}", planned.stdout);
}

#[test]
fn what_is_refused_is_taken_back_and_what_is_lost_is_not_repeated() {
    let refused = Canned::status(403);
    for (act, delivered, told) in [
        (Act::Answer(refused), 0, 2),
        (Act::Lose, 1, 1),
        (Act::Drop, 0, 1),
    ] {
        let (tenant, repository) = (tenant(), repository());
        let desk = tenant.sandbox.find(DESK).unwrap();
        let fault = Fault::on("POST", &format!("/users/{desk}/sendMail"), act);
        tenant.sandbox.behave(Behaviour {
            faults: vec![fault],
            ..Behaviour::default()
        });
        tenant.run(&repository, &["notify", "--send"]).ends(1);
        assert_eq!(mails(&tenant).len(), delivered);
        tenant.sandbox.behave(Behaviour::default());
        let again = tenant.run(&repository, &["notify", "--send"]).ends(0);
        let doubt = "not told of ada@contoso.example: a run ended while it wrote";
        assert_eq!(again.stdout.contains(doubt), told == 1, "{}", again.stdout);
        assert_eq!(mails(&tenant).len(), delivered + told);
    }
}

#[test]
fn a_mailbox_must_be_named_and_be_there() {
    let (tenant, repository) = (Tenant::empty(), repository());
    let ran = tenant.run(&repository, &["notify"]).ends(1);
    assert!(
        ran.stderr
            .contains("`access-desk@fabrikam.example` is a mailbox of 0 users"),
        "{}",
        ran.stderr
    );
    repository.write("policies/a.yaml", REAL);
    let ran = tenant.run(&repository, &["notify"]).ends(1);
    assert!(ran.stderr.contains("from which mailbox"), "{}", ran.stderr);
}

/// Returns what `notify` says, with a fault.
fn told(tenant: &Tenant, repository: &Repository, faults: Vec<Fault>, ends: i32) -> String {
    tenant.sandbox.behave(Behaviour {
        faults,
        ..Behaviour::default()
    });
    let ran = tenant.run(repository, &["notify", "--send"]).ends(ends);
    tenant.sandbox.behave(Behaviour::default());
    format!("{}{}", ran.stdout, ran.stderr)
}

#[test]
fn one_mail_that_is_refused_keeps_no_other_back_and_is_sent_later() {
    let (tenant, repository) = (tenant(), repository());
    let desk = tenant.sandbox.find(DESK).unwrap();
    let refused = Act::Answer(Canned::status(400));
    let fault = Fault::on("POST", &format!("/users/{desk}/sendMail"), refused);
    let said = told(&tenant, &repository, vec![fault], 4);
    assert!(said.contains("1 of 2 mails sent."), "{said}");
    assert!(
        said.contains("not sent to alan@fabrikam.example, grace@fabrikam.example"),
        "{said}"
    );
    assert_eq!(stamp(&tenant, "ada@contoso.example"), STAMP);
    let again = told(&tenant, &repository, Vec::new(), 0);
    assert!(again.contains("1 of 1 mails sent."), "{again}");
    assert_eq!(mails(&tenant).len(), 2);
}

#[test]
fn what_somebody_else_marks_meanwhile_stays() {
    let (tenant, repository) = (tenant(), repository());
    let desk = tenant.sandbox.find(DESK).unwrap();
    let ada = tenant.sandbox.find("ada@contoso.example").unwrap();
    let theirs = format!("{STAMP} offboarding=2026-01-01T00:00:00Z reason=undeclared");
    let body = json!({ "onPremisesExtensionAttributes": { "extensionAttribute15": theirs } });
    let change = Elsewhere::new("PATCH", &format!("/users/{ada}"), Some(body));
    let fault = Fault::on(
        "POST",
        &format!("/users/{desk}/sendMail"),
        Act::Meanwhile(vec![change]),
    );
    told(&tenant, &repository, vec![fault], 0);
    assert_eq!(stamp(&tenant, "ada@contoso.example"), theirs);
}

#[test]
fn whoever_cannot_be_told_is_listed_with_the_reason() {
    let (tenant, repository) = (tenant(), repository());
    tenant
        .sandbox
        .insert_user(json!({ "mail": "hedy@fabrikam.example", "accountEnabled": false }));
    tenant
        .sandbox
        .insert_user(json!({ "mail": "twin@fabrikam.example" }));
    tenant.sandbox.insert_user(
        json!({ "mail": "other@fabrikam.example", "userPrincipalName": "twin@fabrikam.example" }),
    );
    let soon = day(10);
    let guests = |sponsors: &str| {
        format!(
            "guests: [{{mail: ada@contoso.example, expires: {soon}, sponsors: [{sponsors}]}}]\n"
        )
    };
    repository.write(
        "guests/a.yaml",
        guests("hedy@fabrikam.example, grace@fabrikam.example"),
    );
    let said = tenant.run(&repository, &["notify"]).ends(0).stdout;
    assert!(
        said.contains(
            "not told of ada@contoso.example: the account of hedy@fabrikam.example is disabled\n"
        ),
        "{said}"
    );
    assert!(
        said.contains("mail to grace@fabrikam.example from"),
        "{said}"
    );
    // Nobody is guessed.
    repository.write("guests/a.yaml", guests("twin@fabrikam.example"));
    let said = tenant.run(&repository, &["notify"]).ends(0).stdout;
    assert!(!said.contains("mail to"), "{said}");
    for why in [
        "twin@fabrikam.example means 2 accounts of the tenant",
        "nobody who vouches can be told",
    ] {
        assert!(
            said.contains(&format!("not told of ada@contoso.example: {why}\n")),
            "{said}"
        );
    }
}

#[test]
fn what_cannot_be_told_of_the_tenant_is_said_and_not_taken_for_nothing() {
    let (tenant, repository) = (tenant(), repository());
    let denied = Act::Answer(Canned::status(403));
    let mut fault = Fault::on("GET", "/roleManagement", denied);
    fault.times = 9;
    let said = told(&tenant, &repository, vec![fault], 0);
    assert!(
        said.contains("not told of ada@contoso.example: directory roles could not be read"),
        "{said}"
    );
    assert_eq!(mails(&tenant).len(), 0);
}

#[test]
fn the_day_is_that_on_which_something_is_taken() {
    let (tenant, repository) = (tenant(), repository());
    repository.write(
        "policies/b.yaml",
        "lifecycle: {expired: {disable: 5d, delete: 30d}}\n",
    );
    let said = tenant.run(&repository, &["notify"]).ends(0).stdout;
    assert!(
        said.contains(&format!("  {}  ada@contoso.example", day(15))),
        "{said}"
    );
    repository.write("policies/b.yaml", "lifecycle: {expired: {}}\n");
    let said = tenant.run(&repository, &["notify"]).ends(0).stdout;
    assert_eq!(said, "Nobody is to be told of anything.\n");
}

#[test]
fn nobody_of_another_tenant_is_told() {
    let (tenant, repository) = (tenant(), repository());
    let policies = format!("{REAL}{RULES}").replace("id: ", "id: other.example # ");
    repository.write("policies/a.yaml", policies);
    tenant.run(&repository, &["notify"]).ends(1);
}
