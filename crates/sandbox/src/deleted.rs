//! Soft deletion: for thirty days a deleted user, or Microsoft 365 group, can be restored with
//! all its links. While it lies there nobody lists it as a member, owner or sponsor.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::call::Call;
use crate::error::{GraphError, Outcome};
use crate::http::Reply;
use crate::list::{self, Collection, Item};
use crate::privileged;
use crate::query::Query;
use crate::source::Source;
use crate::tenant::{self, Object, Tenant, has_type, links, text};
use crate::time;
use crate::users::holder;

const ANY: Collection = Collection {
    of: "directoryObject",
    context: "directoryObjects",
    related: false,
};

pub(crate) fn delete_user(call: &mut Call<'_>) -> Outcome {
    let id = call.user_id(call.param(0))?;
    privileged::check_restricted(call.user(&id)?)?;
    privileged::check_sensitive(call, &id)?;
    remove_user(call.tenant, &id, call.now);
    Ok(Reply::no_content())
}

/// Only Microsoft 365 groups can be restored; a security group is gone at once.
pub(crate) fn delete_group(call: &mut Call<'_>) -> Outcome {
    let id = call.group_id(call.param(0))?;
    let group = call.group(&id)?;
    privileged::check_restricted(group)?;
    if tenant::is_true(group, "isAssignableToRole") {
        call.require(&["RoleManagement.ReadWrite.Directory"])?;
    }
    remove_group(call.tenant, &id, call.now);
    Ok(Reply::no_content())
}

pub(crate) fn remove_user(tenant: &mut Tenant, id: &str, now: Timestamp) {
    let held = detach(tenant, id);
    if let Some(mut user) = tenant.users.remove(id) {
        // The name becomes free for somebody new.
        let upn = format!(
            "{}{}",
            id.replace('-', ""),
            text(&user, "userPrincipalName")
        );
        user.insert("userPrincipalName".into(), json!(upn));
        user.insert("deletedDateTime".into(), json!(time::stamp(now)));
        user.insert("held".into(), held);
        tenant.deleted_users.insert(id.to_owned(), user);
    }
}

pub(crate) fn remove_group(tenant: &mut Tenant, id: &str, now: Timestamp) {
    let held = detach(tenant, id);
    if let Some(mut group) = tenant.groups.remove(id)
        && has_type(&group, "Unified")
    {
        group.insert("deletedDateTime".into(), json!(time::stamp(now)));
        group.insert("held".into(), held);
        tenant.deleted_groups.insert(id.to_owned(), group);
    }
}

/// Takes an object out of everything that names it, and says what that was.
fn detach(tenant: &mut Tenant, id: &str) -> Value {
    let mut held = json!({"memberOf": [], "ownerOf": [], "sponsorOf": [], "roleAssignments": []});
    for (link, name) in [("members", "memberOf"), ("owners", "ownerOf")] {
        let groups = tenant.groups_with(link, id);
        let groups: Vec<String> = groups.into_iter().map(str::to_owned).collect();
        for group in &groups {
            if let Some(group) = tenant.groups.get_mut(group) {
                tenant::unlink(group, link, id);
            }
        }
        held[name] = json!(groups);
    }
    let sponsored = tenant.users.sponsored_by(id);
    for user in &sponsored {
        let unlink = |user: &mut Object| tenant::unlink(user, "sponsors", id);
        tenant.users.change(user, unlink);
    }
    held["sponsorOf"] = json!(sponsored);
    let mut roles = Vec::new();
    tenant.role_assignments.retain(|_, one| {
        let own = text(one, "principalId") == id;
        if own {
            roles.push(Value::Object(one.clone()));
        }
        !own
    });
    held["roleAssignments"] = json!(roles);
    let units = tenant.administrative_units.iter_mut();
    let left = units
        .filter_map(|(unit, object)| tenant::unlink(object, "members", id).then(|| unit.clone()));
    held["administrativeUnits"] = json!(left.collect::<Vec<_>>());
    let mut apps = Vec::new();
    tenant.app_role_assignments.retain(|_, one| {
        let own = text(one, "principalId") == id;
        if own {
            apps.push(Value::Object(one.clone()));
        }
        !own
    });
    held["appRoleAssignments"] = json!(apps);
    held
}

/// Puts an object back where `detach` took it from, as far as that still exists.
fn attach(tenant: &mut Tenant, id: &str, held: &Object) {
    for (link, name) in [("members", "memberOf"), ("owners", "ownerOf")] {
        for group in links(held, name) {
            if let Some(group) = tenant.groups.get_mut(&group) {
                tenant::link(group, link, id);
            }
        }
    }
    for user in links(held, "sponsorOf") {
        let link = |user: &mut Object| tenant::link(user, "sponsors", id);
        tenant.users.change(&user, link);
    }
    for unit in links(held, "administrativeUnits") {
        if let Some(unit) = tenant.administrative_units.get_mut(&unit) {
            tenant::link(unit, "members", id);
        }
    }
    let tables = [
        ("roleAssignments", &mut tenant.role_assignments),
        ("appRoleAssignments", &mut tenant.app_role_assignments),
    ];
    for (name, table) in tables {
        let all = held.get(name).and_then(Value::as_array).into_iter();
        for one in all.flatten().filter_map(Value::as_object) {
            table.insert(text(one, "id").to_owned(), one.clone());
        }
    }
}

