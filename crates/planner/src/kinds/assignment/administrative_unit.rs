//! Administrative units: who else may administer a guest. Members of a dynamic one follow its rule, and an
//! application cannot change who is in a restricted one.
//! Source: "administrativeUnit resource type"; "Restricted management administrative units", Entra.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Edge, Held, Rules, Sort};
use crate::kinds::guest::user::{DecodeError, text};
use crate::policy::Policy;
use crate::request::{Read, Request, literal};
use crate::snapshot::Topic;

pub(super) struct AdministrativeUnit;

const READING: &str = "AdministrativeUnit.Read.All";
const UNITS: &str = "/directory/administrativeUnits";

fn optional(path: String) -> Read {
    let read = Read::list(path, READING).optional();
    read.about(Topic::Assigned(Sort::AdministrativeUnit))
}

/// Returns the read of the units of a name.
fn named(name: &str) -> Read {
    let select = "id,displayName,membershipType,isMemberManagementRestricted,visibility";
    optional(format!(
        "{UNITS}?$filter=displayName%20eq%20{}&$select={select}",
        literal(name)
    ))
}

fn members(unit: &str) -> Read {
    optional(format!("{UNITS}/{unit}/members?$select=id&$top=999"))
}

impl Rules for AdministrativeUnit {
    fn noun(&self) -> &'static str {
        "administrative unit"
    }

    fn key(&self) -> &'static str {
        "administrativeUnits"
    }

    fn of_guests(&self) -> &'static str {
        "administrative units of guests"
    }

    fn reading(&self) -> &'static [&'static str] {
        &[READING]
    }

    fn writing(&self) -> &'static [&'static str] {
        &["AdministrativeUnit.ReadWrite.All"]
    }

    fn refusal(&self, to: &str, policy: &Policy) -> Option<String> {
        if self.is_managed(to, true, policy) {
            return None;
        }
        let known = policy.requirements.administrative_units.iter();
        let hint = crate::yaml::suggestion(to, known.map(String::as_str));
        Some(format!(
            "`requirements.administrativeUnits` does not name `{to}`\nhint: {hint}"
        ))
    }

    fn allowed(&self, policy: &Policy) -> Vec<String> {
        policy.requirements.administrative_units.clone()
    }

    fn is_managed(&self, to: &str, _: bool, policy: &Policy) -> bool {
        policy
            .requirements
            .administrative_units
            .iter()
            .any(|name| name == to)
    }

    fn reads(&self, policy: &Policy, held: &Held) -> Vec<Read> {
        let names: BTreeSet<_> = policy.requirements.administrative_units.iter().collect();
        let names = names.into_iter().map(|name| named(name));
        names
            .chain(held.names.keys().map(|unit| members(unit)))
            .collect()
    }

    fn leads_on(&self) -> bool {
        true
    }

    fn take_in(&self, read: &Read, items: &[Value], held: &mut Held) -> Result<(), DecodeError> {
        let rest = read.path.strip_prefix(UNITS).unwrap_or_default();
        let unit = rest.strip_prefix('/').and_then(|rest| rest.split_once('/'));
        for item in items {
            let id = text(item, "id").ok_or(DecodeError::NoId)?;
            if let Some((unit, _)) = unit {
                let (to, id, holder) = (unit.to_owned(), unit.to_owned(), id);
                let edge = Edge {
                    to,
                    id,
                    fixed: None,
                    flaw: None,
                };
                held.holders.entry(holder).or_default().insert(edge);
                continue;
            }
            let dynamic =
                text(item, "membershipType").is_some_and(|it| it.eq_ignore_ascii_case("dynamic"));
            let closed = match () {
                () if item["isMemberManagementRestricted"] == true => {
                    Some("no application may change who is in it")
                }
                () if dynamic => Some("its members follow a rule"),
                () if item["visibility"] == "HiddenMembership" => Some("who is in it is hidden"),
                () => None,
            };
            held.closed
                .extend(closed.map(|why| (id.clone(), why.to_owned())));
            held.names
                .insert(id, text(item, "displayName").unwrap_or_default());
        }
        Ok(())
    }

    fn give(&self, user: &str, to: &str) -> Request {
        Request::link(
            &format!("{UNITS}/{to}"),
            "members",
            format!("/users/{user}"),
        )
    }

    fn take(&self, user: &str, unit: &str) -> Request {
        Request::unlink(&format!("{UNITS}/{unit}"), "members", user)
    }
}
