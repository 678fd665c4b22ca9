//! The policies of the tenant in a report: of conditional access what they ask, and of how many guests; of the
//! others what they say.

use serde_json::Value;

use super::Sources;
use super::guests::Account;
use crate::coverage::{Known, Memberships};
use crate::kinds::Change;
use crate::kinds::tenant_policy::Section;
use crate::load::Origin;
use crate::parallel;
use crate::plan::Plan;
use crate::rule::Truth;

/// A conditional access policy of the tenant.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Whether it is in force, in Graph's words.
    pub state: String,
    /// What it asks.
    pub asks: Vec<String>,
    /// How many guests it covers.
    pub covers: usize,
    /// How many more it may cover: that cannot be told.
    pub perhaps: usize,
    /// Where it is declared, if it is.
    pub origin: Option<Origin>,
}

/// Returns the policies that were read, by name.
pub(super) fn all(sources: Sources<'_>, accounts: &[Account<'_>]) -> Vec<Policy> {
    let known = Known::new(sources.snapshot);
    let guests: Vec<_> = accounts.iter().filter_map(|account| account.user).collect();
    let count = |policy: &crate::coverage::AccessPolicy| {
        let shares = parallel::shares(&guests, |share| {
            let covers = share
                .iter()
                .map(|user| policy.covers(&known, user, Memberships::Unread));
            covers.fold((0, 0), |(sure, perhaps), covers| match covers {
                Truth::Yes => (sure + 1, perhaps),
                Truth::Unknown => (sure, perhaps + 1),
                Truth::No => (sure, perhaps),
            })
        });
        let sum = |a: (usize, usize), b: (usize, usize)| (a.0 + b.0, a.1 + b.1);
        shares.into_iter().fold((0, 0), sum)
    };
    let declared = sources
        .config
        .desired
        .policies
        .get(&Section::ConditionalAccess);
    let all = sources.snapshot.access_policies.iter().map(|policy| {
        let (covers, perhaps) = count(policy);
        let mut declared = declared.into_iter().flatten();
        let origin = declared.find(|one| one.name == policy.name);
        Policy {
            name: policy.name.clone(),
            state: policy.state.clone(),
            asks: policy.asks.clone(),
            covers,
            perhaps,
            origin: origin.map(|one| one.origin.clone()),
        }
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// Another policy of the tenant.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What plans call it.
    pub name: String,
    /// What it says now, property by property, of what files manage.
    pub says: Vec<String>,
    /// What the next apply does with it.
    pub due: Option<&'static str>,
    /// Where it is declared, if it is.
    pub origin: Option<Origin>,
}

/// Returns the other policies that were read, and those that are still to be made.
pub(super) fn rules(sources: Sources<'_>, plan: &Plan) -> Vec<Rule> {
    let mut rules = Vec::new();
    let snapshot = sources.snapshot;
    let sections = Section::ALL.iter().copied();
    for section in sections.filter(|section| *section != Section::ConditionalAccess) {
        let seen = &snapshot.policies(section).named;
        let declared = sources.config.desired.policies.get(&section);
        let declared = || declared.into_iter().flatten();
        let new = declared().filter(|one| !seen.contains_key(&one.name));
        let names = seen.keys().chain(new.map(|one| &one.name));
        rules.extend(names.map(|name| {
            let address = section.address(name);
            let mut steps = plan.steps.iter();
            let step = steps.find(|step| step.address == address);
            let terms = section.terms();
            let properties = seen.get(name).and_then(|all| all.first());
            let says = properties.map(|(_, properties)| {
                terms.renamed(properties, &mut |sort, id| {
                    snapshot.name_of(sort, id).unwrap_or_else(|| id.to_owned())
                })
            });
            let one = declared().find(|one| one.name == *name);
            let is_managed = |path: &str| one.is_none_or(|one| one.properties.contains_key(path));
            let says = says.into_iter().flatten();
            let says = says.filter(|(path, _)| is_managed(path));
            Rule {
                name: address.to_string(),
                says: says.map(|(name, value)| said(&name, &value)).collect(),
                due: step.map(|step| match step.change {
                    Change::Create { .. } => "is made",
                    Change::Delete { .. } => "is deleted",
                    _ => "changes",
                }),
                origin: one.map(|one| one.origin.clone()),
            }
        }));
    }
    rules
}

fn said(name: &str, value: &Value) -> String {
    match value {
        Value::String(text) => format!("{name}: {text}"),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let items: Vec<_> = items.iter().filter_map(Value::as_str).collect();
            format!("{name}: {}", items.join(", "))
        }
        other => format!("{name}: {other}"),
    }
}
