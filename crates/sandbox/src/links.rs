//! Relationships read as lists: who is linked to an object, by the name of the link.

use std::borrow::Cow;

use serde_json::json;

use crate::error::{GraphError, Outcome};
use crate::list::Item;
use crate::schema;
use crate::source::Source;
use crate::tenant::{self, Object, Tenant, text};

/// Returns the declared type of a navigation property, and whether it holds one object only.
pub(crate) fn shape(kind: &str, name: &str) -> (&'static str, bool) {
    let of = schema::navigation(kind, name).unwrap_or("directoryObject");
    (
        of,
        matches!(name, "roleDefinition" | "principal" | "manager"),
    )
}

/// Returns the objects at the other end of a link, live ones only.
pub(crate) fn related<'a>(
    tenant: &'a Tenant,
    item: &'a Item<'_>,
    name: &str,
) -> Outcome<Source<'a>> {
    let id = text(&item.object, "id");
    let objects = |ids: Vec<&'a str>| Source::Linked(tenant, ids);
    let with_roles = |ids: Vec<&'a str>| {
        let groups = ids.iter().filter_map(|id| tenant.groups.get(*id));
        let mut items: Vec<Item<'a>> = groups.map(|group| Item::new("group", group)).collect();
        items.extend(roles_of(tenant, id));
        items.extend(units_of(tenant, id));
        Source::Items(items)
    };
    Ok(match name {
        "sponsors" | "members" | "owners" => objects(tenant::ids(&item.object, name).collect()),
        "memberOf" => with_roles(tenant.groups_with("members", id)),
        "transitiveMemberOf" => with_roles(tenant.transitive_groups(id)),
        "transitiveMembers" => objects(tenant.transitive_members(id)),
        "ownedObjects" => objects(tenant.groups_with("owners", id)),
        "principal" => objects(vec![text(&item.object, "principalId")]),
        "roleDefinition" => {
            let role = tenant
                .role_definitions
                .get(text(&item.object, "roleDefinitionId"));
            let role = role.map(|role| Item::new("unifiedRoleDefinition", role));
            Source::Items(role.into_iter().collect())
        }
        _ => {
            return Err(GraphError::not_served(format!(
                "'{name}' is not served by this tenant."
            )));
        }
    })
}

/// Directory roles stand among the memberships of who holds them.
fn roles_of<'a>(tenant: &'a Tenant, principal: &str) -> Vec<Item<'a>> {
    tenant
        .role_assignments
        .values()
        .filter(|assignment| text(assignment, "principalId") == principal)
        .filter_map(|assignment| {
            tenant
                .role_definitions
                .get(text(assignment, "roleDefinitionId"))
        })
        .map(|role| Item {
            kind: "directoryRole",
            object: Cow::Owned(directory_role(role)),
        })
        .collect()
}

/// So do administrative units.
fn units_of<'a>(tenant: &'a Tenant, member: &str) -> Vec<Item<'a>> {
    let units = tenant.administrative_units.values();
    let of = units.filter(|unit| tenant::ids(unit, "members").any(|id| id == member));
    of.map(|unit| Item::new("administrativeUnit", unit))
        .collect()
}

fn directory_role(definition: &Object) -> Object {
    let mut role = Object::new();
    role.insert("id".into(), json!(text(definition, "id")));
    role.insert(
        "roleTemplateId".into(),
        json!(text(definition, "templateId")),
    );
    role.insert("displayName".into(), json!(text(definition, "displayName")));
    role.insert("description".into(), json!(text(definition, "description")));
    role
}
