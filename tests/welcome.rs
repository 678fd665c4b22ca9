//! Mail that we send ourselves with an invitation: from an allowed mailbox, with the link and without
//! anybody else learning it, once however often a run is stopped.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use guestlist_planner::load::{Config, load};
use guestlist_planner::yaml::Source;
use guestlist_sandbox::{Act, Behaviour, Canned, Fault, Sandbox};
use guestlist_tenant::Stop;
use guestlist_tenant::transport::{HttpRequest, HttpResponse, Transport, TransportError};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::{REAL, Repository, STAMP, Tenant};
use crate::inside::{Inside, Stops, on_paused_clock, over, run, run_with};

const DESK: &str = "audit-desk@fabrikam.example";
const ADA: &str = "ada@contoso.example";

const RULES: &str = "requirements: {invitation: {from: [audit-desk@fabrikam.example]}}
mails:
  welcome:
    subject: Welcome to {tenant}
    text: |
      Hello {displayName}, {message}

      [Come in]({redeemLink}) until {expires}.
";

const ADA_FROM_DESK: &str = "guests:
  - mail: ada@contoso.example
    displayName: Ada *Lovelace*
    expires: 2099-12-31
    invitation: {from: audit-desk@fabrikam.example, cc: grace@fabrikam.example, message: see you}
";

fn tenant() -> Tenant {
    let tenant = Tenant::empty();
    add_desk(&tenant.sandbox);
    tenant
}

fn add_desk(sandbox: &Sandbox) {
    // A shared mailbox: nobody signs in to it.
    sandbox
        .insert_user(json!({ "mail": DESK, "displayName": "Audit Desk", "accountEnabled": false }));
}

fn repository(guests: &str) -> Repository {
    let policies = format!("{REAL}{RULES}");
    Repository::new(&[("policies/a.yaml", &policies), ("guests/a.yaml", guests)])
}

/// Returns the mails that were sent from mailboxes, and how many Microsoft sent.
fn mails(sandbox: &Sandbox) -> (Vec<Value>, usize) {
    let mails = sandbox.state()["mails"].as_array().unwrap().clone();
    let (ours, theirs): (Vec<_>, Vec<_>) = mails
        .into_iter()
        .partition(|mail| mail["kind"] == "message");
    (ours, theirs.len())
}

fn stamp(tenant: &Tenant, mail: &str) -> String {
    let user = tenant.user(mail);
    let stamp = &user["onPremisesExtensionAttributes"]["extensionAttribute15"];
    stamp.as_str().unwrap_or_default().to_owned()
}

#[test]
fn promise_9_a_welcome_carries_the_link_and_nothing_else_does() {
    let (tenant, repository) = (tenant(), repository(ADA_FROM_DESK));
    let plan = repository.path().join("plan.json");
    let plan = plan.to_str().unwrap();
    let planned = tenant.run(&repository, &["plan", "--out", plan]).ends(0);
    let told = format!(
        "mail: {DESK} sends the welcome to {ADA}, copy without the link to grace@fabrikam.example\n"
    );
    assert!(planned.stdout.contains(&told), "{}", planned.stdout);
    let ran = tenant
        .run(&repository, &["apply", plan, "--yes", "-vv"])
        .ends(0);
    tenant
        .run(&repository, &["plan", "--detailed-exitcode"])
        .ends(0);

    let (ours, theirs) = mails(&tenant.sandbox);
    assert_eq!((ours.len(), theirs), (2, 0));
    let (mail, copy) = (&ours[0], &ours[1]);
    assert_eq!(
        (&mail["from"], &mail["to"], &mail["cc"], &mail["subject"]),
        (
            &json!(DESK),
            &json!(ADA),
            &json!(""),
            &json!("Welcome to Fabrikam")
        )
    );
    assert_eq!(copy["to"], "grace@fabrikam.example");
    let without = "<p>Hello Ada *Lovelace*, see you</p>\n<p><a>Come in</a> until 2099-12-31.</p>\n";
    assert_eq!(copy["content"], without);
    assert_eq!(mail["savedToSentItems"], false);
    let content = mail["content"].as_str().unwrap();
    assert!(content.starts_with("<p>Hello Ada *Lovelace*, see you</p>\n<p><a href=\"https://login.microsoftonline.com/redeem?"), "{content}");
    assert!(
        content.ends_with("\">Come in</a> until 2099-12-31.</p>\n"),
        "{content}"
    );
    assert_eq!(stamp(&tenant, ADA), STAMP);

    let kept = std::fs::read_dir(repository.path().join(".guestlist/journal")).unwrap();
    let journal: String = kept
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert!(journal.contains("/sendMail"));
    let plan = std::fs::read_to_string(plan).unwrap();
    for text in [&ran.stdout, &ran.stderr, &journal, &plan] {
        assert!(
            !text.contains("redeem?") && !text.contains("ticket"),
            "{text}"
        );
    }
}

