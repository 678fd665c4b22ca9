//! Settings of Microsoft 365 groups, for the tenant and for one group: made from a template, every value
//! a text.
//! Source: "Overview of group settings in Microsoft Graph".

use std::borrow::Cow;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::check::{self, Purpose};
use crate::directory::set;
use crate::error::{GraphError, Outcome};
use crate::http::Reply;
use crate::list::{self, Item};
use crate::source::Source;
use crate::tenant::{Object, has_type, text};

const OF: &str = "groupSetting";
const SET: &str = "groupSettings";

/// Values by name.
type Values = &'static [(&'static str, &'static str)];

/// The templates, by id and name, with the values that matter for guests and some that do not.
const TEMPLATES: [(&str, &str, Values); 2] = [
    (
        "62375ab9-6b52-47ed-826b-58e47e0e304b",
        "Group.Unified",
        &[
            ("AllowGuestsToAccessGroups", "true"),
            ("AllowGuestsToBeGroupOwner", "false"),
            ("AllowToAddGuests", "true"),
            ("ClassificationList", ""),
            ("EnableGroupCreation", "true"),
            ("GroupCreationAllowedGroupId", ""),
            ("GuestUsageGuidelinesUrl", ""),
            ("UsageGuidelinesUrl", ""),
        ],
    ),
    (
        "08d542b9-071f-4e16-94b0-74abb372e3d9",
        "Group.Unified.Guest",
        &[("AllowToAddGuests", "true")],
    ),
];

pub(crate) fn templates(call: &mut Call<'_>) -> Outcome {
    let of = "groupSettingTemplate";
    let items = TEMPLATES.iter().map(|(id, name, values)| {
        let value = |(name, default): &(&str, &str)| json!({
            "name": name, "defaultValue": default, "description": name,
            "type": if ["true", "false"].contains(default) { "System.Boolean" } else { "System.String" },
        });
        let values: Vec<_> = values.iter().map(value).collect();
        let template = json!({ "id": id, "displayName": name, "description": name, "values": values });
        Item { kind: of, object: Cow::Owned(template.as_object().cloned().unwrap_or_default()) }
    });
    let items = Source::Items(items.collect());
    list::many(call, set(of, "groupSettingTemplates"), items)
}

pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    listed(call, "")
}

pub(crate) fn of_group(call: &mut Call<'_>) -> Outcome {
    let group = text(call.group(call.param(0))?, "id").to_owned();
    listed(call, &group)
}

fn listed(call: &mut Call<'_>, of: &str) -> Outcome {
    let settings = call.tenant.group_settings.values();
    let settings = settings.filter(|setting| text(setting, "of") == of);
    let items = settings.map(|setting| Item::new(OF, setting)).collect();
    list::many(call, set(OF, SET), Source::Items(items))
}

pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    made(call, "", "Group.Unified")
}

pub(crate) fn create_of_group(call: &mut Call<'_>) -> Outcome {
    let group = call.group(call.param(0))?;
    if !has_type(group, "Unified") {
        return Err(GraphError::bad(
            "Settings are supported for Microsoft 365 groups only.",
        ));
    }
    let group = text(group, "id").to_owned();
    made(call, &group, "Group.Unified.Guest")
}

fn made(call: &mut Call<'_>, of: &str, template: &str) -> Outcome {
    let mut body = call.body()?;
    check::body(OF, &body, Purpose::Create)?;
    check::required(OF, &body, &["templateId", "values"])?;
    let (id, name, known) = TEMPLATES[usize::from(template != "Group.Unified")];
    if text(&body, "templateId") != id {
        return Err(GraphError::invalid_value("templateId", "GroupSetting"));
    }
    check_values(&body, known)?;
    let exists = |one: &Object| text(one, "of") == of && text(one, "templateId") == id;
    if call.tenant.group_settings.values().any(exists) {
        return Err(GraphError::bad(
            "A conflicting object with one or more of the specified property values is present in the directory.",
        ));
    }
    let id = Uuid::new_v4().to_string();
    body.insert("id".into(), json!(id));
    body.insert("displayName".into(), json!(name));
    body.insert("of".into(), json!(of));
    let reply = list::one(call, set(OF, SET), &Item::new(OF, &body))?;
    call.tenant.group_settings.insert(id, body);
    Ok(Reply {
        status: 201,
        ..reply
    })
}

pub(crate) fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.param(0).to_owned();
    changed(call, &id, "")
}

pub(crate) fn update_of_group(call: &mut Call<'_>) -> Outcome {
    let group = text(call.group(call.param(0))?, "id").to_owned();
    let id = call.param(1).to_owned();
    changed(call, &id, &group)
}

/// Replaces the values. Graph does not say what becomes of those that are left out: here they are gone,
/// so that a caller who leaves some out is found.
fn changed(call: &mut Call<'_>, id: &str, of: &str) -> Outcome {
    let body = call.body()?;
    check::body(OF, &body, Purpose::Update)?;
    let setting = call.tenant.group_settings.get_mut(id);
    let setting = setting.filter(|setting| text(setting, "of") == of);
    let setting = setting.ok_or_else(|| GraphError::not_found(id))?;
    let template = TEMPLATES
        .iter()
        .find(|(template, ..)| *template == text(setting, "templateId"));
    check_values(&body, template.map_or(&[], |(_, _, known)| known))?;
    setting.insert("values".into(), body["values"].clone());
    Ok(Reply::no_content())
}

/// Every value of the template must be there, and no other.
/// Source: "groupSetting resource type", Graph v1.0; that one may not be left out is unverified.
fn check_values(body: &Object, known: &[(&str, &str)]) -> Outcome<()> {
    let values = body.get("values").and_then(Value::as_array);
    let names: Vec<_> = values
        .into_iter()
        .flatten()
        .filter_map(|value| value["name"].as_str())
        .collect();
    let is_whole = known.iter().all(|(name, _)| names.contains(name));
    match is_whole && names.len() == known.len() {
        true => Ok(()),
        false => Err(GraphError::invalid_value("values", "GroupSetting")),
    }
}
