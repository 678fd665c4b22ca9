//! Answers to reads: selecting, expanding, filtering, sorting, and pages with a next link. A
//! page continues after the last object it gave, so objects that come or go meanwhile make no
//! other object appear twice or not at all.

use std::borrow::Cow;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::error::{GraphError, Outcome};
use crate::filter::{self, Filter};
use crate::http::{Reply, percent_encode};
use crate::links;
use crate::query::{Direction, Expand, MAX_WITH_SIGN_IN, Query};
use crate::schema;
use crate::source::Source;
use crate::tenant::{Object, text};

const DEFAULT_PAGE: usize = 100;
/// What `$expand` returns at most on directory objects.
const MAX_EXPANDED: usize = 20;

/// An object on its way out, with the type it really has.
pub(crate) struct Item<'a> {
    pub(crate) kind: &'static str,
    pub(crate) object: Cow<'a, Object>,
}

impl<'a> Item<'a> {
    pub(crate) fn new(kind: &'static str, object: &'a Object) -> Self {
        Item {
            kind,
            object: Cow::Borrowed(object),
        }
    }

    pub(crate) fn id(&self) -> &str {
        text(&self.object, "id")
    }

    /// Returns the same object again.
    pub(crate) fn borrowed(&self) -> Item<'_> {
        Item::new(self.kind, &self.object)
    }
}

/// What a list is a list of.
#[derive(Clone, Copy)]
pub(crate) struct Collection {
    /// The declared type; `directoryObject` for mixed lists.
    pub(crate) of: &'static str,
    /// The name in `@odata.context`.
    pub(crate) context: &'static str,
    /// A relationship, not an entity set.
    pub(crate) related: bool,
}

/// Answers a list.
pub(crate) fn many(call: &Call<'_>, list: Collection, source: Source<'_>) -> Outcome {
    let query = call.list_query(list.of, list.related)?;
    check_sign_in(call, &query)?;
    let last = query.skiptoken.as_deref().map(read_token).transpose()?;
    let filter = query.filter.as_ref();
    let shown = |item: &Item<'_>| shows(call, list, filter, item);
    let limit = page_size(call, &query);
    let counts = query.counts(call.eventual());
    let total = counts.then(|| source.after("", filter).filter(shown).count());
    let (page, more) = match query.orderby {
        None => {
            let last = last.map(|(_, id)| id).unwrap_or_default();
            page(source.after(&last, filter).filter(shown), limit)
        }
        Some(_) => {
            let mut sorted: Vec<(SortKey, Item<'_>)> = source
                .after("", filter)
                .filter(shown)
                .map(|item| (sort_key(&query, &item), item))
                .filter(|(key, _)| {
                    last.as_ref()
                        .is_none_or(|last| compare(&query, key, last).is_gt())
                })
                .collect();
            sorted.sort_by(|left, right| compare(&query, &left.0, &right.0));
            page(sorted.into_iter().map(|(_, item)| item), limit)
        }
    };

    let next = page.last().filter(|_| more);
    let next = next.map(|item| next_link(call, &query, &sort_key(&query, item)));
    let value: Outcome<Vec<Value>> = page
        .iter()
        .map(|item| entity(call, list.of, item, &query))
        .collect();
    let mut body = json!({
        "@odata.context": context(call, list.context, &query, false),
        "value": [],
    });
    body["value"] = Value::Array(value?);
    if let Some(total) = total {
        body["@odata.count"] = json!(total);
    }
    if let Some(next) = next {
        body["@odata.nextLink"] = json!(next);
    }
    Ok(Reply::ok(body))
}

/// Takes a page, and says whether there is more.
fn page<'a>(mut items: impl Iterator<Item = Item<'a>>, limit: usize) -> (Vec<Item<'a>>, bool) {
    let page = items.by_ref().take(limit).collect();
    (page, items.next().is_some())
}

/// Whether an object belongs in a list: known here, of the type that the list is cast to, and
/// matching.
fn shows(call: &Call<'_>, list: Collection, filter: Option<&Filter>, item: &Item<'_>) -> bool {
    (is_abstract(list.of) || list.of == item.kind)
        && (call.hidden.is_empty() || !call.hidden.contains_key(item.id()))
        && filter.is_none_or(|filter| filter::matches(filter, &item.object))
}

/// Returns whether objects of a type say of which type they really are.
fn is_abstract(of: &str) -> bool {
    matches!(
        of,
        "directoryObject" | "identityProviderBase" | "namedLocation"
    )
}

/// Answers a list that comes whole, as an action returns it.
pub(crate) fn unpaged(call: &Call<'_>, list: Collection, items: &[Item<'_>]) -> Outcome {
    let query = Query::default();
    let value: Outcome<Vec<Value>> = items
        .iter()
        .map(|item| entity(call, list.of, item, &query))
        .collect();
    Ok(Reply::ok(json!({
        "@odata.context": context(call, list.context, &query, false),
        "value": value?,
    })))
}

/// Answers `…/$count`: a bare number, for advanced queries only.
pub(crate) fn count(call: &Call<'_>, list: Collection, source: &Source<'_>) -> Outcome {
    if !call.eventual() {
        return Err(GraphError::bad("$count is not currently supported."));
    }
    let query = call.list_query(list.of, false)?;
    let filter = query.filter.as_ref();
    let items = source.after("", filter);
    let count = items.filter(|item| shows(call, list, filter, item)).count();
    Ok(Reply::ok(json!(count)).header("content-type", "text/plain"))
}

/// Answers a single object.
pub(crate) fn one(call: &Call<'_>, list: Collection, item: &Item<'_>) -> Outcome {
    let query = call.single_query(list.of)?;
    check_sign_in(call, &query)?;
    Ok(Reply::ok(whole(call, list, item, &query)?))
}

