//! From changes to guests to new texts of the files that declare them. Pure: reading and writing the
//! files is left to the caller, who loads the new texts before anything is written.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::domain;
use crate::load::{Config, Origin};
use crate::yaml::edit::{Change, Why, edit};
use crate::yaml::{Source, suggestion};

/// A file that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The file's path, as in its source.
    pub path: String,
    /// Its text until now.
    pub before: String,
    /// Its new text; nothing if it would declare nobody any more, for then it must go.
    pub after: Option<String>,
}

/// Why nothing is changed.
#[derive(Debug, Error)]
pub enum Refusal {
    /// Nobody declares a guest of this address.
    #[error("{mail}: no such guest is declared")]
    Unknown {
        /// The address as it was given.
        mail: String,
        /// Which other one may be meant.
        hint: String,
    },
    /// The entry cannot be changed in place.
    #[error("{mail}: {why} ({origin})")]
    Entry {
        /// The address as it is declared.
        mail: String,
        /// Why not.
        why: Why,
        /// Where the entry stands.
        origin: Origin,
    },
}

impl Refusal {
    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { hint, .. } => hint.clone(),
            Self::Entry { .. } => "edit it by hand".to_owned(),
        }
    }
}

/// Returns the keys of declared guests, each once, from addresses as people type them; or which
/// of those nobody declares.
pub fn keys(config: &Config, mails: &[String]) -> Result<Vec<String>, Vec<Refusal>> {
    let guests = &config.desired.guests;
    let mut keys: Vec<_> = mails
        .iter()
        .map(|mail| domain::normal(mail.trim()))
        .collect();
    let unknown = keys.iter().zip(mails);
    let unknown = unknown.filter(|(key, _)| !guests.contains_key(*key));
    let refusals: Vec<_> = unknown
        .map(|(key, mail)| Refusal::Unknown {
            mail: mail.clone(),
            hint: suggestion(key, guests.keys().map(String::as_str)),
        })
        .collect();
    if !refusals.is_empty() {
        return Err(refusals);
    }
    keys.sort();
    keys.dedup();
    Ok(keys)
}

/// Returns the files that change when the entries of some guests do, by their keys. `config` is
/// what the sources say now. Nothing changes, or all of it does.
pub fn revise(
    sources: &[Source],
    config: &Config,
    changes: BTreeMap<String, Change>,
) -> Result<Vec<Revision>, Vec<Refusal>> {
    let guests = &config.desired.guests;
    let mut files: BTreeMap<&str, BTreeMap<String, Change>> = BTreeMap::new();
    for (key, change) in changes {
        if let Some(guest) = guests.get(&key) {
            let file = files.entry(&guest.origin.file).or_default();
            file.insert(key, change);
        }
    }
    let mut revisions = Vec::new();
    let mut refusals = Vec::new();
    for (path, changes) in files {
        let source = sources.iter().find(|source| source.path == path);
        let before = source.map_or("", |source| &source.text);
        match edit(before, &changes) {
            Ok(after) if after.as_deref() == Some(before) => {}
            Ok(after) => revisions.push(Revision {
                path: path.to_owned(),
                before: before.to_owned(),
                after,
            }),
            Err((key, why)) => refusals.extend(guests.get(&key).map(|guest| Refusal::Entry {
                mail: guest.mail.clone(),
                why,
                origin: guest.origin.clone(),
            })),
        }
    }
    if refusals.is_empty() {
        Ok(revisions)
    } else {
        Err(refusals)
    }
}

/// Returns the sources with their revisions; those that must go are left out.
pub fn revised(sources: &[Source], revisions: &[Revision]) -> Vec<Source> {
    let new: BTreeMap<_, _> = revisions
        .iter()
        .map(|revision| (&revision.path, revision.after.as_ref()))
        .collect();
    let after = |source: &Source| match new.get(&source.path) {
        None => Some(source.clone()),
        Some(after) => after.map(|text| Source {
            path: source.path.clone(),
            text: text.clone(),
        }),
    };
    sources.iter().filter_map(after).collect()
}
