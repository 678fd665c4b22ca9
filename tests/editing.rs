//! `renew`, `remove` and `tidy`: what they change in the files, and that they change nothing else.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::json;

use crate::harness::{REAL, Repository, Tenant};

const POLICY: (&str, &str) = (
    "policies/a.yaml",
    "tenant: {timeZone: Europe/Helsinki}\nrequirements: {expires: {within: 365d}}\n",
);

fn read(repository: &Repository, path: &str) -> String {
    String::from_utf8(std::fs::read(repository.path().join(path)).unwrap()).unwrap()
}

/// A day that `within` allows, so many days from now.
fn day(days: i64) -> String {
    let zone = jiff::tz::TimeZone::get("Europe/Helsinki").unwrap();
    let today = Timestamp::now().to_zoned(zone).date();
    today.checked_add(days.days()).unwrap().to_string()
}

#[test]
fn renew_changes_one_value_and_prints_it() {
    let repository = Repository::example();
    let before = read(&repository, "guests/contoso.yaml");
    let (until, other) = ("2027-12-30", "guests/litware.yaml");
    let litware = read(&repository, other);
    let args = [
        "renew",
        "Mary@contoso.example",
        "mary@CONTOSO.example",
        "--until",
        until,
    ];
    let dry = repository
        .run(&[&args[..], &["--dry-run"]].concat())
        .ends(0);
    assert_eq!(read(&repository, "guests/contoso.yaml"), before);
    let ran = repository.run(&args).ends(0);
    assert_eq!(ran.stdout, dry.stdout);
    let diff = "\
--- a/guests/contoso.yaml
+++ b/guests/contoso.yaml
@@ -34,7 +34,7 @@
     companyName: Contoso
     sponsors: [grace@fabrikam.example]
     justification: Runs the audit portal
-    expires: 2027-12-31
+    expires: 2027-12-30
     groups: [audit-readers]
\x20
   # Was invited and has not answered: see `lifecycle.pending` in policies/rules.yaml.
";
    let less = "mary@contoso.example has less time than before: 2027-12-30 instead of 2027-12-31\n";
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (diff, less));
    let mary = before.find("mary@").unwrap();
    let (head, tail) = before.split_at(mary);
    let tail = tail.replacen("2027-12-31", until, 1);
    assert_eq!(
        read(&repository, "guests/contoso.yaml"),
        format!("{head}{tail}")
    );
    assert_eq!(read(&repository, other), litware);
    let again = repository.run(&args).ends(0);
    assert_eq!(
        (again.stdout.as_str(), again.stderr.as_str()),
        ("", "Nothing to change.\n")
    );
}

#[test]
fn renew_counts_days_from_today_in_the_tenants_zone_and_adds_a_line() {
    let guests = "\u{feff}guests:\r\n# Ada.\r\n- mail: \"Ada@contoso.example\" # first\r\n  blocked: false\r\n  expires: 2026-11-30";
    let policy = ("policies/a.yaml", "tenant: {timeZone: Europe/Helsinki}\n");
    let repository = Repository::new(&[policy, ("guests/a.yaml", guests)]);
    repository.write(
        "guests/b.yml",
        "guests: [{mail: bob@contoso.example}, {mail: eve@contoso.example}]",
    );
    let until = ["--until", "+180d"];
    let mails = ["renew", "ada@contoso.example", "eve@contoso.example"];
    repository.run(&[&mails[..], &until].concat()).ends(0);
    assert_eq!(
        read(&repository, "guests/a.yaml"),
        guests.replace("2026-11-30", &day(180))
    );
    assert_eq!(
        read(&repository, "guests/b.yml"),
        format!(
            "guests: [{{mail: bob@contoso.example}}, {{mail: eve@contoso.example, expires: {}}}]",
            day(180)
        )
    );
    repository.run(&["validate"]).ends(0);
}

#[test]
fn what_cannot_be_renewed_leaves_all_files_as_they_are() {
    let a = "guests:\n- mail: ada@contoso.example\n  expires: &day 2026-12-01\n- {mail: bob@contoso.example, expires: *day}\n";
    let b = "guests:\n- {mail: eve@contoso.example, expires: 2026-12-01}\n";
    let repository = Repository::new(&[POLICY, ("guests/a.yaml", a), ("guests/b.yaml", b)]);
    let (soon, late) = (day(30), day(366));
    for (mail, until, said) in [
        (
            "bbo@contoso.example",
            &*soon,
            "bbo@contoso.example: no such guest is declared; nothing was written\nhint: did you mean `bob@contoso.example`?",
        ),
        (
            "bob@contoso.example",
            &soon,
            "bob@contoso.example: the entry shares values with others by an anchor, an alias or a merge key (guests/a.yaml:4); nothing was written\nhint: edit it by hand",
        ),
        ("ada@contoso.example", &soon, "shares values with others"),
        (
            "eve@contoso.example",
            &late,
            "is further off than `requirements.expires.within` allows",
        ),
        (
            "eve@contoso.example",
            &late,
            "1 mistake in the edited files; nothing was written",
        ),
        (
            "eve@contoso.example",
            "2026-01-01",
            "--until 2026-01-01: that is over",
        ),
        (
            "eve@contoso.example",
            "2026-02-30",
            "--until 2026-02-30: unreadable",
        ),
        ("eve@contoso.example", "-5d", "--until -5d: unreadable"),
        (
            "eve@contoso.example",
            "+99999d",
            "--until +99999d: unreadable",
        ),
    ] {
        let args = ["renew", "eve@contoso.example", mail, "--until", until];
        let ran = repository.run(&args).ends(1);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
        assert_eq!(read(&repository, "guests/a.yaml"), a);
        assert_eq!(read(&repository, "guests/b.yaml"), b);
    }
    let last = day(365);
    let args = ["renew", "eve@contoso.example", "--until", &last];
    repository.run(&args).ends(0);
}

