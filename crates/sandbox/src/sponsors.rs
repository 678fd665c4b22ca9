//! Sponsors of a user: people or groups, five at most.

use crate::call::Call;
use crate::error::{GraphError, Outcome};
use crate::http::Reply;
use crate::links;
use crate::list::{self, Collection, Item};
use crate::privileged;
use crate::tenant::{self, Object};

/// How many sponsors a user may have.
pub(crate) const MAX_SPONSORS: usize = 5;

pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let user = call.user(call.param(0))?;
    let user = Item::new("user", user);
    let items = links::related(call.tenant, &user, "sponsors")?;
    let list = Collection {
        of: "directoryObject",
        context: "directoryObjects",
        related: true,
    };
    list::many(call, list, items)
}

pub(crate) fn add(call: &mut Call<'_>) -> Outcome {
    let id = call.user_id(call.param(0))?;
    privileged::check_restricted(call.user(&id)?)?;
    let sponsor = call.reference()?;
    call.target(&sponsor)?;
    let sponsors = tenant::links(call.user(&id)?, "sponsors");
    if sponsors.contains(&sponsor) {
        return Err(GraphError::already_linked("sponsors"));
    }
    if sponsors.len() >= MAX_SPONSORS {
        return Err(too_many());
    }
    let link = |user: &mut Object| tenant::link(user, "sponsors", &sponsor);
    call.tenant.users.change(&id, link);
    Ok(Reply::no_content())
}

pub(crate) fn remove(call: &mut Call<'_>) -> Outcome {
    let id = call.user_id(call.param(0))?;
    privileged::check_restricted(call.user(&id)?)?;
    let sponsor = call.param(1).to_owned();
    let unlink = |user: &mut Object| tenant::unlink(user, "sponsors", &sponsor);
    if call.tenant.users.change(&id, unlink) == Some(true) {
        Ok(Reply::no_content())
    } else {
        Err(GraphError::not_found(&sponsor))
    }
}

pub(crate) fn too_many() -> GraphError {
    GraphError::bad(format!(
        "The number of sponsors exceeds the maximum of {MAX_SPONSORS}."
    ))
}

#[cfg(test)]
mod tests {
    use crate::testing::{column, demo, reference};
    use serde_json::{Value, json};

    #[test]
    fn five_sponsors_each_once() {
        let caller = demo();
        let target = format!("/users/{}/sponsors", caller.id("mary@contoso.example"));
        let add = |id: &str| caller.status("POST", &format!("{target}/$ref"), reference(id));
        let hedy = caller.id("hedy@fabrikam.example");
        assert_eq!((add(&hedy), add(&hedy)), (204, 400));
        assert_eq!(add("7f3a0000-0000-4000-8000-0000000000ee"), 404);
        assert_eq!(add(&caller.id("all-company")), 204);
        assert_eq!(add(&caller.id("audit-desk@fabrikam.example")), 204);
        assert_eq!(add(&caller.id("audit-readers")), 204);
        assert_eq!(add(&caller.id("audit-uploaders")), 400);
        assert_eq!(caller.get(&target)["value"].as_array().unwrap().len(), 5);

        let gone = format!("{target}/{hedy}/$ref");
        assert_eq!(caller.status("DELETE", &gone, Value::Null), 204);
        assert_eq!(caller.status("DELETE", &gone, Value::Null), 404);
        let kinds = column(&caller.get(&target), "@odata.type");
        assert!(kinds.contains(&"#microsoft.graph.group".to_owned()));
    }

    #[test]
    fn a_reference_names_this_tenant() {
        let caller = demo();
        let target = format!("/users/{}/sponsors/$ref", caller.id("mary@contoso.example"));
        let hedy = caller.id("hedy@fabrikam.example");
        for url in [
            format!("https://graph.microsoft.com/v1.0/users/{hedy}"),
            format!("/users/{hedy}"),
            format!("http://localhost/v1.0/groups/{hedy}"),
            "http://localhost/v1.0/users/hedy@fabrikam.example".to_owned(),
        ] {
            assert!(matches!(
                caller.status("POST", &target, json!({"@odata.id": url})),
                400 | 404
            ));
        }
        let body = json!({"@odata.id": format!("http://localhost/v1.0/users/{hedy}"), "x": 1});
        assert_eq!(caller.status("POST", &target, body), 400);
        assert_eq!(caller.status("POST", &target, Value::Null), 400);
    }
}
