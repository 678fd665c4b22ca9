//! Which entries of the files have had their time: guests whose off-boarding is complete, and guests
//! who left. Goes by what a plan found, so that nothing is tidied that a plan would still act on.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Address;
use crate::finding::{Finding, Severity};
use crate::load::Config;
use crate::matching::{Match, Matching};
use crate::plan::Plan;
use crate::snapshot::Snapshot;
use crate::yaml::edit::Change;

/// Returns what to change about which entries, by the guests' keys. `plan` was made from the same
/// files and snapshot, without leaving anything out, and no later than as of when the snapshot was
/// taken: who is absent from an older one may have come since.
pub fn tidy(config: &Config, observed: &Snapshot, plan: &Plan) -> BTreeMap<String, Change> {
    let matching = Matching::new(observed, &config.desired, &config.policy);
    let zone = &config.policy.tenant.time_zone;
    let mut findings: BTreeMap<&Address, Vec<&Finding>> = BTreeMap::new();
    for finding in &plan.findings {
        if let Some(address) = &finding.about {
            findings.entry(address).or_default().push(finding);
        }
    }
    let busy: BTreeSet<_> = plan.steps.iter().map(|step| &step.address).collect();
    let change = |key: &String| {
        let address = Address::guest(key);
        let found = findings.get(&address)?;
        let is = |code: &str| found.iter().any(|finding| finding.code == code);
        if found
            .iter()
            .any(|finding| finding.severity == Severity::Error)
            || busy.contains(&address)
        {
            return None;
        }
        match matching.of(key) {
            Match::Absent | Match::Deleted(_) if is("over") => Some(Change::Remove),
            Match::Deleted(user) if is("left") => {
                let day = |at: jiff::Timestamp| at.to_zoned(zone.clone()).date().to_string();
                Some(Change::Left(user.deleted.map(day)))
            }
            _ => None,
        }
    };
    let guests = config.desired.guests.keys();
    guests
        .filter_map(|key| Some((key.clone(), change(key)?)))
        .collect()
}
