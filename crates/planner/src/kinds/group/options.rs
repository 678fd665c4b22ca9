//! What a group has besides its members: whether it expires, whether guests can be added, which
//! licences its members get.
//! Sources: "groupLifecyclePolicy: addGroup", "Overview of group settings in Microsoft Graph", "group:
//! assignLicense", Graph v1.0.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::written::Options;
use crate::address::{Address, ObjectId};
use crate::kinds::Cx;
use crate::kinds::guest::user::{DecodeError, ids, text};
use crate::kinds::tenant_policy::{ONLY, Section};
use crate::request::{Read, Request};
use crate::snapshot::Topic;

/// The template of the settings of one group, by its display name.
const TEMPLATE: &str = "Group.Unified.Guest";
const ADD: &str = "AllowToAddGuests";

/// Licences: ids by `skuPartNumber`.
pub type Licenses = BTreeMap<String, String>;

/// What a group has besides its members, as far as it is managed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Has {
    /// Whether the policy for selected groups covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration: Option<bool>,
    /// Whether guests can be added to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_to_add_guests: Option<bool>,
    /// The licences that its members get, of those that are managed: ids by `skuPartNumber`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licenses: Option<Licenses>,
}

/// Something that a group has besides its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// The policies by which it expires.
    Policies,
    /// Its settings.
    Settings,
    /// Its licences.
    Licenses,
}

/// What a group of the tenant has besides its members, as far as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SeenOptions {
    /// The ids of the policies by which it expires.
    pub policies: Option<BTreeSet<ObjectId>>,
    /// Whether its settings were read.
    pub settings_read: bool,
    /// The id of its setting, and whether it lets guests be added; none was ever made otherwise.
    pub setting: Option<(ObjectId, bool)>,
    /// The ids of its licences.
    pub licenses: Option<BTreeSet<String>>,
}

/// Returns the address of a group's own setting.
pub(crate) fn setting(group: &str) -> Address {
    Address::new("groupSetting", group)
}

/// Returns the address of the template that such a setting is made from.
pub(crate) fn template() -> Address {
    Address::new("groupSettingTemplate", TEMPLATE)
}

/// Returns the id of that template if an item is it.
pub(crate) fn template_id(item: &Value) -> Option<ObjectId> {
    (item["displayName"] == TEMPLATE).then(|| text(item, "id"))?
}

/// Returns the reads that tell what a group has of what a file says of it.
pub(super) fn reads(id: &str, options: &Options) -> Vec<Read> {
    let read = |asked, path: String, permission| {
        let read = Read::list(path, permission).optional();
        let read = read.about(Topic::Options(id.to_owned(), asked));
        Read {
            may_be_missing: true,
            ..read
        }
    };
    let mut reads = Vec::new();
    if options.expiration.is_some() {
        let path = format!("/groups/{id}/groupLifecyclePolicies?$select=id");
        reads.push(read(Asked::Policies, path, "Directory.Read.All"));
    }
    if options.allow_to_add_guests.is_some() {
        let path = format!("/groups/{id}/settings");
        reads.push(read(Asked::Settings, path, "GroupSettings.Read.All"));
    }
    if options.licenses.is_some() {
        let path = format!("/groups/{id}?$select=id,assignedLicenses");
        let read = read(Asked::Licenses, path, "Group.Read.All");
        reads.push(Read {
            list: false,
            ..read
        });
    }
    reads
}

impl SeenOptions {
    pub(super) fn take_in(&mut self, asked: Asked, items: &[Value]) -> Result<(), DecodeError> {
        match asked {
            Asked::Policies => self.policies = Some(ids(items)?),
            Asked::Settings => {
                self.settings_read = true;
                let ours = items.iter().find(|item| item["displayName"] == TEMPLATE);
                let setting = ours.and_then(|item| Some((text(item, "id")?, lets_in(item))));
                self.setting = setting;
            }
            Asked::Licenses => {
                let all = items
                    .iter()
                    .filter_map(|item| item["assignedLicenses"].as_array());
                let skus = all.flatten().map(|license| text(license, "skuId"));
                let skus: Option<_> = skus.collect();
                self.licenses = Some(skus.ok_or(DecodeError::Missing("skuId"))?);
            }
        }
        Ok(())
    }
}

