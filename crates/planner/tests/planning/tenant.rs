//! A tenant as a few lines of JSON, and plans against it. It answers the planner's reads the way
//! Graph documents them; what it is not asked for, it does not tell.

use std::collections::BTreeMap;

use guestlist_planner::kinds::assignment::Sort;
use guestlist_planner::kinds::group::options::Asked;
use guestlist_planner::kinds::tenant_policy::{Referred, Section};
use guestlist_planner::load::{Config, load};
use guestlist_planner::plan::{Header, Plan, Request, plan};
use guestlist_planner::render::text;
use guestlist_planner::request::{Answer, Read};
use guestlist_planner::snapshot::{Snapshot, Topic};
use guestlist_planner::yaml::Source;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Users, deleted users, groups and role assignments of one tenant.
#[derive(Clone, Default)]
pub(crate) struct Tenant {
    pub(crate) users: Vec<Value>,
    pub(crate) deleted: Vec<Value>,
    pub(crate) groups: Vec<Value>,
    pub(crate) roles: Vec<(&'static str, &'static str)>,
    pub(crate) roles_denied: bool,
    /// Conditional access policies.
    pub(crate) policies: Vec<Value>,
    /// Policies of the tenant that files manage.
    pub(crate) tenant_policies: BTreeMap<Section, Vec<Value>>,
    /// Whether it has bought nothing.
    pub(crate) is_free: bool,
}

/// An accepted guest, with what a test says otherwise.
pub(crate) fn guest(id: &str, mail: &str, more: Value) -> Value {
    let mut user = json!({
        "id": id, "mail": mail, "userType": "Guest", "creationType": "Invitation", "accountEnabled": true,
        "userPrincipalName": format!("{}#EXT#@fabrikam.onmicrosoft.example", mail.replace('@', "_")),
        "externalUserState": "Accepted", "externalUserStateChangeDateTime": "2026-01-10T08:00:00Z",
        "createdDateTime": "2026-01-01T08:00:00Z", "signInSessionsValidFromDateTime": "2026-01-01T08:00:00Z",
        "displayName": mail.split('@').next(), "sponsors": [],
    });
    for (name, value) in more.as_object().unwrap() {
        user[name] = value.clone();
    }
    user
}

/// What a stamp looks like in a reply.
pub(crate) fn stamped(text: &str) -> Value {
    json!({ "extensionAttribute15": format!("guestlist owner=sandbox {text}").trim_end() })
}

/// A member of the tenant.
pub(crate) fn member(id: &str, mail: &str) -> Value {
    json!({ "id": id, "mail": mail, "userPrincipalName": mail, "userType": "Member", "accountEnabled": true, "displayName": mail })
}

