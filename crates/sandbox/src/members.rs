//! Members and owners of groups: reading them, adding and removing them one by one, and adding
//! up to twenty members at once, all or none.

use std::collections::BTreeSet;

use crate::call::Call;
use crate::error::{GraphError, Outcome};
use crate::http::Reply;
use crate::links;
use crate::list::{self, Collection, Item};
use crate::privileged;
use crate::tenant::{self, Object, has_type, is_dynamic, is_true, text};

const MIXED: Collection = Collection {
    of: "directoryObject",
    context: "directoryObjects",
    related: true,
};
const PEOPLE: Collection = Collection {
    of: "user",
    context: "users",
    related: true,
};
const NESTED: Collection = Collection {
    of: "group",
    context: "groups",
    related: true,
};
const MAX_BOUND: usize = 20;
const MAX_OWNERS: usize = 100;

pub(crate) fn members(call: &mut Call<'_>) -> Outcome {
    list(call, "members", MIXED)
}

pub(crate) fn member_users(call: &mut Call<'_>) -> Outcome {
    list(call, "members", PEOPLE)
}

pub(crate) fn member_groups(call: &mut Call<'_>) -> Outcome {
    list(call, "members", NESTED)
}

pub(crate) fn transitive_members(call: &mut Call<'_>) -> Outcome {
    list(call, "transitiveMembers", MIXED)
}

pub(crate) fn transitive_member_users(call: &mut Call<'_>) -> Outcome {
    list(call, "transitiveMembers", PEOPLE)
}

pub(crate) fn owners(call: &mut Call<'_>) -> Outcome {
    list(call, "owners", MIXED)
}

pub(crate) fn owner_users(call: &mut Call<'_>) -> Outcome {
    list(call, "owners", PEOPLE)
}

pub(crate) fn group_member_of(call: &mut Call<'_>) -> Outcome {
    list(call, "memberOf", MIXED)
}

pub(crate) fn group_transitive_member_of(call: &mut Call<'_>) -> Outcome {
    list(call, "transitiveMemberOf", MIXED)
}

fn list(call: &Call<'_>, name: &str, list: Collection) -> Outcome {
    let group = call.group(call.param(0))?;
    let group = Item::new("group", group);
    let items = links::related(call.tenant, &group, name)?;
    list::many(call, list, items)
}

pub(crate) fn count(call: &mut Call<'_>) -> Outcome {
    let group = call.group(call.param(0))?;
    let group = Item::new("group", group);
    let items = links::related(call.tenant, &group, "members")?;
    list::count(call, MIXED, &items)
}

/// One member, as an object: the path to which a forgotten `/$ref` leads.
pub(crate) fn member(call: &mut Call<'_>) -> Outcome {
    let group = call.group(call.param(0))?;
    let group = Item::new("group", group);
    let items = links::related(call.tenant, &group, "members")?;
    let wanted = call.param(1);
    let item = items
        .get(wanted)
        .filter(|_| !call.hidden.contains_key(wanted))
        .ok_or_else(|| GraphError::not_found(wanted))?;
    list::one(call, MIXED, &item)
}

pub(crate) fn add_member(call: &mut Call<'_>) -> Outcome {
    let id = writable(call)?;
    let member = call.reference()?;
    let group = call.group(&id)?;
    check_new(call, group, group, std::slice::from_ref(&member))?;
    if let Some(group) = call.tenant.groups.get_mut(&id) {
        tenant::link(group, "members", &member);
    }
    Ok(Reply::no_content())
}

/// Checks that members can be added, all of them: one wrong member leaves the group as it was.
/// `group` is what it is about to be, `before` has its members.
pub(crate) fn check_new(
    call: &Call<'_>,
    group: &Object,
    before: &Object,
    members: &[String],
) -> Outcome<()> {
    check_assigned(group)?;
    if members.len() > MAX_BOUND {
        return Err(GraphError::bad(format!(
            "The number of references in 'members' exceeds the maximum of {MAX_BOUND}."
        )));
    }
    let own = text(group, "id");
    // Groups are large, and what is added is little.
    let new: BTreeSet<&str> = members.iter().map(String::as_str).collect();
    let known = tenant::ids(before, "members").filter(|id| new.contains(id));
    let mut known: BTreeSet<&str> = known.collect();
    for member in members {
        let (kind, _) = call.target(member)?;
        if kind == "group" && (has_type(group, "Unified") || is_true(group, "isAssignableToRole")) {
            return Err(GraphError::bad("Groups cannot be members of this group."));
        }
        if member == own {
            return Err(GraphError::bad("A group cannot be a member of itself."));
        }
        if !known.insert(member) {
            return Err(GraphError::already_linked("members"));
        }
    }
    Ok(())
}

