//! Licences of people: given and taken in one call, counted against what the tenant bought.
//! Source: "user: assignLicense", Graph v1.0.

use serde_json::{Value, json};

use crate::call::Call;
use crate::directory::set;
use crate::error::{GraphError, Outcome};
use crate::list::{self, Item};
use crate::tenant::{Object, text};
use crate::time;

pub(crate) fn assign(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    let id = text(call.user(call.param(0))?, "id").to_owned();
    let (add, remove) = (
        array(&body, "addLicenses")?,
        array(&body, "removeLicenses")?,
    );
    if let Some(stranger) = body
        .keys()
        .find(|key| !["addLicenses", "removeLicenses"].contains(&key.as_str()))
    {
        return Err(GraphError::bad(format!(
            "The parameter '{stranger}' does not exist in the operation."
        )));
    }
    for sku in &remove {
        take(call, &id, sku.as_str().unwrap_or_default())?;
    }
    for license in &add {
        give(call, &id, license)?;
    }
    let item = Item::new("user", call.user(&id)?);
    list::one(call, set("user", "users"), &item)
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
