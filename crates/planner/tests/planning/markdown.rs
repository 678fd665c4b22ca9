//! The plan as a comment on a pull request: what it says first, what it leaves out when there is too
//! much, and that nothing in it gives Markdown orders.

use comrak::{Options, markdown_to_html};
use guestlist_planner::plan::{Plan, Request};
use guestlist_planner::render::expiring::Expiring;
use guestlist_planner::render::{github, markdown};
use guestlist_planner::time::Days;
use serde_json::json;

use crate::tenant::{Tenant, config, guest, instant, member, stamped};

const RULES: &str = "
groups: [{name: partners}, {name: auditors}]
limits: {removals: {count: 9999, percent: 100}, expiries: {count: 9999}, invitations: {count: 9999}}
";

fn plan() -> Plan {
    let tenant = Tenant {
        users: vec![
            member("m1", "grace@fabrikam.example"),
            guest(
                "g1",
                "bob@contoso.example",
                json!({ "onPremisesExtensionAttributes": stamped("") }),
            ),
            guest(
                "g2",
                "eve@contoso.example",
                json!({ "onPremisesExtensionAttributes": stamped("") }),
            ),
        ],
        groups: vec![
            json!({ "id": "p", "displayName": "partners", "groupTypes": [], "securityEnabled": true, "members": ["g1"] }),
            json!({ "id": "a", "displayName": "auditors", "groupTypes": [], "securityEnabled": true, "members": [] }),
        ],
        ..Tenant::default()
    };
    let guests = "
guests:
  - mail: ada@contoso.example
    displayName: Ada Lovelace
    sponsors: [grace@fabrikam.example]
    expires: 2026-06-15
    groups: [partners, {name: auditors, expires: 2026-05-20}]
  - {mail: bob@contoso.example, expires: 2026-05-01, groups: [partners]}
  - {mail: eve@contoso.example, companyName: Contoso}
";
    tenant.plan(guests, RULES, "2026-05-02", &Request::default())
}

#[test]
fn whoever_loses_access_comes_first() {
    insta::assert_snapshot!(markdown::plan(&plan(), false));
}

#[test]
fn who_can_sign_in_again_comes_in() {
    let shut = json!({ "accountEnabled": false, "onPremisesExtensionAttributes": stamped("offboarding=2026-04-01T00:00:00Z reason=undeclared") });
    let tenant = Tenant {
        users: vec![guest("g1", "bob@contoso.example", shut)],
        ..Tenant::default()
    };
    let guests = "guests: [{mail: bob@contoso.example}]";
    let plan = tenant.plan(guests, "", "2026-05-02", &Request::default());
    let page = markdown::plan(&plan, false);
    assert!(
        page.contains("**0 lose access, 1 comes in, 0 change.**")
            && page.contains("#### Comes in (1)")
            && page.contains("can sign in again"),
        "{page}"
    );
}

#[test]
fn masked_it_names_nobody() {
    let page = markdown::plan(&plan(), true);
    insta::assert_snapshot!(page);
    for name in ["ada@", "bob@", "eve@", "grace@", "Lovelace"] {
        assert!(!page.contains(name), "{name}");
    }
}

