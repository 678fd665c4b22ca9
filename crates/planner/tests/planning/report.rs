//! The report: what it counts, and that a page is what we wrote and the rest is text.

use guestlist_planner::finding::Severity;
use guestlist_planner::plan::Header;
use guestlist_planner::render::html;
use guestlist_planner::report::{Report, report};
use serde_json::json;

use super::tenant::{Tenant, config, guest, instant, member, stamped};

/// A name that would like to be markup, a script, a comment, an order to a runner, or unseen.
const HOSTILE: &str =
    "</script><img src=x onerror=alert(1)><!-- ::set-env ##vso[x] \u{202e}\u{200b}\u{2028}";

const GROUPS: &str = "
groups:
  - name: partners
  - {name: auditors, membershipRule: (user.userType -eq \"Guest\")}
  - name: \"<b>new</b>\"
";

const GUESTS: &str = "
guests:
  - {mail: ada@contoso.example, displayName: Ada Lovelace, sponsors: [grace@fabrikam.example], expires: 2026-12-31, groups: [partners]}
  - {mail: bob@contoso.example, expires: 2026-05-20, groups: [partners, {name: \"<b>new</b>\", expires: 2026-05-10}]}
  - {mail: eve@contoso.example, expires: 2026-05-01}
  - {mail: joan@contoso.example}
";

const LIFECYCLE: &str = "lifecycle: {pending: {remind: 14d, delete: 60d}}\n";

fn tenant() -> Tenant {
    let ours = |id: &str, mail: &str, more: serde_json::Value| {
        let mut user = json!({ "onPremisesExtensionAttributes": stamped("") });
        user.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        guest(id, mail, user)
    };
    let pending = json!({ "externalUserState": "PendingAcceptance", "externalUserStateChangeDateTime": "2026-04-30T08:00:00Z" });
    Tenant {
        users: vec![
            member("m1", "grace@fabrikam.example"),
            ours(
                "g1",
                "bob@contoso.example",
                json!({ "sponsors": [{ "id": "m1" }], "identities": [{ "signInType": "federated", "issuer": "mail" }] }),
            ),
            ours("g2", "eve@contoso.example", json!({})),
            ours("g3", "joan@contoso.example", pending),
            ours("g4", "left@contoso.example", json!({})),
            guest(
                "g5",
                "evil@litware.example",
                json!({ "displayName": HOSTILE, "companyName": HOSTILE }),
            ),
        ],
        groups: vec![
            json!({ "id": "p", "displayName": "partners", "groupTypes": [], "securityEnabled": true, "members": ["g1", "g2", "g5", "m1"] }),
        ],
        policies: vec![
            json!({
                "displayName": HOSTILE, "state": "enabledForReportingButNotEnforced", "id": "c1",
                "conditions": { "users": { "includeUsers": ["GuestsOrExternalUsers"] } },
                "grantControls": { "builtInControls": ["mfa"] },
            }),
            json!({
                "displayName": "Partners", "state": "enabled", "id": "c2",
                "conditions": { "users": { "includeGroups": ["p"] } },
                "grantControls": { "authenticationStrength": { "displayName": "Strong" } },
            }),
        ],
        ..Tenant::default()
    }
}

fn reported() -> Report {
    reported_of(GUESTS)
}

fn reported_of(guests: &str) -> Report {
    let now = instant("2026-05-02");
    let config = config(guests, &format!("{GROUPS}{LIFECYCLE}"), now);
    let observed = tenant().observe(&config, now);
    let header = Header {
        version: "0.0.0".into(),
        ..Header::default()
    };
    report(&config, &observed, now, &header).unwrap()
}

/// Cuts out the style, the scripts and the rules for them: they are long, and looked at elsewhere.
fn bones(page: &str) -> String {
    let mut bones = String::new();
    let mut rest = page;
    for (open, close) in [("<meta http-equiv", ">"), ("<style>", "</style>")] {
        let (before, after) = rest.split_once(open).unwrap();
        bones.push_str(before);
        rest = after.split_once(close).unwrap().1;
    }
    while let Some((before, after)) = rest.split_once("<script") {
        bones.push_str(before);
        rest = after.split_once("</script>").unwrap().1;
    }
    bones + rest
}

#[test]
fn a_page_is_what_we_wrote_and_the_rest_is_text() {
    insta::assert_snapshot!(bones(&html::report(&reported())));
}

#[test]
fn a_plan_is_a_page_too_and_begins_with_what_is_taken() {
    let plan = &reported().plan;
    let page = html::plan(plan);
    insta::assert_snapshot!(bones(&page));
    assert!(page.find("eve@contoso.example") < page.find("ada@contoso.example"));
}

#[test]
fn promise_10_a_page_runs_and_loads_nothing_that_came_in_as_text() {
    let mut plan = reported().plan;
    plan.tenant_name = Some(HOSTILE.to_owned());
    plan.findings[0].hint = Some(HOSTILE.to_owned());
    for page in [
        html::report(&Report {
            plan: plan.clone(),
            ..reported()
        }),
        html::plan(&plan),
    ] {
        assert!(!page.contains("<img") && !page.contains("<b>") && !page.contains("<!--"));
        assert!(
            !page.contains("::") && !page.contains("##"),
            "no order to a runner"
        );
        assert!(!page.contains(['\u{202e}', '\u{200b}', '\u{2028}']));
        assert!(
            !page.contains("http://") && !page.contains("https://"),
            "nothing to load"
        );
        let scripts = page.matches("<script").count();
        let data = page.matches("<script type=\"application/json\">").count();
        assert_eq!(
            (scripts, scripts),
            (data + 1, page.matches("</script>").count())
        );
    }
}

#[test]
fn all_is_well_only_without_errors() {
    let mut report = reported();
    report.plan.steps.clear();
    let well = "The tenant is as the files say.";
    assert!(html::report(&report).contains(well));
    report.plan.steps.extend(reported().plan.steps.pop());
    report.plan.counts.create = 1;
    assert!(html::report(&report).contains("The next apply creates 1 object, "));
    report.plan.steps.clear();
    report.plan.findings[0].severity = Severity::Error;
    let page = html::report(&report);
    assert!(!page.contains(well) && page.contains("The next apply changes nothing."));
    let page = html::plan(&report.plan);
    assert!(page.contains("Nothing can be done: 1 error."));
}

#[test]
fn a_membership_ends_no_later_than_the_guest() {
    let until = |guest: &str, membership: &str| {
        let guests = format!(
            "guests: [{{mail: bob@contoso.example, expires: {guest}, groups: [{{name: partners, expires: {membership}}}]}}]"
        );
        let report = reported_of(&guests);
        let mut guests = report.guests.iter();
        let bob = guests.find(|guest| guest.key == "bob@contoso.example");
        let mut access = bob.unwrap().access.values();
        access.next().unwrap().until.unwrap().to_string()
    };
    assert_eq!(until("2026-12-10", "2027-03-30"), "2026-12-10");
    assert_eq!(until("2026-12-10", "2026-06-30"), "2026-06-30");
}

#[test]
fn the_same_tenant_gives_the_same_page() {
    assert_eq!(html::report(&reported()), html::report(&reported()));
}

#[test]
fn a_report_says_what_comes_next_and_when() {
    let report = reported();
    let next = |key: &str| {
        let guest = report.guests.iter().find(|guest| guest.key == key).unwrap();
        let next = guest.next.map(|(at, what)| format!("{what} {at}"));
        (
            guest.due.clone().unwrap_or_default(),
            next.unwrap_or_default(),
        )
    };
    let is = |due: &str, next: &str| (due.to_owned(), next.to_owned());
    assert_eq!(
        next("ada@contoso.example"),
        is(
            "invite, join 1 group, change sponsors",
            "reminded if not redeemed 2026-05-16T00:00:00Z"
        )
    );
    assert_eq!(
        next("bob@contoso.example"),
        is("join 1 group", "disabled 2026-05-21T00:00:00Z")
    );
    assert_eq!(
        next("eve@contoso.example"),
        is(
            "disable, revoke sessions, leave 1 group",
            "deleted 2026-06-01T00:00:00Z"
        )
    );
    assert_eq!(
        next("joan@contoso.example"),
        is("", "reminded if not redeemed 2026-05-14T08:00:00Z")
    );
    assert_eq!(
        next("left@contoso.example"),
        is("disable, revoke sessions", "stripped 2026-05-09T00:00:00Z")
    );
    assert_eq!(next("evil@litware.example"), is("", ""));
}

#[test]
fn what_ends_is_counted_by_week_where_it_is_near_and_by_month_where_it_is_not() {
    let bars = |report: &Report| {
        let bars = report.ahead.bars.iter();
        let bars = bars.filter(|bar| !bar.guests.is_empty() || !bar.memberships.is_empty());
        bars.map(|bar| {
            format!(
                "{} {} {}",
                bar.from,
                bar.guests.len(),
                bar.memberships.len()
            )
        })
        .collect::<Vec<_>>()
    };
    let far = reported();
    assert_eq!(bars(&far), ["2026-05-01 1 1", "2026-12-01 1 0"]);
    assert_eq!(
        (far.ahead.weekly, far.ahead.bars.len(), far.ahead.endless),
        (false, 8, 1)
    );
    let guests = "guests: [{mail: bob@contoso.example, expires: 2026-05-20}]";
    let now = instant("2026-05-02");
    let config = config(guests, GROUPS, now);
    let observed = tenant().observe(&config, now);
    let soon = report(&config, &observed, now, &Header::default()).unwrap();
    assert_eq!(
        (soon.ahead.weekly, bars(&soon)),
        (true, vec!["2026-05-18 1 0".to_owned()])
    );
}

#[test]
fn promise_3_a_snapshot_that_says_too_little_is_not_reported_on() {
    let now = instant("2026-05-02");
    let less = config("guests: [{mail: bob@contoso.example}]", "", now);
    let observed = tenant().observe(&less, now);
    let more = config(GUESTS, GROUPS, now);
    assert!(report(&more, &observed, now, &Header::default()).is_err());
}
