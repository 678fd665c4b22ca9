//! Everything people can get wrong in the files: a clear error, exit code 1, nothing planned.

use crate::harness::Repository;

/// What is wrong, the files, and what must be said of it.
pub(crate) type Case = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

const POLICY: (&str, &str) = ("policies/a.yaml", "tenant: {id: sandbox}\n");
const GUEST: (&str, &str) = ("guests/a.yaml", "guests: [{mail: ada@contoso.example}]\n");

pub(crate) const CASES: &[Case] = &[
    (
        "broken YAML",
        &[
            POLICY,
            ("guests/a.yaml", "guests: [{mail: ada@contoso.example}\n"),
        ],
        &["this is no YAML", "guests/a.yaml:"],
    ),
    (
        "a tab",
        &[
            POLICY,
            ("guests/a.yaml", "guests:\n\t- mail: ada@contoso.example\n"),
        ],
        &["this is no YAML", "guests/a.yaml:2:"],
    ),
    (
        "a duplicate key",
        &[
            POLICY,
            (
                "guests/a.yaml",
                "guests:\n  - mail: ada@contoso.example\n    mail: bob@contoso.example\n",
            ),
        ],
        &[
            "`mail` is written twice",
            "guests/a.yaml:3:5",
            "^^^^",
            "line 2",
        ],
    ),
    (
        "an unknown key",
        &[
            POLICY,
            (
                "guests/a.yaml",
                "guests:\n  - mail: ada@contoso.example\n    displayname: Ada\n",
            ),
        ],
        &[
            "unknown key `displayname`",
            "guests/a.yaml:3:5",
            "did you mean `displayName`?",
        ],
    ),
    (
        "a wrong type",
        &[
            POLICY,
            (
                "guests/a.yaml",
                "guests:\n  - mail: ada@contoso.example\n    blocked: perhaps\n",
            ),
        ],
        &[
            "expected true or false, found the text `perhaps`",
            "guests/a.yaml:3:5",
        ],
    ),
    (
        "a duplicate guest by case, over two files",
        &[
            POLICY,
            GUEST,
            ("guests/b.yaml", "guests: [{mail: ADA@contoso.example}]\n"),
        ],
        &[
            "`ADA@contoso.example` is declared twice",
            "guests/b.yaml:1:",
            "guests/a.yaml:1",
        ],
    ),
    (
        "an unknown group",
        &[
            ("policies/a.yaml", "groups: [{name: partners}]\n"),
            (
                "guests/a.yaml",
                "guests:\n  - mail: ada@contoso.example\n    groups:\n      - partner\n",
            ),
        ],
        &[
            "unknown group `partner`",
            "guests/a.yaml:4:9",
            "did you mean `partners`?",
        ],
    ),
    (
        "an unreadable date",
        &[
            POLICY,
            (
                "guests/a.yaml",
                "guests:\n  - mail: ada@contoso.example\n    expires: next year\n",
            ),
        ],
        &[
            "unreadable date `next year`",
            "guests/a.yaml:3:5",
            "write a day",
        ],
    ),
    (
        "an impossible date",
        &[
            POLICY,
            (
                "guests/a.yaml",
                "guests: [{mail: ada@contoso.example, expires: 2026-02-30}]\n",
            ),
        ],
        &["there is no day `2026-02-30`"],
    ),
    (
        "an expiry beyond the requirements",
        &[
            (
                "policies/a.yaml",
                "requirements: {expires: {within: 365d}}\n",
            ),
            (
                "guests/a.yaml",
                "guests: [{mail: ada@contoso.example, expires: 2999-01-01}]\n",
            ),
        ],
        &["further off than `requirements.expires.within` allows"],
    ),
    (
        "no expiry where one is asked for",
        &[
            (
                "policies/a.yaml",
                "requirements: {expires: {within: 365d}}\n",
            ),
            GUEST,
        ],
        &["no `expires`"],
    ),
    (
        "a blocked domain",
        &[
            (
                "policies/a.yaml",
                "requirements: {domains: {block: [contoso.example]}}\n",
            ),
            GUEST,
        ],
        &["the domain contoso.example is blocked"],
    ),
    (
        "a domain that is not allowed",
        &[
            (
                "policies/a.yaml",
                "requirements: {domains: {allow: ['*.contoso.example']}}\n",
            ),
            GUEST,
        ],
        &["the domain contoso.example is not in `requirements.domains.allow`"],
    ),
    (
        "an address with a plus",
        &[
            POLICY,
            ("guests/a.yaml", "guests: [{mail: ada+x@contoso.example}]\n"),
        ],
        &["Graph refuses the character '+'"],
    ),
    (
        "an address with a quote",
        &[
            POLICY,
            (
                "guests/a.yaml",
                "guests: [{mail: '\"ada\"@contoso.example'}]\n",
            ),
        ],
        &["Graph refuses the character '\"'"],
    ),
    (
        "six sponsors",
        &[
            POLICY,
            (
                "guests/a.yaml",
                "guests: [{mail: ada@contoso.example, sponsors: [a@b.example, c@b.example, d@b.example, e@b.example, f@b.example, g@b.example]}]\n",
            ),
        ],
        &["6 sponsors; a guest can have at most 5"],
    ),
    (
        "rules below guests/",
        &[
            POLICY,
            GUEST,
            ("guests/b.yaml", "limits: {removals: {count: 9999}}\n"),
        ],
        &["section `limits` below guests/", "guests/b.yaml:1:1"],
    ),
    (
        "guests that hold nothing",
        &[POLICY, ("guests/a.yaml", "guests:\n")],
        &["`guests:` holds nothing"],
    ),
    (
        "guests that hold an empty list",
        &[POLICY, ("guests/a.yaml", "guests: []\n")],
        &["`guests:` holds nothing"],
    ),
    (
        "an emptied file",
        &[POLICY, GUEST, ("guests/b.yaml", "# all gone in a merge\n")],
        &["the file holds nothing", "guests/b.yaml"],
    ),
    (
        "a key that holds nothing",
        &[
            ("policies/a.yaml", "groups: [{name: g}]\n"),
            (
                "guests/a.yaml",
                "guests:\n  - mail: ada@contoso.example\n    groups:\n",
            ),
        ],
        &["`groups` holds nothing", "guests/a.yaml:3:5"],
    ),
    (
        "a rule on a group with declared members",
        &[
            (
                "policies/a.yaml",
                "groups: [{name: g, membershipRule: user.mail -ne null}]\n",
            ),
            (
                "guests/a.yaml",
                "guests: [{mail: ada@contoso.example, groups: [g]}]\n",
            ),
        ],
        &[
            "group `g` has a membershipRule",
            "its members follow the rule",
        ],
    ),
    (
        "a rule that Entra would refuse",
        &[
            (
                "policies/a.yaml",
                "groups:\n  - name: g\n    membershipRule: (user.usertype -eq \"Guest\")\n",
            ),
            GUEST,
        ],
        &[
            "policies/a.yaml:3:5",
            "rules know no property `user.usertype`, at character 2 of the rule",
            "did you mean `userType`?",
        ],
    ),
    (
        "a rule about devices",
        &[
            (
                "policies/a.yaml",
                "groups: [{name: g, membershipRule: 'device.deviceModel -eq \"x\"'}]\n",
            ),
            GUEST,
        ],
        &["a rule about devices takes in no guest"],
    ),
    (
        "a single value set twice",
        &[
            ("policies/a.yaml", "lifecycle: {left: report}\n"),
            ("policies/b.yaml", "lifecycle: {left: rejoin}\n"),
            GUEST,
        ],
        &["`left` is set twice", "policies/a.yaml:1"],
    ),
    (
        "a real tenant without an owner",
        &[
            ("policies/a.yaml", "tenant: {id: contoso.example}\n"),
            GUEST,
        ],
        &["a real tenant needs `tenant.owner`"],
    ),
    (
        "a key of a later version",
        &[
            POLICY,
            (
                "guests/a.yaml",
                "guests: [{mail: ada@contoso.example, accessPackages: []}]\n",
            ),
        ],
        &["`accessPackages` is not supported yet"],
    ),
    (
        "a directory role that policies do not allow, and one twice",
        &[
            POLICY,
            (
                "guests/a.yaml",
                "guests:\n  - mail: ada@contoso.example\n    directoryRoles: [User Administrator, Guest inviter, Reports Reader, {name: Reports Reader}, {role: x}]\n  - {mail: b@contoso.example, directoryRoles: [User Administrator, Guest inviter, Reports Reader, {name: Reports Reader}]}\n",
            ),
        ],
        &[
            "unknown key `role`",
            "directory role `User Administrator` is privileged, and `requirements.privileged` does not name it",
            "did you mean `Guest Inviter`?",
            "directory role `Reports Reader` is listed twice",
        ],
    ),
    (
        "a licence that policies do not allow",
        &[
            (
                "policies/a.yaml",
                "tenant: {id: sandbox}\nrequirements: {licenses: [POWER_BI_STANDARD]}\n",
            ),
            (
                "guests/a.yaml",
                "guests: [{mail: ada@contoso.example, licenses: [POWER_BI_STANDART]}]\n",
            ),
        ],
        &[
            "`requirements.licenses` does not name license `POWER_BI_STANDART`",
            "did you mean `POWER_BI_STANDARD`?",
        ],
    ),
    (
        "an administrative unit that policies do not allow",
        &[
            POLICY,
            (
                "guests/a.yaml",
                "guests: [{mail: ada@contoso.example, administrativeUnits: [Partners]}]\n",
            ),
        ],
        &[
            "`requirements.administrativeUnits` does not name `Partners`",
            "there is none yet",
        ],
    ),
    (
        "an app role that policies do not allow",
        &[
            (
                "policies/a.yaml",
                "tenant: {id: sandbox}\nrequirements: {appRoles: [{app: Ledger, role: Reader}]}\n",
            ),
            (
                "guests/a.yaml",
                "guests:\n  - mail: ada@contoso.example\n    appRoles: [{app: Ledger, role: Writer}, {app: Ledger}, {app: Ledger, role: Reader}, {app: Ledger, role: Reader}]\n  - {mail: b@contoso.example, appRoles: [Ledger]}\n",
            ),
        ],
        &[
            "`requirements.appRoles` does not allow app role `Ledger / Writer`",
            "`requirements.appRoles` does not allow app role `Ledger`",
            "did you mean `Ledger / Reader`?",
            "app role `Ledger / Reader` is listed twice",
        ],
    ),
    (
        "a mailbox that is not allowed",
        &[
            POLICY,
            (
                "guests/a.yaml",
                "guests: [{mail: ada@contoso.example, invitation: {from: a@b.example}}]\n",
            ),
        ],
        &["`a@b.example` is not in `requirements.invitation.from`"],
    ),
    (
        "mails that name what is not there",
        &[
            POLICY,
            (
                "policies/b.yaml",
                "mails: {welcome: {text: 'Hello {name}'}, expiring: {text: Soon}}\n",
            ),
            GUEST,
        ],
        &[
            "`{name}` stands for nothing here",
            "what can be filled in is {displayName}",
        ],
    ),
    (
        "a section of a later version",
        &[POLICY, ("policies/b.yaml", "accessReviews: []\n"), GUEST],
        &["section `accessReviews` is not supported yet"],
    ),
    (
        "no guests/",
        &[POLICY],
        &["guests/", "there is no such folder"],
    ),
    (
        "an empty policies/",
        &[GUEST, ("policies/README.md", "nothing here")],
        &["policies/", "holds no .yaml or .yml file"],
    ),
];

