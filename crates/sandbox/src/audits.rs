//! The audit log, as far as it is about invitations. Applications invite over HTTP; what people did
//! is inserted. <https://learn.microsoft.com/graph/api/directoryaudit-list>

use serde_json::{Value, json};
use uuid::Uuid;

use crate::call::Call;
use crate::directory::set;
use crate::error::{GraphError, Outcome};
use crate::list::{self, Item};
use crate::source::Source;
use crate::tenant::{Object, text};
use crate::time;

/// What inviting is called.
pub(crate) const INVITED: &str = "Invite external user";
/// What asking to redeem again is called.
const RESET: &str = "Invite external user with reset invitation status";

/// How long a tenant with a licence keeps its log; one without keeps it for 7 days.
const KEPT_DAYS: i64 = 30;

pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let audits = call.tenant.directory_audits.values();
    let kept = audits.filter(|audit| is_kept(call, audit));
    let items = kept.map(|audit| Item::new("directoryAudit", audit));
    list::many(
        call,
        set("directoryAudit", SET),
        Source::Items(items.collect()),
    )
}

pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let id = call.param(0);
    let audit = call.tenant.directory_audits.get(id);
    let audit = audit.filter(|audit| is_kept(call, audit));
    let audit = audit.ok_or_else(|| GraphError::not_found(id))?;
    list::one(
        call,
        set("directoryAudit", SET),
        &Item::new("directoryAudit", audit),
    )
}

const SET: &str = "auditLogs/directoryAudits";

fn is_kept(call: &Call<'_>, audit: &Object) -> bool {
    let since = time::days_before(call.now, KEPT_DAYS);
    time::parse(text(audit, "activityDateTime")).is_some_and(|at| at > since)
}

/// Notes that an application invited a user.
pub(crate) fn invited(call: &mut Call<'_>, user: &str, reset: bool) {
    let Some(guest) = call.tenant.users.get(user) else {
        return;
    };
    let id = Uuid::new_v4().to_string();
    let audit = json!({
        "id": id,
        "activityDateTime": time::stamp(call.now),
        "activityDisplayName": if reset { RESET } else { INVITED },
        "category": "UserManagement",
        "correlationId": Uuid::new_v4().to_string(),
        "loggedByService": "Invited Users",
        "operationType": "Add",
        "result": "success",
        "resultReason": "",
        "initiatedBy": {
            "user": null,
            "app": {"appId": call.app, "displayName": null, "servicePrincipalId": null, "servicePrincipalName": null},
        },
        "targetResources": [{
            "id": user, "type": "User", "displayName": guest.get("displayName"),
            "userPrincipalName": guest.get("userPrincipalName"), "groupType": null, "modifiedProperties": [],
        }],
        "additionalDetails": [],
    });
    if let Value::Object(audit) = audit {
        call.tenant.directory_audits.insert(id, audit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::Behaviour;
    use crate::testing::{column, empty, now};

    const LIST: &str = "/auditLogs/directoryAudits";

    #[test]
    fn an_invitation_is_noted_with_who_sent_it() {
        let caller = empty();
        let (_, ada) = caller.invite("ada@contoso.example");
        let invited = caller.get(&format!(
            "{LIST}?$filter=activityDisplayName eq 'Invite external user'"
        ));
        let entry = &invited["value"][0];
        assert_eq!(invited["value"].as_array().unwrap().len(), 1);
        assert_eq!(
            (
                &entry["targetResources"][0]["id"],
                &entry["result"],
                &entry["initiatedBy"]["user"]
            ),
            (&json!(ada), &json!("success"), &Value::Null)
        );
        assert_eq!(entry["initiatedBy"]["app"]["appId"], crate::token::OWN_APP);
        let one = caller.get(&format!("{LIST}/{}", entry["id"].as_str().unwrap()));
        assert_eq!(one["activityDateTime"], "2026-11-22T03:00:00Z");
        crate::fixture::check_properties("directoryAudit", entry.as_object().unwrap()).unwrap();
    }

    #[test]
    fn what_people_did_is_filtered_sorted_and_paged() {
        let caller = empty();
        let grace = caller.id("grace@fabrikam.example");
        for day in ["2026-11-01", "2026-11-03", "2026-11-02", "2026-10-01"] {
            caller.sandbox.insert_audit(json!({
                "activityDateTime": format!("{day}T09:00:00Z"),
                "initiatedBy": { "user": { "id": grace, "userPrincipalName": "grace@fabrikam.example" } },
                "targetResources": [{ "id": day, "type": "User" }],
            }));
        }
        caller
            .sandbox
            .insert_audit(json!({ "activityDisplayName": "Add user" }));
        let invited = format!("{LIST}?$filter=startswith(activityDisplayName,'Invite')");
        let page = caller.get(&format!("{invited}&$orderby=activityDateTime desc&$top=2"));
        let days =
            [&page["value"][0], &page["value"][1]].map(|one| &one["targetResources"][0]["id"]);
        // What is older than 30 days is gone.
        assert_eq!(days, ["2026-11-03", "2026-11-02"]);
        let link = page["@odata.nextLink"].as_str().unwrap();
        let next = caller.get(link.strip_prefix(crate::testing::ROOT).unwrap());
        assert_eq!(column(&next, "activityDateTime"), ["2026-11-01T09:00:00Z"]);
        for (filter, count) in [
            (format!("initiatedBy/user/id eq '{grace}'"), 3),
            ("activityDateTime ge 2026-11-02".to_owned(), 3),
            ("targetResources/any(t:t/id eq '2026-11-02')".to_owned(), 1),
        ] {
            let found = caller.get(&format!("{LIST}?$filter={filter}"));
            assert_eq!(found["value"].as_array().unwrap().len(), count, "{filter}");
        }
        let wrong = format!("{LIST}?$filter=result eq 'success'");
        assert_eq!(caller.status("GET", &wrong, Value::Null), 400);
        caller
            .sandbox
            .set_clock(Some(now() + jiff::SignedDuration::from_hours(24 * 40)));
        assert_eq!(caller.get(LIST)["value"], json!([]));
    }

    #[test]
    fn it_has_a_permission_of_its_own() {
        let mut caller = empty();
        for (granted, status) in [("User.ReadWrite.All", 403), ("AuditLog.Read.All", 200)] {
            caller.sandbox.behave(Behaviour {
                permissions: Some([granted.to_owned()].into()),
                ..Behaviour::default()
            });
            caller.token = caller.sandbox.token();
            assert_eq!(caller.status("GET", LIST, Value::Null), status, "{granted}");
        }
    }
}
