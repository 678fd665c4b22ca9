//! The JSON Schemas: they are the ones that are checked in. Those for editors accept what is right, and
//! reject what can be seen to be wrong without knowing other files; that of a plan fits real plans.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::harness::{Repository, Tenant, root};
use crate::scenario;
use crate::{bad_input, bad_policies};

fn schema(of: &str) -> Value {
    let repository = Repository::example();
    let told = repository.run(&["schema", of]).ends(0).stdout;
    let checked_in = root().join(format!("docs/schema/{of}.json"));
    assert_eq!(
        std::fs::read_to_string(&checked_in).unwrap(),
        told,
        "`guestlist schema {of}` prints what docs/schema/{of}.json should hold"
    );
    serde_json::from_str(&told).unwrap()
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

pub(crate) fn validator(of: &str) -> Validator {
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&schema(of)).unwrap()
}

#[test]
fn every_example_is_right() {
    for files in ["guests", "policies"] {
        let validator = validator(files);
        for entry in std::fs::read_dir(root().join(files)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            if let Err(error) = validator.validate(&yaml(&text)) {
                panic!("{}: {error}", path.display());
            }
        }
    }
    let guests = "guests: [{mail: a@b.example, companyName: null, groups: [x, {name: y, expires: 2026-12-31T18:00:00Z}]}]";
    assert!(validator("guests").is_valid(&yaml(guests)));
}

#[test]
fn what_can_be_seen_to_be_wrong_is_rejected() {
    let guests = validator("guests");
    for entry in [
        "displayName: Ada",
        "{mail: a@b.example, displayname: Ada}",
        "{mail: a@b.example, expires: tomorrow}",
        "{mail: a@b.example, expires: null}",
        "{mail: a@b.example, displayName: null}",
        "{mail: a@b.example, sponsors: [a, b, c, d, e, f]}",
        "{mail: a@b.example, groups: [{expires: 2026-12-31}]}",
        "{mail: a@b.example, blocked: yes please}",
        "{mail: a@b.example, invitation: {sender: a@b.example}}",
        "{mail: a@b.example, usageLocation: FIN}",
        "{mail: a@b.example, usageLocation: fi}",
        "{mail: a@b.example, displayName: ' '}",
        "{mail: a@b.example, sponsors: ['']}",
        "{mail: a@b.example, groups: ['']}",
        "{mail: a@b.example, expires: 2026-13-01}",
        "{mail: a@b.example, formerly: a+c@b.example}",
        "{mail: a@b.example, invitation: {redirectUrl: 'http://b.example'}}",
    ] {
        assert!(
            !guests.is_valid(&yaml(&format!("guests: [{entry}]"))),
            "{entry}"
        );
    }
    assert!(!guests.is_valid(&yaml("guests: []")));
    assert!(!guests.is_valid(&yaml("tenant: {id: sandbox}")));
    let policies = validator("policies");
    for text in [
        "guests: [{mail: a@b.example}]",
        "tenant: {id: x, cloud: mars}",
        "tenant: {id: x, stamp: extensionAttribute16}",
        "tenant: {id: x, owner: two words}",
        "lifecycle: {expired: {delete: 30}}",
        "lifecycle: {left: forget}",
        "limits: {removals: {percent: 101}}",
        "scope: {undeclared: all}",
        "groups: [{name: x, type: distribution}]",
        "lifecycle: {expired: {delete: 9999d}}",
        "lifecycle: {expired: {delete: +5d}}",
        "groups: [{description: x}]",
        "groups: [{name: x, description: ''}]",
        "groups: [{name: x, owners: [grace]}]",
        "groups: [{name: x, mailNickname: a.b}]",
        "groups: [{name: x, membershipRule: ''}]",
    ] {
        assert!(!policies.is_valid(&yaml(text)), "{text}");
    }
}

/// What cannot be seen to be wrong without other files, the tenant, the day, or how YAML is written.
const BEYOND: &[&str] = &[
    "a duplicate key",
    "a duplicate guest by case, over two files",
    "an unknown group",
    "an expiry beyond the requirements",
    "no expiry where one is asked for",
    "a blocked domain",
    "a domain that is not allowed",
    "a rule on a group with declared members",
    "a rule that Entra would refuse",
    "a rule about devices",
    "a single value set twice",
    "a real tenant without an owner",
    "a licence that policies do not allow",
    "an administrative unit that policies do not allow",
    "a mailbox that is not allowed",
    "mails that name what is not there",
    "no guests/",
    "what is beta, and not said to be",
    "domains of nothing",
    "domains that no list of a tenant holds",
    "domains of which none is left",
    "one tenant redeems otherwise",
    "a tenant twice",
    "a policy that includes nobody",
    "a policy that asks nothing",
    "a grant that asks nothing",
    "tenants of no guests",
    "a group among users",
    "all users left out",
    "block and more",
    "two things and no operator",
    "mfa twice",
    "terms of use by name",
    "a browser that stays signed in to one application",
    "a policy twice",
    "a place that is nowhere",
    "a place of both sorts",
    "no range",
    "a country that is trusted",
    "a tenant of which nothing is said",
    "all tenants redeem without being asked",
    "a direction for nobody",
    "people by name",
];

