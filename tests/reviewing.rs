//! What a reviewer meets on a pull request: the comment, the annotations, the summary of the job.

use crate::harness::Repository;

#[test]
fn the_comment_comes_from_the_plan_and_from_a_saved_one_alike() {
    let repository = Repository::example();
    let plan = repository.path().join("plan.json");
    let plan = plan.to_str().unwrap();
    let args = ["plan", "--format", "markdown", "--out", plan];
    let page = repository.run(&args).ends(0).stdout;
    assert!(
        page.starts_with("<!-- guestlist 7f3a0000-0000-4000-8000-000000000001 -->\n"),
        "{page}"
    );
    assert!(
        page.contains("**1 loses access, 2 come in, 2 change.**"),
        "{page}"
    );
    let shown = repository.run(&["show", plan, "--format", "markdown"]);
    assert_eq!(shown.ends(0).stdout, page);
    let masked = repository.run(&["show", plan, "--format", "markdown", "--mask"]);
    let masked = masked.ends(0).stdout;
    assert!(
        masked.contains("`e…@litware.example`") && !masked.contains("emmy"),
        "{masked}"
    );
}

#[test]
fn annotations_count_from_the_root_of_the_repository() {
    let repository = Repository::new(&[
        (
            "sub/guests/a.yaml",
            "guests: [{mail: otto@contoso.example, sponsors: [x@fabrikam.example]}]",
        ),
        ("sub/policies/a.yaml", "tenant: {id: sandbox}"),
    ]);
    let mut git = std::process::Command::new("git");
    let git = git
        .arg("-C")
        .arg(repository.path())
        .args(["init", "--quiet"]);
    assert!(git.status().unwrap().success());
    let annotated = |command: &str| {
        let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_guestlist"));
        let run = run.arg("-C").arg(repository.path().join("sub"));
        let run = run.args([command, "--format", "github"]).env_clear();
        let told = run.output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        assert!(told.contains("file=sub/guests/a.yaml,line=1"), "{told}");
    };
    annotated("plan");
    repository.write(
        "sub/guests/a.yaml",
        "guests: [{mail: x@contoso.example, x: 1}]",
    );
    annotated("validate");
}

#[test]
fn one_guest_is_one_guest() {
    let guests = ("guests/a.yaml", "guests: [{mail: ada@contoso.example}]");
    let policies = ("policies/a.yaml", "tenant: {id: sandbox}");
    let told = Repository::new(&[guests, policies]).run(&["validate"]);
    assert_eq!(
        told.ends(0).stdout,
        "The files are right: 1 guest, 0 groups.\n"
    );
}

#[test]
fn validate_warns_of_rules_that_are_slow_or_take_in_everybody() {
    let guests = ("guests/a.yaml", "guests: [{mail: ada@contoso.example}]");
    let policies = (
        "policies/a.yaml",
        "groups: [{name: g, membershipRule: user.objectId -ne null}]",
    );
    let repository = Repository::new(&[guests, policies]);
    assert_eq!(
        repository.run(&["validate"]).ends(0).stdout,
        "warning: group g: its membershipRule takes in all users, and guests are users (policies/a.yaml:1)\n\
         The files are right: 1 guest, 1 group.\n"
    );
    let annotated = repository.run(&["validate", "--format", "github"]).ends(0);
    assert!(
        annotated
            .stdout
            .starts_with("::warning file=policies/a.yaml,line=1::group g: "),
        "{}",
        annotated.stdout
    );
}

#[test]
fn what_cannot_be_masked_is_not_printed() {
    let repository = Repository::example();
    let plan = repository.path().join("plan.json");
    let plan = plan.to_str().unwrap();
    repository.run(&["plan", "--out", plan]).ends(0);
    for args in [
        &["plan", "--mask"][..],
        &["plan", "--mask", "--summary"],
        &["show", plan, "--mask", "--format", "json"],
        &["expiring", "--mask"],
    ] {
        let refused = repository.run(args).ends(1);
        assert_eq!(refused.stdout, "");
        let hint = "hint: add `--format markdown`";
        assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    }
}

#[test]
fn the_summary_of_the_job_gets_the_comment() {
    let repository = Repository::example();
    let summary = repository.path().join("summary.md");
    let plan = |command: &mut std::process::Command| command.output().unwrap();
    let told = plan(
        repository
            .command(&["plan", "--summary"])
            .env("GITHUB_STEP_SUMMARY", &summary),
    );
    assert!(told.status.success());
    let text = std::fs::read_to_string(&summary).unwrap();
    assert!(text.contains("#### Loses access (1)"), "{text}");
    let nowhere = repository.run(&["plan", "--summary"]).ends(1);
    assert!(
        nowhere.stderr.contains("GITHUB_STEP_SUMMARY names no file"),
        "{}",
        nowhere.stderr
    );
}

#[test]
fn findings_and_mistakes_are_annotations() {
    let repository = Repository::example();
    let told = repository
        .run(&["plan", "--format", "github"])
        .ends(0)
        .stdout;
    assert!(
        told.contains("\n::warning file=guests/contoso.yaml,line=47::guest otto@contoso.example: every sponsor's account is disabled\n"),
        "{told}"
    );
    repository.run(&["validate", "--format", "github"]).ends(0);
    repository.write(
        "guests/wrong.yaml",
        "guests:\n  - {mail: x@contoso.example, nmae: X}\n",
    );
    let told = repository.run(&["validate", "--format", "github"]).ends(1);
    assert!(
        told.stdout
            .starts_with("::error file=guests/wrong.yaml,line=2,col="),
        "{}",
        told.stdout
    );
}
