//! The policies of the tenant that no file declares, as a file.

use super::{HEAD, free};
use crate::kinds::tenant_policy::Section;
use crate::load::Config;
use crate::request::Read;
use crate::snapshot::Snapshot;
use crate::yaml::Source;

fn sections(config: &Config) -> impl Iterator<Item = Section> {
    let declared = &config.desired.policies;
    let sections = Section::ALL.iter().copied();
    sections.filter(|section| !declared.contains_key(section))
}

/// Returns the reads that such a file needs.
pub fn reads(config: &Config) -> Vec<Read> {
    let reads = sections(config).flat_map(|section| section.terms().reads());
    reads.collect()
}

/// Returns a file with those that the tenant has, if it has any, and what is to be said of the others.
pub fn file(
    config: &Config,
    snapshot: &Snapshot,
    sources: &[Source],
) -> (Option<Source>, Vec<String>) {
    let (mut text, mut notes) = (String::new(), Vec::new());
    for section in sections(config) {
        let seen = snapshot.policies(section);
        let mut named = seen.named.values();
        let known = section
            .terms()
            .reads()
            .iter()
            .all(|read| snapshot.knows(read));
        match named.next().map(Vec::as_slice) {
            _ if !known => {
                let permissions = section.terms().reading().join(", ");
                notes.push(format!(
                    "`{}` left out: it could not be read (grant {permissions})",
                    section.key()
                ));
            }
            Some([(_, properties)]) => match section.terms().written(properties) {
                Some(written) => text += &format!("{}:\n{written}", section.key()),
                None => notes.push(format!(
                    "`{}` left out: no file can say what it says",
                    section.key()
                )),
            },
            _ => {}
        }
    }
    let taken = sources.iter().map(|source| source.path.clone()).collect();
    let path = free("policies/tenant-policies", &taken);
    let text = (!text.is_empty()).then(|| format!("{HEAD}{text}"));
    (text.map(|text| Source { path, text }), notes)
}
