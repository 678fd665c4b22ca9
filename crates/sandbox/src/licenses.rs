//! Licences of people and of groups: given and taken in one call, counted against what the tenant bought.
//! Source: "user: assignLicense", Graph v1.0.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::call::Call;
use crate::directory::set;
use crate::error::{GraphError, Outcome};
use crate::http::Reply;
use crate::list::{self, Item};
use crate::tenant::{Object, Tenant, ids, text};
use crate::time;

/// What to give, and the ids of what to take.
type Asked = (Vec<Value>, Vec<Value>);

fn asked(call: &Call<'_>) -> Outcome<Asked> {
    let body = call.body()?;
    if let Some(stranger) = body
        .keys()
        .find(|key| !["addLicenses", "removeLicenses"].contains(&key.as_str()))
    {
        return Err(GraphError::bad(format!(
            "The parameter '{stranger}' does not exist in the operation."
        )));
    }
    Ok((
        array(&body, "addLicenses")?,
        array(&body, "removeLicenses")?,
    ))
}

pub(crate) fn assign(call: &mut Call<'_>) -> Outcome {
    let (add, remove) = asked(call)?;
    let id = text(call.user(call.param(0))?, "id").to_owned();
    for sku in &remove {
        take(call, &id, sku.as_str().unwrap_or_default())?;
    }
    for license in &add {
        give(call, &id, license)?;
    }
    let item = Item::new("user", call.user(&id)?);
    list::one(call, set("user", "users"), &item)
}

/// Gives a group licences and takes them. Its direct members get them later, and here at once.
/// Source: "group: assignLicense", Graph v1.0.
pub(crate) fn assign_to_group(call: &mut Call<'_>) -> Outcome {
    let (add, remove) = asked(call)?;
    let group = call.group(call.param(0))?;
    let id = text(group, "id").to_owned();
    let mut held = licenses(group);
    for sku in &remove {
        let before = held.len();
        held.retain(|license| license["skuId"] != *sku);
        if held.len() == before {
            return Err(GraphError::bad(
                "Group does not have a corresponding license.",
            ));
        }
    }
    for license in add {
        let sku = license["skuId"].as_str().unwrap_or_default();
        let mut skus = call.tenant.subscribed_skus.values();
        if !skus.any(|known| text(known, "skuId") == sku) {
            return Err(GraphError::bad(format!(
                "License {sku} does not correspond to a valid company License."
            )));
        }
        held.retain(|known| known["skuId"] != license["skuId"]);
        held.push(license);
    }
    if let Some(group) = call.tenant.groups.get_mut(&id) {
        group.insert("assignedLicenses".into(), json!(held));
    }
    let item = Item::new("group", call.group(&id)?);
    let reply = list::one(call, set("group", "groups"), &item)?;
    Ok(Reply {
        status: 202,
        ..reply
    })
}

fn licenses(group: &Object) -> Vec<Value> {
    let licenses = group.get("assignedLicenses").and_then(Value::as_array);
    licenses.cloned().unwrap_or_default()
}

impl Tenant {
    /// Brings the licences that come with groups in line with their members.
    pub(crate) fn refresh_group_licenses(&mut self) {
        let licensed = self
            .groups
            .values()
            .filter(|group| group.contains_key("assignedLicenses"));
        let mut inherited: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut is_any = false;
        for group in licensed {
            is_any = true;
            let (id, licenses) = (text(group, "id"), licenses(group));
            for member in ids(group, "members") {
                let states = licenses.iter().map(|license| json!({
                    "skuId": license["skuId"], "assignedByGroup": id, "state": "Active", "error": "None",
                    "disabledPlans": license["disabledPlans"],
                }));
                inherited
                    .entry(member.to_owned())
                    .or_default()
                    .extend(states);
            }
        }
        if !is_any {
            return;
        }
        let users: Vec<_> = self
            .users
            .iter()
            .map(|(id, user)| (id.clone(), states(user)))
            .collect();
        for (id, before) in users {
            let direct = before
                .iter()
                .filter(|state| state["assignedByGroup"].is_null());
            let mut now: Vec<_> = direct.cloned().collect();
            now.extend(inherited.remove(&id).unwrap_or_default());
            if now != before {
                self.users.change(&id, |user| set_states(user, now));
            }
        }
    }
}

