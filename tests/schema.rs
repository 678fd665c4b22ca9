//! The JSON Schema for editors: it is the one that is checked in, accepts what is right, and rejects
//! what can be seen to be wrong without knowing other files.

use jsonschema::Validator;
use serde_json::Value;

use crate::harness::{Repository, root};

fn schema(files: &str) -> Value {
    let repository = Repository::example();
    let told = repository.run(&["schema", files]).ends(0).stdout;
    let checked_in = root().join(format!("docs/schema/{files}.json"));
    assert_eq!(
        std::fs::read_to_string(&checked_in).unwrap(),
        told,
        "`guestlist schema {files}` prints what docs/schema/{files}.json should hold"
    );
    serde_json::from_str(&told).unwrap()
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

fn validator(files: &str) -> Validator {
    jsonschema::validator_for(&schema(files)).unwrap()
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
        "groups: [{description: x}]",
    ] {
        assert!(!policies.is_valid(&yaml(text)), "{text}");
    }
}
