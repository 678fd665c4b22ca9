//! The sandbox as its owner sees it: making a tenant, looking into it, changing it behind the
//! caller's back, and telling it to misbehave. What callers see over HTTP is in `engine.rs`.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::behaviour::Behaviour;
use crate::collaboration;
use crate::engine::{Engine, Received};
use crate::error::SandboxError;
use crate::tenant::{Object, Tenant, same, text};
use crate::{deleted, faults, fixture, generated, guest, seed, store, token, users};

/// A tenant. Clones share it.
#[derive(Clone)]
pub struct Sandbox {
    engine: Arc<Mutex<Engine>>,
}

impl Sandbox {
    /// Returns a tenant with an organization, its domains and one admin, and no guests.
    pub fn empty(now: Timestamp) -> Self {
        Self::of(seed::empty(now))
    }

    /// Returns the demo tenant, its dates relative to `now`.
    pub fn seeded(now: Timestamp) -> Self {
        Self::of(seed::demo(now))
    }

    /// Returns a tenant like [`Sandbox::empty`] with that many guests who accepted,
    /// `g0@contoso.example` and so on, who came over the last three years; and groups `group-0`
    /// and so on: guest `g` is in `(g + n * 7) % groups` for each `n` below `groups_per_guest`.
    /// `stamp` is everybody's `extensionAttribute15`.
    pub fn generated(
        now: Timestamp,
        guests: usize,
        groups: usize,
        groups_per_guest: usize,
        stamp: Option<&str>,
    ) -> Self {
        Self::of(generated::tenant(
            now,
            guests,
            groups,
            groups_per_guest,
            stamp,
        ))
    }

    /// Opens a state file, and saves every change back to it; without a file, the demo tenant.
    /// One process at a time: the last to write wins. Where the file cannot be written, callers
    /// get a 500, and the methods below that change the tenant panic.
    pub fn open(path: &Path) -> Result<Self, SandboxError> {
        let sandbox = match store::read(path)? {
            Some(state) => Self::from_state(state)?,
            None => Self::seeded(Timestamp::now()),
        };
        sandbox.lock().file = Some(path.to_owned());
        Ok(sandbox)
    }

    /// Returns a tenant in a state that [`Sandbox::state`] returned, or in one written by hand:
    /// what is missing is filled in as Graph would.
    pub fn from_state(state: Value) -> Result<Self, SandboxError> {
        let now = Timestamp::now();
        let mut tenant: Tenant = serde_json::from_value(state).map_err(SandboxError::State)?;
        seed::complete(&mut tenant, now);
        fixture::complete(&mut tenant, now).map_err(SandboxError::Meaning)?;
        Ok(Self::of(tenant))
    }

    fn of(tenant: Tenant) -> Self {
        Sandbox {
            engine: Arc::new(Mutex::new(Engine::new(tenant))),
        }
    }

    /// Returns everything in the tenant: `organization`, `users`, `deletedUsers`, `groups`,
    /// `mails` and so on, links as ids in `sponsors`, `members` and `owners`.
    pub fn state(&self) -> Value {
        json!(self.lock().tenant)
    }

    /// Returns the id of the user with this mail or user principal name, or of the group with
    /// this name; deleted users too.
    pub fn find(&self, name: &str) -> Option<String> {
        let engine = self.lock();
        let tenant = &engine.tenant;
        let named = |user: &&Object| {
            same(text(user, "mail"), name) || same(text(user, "userPrincipalName"), name)
        };
        let users = tenant.users.known_as(name).find(named);
        let groups = || {
            tenant
                .groups
                .values()
                .find(|group| text(group, "displayName") == name)
        };
        let gone = || tenant.deleted_users.values().find(named);
        users
            .or_else(groups)
            .or_else(gone)
            .map(|object| text(object, "id").to_owned())
    }

