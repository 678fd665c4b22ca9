//! The report, from the command to a browser: what came in as text stays text, searching and
//! sorting work by keyboard, and ten thousand guests are not too many.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use guestlist_planner::load::load;
use guestlist_planner::plan::Header;
use guestlist_planner::render::html;
use guestlist_planner::report::report;
use guestlist_planner::yaml::Source;
use guestlist_sandbox::Sandbox;
use guestlist_tenant::observe;
use serde_json::json;

use crate::browser::Browser;
use crate::faults::now;
use crate::harness::{REAL, Repository, Tenant};
use crate::inside::{client, on_paused_clock};
use crate::scale;

/// A name that tries to be markup, to run, and to hide.
const HOSTILE: &str = "</script><script>ran=1</script><img src=x onerror=ran=2><svg onload=ran=3>\"'><b onclick=ran=4>\u{202e}\u{200b}<!--";
/// The same as it is shown.
const SHOWN: &str = "</script><script>ran=1</script><img src=x onerror=ran=2><svg onload=ran=3>\"'><b onclick=ran=4>\\u{202e}\\u{200b}<!--";

/// What a table shows: the text of each row's first cell.
fn rows(browser: &mut Browser, section: &str) -> Vec<String> {
    let script = format!(
        "[...document.querySelectorAll('#{section} tbody th')].map(cell => cell.textContent)"
    );
    serde_json::from_value(browser.ask(&script)).unwrap()
}

/// Focuses on something and says whether it is there.
fn focus(browser: &mut Browser, selector: &str) {
    let script = format!("document.querySelector({}).focus()", json!(selector));
    browser.ask(&script);
}

/// Waits until what is typed has been looked for.
const SETTLED: &str = "new Promise(done => setTimeout(done, 200))";