#[test]
fn a_refused_mail_is_owed_and_sent_once_it_may_be() {
    let (tenant, repository) = (tenant(), repository(ADA_FROM_DESK));
    let permissions = [
        "User.Read.All",
        "Organization.Read.All",
        "Group.Read.All",
        "RoleManagement.Read.Directory",
        "User.ReadWrite.All",
        "User.Invite.All",
        "User.DeleteRestore.All",
        "User.RevokeSessions.All",
        "GroupMember.ReadWrite.All",
    ];
    tenant.sandbox.behave(Behaviour {
        permissions: Some(permissions.map(str::to_owned).into()),
        ..Behaviour::default()
    });
    let ran = tenant.run(&repository, &["apply", "--yes"]).ends(4);
    assert!(
        ran.stdout
            .contains("could not send the mail to ada@contoso.example"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("Mail.Send"), "{}", ran.stdout);
    assert_eq!(stamp(&tenant, ADA), format!("{STAMP} welcome=owed"));

    tenant.sandbox.behave(Behaviour::default());
    let planned = tenant.run(&repository, &["plan"]).ends(0);
    assert!(
        planned
            .stdout
            .contains("ada@contoso.example: send the welcome"),
        "{}",
        planned.stdout
    );
    tenant.applied(&repository);
    assert_eq!(mails(&tenant.sandbox).0.len(), 2, "and the copy");
    assert_eq!(
        (mails(&tenant.sandbox).1, stamp(&tenant, ADA)),
        (0, STAMP.to_owned())
    );
}

#[test]
fn a_mail_whose_answer_was_lost_is_reported_and_never_repeated() {
    for (act, sent) in [
        (Act::Lose, 1),
        (Act::Drop, 0),
        (Act::Answer(Canned::status(500)), 0),
    ] {
        let (tenant, repository) = (tenant(), repository(ADA_FROM_DESK));
        let desk = tenant.sandbox.find(DESK).unwrap();
        let path = format!("/users/{desk}/sendMail");
        let fault = Fault::on("POST", &path, act);
        tenant.sandbox.behave(Behaviour {
            faults: vec![fault],
            ..Behaviour::default()
        });
        tenant.run(&repository, &["apply", "--yes"]).ends(4);
        tenant.sandbox.behave(Behaviour::default());
        for _ in 0..2 {
            let ran = tenant.run(&repository, &["apply", "--yes"]).ends(0);
            assert!(
                ran.stdout.contains("whether it went out is not known"),
                "{}",
                ran.stdout
            );
        }
        assert_eq!(mails(&tenant.sandbox), (mails(&tenant.sandbox).0, 0));
        assert_eq!(mails(&tenant.sandbox).0.len(), sent);
        // Once the guest has come in, nobody asks any more.
        tenant.sandbox.redeem(&tenant.sandbox.find(ADA).unwrap());
        tenant.applied(&repository);
        assert_eq!(stamp(&tenant, ADA), STAMP);
    }
}

#[test]
fn who_may_not_sign_in_is_welcomed_later_and_who_was_forgotten_now() {
    let tenant = tenant();
    tenant.guest(
        "forgotten@contoso.example",
        json!({ "externalUserState": "PendingAcceptance" }),
    );
    tenant.guest(
        "old@contoso.example",
        json!({
            "externalUserState": "PendingAcceptance",
            "onPremisesExtensionAttributes": { "extensionAttribute15": STAMP },
        }),
    );
    let from = "invitation: {from: audit-desk@fabrikam.example}";
    let guests = |blocked: bool| {
        format!(
            "guests:\n  - {{mail: {ADA}, blocked: {blocked}, {from}}}\n  - {{mail: forgotten@contoso.example, {from}}}\n  - {{mail: old@contoso.example, {from}}}\n"
        )
    };
    let repository = repository(&guests(true));
    tenant.applied(&repository);
    let to = || {
        let sent = mails(&tenant.sandbox).0.into_iter();
        sent.map(|mail| mail["to"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(to(), ["forgotten@contoso.example"]);
    assert_eq!(stamp(&tenant, ADA), format!("{STAMP} welcome=owed"));
    repository.write("guests/a.yaml", guests(false));
    tenant.applied(&repository);
    assert_eq!(to(), ["forgotten@contoso.example", ADA]);
    assert_eq!(mails(&tenant.sandbox).1, 0);
}

#[test]
fn a_reminder_comes_from_where_the_invitation_came_from() {
    let tenant = tenant();
    tenant.guest(ADA, json!({
        "externalUserState": "PendingAcceptance",
        "externalUserStateChangeDateTime": "2026-01-01T00:00:00Z",
        "onPremisesExtensionAttributes": { "extensionAttribute15": format!("{STAMP} welcome=sending") },
    }));
    let repository = repository(ADA_FROM_DESK);
    repository.write("policies/b.yaml", "lifecycle: {pending: {remind: 14d}}\n");
    let told = tenant.applied(&repository).stdout;
    let copied = "once more, copy without the link to grace@fabrikam.example";
    assert!(told.contains(copied), "{told}");
    let (ours, theirs) = mails(&tenant.sandbox);
    assert_eq!((ours.len(), theirs), (2, 0));
    assert!(stamp(&tenant, ADA).starts_with(&format!("{STAMP} reminded=")));
}

#[test]
fn a_mailbox_must_be_allowed_and_be_there() {
    let tenant = Tenant::empty();
    let repository = repository(ADA_FROM_DESK);
    let planned = tenant.run(&repository, &["plan"]).ends(0);
    assert!(
        planned
            .stdout
            .contains("no mail can be sent from audit-desk@fabrikam.example"),
        "{}",
        planned.stdout
    );
    tenant.run(&repository, &["apply", "--yes"]).ends(4);
    assert!(tenant.sandbox.find(ADA).is_none());

    repository.write("policies/a.yaml", REAL);
    let ran = repository.run(&["validate"]).ends(1);
    assert!(
        ran.stderr
            .contains("`audit-desk@fabrikam.example` is not in `requirements.invitation.from`"),
        "{}",
        ran.stderr
    );
}

/// Who gets mail: a new guest, one who was invited and forgotten, one who is reminded, one who consents
/// again, one who does and is only now taken on, one with a new address.
const MAILED: [&str; 6] = [
    ADA,
    "forgotten@contoso.example",
    "late@contoso.example",
    "consent@contoso.example",
    "taken@contoso.example",
    "moved@contoso.example",
];

fn mailed() -> (Sandbox, Config, Timestamp) {
    let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
    let sandbox = Sandbox::empty(now);
    sandbox.set_clock(Some(now));
    add_desk(&sandbox);
    for (mail, stamp) in [
        ("old@contoso.example", Some(STAMP)),
        ("consent@contoso.example", Some(STAMP)),
        ("taken@contoso.example", None),
    ] {
        sandbox.insert_user(json!({
            "mail": mail, "displayName": mail, "userType": "Guest", "accountEnabled": true,
            "externalUserState": "Accepted",
            "externalUserStateChangeDateTime": "2026-10-01T00:00:00Z",
            "onPremisesExtensionAttributes": { "extensionAttribute15": stamp },
        }));
    }
    for (mail, stamp) in [
        ("forgotten@contoso.example", None),
        ("late@contoso.example", Some(STAMP)),
    ] {
        sandbox.insert_user(json!({
            "mail": mail, "displayName": mail, "userType": "Guest", "accountEnabled": true,
            "externalUserState": "PendingAcceptance",
            "externalUserStateChangeDateTime": "2026-10-01T00:00:00Z",
            "onPremisesExtensionAttributes": { "extensionAttribute15": stamp },
        }));
    }
    let from = "invitation: {from: audit-desk@fabrikam.example}";
    let [ada, forgotten, late, consent, taken, moved] = MAILED;
    let guests = [
        format!("mail: {ada}"),
        format!("mail: {forgotten}"),
        format!("mail: {late}"),
        format!("mail: {consent}, redeemedSince: 2026-11-01"),
        format!("mail: {taken}, redeemedSince: 2026-11-01"),
        format!("mail: {moved}, formerly: old@contoso.example"),
    ];
    let guests: String = guests
        .map(|guest| format!("  - {{{guest}, {from}}}\n"))
        .concat();
    let text = [
        ("guests/a.yaml", format!("guests:\n{guests}")),
        (
            "policies/a.yaml",
            format!("{REAL}{RULES}lifecycle: {{pending: {{remind: 14d}}}}\n"),
        ),
    ];
    let sources = text.map(|(path, text)| Source {
        path: path.to_owned(),
        text,
    });
    let config = load(&sources, now).unwrap();
    (sandbox, config, now)
}

#[test]
fn promise_5_a_run_that_is_stopped_anywhere_loses_no_welcome_and_repeats_none() {
    on_paused_clock(async {
        for line in 0.. {
            let (sandbox, config, now) = mailed();
            let stopped = run(&sandbox, &config, now, &mut Stops(Some(line)))
                .await
                .unwrap();
            let again = run(&sandbox, &config, now, &mut Stops(None)).await.unwrap();
            let last = run(&sandbox, &config, now, &mut Stops(None)).await.unwrap();
            assert!(last.plan.is_empty(), "line {line}: {:#?}", last.plan.steps);
            let (ours, theirs) = mails(&sandbox);
            assert_eq!(theirs, 0, "line {line}");
            for guest in MAILED {
                let sent = ours.iter().filter(|mail| mail["to"] == guest).count();
                let about = |code: &str| {
                    let mut findings = again.plan.findings.iter();
                    findings.any(|finding| {
                        finding.code == code
                            && finding
                                .about
                                .as_ref()
                                .is_some_and(|about| about.key == guest)
                    })
                };
                let told = about("welcome-in-doubt");
                assert!(
                    sent == 1 || sent == 0 && told,
                    "line {line}: {sent} to {guest}"
                );
            }
            if stopped.is_complete() {
                assert_eq!(ours.len(), MAILED.len());
                break;
            }
        }
    });
}

/// Returns a fault on mails from the desk, once.
fn on_mail(sandbox: &Sandbox, act: Act) -> Behaviour {
    let desk = sandbox.find(DESK).unwrap();
    Behaviour {
        faults: vec![Fault::on("POST", &format!("/users/{desk}/sendMail"), act)],
        ..Behaviour::default()
    }
}

#[test]
fn a_run_that_is_asked_to_stop_leaves_no_welcome_in_doubt() {
    on_paused_clock(async {
        for request in 1.. {
            let (sandbox, config, now) = mailed();
            let asking = Asks {
                inside: Inside(sandbox.clone()),
                left: AtomicUsize::new(request),
                stop: OnceLock::new(),
            };
            let asking = Arc::new(asking);
            let client = over(asking.clone(), &sandbox, 8);
            asking.stop.set(client.stop().clone()).unwrap();
            let stopped = run_with(&client, &config, now, &mut Stops(None), || {}).await;
            let in_doubt = sandbox.state().to_string().contains("welcome=sending");
            assert!(!in_doubt, "request {request}");
            let _ = run(&sandbox, &config, now, &mut Stops(None)).await.unwrap();
            let last = run(&sandbox, &config, now, &mut Stops(None)).await.unwrap();
            assert!(
                last.plan.is_empty(),
                "request {request}: {:#?}",
                last.plan.steps
            );
            let (ours, _) = mails(&sandbox);
            for guest in MAILED {
                let sent = ours.iter().filter(|mail| mail["to"] == guest).count();
                assert_eq!(sent, 1, "request {request}: to {guest}");
            }
            if stopped.is_ok_and(|stopped| stopped.is_complete()) {
                break;
            }
        }
    });
}

#[test]
fn a_mail_that_is_put_off_for_long_is_owed() {
    on_paused_clock(async {
        let (sandbox, config, now) = mailed();
        let later = Canned::throttled(90_000);
        sandbox.behave(on_mail(&sandbox, Act::Answer(later)));
        run(&sandbox, &config, now, &mut Stops(None)).await.unwrap();
        assert!(!sandbox.state().to_string().contains("welcome=sending"));
        sandbox.behave(Behaviour::default());
        for _ in 0..2 {
            run(&sandbox, &config, now, &mut Stops(None)).await.unwrap();
        }
        assert_eq!(mails(&sandbox).0.len(), MAILED.len());
    });
}

#[test]
fn a_welcome_left_to_microsoft_that_is_refused_is_still_owed() {
    let tenant = tenant();
    let owed = format!("{STAMP} welcome=owed");
    tenant.guest(
        ADA,
        json!({
            "externalUserState": "PendingAcceptance",
            "onPremisesExtensionAttributes": { "extensionAttribute15": owed },
        }),
    );
    let repository = repository("guests: [{mail: ada@contoso.example}]\n");
    tenant.sandbox.behave(Behaviour {
        faults: vec![Fault::on(
            "POST",
            "/invitations",
            Act::Answer(Canned::status(403)),
        )],
        ..Behaviour::default()
    });
    tenant.run(&repository, &["apply", "--yes"]).ends(4);
    assert_eq!(stamp(&tenant, ADA), owed);
    tenant.sandbox.behave(Behaviour::default());
    tenant.applied(&repository);
    assert_eq!(
        (mails(&tenant.sandbox).0.len(), mails(&tenant.sandbox).1),
        (0, 1)
    );
}

/// Asks to stop while the n-th request is under way.
struct Asks {
    inside: Inside,
    left: AtomicUsize,
    stop: OnceLock<Stop>,
}

#[async_trait::async_trait]
impl Transport for Asks {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.stop.get().unwrap().ask();
        }
        self.inside.send(request).await
    }
}
