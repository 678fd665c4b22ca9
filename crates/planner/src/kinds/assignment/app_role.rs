//! Roles in enterprise applications. Only those that `requirements.appRoles` names are looked at: whoever
//! may register an application may call it anything.
//! Source: "appRoleAssignment resource type", Graph v1.0. An assignment is never changed.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Edge, Held, Rules, Sort};
use crate::kinds::guest::user::{DecodeError, text};
use crate::load::Checker;
use crate::policy::{AppRole as Allowed, Policy};
use crate::request::{Already, Read, Request, encode, literal};
use crate::snapshot::Topic;
use crate::time::Until;
use crate::yaml::{Node, node as yaml, scalar};

pub(super) struct AppRole;

const READING: &str = "Application.Read.All";

/// The role of whoever is assigned to an application that has none.
/// Source: "Grant an appRoleAssignment for a service principal", Graph v1.0.
const DEFAULT: &str = "00000000-0000-0000-0000-000000000000";

/// Between an application and a role, by name as by id.
const SLASH: &str = " / ";

/// `{app: Salesforce, role: User, expires: 2026-10-01}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{app: …, role: …}")]
struct Written {
    app: String,
    role: Option<String>,
    expires: Option<Until>,
}

/// Returns what a role in an application is called; without a role, it is the application's default.
fn name(app: &str, role: Option<&str>) -> String {
    match role {
        Some(role) => format!("{app}{SLASH}{role}"),
        None => app.to_owned(),
    }
}

impl Allowed {
    fn name(&self) -> String {
        name(&self.app, self.role.as_deref())
    }
}

fn optional(path: String) -> Read {
    let read = Read::list(path, READING).optional();
    read.about(Topic::Assigned(Sort::AppRole))
}

/// Returns the read of the applications that an entry of `requirements.appRoles` means.
fn applications(allowed: &Allowed) -> Read {
    let (property, value) = match &allowed.app_id {
        Some(id) => ("appId", id),
        None => ("displayName", &allowed.app),
    };
    optional(format!(
        "/servicePrincipals?$filter={property}%20eq%20{}&$select=id,appId,displayName,appRoles",
        literal(value)
    ))
}

const ASSIGNED: &str = "appRoleAssignedTo";