    /// Adds a user and returns the id. Needs a `mail` or `userPrincipalName`; may carry
    /// `sponsors`, a list of ids.
    ///
    /// # Panics
    ///
    /// If the user has a property that Graph does not know, or a link to nobody.
    #[track_caller]
    pub fn insert_user(&self, user: Value) -> String {
        self.insert(user, "user", fixture::user)
    }

    /// Adds a user who was deleted and can be restored, and returns the id.
    ///
    /// # Panics
    ///
    /// As [`Sandbox::insert_user`].
    #[track_caller]
    pub fn insert_deleted_user(&self, user: Value) -> String {
        self.insert(user, "deleted user", fixture::deleted_user)
    }

    /// Adds a group and returns the id. Needs a `displayName`; may carry `members` and `owners`,
    /// lists of ids.
    ///
    /// # Panics
    ///
    /// As [`Sandbox::insert_user`].
    #[track_caller]
    pub fn insert_group(&self, group: Value) -> String {
        self.insert(group, "group", fixture::group)
    }

    /// Adds an entry to the audit log, as if somebody had done something before, and returns its
    /// id. What is not said is that somebody was invited, and successfully.
    ///
    /// # Panics
    ///
    /// If the entry has a property that Graph does not know.
    #[track_caller]
    pub fn insert_audit(&self, audit: Value) -> String {
        self.insert(audit, "audit", fixture::audit)
    }

    /// Adds a conditional access policy and returns the id. Needs a `displayName`; what is not said is that
    /// it is enabled, and for all apps.
    ///
    /// # Panics
    ///
    /// If the policy has a property that Graph does not know.
    #[track_caller]
    pub fn insert_conditional_access_policy(&self, policy: Value) -> String {
        self.insert(policy, "policy", fixture::conditional_access_policy)
    }

    /// Adds an administrative unit and returns its id. Needs a `displayName`; `members` are ids.
    ///
    /// # Panics
    ///
    /// If it has a property that Graph does not know.
    #[track_caller]
    pub fn insert_administrative_unit(&self, unit: Value) -> String {
        self.insert(unit, "administrative unit", fixture::administrative_unit)
    }

    /// Adds an enterprise application and returns its id. Needs a `displayName`.
    ///
    /// # Panics
    ///
    /// If it has a property that Graph does not know.
    #[track_caller]
    pub fn insert_service_principal(&self, app: Value) -> String {
        self.insert(app, "service principal", fixture::service_principal)
    }

    /// Adds an identity provider and returns its id: a federation with an `issuerUri`, another with a `clientId`.
    ///
    /// # Panics
    ///
    /// If it has a property that Graph does not know.
    #[track_caller]
    pub fn insert_identity_provider(&self, provider: Value) -> String {
        self.insert(
            provider,
            "identity provider",
            collaboration::identity_provider,
        )
    }

    /// Gives an enterprise application another display name.
    pub fn rename_service_principal(&self, id: &str, name: &str) {
        let mut engine = self.lock();
        if let Some(app) = engine.tenant.service_principals.get_mut(id) {
            app.insert("displayName".to_owned(), json!(name));
        }
        engine.changed();
    }

    /// Gives someone a role of an enterprise application, by ids.
    pub fn assign_app_role(&self, principal: &str, app: &str, role: &str) {
        let mut engine = self.lock();
        let id = uuid::Uuid::new_v4().simple().to_string();
        let assignment = json!({
            "id": id, "principalId": principal, "principalType": "User", "resourceId": app,
            "appRoleId": role,
        });
        if let Value::Object(assignment) = assignment {
            engine.tenant.app_role_assignments.insert(id, assignment);
        }
        engine.changed();
    }

    /// Adds one of Microsoft's own lifecycle policies, as the documentation shows it: the metadata does not
    /// know them.
    pub fn insert_lifecycle_policy(&self, policy: Value) {
        let mut engine = self.lock();
        engine.tenant.lifecycle_policies.push(policy);
        engine.changed();
    }

