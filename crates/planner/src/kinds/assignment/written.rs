//! What guests are given besides memberships, as people write it in their entries.

use std::collections::BTreeMap;

use super::Sort;
use crate::kinds::guest::granted::Granted;
use crate::load::Checker;
use crate::policy::Policy;
use crate::yaml::{Node, Step};

/// What an entry gives, by sort. A sort that is not in it is left alone; there are few.
pub type Given = Option<Box<BTreeMap<Sort, BTreeMap<String, Granted>>>>;

/// Reads the keys of an entry that list what the guest is given, and reports every mistake in them.
pub(crate) fn read(node: &Node, check: &mut Checker<'_>) -> Given {
    let mut given = BTreeMap::new();
    for sort in Sort::ALL {
        let key = sort.rules().key();
        let Some(list) = node.get(key) else {
            continue;
        };
        let mut held = BTreeMap::new();
        for (index, (name, expires)) in sort.rules().read(list, check)?.into_iter().enumerate() {
            let path: [Step; 2] = [key.into(), index.into()];
            let origin = check.origin(node.locate(&path));
            if held
                .insert(name.clone(), Granted { expires, origin })
                .is_some()
            {
                let text = format!("{} `{name}` is listed twice", sort.noun());
                check.path(node, &path, text);
            }
        }
        given.insert(*sort, held);
    }
    (!given.is_empty()).then(|| Box::new(given))
}

/// Reports what policies do not let a guest be given.
pub(crate) fn meets(node: &Node, policy: &Policy, check: &mut Checker<'_>) {
    for sort in Sort::ALL {
        let rules = sort.rules();
        let items = node.get(rules.key()).map_or(&[][..], Node::items);
        for (index, item) in items.iter().enumerate() {
            // What cannot be read is reported already.
            let Some(name) = rules.named(item) else {
                continue;
            };
            if let Some(why) = rules.refusal(&name, policy) {
                check.path(node, &[rules.key().into(), index.into()], why);
            }
        }
    }
}
