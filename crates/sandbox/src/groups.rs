//! Groups: list, read, create, update, and create-if-missing by `uniqueName`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::call::{Call, unique_name};
use crate::check::{self, Purpose};
use crate::error::{GraphError, Outcome};
use crate::http::Reply;
use crate::list::{self, Collection, Item};
use crate::members;
use crate::privileged;
use crate::query::Query;
use crate::rule;
use crate::source::Source;
use crate::tenant::{Object, Tenant, append, has_type, is_dynamic, is_true, same, text};
use crate::time;

pub(crate) const GROUPS: Collection = Collection {
    of: "group",
    context: "groups",
    related: false,
};
/// Owners and members together, in one POST.
const MAX_LINKS: usize = 20;
/// Properties that make a group the kind of group it is.
const DEFINING: [&str; 6] = [
    "groupTypes",
    "mailEnabled",
    "mailNickname",
    "membershipRule",
    "securityEnabled",
    "visibility",
];

pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    list::many(call, GROUPS, all(call))
}

pub(crate) fn count(call: &mut Call<'_>) -> Outcome {
    list::count(call, GROUPS, &all(call))
}

fn all<'a>(call: &'a Call<'_>) -> Source<'a> {
    Source::Table("group", &call.tenant.groups)
}

pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let group = call.group(call.param(0))?;
    list::one(call, GROUPS, &Item::new("group", group))
}

pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    make(call, body)
}

fn make(call: &mut Call<'_>, mut group: Object) -> Outcome {
    let owners = call.take_binds(&mut group, "owners")?;
    let members = call.take_binds(&mut group, "members")?;
    check::body("group", &group, Purpose::Create)?;
    check::required(
        "group",
        &group,
        &[
            "displayName",
            "mailEnabled",
            "mailNickname",
            "securityEnabled",
        ],
    )?;
    check_kind(&group)?;
    check_unique(call, &group)?;
    if is_true(&group, "isAssignableToRole") {
        call.require(&["RoleManagement.ReadWrite.Directory"])?;
    }
    if owners.len() + members.len() > MAX_LINKS {
        return Err(GraphError::bad(format!(
            "The number of relationships in the request exceeds the maximum of {MAX_LINKS}."
        )));
    }
    if is_dynamic(&group) && !members.is_empty() {
        return Err(members::dynamic());
    }
    // What was created a moment ago is not found by the replica that checks links.
    if owners
        .iter()
        .chain(&members)
        .any(|id| call.hidden.contains_key(id))
    {
        return Err(GraphError::bad(
            "One or more property values specified are invalid.",
        ));
    }
    for id in owners.iter().chain(&members) {
        call.target(id)?;
    }

    let id = Uuid::new_v4().to_string();
    complete(call, &id, &mut group);
    group.insert("owners".into(), json!(owners));
    group.insert("members".into(), json!(members));
    let body = list::whole(call, GROUPS, &Item::new("group", &group), &Query::default())?;
    call.tenant.groups.insert(id.clone(), group);
    call.born.push(id);
    Ok(Reply::created(body))
}

/// Fills in what Graph decides.
fn complete(call: &Call<'_>, id: &str, group: &mut Object) {
    let now = json!(time::stamp(call.now));
    let unified = has_type(group, "Unified");
    group.insert("id".into(), json!(id));
    group.insert("createdDateTime".into(), now.clone());
    group.insert("renewedDateTime".into(), now);
    group.entry("groupTypes").or_insert(json!([]));
    if is_dynamic(group) {
        group
            .entry("membershipRuleProcessingState")
            .or_insert(json!("On"));
    }
    if unified {
        let mail = mail_of(call.tenant, group);
        group.insert("proxyAddresses".into(), json!([format!("SMTP:{mail}")]));
        group.insert("mail".into(), json!(mail));
        group.entry("visibility").or_insert(json!("Public"));
    } else if is_true(group, "isAssignableToRole") {
        group.insert("visibility".into(), json!("Private"));
    }
}

pub(crate) fn mail_of(tenant: &Tenant, group: &Object) -> String {
    format!(
        "{}@{}",
        text(group, "mailNickname"),
        tenant.initial_domain()
    )
}

/// The kinds of group that Graph can create, and the properties that go with each.
pub(crate) fn check_kind(group: &Object) -> Outcome<()> {
    let invalid = |name: &str| Err(GraphError::invalid_value(name, "Group"));
    let types = crate::tenant::links(group, "groupTypes");
    if types
        .iter()
        .any(|one| !matches!(one.as_str(), "Unified" | "DynamicMembership"))
    {
        return invalid("groupTypes");
    }
    let (unified, dynamic) = (has_type(group, "Unified"), is_dynamic(group));
    if is_true(group, "mailEnabled") != unified {
        return Err(GraphError::bad(
            "The service does not support creating or changing mail-enabled security groups or distribution lists; mailEnabled goes with groupTypes 'Unified'.",
        ));
    }
    if !unified && !is_true(group, "securityEnabled") {
        return invalid("securityEnabled");
    }
    let nickname = text(group, "mailNickname");
    if !nickname.is_ascii() || nickname.contains(|one: char| "@()\\[]\";:.<>,/' ".contains(one)) {
        return invalid("mailNickname");
    }
    let rule = text(group, "membershipRule");
    if dynamic == rule.is_empty() {
        return invalid("membershipRule");
    }
    if dynamic {
        rule::parse(rule)?;
    }
    if is_true(group, "isAssignableToRole") && (dynamic || !is_true(group, "securityEnabled")) {
        return invalid("isAssignableToRole");
    }
    if text(group, "visibility") == "HiddenMembership" && !unified {
        return invalid("visibility");
    }
    Ok(())
}

