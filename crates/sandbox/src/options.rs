//! Reads the text of single query options; which of them go together is left to `query.rs`.

use crate::error::GraphError;
use crate::http::percent_decode;
use crate::query::{Direction, Expand};
use crate::schema;

/// Splits `a=b&c=d`; each half is decoded after the split.
pub(crate) fn pairs(raw: &str) -> Result<Vec<(String, String)>, GraphError> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in raw.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = percent_decode(name, true)?;
        if name.starts_with('$') && pairs.iter().any(|(seen, _)| *seen == name) {
            return Err(GraphError::malformed(format!(
                "Query option '{name}' was specified more than once, but it must be specified at most once."
            )));
        }
        pairs.push((name, percent_decode(value, true)?));
    }
    Ok(pairs)
}

pub(crate) fn select(value: &str, of: &str) -> Result<Vec<String>, GraphError> {
    let names: Vec<String> = value
        .split(',')
        .map(|name| name.trim().to_owned())
        .collect();
    for name in &names {
        if schema::property(of, name).is_none() && schema::navigation(of, name).is_none() {
            return Err(unknown(name, of));
        }
    }
    Ok(names)
}

fn unknown(name: &str, of: &str) -> GraphError {
    GraphError::malformed(format!(
        "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.{of}'."
    ))
}

/// Reads `sponsors` or `sponsors($select=id,displayName)`; directory objects take one at a time.
pub(crate) fn expand(value: &str, of: &str) -> Result<Expand, GraphError> {
    let (name, options) = match value.split_once('(') {
        None => (value, None),
        Some((name, rest)) => {
            let inner = rest
                .strip_suffix(')')
                .filter(|inner| !inner.contains(['(', ')']))
                .ok_or_else(|| {
                    GraphError::malformed("Parsing OData Select and Expand failed: Syntax error.")
                })?;
            (name, Some(inner))
        }
    };
    if name.contains(',') {
        return Err(GraphError::bad(
            "Request has multiple $expand properties; only one is supported for directory objects.",
        ));
    }
    let target = schema::navigation(of, name).ok_or_else(|| unknown(name, of))?;
    let select = match options {
        None => None,
        Some(options) => {
            let names = options.trim().strip_prefix("$select=").ok_or_else(|| {
                GraphError::malformed(
                    "Parsing OData Select and Expand failed: only $select is supported inside $expand.",
                )
            })?;
            Some(self::select(names, target)?)
        }
    };
    Ok(Expand {
        name: name.to_owned(),
        select,
    })
}

pub(crate) fn top(value: &str) -> Result<usize, GraphError> {
    match value.parse() {
        Ok(top) if (1..=999).contains(&top) => Ok(top),
        _ => Err(GraphError::malformed(format!(
            "Invalid page size specified: '{value}'. Must be between 1 and 999 inclusive."
        ))),
    }
}

pub(crate) fn orderby(value: &str, of: &str) -> Result<(String, Direction), GraphError> {
    let mut words = value.split_whitespace();
    let name = words.next().unwrap_or_default();
    let direction = match words.next() {
        None | Some("asc") => Direction::Ascending,
        Some("desc") => Direction::Descending,
        Some(_) => return Err(GraphError::malformed("Invalid $orderby clause.")),
    };
    let property = schema::property(of, name).ok_or_else(|| {
        GraphError::malformed(format!(
            "Could not find a property named '{name}' on type 'microsoft.graph.{of}'."
        ))
    })?;
    if property.orderby.is_none() || words.next().is_some() {
        return Err(GraphError::unsupported_query(format!(
            "Sorting not supported for property '{name}'."
        )));
    }
    Ok((name.to_owned(), direction))
}
