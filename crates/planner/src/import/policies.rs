//! The policies of the tenant that no file declares, as a file.

use super::{HEAD, free};
use jiff::Timestamp;

use crate::kinds::tenant_policy::{Properties, Section};
use crate::load::{Config, load};
use crate::request::Read;
use crate::snapshot::{Snapshot, referrals};
use crate::yaml::Source;

fn sections(config: &Config) -> impl Iterator<Item = Section> {
    let declared = &config.desired.policies;
    Section::always().filter(|section| !declared.contains_key(section))
}

/// Returns the reads that such a file needs, besides what is known.
pub fn reads(config: &Config, snapshot: &Snapshot) -> Vec<Read> {
    let reads = sections(config).flat_map(|section| section.terms().reads());
    reads.filter(|read| !snapshot.knows(read)).collect()
}

/// Returns the reads that name what those policies refer to.
pub fn referred(config: &Config, snapshot: &Snapshot) -> Vec<Read> {
    referrals(snapshot, sections(config))
}

/// Returns a file with those that the tenant has, if it has any, and what is to be said of the others.
pub fn file(
    config: &Config,
    snapshot: &Snapshot,
    sources: &[Source],
) -> (Option<Source>, Vec<String>) {
    let (mut text, mut notes, mut key) = (String::new(), Vec::new(), None);
    for section in sections(config) {
        let seen = snapshot.policies(section);
        let known = section
            .terms()
            .reads()
            .iter()
            .all(|read| snapshot.knows(read));
        if !known {
            let permissions = section.terms().reading().join(", ");
            notes.push(format!(
                "{} left out: it could not be read (grant {permissions})",
                section.called()
            ));
            continue;
        }
        let mut written = String::new();
        for (name, all) in &seen.named {
            match all.as_slice() {
                [(_, properties)] => match one(section, name, properties, snapshot) {
                    Ok(policy) => written += &policy,
                    Err(why) => notes.push(format!("{} left out: {why}", section.address(name))),
                },
                _ => notes.push(format!(
                    "{} left out: the tenant has {} of it",
                    section.address(name),
                    all.len()
                )),
            }
        }
        let has_key = Section::of(section.key()) != Some(section) && key == Some(section.key());
        if !written.is_empty() {
            if !has_key {
                text += &format!("{}:\n", section.key());
            }
            text += &written;
            key = Some(section.key());
        }
    }
    let taken = sources.iter().map(|source| source.path.clone()).collect();
    let path = free("policies/tenant-policies", &taken);
    let text = (!text.is_empty()).then(|| format!("{HEAD}{text}"));
    (text.map(|text| Source { path, text }), notes)
}

/// Returns a policy as YAML; nothing if it is no concern of guests, and why not if no file can say it.
fn one(
    section: Section,
    name: &str,
    properties: &Properties,
    snapshot: &Snapshot,
) -> Result<String, &'static str> {
    const UNSAYABLE: &str = "no file can say what it says";
    let terms = section.terms();
    let named = terms.renamed(properties, &mut |sort, id| {
        snapshot.name_of(sort, id).unwrap_or_else(|| id.to_owned())
    });
    let written = terms.written(name, &named);
    if !terms.is_list() {
        return written.ok_or(UNSAYABLE);
    }
    let Some(text) = written else {
        return Ok(String::new());
    };
    match says_the_same(section, &text, &named) {
        true => Ok(text),
        false => Err(UNSAYABLE),
    }
}

/// Returns whether a policy as YAML, read again, leaves the policy as it is.
fn says_the_same(section: Section, text: &str, named: &Properties) -> bool {
    let source = Source {
        path: "policies/tenant-policies.yaml".into(),
        text: format!("{}:\n{text}", section.key()),
    };
    let Ok(config) = load(&[source], Timestamp::UNIX_EPOCH) else {
        return false;
    };
    let mut declared = config.desired.policies.get(&section).into_iter().flatten();
    declared.next().is_some_and(|declared| {
        let terms = section.terms();
        let by_id = terms.renamed(&declared.properties, &mut |sort, name| {
            let id = declared.ids.get(&(sort, name.to_owned()));
            id.map_or(name, String::as_str).to_owned()
        });
        terms.over(named, &by_id) == *named
    })
}