    /// Sets what entitlement management does with guests who hold no package any more: `none`,
    /// `blockSignIn` or `blockSignInAndDelete`.
    pub fn set_external_user_lifecycle_action(&self, action: &str) {
        let mut engine = self.lock();
        let settings = &mut engine.tenant.entitlement_management_settings;
        settings.insert("externalUserLifecycleAction".to_owned(), json!(action));
        engine.changed();
    }

    #[track_caller]
    fn insert(
        &self,
        given: Value,
        kind: &str,
        complete: fn(&Tenant, Object, Timestamp) -> Result<Object, String>,
    ) -> String {
        let Value::Object(given) = given else {
            panic!("a {kind} is a JSON object");
        };
        let mut engine = self.lock();
        let now = engine.now();
        let made = complete(&engine.tenant, given, now)
            .and_then(|made| fixture::check_links(&engine.tenant, &made).map(|()| made));
        let object = match made {
            Ok(object) => object,
            Err(reason) => panic!("no such {kind}: {reason}"),
        };
        let id = text(&object, "id").to_owned();
        let tenant = &mut engine.tenant;
        let before = match kind {
            "group" => tenant.groups.insert(id.clone(), object),
            "user" => tenant.users.insert(id.clone(), object),
            "policy" => tenant
                .conditional_access_policies
                .insert(id.clone(), object),
            "identity provider" if object.contains_key("issuerUri") => {
                tenant.federations.insert(id.clone(), object)
            }
            "identity provider" => tenant.identity_providers.insert(id.clone(), object),
            "audit" => tenant.directory_audits.insert(id.clone(), object),
            "administrative unit" => tenant.administrative_units.insert(id.clone(), object),
            "service principal" => tenant.service_principals.insert(id.clone(), object),
            _ => tenant.deleted_users.insert(id.clone(), object),
        };
        assert!(before.is_none(), "two objects with the id {id}");
        engine.changed();
        id
    }

    /// Gives someone a directory role, named as in the portal.
    ///
    /// # Panics
    ///
    /// If there is no role of this name.
    #[track_caller]
    pub fn assign_role(&self, principal: &str, role: &str) {
        let mut engine = self.lock();
        let named = |one: &&Object| text(one, "displayName") == role;
        let definition = engine.tenant.role_definitions.values().find(named);
        let Some(definition) = definition.map(|one| text(one, "id").to_owned()) else {
            panic!("no role is named {role}");
        };
        let id = uuid::Uuid::new_v4().to_string();
        let assignment = json!({
            "id": id, "principalId": principal, "roleDefinitionId": definition,
            "directoryScopeId": "/",
        });
        if let Value::Object(assignment) = assignment {
            engine.tenant.role_assignments.insert(id, assignment);
        }
        engine.changed();
    }

    /// Changes a user, group or deleted user behind the caller's back; also the policies whose ids
    /// are `authorizationPolicy`, `externalIdentitiesPolicy` and `Email`, and the organization. Properties that Graph itself writes may
    /// be given too, and links, which are replaced.
    ///
    /// # Panics
    ///
    /// If there is no such object, or no such property.
    #[track_caller]
    pub fn edit(&self, id: &str, change: Value) {
        let Value::Object(change) = change else {
            panic!("a change is a JSON object");
        };
        let mut engine = self.lock();
        let Some((kind, object)) = engine.tenant.any_object(id) else {
            panic!("nothing in the tenant has the id {id}");
        };
        let mut changed = object.clone();
        users::merge(&mut changed, change);
        let checked = fixture::check_properties(kind, &changed)
            .and_then(|()| fixture::check_links(&engine.tenant, &changed));
        if let Err(reason) = checked {
            panic!("no such change: {reason}");
        }
        engine.tenant.replace(id, changed);
        engine.changed();
    }

    /// The person accepts the invitation.
    pub fn redeem(&self, id: &str) {
        let mut engine = self.lock();
        let now = engine.now();
        guest::set_accepted(&mut engine.tenant, id, now);
        engine.changed();
    }