/// Returns whether a setting lets guests be added: it does unless it says no.
fn lets_in(item: &Value) -> bool {
    let values = item["values"].as_array().into_iter().flatten();
    let mut values = values.filter(|value| value["name"] == ADD);
    !values.any(|value| {
        value["value"]
            .as_str()
            .is_some_and(|it| it.eq_ignore_ascii_case("false"))
    })
}

impl Has {
    /// Returns what it should have, given what there is: what is not managed stays.
    pub(super) fn over(&self, observed: &Self) -> Self {
        Self {
            expiration: self.expiration.or(observed.expiration),
            allow_to_add_guests: self.allow_to_add_guests.or(observed.allow_to_add_guests),
            licenses: self.licenses.clone().or_else(|| observed.licenses.clone()),
        }
    }

    /// Returns what it refers to.
    pub(super) fn refs(&self) -> impl Iterator<Item = Address> {
        let policy = self
            .expiration
            .map(|_| Section::GroupExpiration.address(ONLY));
        let template = self.allow_to_add_guests.map(|_| template());
        policy.into_iter().chain(template)
    }

    /// Returns the requests that lead there.
    pub(super) fn writes(&self, before: &Self, group: &str, id: &str, cx: &Cx<'_>) -> Vec<Request> {
        let mut requests = Vec::new();
        if self.expiration != before.expiration {
            requests.extend(self.expires(id, cx));
        }
        if self.allow_to_add_guests != before.allow_to_add_guests {
            requests.extend(self.lets_guests_in(group, id, cx));
        }
        if let Some(now) = self
            .licenses
            .as_ref()
            .filter(|_| self.licenses != before.licenses)
        {
            let none = Licenses::new();
            requests.push(assign(id, before.licenses.as_ref().unwrap_or(&none), now));
        }
        requests
    }

    /// Returns the licences that it has and another has not.
    pub(crate) fn licenses_without(&self, other: &Self) -> Vec<&str> {
        let (Some(ours), Some(theirs)) = (&self.licenses, &other.licenses) else {
            return Vec::new();
        };
        let gone = ours.keys().filter(|name| !theirs.contains_key(*name));
        gone.map(String::as_str).collect()
    }

    /// Returns the permissions that those need.
    pub(super) fn permissions(&self, before: Option<&Self>) -> Vec<&'static str> {
        let none = Self::default();
        let before = before.unwrap_or(&none);
        let all = [
            (
                self.expiration != before.expiration,
                "Directory.ReadWrite.All",
            ),
            (
                self.allow_to_add_guests != before.allow_to_add_guests,
                "GroupSettings.ReadWrite.All",
            ),
            (
                self.licenses != before.licenses,
                "LicenseAssignment.ReadWrite.All",
            ),
        ];
        all.into_iter()
            .filter_map(|(is, name)| is.then_some(name))
            .collect()
    }

    fn expires(&self, id: &str, cx: &Cx<'_>) -> Option<Request> {
        let action = if self.expiration? {
            "addGroup"
        } else {
            "removeGroup"
        };
        let policy = cx.ids.get(&Section::GroupExpiration.address(ONLY))?;
        let path = format!("/groupLifecyclePolicies/{policy}/{action}");
        Some(Request::post(path, json!({ "groupId": id })).repeatable())
    }

    fn lets_guests_in(&self, group: &str, id: &str, cx: &Cx<'_>) -> Option<Request> {
        let value = self.allow_to_add_guests?.to_string();
        let mut body = json!({ "values": [{ "name": ADD, "value": value }] });
        let path = format!("/groups/{id}/settings");
        if let Some(setting) = cx.ids.get(&setting(group)) {
            return Some(Request::patch(format!("{path}/{setting}"), body));
        }
        body["templateId"] = json!(cx.ids.get(&template())?);
        Some(Request::post(path, body))
    }
}

fn assign(id: &str, then: &Licenses, now: &Licenses) -> Request {
    let gone: Vec<_> = then
        .values()
        .filter(|sku| !now.values().any(|it| it == *sku))
        .collect();
    let new = now
        .values()
        .filter(|sku| !then.values().any(|it| it == *sku));
    let new: Vec<_> = new
        .map(|sku| json!({ "skuId": sku, "disabledPlans": [] }))
        .collect();
    let is_adding = gone.is_empty();
    let body = json!({ "addLicenses": new, "removeLicenses": gone });
    let request = Request::post(format!("/groups/{id}/assignLicense"), body);
    if is_adding {
        request.repeatable()
    } else {
        request
    }
}
