//! `externalCollaboration:` who may invite guests, from where, what guests see of the directory, who may join
//! alone, and how guests sign in and leave. Graph keeps that in several policies: this file has the keys, and the
//! first of them. Source: "authorizationPolicy resource type", Graph v1.0.

pub(super) mod domains;
pub(super) mod leaving;
pub(super) mod passcode;
pub(super) mod providers;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Declared, ONLY, Properties, Section, Takes, Terms, changed};
use crate::kinds::Stage;
use crate::kinds::guest::user::DecodeError;
use crate::load::Checker;
use crate::policy::Policy;
use crate::request::{Read, Request};
use crate::schema::of;
use crate::snapshot::Topic;
use crate::yaml::Node;

pub(super) struct ExternalCollaboration;

const PATH: &str = "/policies/authorizationPolicy";
const INVITES: &str = "allowInvitesFrom";
const ROLE: &str = "guestUserRoleId";
const JOIN: &str = "allowEmailVerifiedUsersToJoinOrganization";
const SUBSCRIBE: &str = "allowedToSignUpEmailBasedSubscriptions";

/// What the tenant allows guests and those who invite them. What is not written stays as it is.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ExternalCollaboration")]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping")]
struct Written {
    /// Who may invite.
    allow_invites_from: Option<Inviters>,
    /// What guests see of the directory.
    guest_user_role: Option<Role>,
    /// Whether people whose mail is verified may join the tenant by themselves.
    allow_email_verified_users_to_join_organization: Option<bool>,
    /// Whether people may sign up for subscriptions by mail.
    allowed_to_sign_up_email_based_subscriptions: Option<bool>,
    /// Whether guests who have no other account may sign in with a passcode that is mailed to them.
    allow_external_id_to_use_email_otp: Option<passcode::Otp>,
    /// The identity providers that the tenant may have besides Microsoft's own: `Google`, `Facebook`, or who
    /// issues the tokens of a federation. Another is an error, and so is one that is missing; none is made here.
    identity_providers: Option<Vec<String>>,
    /// Allows the keys below: Graph offers what they say in its beta version only.
    #[serde(default)]
    beta: bool,
    /// Whether guests may leave the tenant by themselves. Needs `beta: true`.
    allow_external_identities_to_leave: Option<bool>,
    /// Keeps the domains that the tenant lets be invited equal to `requirements.domains`. Needs `beta: true`.
    domains: Option<domains::From>,
}

/// Reads the section, and reports what is wrong with it.
fn written(node: &Node, check: &mut Checker<'_>) -> Option<Written> {
    check.nothing_held(node, |_| false);
    let written = check.decode::<Written>(node, &[])?;
    let is_beta = [
        (
            "allowExternalIdentitiesToLeave",
            written.allow_external_identities_to_leave.is_some(),
        ),
        ("domains", written.domains.is_some()),
    ];
    for (key, _) in is_beta.iter().filter(|(_, said)| *said && !written.beta) {
        let text = format!(
            "Graph offers `{key}` in its beta version only\nhint: write `beta: true` beside it if that will do"
        );
        check.at(node, key, text);
    }
    Some(written)
}

/// Who may invite, from few to many.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Inviters {
    /// Nobody, and no application either.
    None,
    /// Administrators, and whoever holds the role Guest Inviter.
    #[serde(rename = "adminsAndGuestInviters")]
    Admins,
    /// Every member, too.
    #[serde(rename = "adminsGuestInvitersAndAllMembers")]
    Members,
    /// Guests, too.
    Everyone,
}

/// What guests see of the directory, from little to much.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Role {
    /// Themselves.
    RestrictedGuestUser,
    /// Some of it.
    GuestUser,
    /// As much as members.
    User,
}

/// Graph's words, from few to many.
const INVITERS: [&str; 4] = [
    "none",
    "adminsAndGuestInviters",
    "adminsGuestInvitersAndAllMembers",
    "everyone",
];

/// The roles by their keys in files and their ids in every tenant, from little to much.
const ROLES: [(&str, &str); 3] = [
    (
        "restrictedGuestUser",
        "2af84b1e-32c8-42b7-82bc-daa82404023b",
    ),
    ("guestUser", "10dae51f-b6af-4016-8d66-8c2a99b929b3"),
    ("user", "a0b1b346-4d3e-4e8b-98f8-753987be4970"),
];

/// Returns how much a value allows; nothing if nobody knows.
fn reach(name: &str, value: &Value) -> Option<usize> {
    match (name, value) {
        (INVITES, Value::String(text)) => INVITERS.iter().position(|word| word == text),
        (ROLE, Value::String(text)) => ROLES.iter().position(|(key, _)| key == text),
        (_, Value::Bool(allows)) => Some(usize::from(*allows)),
        _ => None,
    }
}

/// Returns whether a change allows more of something, or what nobody can compare.
fn widens(before: &Properties, after: &Properties) -> bool {
    after.iter().any(|(name, value)| {
        let then = before.get(name);
        let more = || match (then.and_then(|then| reach(name, then)), reach(name, value)) {
            (Some(then), Some(now)) => now > then,
            _ => true,
        };
        then != Some(value) && more()
    })
}