#[test]
fn remove_takes_the_entry_and_its_comments() {
    let repository = Repository::example();
    let file = |name: &str| read(&repository, &format!("guests/{name}.yaml"));
    let (contoso, litware) = (file("contoso"), file("litware"));
    let args = ["remove", "joan@contoso.example", "rosa@litware.example"];
    let ran = repository.run(&args).ends(0);
    let removed = |text: &str| text.lines().filter(|line| line.starts_with('-')).count();
    assert_eq!(removed(&ran.stdout), 2 + 6 + 6, "{}", ran.stdout);
    let from = contoso.find("  # Was invited").unwrap();
    let to = contoso.find("  # His only sponsor").unwrap();
    let left = [&contoso[..from], &contoso[to..]].concat();
    assert_eq!(file("contoso"), left);
    let to = litware.find("\n  # She left").unwrap();
    assert_eq!(file("litware"), litware[..to]);
    repository.run(&["validate"]).ends(0);
}

#[test]
fn a_file_that_declares_nobody_else_is_deleted_but_never_the_last() {
    let repository = Repository::new(&[POLICY]);
    let entry = |mail: &str| format!("# File.\nguests: [{{mail: {mail}, expires: 2026-12-01}}]\n");
    repository.write("guests/a.yaml", entry("ada@contoso.example"));
    repository.write("guests/b.yaml", entry("bob@contoso.example"));
    let file = repository.path().join("guests/a.yaml");
    let args = ["remove", "ada@contoso.example"];
    let dry = repository
        .run(&[&args[..], &["--dry-run"]].concat())
        .ends(0);
    assert!(dry.stderr.contains("would be deleted") && file.exists());
    let ran = repository.run(&args).ends(0);
    assert!(ran.stdout.contains("+++ /dev/null"), "{}", ran.stdout);
    assert_eq!(
        ran.stderr,
        "guests/a.yaml declares nobody else and is deleted\n"
    );
    assert!(!file.exists());
    let last = repository.run(&["remove", "bob@contoso.example"]).ends(1);
    assert!(
        last.stderr.contains("nobody would be declared any more"),
        "{}",
        last.stderr
    );
    assert!(repository.path().join("guests/b.yaml").exists());
}

#[cfg(unix)]
#[test]
fn permissions_and_links_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let repository = Repository::new(&[POLICY]);
    let text = "guests: [{mail: ada@contoso.example, expires: 2026-12-01}]\n";
    repository.write("shared/a.yaml", text);
    let real = repository.path().join("shared/a.yaml");
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::fs::create_dir(repository.path().join("guests")).unwrap();
    let link = repository.path().join("guests/a.yaml");
    symlink("../shared/a.yaml", &link).unwrap();
    let (until, folder) = (day(9), repository.path().join("shared"));
    let args = ["renew", "ada@contoso.example", "--until", &until];
    repository.run(&args).ends(0);
    assert!(link.is_symlink());
    assert_eq!(
        std::fs::read_to_string(&real).unwrap(),
        text.replace("2026-12-01", &until)
    );
    let mode = std::fs::metadata(&real).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let left = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(left, 1, "no temporary file stays");
}

#[test]
fn tidy_marks_who_left_and_keeps_who_is_still_being_off_boarded() {
    let repository = Repository::example();
    repository.run(&["apply", "--yes"]).ends(0);
    let before = read(&repository, "guests/litware.yaml");
    let ran = repository.run(&["tidy"]).ends(0);
    let after = read(&repository, "guests/litware.yaml");
    let added: Vec<_> = after
        .lines()
        .filter(|line| !before.contains(line))
        .collect();
    assert_eq!(added.len(), 1, "{}", ran.stdout);
    let mark = "  # left the tenant or was deleted on 20";
    assert!(added[0].starts_with(mark), "{}", added[0]);
    let entry = format!("{}\n  - mail: rosa@litware.example\n", added[0]);
    assert!(after.contains(&entry), "{after}");
    assert_eq!(after.replace(&format!("{}\n", added[0]), ""), before);
    assert!(
        ran.stdout.contains(&format!("+{}", added[0])),
        "{}",
        ran.stdout
    );
    assert_eq!(repository.run(&["tidy"]).ends(0).stdout, "");
}

