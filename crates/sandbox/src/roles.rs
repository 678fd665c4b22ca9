//! Directory roles: who holds which, and what there is to hold. An assignment is made and
//! removed, never changed.

use serde_json::json;
use uuid::Uuid;

use crate::call::Call;
use crate::check::{self, Purpose};
use crate::directory::set;
use crate::error::{GraphError, Outcome};
use crate::http::Reply;
use crate::list::{self, Item};
use crate::query::Query;
use crate::source::Source;
use crate::tenant::{Object, Table, text};

const ASSIGNMENTS: &str = "roleManagement/directory/roleAssignments";
const DEFINITIONS: &str = "roleManagement/directory/roleDefinitions";

pub(crate) fn assignments(call: &mut Call<'_>) -> Outcome {
    let items = Source::Table("unifiedRoleAssignment", &call.tenant.role_assignments);
    list::many(call, set("unifiedRoleAssignment", ASSIGNMENTS), items)
}

pub(crate) fn assignment(call: &mut Call<'_>) -> Outcome {
    one(
        call,
        "unifiedRoleAssignment",
        ASSIGNMENTS,
        &call.tenant.role_assignments,
    )
}

pub(crate) fn definitions(call: &mut Call<'_>) -> Outcome {
    let items = Source::Table("unifiedRoleDefinition", &call.tenant.role_definitions);
    list::many(call, set("unifiedRoleDefinition", DEFINITIONS), items)
}

pub(crate) fn definition(call: &mut Call<'_>) -> Outcome {
    one(
        call,
        "unifiedRoleDefinition",
        DEFINITIONS,
        &call.tenant.role_definitions,
    )
}

fn one(call: &Call<'_>, of: &'static str, context: &'static str, table: &Table) -> Outcome {
    let id = call.param(0);
    let object = table.get(id).ok_or_else(|| GraphError::not_found(id))?;
    list::one(call, set(of, context), &Item::new(of, object))
}

pub(crate) fn assign(call: &mut Call<'_>) -> Outcome {
    let mut body = call.body()?;
    check::body("unifiedRoleAssignment", &body, Purpose::Create)?;
    check::required(
        "unifiedRoleAssignment",
        &body,
        &["principalId", "roleDefinitionId", "directoryScopeId"],
    )?;
    call.target(text(&body, "principalId"))?;
    let role = text(&body, "roleDefinitionId");
    if !call.tenant.role_definitions.contains_key(role) {
        return Err(GraphError::not_found(role));
    }
    let same = |one: &Object| {
        ["principalId", "roleDefinitionId", "directoryScopeId"]
            .iter()
            .all(|name| text(one, name) == text(&body, name))
    };
    if call.tenant.role_assignments.values().any(same) {
        return Err(GraphError::bad(
            "A conflicting object with one or more of the specified property values is present in the directory.",
        ));
    }
    let id = Uuid::new_v4().to_string();
    body.insert("id".into(), json!(id));
    let item = Item::new("unifiedRoleAssignment", &body);
    let answer = list::whole(
        call,
        set("unifiedRoleAssignment", ASSIGNMENTS),
        &item,
        &Query::default(),
    )?;
    call.tenant.role_assignments.insert(id, body);
    Ok(Reply::created(answer))
}

pub(crate) fn unassign(call: &mut Call<'_>) -> Outcome {
    let id = call.param(0).to_owned();
    match call.tenant.role_assignments.remove(&id) {
        Some(_) => Ok(Reply::no_content()),
        None => Err(GraphError::not_found(&id)),
    }
}