/// Returns what differs, a role by its id.
fn body(before: &Properties, after: &Properties) -> Value {
    let mut body = changed(before, after);
    if let Some(role) = body.get_mut(ROLE) {
        let mut roles = ROLES.iter();
        let found = roles.find(|(key, _)| role.as_str() == Some(key));
        *role = found.map_or_else(|| role.clone(), |(_, id)| json!(id));
    }
    body
}

impl Terms for ExternalCollaboration {
    fn noun(&self) -> &'static str {
        "external collaboration"
    }

    fn schema(&self) -> Value {
        of::<Written>()
    }

    fn read(&self, node: &Node, _: &Policy, check: &mut Checker<'_>) -> Vec<Declared> {
        let Some(written) = written(node, check) else {
            return Vec::new();
        };
        let inviters = written.allow_invites_from;
        let role = written.guest_user_role;
        let values = [
            (INVITES, inviters.map(|it| json!(INVITERS[it as usize]))),
            (ROLE, role.map(|it| json!(ROLES[it as usize].0))),
            (
                JOIN,
                written
                    .allow_email_verified_users_to_join_organization
                    .map(Value::from),
            ),
            (
                SUBSCRIBE,
                written
                    .allowed_to_sign_up_email_based_subscriptions
                    .map(Value::from),
            ),
        ];
        let values = values.into_iter();
        let properties = values.filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Declared::only(properties.collect(), node, check)
    }

    fn written(&self, _: &str, properties: &Properties) -> Option<String> {
        let text = |name: &str| properties.get(name).and_then(Value::as_str);
        let inviters = text(INVITES).filter(|word| INVITERS.contains(word));
        let role = text(ROLE).filter(|role| ROLES.iter().any(|(key, _)| key == role));
        let flag = |name: &str| properties.get(name)?.as_bool().map(|flag| flag.to_string());
        let lines = [
            ("allowInvitesFrom", inviters.map(str::to_owned)),
            ("guestUserRole", role.map(str::to_owned)),
            (JOIN, flag(JOIN)),
            (SUBSCRIBE, flag(SUBSCRIBE)),
        ];
        let lines = lines.into_iter();
        let lines: String = lines
            .filter_map(|(key, value)| Some(format!("  {key}: {}\n", value?)))
            .collect();
        (!lines.is_empty()).then_some(lines)
    }

    fn reads(&self) -> Vec<Read> {
        let read = Read::one(PATH.to_owned(), "Policy.Read.All").optional();
        vec![read.about(Topic::TenantPolicies(Section::ExternalCollaboration))]
    }

    fn reading(&self) -> &'static [&'static str] {
        &["Policy.Read.All"]
    }

    fn writing(&self) -> &'static [&'static str] {
        &["Policy.ReadWrite.Authorization"]
    }

    /// There is one.
    fn id(&self, _: &Value) -> Option<String> {
        Some("authorizationPolicy".to_owned())
    }

    fn decode(&self, item: &Value) -> Result<Option<(String, Properties)>, DecodeError> {
        let known = [INVITES, ROLE, JOIN, SUBSCRIBE].into_iter();
        let values = known.map(|name| (name, &item[name]));
        let values = values.filter(|(_, value)| !value.is_null());
        let properties = values.map(|(name, value)| (name.to_owned(), value.clone()));
        let mut properties: Properties = properties.collect();
        if let Some(role) = properties.get_mut(ROLE) {
            let mut roles = ROLES.iter();
            let found = roles.find(|(_, id)| role.as_str() == Some(id));
            *role = found.map_or_else(|| role.clone(), |(key, _)| json!(key));
        }
        Ok(Some((ONLY.to_owned(), properties)))
    }

    /// Every tenant has it: this is never asked for.
    fn create(&self, _: &str, properties: &Properties) -> Request {
        Request::patch(PATH, body(&Properties::new(), properties))
    }

    fn update(&self, _: &str, before: &Properties, after: &Properties) -> Request {
        Request::patch(PATH, body(before, after))
    }

    /// What allows less comes first, what allows more last.
    fn stage(&self, before: Option<&Properties>, after: Option<&Properties>) -> Stage {
        match self.takes(before, after) {
            Takes::Protection => Stage::Relax,
            _ => Stage::Govern,
        }
    }

    fn notes(&self, before: Option<&Properties>, after: &Properties) -> Vec<&'static str> {
        let becomes = |name: &str, value: &str| {
            let is = |properties: &Properties| properties.get(name) == Some(&json!(value));
            is(after) && !before.is_some_and(is)
        };
        let notes = [
            (
                INVITES,
                INVITERS[0],
                "nobody can be invited any more, by this program neither",
            ),
            // Source: "Create invitation", Graph v1.0; an older page says so of this value, too.
            (
                INVITES,
                INVITERS[1],
                "applications may not be able to invite any more, this program neither",
            ),
            (INVITES, INVITERS[3], "guests can invite guests"),
            (
                ROLE,
                ROLES[2].0,
                "every guest sees as much of the directory as members do",
            ),
        ];
        let notes = notes.into_iter();
        notes
            .filter(|(name, value, _)| becomes(name, value))
            .map(|(.., note)| note)
            .collect()
    }

    fn takes(&self, before: Option<&Properties>, after: Option<&Properties>) -> Takes {
        match (before, after) {
            (Some(before), Some(after)) if widens(before, after) => Takes::Protection,
            _ => Takes::Nothing,
        }
    }
}