#[test]
fn bad_files_are_rejected_where_a_schema_can_see_it() {
    let validators = ["guests", "policies"].map(validator);
    let mut accepted = Vec::new();
    for (what, files, _) in bad_input::CASES.iter().chain(bad_policies::CASES) {
        let fits = |(path, text): &(&str, &str)| {
            let validator = &validators[usize::from(path.starts_with("policies/"))];
            serde_yaml::from_str(text).is_ok_and(|value| validator.is_valid(&value))
        };
        if files.iter().all(fits) {
            accepted.push(*what);
        }
    }
    assert_eq!(accepted, BEYOND);
}

/// Fails unless a plan fits; returns it.
#[track_caller]
fn fits(plan: &str) -> Value {
    let plan: Value = serde_json::from_str(plan).unwrap();
    let found: Vec<_> = validator("plan")
        .iter_errors(&plan)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    plan
}

const JSON: [&str; 3] = ["plan", "--format", "json"];

#[test]
fn the_plan_of_the_example_is_right_printed_and_saved() {
    let repository = Repository::example();
    let plan = fits(&repository.run(&JSON).ends(0).stdout);
    for some in ["steps", "findings", "forecast"] {
        assert_ne!(plan[some], json!([]), "{some}");
    }
    let saved = repository.path().join("plan.json");
    repository
        .run(&["plan", "--out", saved.to_str().unwrap()])
        .ends(0);
    fits(&std::fs::read_to_string(saved).unwrap());
    repository.run(&["apply", "--yes"]).ends(0);
    assert_eq!(
        fits(&repository.run(&JSON).ends(0).stdout)["steps"],
        json!([])
    );
}

#[test]
fn a_plan_with_every_kind_of_step_is_right_refused_or_not() {
    let now = Timestamp::now();
    let tenant = Tenant::serve(scenario::tenant(now));
    scenario::guard(&tenant.sandbox);
    let files = scenario::guarded(now);
    let files = files.iter().map(|(path, text)| (*path, text.as_str()));
    let files: Vec<_> = files.collect();
    let repository = Repository::new(&files);
    let refused = fits(&tenant.run(&repository, &JSON).ends(3).stdout);
    assert_ne!(refused["limits"], json!([]));
    let allowed = [
        &JSON[..],
        &["--allow-removals", "9", "--allow-weakened", "9"],
    ]
    .concat();
    let plan = fits(&tenant.run(&repository, &allowed).ends(0).stdout);
    let of = |read: fn(&Value) -> &Value| -> BTreeSet<String> {
        let steps = plan["steps"].as_array().unwrap();
        let read = steps.iter().filter_map(|step| read(step).as_str());
        read.map(str::to_owned).collect()
    };
    let all = |names: &str| names.split(' ').map(str::to_owned).collect();
    assert_eq!(
        of(|it| &it["change"]["verb"]),
        all("act create delete update")
    );
    assert_eq!(
        of(|it| &it["address"]["kind"]),
        all(
            "administrativeUnit appRole conditionalAccess crossTenantAccess directoryRole externalCollaboration \
             externalIdentities group groupExpiration groupSettings guest invitationDomains license membership \
             namedLocation oneTimePasscode sponsor"
        )
    );
    assert_eq!(
        of(|it| &it["change"]["action"]),
        all("remind repoint resetRedemption restore revokeSessions")
    );
    assert_eq!(of(|it| &it["counts"]), all("expiry removal weakened"));
}

#[test]
fn what_is_no_plan_is_rejected_and_what_a_later_one_adds_is_not() {
    let plan = Repository::example().run(&JSON).ends(0).stdout;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let validator = validator("plan");
    let with = |pointer: &str, value: Value| {
        let mut plan = plan.clone();
        *plan.pointer_mut(pointer).unwrap() = value;
        validator.is_valid(&plan)
    };
    for (pointer, value) in [
        ("/formatVersion", json!("2.0")),
        ("/plannedAt", json!("today")),
        ("/digest", json!("")),
        ("/counts/create", json!(-1)),
        ("/steps/0/stage", json!("later")),
        ("/steps/0/change/verb", json!("destroy")),
        ("/steps/4/change/after/kind", json!("guest")),
        ("/steps/4/change/after/type", json!("distribution")),
        ("/steps/0/because/origin", json!(null)),
        ("/findings/0/severity", json!("fatal")),
    ] {
        assert!(!with(pointer, value), "{pointer}");
    }
    for name in ["formatVersion", "tenantName", "steps", "limits", "digest"] {
        let mut plan = plan.clone();
        plan.as_object_mut().unwrap().remove(name);
        assert!(!validator.is_valid(&plan), "{name}");
    }
    let mut later = plan.clone();
    later["formatVersion"] = json!("1.99");
    later["news"] = json!([1]);
    later["steps"][0]["change"]["after"]["news"] = json!({ "a": 1 });
    assert!(validator.is_valid(&later));
}