#[test]
fn promise_10_hostile_names_stay_text_in_a_browser() {
    let tenant = Tenant::empty();
    tenant.guest(
        "evil@contoso.example",
        json!({ "displayName": HOSTILE, "companyName": "<img src=x onerror=ran=5>" }),
    );
    let guests = format!(
        "guests: [{{mail: ada@contoso.example, displayName: {}}}]",
        json!(HOSTILE)
    );
    let repository = Repository::new(&[("guests/a.yaml", &guests), ("policies/a.yaml", REAL)]);
    let page = repository.path().join("report.html");
    let plan = repository.path().join("plan.html");
    let out = ["report", "--out", page.to_str().unwrap()];
    tenant.run(&repository, &out).ends(0);
    repository.write(
        "plan.html",
        tenant
            .run(&repository, &["plan", "--format", "html"])
            .ends(0)
            .stdout,
    );
    assert_eq!(page.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    for page in [&page, &plan] {
        harmless(page);
    }
    let mut browser = Browser::open(&page);
    let name = "document.querySelector('#guests tbody td').textContent";
    assert_eq!(browser.ask(name), SHOWN);
}

/// Shows that a page asked for nothing, said nothing, and ran nothing but its own script; and that
/// it could not have, had text become markup.
fn harmless(page: &Path) {
    let mut browser = Browser::open(page);
    let foreign = "[typeof ran, document.images.length, document.querySelectorAll('b, main svg[onload], [onclick]').length, document.querySelectorAll('script:not([type])').length]";
    assert_eq!(browser.ask(foreign), json!(["undefined", 0, 0, 1]));
    let (said, asked) = browser.complaints();
    assert_eq!(
        (said, asked),
        (vec![], vec![format!("file://{}", page.display())])
    );
    let tries = [
        "document.body.append(Object.assign(document.createElement('script'), { text: 'ran = 5' }))",
        "document.body.innerHTML = '<img src=x onerror=\"ran = 6\">'",
        "document.body.setAttribute('onclick', 'ran = 7'); document.body.click()",
        "eval('ran = 8')",
        "open('javascript:ran = 9', '_self')",
        "fetch('https://contoso.example/')",
    ];
    for script in tries {
        browser.ask(&format!(
            "(async () => {{ {script} }})().then(() => 'done', () => 'refused')"
        ));
    }
    assert_eq!(
        browser.ask("new Promise(done => setTimeout(() => done(typeof ran), 200))"),
        "undefined"
    );
}

#[test]
fn the_tables_are_searched_sorted_and_restricted_by_keyboard() {
    let repository = Repository::example();
    let page = repository.path().join("report.html");
    repository
        .run(&["report", "--out", page.to_str().unwrap()])
        .ends(0);
    let mut browser = Browser::open(&page);
    assert_eq!(rows(&mut browser, "guests").len(), 8);
    focus(&mut browser, "#guests input[type=search]");
    browser.types("grace fabrikam CONTOSO");
    browser.ask(SETTLED);
    let found = [
        "ada@contoso.example",
        "joan@contoso.example",
        "mary@contoso.example",
        "miles.o'brien@contoso.example",
    ];
    assert_eq!(rows(&mut browser, "guests"), found);
    assert_eq!(
        browser.ask("document.querySelector('#guests .status').textContent"),
        "4 of 8 rows"
    );
    for (order, first) in [("ascending", found[0]), ("descending", found[3])] {
        focus(&mut browser, "#guests thead th button");
        browser.enter();
        let sorted = "document.querySelector('#guests thead th').getAttribute('aria-sort')";
        assert_eq!(browser.ask(sorted), order);
        assert_eq!(rows(&mut browser, "guests")[0], first);
        assert_eq!(
            browser.ask("document.activeElement.textContent"),
            "Guest",
            "the focus stays"
        );
    }
    focus(&mut browser, "[data-filter='invitation pending']");
    browser.enter();
    assert_eq!(rows(&mut browser, "guests"), ["joan@contoso.example"]);
    assert_eq!(
        browser.ask("document.querySelector('#guests select').value"),
        "invitation pending"
    );
    let (said, _) = browser.complaints();
    assert_eq!(said, Vec::<String>::new());
}

#[test]
fn who_cannot_run_scripts_reads_the_first_page() {
    let repository = Repository::example();
    let page = repository.path().join("report.html");
    repository
        .run(&["report", "--out", page.to_str().unwrap()])
        .ends(0);
    let mut browser = Browser::open(&page);
    browser.call(
        "Emulation.setScriptExecutionDisabled",
        json!({ "value": true }),
    );
    browser.reload();
    let document = browser
        .call("DOM.getDocument", json!({ "depth": -1 }))
        .to_string();
    assert!(
        document.contains("mary@contoso.example") && document.contains("guests/contoso.yaml:33")
    );
    assert!(
        !document.contains("Search guests"),
        "nothing that would do nothing"
    );
}

/// Writes the report on a tenant of many guests in many groups.
fn large(path: &Path, guests: usize, groups: usize) {
    let sandbox = Sandbox::empty(now());
    let mut members = vec![Vec::new(); groups];
    for guest in 0..guests {
        let mail = format!("g{guest}@contoso.example");
        let id = sandbox.insert_user(json!({
            "mail": mail, "userType": "Guest", "externalUserState": "Accepted", "displayName": format!("Guest {guest}"),
            "onPremisesExtensionAttributes": { "extensionAttribute15": "guestlist owner=sandbox" },
        }));
        scale::of(guest, groups).for_each(|group| members[group].push(id.clone()));
    }
    for (number, members) in members.into_iter().enumerate() {
        let name = format!("group-{number}");
        sandbox.insert_group(json!({ "displayName": name, "mailNickname": name, "mailEnabled": false, "securityEnabled": true, "members": members }));
    }
    let (yaml, policies) = scale::yaml(guests, groups);
    let policies = policies.replace(REAL, "");
    let sources = [("guests/all.yaml", yaml), ("policies/all.yaml", policies)];
    let sources = sources.map(|(path, text)| Source {
        path: path.to_owned(),
        text,
    });
    let config = load(&sources, now()).unwrap();
    let snapshot = on_paused_clock(async {
        sandbox.set_clock(Some(now()));
        observe(&client(&sandbox), &config, now()).await.unwrap()
    });
    let report = report(&config, &snapshot, now(), &Header::default()).unwrap();
    std::fs::write(path, html::report(&report)).unwrap();
}

#[test]
fn ten_thousand_guests_stay_usable() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    large(&page, 10_000, 60);
    let begun = Instant::now();
    let mut browser = Browser::open(&page);
    // Half a second is what it takes; a busy machine takes longer.
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    let nodes = browser.ask("document.querySelectorAll('*').length");
    assert!(nodes.as_u64().unwrap() < 4_000, "{nodes} elements");
    let status = "document.querySelector('#guests .status').textContent";
    assert_eq!(browser.ask(status), "10,000 rows");
    focus(&mut browser, "#guests input[type=search]");
    browser.types("g777");
    browser.ask(SETTLED);
    assert_eq!(browser.ask(status), "11 of 10,000 rows");
    let took = browser.ask("(() => { const begun = performance.now(); document.querySelectorAll('#guests thead button')[1].click(); return performance.now() - begun; })()");
    assert!(took.as_f64().unwrap() < 1_000.0, "sorting took {took} ms");
    focus(&mut browser, "#access [aria-label='next groups, Access']");
    browser.enter();
    let groups = browser.ask("document.querySelector('#access .turns span').textContent");
    assert_eq!(groups, "groups 11–20 of 60");
    let (said, _) = browser.complaints();
    assert_eq!(said, Vec::<String>::new());
}

#[test]
fn paper_says_what_is_not_on_it_and_the_focus_stays() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    large(&page, 2_500, 12);
    let mut browser = Browser::open(&page);
    let paper = |browser: &mut Browser, event: &str, section: &str| {
        let said = format!("document.querySelector('#{section} .paper').textContent");
        browser.ask(&format!("dispatchEvent(new Event('{event}')), {said}"))
    };
    let all = "Restrict the table on the screen first.";
    let told = format!("Not all is printed: 2,000 of 2,500 rows. {all}");
    assert_eq!(paper(&mut browser, "beforeprint", "guests"), told);
    assert_eq!(paper(&mut browser, "afterprint", "guests"), "");
    let access = paper(&mut browser, "beforeprint", "access");
    let access = access.as_str().unwrap();
    assert!(access.contains("10 of 12 groups"), "{access}");
    paper(&mut browser, "afterprint", "access");
    focus(&mut browser, "#access [aria-label='next groups, Access']");
    browser.enter();
    browser.enter();
    let focused = "document.activeElement.getAttribute('aria-label')";
    assert_eq!(browser.ask(focused), "next groups, Access");
    let groups = browser.ask("document.querySelector('#access .turns [role=status]').textContent");
    assert_eq!(groups, "groups 11–12 of 12");
    assert_eq!(browser.complaints().0, Vec::<String>::new());
}
