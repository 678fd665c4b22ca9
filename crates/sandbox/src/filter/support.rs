//! Says whether the directory has an index for a filter: unknown properties, operators that a
//! property does not take, operators that need an advanced query, values of the wrong type.

use super::{Filter, Literal, Path, TextTest};
use crate::check::resource;
use crate::error::GraphError;
use crate::schema::{self, Property, Support};

/// Checks a filter on a type; returns the first operator that only advanced queries support.
pub(crate) fn check(filter: &Filter, of: &str) -> Result<Option<&'static str>, GraphError> {
    let mut checker = Checker {
        of,
        negated: false,
        advanced: None,
    };
    checker.filter(filter)?;
    Ok(checker.advanced)
}

struct Checker<'a> {
    of: &'a str,
    negated: bool,
    advanced: Option<&'static str>,
}

impl Checker<'_> {
    fn filter(&mut self, filter: &Filter) -> Result<(), GraphError> {
        match filter {
            Filter::And(parts) | Filter::Or(parts) => {
                parts.iter().try_for_each(|part| self.filter(part))
            }
            Filter::Not(inner) => {
                let outer = std::mem::replace(&mut self.negated, true);
                self.advanced.get_or_insert("not");
                self.filter(inner)?;
                self.negated = outer;
                Ok(())
            }
            Filter::Compare(path, comparison, literal) => {
                let property = self.operator(path, comparison.name())?;
                if *literal == Literal::Null {
                    self.operator(path, "null")?;
                }
                fits(property, literal, comparison.name())
            }
            Filter::In(path, literals) => {
                let property = self.operator(path, "in")?;
                literals
                    .iter()
                    .try_for_each(|literal| fits(property, literal, "in"))
            }
            Filter::Text(test, path, _) => self.operator(path, test.name()).map(|_| ()),
            Filter::Any(path, variable, body) => {
                let property = self.operator(path, "any")?;
                self.lambda(path, property, variable, body)
            }
            Filter::Count(path, ..) => self.operator(path, "count").map(|_| ()),
        }
    }

    /// Looks the operator up in the property's row of the table.
    fn operator(
        &mut self,
        path: &Path,
        operator: &'static str,
    ) -> Result<&'static Property, GraphError> {
        let name = &path[0];
        let property = schema::property(self.of, name).ok_or_else(|| {
            GraphError::malformed(format!(
                "Invalid filter clause: Could not find a property named '{name}' on type 'microsoft.graph.{}'.",
                self.of
            ))
        })?;
        let leaf = leaf(property, &path[1..])?;
        let unsupported = || {
            GraphError::unsupported_query(format!(
                "Unsupported or invalid query filter clause specified for property '{name}' of resource '{}'.",
                resource(self.of)
            ))
        };
        if self.negated && property.filter.support("not").is_none() {
            return Err(unsupported());
        }
        match property.filter.support(operator) {
            Some(Support::Default) => {}
            Some(Support::Advanced) => {
                self.advanced.get_or_insert(operator);
            }
            None => return Err(unsupported()),
        }
        Ok(leaf)
    }

    /// Inside `any`, items of a collection are compared by equality or by how they begin.
    fn lambda(
        &mut self,
        path: &Path,
        property: &'static Property,
        variable: &str,
        body: &Filter,
    ) -> Result<(), GraphError> {
        let mut seen = Vec::new();
        self.lambda_body(property, variable, body, &mut seen)?;
        // An identity is found by issuer and id together, never by one of them.
        if path[0] == "identities"
            && !(seen.contains(&"issuer") && seen.contains(&"issuerAssignedId"))
        {
            return Err(GraphError::unsupported_query(
                "Filtering by identities requires both 'issuer' and 'issuerAssignedId'.",
            ));
        }
        Ok(())
    }

    fn lambda_body<'f>(
        &mut self,
        property: &'static Property,
        variable: &str,
        body: &'f Filter,
        seen: &mut Vec<&'f str>,
    ) -> Result<(), GraphError> {
        let (path, operator) = match body {
            Filter::And(parts) | Filter::Or(parts) => {
                return parts
                    .iter()
                    .try_for_each(|part| self.lambda_body(property, variable, part, seen));
            }
            Filter::Compare(path, comparison, _) => (path, comparison.name()),
            Filter::Text(TextTest::StartsWith, path, _) => (path, "startsWith"),
            Filter::Text(TextTest::EndsWith, path, _) => (path, "endsWith"),
            _ => {
                return Err(GraphError::unsupported_query(
                    "The lambda expression is not supported.",
                ));
            }
        };
        if path[0] != variable {
            return Err(GraphError::malformed(format!(
                "Invalid filter clause: Could not find a property named '{}' in the lambda expression.",
                path[0]
            )));
        }
        if let Some(inner) = path.get(1) {
            item_property(property, inner)?;
            seen.push(inner);
        }
        match operator {
            "eq" | "startsWith" | "ge" | "le" => Ok(()),
            "endsWith" => {
                self.advanced.get_or_insert("endsWith");
                Ok(())
            }
            other => Err(GraphError::unsupported_query(format!(
                "Operator '{other}' is not supported in a lambda expression; negate it with 'not'."
            ))),
        }
    }
}