impl Rules for AppRole {
    fn noun(&self) -> &'static str {
        "app role"
    }

    fn key(&self) -> &'static str {
        "appRoles"
    }

    fn of_guests(&self) -> &'static str {
        "app roles of guests"
    }

    fn reading(&self) -> &'static [&'static str] {
        &[READING]
    }

    fn writing(&self) -> &'static [&'static str] {
        &["AppRoleAssignment.ReadWrite.All", READING]
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "properties": {
                "app": { "type": "string", "pattern": r"\S", "description": "The enterprise application, as `requirements.appRoles` names it." },
                "role": { "type": "string", "pattern": r"\S", "description": "The role's name; without it, the application's default." },
                "expires": { "$ref": "#/$defs/Until" },
            },
            "required": ["app"],
            "additionalProperties": false,
        })
    }

    fn named(&self, item: &Node) -> Option<String> {
        let text = |key: &str| match &item.get(key)?.value {
            yaml::Value::Text(text) => Some(text.as_str()),
            _ => None,
        };
        Some(name(text("app")?, text("role")))
    }

    fn read(&self, list: &Node, check: &mut Checker<'_>) -> Option<Vec<(String, Option<Until>)>> {
        let items: Vec<Written> = check.decode(list, &[])?;
        let read = |item: Written| (name(&item.app, item.role.as_deref()), item.expires);
        Some(items.into_iter().map(read).collect())
    }

    fn written(&self, to: &str, policy: &Policy) -> String {
        let allowed = policy.requirements.app_roles.iter();
        let mut allowed = allowed.filter(|allowed| allowed.name() == to);
        match allowed.next() {
            Some(Allowed {
                app,
                role: Some(role),
                ..
            }) => {
                format!("{{app: {}, role: {}}}", scalar(app), scalar(role))
            }
            _ => format!("{{app: {}}}", scalar(to)),
        }
    }

    fn refusal(&self, to: &str, policy: &Policy) -> Option<String> {
        if self.is_managed(to, true, policy) {
            return None;
        }
        let known: Vec<_> = policy
            .requirements
            .app_roles
            .iter()
            .map(Allowed::name)
            .collect();
        let hint = crate::yaml::suggestion(to, known.iter().map(String::as_str));
        Some(format!(
            "`requirements.appRoles` does not allow app role `{to}`\nhint: {hint}"
        ))
    }

    fn allowed(&self, policy: &Policy) -> Vec<String> {
        let allowed = policy.requirements.app_roles.iter();
        allowed.map(Allowed::name).collect()
    }

    fn is_managed(&self, to: &str, _: bool, policy: &Policy) -> bool {
        let mut allowed = policy.requirements.app_roles.iter();
        allowed.any(|allowed| allowed.name() == to)
    }

    fn reads(&self, policy: &Policy, held: &Held) -> Vec<Read> {
        let allowed = policy.requirements.app_roles.iter();
        let apps: BTreeSet<_> = held
            .names
            .keys()
            .filter_map(|id| id.split_once('/'))
            .map(|(app, _)| app)
            .collect();
        let assigned =
            |app: &str| optional(format!("/servicePrincipals/{app}/{ASSIGNED}?$top=999"));
        let mut reads: Vec<_> = allowed
            .map(applications)
            .chain(apps.into_iter().map(assigned))
            .collect();
        reads.sort();
        reads.dedup();
        reads
    }

    fn leads_on(&self) -> bool {
        true
    }

    fn take_in(&self, read: &Read, items: &[Value], held: &mut Held) -> Result<(), DecodeError> {
        let is_app = !read.path.contains(ASSIGNED);
        for item in items {
            let field = |name: &'static str| text(item, name).ok_or(DecodeError::Missing(name));
            if is_app {
                let (id, app) = (field("id")?, text(item, "displayName").unwrap_or_default());
                for (role, called, retired) in roles(&id, &app, &item["appRoles"]) {
                    let retired = retired.map(|why| (role.clone(), why.to_owned()));
                    held.retired.extend(retired);
                    held.names.insert(role, called);
                }
                continue;
            }
            // Those of groups and of other applications are nobody's here.
            if item["principalType"] != "User" {
                continue;
            }
            let (app, role) = (field("resourceId")?, field("appRoleId")?);
            let edge = Edge {
                to: format!("{app}/{role}"),
                id: format!("{app}/{}", field("id")?),
                fixed: None,
                flaw: None,
            };
            held.holders
                .entry(field("principalId")?)
                .or_default()
                .insert(edge);
        }
        Ok(())
    }

    fn give(&self, user: &str, to: &str) -> Request {
        let (app, role) = to.split_once('/').unwrap_or((to, DEFAULT));
        let body = json!({ "principalId": user, "resourceId": app, "appRoleId": role });
        // A second assignment of the same role is refused: a lost answer is simply repeated.
        Request {
            already: Some(Already::Linked),
            ..Request::post(format!("/servicePrincipals/{app}/{ASSIGNED}"), body).repeatable()
        }
    }

    fn take(&self, _: &str, assignment: &str) -> Request {
        let (app, id) = assignment.split_once('/').unwrap_or(("", assignment));
        Request::delete(format!(
            "/servicePrincipals/{app}/{ASSIGNED}/{}",
            encode(id)
        ))
    }
}

/// Returns the roles of an application that people can have, by id, each with why nobody can get it any more,
/// if so. Every application has a default; only one without other roles gives it.
fn roles<'a>(id: &str, app: &str, roles: &'a Value) -> Vec<(String, String, Option<&'a str>)> {
    let for_people = |role: &&Value| {
        let mut types = role["allowedMemberTypes"].as_array().into_iter().flatten();
        types.any(|it| it == "User")
    };
    let is_enabled = |role: &Value| role["isEnabled"] != false;
    let roles = roles.as_array().into_iter().flatten().filter(for_people);
    let has_roles = roles.clone().any(is_enabled);
    let known = roles.filter_map(|role| {
        let (role_id, called) = (text(role, "id")?, text(role, "displayName")?);
        let retired = (!is_enabled(role)).then_some("the application has turned it off");
        Some((format!("{id}/{role_id}"), name(app, Some(&called)), retired))
    });
    let retired = has_roles.then_some("the application has roles by now");
    let default = (format!("{id}/{DEFAULT}"), name(app, None), retired);
    known.chain([default]).collect()
}