pub(crate) fn remove_member(call: &mut Call<'_>) -> Outcome {
    let id = writable(call)?;
    check_assigned(call.group(&id)?)?;
    unlink(call, &id, "members")
}

pub(crate) fn add_owner(call: &mut Call<'_>) -> Outcome {
    let id = writable(call)?;
    let owner = call.reference()?;
    if call.target(&owner)?.0 != "user" {
        return Err(GraphError::bad(
            "Only users and service principals can own a group.",
        ));
    }
    let Some(group) = call.tenant.groups.get_mut(&id) else {
        return Err(GraphError::not_found(&id));
    };
    if tenant::links(group, "owners").len() >= MAX_OWNERS {
        return Err(GraphError::bad(
            "The number of owners exceeds the maximum of 100.",
        ));
    }
    if !tenant::link(group, "owners", &owner) {
        return Err(GraphError::already_linked("owners"));
    }
    Ok(Reply::no_content())
}

pub(crate) fn remove_owner(call: &mut Call<'_>) -> Outcome {
    let id = writable(call)?;
    let group = call.group(&id)?;
    let owners = tenant::links(group, "owners");
    if has_type(group, "Unified") && owners.len() == 1 && owners[0] == call.param(1) {
        return Err(GraphError::bad(
            "The group must have at least one owner, hence this owner cannot be removed.",
        ));
    }
    unlink(call, &id, "owners")
}

fn unlink(call: &mut Call<'_>, id: &str, name: &str) -> Outcome {
    let other = call.param(1).to_owned();
    let removed = call
        .tenant
        .groups
        .get_mut(id)
        .is_some_and(|group| tenant::unlink(group, name, &other));
    if removed {
        Ok(Reply::no_content())
    } else {
        Err(GraphError::not_found(&other))
    }
}

/// Role-assignable groups give directory roles: changing them takes the permission for roles.
fn writable(call: &Call<'_>) -> Outcome<String> {
    let group = call.group(call.param(0))?;
    privileged::check_restricted(group)?;
    if is_true(group, "isAssignableToRole") {
        call.require(&["RoleManagement.ReadWrite.Directory"])?;
    }
    Ok(text(group, "id").to_owned())
}

fn check_assigned(group: &Object) -> Outcome<()> {
    if is_dynamic(group) {
        return Err(dynamic());
    }
    if is_true(group, "onPremisesSyncEnabled") {
        return Err(synced());
    }
    Ok(())
}

pub(crate) fn dynamic() -> GraphError {
    GraphError::bad(
        "Unable to update the members of a group with dynamic membership: they follow its rule.",
    )
}

