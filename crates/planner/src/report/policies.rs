//! The conditional access policies of a report: what they ask, and of how many guests.

use super::Sources;
use super::guests::Account;
use crate::coverage::{Known, Memberships};
use crate::kinds::tenant_policy::Section;
use crate::load::Origin;
use crate::parallel;
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
