//! Rules of dynamic groups: `(user.userType -eq "Guest") and (user.companyName -eq "Contoso")`.
//! Text, booleans, `-in` and `-any`/`-all` are evaluated; regular expressions, `memberOf` and
//! direct reports are not, and are answered 501 instead of a guess.
//! <https://learn.microsoft.com/entra/identity/users/groups-dynamic-membership>

mod parse;

pub(crate) use parse::parse;

use serde_json::Value;

use crate::tenant::Object;

/// Names that rules use, where they differ from Graph's.
const RENAMED: [(&str, &str); 7] = [
    ("dirSyncEnabled", "onPremisesSyncEnabled"),
    ("facsimileTelephoneNumber", "faxNumber"),
    ("mailNickName", "mailNickname"),
    ("mobile", "mobilePhone"),
    ("objectId", "id"),
    ("physicalDeliveryOfficeName", "officeLocation"),
    ("telephoneNumber", "businessPhones"),
];

/// A parsed rule.
#[derive(Debug, PartialEq)]
pub(crate) enum Rule {
    All(Vec<Rule>),
    Any(Vec<Rule>),
    Not(Box<Rule>),
    Test(String, Test),
    /// A collection, all items or any of them, and the test of one item.
    Items(String, Quantifier, Test),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Quantifier {
    Any,
    All,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Test {
    operator: Operator,
    values: Vec<Value>,
    negated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Operator {
    Equals,
    StartsWith,
    EndsWith,
    Contains,
    In,
}

impl Rule {
    /// Returns true for a user who belongs into the group.
    pub(crate) fn admits(&self, user: &Object) -> bool {
        match self {
            Rule::All(parts) => parts.iter().all(|part| part.admits(user)),
            Rule::Any(parts) => parts.iter().any(|part| part.admits(user)),
            Rule::Not(inner) => !inner.admits(user),
            Rule::Test(property, test) => test.passes(value(user, property)),
            Rule::Items(property, quantifier, test) => {
                let items = user.get(property).and_then(Value::as_array);
                let mut items = items.into_iter().flatten();
                match quantifier {
                    Quantifier::Any => items.any(|item| test.passes(Some(item))),
                    Quantifier::All => items.all(|item| test.passes(Some(item))),
                }
            }
        }
    }
}

impl Test {
    fn passes(&self, value: Option<&Value>) -> bool {
        let value = value.unwrap_or(&Value::Null);
        self.values.iter().any(|wanted| self.meets(value, wanted)) != self.negated
    }

    fn meets(&self, value: &Value, wanted: &Value) -> bool {
        let (Some(text), Some(wanted_text)) = (value.as_str(), wanted.as_str()) else {
            return value == wanted;
        };
        let (text, wanted) = (text.to_lowercase(), wanted_text.to_lowercase());
        match self.operator {
            Operator::Equals | Operator::In => text == wanted,
            Operator::StartsWith => text.starts_with(&wanted),
            Operator::EndsWith => text.ends_with(&wanted),
            Operator::Contains => text.contains(&wanted),
        }
    }
}

fn value<'a>(user: &'a Object, property: &str) -> Option<&'a Value> {
    if property.starts_with("extensionAttribute") {
        return user.get("onPremisesExtensionAttributes")?.get(property);
    }
    let name = RENAMED
        .iter()
        .find(|(rule, _)| *rule == property)
        .map_or(property, |(_, graph)| graph);
    match user.get(name)? {
        Value::Array(items) => items.first(),
        value => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn admits(rule: &str) -> bool {
        let user = json!({
            "id": "1", "userType": "Guest", "companyName": "Contoso", "accountEnabled": true,
            "mail": "ada@contoso.example", "otherMails": ["ada@home.example", "a@work.example"],
            "onPremisesExtensionAttributes": {"extensionAttribute15": "x"},
        });
        parse(rule).unwrap().admits(user.as_object().unwrap())
    }

    #[test]
    fn rules_admit() {
        for rule in [
            r#"(user.userType -eq "Guest") and (user.companyName -eq "contoso")"#,
            r#"user.userType eq "Member" -or user.mail -endsWith "@contoso.example""#,
            r#"user.accountEnabled -eq true -and -not (user.city -eq "Oslo")"#,
            "user.objectId -ne null",
            "user.city -eq null",
            r#"user.companyName -in ["Litware", "Contoso"]"#,
            r#"user.companyName -notIn ['Litware']"#,
            r#"user.extensionAttribute15 -startsWith "X""#,
            r#"user.otherMails -any (_ -contains "home")"#,
            r#"user.otherMails -all (_ -endsWith ".example")"#,
            r#"user.city -ne "Oslo""#,
        ] {
            assert!(admits(rule), "{rule}");
        }
        for rule in [
            r#"user.userType -eq "Member""#,
            "user.accountEnabled -eq false",
            r#"user.companyName -notContains "tos""#,
            r#"user.otherMails -all (_ -contains "home")"#,
        ] {
            assert!(!admits(rule), "{rule}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_and_what_is_not_evaluated_says_so() {
        for rule in [
            "",
            "user.userType",
            "user.usertype -eq \"Guest\"",
            "user.externalUserState -eq \"Accepted\"",
            "user.userType -eq Guest",
            "user.accountEnabled -eq \"true\"",
            "user.mail -contains null",
            "(user.mail -eq \"a\"",
            "user.mail -eq \"a",
            "mail -eq \"a\"",
            "user.mail -eq \"a\" extra",
        ] {
            assert_eq!(parse(rule).unwrap_err().status, 400, "{rule}");
        }
        for rule in [
            "user.mail -match \"a.*\"",
            "user.memberOf -any (group.objectId -in ['x'])",
            "Direct Reports for \"1\"",
        ] {
            assert_eq!(parse(rule).unwrap_err().status, 501, "{rule}");
        }
        assert!(parse(&"(".repeat(50_000)).is_err());
    }
}