/// Renders a single object with its context.
pub(crate) fn whole(
    call: &Call<'_>,
    list: Collection,
    item: &Item<'_>,
    query: &Query,
) -> Outcome<Value> {
    let mut body = entity(call, list.of, item, query)?;
    body["@odata.context"] = json!(context(call, list.context, query, true));
    Ok(body)
}

fn entity(call: &Call<'_>, of: &str, item: &Item<'_>, query: &Query) -> Outcome<Value> {
    let mut body = properties(of, item, query.select.as_deref());
    if let Some(expand) = &query.expand {
        expanded(call, item, expand, &mut body)?;
    }
    Ok(Value::Object(body))
}

fn properties(of: &str, item: &Item<'_>, select: Option<&[String]>) -> Object {
    let mut body = Map::new();
    let Some(shape) = schema::find(item.kind) else {
        return body;
    };
    if is_abstract(of) {
        let kind = format!("#microsoft.graph.{}", item.kind);
        body.insert("@odata.type".into(), kind.into());
    }
    let names: Vec<&String> = match select {
        Some(names) => names.iter().collect(),
        None if shape.default.is_empty() => shape.properties.keys().collect(),
        None => shape.default.iter().collect(),
    };
    for name in names {
        let Some(property) = shape.properties.get(name) else {
            continue;
        };
        let value = item.object.get(name).filter(|value| !value.is_null());
        let value = match (name.as_str(), value) {
            // Who never signed in has no such property at all, rather than a null.
            ("signInActivity", None) => continue,
            ("onPremisesExtensionAttributes", value) => all_attributes(value),
            ("passwordProfile", _) => Value::Null,
            (_, Some(value)) => value.clone(),
            (_, None) if property.is_collection() => json!([]),
            (_, None) => Value::Null,
        };
        body.insert(name.clone(), value);
    }
    body
}

/// The fifteen attributes always come together.
fn all_attributes(value: Option<&Value>) -> Value {
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
        (1..=15)
            .map(|number| format!("extensionAttribute{number}"))
            .collect()
    });
    let one = |name: &String| {
        let set = value.and_then(|value| value.get(name)).cloned();
        (name.clone(), set.unwrap_or(Value::Null))
    };
    Value::Object(NAMES.iter().map(one).collect())
}

fn expanded(call: &Call<'_>, item: &Item<'_>, expand: &Expand, body: &mut Object) -> Outcome<()> {
    let (of, single) = links::shape(item.kind, &expand.name);
    let render = |one: &Item<'_>| Value::Object(properties(of, one, expand.select.as_deref()));
    let related = links::related(call.tenant, item, &expand.name)?;
    let mut values: Vec<Value> = related
        .iter()
        .filter(|one| !call.hidden.contains_key(one.id()))
        .take(MAX_EXPANDED)
        .map(|one| render(&one))
        .collect();
    let value = match single {
        true if values.is_empty() => Value::Null,
        true => values.remove(0),
        false => Value::Array(values),
    };
    body.insert(expand.name.clone(), value);
    Ok(())
}

/// Sign-in data has a permission and a licence of its own.
fn check_sign_in(call: &Call<'_>, query: &Query) -> Outcome<()> {
    if !query.asks_sign_in() {
        return Ok(());
    }
    call.require(&["AuditLog.Read.All"])?;
    let premium = call.tenant.subscribed_skus.values().any(|sku| {
        sku.get("servicePlans")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|plan| plan["servicePlanName"].as_str())
            .any(|name| name.starts_with("AAD_PREMIUM"))
    });
    if premium {
        return Ok(());
    }
    Err(GraphError::new(
        403,
        "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
        "Neither tenant is B2C or tenant doesn't have premium license",
    ))
}

fn page_size(call: &Call<'_>, query: &Query) -> usize {
    let mut size = query.top.unwrap_or(DEFAULT_PAGE);
    if query.asks_sign_in() {
        size = size.min(MAX_WITH_SIGN_IN);
    }
    match call.behaviour.page_size {
        Some(cap) => size.min(cap.max(1)),
        None => size,
    }
}

/// Where an object stands in a list: the property sorted by, then its id.
type SortKey = (String, String);

fn sort_key(query: &Query, item: &Item<'_>) -> SortKey {
    let value = match &query.orderby {
        Some((name, _)) => text(&item.object, name).to_lowercase(),
        None => String::new(),
    };
    (value, item.id().to_owned())
}

fn compare(query: &Query, left: &SortKey, right: &SortKey) -> std::cmp::Ordering {
    match query.orderby {
        Some((_, Direction::Descending)) => right.cmp(left),
        _ => left.cmp(right),
    }
}

fn read_token(token: &str) -> Outcome<SortKey> {
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| GraphError::bad("The specified value for the skip token is invalid."))
}

fn next_link(call: &Call<'_>, query: &Query, last: &SortKey) -> String {
    let token = URL_SAFE_NO_PAD.encode(json!(last).to_string());
    let mut options: Vec<String> = query
        .sent
        .iter()
        .filter(|(name, _)| name != "$skiptoken")
        .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)))
        .collect();
    options.push(format!("$skiptoken={token}"));
    format!("{}{}?{}", call.root, call.request.path, options.join("&"))
}

fn context(call: &Call<'_>, set: &str, query: &Query, single: bool) -> String {
    let selected = match &query.select {
        Some(names) => format!("({})", names.join(",")),
        None => String::new(),
    };
    let entity = if single { "/$entity" } else { "" };
    format!("{}/$metadata#{set}{selected}{entity}", call.root)
}

#[cfg(test)]
mod tests;