impl Tenant {
    fn answer(&self, read: &Read) -> Answer {
        let named = |value: &Value, name: &str| {
            value[name]
                .as_str()
                .is_some_and(|text| read.path.to_lowercase().contains(&encoded(text)))
        };
        let guests = self.users.iter().filter(|user| user["userType"] == "Guest");
        match read.about.as_ref().unwrap() {
            Topic::Organization => Answer::Items(vec![json!({
                "id": "11111111-1111-1111-1111-111111111111", "displayName": "Fabrikam",
                "verifiedDomains": [{ "name": "fabrikam.example" }, { "name": "fabrikam.onmicrosoft.example" }],
            })]),
            Topic::Users => Answer::Items(guests.cloned().collect()),
            Topic::DeletedUsers => Answer::Items(self.deleted.clone()),
            Topic::Principals if read.path.starts_with("/groups") => Answer::Items(
                self.groups
                    .iter()
                    .filter(|group| named(group, "displayName"))
                    .cloned()
                    .collect(),
            ),
            Topic::AllMembers => Answer::Items(
                self.users
                    .iter()
                    .filter(|user| user["userType"] == "Member")
                    .cloned()
                    .collect(),
            ),
            Topic::LookedUpUsers | Topic::Principals | Topic::Followers => {
                let found = self.users.iter().filter(|user| {
                    named(user, "mail") || named(user, "userPrincipalName") || named(user, "id")
                });
                Answer::Items(found.cloned().collect())
            }
            Topic::TenantPolicies(_) if read.path.contains("/groupSettingTemplates") => {
                Answer::Items(templates())
            }
            Topic::TenantPolicies(section) => Answer::Items(
                self.tenant_policies
                    .get(section)
                    .cloned()
                    .unwrap_or_default(),
            ),
            Topic::SettingTemplates => Answer::Items(templates()),
            Topic::Named(Referred::AuthenticationStrength) => Answer::Items(vec![
                json!({ "id": "00000000-0000-0000-0000-000000000004", "displayName": "Phishing-resistant MFA" }),
            ]),
            Topic::Named(_) => {
                let found = APPS.iter().filter(|(id, name)| {
                    read.path.contains(id)
                        || read
                            .path
                            .contains(&guestlist_planner::request::literal(name))
                });
                let app = |(id, name): &(&str, &str)| json!({ "id": name, "appId": id, "displayName": name });
                Answer::Items(found.map(app).collect())
            }
            Topic::Plans if self.is_free => Answer::Items(Vec::new()),
            Topic::Plans => Answer::Items(vec![
                json!({ "capabilityStatus": "Enabled", "servicePlans": [{ "servicePlanName": "AAD_PREMIUM" }] }),
            ]),
            Topic::Options(id, asked) => {
                let group = self
                    .groups
                    .iter()
                    .find(|group| group["id"] == id.as_str())
                    .unwrap();
                let list =
                    |name: &str| Answer::Items(group[name].as_array().cloned().unwrap_or_default());
                match asked {
                    Asked::Policies if group["expires"] == "denied" => Answer::Denied,
                    Asked::Policies => list("expires"),
                    Asked::Settings => list("settings"),
                    Asked::Licenses => Answer::Items(vec![group.clone()]),
                }
            }
            Topic::Governed | Topic::Native => Answer::Missing,
            Topic::Holds(id) | Topic::Belongs(id) => {
                let holds = |group: &&Value| {
                    group["members"]
                        .as_array()
                        .is_some_and(|members| members.contains(&json!(id)))
                };
                Answer::Items(self.groups.iter().filter(holds).cloned().collect())
            }
            Topic::Groups if !read.list => Answer::Missing,
            Topic::Groups => Answer::Items(
                self.groups
                    .iter()
                    .filter(|group| named(group, "displayName") || named(group, "id"))
                    .cloned()
                    .collect(),
            ),
            Topic::Group(id) => self
                .groups
                .iter()
                .find(|group| group["id"] == id.as_str())
                .map_or(Answer::Missing, |group| Answer::Items(vec![group.clone()])),
            Topic::Members(id) => self.edges(id, "members"),
            Topic::Owners(id) => self.edges(id, "owners"),
            Topic::Inner(id) if self.groups.iter().all(|group| group["id"] != id.as_str()) => {
                Answer::Missing
            }
            Topic::Inner(id) => self.edges(id, "groups"),
            Topic::ConditionalAccess => Answer::Items(self.policies.clone()),
            Topic::DynamicGroups => Answer::Items(
                self.groups
                    .iter()
                    .filter(|group| group["groupTypes"][0] == "DynamicMembership")
                    .cloned()
                    .collect(),
            ),
            Topic::RoleGroups => Answer::Items(
                self.groups
                    .iter()
                    .filter(|group| group["isAssignableToRole"] == true)
                    .cloned()
                    .collect(),
            ),
            Topic::Assigned(Sort::License) if read.path.starts_with("/subscribedSkus") => {
                Answer::Items(vec![
                    json!({ "skuId": "sku", "skuPartNumber": "POWER_BI_STANDARD", "prepaidUnits": { "enabled": 1 } }),
                ])
            }
            Topic::Assigned(sort) if *sort != Sort::DirectoryRole => Answer::Items(Vec::new()),
            Topic::Assigned(_) if self.roles_denied => Answer::Denied,
            Topic::Assigned(_) if read.path.contains("/roleAssignments") => {
                let assignment = |(who, role): &(&str, &str)| {
                    json!({
                        "id": format!("{who}-{role}"), "principalId": who, "roleDefinitionId": role,
                        "directoryScopeId": "/",
                    })
                };
                Answer::Items(self.roles.iter().map(assignment).collect())
            }
            Topic::Assigned(_) => {
                let held = self.roles.iter().map(|(_, role)| *role);
                let roles: std::collections::BTreeSet<_> = held.chain(ROLES).collect();
                let role = |role| json!({ "id": role, "displayName": role, "isBuiltIn": true });
                Answer::Items(roles.into_iter().map(role).collect())
            }
        }
    }