    /// Deletes a user or group behind the caller's back; a guest who leaves looks like this.
    pub fn delete(&self, id: &str) {
        let mut engine = self.lock();
        let now = engine.now();
        deleted::remove_user(&mut engine.tenant, id, now);
        deleted::remove_group(&mut engine.tenant, id, now);
        engine.changed();
    }

    /// Stops the tenant's clock at an instant; `None` lets it show the real time.
    pub fn set_clock(&self, now: Option<Timestamp>) {
        self.lock().clock = now;
    }

    /// Tells the tenant how to behave from now on; faults count requests from here.
    ///
    /// # Panics
    ///
    /// If a change made elsewhere is no request that this tenant serves.
    #[track_caller]
    pub fn behave(&self, behaviour: Behaviour) {
        faults::check(&behaviour);
        self.lock().behave(behaviour);
    }

    /// Returns what was received, oldest first; of a long run, the last some thousands.
    pub fn requests(&self) -> Vec<Received> {
        self.lock().received.clone()
    }

    /// Forgets what was received.
    pub fn forget_requests(&self) {
        self.lock().received.clear();
    }

    /// Returns a bearer token with the permissions that the present behaviour grants.
    pub fn token(&self) -> String {
        let mut engine = self.lock();
        token::issue(&mut engine, token::OWN_APP)
    }

    /// Makes every token issued so far invalid, as a revoked consent or an expiry would.
    pub fn expire_tokens(&self) {
        self.lock().grants.clear();
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Engine> {
        // A panic in a test's own thread must not hide what the tenant looks like.
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{empty, now};

    #[test]
    fn a_state_file_keeps_every_write_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/sandbox.json");
        let sandbox = Sandbox::open(&path).unwrap();
        assert!(!path.exists(), "reading writes nothing");
        let id = sandbox.insert_user(json!({"mail": "ada@contoso.example"}));
        let again = Sandbox::open(&path).unwrap();
        assert_eq!(again.find("ada@contoso.example"), Some(id));
        assert_eq!(again.state(), sandbox.state());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1
        );
        std::fs::write(&path, "{").unwrap();
        assert!(matches!(Sandbox::open(&path), Err(SandboxError::State(_))));
    }

    #[test]
    fn a_state_may_be_sketched_by_hand() {
        let sandbox = Sandbox::from_state(json!({
            "users": [
                {"id": "a0000001-0000-4000-8000-000000000001", "mail": "ada@contoso.example", "userType": "Guest"},
                {"mail": "boss@fabrikam.example"},
            ],
            "groups": [{"displayName": "readers", "members": ["a0000001-0000-4000-8000-000000000001"]}],
        }))
        .unwrap();
        let state = sandbox.state();
        assert_eq!(state["organization"]["displayName"], "Fabrikam");
        let boss = state["users"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["mail"] == "boss@fabrikam.example")
            .unwrap();
        assert_eq!(boss["userType"], "Member");
        for wrong in [
            json!({"users": [{"displayName": "nobody"}]}),
            json!({"users": [{"mail": "a@b.example", "nonsense": 1}]}),
            json!({"groups": [{"displayName": "g", "members": ["x"]}]}),
            json!({"guests": []}),
        ] {
            assert!(Sandbox::from_state(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn changes_behind_the_callers_back_show() {
        let caller = empty();
        let id = caller.sandbox.insert_user(
            json!({"mail": "ada@contoso.example", "externalUserState": "PendingAcceptance"}),
        );
        caller.sandbox.edit(
            &id,
            json!({"accountEnabled": false, "companyName": "Contoso"}),
        );
        let user = caller.get(&format!(
            "/users/{id}?$select=accountEnabled,companyName,createdDateTime"
        ));
        assert_eq!(
            (&user["accountEnabled"], &user["companyName"]),
            (&json!(false), &json!("Contoso"))
        );
        assert_eq!(user["createdDateTime"], crate::time::stamp(now()));
        caller.sandbox.delete(&id);
        assert_eq!(
            caller.status("GET", &format!("/users/{id}"), Value::Null),
            404
        );
    }
}
