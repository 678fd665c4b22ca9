//! Records of a run on stderr as JSON: one object a line, the same news as in text, and no secret.

use serde_json::{Value, json};

use crate::harness::{REAL, Repository, SECRET, Tenant};

const GUESTS: &str = "guests: [{mail: ada@contoso.example, displayName: Ada}]\n";

fn repository(guests: &str) -> Repository {
    Repository::new(&[("policies/tenant.yaml", REAL), ("guests/all.yaml", guests)])
}

/// Returns the records; fails if a line is none.
#[track_caller]
fn records(stderr: &str) -> Vec<Value> {
    let records = stderr.lines().map(|line| {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        for name in ["timestamp", "level", "message"] {
            assert!(record[name].is_string(), "{name}: {line}");
        }
        record
    });
    records.collect()
}

fn find<'a>(records: &'a [Value], what: &str) -> &'a Value {
    let said = |it: &&Value| it["message"].as_str().unwrap().contains(what);
    let found = records.iter().find(said);
    found.unwrap_or_else(|| panic!("{what} is not in {records:#?}"))
}

#[test]
fn promise_9_a_run_is_logged_as_json_without_a_secret() {
    let (tenant, repository) = (Tenant::empty(), repository(GUESTS));
    let args = ["apply", "--yes", "-vv", "--log-format", "json"];
    let ran = tenant.run(&repository, &args).ends(0);
    for secret in [SECRET, "redeem?", "inviteRedeemUrl", "Bearer ", "eyJ"] {
        assert!(!ran.stderr.contains(secret), "{secret}");
    }
    let records = records(&ran.stderr);
    assert_eq!(
        find(&records, "signing in with client secret")["level"],
        "INFO"
    );
    assert_eq!(find(&records, "answered")["level"], "DEBUG");
    let step = find(&records, "guest ada@contoso.example: invite");
    assert_eq!(
        (&step["outcome"], &step["done"], &step["total"]),
        (&json!("done"), &json!(1), &json!(1))
    );
    assert!(ran.stdout.ends_with("1 done, 0 failed, 0 skipped.\n"));
}

#[test]
fn without_v_only_what_is_told_anyway_is_logged() {
    let (tenant, repository) = (Tenant::empty(), repository(GUESTS));
    let ran = tenant
        .run(&repository, &["plan", "--log-format", "json"])
        .ends(0);
    assert_eq!(records(&ran.stderr).len(), 1, "{}", ran.stderr);
    let text = tenant.run(&repository, &["plan", "--log-format", "text"]);
    let from_the_second = |plan: &str| plan.split_once('\n').unwrap().1.to_owned();
    assert_eq!(
        from_the_second(&ran.stdout),
        from_the_second(&text.ends(0).stdout)
    );
}

#[test]
fn failures_are_records_with_what_to_do() {
    let wrong = repository("guests:\n  - {mail: ada@contoso.example, displyName: Ada}\n");
    let ran = wrong.run(&["plan", "--log-format", "json"]).ends(1);
    let records = records(&ran.stderr);
    let mistake = find(&records, "unknown key `displyName`");
    assert_eq!(
        (&mistake["level"], &mistake["file"], &mistake["line"]),
        (&json!("ERROR"), &json!("guests/all.yaml"), &json!(2))
    );
    assert_eq!(mistake["hint"], "did you mean `displayName`?");
    assert_eq!(find(&records, "1 mistake in the files")["level"], "ERROR");
}

#[test]
fn promise_10_hostile_text_in_a_record_is_data() {
    let hostile = "x\u{1b}[2j\u{9b}\u{202e}::set-env name=x::y \"##vso[x]";
    let (tenant, repository) = (Tenant::empty(), repository(GUESTS));
    let args = ["plan", "--only", hostile, "--log-format", "json"];
    let stderr = tenant.run(&repository, &args).ends(1).stderr;
    let raw = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(
        !stderr.contains(raw) && !stderr.contains("::") && !stderr.contains("##"),
        "{stderr}"
    );
    let said = find(&records(&stderr), "no such guest")["message"].clone();
    assert!(said.as_str().unwrap().contains(hostile), "{said}");
}