    fn edges(&self, id: &str, name: &str) -> Answer {
        let group = self.groups.iter().find(|group| group["id"] == id).unwrap();
        let ids = group[name].as_array().into_iter().flatten();
        Answer::Items(ids.map(|id| json!({ "id": id })).collect())
    }

    /// Reads everything a plan needs, wave by wave.
    pub(crate) fn observe(&self, config: &Config, now: Timestamp) -> Snapshot {
        let mut snapshot = Snapshot::new(now);
        loop {
            let reads = snapshot.wants(&config.desired, &config.policy);
            if reads.is_empty() {
                return snapshot;
            }
            for read in reads {
                snapshot.absorb(&read, self.answer(&read)).unwrap();
            }
        }
    }

    /// Plans for a day.
    pub(crate) fn plan(&self, guests: &str, policies: &str, now: &str, request: &Request) -> Plan {
        let now = instant(now);
        let config = config(guests, policies, now);
        let observed = self.observe(&config, now);
        plan(
            &config,
            &observed,
            now,
            request,
            &Header {
                version: "0.0.0".into(),
                ..Header::default()
            },
        )
        .0
    }

    /// Plans for a day and returns what people read, without the header.
    pub(crate) fn planned(&self, guests: &str, policies: &str, now: &str) -> String {
        let text = text::plan(
            &self.plan(guests, policies, now, &Request::default()),
            false,
        );
        text.split_once("\n\n").unwrap().1.to_owned()
    }
}

/// What settings of groups are made from, cut short.
fn templates() -> Vec<Value> {
    let value = |name: &str, value: &str| json!({ "name": name, "defaultValue": value, "type": "System.Boolean" });
    let unified = [
        value("AllowToAddGuests", "True"),
        value("EnableGroupCreation", "true"),
        value("GuestUsageGuidelinesUrl", ""),
    ];
    vec![
        json!({ "id": "t1", "displayName": "Group.Unified", "values": unified }),
        json!({ "id": "t2", "displayName": "Group.Unified.Guest", "values": [value("AllowToAddGuests", "True")] }),
    ]
}

/// Applications that every tenant has here, and one whose name two have.
const APPS: [(&str, &str); 3] = [
    ("a0000000-0000-4000-8000-000000000001", "Salesforce"),
    ("a0000000-0000-4000-8000-000000000002", "Twin"),
    ("a0000000-0000-4000-8000-000000000003", "Twin"),
];

/// Roles that every tenant has.
const ROLES: [&str; 3] = ["Directory Readers", "Guest Inviter", "User Administrator"];

fn encoded(text: &str) -> String {
    guestlist_planner::request::literal(text).to_lowercase()
}

/// An instant, or the first of a day in UTC.
pub(crate) fn instant(text: &str) -> Timestamp {
    text.parse()
        .or_else(|_| format!("{text}T00:00:00Z").parse())
        .unwrap()
}

/// A repository of two files. An empty text is no file.
pub(crate) fn config(guests: &str, policies: &str, now: Timestamp) -> Config {
    let files = [("guests/all.yaml", guests), ("policies/all.yaml", policies)];
    let sources: Vec<_> = files
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(path, text)| Source {
            path: path.into(),
            text: text.into(),
        })
        .collect();
    load(&sources, now).unwrap_or_else(|mistakes| {
        panic!(
            "{}",
            mistakes
                .iter()
                .map(|mistake| mistake.show(&sources, false))
                .collect::<Vec<_>>()
                .join("\n")
        )
    })
}
