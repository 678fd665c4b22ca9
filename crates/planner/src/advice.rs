//! What a person should know of the files, whatever the tenant has.

use crate::address::Address;
use crate::finding::{Finding, Severity};
use crate::kinds::group::written::Declared;
use crate::load::Desired;
use crate::rule;

/// Returns what is right in the files and may still not be what people believe.
pub fn advice(desired: &Desired) -> Vec<Finding> {
    desired.groups.values().flat_map(of_a_rule).collect()
}

/// Returns what is slow or surprising about the rule of a group.
fn of_a_rule(group: &Declared) -> Vec<Finding> {
    let rule = group.rule.as_deref().map(rule::parse);
    let Some(Ok(rule)) = rule else {
        return Vec::new();
    };
    let finding = |text: &str| Finding {
        severity: Severity::Warning,
        code: "rule-caution".to_owned(),
        about: Some(Address::group(&group.name)),
        text: format!("its membershipRule {text}"),
        hint: None,
        origin: Some(group.origin.clone()),
    };
    rule.cautions().into_iter().map(finding).collect()
}