#[test]
fn masked_it_quotes_nothing_and_no_subject() {
    let held = json!({ "extensionAttribute15": "managed by Grace Hopper" });
    let tenant = Tenant {
        users: vec![
            member("m1", "desk@fabrikam.example"),
            guest(
                "g1",
                "bob@contoso.example",
                json!({ "onPremisesExtensionAttributes": held }),
            ),
        ],
        ..Tenant::default()
    };
    let guests = "
guests:
  - mail: bob@contoso.example
  - {mail: ada@contoso.example, displayName: Ada Lovelace, invitation: {from: desk@fabrikam.example}}
";
    let rules = "
mails: {welcome: {subject: \"For {displayName}\"}}
requirements: {invitation: {from: [desk@fabrikam.example]}}
";
    let plan = tenant.plan(guests, rules, "2026-05-02", &Request::default());
    assert!(markdown::plan(&plan, false).contains("Grace Hopper"));
    let page = markdown::plan(&plan, true);
    assert!(page.contains("sends the welcome"), "{page}");
    for name in ["Hopper", "Lovelace"] {
        assert!(!page.contains(name), "{page}");
    }
}

/// Returns a tenant in which `count` guests of ours are in no file any more, and the plan that takes
/// their access.
fn crowd(count: usize) -> Plan {
    let leaver = |n: usize| {
        let mail = format!("leaver{n}@contoso.example");
        guest(
            &format!("g{n}"),
            &mail,
            json!({ "onPremisesExtensionAttributes": stamped("") }),
        )
    };
    let tenant = Tenant {
        users: (0..count).map(leaver).collect(),
        groups: vec![
            json!({ "id": "p", "displayName": "partners", "groupTypes": [], "securityEnabled": true, "members": [] }),
            json!({ "id": "a", "displayName": "auditors", "groupTypes": [], "securityEnabled": true, "members": [] }),
        ],
        ..Tenant::default()
    };
    let new = |n| format!("  - {{mail: new{n}@contoso.example, groups: [partners, auditors]}}\n");
    let guests: String = (0..count).map(new).collect();
    tenant.plan(
        &format!("guests:\n{guests}"),
        RULES,
        "2026-05-02",
        &Request::default(),
    )
}

#[test]
fn it_fits_a_comment_and_never_leaves_out_who_loses_something() {
    for count in [10, 100, 400, 1_500] {
        let page = markdown::plan(&crowd(count), false);
        assert!(page.chars().count() <= 65_536, "{count}");
        let lost = (0..count).filter(|n| page.contains(&format!("`leaver{n}@contoso.example`")));
        assert_eq!(lost.count(), count);
        let summary = format!("**{count} lose access, {count} come in, 0 change.**");
        assert!(page.contains(&summary), "{page}");
    }
}

#[test]
fn where_not_all_fit_as_many_are_told_of_as_do() {
    let page = markdown::plan(&crowd(400), false);
    let length = page.chars().count();
    assert!((65_000..=65_536).contains(&length), "{length}");
    // Everybody who loses access with a reason, then newcomers.
    assert_eq!(page.matches("no longer declared").count(), 400);
    let told = page.matches("is invited").count();
    assert!((50..400).contains(&told), "{told}");
    assert!(page.contains(&format!("- {} more, who do not fit here\n", 400 - told)));
}

/// Returns the plan for guests of ours whose time is over, with addresses of 38 characters.
fn over(count: usize) -> Plan {
    let mail = |n: usize| format!("a.guest.whose.time.is.over.{n:04}@long.ly");
    let ours = |n| {
        let stamp = json!({ "onPremisesExtensionAttributes": stamped("") });
        guest(&format!("g{n}"), &mail(n), stamp)
    };
    let tenant = Tenant {
        users: (0..count).map(ours).collect(),
        ..Tenant::default()
    };
    let entry = |n| format!("  - {{mail: {}, expires: 2026-05-01}}\n", mail(n));
    let guests: String = (0..count).map(entry).collect();
    let rules = "limits: {expiries: {count: 9999}}";
    let guests = format!("guests:\n{guests}");
    tenant.plan(&guests, rules, "2026-05-02", &Request::default())
}

#[test]
fn a_page_with_more_names_than_fit_says_so_first() {
    let named = |page: &str| page.matches("`a.guest.whose").count();
    let page = markdown::plan(&over(1_501), false);
    assert!(page.chars().count() <= 65_536 && named(&page) == 1_501);
    assert!(!page.contains("incomplete"), "{page}");
    let page = markdown::plan(&over(2_000), false);
    assert!(page.chars().count() <= 65_536);
    let missing = 2_000 - named(&page);
    let first = page.lines().nth(3).unwrap();
    let told = format!(
        "**This page is incomplete: {missing} of those who lose access are not named on it.**"
    );
    assert_eq!(first, told);
    assert!(named(&page) > 1_500, "{missing}");
}

#[test]
fn errors_are_counted_where_they_do_not_fit() {
    let foreign = |n: usize| {
        let text = json!({ "extensionAttribute15": "x".repeat(400) });
        let more = json!({ "onPremisesExtensionAttributes": text });
        guest(&format!("g{n}"), &format!("guest{n}@contoso.example"), more)
    };
    let tenant = Tenant {
        users: (0..1_000).map(foreign).collect(),
        ..Tenant::default()
    };
    let entry = |n| format!("  - {{mail: guest{n}@contoso.example}}\n");
    let guests: String = (0..1_000).map(entry).collect();
    let guests = format!("guests:\n{guests}");
    let plan = tenant.plan(&guests, "", "2026-05-02", &Request::default());
    let page = markdown::plan(&plan, false);
    assert!(page.chars().count() <= 65_536);
    let top = "**Nothing can be done: 1000 errors.**";
    assert!(page.contains(top) && page.contains("- 980 more"), "{page}");
    assert!(!page.contains("Nothing to do"), "{page}");
}

#[test]
fn the_first_line_says_what_is_refused_and_what_is_wrong() {
    let guests = "guests: [{mail: ada@contoso.example, sponsors: [nobody@fabrikam.example]}]";
    let left = json!({ "onPremisesExtensionAttributes": stamped("") });
    let tenant = Tenant {
        users: vec![guest("g1", "bob@contoso.example", left)],
        ..Tenant::default()
    };
    let rules = "limits: {removals: {count: 0}}";
    let plan = tenant.plan(guests, rules, "2026-05-02", &Request::default());
    let page = markdown::plan(&plan, false);
    let first = "**Refused: 1 loses access, 0 come in, 0 change. 1 error.**";
    assert!(page.contains(first), "{page}");
    assert!(page.contains("something from 1 guest, "), "{page}");
    let told = github::plan(&plan, "");
    let refused = "\n::error::refused: 1 guest who would lose something, ";
    assert!(told.contains(refused), "{told}");
}

#[test]
fn who_is_taken_on_does_not_change_a_stamp() {
    let tenant = Tenant {
        users: vec![
            guest("g1", "bob@contoso.example", json!({})),
            guest("g2", "eve@contoso.example", json!({})),
        ],
        ..Tenant::default()
    };
    let guests = "guests:\n  - {mail: bob@contoso.example}\n  - {mail: eve@contoso.example, department: New}\n";
    let plan = tenant.plan(guests, "", "2026-05-02", &Request::default());
    let page = markdown::plan(&plan, false);
    for line in [
        "- **`bob@contoso.example`** is taken on — ",
        "- **`eve@contoso.example`** is taken on and changes `department` — ",
    ] {
        assert!(page.contains(line), "{page}");
    }
}

#[test]
fn a_masked_page_that_was_cut_says_so() {
    let whole = markdown::plan(&crowd(10), true);
    assert!(!whole.contains("shortened"), "{whole}");
    let cut = markdown::plan(&crowd(1_500), true);
    assert!(cut.contains("_This is shortened. `guestlist plan` prints it all._"));
}

#[test]
fn promise_10_nobody_is_mentioned_linked_or_run() {
    let hostile = "@octocat #1 GH-1 https://evil.example www.evil.example [a](b) ![a](b) <script>x</script> | a | ``` \n\n# h\n- [ ] x\u{202e} </details> *a* _b_ ~~c~~ <!-- admin@evil.example";
    let mut tenant = Tenant {
        users: vec![
            member("m1", "grace@fabrikam.example"),
            guest(
                "g1",
                "bob@contoso.example",
                json!({ "displayName": hostile, "companyName": hostile, "onPremisesExtensionAttributes": { "extensionAttribute15": hostile } }),
            ),
            guest(
                "g2",
                "eve@contoso.example",
                json!({ "displayName": hostile, "onPremisesExtensionAttributes": stamped("") }),
            ),
        ],
        groups: vec![
            json!({ "id": "p", "displayName": "partners", "groupTypes": [], "securityEnabled": true, "members": ["g1"] }),
        ],
        ..Tenant::default()
    };
    tenant.groups[0]["description"] = json!(hostile);
    let quoted = serde_json::to_string(hostile).unwrap();
    // What files may hold is shorter, and has no hidden characters.
    let short = "'@octocat #1 www.evil.example [a](b) <img src=x> | ``` </details>'";
    let guests = format!(
        "guests:\n  - {{mail: bob@contoso.example}}\n  - {{mail: eve@contoso.example, displayName: Eve, expires: 2026-05-30}}\n  - {{mail: new@contoso.example, companyName: {short}, invitation: {{message: {quoted}}}}}\n"
    );
    let rules =
        format!("groups: [{{name: partners, adopt: true, description: Mine}}, {{name: {short}}}]");
    for mask in [false, true] {
        let page = markdown::plan(
            &tenant.plan(&guests, &rules, "2026-05-02", &Request::default()),
            mask,
        );
        // The word before a hint is ours.
        let html = html(&page).replace("<em>Hint:</em>", "");
        for order in [
            "<a ", "<img", "<script", "<h1", "<table", "<input", "<em", "<del",
        ] {
            assert!(!html.contains(order), "{order} in\n{html}");
        }
        let count = |text: &str| html.matches(text).count();
        assert_eq!(count("<details>"), count("</details>"));
        assert_eq!(count("<!--"), 1);
        // Mentions are looked for in what is shown and is not code.
        let mut shown = html.clone();
        while let Some(start) = shown.find("<code") {
            let end = shown[start..].find("</code>").unwrap() + start;
            shown.replace_range(start..end + "</code>".len(), "");
        }
        assert!(!shown.contains('@') && !shown.contains("evil"), "{shown}");
    }
}

/// Returns what GitHub makes of Markdown: with its extensions, and HTML as it is.
fn html(page: &str) -> String {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.render.r#unsafe = true;
    markdown_to_html(page, &options)
}

#[test]
fn who_loses_access_soon_by_day_and_by_sponsor() {
    let guests = "
guests:
  - mail: ada@contoso.example
    displayName: Ada *Lovelace*
    sponsors: [grace@fabrikam.example, Partner Desk]
    justification: Annual audit, CHG-1234
    expires: 2026-05-31
    groups: [{name: partners, expires: 2026-05-15}]
  - {mail: bob@contoso.example, expires: 2026-05-15}
";
    let now = instant("2026-05-02");
    let config = config(guests, RULES, now);
    let expiring = Expiring::new(&config, now, Days(30));
    insta::assert_snapshot!(expiring.text());
    insta::assert_snapshot!(expiring.markdown(false));
    insta::assert_snapshot!(expiring.markdown(true));
}
