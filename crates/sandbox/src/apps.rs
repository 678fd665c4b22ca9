//! Enterprise applications, and who has which of their roles. An assignment is made and removed, never
//! changed.

use serde_json::{Value, json};
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
use crate::time;

/// The role of whoever is assigned without one.
const DEFAULT: &str = "00000000-0000-0000-0000-000000000000";

pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let items = Source::Table("servicePrincipal", &call.tenant.service_principals);
    list::many(call, set("servicePrincipal", "servicePrincipals"), items)
}

pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let app = app(call)?;
    list::one(
        call,
        set("servicePrincipal", "servicePrincipals"),
        &Item::new("servicePrincipal", app),
    )
}

fn app<'a>(call: &'a Call<'_>) -> Outcome<&'a Object> {
    let id = call.param(0);
    let app = call.tenant.service_principals.get(id);
    app.ok_or_else(|| GraphError::not_found(id))
}

pub(crate) fn assigned(call: &mut Call<'_>) -> Outcome {
    let id = text(app(call)?, "id").to_owned();
    let all = call.tenant.app_role_assignments.iter();
    let of = all.filter(|(_, one)| text(one, "resourceId") == id);
    let of: Table = of.map(|(id, one)| (id.clone(), one.clone())).collect();
    let items = Source::Table("appRoleAssignment", &of);
    list::many(call, set("appRoleAssignment", "appRoleAssignments"), items)
}

pub(crate) fn assign(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    check::body("appRoleAssignment", &body, Purpose::Create)?;
    check::required(
        "appRoleAssignment",
        &body,
        &["principalId", "resourceId", "appRoleId"],
    )?;
    let app = app(call)?.clone();
    if text(&body, "resourceId") != text(&app, "id") {
        return Err(GraphError::bad("Not a valid reference update."));
    }
    let principal = text(&body, "principalId");
    call.target(principal)?;
    if !has_role(&app, text(&body, "appRoleId")) {
        return Err(GraphError::bad(
            "Permission being assigned was not found on application.",
        ));
    }
    let name = call
        .tenant
        .users
        .get(principal)
        .map(|user| text(user, "displayName").to_owned());
    let same = |one: &Object| {
        ["principalId", "resourceId", "appRoleId"]
            .iter()
            .all(|name| text(one, name) == text(&body, name))
    };
    if call.tenant.app_role_assignments.values().any(same) {
        return Err(GraphError::bad(
            "Permission being assigned already exists on the object",
        ));
    }
    let id = Uuid::new_v4().simple().to_string();
    let mut made = body;
    made.insert("id".into(), json!(id));
    made.insert("createdDateTime".into(), json!(time::stamp(call.now)));
    made.insert(
        "principalType".into(),
        json!(if name.is_some() { "User" } else { "Group" }),
    );
    made.insert("principalDisplayName".into(), json!(name));
    made.insert(
        "resourceDisplayName".into(),
        json!(text(&app, "displayName")),
    );
    let item = Item::new("appRoleAssignment", &made);
    let at = set("appRoleAssignment", "appRoleAssignments");
    let answer = list::whole(call, at, &item, &Query::default())?;
    call.tenant.app_role_assignments.insert(id, made);
    Ok(Reply::created(answer))
}

/// Returns whether an application has an enabled role of this id. One without roles has the default.
fn has_role(app: &Object, role: &str) -> bool {
    let roles = app.get("appRoles").and_then(Value::as_array);
    let roles = roles.map_or(&[][..], Vec::as_slice);
    let is = |one: &Value| one["id"] == role && one["isEnabled"] != false;
    role == DEFAULT && roles.is_empty() || roles.iter().any(is)
}

pub(crate) fn unassign(call: &mut Call<'_>) -> Outcome {
    let app = text(app(call)?, "id").to_owned();
    let id = call.param(1).to_owned();
    let known = call.tenant.app_role_assignments.get(&id);
    if known.is_none_or(|one| text(one, "resourceId") != app) {
        return Err(GraphError::not_found(&id));
    }
    call.tenant.app_role_assignments.remove(&id);
    Ok(Reply::no_content())
}
