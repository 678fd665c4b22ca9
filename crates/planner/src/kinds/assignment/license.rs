//! Licences. Those that a guest has by way of a group are seen, and are the group's.
//! Source: "user: assignLicense", Graph v1.0.

use serde_json::{Value, json};

use super::{Edge, Held, Rules, Sort};
use crate::kinds::guest::user::{DecodeError, text};
use crate::policy::Policy;
use crate::request::{Already, Read, Request};
use crate::snapshot::Topic;

pub(super) struct License;

const READING: &str = "LicenseAssignment.Read.All";
const SKUS: &str = "/subscribedSkus";

fn optional(path: &str, permission: &'static str) -> Read {
    let read = Read::list(path, permission).optional();
    read.about(Topic::Assigned(Sort::License))
}

/// Returns the read of what the tenant has bought.
fn skus() -> Read {
    let path =
        format!("{SKUS}?$select=skuId,skuPartNumber,capabilityStatus,consumedUnits,prepaidUnits");
    optional(&path, READING)
}

/// Returns the read of which guest has which licence, and by whom.
fn states() -> Read {
    let path =
        "/users?$filter=userType%20eq%20%27Guest%27&$select=id,licenseAssignmentStates&$top=999";
    optional(path, "User.Read.All")
}

impl Rules for License {
    fn noun(&self) -> &'static str {
        "license"
    }

    fn key(&self) -> &'static str {
        "licenses"
    }

    fn of_guests(&self) -> &'static str {
        "licenses of guests"
    }

    fn reading(&self) -> &'static [&'static str] {
        &[READING]
    }

    fn writing(&self) -> &'static [&'static str] {
        &["LicenseAssignment.ReadWrite.All"]
    }

    fn refusal(&self, to: &str, policy: &Policy) -> Option<String> {
        if self.is_managed(to, true, policy) {
            return None;
        }
        let known = policy.requirements.licenses.iter().map(String::as_str);
        let hint = crate::yaml::suggestion(to, known);
        Some(format!(
            "`requirements.licenses` does not name license `{to}`\nhint: {hint}"
        ))
    }

    fn allowed(&self, policy: &Policy) -> Vec<String> {
        policy.requirements.licenses.clone()
    }

    fn is_managed(&self, to: &str, _: bool, policy: &Policy) -> bool {
        policy.requirements.licenses.iter().any(|name| name == to)
    }

    fn reads(&self, policy: &Policy, _: &Held) -> Vec<Read> {
        match policy.requirements.licenses.is_empty() {
            true => Vec::new(),
            false => vec![skus(), states()],
        }
    }

    fn take_in(&self, read: &Read, items: &[Value], held: &mut Held) -> Result<(), DecodeError> {
        for item in items {
            if read.path.starts_with(SKUS) {
                let (sku, name) = (text(item, "skuId"), text(item, "skuPartNumber"));
                let (sku, name) = sku.zip(name).ok_or(DecodeError::Missing("skuId"))?;
                let used = item["consumedUnits"].as_i64().unwrap_or_default();
                let units = &item["prepaidUnits"];
                let bought =
                    ["enabled", "warning"].map(|kind| units[kind].as_i64().unwrap_or_default());
                held.room
                    .insert(sku.clone(), bought.iter().sum::<i64>() - used);
                held.names.insert(sku, name);
                continue;
            }
            let user = text(item, "id").ok_or(DecodeError::NoId)?;
            let states = item["licenseAssignmentStates"].as_array();
            for state in states.into_iter().flatten() {
                let sku = text(state, "skuId").ok_or(DecodeError::Missing("skuId"))?;
                let group = text(state, "assignedByGroup");
                let is_in_effect =
                    |state: &&str| matches!(*state, "Active" | "ActiveWithError" | "Disabled");
                let flaw = state["state"].as_str().filter(|state| !is_in_effect(state));
                let flaw = flaw.map(|flaw| match state["error"].as_str() {
                    None | Some("None") => flaw.to_owned(),
                    Some(error) => format!("{flaw}, {error}"),
                });
                let edge = Edge {
                    flaw,
                    to: sku.clone(),
                    id: sku,
                    fixed: group.map(|group| format!("it comes with group {group}")),
                };
                held.holders.entry(user.clone()).or_default().insert(edge);
            }
        }
        Ok(())
    }

    /// One that comes with a group is one.
    fn suffices(&self, _: &Edge) -> bool {
        true
    }

    /// Source: "user: assignLicense", Graph v1.0.
    fn needs(&self) -> Option<&'static str> {
        Some("usageLocation")
    }

    fn give(&self, user: &str, to: &str) -> Request {
        assign(
            user,
            json!([{ "skuId": to, "disabledPlans": [] }]),
            json!([]),
        )
    }

    fn take(&self, user: &str, license: &str) -> Request {
        Request {
            already: Some(Already::Gone),
            ..assign(user, json!([]), json!([license]))
        }
    }
}

/// Returns the request that gives and takes. Giving what is there already changes nothing.
fn assign(user: &str, add: Value, remove: Value) -> Request {
    let body = json!({ "addLicenses": add, "removeLicenses": remove });
    Request::post(format!("/users/{user}/assignLicense"), body).repeatable()
}