pub(crate) fn list_users(call: &mut Call<'_>) -> Outcome {
    let items = Source::Table("user", &call.tenant.deleted_users);
    let list = Collection {
        of: "user",
        context: "users",
        related: false,
    };
    list::many(call, list, items)
}

pub(crate) fn list_groups(call: &mut Call<'_>) -> Outcome {
    let items = Source::Table("group", &call.tenant.deleted_groups);
    let list = Collection {
        of: "group",
        context: "groups",
        related: false,
    };
    list::many(call, list, items)
}

pub(crate) fn list_uncast(_: &mut Call<'_>) -> Outcome {
    Err(GraphError::bad(
        "A type cast such as microsoft.graph.user is required to list deleted items.",
    ))
}

fn find<'a>(call: &'a Call<'_>) -> Outcome<Item<'a>> {
    let id = call.param(0);
    let user = call.tenant.deleted_users.get(id).map(|user| ("user", user));
    let group = call
        .tenant
        .deleted_groups
        .get(id)
        .map(|group| ("group", group));
    user.or(group)
        .map(|(kind, object)| Item::new(kind, object))
        .ok_or_else(|| GraphError::not_found(id))
}

/// Users and groups have permissions of their own.
fn require(call: &Call<'_>, users: &[&str], groups: &[&str]) -> Outcome<()> {
    match find(call)?.kind {
        "group" => call.require(groups),
        _ => call.require(users),
    }
}

pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let item = find(call)?;
    list::one(call, ANY, &item)
}

pub(crate) fn purge(call: &mut Call<'_>) -> Outcome {
    require(
        call,
        &["User.DeleteRestore.All", "User.ReadWrite.All"],
        &["Group.ReadWrite.All"],
    )?;
    let id = call.param(0).to_owned();
    call.tenant.deleted_users.remove(&id);
    call.tenant.deleted_groups.remove(&id);
    Ok(Reply::no_content())
}

pub(crate) fn restore(call: &mut Call<'_>) -> Outcome {
    require(
        call,
        &["User.DeleteRestore.All", "User.ReadWrite.All"],
        &["Group.ReadWrite.All"],
    )?;
    let options = match call.request.body.is_empty() {
        true => Object::new(),
        false => call.body()?,
    };
    if let Some(other) = options.keys().find(|name| {
        !matches!(
            name.as_str(),
            "newUserPrincipalName" | "autoReconcileProxyConflict"
        )
    }) {
        return Err(GraphError::malformed(format!(
            "The parameter '{other}' in the request payload is not a valid parameter for the operation 'restore'."
        )));
    }
    let id = call.param(0).to_owned();
    let mut object = find(call)?.object.into_owned();
    let kind = find(call)?.kind;
    if kind == "user" {
        restored_name(call.tenant, &id, &mut object, &options)?;
        restored_addresses(call.tenant, &mut object, &options)?;
    }
    object.remove("deletedDateTime");
    let held = object.remove("held");
    prune(call.tenant, &mut object);
    let body = list::whole(call, ANY, &Item::new(kind, &object), &Query::default())?;
    match kind {
        "user" => {
            call.tenant.deleted_users.remove(&id);
            call.tenant.users.insert(id.clone(), object);
        }
        _ => {
            call.tenant.deleted_groups.remove(&id);
            call.tenant.groups.insert(id.clone(), object);
        }
    }
    if let Some(Value::Object(held)) = held {
        attach(call.tenant, &id, &held);
    }
    Ok(Reply::ok(body))
}

/// Drops links to what has gone for good meanwhile.
fn prune(tenant: &Tenant, object: &mut Object) {
    for name in ["sponsors", "members", "owners"] {
        let kept: Vec<String> = links(object, name)
            .into_iter()
            .filter(|id| tenant.directory_object(id).is_some())
            .collect();
        if object.contains_key(name) {
            object.insert(name.into(), json!(kept));
        }
    }
}

/// The name loses its prefix, unless somebody else goes by it now.
fn restored_name(tenant: &Tenant, id: &str, user: &mut Object, options: &Object) -> Outcome<()> {
    let prefix = id.replace('-', "");
    let name = match text(options, "newUserPrincipalName") {
        "" => text(user, "userPrincipalName")
            .trim_start_matches(&prefix)
            .to_owned(),
        name => name.to_owned(),
    };
    if tenant.user(&name).is_some() {
        return Err(GraphError::taken("userPrincipalName"));
    }
    user.insert("userPrincipalName".into(), json!(name));
    Ok(())
}

