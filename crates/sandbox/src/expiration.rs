//! The policy by which Microsoft 365 groups expire: one for the tenant, for all groups, some or none.
//! Source: "groupLifecyclePolicy resource type", Graph v1.0.

use serde_json::json;
use uuid::Uuid;

use crate::call::Call;
use crate::check::{self, Purpose};
use crate::directory::set;
use crate::error::{GraphError, Outcome};
use crate::http::Reply;
use crate::list::{self, Item};
use crate::source::Source;
use crate::tenant::{self, Object, has_type, ids, text};

const OF: &str = "groupLifecyclePolicy";
const SET: &str = "groupLifecyclePolicies";
/// The most groups of a policy for selected ones.
const MOST: usize = 500;

pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let items = Source::Table(OF, &call.tenant.group_lifecycle_policies);
    list::many(call, set(OF, SET), items)
}

/// Lists the policies that a group expires by.
pub(crate) fn of_group(call: &mut Call<'_>) -> Outcome {
    let group = call.group(call.param(0))?;
    let id = text(group, "id");
    let unified = has_type(group, "Unified");
    let policies = call.tenant.group_lifecycle_policies.values();
    let policies = policies.filter(|policy| match text(policy, "managedGroupTypes") {
        "All" => unified,
        "Selected" => ids(policy, "groups").any(|one| one == id),
        _ => false,
    });
    let items = policies.map(|policy| Item::new(OF, policy)).collect();
    list::many(call, set(OF, SET), Source::Items(items))
}

pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    let mut body = call.body()?;
    check::body(OF, &body, Purpose::Create)?;
    check::required(OF, &body, &["groupLifetimeInDays", "managedGroupTypes"])?;
    check_values(&body)?;
    if !call.tenant.group_lifecycle_policies.is_empty() {
        return Err(GraphError::bad(
            "A group lifecycle policy already exists in this tenant.",
        ));
    }
    let id = Uuid::new_v4().to_string();
    body.insert("id".into(), json!(id));
    body.insert("groups".into(), json!([]));
    let policies = &mut call.tenant.group_lifecycle_policies;
    policies.insert(id.clone(), body);
    let reply = list::one(call, set(OF, SET), &Item::new(OF, policy(call, &id)?))?;
    Ok(Reply {
        status: 201,
        ..reply
    })
}

pub(crate) fn update(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    check::body(OF, &body, Purpose::Update)?;
    check_values(&body)?;
    let id = call.param(0).to_owned();
    policy(call, &id)?;
    if let Some(policy) = call.tenant.group_lifecycle_policies.get_mut(&id) {
        policy.extend(body);
    }
    list::one(call, set(OF, SET), &Item::new(OF, policy(call, &id)?))
}

pub(crate) fn add_group(call: &mut Call<'_>) -> Outcome {
    let (id, group) = named(call)?;
    if !has_type(call.group(&group)?, "Unified") {
        return Err(GraphError::bad(
            "Only Microsoft 365 groups can be added to a group lifecycle policy.",
        ));
    }
    change(call, &id, |policy| {
        if ids(policy, "groups").count() >= MOST {
            return Err(GraphError::bad(
                "The maximum number of groups of the policy is reached.",
            ));
        }
        Ok(tenant::link(policy, "groups", &group))
    })
}

pub(crate) fn remove_group(call: &mut Call<'_>) -> Outcome {
    let (id, group) = named(call)?;
    change(call, &id, |policy| {
        Ok(tenant::unlink(policy, "groups", &group))
    })
}

/// Returns the policy of an action and the group that its body names.
fn named(call: &Call<'_>) -> Outcome<(String, String)> {
    let body = call.body()?;
    if let Some(stranger) = body.keys().find(|key| *key != "groupId") {
        return Err(GraphError::bad(format!(
            "The parameter '{stranger}' does not exist in the operation."
        )));
    }
    let id = call.param(0).to_owned();
    if text(policy(call, &id)?, "managedGroupTypes") != "Selected" {
        return Err(GraphError::bad(
            "Groups can be added and removed only if managedGroupTypes is Selected.",
        ));
    }
    Ok((id, text(&body, "groupId").to_owned()))
}

/// Changes the groups of a policy and answers whether they changed.
fn change(
    call: &mut Call<'_>,
    id: &str,
    act: impl FnOnce(&mut Object) -> Outcome<bool>,
) -> Outcome {
    let policy = call.tenant.group_lifecycle_policies.get_mut(id);
    let changed = act(policy.ok_or_else(|| GraphError::not_found(id))?)?;
    Ok(Reply::ok(json!({
        "@odata.context": format!("{}/$metadata#Edm.Boolean", call.root), "value": changed,
    })))
}

fn policy<'a>(call: &'a Call<'_>, id: &str) -> Outcome<&'a Object> {
    let policy = call.tenant.group_lifecycle_policies.get(id);
    policy.ok_or_else(|| GraphError::not_found(id))
}

fn check_values(body: &Object) -> Outcome<()> {
    let invalid = |name: &str| Err(GraphError::invalid_value(name, "GroupLifecyclePolicy"));
    let days = body.get("groupLifetimeInDays");
    if days.is_some_and(|days| days.as_i64().is_none_or(|days| days < 30)) {
        return invalid("groupLifetimeInDays");
    }
    let types = body.contains_key("managedGroupTypes");
    if types && !["All", "Selected", "None"].contains(&text(body, "managedGroupTypes")) {
        return invalid("managedGroupTypes");
    }
    Ok(())
}
