//! What a person does first: the commands of the README, on the example repository.

use crate::harness::Repository;

#[test]
fn the_example_plans_applies_and_plans_empty() {
    let repository = Repository::example();
    let plan = repository.run(&["plan"]).ends(0).stdout;
    assert!(
        plan.contains("+ guest ada@contoso.example: invite"),
        "{plan}"
    );
    assert!(
        plan.contains("- membership audit-readers / emmy@litware.example"),
        "{plan}"
    );
    repository.run(&["plan", "--detailed-exitcode"]).ends(2);
    let applied = repository.run(&["apply", "--yes"]).ends(0).stdout;
    assert!(
        applied.contains("23 done, 0 failed, 0 skipped."),
        "{applied}"
    );
    let again = repository
        .run(&["plan", "--detailed-exitcode"])
        .ends(0)
        .stdout;
    assert!(again.contains("Nothing to do."), "{again}");
    repository.run(&["sandbox", "reset"]).ends(0);
    repository.run(&["plan", "--detailed-exitcode"]).ends(2);
}

#[test]
fn nobody_is_asked_without_a_terminal() {
    let ran = Repository::example().run(&["apply"]).ends(1);
    assert!(
        ran.stderr.contains("nobody is there to agree"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_saved_plan_is_shown_and_applied_and_its_snapshot_needs_no_credentials() {
    let repository = Repository::example();
    let file = |name: &str| repository.path().join(name).to_str().unwrap().to_owned();
    let (plan, snapshot) = (file("plan.json"), file("tenant.json"));
    repository.run(&["observe", "--out", &snapshot]).ends(0);
    repository
        .run(&["plan", "--observed", &snapshot, "--out", &plan])
        .ends(0);
    let shown = repository.run(&["show", &plan]).ends(0).stdout;
    assert!(
        shown.contains("+ guest ada@contoso.example: invite"),
        "{shown}"
    );
    let json: serde_json::Value = serde_json::from_str(
        &repository
            .run(&["show", &plan, "--format", "json"])
            .ends(0)
            .stdout,
    )
    .unwrap();
    for field in [
        "formatVersion",
        "version",
        "tenant",
        "plannedAt",
        "plannedFor",
        "commit",
        "files",
        "counts",
        "steps",
        "findings",
        "limits",
        "digest",
    ] {
        assert!(json.get(field).is_some(), "{field}");
    }
    repository.run(&["apply", &plan, "--yes"]).ends(0);
    repository.run(&["plan", "--detailed-exitcode"]).ends(0);
    let altered = std::fs::read_to_string(&plan)
        .unwrap()
        .replace("ada@", "eve@");
    repository.write("plan.json", altered);
    let refused = repository.run(&["apply", &plan, "--yes"]).ends(1).stderr;
    assert!(refused.contains("the plan was altered"), "{refused}");
}

#[test]
fn a_snapshot_that_does_not_cover_the_files_is_refused() {
    let repository = Repository::example();
    let snapshot = repository
        .path()
        .join("tenant.json")
        .to_str()
        .unwrap()
        .to_owned();
    repository.run(&["observe", "--out", &snapshot]).ends(0);
    repository.write("policies/more.yaml", "groups: [{name: never-read}]\n");
    let refused = repository
        .run(&["plan", "--observed", &snapshot])
        .ends(1)
        .stderr;
    assert!(refused.contains("does not cover these files"), "{refused}");
}

#[cfg(unix)]
#[test]
fn what_is_kept_can_be_read_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let repository = Repository::example();
    let plan = repository.path().join("plan.json");
    repository
        .run(&["plan", "--out", plan.to_str().unwrap()])
        .ends(0);
    repository.run(&["apply", "--yes"]).ends(0);
    let journal = std::fs::read_dir(repository.path().join(".guestlist/journal"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    for path in [
        plan,
        journal,
        repository.path().join(".guestlist/sandbox.json"),
    ] {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}

#[test]
fn shells_complete_the_command() {
    let script = Repository::example()
        .run(&["completions", "bash"])
        .ends(0)
        .stdout;
    for word in ["complete -F _guestlist", "explain", "--allow-removals"] {
        assert!(script.contains(word), "{word}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_that_is_named_stays_one() {
    use std::os::unix::fs::FileTypeExt;
    let repository = Repository::example();
    let link = repository.path().join("snapshot.json");
    std::fs::write(repository.path().join("real.json"), "").unwrap();
    std::os::unix::fs::symlink("real.json", &link).unwrap();
    repository
        .run(&["observe", "--out", link.to_str().unwrap()])
        .ends(0);
    assert!(link.is_symlink() && std::fs::metadata(&link).unwrap().len() > 0);
    let pipe = repository.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let mut reader = std::process::Command::new("cat");
    let reader = reader.arg(&pipe).stdout(std::process::Stdio::piped());
    let mut reader = reader.spawn().unwrap();
    repository
        .run(&["plan", "--out", pipe.to_str().unwrap()])
        .ends(0);
    if !pipe.metadata().unwrap().file_type().is_fifo() {
        reader.kill().unwrap();
        panic!("the pipe was replaced");
    }
    let read = reader.wait_with_output().unwrap().stdout;
    assert!(read.starts_with(b"{"));
}