/// A tenant whose guest Bob was disabled by us so many days ago, and what he is declared as.
fn off_boarding(days: i64) -> (Tenant, Repository, String) {
    let tenant = Tenant::empty();
    let begun = Timestamp::now() - SignedDuration::from_hours(24 * days);
    let stamp = format!(
        "guestlist owner=partner-access offboarding={} reason=expired",
        begun.strftime("%Y-%m-%dT%H:%M:%SZ")
    );
    let bob = tenant.guest(
        "bob@contoso.example",
        json!({ "accountEnabled": false, "onPremisesExtensionAttributes": { "extensionAttribute15": stamp } }),
    );
    tenant.managed("ada@contoso.example");
    let guests = "guests:\n# Ada.\n- mail: ada@contoso.example\n# Bob.\n- mail: bob@contoso.example\n  expires: 2026-01-31\n";
    let repository = Repository::new(&[("policies/a.yaml", REAL), ("guests/a.yaml", guests)]);
    (tenant, repository, bob)
}

#[test]
fn tidy_drops_a_guest_whose_off_boarding_is_complete() {
    let (tenant, repository, _) = off_boarding(31);
    let none = tenant.run(&repository, &["tidy"]).ends(0);
    assert_eq!(none.stdout, "", "not deleted yet");
    tenant.applied(&repository);
    let dry = tenant.run(&repository, &["tidy", "--dry-run"]).ends(0);
    let ran = tenant.run(&repository, &["tidy"]).ends(0);
    assert_eq!(dry.stdout, ran.stdout);
    assert_eq!(
        read(&repository, "guests/a.yaml"),
        "guests:\n# Ada.\n- mail: ada@contoso.example\n"
    );
    tenant.applied(&repository);
}

#[test]
fn whom_tidy_cannot_take_out_holds_up_nobody_else() {
    let guests = "guests:
- &gone
  mail: gone@contoso.example
  expires: 2026-01-31
- mail: past@contoso.example
  expires: 2026-01-31
- <<: *gone
  mail: ada@contoso.example
  expires: 2099-01-31
";
    let (tenant, repository, _) = off_boarding(31);
    repository.write("guests/a.yaml", guests);
    let ran = tenant.run(&repository, &["tidy"]).ends(0);
    assert!(
        ran.stderr
            .contains("gone@contoso.example stays in the files: "),
        "{}",
        ran.stderr
    );
    let after = guests.replace("- mail: past@contoso.example\n  expires: 2026-01-31\n", "");
    assert_eq!(read(&repository, "guests/a.yaml"), after);

    let alone = "guests:\n- mail: past@contoso.example\n  expires: 2026-01-31\n";
    repository.write("guests/a.yaml", alone);
    let ran = tenant.run(&repository, &["tidy"]).ends(0);
    let why = "past@contoso.example stays in the files: nobody would be declared any more\n";
    assert!(ran.stderr.contains(why), "{}", ran.stderr);
    assert_eq!(read(&repository, "guests/a.yaml"), alone);
}

#[test]
fn tidy_by_a_snapshot_goes_by_what_was_known_then_and_never_by_what_was_not_read() {
    let (tenant, repository, _) = off_boarding(31);
    let file: PathBuf = repository.path().join("tenant.json");
    let path = file.to_str().unwrap();
    tenant.applied(&repository);
    let guests = read(&repository, "guests/a.yaml");
    tenant.run(&repository, &["observe", "--out", path]).ends(0);
    let snapshot: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();

    let mut unread = snapshot.clone();
    let reads = unread["done"].as_array_mut().unwrap();
    reads.retain(|read| !read.as_str().unwrap().contains("deletedItems"));
    repository.write("tenant.json", unread.to_string());
    let refused = repository.run(&["tidy", "--observed", path]).ends(1);
    assert!(
        refused.stderr.contains("does not cover these files"),
        "{}",
        refused.stderr
    );

    // He may have come in after that: in January his time was not over.
    let mut older = snapshot.clone();
    older["taken"] = json!("2026-01-15T00:00:00Z");
    repository.write("tenant.json", older.to_string());
    repository.run(&["tidy", "--observed", path]).ends(0);
    assert!(read(&repository, "guests/a.yaml").contains("- mail: bob@"));

    repository.write("guests/a.yaml", &guests);
    repository.write("tenant.json", snapshot.to_string());
    repository.run(&["tidy", "--observed", path]).ends(0);
    assert!(!read(&repository, "guests/a.yaml").contains("bob@"));
}

#[test]
fn two_edits_at_once_are_both_there() {
    let repository = Repository::example();
    let (one, two) = (day(100), day(200));
    for (one, two) in [(&one, &two), (&two, &one)].into_iter().cycle().take(10) {
        let edit = |mail: &str, until: &str| {
            let args = ["renew", mail, "--until", until];
            let mut command = repository.command(&args);
            command
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null());
            command.spawn().unwrap()
        };
        let runs = [
            edit("ada@contoso.example", one),
            edit("mary@contoso.example", two),
        ];
        for mut run in runs {
            assert!(run.wait().unwrap().success());
        }
        let text = read(&repository, "guests/contoso.yaml");
        assert!(
            text.contains(one.as_str()) && text.contains(two.as_str()),
            "{text}"
        );
    }
}