fn array(body: &Object, name: &str) -> Outcome<Vec<Value>> {
    let array = body.get(name).and_then(Value::as_array).cloned();
    array.ok_or_else(|| GraphError::bad(format!("The parameter '{name}' is required.")))
}

fn give(call: &mut Call<'_>, id: &str, license: &Value) -> Outcome<()> {
    let sku = license["skuId"].as_str().unwrap_or_default();
    let user = call.user(id)?;
    if text(user, "usageLocation").is_empty() {
        return Err(GraphError::bad(
            "License assignment cannot be done for user with invalid usage location.",
        ));
    }
    if states(user).iter().any(|state| is_direct(state, sku)) {
        return Ok(());
    }
    let held = states(user).iter().any(|state| state["skuId"] == sku);
    let known = call
        .tenant
        .subscribed_skus
        .values_mut()
        .find(|known| text(known, "skuId") == sku);
    let Some(known) = known else {
        return Err(GraphError::bad(format!(
            "License {sku} does not correspond to a valid company License."
        )));
    };
    let used = known
        .get("consumedUnits")
        .and_then(Value::as_i64)
        .unwrap_or_default();
    let bought = known
        .get("prepaidUnits")
        .and_then(|units| units["enabled"].as_i64());
    if !held && used >= bought.unwrap_or_default() {
        return Err(GraphError::bad(format!(
            "Subscription with SKU {sku} does not have any available licenses."
        )));
    }
    known.insert("consumedUnits".into(), json!(used + i64::from(!held)));
    let now = time::stamp(call.now);
    call.tenant.users.change(id, |user| {
        let mut all = states(user);
        all.push(json!({
            "skuId": sku, "assignedByGroup": null, "state": "Active", "error": "None",
            "disabledPlans": license["disabledPlans"], "lastUpdatedDateTime": now,
        }));
        set_states(user, all);
    });
    Ok(())
}

fn take(call: &mut Call<'_>, id: &str, sku: &str) -> Outcome<()> {
    let all = states(call.user(id)?);
    if !all.iter().any(|state| is_direct(state, sku)) {
        let why = match all.iter().any(|state| state["skuId"] == sku) {
            true => {
                "User license is inherited from a group membership and it cannot be removed directly from the user."
            }
            false => "User does not have a corresponding license.",
        };
        return Err(GraphError::bad(why));
    }
    let left: Vec<_> = all
        .into_iter()
        .filter(|state| !is_direct(state, sku))
        .collect();
    let freed = !left.iter().any(|state| state["skuId"] == sku);
    call.tenant.users.change(id, |user| set_states(user, left));
    let known = call.tenant.subscribed_skus.values_mut();
    for known in known.filter(|known| freed && text(known, "skuId") == sku) {
        let used = known.get("consumedUnits").and_then(Value::as_i64);
        known.insert("consumedUnits".into(), json!(used.unwrap_or(1) - 1));
    }
    Ok(())
}

fn states(user: &Object) -> Vec<Value> {
    let states = user
        .get("licenseAssignmentStates")
        .and_then(Value::as_array);
    states.cloned().unwrap_or_default()
}

fn set_states(user: &mut Object, states: Vec<Value>) {
    let license =
        |state: &Value| json!({ "skuId": state["skuId"], "disabledPlans": state["disabledPlans"] });
    let mut licenses: Vec<Value> = states.iter().map(license).collect();
    licenses.dedup_by(|a, b| a["skuId"] == b["skuId"]);
    user.insert("assignedLicenses".into(), json!(licenses));
    user.insert("licenseAssignmentStates".into(), json!(states));
}

fn is_direct(state: &Value, sku: &str) -> bool {
    state["skuId"] == sku && state["assignedByGroup"].is_null()
}
