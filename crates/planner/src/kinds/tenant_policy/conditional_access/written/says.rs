//! What a conditional access policy of the files says, by Graph's paths; `null` for nothing.

use serde_json::{Value, json};

use super::{Grant, Operator, Platform, Risk, Session, Whom, Written, how_often};
use crate::kinds::tenant_policy::Properties;
use crate::kinds::tenant_policy::conditional_access::{STRENGTH, TERMS, TYPES, in_order};
use crate::kinds::tenant_policy::flat::sorted;
use crate::kinds::tenant_policy::reference::is_id;

/// What a file says of a policy, by path; `null` for nothing.
#[derive(Default)]
pub(super) struct Says(Properties);

impl Written {
    fn wants(&self) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
        let words =
            |risks: &Option<Vec<Risk>>| Some(risks.as_ref()?.iter().map(|it| it.word()).collect());
        let clients = self.client_app_types.as_ref();
        [
            (
                "clientAppTypes",
                clients.map(|all| all.iter().map(|it| it.word()).collect()),
            ),
            ("signInRiskLevels", words(&self.sign_in_risk_levels)),
            ("userRiskLevels", words(&self.user_risk_levels)),
        ]
        .into_iter()
        .filter_map(|(name, words)| Some((name, words?)))
    }
}

impl Says {
    /// Returns what a policy says.
    pub(super) fn of(written: &Written) -> Properties {
        let mut says = Self::default();
        let applications = "conditions.applications";
        says.text("state", Some(written.state.word()));
        says.whom("include", &written.include);
        if let Some(whom) = &written.exclude {
            says.whom("exclude", whom);
        }
        let (include, exclude) = (&written.applications.include, &written.applications.exclude);
        says.list(&format!("{applications}.includeApplications"), include);
        says.list(&format!("{applications}.excludeApplications"), exclude);
        says.conditions(written);
        if let Some(grant) = &written.grant {
            says.grant(grant);
        }
        if let Some(session) = &written.session {
            says.session(session);
        }
        says.0
    }

    fn value(&mut self, path: &str, value: Value) {
        self.0.insert(path.to_owned(), value);
    }

    fn text(&mut self, path: &str, text: Option<&str>) {
        self.value(path, json!(text));
    }

    /// An empty list is nothing. Graph writes ids in lower case.
    fn list(&mut self, path: &str, texts: &[impl AsRef<str>]) {
        let texts = texts.iter().map(|text| match text.as_ref() {
            id if is_id(id) => id.to_lowercase(),
            text => text.to_owned(),
        });
        let texts: Vec<_> = texts.collect();
        let list = if texts.is_empty() {
            Value::Null
        } else {
            sorted(json!(texts))
        };
        self.value(path, list);
    }

    fn whom(&mut self, key: &str, whom: &Whom) {
        let users = whom.users.iter().map(|name| match name.contains('@') {
            true => name.to_lowercase(),
            false => name.clone(),
        });
        let users: Vec<_> = users.collect();
        self.list(&format!("conditions.users.{key}Users"), &users);
        self.list(&format!("conditions.users.{key}Groups"), &whom.groups);
        self.list(&format!("conditions.users.{key}Roles"), &whom.roles);
        let guests = format!("conditions.users.{key}GuestsOrExternalUsers");
        let Some(types) = &whom.guests else {
            return self.value(&guests, Value::Null);
        };
        self.value(
            &format!("{guests}.{TYPES}"),
            json!(in_order(types.iter().map(|it| it.word()))),
        );
        let (name, kind) = match whom.tenants {
            Some(_) => ("conditionalAccessEnumeratedExternalTenants", "enumerated"),
            None => ("conditionalAccessAllExternalTenants", "all"),
        };
        let of = format!("{guests}.externalTenants");
        self.value(
            &format!("{of}.@odata.type"),
            json!(format!("#microsoft.graph.{name}")),
        );
        self.text(&format!("{of}.membershipKind"), Some(kind));
        let tenants = whom.tenants.as_deref().unwrap_or_default();
        self.list(&format!("{of}.members"), tenants);
    }

    fn conditions(&mut self, written: &Written) {
        for (name, words) in written.wants() {
            self.list(&format!("conditions.{name}"), &words);
        }
        if let Some(locations) = &written.locations {
            self.list("conditions.locations.includeLocations", &locations.include);
            self.list("conditions.locations.excludeLocations", &locations.exclude);
        }
        if let Some(platforms) = &written.platforms {
            let words = |all: &[Platform]| all.iter().map(|it| it.word()).collect::<Vec<_>>();
            self.list(
                "conditions.platforms.includePlatforms",
                &words(&platforms.include),
            );
            self.list(
                "conditions.platforms.excludePlatforms",
                &words(&platforms.exclude),
            );
        }
    }

    fn grant(&mut self, grant: &Grant) {
        let controls: Vec<_> = grant.controls.iter().map(|it| it.word()).collect();
        let terms: Vec<_> = grant.terms_of_use.keys().collect();
        self.text(
            "grantControls.operator",
            Some(grant.operator.map_or("OR", Operator::word)),
        );
        self.list("grantControls.builtInControls", &controls);
        self.text(STRENGTH, grant.authentication_strength.as_deref());
        self.list(TERMS, &terms);
    }

    /// A control that is not written is not there.
    fn session(&mut self, session: &Session) {
        let mut control = |name: &str, parts: Option<Value>| {
            let path = format!("sessionControls.{name}");
            match parts {
                None => self.value(&path, Value::Null),
                Some(Value::Object(parts)) => {
                    self.value(&format!("{path}.isEnabled"), json!(true));
                    for (part, value) in parts {
                        self.value(&format!("{path}.{part}"), value);
                    }
                }
                Some(value) => self.value(&path, value),
            }
        };
        let frequency = session.sign_in_frequency.as_deref().and_then(how_often);
        control(
            "signInFrequency",
            frequency.map(|often| {
                let interval = if often.is_some() {
                    "timeBased"
                } else {
                    "everyTime"
                };
                let (value, kind) = often.unzip();
                json!({
                    "frequencyInterval": interval, "value": value, "type": kind,
                    "authenticationType": "primaryAndSecondaryAuthentication",
                })
            }),
        );
        control(
            "persistentBrowser",
            session
                .persistent_browser
                .map(|it| json!({ "mode": it.word() })),
        );
        let restricts = session.application_enforced_restrictions;
        control(
            "applicationEnforcedRestrictions",
            restricts.then(|| json!({})),
        );
        let app = session.cloud_app_security;
        control(
            "cloudAppSecurity",
            app.map(|it| json!({ "cloudAppSecurityType": it.word() })),
        );
        let resilience = session.disable_resilience_defaults;
        control(
            "disableResilienceDefaults",
            resilience.then_some(json!(true)),
        );
    }
}
