//! Where the objects of a list come from. A page looks only at what it shows: tenants are large,
//! and pages are many.

use std::borrow::Cow;
use std::ops::Bound;

use crate::filter::{Comparison, Filter, Literal};
use crate::list::Item;
use crate::people::{People, without_scheme};
use crate::tenant::{Table, Tenant};

/// The objects of a list, before anything is filtered.
pub(crate) enum Source<'a> {
    /// Objects at hand.
    Items(Vec<Item<'a>>),
    /// Everything in a table, all of one type.
    Table(&'static str, &'a Table),
    /// All users.
    People(&'a People),
    /// What these ids lead to; ids that lead nowhere are passed over.
    Linked(&'a Tenant, Vec<&'a str>),
}

type Items<'a> = Box<dyn Iterator<Item = Item<'a>> + 'a>;

impl<'a> Source<'a> {
    /// Returns the objects in their own order.
    pub(crate) fn iter(&self) -> Items<'_> {
        match self {
            Source::Linked(tenant, ids) => Box::new(resolved(tenant, ids.iter().copied())),
            Source::Items(items) => Box::new(items.iter().map(Item::borrowed)),
            _ => self.after("", None),
        }
    }

    /// Returns one of the objects.
    pub(crate) fn get(&self, id: &str) -> Option<Item<'_>> {
        match self {
            Source::Linked(tenant, ids) => {
                let found = ids.iter().find(|one| **one == id);
                resolved(tenant, found.into_iter().copied()).next()
            }
            _ => self.iter().find(|item| item.id() == id),
        }
    }

    /// Returns the objects behind an id, in the order of their ids; where the filter asks for
    /// addresses, only those who may have them.
    pub(crate) fn after(&self, last: &str, filter: Option<&Filter>) -> Items<'_> {
        match self {
            Source::Items(items) => {
                let mut items: Vec<&Item<'a>> =
                    items.iter().filter(|item| item.id() > last).collect();
                items.sort_by(|left, right| left.id().cmp(right.id()));
                Box::new(items.into_iter().map(Item::borrowed))
            }
            Source::Table(kind, table) => behind(kind, table, last),
            Source::People(people) => match filter.and_then(addresses) {
                None => behind("user", people, last),
                Some(addresses) => {
                    let ids = addresses.into_iter().flat_map(|one| people.ids_of(one));
                    let mut ids: Vec<&String> = ids.filter(|id| id.as_str() > last).collect();
                    ids.sort_unstable();
                    ids.dedup();
                    let users = ids.into_iter().filter_map(|id| people.get(id));
                    Box::new(users.map(|user| Item::new("user", user)))
                }
            },
            Source::Linked(tenant, ids) => {
                let mut ids: Vec<&str> = ids.iter().copied().filter(|id| *id > last).collect();
                ids.sort_unstable();
                Box::new(resolved(tenant, ids.into_iter()))
            }
        }
    }
}

fn behind<'a>(kind: &'static str, table: &'a Table, last: &str) -> Items<'a> {
    let start = match last {
        "" => Bound::Unbounded,
        last => Bound::Excluded(last),
    };
    let objects = table.range::<str, _>((start, Bound::Unbounded));
    Box::new(objects.map(move |(_, object)| Item::new(kind, object)))
}

fn resolved<'a>(
    tenant: &'a Tenant,
    ids: impl Iterator<Item = &'a str>,
) -> impl Iterator<Item = Item<'a>> {
    ids.filter_map(|id| tenant.directory_object(id))
        .map(|(kind, object)| Item {
            kind,
            object: Cow::Borrowed(object),
        })
}

/// Returns the addresses of which a user must have one to match; `None` where others match too.
fn addresses(filter: &Filter) -> Option<Vec<&str>> {
    match filter {
        Filter::Compare(path, Comparison::Eq, Literal::Text(text)) => {
            let known = ["id", "mail", "userPrincipalName"];
            let own = matches!(path.as_slice(), [name] if known.contains(&name.as_str()));
            own.then(|| vec![text.as_str()])
        }
        Filter::Any(path, variable, body) => {
            let Filter::Compare(inner, Comparison::Eq, Literal::Text(text)) = &**body else {
                return None;
            };
            match path.as_slice() {
                _ if inner.as_slice() != std::slice::from_ref(variable) => None,
                [name] if name == "otherMails" => Some(vec![text.as_str()]),
                [name] if name == "proxyAddresses" => Some(vec![without_scheme(text)]),
                _ => None,
            }
        }
        Filter::And(parts) => parts.iter().find_map(addresses),
        Filter::Or(parts) => {
            let all: Option<Vec<_>> = parts.iter().map(addresses).collect();
            all.map(|all| all.concat())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::parse;

    #[test]
    fn addresses_are_looked_up_only_where_nothing_else_can_match() {
        for (text, wanted) in [
            ("mail eq 'a'", Some(vec!["a"])),
            ("userType eq 'Guest' and mail eq 'a'", Some(vec!["a"])),
            (
                "userPrincipalName eq 'a' or proxyAddresses/any(p:p eq 'smtp:b') or otherMails/any(m:m eq 'c')",
                Some(vec!["a", "b", "c"]),
            ),
            ("id eq 'a' or id eq 'b'", Some(vec!["a", "b"])),
            ("mail eq 'a' or userType eq 'Guest'", None),
            ("mail ne 'a'", None),
            ("not(mail eq 'a')", None),
            ("mail eq null", None),
            ("proxyAddresses/any(p:startswith(p,'smtp:b'))", None),
            ("identities/any(i:i/issuer eq 'b')", None),
        ] {
            assert_eq!(addresses(&parse(text).unwrap()), wanted, "{text}");
        }
    }
}
