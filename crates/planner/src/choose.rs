//! Which of the steps this run is about: one guest's, those approved, those the limit on
//! invitations leaves room for. What depends on a step that is left out is left out with it.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Address;
use crate::finding::{Finding, Severity};
use crate::kinds::{Change, Object, Stage};
use crate::plan::Step;

/// Leaves invitations above the limit, and what depends on them, for the next run.
pub(crate) fn hold_back(steps: &mut Vec<Step>, findings: &mut Vec<Finding>, limit: usize) -> usize {
    let mut kept = 0;
    let mut held: BTreeSet<Address> = BTreeSet::new();
    let mut acts: BTreeSet<Address> = BTreeSet::new();
    for step in steps.iter().filter(|step| step.invites()) {
        if kept < limit {
            kept += 1;
        } else if matches!(step.change, Change::Create { .. }) {
            held.insert(step.address.clone());
        } else {
            acts.insert(step.address.clone());
        }
    }
    let before = steps.len();
    steps.retain(|step| {
        let waits = held.contains(&step.address)
            || step.change.object().refs().iter().any(|r| held.contains(r));
        let waits_to_act = step.invites() && acts.contains(&step.address);
        !(waits || waits_to_act)
    });
    let invitations = held.len() + acts.len();
    if invitations > 0 {
        findings.push(Finding {
            severity: Severity::Info,
            code: "invitations-held-back".to_owned(),
            about: None,
            text: format!("{invitations} more invitations are left for the next run: `limits.invitations.count` is {limit}"),
            hint: None,
            origin: None,
        });
    }
    before - steps.len()
}

/// Keeps one guest's steps, and the creation of groups that the guest joins and of what those need.
pub(crate) fn restrict(steps: &mut Vec<Step>, findings: &mut Vec<Finding>, only: &str) {
    let is_its = |object: &Object| object.guest() == Some(only);
    let objects = steps.iter().map(|step| step.change.object());
    let its = objects.filter(|object| is_its(object));
    let mut joined: BTreeSet<_> = its.flat_map(Object::refs).collect();
    // What is made for the guest may need something that is made for it.
    let needed = steps.iter().filter(|step| joined.contains(&step.address));
    let needed: Vec<_> = needed
        .flat_map(|step| step.change.object().refs())
        .collect();
    joined.extend(needed);
    let made = |step: &Step| {
        matches!(step.change, Change::Create { .. }) && joined.contains(&step.address)
    };
    steps.retain(|step| is_its(step.change.object()) || made(step));
    let concerns = |about: &Address| about.key.split(" / ").any(|part| part == only);
    findings.retain(|finding| finding.about.as_ref().is_none_or(concerns));
}

/// Returns the accounts that steps hand to another address.
pub(crate) fn handed_over(steps: &[Step]) -> BTreeSet<Address> {
    let handing = steps.iter().filter(|step| step.hands_over());
    handing.map(|step| step.address.clone()).collect()
}

/// Leaves out what an account would be given under its new address while it still has the old one:
/// `wanted` are all that should be handed over.
pub(crate) fn not_handed_over(wanted: BTreeSet<Address>, steps: &mut Vec<Step>) {
    let handed = handed_over(steps);
    let waiting: BTreeSet<_> = wanted.difference(&handed).collect();
    let waits = |step: &Step| {
        step.change
            .object()
            .guest()
            .is_some_and(|guest| waiting.contains(&Address::guest(guest)))
    };
    steps.retain(|step| step.stage < Stage::Admit || !waits(step));
}

/// Returns the policies that steps put up as guards.
pub(crate) fn guarding(steps: &[Step]) -> BTreeSet<Address> {
    let guarding = steps.iter().filter(|step| step.guards());
    guarding.map(|step| step.address.clone()).collect()
}

/// Leaves out whatever gives access, and whatever lowers a guard, while a guard is not put up: `wanted`
/// are all that should be.
pub(crate) fn unguarded(
    wanted: BTreeSet<Address>,
    steps: &mut Vec<Step>,
    findings: &mut Vec<Finding>,
) {
    let guarding = guarding(steps);
    let missing: Vec<_> = wanted
        .difference(&guarding)
        .map(Address::to_string)
        .collect();
    let before = steps.len();
    if missing.is_empty() {
        return;
    }
    steps.retain(|step| step.stage < Stage::Admit);
    let left_out = before - steps.len();
    if left_out > 0 {
        let things = if left_out == 1 {
            "step waits"
        } else {
            "steps wait"
        };
        findings.push(Finding {
            severity: Severity::Error,
            code: "unguarded".to_owned(),
            about: None,
            text: format!(
                "{left_out} {things}: nobody is given anything before {} is in force",
                missing.join(", ")
            ),
            hint: Some(
                "an error on it keeps it away, or `--only`, `--no-removals`, or an approved plan that lacks it".to_owned(),
            ),
            origin: None,
        });
    }
}

/// Keeps the steps that are among the approved ones.
pub(crate) fn keep_approved(steps: &mut Vec<Step>, approved: &[Step]) {
    let approved = by_address(approved);
    steps.retain(|step| same(&approved, step).any(|other| step.is(other)));
}

/// Says which approved steps are not executed because their ground has shifted, as a text diff
/// from what was approved to what would be done now. A step that is wanted no more is done
/// already; what is new is never executed.
pub(crate) fn left_out(approved: &[Step], fresh: &[Step]) -> Vec<Finding> {
    let verb = |step: &Step| std::mem::discriminant(&step.change);
    let deed = |step: &Step| match &step.change {
        Change::Act { action, .. } => Some(*action),
        _ => None,
    };
    let fresh = by_address(fresh);
    let open = approved
        .iter()
        .filter(|step| !same(&fresh, step).any(|other| step.is(other)));
    open.filter_map(|step| {
        let now = same(&fresh, step)
            .find(|other| verb(other) == verb(step) && deed(other) == deed(step))?;
        Some(Finding {
            severity: Severity::Error,
            code: "left-out".to_owned(),
            about: Some(step.address.clone()),
            text: "is not changed: what is there differs from what was approved".to_owned(),
            hint: Some(difference(step, now)),
            origin: None,
        })
    })
    .collect()
}

/// Steps by the object they are on; there may be several.
type ByAddress<'a> = BTreeMap<&'a Address, Vec<&'a Step>>;

fn by_address(steps: &[Step]) -> ByAddress<'_> {
    let mut all = ByAddress::new();
    for step in steps {
        all.entry(&step.address).or_default().push(step);
    }
    all
}

/// Returns the steps on the same object.
fn same<'a>(all: &ByAddress<'a>, step: &Step) -> impl Iterator<Item = &'a Step> {
    all.get(&step.address)
        .cloned()
        .unwrap_or_default()
        .into_iter()
}

fn difference(approved: &Step, now: &Step) -> String {
    let text = |step: &Step| serde_json::to_string_pretty(&step.change).unwrap_or_default();
    let (approved, now) = (text(approved), text(now));
    similar::TextDiff::from_lines(&approved, &now)
        .unified_diff()
        .context_radius(0)
        .to_string()
}