/// Names of security groups may repeat; unique names and mail addresses may not.
fn check_unique(call: &Call<'_>, group: &Object) -> Outcome<()> {
    let unique = text(group, "uniqueName");
    if !unique.is_empty() {
        if call.behaviour.refuse_unique_name {
            return Err(GraphError::bad(
                "The property 'uniqueName' is not supported for this tenant.",
            ));
        }
        let taken = |one: &Object| text(one, "uniqueName") == unique;
        if call.tenant.groups.values().any(taken) {
            return Err(GraphError::taken("uniqueName"));
        }
    }
    if has_type(group, "Unified") {
        let nickname = text(group, "mailNickname");
        let taken =
            |one: &Object| has_type(one, "Unified") && same(text(one, "mailNickname"), nickname);
        if call.tenant.groups.values().any(taken) {
            return Err(GraphError::taken("mailNickname"));
        }
    }
    Ok(())
}

pub(crate) fn update(call: &mut Call<'_>) -> Outcome {
    let key = call.param(0).to_owned();
    if let Some(name) = unique_name(&key)? {
        // Creating-if-missing is decided where groups are made, so it sees its own new groups.
        let exists = call
            .tenant
            .groups
            .values()
            .any(|one| text(one, "uniqueName") == name);
        let prefers = call
            .request
            .header("prefer")
            .is_some_and(|one| one.contains("create-if-missing"));
        if prefers && !exists {
            return create_named(call, &name);
        }
        if prefers && exists {
            let id = call
                .tenant
                .groups
                .iter()
                .find(|(_, one)| text(one, "uniqueName") == name);
            let id = id.map(|(id, _)| id.clone()).unwrap_or_default();
            return change(call, &id);
        }
    }
    let id = call.group_id(&key)?;
    change(call, &id)
}

fn create_named(call: &mut Call<'_>, name: &str) -> Outcome {
    call.require(&[
        "Group.Create",
        "Group.ReadWrite.All",
        "Directory.ReadWrite.All",
    ])?;
    let mut body = call.body()?;
    match body.get("uniqueName").and_then(Value::as_str) {
        Some(given) if given != name => {
            return Err(GraphError::bad(
                "The uniqueName in the URL and in the body differ.",
            ));
        }
        _ => body.insert("uniqueName".into(), json!(name)),
    };
    make(call, body)
}

fn change(call: &mut Call<'_>, id: &str) -> Outcome {
    let mut body = call.body()?;
    let members = call.take_binds(&mut body, "members")?;
    check::body("group", &body, Purpose::Update)?;
    let group = call
        .tenant
        .groups
        .get(id)
        .ok_or_else(|| GraphError::not_found(id))?;
    privileged::check_restricted(group)?;
    if is_true(group, "isAssignableToRole") {
        call.require(&["RoleManagement.ReadWrite.Directory"])?;
    }
    if body.is_empty() {
        call.require(&[
            "GroupMember.ReadWrite.All",
            "Group.ReadWrite.All",
            "Directory.ReadWrite.All",
        ])?;
    } else {
        call.require(&["Group.ReadWrite.All", "Directory.ReadWrite.All"])?;
        check_change(group, &body)?;
    }
    // All but the members, who are many.
    let kept = group.iter().filter(|(name, _)| *name != "members");
    let mut changed: Object = kept
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let of_kind = body.keys().any(|name| DEFINING.contains(&name.as_str()));
    changed.extend(body);
    if is_dynamic(group) && !is_dynamic(&changed) {
        changed.remove("membershipRule");
        changed.remove("membershipRuleProcessingState");
    }
    if of_kind {
        check_kind(&changed)?;
    }
    if text(&changed, "uniqueName") != text(group, "uniqueName") {
        check_unique(call, &changed)?;
    }
    if !members.is_empty() {
        members::check_new(call, &changed, group, &members)?;
    }
    if let Some(group) = call.tenant.groups.get_mut(id) {
        let before = group.remove("members");
        changed.extend(before.map(|before| ("members".to_owned(), before)));
        *group = changed;
        members.iter().for_each(|one| append(group, "members", one));
    }
    Ok(Reply::no_content())
}

/// What is decided at creation, once and for all.
fn check_change(group: &Object, body: &Object) -> Outcome<()> {
    let changes = |name: &str| {
        body.get(name)
            .is_some_and(|new| Some(new) != group.get(name))
    };
    for name in ["isAssignableToRole", "mailEnabled"] {
        if changes(name) {
            return Err(GraphError::bad(format!(
                "Property '{name}' is read-only and cannot be set."
            )));
        }
    }
    if changes("uniqueName") && !text(group, "uniqueName").is_empty() {
        return Err(GraphError::bad(
            "Property 'uniqueName' is read-only and cannot be set.",
        ));
    }
    let hidden =
        [text(group, "visibility"), text(body, "visibility")].contains(&"HiddenMembership");
    if changes("visibility") && hidden {
        return Err(GraphError::invalid_value("visibility", "Group"));
    }
    if is_true(group, "onPremisesSyncEnabled") {
        return Err(members::synced());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
