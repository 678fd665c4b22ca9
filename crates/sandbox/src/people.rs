//! Users by id, by every address they go by, and by whom they are sponsored: in a large tenant,
//! finding one must not take looking at all of them.

use std::collections::{BTreeSet, HashMap};
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::tenant::{self, Object, Table, listed, text};

/// The users of a tenant. Reading goes through to the table.
#[derive(Debug, Clone, Default)]
pub(crate) struct People {
    table: Table,
    /// Ids by address in lower case, by the id itself, and by that of a sponsor; each list in order.
    known: HashMap<String, Vec<String>>,
}

impl Deref for People {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.table
    }
}

impl People {
    /// Adds a user, or puts one in another's place.
    pub(crate) fn insert(&mut self, id: String, user: Object) -> Option<Object> {
        let before = self.remove(&id);
        self.learn(&id, &keys(&user));
        self.table.insert(id, user);
        before
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Object> {
        let user = self.table.remove(id)?;
        self.forget(id, &keys(&user));
        Some(user)
    }

    /// Changes a user; `None` if there is no such user.
    pub(crate) fn change<T>(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut Object) -> T,
    ) -> Option<T> {
        let user = self.table.get_mut(id)?;
        let before = keys(user);
        let done = change(user);
        let after = keys(user);
        if before != after {
            self.forget(id, &before);
            self.learn(id, &after);
        }
        Some(done)
    }

    /// Returns the ids of everybody who may go by an address, in order: it is their id, user principal
    /// name, mail, other mail, or proxy address without its scheme, or their sponsor's id.
    pub(crate) fn ids_of(&self, address: &str) -> &[String] {
        let ids = self.known.get(&address.to_lowercase());
        ids.map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns everybody who may go by an address, by id.
    pub(crate) fn known_as(&self, address: &str) -> impl Iterator<Item = &Object> {
        let ids = self.ids_of(address).iter();
        ids.filter_map(|id| self.table.get(id))
    }

    /// Returns the ids of everybody whom this user or group sponsors, in order.
    pub(crate) fn sponsored_by(&self, sponsor: &str) -> Vec<String> {
        let sponsored = |id: &&String| {
            let user = self.table.get(*id);
            user.is_some_and(|user| tenant::ids(user, "sponsors").any(|one| one == sponsor))
        };
        self.ids_of(sponsor)
            .iter()
            .filter(sponsored)
            .cloned()
            .collect()
    }

    fn learn(&mut self, id: &str, keys: &BTreeSet<String>) {
        for key in keys {
            let ids = self.known.entry(key.clone()).or_default();
            if let Err(at) = ids.binary_search_by(|one| one.as_str().cmp(id)) {
                ids.insert(at, id.to_owned());
            }
        }
    }

    fn forget(&mut self, id: &str, keys: &BTreeSet<String>) {
        for key in keys {
            if let Some(ids) = self.known.get_mut(key) {
                ids.retain(|one| one != id);
                if ids.is_empty() {
                    self.known.remove(key);
                }
            }
        }
    }
}

fn keys(user: &Object) -> BTreeSet<String> {
    let names = [
        text(user, "id"),
        text(user, "userPrincipalName"),
        text(user, "mail"),
    ];
    let proxies = tenant::ids(user, "proxyAddresses").map(without_scheme);
    names
        .into_iter()
        .chain(tenant::ids(user, "otherMails"))
        .chain(proxies)
        .chain(tenant::ids(user, "sponsors"))
        .filter(|address| !address.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Returns the address in `SMTP:ada@contoso.example`.
pub(crate) fn without_scheme(proxy: &str) -> &str {
    proxy.split_once(':').map_or(proxy, |(_, address)| address)
}

impl From<Table> for People {
    fn from(table: Table) -> Self {
        let mut people = People::default();
        for (id, user) in table {
            people.insert(id, user);
        }
        people
    }
}

impl Serialize for People {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        listed::serialize(&self.table, to)
    }
}

impl<'de> Deserialize<'de> for People {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        listed::deserialize(from).map(People::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn user(value: Value) -> Object {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn everybody_is_known_by_every_address_and_no_longer_than_it_is_theirs() {
        let mut people = People::default();
        let ada = json!({"mail": "Ada@X.example", "otherMails": ["a@home.example"], "proxyAddresses": ["smtp:lace@x.example"]});
        people.insert("2".into(), user(ada));
        people.insert(
            "1".into(),
            user(json!({"userPrincipalName": "ada@x.example"})),
        );
        assert_eq!(people.ids_of("ADA@x.example"), ["1", "2"]);
        for address in ["a@home.example", "lace@x.example"] {
            assert_eq!(people.ids_of(address), ["2"]);
        }
        people.change("2", |user| {
            user.insert("mail".into(), json!("new@x.example"))
        });
        assert_eq!(people.ids_of("ada@x.example"), ["1"]);
        assert_eq!(people.ids_of("new@x.example"), ["2"]);
        people.insert("2".into(), Object::new());
        people.remove("1");
        people.insert("3".into(), user(json!({"sponsors": ["B", "c"]})));
        assert_eq!(people.sponsored_by("B"), ["3"]);
        people.remove("3");
        assert!(people.known.is_empty());
        assert_eq!(people.change("1", |_| ()), None);
    }
}
