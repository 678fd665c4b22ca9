//! Directory roles: built-in ones, for the whole tenant. Custom roles, and roles for an administrative
//! unit only, are seen and left alone.
//! Source: "unifiedRoleAssignment resource type", Graph v1.0. An assignment is never changed.

use serde_json::{Value, json};

use super::{Edge, Held, Rules, Sort};
use crate::kinds::guest::user::{DecodeError, text};
use crate::policy::Policy;
use crate::request::{Already, Read, Request, encode};
use crate::snapshot::Topic;

/// Roles that give no power over others. Every other role makes its holder privileged.
/// Source: "Sensitive actions", user resource type, Graph v1.0.
pub(crate) const HARMLESS: [&str; 5] = [
    "Directory Readers",
    "Guest Inviter",
    "Message Center Reader",
    "Reports Reader",
    "Usage Summary Reports Reader",
];

pub(super) struct DirectoryRole;

const READING: &str = "RoleManagement.Read.Directory";
const ASSIGNMENTS: &str = "/roleManagement/directory/roleAssignments";

/// Returns the read of who holds which role.
pub fn assignments() -> Read {
    let path = format!("{ASSIGNMENTS}?$select=id,principalId,roleDefinitionId,directoryScopeId");
    optional(path)
}

/// Returns the read of which roles there are.
pub(crate) fn definitions() -> Read {
    let path = "/roleManagement/directory/roleDefinitions?$select=id,displayName,isBuiltIn";
    optional(path.to_owned())
}

fn optional(path: String) -> Read {
    let read = Read::list(path, READING).optional();
    read.about(Topic::Assigned(Sort::DirectoryRole))
}

/// Returns whether guests may hold a role.
pub(crate) fn may_be_given(name: &str, policy: &Policy) -> bool {
    let allowed = &policy.requirements.privileged;
    HARMLESS.contains(&name) || allowed.iter().any(|allowed| allowed == name)
}

impl Rules for DirectoryRole {
    fn noun(&self) -> &'static str {
        "directory role"
    }

    fn key(&self) -> &'static str {
        "directoryRoles"
    }

    fn of_guests(&self) -> &'static str {
        "directory roles of guests"
    }

    fn reading(&self) -> &'static [&'static str] {
        &[READING]
    }

    fn writing(&self) -> &'static [&'static str] {
        &["RoleManagement.ReadWrite.Directory"]
    }

    fn refusal(&self, to: &str, policy: &Policy) -> Option<String> {
        if may_be_given(to, policy) {
            return None;
        }
        let known = policy.requirements.privileged.iter().map(String::as_str);
        let known: Vec<_> = HARMLESS.into_iter().chain(known).collect();
        let hint = crate::yaml::suggestion(to, known.iter().copied());
        Some(format!(
            "directory role `{to}` is privileged, and `requirements.privileged` does not name it\nhint: {hint}"
        ))
    }

    /// A rule that names a role speaks of it as much as an entry does.
    fn is_managed(&self, to: &str, uses: bool, policy: &Policy) -> bool {
        let allowed = &policy.requirements.privileged;
        uses && HARMLESS.contains(&to) || allowed.iter().any(|name| name == to)
    }

    fn is_power(&self) -> bool {
        true
    }

    fn reads(&self, _: &Policy, _: &Held) -> Vec<Read> {
        // Wanted in any case: who has power must be known before anything is taken from anybody.
        vec![assignments(), definitions()]
    }

    fn take_in(&self, read: &Read, items: &[Value], held: &mut Held) -> Result<(), DecodeError> {
        if !read.path.starts_with(ASSIGNMENTS) {
            let built_in = items.iter().filter(|item| item["isBuiltIn"] == true);
            let named = built_in.filter_map(|item| text(item, "id").zip(text(item, "displayName")));
            held.names.extend(named);
            return Ok(());
        }
        for item in items {
            let field = |name: &'static str| text(item, name).ok_or(DecodeError::Missing(name));
            let scope = text(item, "directoryScopeId");
            let edge = Edge {
                to: field("roleDefinitionId")?,
                id: field("id")?,
                fixed: (scope.as_deref() != Some("/"))
                    .then(|| "it is not for the whole tenant".to_owned()),
                flaw: None,
            };
            let holder = field("principalId")?;
            held.holders.entry(holder).or_default().insert(edge);
        }
        Ok(())
    }

    fn give(&self, user: &str, to: &str) -> Request {
        let body = json!({ "principalId": user, "roleDefinitionId": to, "directoryScopeId": "/" });
        // A second assignment of the same role is refused: a lost answer is simply repeated.
        Request {
            already: Some(Already::Assigned),
            ..Request::post(ASSIGNMENTS, body).repeatable()
        }
    }

    fn take(&self, _: &str, assignment: &str) -> Request {
        Request::delete(format!("{ASSIGNMENTS}/{}", encode(assignment)))
    }
}