fn restored_addresses(tenant: &Tenant, user: &mut Object, options: &Object) -> Outcome<()> {
    let proxies = links(user, "proxyAddresses");
    let address = |proxy: &str| {
        proxy
            .split_once(':')
            .map_or(proxy, |(_, rest)| rest)
            .to_owned()
    };
    let (taken, free): (Vec<_>, Vec<_>) = proxies
        .into_iter()
        .partition(|proxy| holder(tenant, &address(proxy)).is_some());
    if taken.is_empty() {
        return Ok(());
    }
    if !tenant::is_true(options, "autoReconcileProxyConflict") {
        return Err(GraphError::taken("proxyAddresses"));
    }
    user.insert("proxyAddresses".into(), json!(free));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{column, demo, now};

    const LIST: &str = "/directory/deletedItems/microsoft.graph.user?$select=id,mail,deletedDateTime,userPrincipalName";

    #[test]
    fn a_restored_guest_has_everything_back() {
        let caller = demo();
        let emmy = caller.id("emmy@litware.example");
        let groups = format!("/users/{emmy}/memberOf");
        let before = caller.get(&groups);
        assert_eq!(
            caller.status("DELETE", &format!("/users/{emmy}"), Value::Null),
            204
        );
        assert_eq!(
            caller.status("GET", &format!("/users/{emmy}"), Value::Null),
            404
        );
        assert!(!caller.sandbox.state()["groups"].to_string().contains(&emmy));
        assert_eq!(
            caller.status("GET", "/directory/deletedItems", Value::Null),
            400
        );
        let mails = column(&caller.get(LIST), "mail");
        assert_eq!(mails, ["emmy@litware.example", "rosa@litware.example"]);
        assert!(
            column(&caller.get(LIST), "userPrincipalName")[0].starts_with(&emmy.replace('-', ""))
        );

        let restore = format!("/directory/deletedItems/{emmy}/restore");
        let (status, body) = caller.ask("POST", &restore, Value::Null);
        assert_eq!(
            (status, &body["@odata.type"]),
            (200, &json!("#microsoft.graph.user"))
        );
        assert_eq!(
            body["userPrincipalName"],
            "emmy_litware.example#EXT#@fabrikam.onmicrosoft.example"
        );
        assert_eq!(caller.get(&groups), before);
        assert_eq!(caller.status("POST", &restore, Value::Null), 404);
        assert!(
            caller.sandbox.state()["users"]
                .to_string()
                .find("held")
                .is_none()
        );
    }

    #[test]
    fn a_name_or_address_in_use_stops_a_restore() {
        let caller = demo();
        let rosa = caller.id("rosa@litware.example");
        caller.invite("rosa@litware.example");
        let restore = format!("/directory/deletedItems/{rosa}/restore");
        assert_eq!(caller.status("POST", &restore, json!({})), 400);
        let named = json!({"newUserPrincipalName": "rosa2@fabrikam.example"});
        assert_eq!(caller.status("POST", &restore, named.clone()), 400);
        let mut both = named;
        both["autoReconcileProxyConflict"] = json!(true);
        assert_eq!(caller.status("POST", &restore, json!({"nonsense": 1})), 400);
        assert_eq!(caller.status("POST", &restore, both), 200);
    }

    #[test]
    fn links_to_nobody_are_not_restored() {
        let caller = demo();
        let (emmy, hedy) = (
            caller.id("emmy@litware.example"),
            caller.id("hedy@fabrikam.example"),
        );
        caller.sandbox.delete(&emmy);
        caller.sandbox.delete(&hedy);
        let restore = format!("/directory/deletedItems/{emmy}/restore");
        assert_eq!(caller.status("POST", &restore, Value::Null), 200);
        assert_eq!(
            caller.get(&format!("/users/{emmy}/sponsors"))["value"],
            json!([])
        );
        crate::Sandbox::from_state(caller.sandbox.state()).unwrap();
    }

    #[test]
    fn after_thirty_days_or_a_purge_they_are_gone() {
        let caller = demo();
        let rosa = caller.id("rosa@litware.example");
        caller
            .sandbox
            .set_clock(Some(now() + jiff::SignedDuration::from_hours(24 * 25)));
        assert_eq!(caller.get(LIST)["value"], json!([]));
        let caller = demo();
        let item = format!("/directory/deletedItems/{rosa}");
        assert_eq!(caller.get(&item)["@odata.type"], "#microsoft.graph.user");
        assert_eq!(caller.status("DELETE", &item, Value::Null), 204);
        assert_eq!(caller.status("GET", &item, Value::Null), 404);
    }

    #[test]
    fn an_app_may_not_delete_the_privileged() {
        let caller = demo();
        let emmy = format!("/users/{}", caller.id("emmy@litware.example"));
        caller.sandbox.insert_group(json!({"displayName": "admins", "isAssignableToRole": true, "members": [caller.id("emmy@litware.example")]}));
        assert_eq!(
            caller.refused("DELETE", &emmy, Value::Null),
            (403, "Authorization_RequestDenied".into())
        );
        assert_eq!(
            caller.status("PATCH", &emmy, json!({"accountEnabled": false})),
            403
        );
        assert_eq!(
            caller.status("PATCH", &emmy, json!({"companyName": "Litware"})),
            204
        );
    }
}