pub(crate) fn synced() -> GraphError {
    GraphError::bad(
        "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.",
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::{Caller, ROOT, column, demo, reference};
    use serde_json::{Value, json};

    fn bind(caller: &Caller, group: &str, ids: &[String]) -> u16 {
        let urls: Vec<String> = ids
            .iter()
            .map(|id| format!("{ROOT}/directoryObjects/{id}"))
            .collect();
        caller.status(
            "PATCH",
            &format!("/groups/{group}"),
            json!({"members@odata.bind": urls}),
        )
    }

    #[test]
    fn one_by_one() {
        let caller = demo();
        let group = format!("/groups/{}/members", caller.id("audit-readers"));
        let otto = caller.id("otto@contoso.example");
        let add = format!("{group}/$ref");
        assert_eq!(caller.status("POST", &add, reference(&otto)), 204);
        let (status, body) = caller.ask("POST", &add, reference(&otto));
        assert_eq!(status, 400);
        assert!(
            body["error"]["message"]
                .as_str()
                .unwrap()
                .contains("already exist for the following modified properties: 'members'")
        );
        assert_eq!(
            caller.status(
                "POST",
                &add,
                reference("7f3a0000-0000-4000-8000-0000000000ee")
            ),
            404
        );
        assert_eq!(
            caller.status("DELETE", &format!("{group}/{otto}"), Value::Null),
            405
        );
        assert_eq!(
            caller.status("DELETE", &format!("{group}/{otto}/$ref"), Value::Null),
            204
        );
        assert_eq!(
            caller.status("DELETE", &format!("{group}/{otto}/$ref"), Value::Null),
            404
        );
        assert_eq!(
            caller.status("GET", &format!("/users/{otto}"), Value::Null),
            200
        );
    }

    #[test]
    fn up_to_twenty_at_once_all_or_none() {
        let caller = demo();
        let group = caller.id("audit-uploaders");
        let (mary, emmy) = (
            caller.id("mary@contoso.example"),
            caller.id("emmy@litware.example"),
        );
        assert_eq!(bind(&caller, &group, &[mary.clone(), emmy]), 400);
        assert_eq!(bind(&caller, &group, &[mary.clone(), mary.clone()]), 400);
        assert_eq!(
            bind(
                &caller,
                &group,
                &[mary.clone(), "7f3a0000-0000-4000-8000-0000000000ee".into()]
            ),
            404
        );
        let members = format!("/groups/{group}/members?$select=mail");
        assert_eq!(
            column(&caller.get(&members), "mail"),
            ["emmy@litware.example"]
        );
        let many: Vec<String> = (0..21)
            .map(|number| {
                caller
                    .sandbox
                    .insert_user(json!({"mail": format!("g{number}@contoso.example")}))
            })
            .collect();
        assert_eq!(bind(&caller, &group, &many), 400);
        assert_eq!(bind(&caller, &group, &many[..20]), 204);
        assert_eq!(caller.get(&members)["value"].as_array().unwrap().len(), 21);
    }

    #[test]
    fn dynamic_synced_and_role_groups_guard_their_members() {
        let caller = demo();
        let mary = caller.id("mary@contoso.example");
        for group in [
            json!({"displayName": "all", "groupTypes": ["DynamicMembership"], "membershipRule": "user.objectId -ne null"}),
            json!({"displayName": "synced", "onPremisesSyncEnabled": true}),
        ] {
            let id = caller.sandbox.insert_group(group.clone());
            assert_eq!(
                caller.status(
                    "POST",
                    &format!("/groups/{id}/members/$ref"),
                    reference(&mary)
                ),
                400,
                "{group}"
            );
            assert_eq!(
                bind(&caller, &id, std::slice::from_ref(&mary)),
                400,
                "{group}"
            );
        }
    }

    #[test]
    fn nested_members_count_as_members_further_down() {
        let caller = demo();
        let (inner, outer) = (caller.id("audit-uploaders"), caller.id("all-company"));
        let emmy = caller.id("emmy@litware.example");
        assert_eq!(bind(&caller, &outer, std::slice::from_ref(&inner)), 204);
        let all = caller.get(&format!("/groups/{outer}/transitiveMembers"));
        assert!(column(&all, "id").contains(&emmy));
        let direct = caller.get(&format!("/groups/{outer}/members/microsoft.graph.user"));
        assert!(
            !column(&direct, "id").contains(&emmy)
                && direct["value"][0].get("@odata.type").is_none()
        );
        let groups = caller.get(&format!(
            "/users/{emmy}/transitiveMemberOf/microsoft.graph.group?$select=displayName"
        ));
        assert!(column(&groups, "displayName").contains(&"all-company".to_owned()));
    }

    #[test]
    fn filtering_members_is_an_advanced_query() {
        let plain = demo();
        let target = format!(
            "/groups/{}/members/microsoft.graph.user?$filter=userType%20eq%20'Guest'&$count=true",
            plain.id("audit-readers")
        );
        assert_eq!(
            plain.refused("GET", &target, Value::Null),
            (400, "Request_UnsupportedQuery".into())
        );
        let list = plain.eventual().get(&target);
        assert_eq!(
            (
                list["@odata.count"].clone(),
                list["value"].as_array().unwrap().len()
            ),
            (json!(2), 2)
        );
    }

    #[test]
    fn the_last_owner_of_a_microsoft_365_group_stays() {
        let caller = demo();
        let (grace, hedy) = (
            caller.id("grace@fabrikam.example"),
            caller.id("hedy@fabrikam.example"),
        );
        let id = caller.sandbox.insert_group(
            json!({"displayName": "team", "groupTypes": ["Unified"], "owners": [grace]}),
        );
        let owners = format!("/groups/{id}/owners");
        assert_eq!(
            caller.status("DELETE", &format!("{owners}/{grace}/$ref"), Value::Null),
            400
        );
        assert_eq!(
            caller.status("POST", &format!("{owners}/$ref"), reference(&hedy)),
            204
        );
        assert_eq!(
            caller.status("DELETE", &format!("{owners}/{grace}/$ref"), Value::Null),
            204
        );
    }
}
