//! Starting with nothing: `init` writes files that are right, over none that is there, and the way
//! from there to a tenant that is taken on.

use serde_json::{Value, json};

use crate::harness::{Repository, TENANT, Tenant, root};

/// The workflows of each system: where they go, and the recipe they are.
const WORKFLOWS: [(&str, &[(&str, &str)]); 5] = [
    (
        "github",
        &[
            (
                ".github/workflows/guestlist-plan.yml",
                "github/guestlist-plan.yml",
            ),
            (
                ".github/workflows/guestlist-apply.yml",
                "github/guestlist-apply.yml",
            ),
            (
                ".github/workflows/guestlist-nightly.yml",
                "github/guestlist-nightly.yml",
            ),
            (
                ".github/workflows/guestlist-renewals.yml",
                "github/guestlist-renewals.yml",
            ),
        ],
    ),
    (
        "azure-pipelines",
        &[("azure-pipelines.yml", "azure-pipelines.yml")],
    ),
    ("gitlab", &[(".gitlab-ci.yml", "gitlab-ci.yml")]),
    (
        "kubernetes",
        &[("kubernetes-cronjob.yaml", "kubernetes-cronjob.yaml")],
    ),
    ("none", &[]),
];

#[test]
fn what_is_written_is_right_and_the_workflows_are_the_recipes() {
    for (ci, workflows) in WORKFLOWS {
        let repository = Repository::new(&[]);
        let told = repository.run(&["init", "--ci", ci]).ends(0).stdout;
        for (path, recipe) in workflows {
            assert!(told.contains(&format!("{path}\n")), "{told}");
            let recipe = root().join("docs/ci").join(recipe);
            assert_eq!(
                std::fs::read(repository.path().join(path)).unwrap(),
                std::fs::read(recipe).unwrap(),
                "{path}"
            );
        }
        repository.run(&["validate"]).ends(0);
        let plan = repository.run(&["plan"]).ends(0).stdout;
        assert!(
            plan.contains("somebody@contoso.example: is not invited"),
            "{plan}"
        );
    }
}

#[test]
fn every_workflow_of_a_system_is_written() {
    let github = std::fs::read_dir(root().join("docs/ci/github")).unwrap();
    assert_eq!(github.count(), WORKFLOWS[0].1.len());
}

#[test]
fn no_file_that_is_there_is_touched() {
    let mine = [
        ("policies/all.yaml", "tenant: {id: sandbox}\n"),
        (
            "guests/mine.yaml",
            "guests: [{mail: eve@contoso.example}]\n",
        ),
        (".gitignore", "/target\n"),
        (".github/workflows/guestlist-plan.yml", "mine\n"),
    ];
    let repository = Repository::new(&mine);
    let told = repository.run(&["init", "--ci", "github"]).ends(0).stdout;
    for (path, text) in mine {
        assert!(
            told.contains(&format!("note: {path} is there already")),
            "{told}"
        );
        assert_eq!(
            std::fs::read_to_string(repository.path().join(path)).unwrap(),
            text
        );
    }
    assert!(
        told.contains("\n.github/workflows/guestlist-apply.yml\n"),
        "{told}"
    );
    for path in ["policies/tenant.yaml", "guests/example.yaml"] {
        assert!(!repository.path().join(path).exists(), "{path}");
    }
    repository.run(&["validate"]).ends(0);
    let again = repository.run(&["init", "--ci", "github"]).ends(0).stdout;
    assert_eq!(again.matches("is there already").count(), 8, "{again}");
}

#[test]
fn what_is_given_is_checked_before_anything_is_written() {
    let repository = Repository::new(&[]);
    for (args, said) in [
        (
            &["--tenant", "fabrikam.example"][..],
            "a real tenant needs `tenant.owner`",
        ),
        (
            &["--time-zone", "Mars/Base"],
            "unknown time zone `Mars/Base`",
        ),
        (&["--owner", "two words"], "`two words` cannot be an owner"),
        (
            &["--owner", "x\nscope: {undeclared: delete}"],
            "cannot be an owner",
        ),
        (&["--tenant", ""], "a value is required"),
    ] {
        let ran = repository.run(&[&["init"], args].concat()).ends(1);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    assert_eq!(std::fs::read_dir(repository.path()).unwrap().count(), 0);
}

#[test]
fn from_nothing_to_a_tenant_that_is_taken_on() {
    let (tenant, repository) = (Tenant::empty(), Repository::new(&[]));
    let alan = tenant.guest("alan@contoso.example", json!({}));
    tenant.guest("bob@litware.example", json!({}));
    tenant.sandbox.insert_group(json!({ "displayName": "readers", "mailNickname": "r", "mailEnabled": false, "securityEnabled": true, "members": [alan] }));
    let args = [
        "init",
        "--tenant",
        TENANT,
        "--owner",
        "partner-access",
        "--time-zone",
        "Europe/Helsinki",
    ];
    repository.run(&args).ends(0);
    tenant.run(&repository, &["doctor"]).ends(0);
    tenant.run(&repository, &["import"]).ends(0);
    let plan = tenant
        .run(&repository, &["plan", "--format", "json"])
        .ends(0)
        .stdout;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["counts"]["change"], 2, "{plan:#}");
    assert_eq!(plan["steps"].as_array().unwrap().len(), 2, "{plan:#}");
    tenant.applied(&repository);
}
