//! Whether an object matches a filter. The directory compares text without case.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Comparison, Filter, Literal, TextTest};
use crate::tenant::Object;
use crate::time;

/// Returns true when the object matches; a property that is not set is null.
pub(crate) fn matches(filter: &Filter, object: &Object) -> bool {
    Scope {
        object,
        bound: None,
    }
    .holds(filter)
}

/// The object, and inside a lambda the item that its variable stands for.
struct Scope<'a> {
    object: &'a Object,
    bound: Option<(&'a str, &'a Value)>,
}

impl<'a> Scope<'a> {
    fn holds(&self, filter: &Filter) -> bool {
        match filter {
            Filter::And(parts) => parts.iter().all(|part| self.holds(part)),
            Filter::Or(parts) => parts.iter().any(|part| self.holds(part)),
            Filter::Not(inner) => !self.holds(inner),
            Filter::Compare(path, comparison, literal) => {
                compares(self.value(path), *comparison, literal)
            }
            Filter::In(path, literals) => literals
                .iter()
                .any(|literal| compares(self.value(path), Comparison::Eq, literal)),
            Filter::Text(test, path, text) => self
                .value(path)
                .and_then(Value::as_str)
                .is_some_and(|value| passes(*test, value, text)),
            Filter::Any(path, variable, body) => self.items(path).iter().any(|item| {
                Scope {
                    object: self.object,
                    bound: Some((variable, item)),
                }
                .holds(body)
            }),
            Filter::Count(path, comparison, number) => {
                let count = i64::try_from(self.items(path).len()).unwrap_or(i64::MAX);
                accepts(*comparison, Some(count.cmp(number)))
            }
        }
    }

    fn value(&self, path: &[String]) -> Option<&'a Value> {
        let (first, rest) = path.split_first()?;
        let start = match self.bound {
            Some((variable, item)) if variable == first => Some(item),
            _ => self.object.get(first),
        };
        rest.iter().fold(start, |value, name| value?.get(name))
    }

    fn items(&self, path: &[String]) -> &'a [Value] {
        self.value(path)
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }
}

fn compares(value: Option<&Value>, comparison: Comparison, literal: &Literal) -> bool {
    let value = value.filter(|value| !value.is_null());
    match (value, literal) {
        (None, Literal::Null) => comparison == Comparison::Eq,
        (None, _) | (_, Literal::Null) => comparison == Comparison::Ne,
        (Some(value), literal) => accepts(comparison, order(value, literal)),
    }
}

fn order(value: &Value, literal: &Literal) -> Option<Ordering> {
    match literal {
        Literal::Null => None,
        Literal::Bool(wanted) => Some(value.as_bool()?.cmp(wanted)),
        Literal::Number(wanted) => Some(value.as_i64()?.cmp(wanted)),
        Literal::Text(wanted) => Some(fold_order(value.as_str()?, wanted)),
        Literal::Time(wanted) => Some(time::parse(value.as_str()?)?.cmp(wanted)),
    }
}

fn accepts(comparison: Comparison, order: Option<Ordering>) -> bool {
    match comparison {
        Comparison::Eq => order == Some(Ordering::Equal),
        Comparison::Ne => order != Some(Ordering::Equal),
        Comparison::Ge => order.is_some_and(Ordering::is_ge),
        Comparison::Le => order.is_some_and(Ordering::is_le),
        Comparison::Gt => order.is_some_and(Ordering::is_gt),
        Comparison::Lt => order.is_some_and(Ordering::is_lt),
    }
}

fn passes(test: TextTest, value: &str, text: &str) -> bool {
    let (value, text) = (fold(value), fold(text));
    match test {
        TextTest::StartsWith => value.starts_with(&text),
        TextTest::EndsWith => value.ends_with(&text),
        TextTest::Contains => value.contains(&text),
    }
}

fn fold_order(left: &str, right: &str) -> Ordering {
    if !(left.is_ascii() && right.is_ascii()) {
        return fold(left).cmp(&fold(right));
    }
    // Most are ASCII, and need not be copied to be compared.
    let left = left.bytes().map(|byte| byte.to_ascii_lowercase());
    left.cmp(right.bytes().map(|byte| byte.to_ascii_lowercase()))
}

fn fold(text: &str) -> String {
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use serde_json::json;

    fn holds(text: &str) -> bool {
        let user = json!({
            "mail": "Ada@Contoso.example", "userType": "Guest", "accountEnabled": true, "city": null,
            "createdDateTime": "2026-11-03T09:00:00Z", "otherMails": ["ada@home.example"],
            "assignedLicenses": [],
            "identities": [{"issuer": "mail", "issuerAssignedId": "ada"}],
            "onPremisesExtensionAttributes": {"extensionAttribute15": "mine"},
        });
        matches(&parse(text).unwrap(), user.as_object().unwrap())
    }

    #[test]
    fn comparisons() {
        for text in [
            "mail eq 'ADA@contoso.EXAMPLE'",
            "startswith(mail,'ada@')",
            "endswith(mail,'.example')",
            "accountEnabled eq true",
            "city eq null and companyName eq null",
            "companyName ne 'Contoso'",
            "mail ne null",
            "not(userType eq 'Member')",
            "createdDateTime ge 2026-11-03T11:00:00+02:00",
            "createdDateTime le 2026-11-03T09:00:00Z",
            "userType in ('Member','guest')",
            "otherMails/any(x:x eq 'ADA@home.example')",
            "identities/any(i:i/issuer eq 'mail' and i/issuerAssignedId eq 'ada')",
            "onPremisesExtensionAttributes/extensionAttribute15 eq 'Mine'",
            "assignedLicenses/$count eq 0",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [
            "userType eq 'Member'",
            "mail eq null",
            "companyName eq 'Contoso'",
            "companyName ge 'A'",
            "createdDateTime ge 2026-11-04",
            "otherMails/any(x:x eq 'other')",
            "identities/any(i:i/issuer eq 'mail' and i/issuerAssignedId eq 'bob')",
            "otherMails/$count eq 0",
        ] {
            assert!(!holds(text), "{text}");
        }
    }
}
