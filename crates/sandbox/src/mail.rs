//! Mail that an app sends from a mailbox of the tenant. It is kept in `mails`, beside what Microsoft
//! would send. <https://learn.microsoft.com/graph/api/user-sendmail>

use serde_json::{Value, json};

use crate::call::Call;
use crate::check::{self, Purpose};
use crate::error::{GraphError, Outcome};
use crate::http::Reply;
use crate::tenant::{Object, text};
use crate::time;

pub(crate) fn send(call: &mut Call<'_>) -> Outcome {
    let mut body = call.body()?;
    let Some(Value::Object(message)) = body.remove("message") else {
        return Err(GraphError::malformed("The message is missing."));
    };
    let save = body.remove("saveToSentItems");
    if let Some(stranger) = body.keys().next() {
        return Err(GraphError::bad(format!(
            "The parameter '{stranger}' is not valid for the operation 'sendMail'."
        )));
    }
    check::body("message", &message, Purpose::Create)?;
    let from = mailbox(call)?;
    let (to, cc) = (
        recipients(&message, "toRecipients"),
        recipients(&message, "ccRecipients"),
    );
    if to.is_empty() {
        return Err(GraphError::new(
            400,
            "ErrorInvalidRecipients",
            "At least one recipient is not valid.",
        ));
    }
    let content = message.get("body").cloned().unwrap_or_default();
    call.tenant.mails.push(json!({
        "kind": "message",
        "from": from,
        "to": to.join(", "),
        "cc": cc.join(", "),
        "subject": text(&message, "subject"),
        "contentType": content["contentType"],
        "content": content["content"],
        "savedToSentItems": save != Some(Value::Bool(false)),
        "at": time::stamp(call.now),
    }));
    Ok(Reply::with(202, None))
}

/// Returns the address of the mailbox. Shared mailboxes have one although nobody can sign in to them.
fn mailbox(call: &Call<'_>) -> Outcome<String> {
    let user = call
        .user(call.param(0))
        .map_err(|_| GraphError::new(404, "ErrorInvalidUser", "The requested user is invalid."))?;
    if text(user, "userType") == "Guest" || text(user, "mail").is_empty() {
        return Err(GraphError::new(
            404,
            "MailboxNotEnabledForRESTAPI",
            "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        ));
    }
    Ok(text(user, "mail").to_owned())
}

fn recipients(message: &Object, property: &str) -> Vec<String> {
    let listed = message.get(property).and_then(Value::as_array);
    let addresses = listed
        .into_iter()
        .flatten()
        .filter_map(|one| one["emailAddress"]["address"].as_str());
    addresses
        .filter(|address| address.contains('@'))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::demo;

    const DESK: &str = "audit-desk@fabrikam.example";

    #[test]
    fn a_message_is_kept_and_answered_with_nothing() {
        let caller = demo();
        let message = json!({
            "subject": "Welcome",
            "body": {"contentType": "html", "content": "<p>Hello</p>"},
            "toRecipients": [{"emailAddress": {"address": "ada@contoso.example"}}],
        });
        let body = json!({"message": message, "saveToSentItems": false});
        let path = format!("/users/{}/sendMail", caller.id(DESK));
        assert_eq!(caller.ask("POST", &path, body).0, 202);
        let mails = &caller.sandbox.state()["mails"];
        let mail = mails.as_array().unwrap().last().unwrap();
        assert_eq!(
            (&mail["from"], &mail["to"], &mail["savedToSentItems"]),
            (&json!(DESK), &json!("ada@contoso.example"), &json!(false))
        );
    }

    #[test]
    fn what_is_no_mailbox_or_no_message_is_refused() {
        let caller = demo();
        let to = json!([{"emailAddress": {"address": "ada@contoso.example"}}]);
        let good = json!({"message": {"subject": "x", "toRecipients": to}});
        let ask = |who: &str, body| {
            caller
                .ask("POST", &format!("/users/{who}/sendMail"), body)
                .0
        };
        assert_eq!(ask("nobody@fabrikam.example", good.clone()), 404);
        assert_eq!(ask(&caller.id("mary@contoso.example"), good.clone()), 404);
        let desk = caller.id(DESK);
        assert_eq!(ask(&desk, json!({"message": {"subject": "x"}})), 400);
        assert_eq!(ask(&desk, json!({"message": {"title": "x"}})), 400);
        assert_eq!(ask(&desk, json!({"subject": "x"})), 400);
        let mut typo = good;
        typo["saveToSentitems"] = json!(false);
        assert_eq!(ask(&desk, typo), 400);
    }
}