/// Follows the rest of a path into complex types.
fn leaf(property: &'static Property, rest: &[String]) -> Result<&'static Property, GraphError> {
    rest.iter()
        .try_fold(property, |property, name| item_property(property, name))
}

fn item_property(property: &'static Property, name: &str) -> Result<&'static Property, GraphError> {
    schema::find(property.item_type())
        .and_then(|kind| kind.properties.get(name))
        .ok_or_else(|| {
            GraphError::malformed(format!(
                "Invalid filter clause: Could not find a property named '{name}' on type '{}'.",
                property.item_type()
            ))
        })
}

fn fits(property: &Property, literal: &Literal, operator: &str) -> Result<(), GraphError> {
    let (good, found) = match literal {
        Literal::Null => return Ok(()),
        Literal::Bool(_) => (property.kind == "Edm.Boolean", "Edm.Boolean"),
        Literal::Number(_) => (property.kind.starts_with("Edm.Int"), "Edm.Int32"),
        Literal::Time(_) => (property.kind == "Edm.DateTimeOffset", "Edm.DateTimeOffset"),
        Literal::Text(_) => {
            let textual = matches!(property.kind.as_str(), "Edm.String" | "Edm.Guid")
                || !property.kind.starts_with("Edm.");
            (textual, "Edm.String")
        }
    };
    if good {
        return Ok(());
    }
    Err(GraphError::malformed(format!(
        "Invalid filter clause: A binary operator with incompatible types was detected. Found operand types '{}' and '{found}' for operator kind '{operator}'.",
        property.kind
    )))
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn verdict(text: &str) -> Result<Option<&'static str>, GraphError> {
        check(&parse(text).unwrap(), "user")
    }

    #[test]
    fn plain_queries_need_nothing() {
        for text in [
            "userType eq 'Guest'",
            "mail eq 'a@b.example' or startswith(mail,'a')",
            "otherMails/any(x:x eq 'a')",
            "proxyAddresses/any(x:startswith(x,'smtp:a'))",
            "identities/any(i:i/issuer eq 'x' and i/issuerAssignedId eq 'y')",
            "accountEnabled eq true and createdDateTime ge 2026-01-01T00:00:00Z",
            "externalUserState in ('PendingAcceptance')",
        ] {
            assert_eq!(verdict(text).unwrap(), None, "{text}");
        }
    }

    #[test]
    fn advanced_queries_are_recognised() {
        for (text, operator) in [
            ("userType ne 'Guest'", "ne"),
            ("not(userType eq 'Guest')", "not"),
            ("endswith(mail,'@x.example')", "endsWith"),
            ("companyName eq 'Contoso'", "eq"),
            (
                "onPremisesExtensionAttributes/extensionAttribute15 eq 'x'",
                "eq",
            ),
            ("assignedLicenses/$count eq 0", "count"),
            ("city eq null", "null"),
        ] {
            assert_eq!(verdict(text).unwrap(), Some(operator), "{text}");
        }
    }

    #[test]
    fn what_has_no_index_is_refused() {
        for text in [
            "contains(displayName,'a')",
            "aboutMe eq 'x'",
            "createdDateTime gt 2026-01-01T00:00:00Z",
            "startswith(onPremisesExtensionAttributes/extensionAttribute15,'x')",
            "identities/any(i:i/issuer eq 'x')",
            "nonsense eq 'x'",
            "onPremisesExtensionAttributes/extensionAttribute16 eq 'x'",
            "otherMails/any(x:y eq 'a')",
            "otherMails/any(x:x ne 'a')",
            "accountEnabled eq 'true'",
            "createdDateTime ge '2026-01-01'",
            "userType eq true",
        ] {
            assert_eq!(verdict(text).unwrap_err().status, 400, "{text}");
        }
    }
}