#[test]
fn every_mistake_is_named_with_its_place_and_nothing_is_planned() {
    for (what, files, expected) in CASES {
        let ran = Repository::new(files).run(&["plan"]).ends(1);
        assert!(ran.stdout.is_empty(), "{what}: {}", ran.stdout);
        for text in *expected {
            assert!(ran.stderr.contains(text), "{what}: {text}\n{}", ran.stderr);
        }
    }
}

#[test]
fn all_mistakes_of_all_files_come_in_one_run() {
    let files = [
        (
            "policies/a.yaml",
            "groups: [{name: g, descripton: x}]\nlimts: {}\n",
        ),
        (
            "guests/a.yaml",
            "guests:\n  - {mail: ada@contoso.example, blocked: 1, bloked: true}\n  - {displayName: Nobody}\n",
        ),
        ("guests/b.yaml", "guests: [{mail: a b@contoso.example}]\n"),
    ];
    let ran = Repository::new(&files).run(&["validate"]).ends(1);
    insta::assert_snapshot!(ran.stderr, @"
    error: expected true or false, found the number 1
     --> guests/a.yaml:2:33
      |
    2 |   - {mail: ada@contoso.example, blocked: 1, bloked: true}
      |                                 ^^^^^^^

    error: unknown key `bloked`
     --> guests/a.yaml:2:45
      |
    2 |   - {mail: ada@contoso.example, blocked: 1, bloked: true}
      |                                             ^^^^^^
      |
      = hint: did you mean `blocked`?

    error: `mail` is missing
     --> guests/a.yaml:3:5
      |
    3 |   - {displayName: Nobody}
      |     ^^^^^^^^^^^^

    error: `a b@contoso.example` cannot be invited: Graph refuses the character ' '
     --> guests/b.yaml:1:11
      |
    1 | guests: [{mail: a b@contoso.example}]
      |           ^^^^

    error: unknown key `descripton`
     --> policies/a.yaml:1:20
      |
    1 | groups: [{name: g, descripton: x}]
      |                    ^^^^^^^^^^
      |
      = hint: did you mean `description`?

    error: unknown section `limts`
     --> policies/a.yaml:2:1
      |
    2 | limts: {}
      | ^^^^^
      |
      = hint: did you mean `limits`?

    error: 6 mistakes in the files; nothing was planned
    ");
}

#[test]
fn a_long_rule_is_refused() {
    let rule = format!("user.mail -eq \"{}\"", "x".repeat(3072));
    let files = [
        (
            "policies/a.yaml",
            &*format!("groups: [{{name: g, membershipRule: '{rule}'}}]\n"),
        ),
        GUEST,
    ];
    let ran = Repository::new(&files).run(&["validate"]).ends(1);
    assert!(
        ran.stderr.contains("a rule has 1 to 3072 characters"),
        "{}",
        ran.stderr
    );
}

#[test]
fn files_that_are_no_text_or_too_large_or_elsewhere_are_refused() {
    let repository = Repository::new(&[POLICY, GUEST]);
    repository.write(
        "guests/latin.yaml",
        b"guests:\n  - mail: ad\xe4@contoso.example\n",
    );
    repository.write("guests/large.yaml", vec![b'#'; 100 << 20]);
    repository.write("guests/empty/keep.txt", "");
    let bomb: String = (1..12)
        .map(|n| {
            format!(
                "a{n}: &a{n} [{}]\n",
                vec![format!("*a{}", n - 1); 9].join(", ")
            )
        })
        .collect();
    repository.write("guests/bomb.yaml", format!("a0: &a0 [x]\n{bomb}"));
    #[cfg(unix)]
    std::os::unix::fs::symlink(
        "/etc/hostname",
        repository.path().join("guests/outside.yaml"),
    )
    .unwrap();
    let ran = repository.run(&["plan"]).ends(1);
    let mut expected = vec![
        "guests/latin.yaml",
        "is not UTF-8, from line 2 on",
        "the file has 100 MiB",
        "guests/bomb.yaml",
    ];
    if cfg!(unix) {
        expected.push("a symbolic link leads out of the repository");
    }
    for text in expected {
        assert!(ran.stderr.contains(text), "{text}\n{}", ran.stderr);
    }
    assert!(ran.stdout.is_empty());
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_a_link_out_of_the_repository_is_refused() {
    let repository = Repository::new(&[("policies/all.yaml", "tenant: {id: sandbox}")]);
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(
        elsewhere.path().join("a.yaml"),
        "guests: [{mail: ada@contoso.example}]",
    )
    .unwrap();
    let guests = repository.path().join("guests");
    let _ = std::fs::remove_dir(&guests);
    std::os::unix::fs::symlink(elsewhere.path(), guests).unwrap();
    let ran = repository.run(&["validate"]).ends(1);
    let expected = "a symbolic link leads out of the repository";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
}
