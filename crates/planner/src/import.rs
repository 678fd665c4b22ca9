//! Files for the guests that a tenant has and nobody declared: what they are and hold becomes YAML, so
//! that a plan afterwards takes them on and changes nothing else.

mod entry;
mod groups;
pub mod inviters;
mod notes;
pub mod policies;
pub mod sponsors;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Span, Timestamp, civil::Date};

use self::entry::Entry;
use self::groups::Groups;
use self::notes::Notes;
use self::sponsors::{names_of_groups, sponsors};
use crate::address::ObjectId;
use crate::domain::domain_of;
use crate::kinds::assignment::Sort;
use crate::kinds::guest::user::{User, text};
use crate::load::{Config, load};
use crate::matching::Matching;
use crate::request::Answer;
use crate::snapshot::Snapshot;
use crate::stamp::{Mark, Reading};
use crate::yaml::Source;
use crate::yaml::node::MAX_BYTES;

/// How imported guests are spread over files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// One file for each domain they come from.
    Domain,
    /// One for each first sponsor.
    Sponsor,
    /// One for each first group.
    Group,
}

/// What the files are to say.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How guests are spread over files.
    pub by: By,
    /// The last day of the first of them, if they are to have one.
    pub expires: Option<Date>,
    /// Over how many weeks from then on the last days are spread.
    pub weeks: usize,
}

/// What an import came to.
#[derive(Debug, Default)]
pub struct Imported {
    /// New files, none of which is there yet.
    pub files: Vec<Source>,
    /// How many guests stand in them.
    pub guests: usize,
    /// How many groups.
    pub groups: usize,
    /// How many guests the files' own rules refuse.
    pub refused: usize,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// A group that a guest is a member of.
#[derive(Clone, Debug)]
pub struct Held {
    id: String,
    name: String,
}

/// What is known of the guests besides their accounts, by their ids.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The groups that they are members of, as far as that could be read.
    pub held: &'a BTreeMap<ObjectId, Vec<Held>>,
    /// What the inviters are called who are proposed as sponsors.
    pub inviters: &'a BTreeMap<ObjectId, String>,
}

/// Returns the guests that no file means and that can become ours, by address.
pub fn candidates<'a>(config: &Config, snapshot: &'a Snapshot) -> (Vec<&'a User>, Vec<String>) {
    let matching = Matching::new(snapshot, &config.desired, &config.policy);
    let owner = config.policy.tenant.owner();
    let stamp = config.policy.tenant.stamp.as_str();
    let guests = snapshot.users.values().filter(|user| user.is_guest());
    let guests = guests.filter(|user| !matching.is_claimed(&user.id));
    let mut notes = Notes::default();
    let mut by_address: BTreeMap<String, Vec<&User>> = BTreeMap::new();
    for user in guests {
        let addresses = user.addresses().into_iter().chain([user.label()]);
        for address in addresses.collect::<BTreeSet<_>>() {
            by_address.entry(address).or_default().push(user);
        }
    }
    let mut found = Vec::new();
    for (label, users) in &by_address {
        // Each account once, where it stands under its own address.
        let Some(user) = users.iter().find(|user| user.label() == *label) else {
            continue;
        };
        let (foreign, leaving) = match user.stamp(stamp) {
            Reading::Empty => (false, false),
            Reading::Stamp(stamp) if stamp.owner == owner => {
                (false, stamp.mark(Mark::Offboarding).is_some())
            }
            _ => (true, false),
        };
        let shared =
            |address: &String| by_address.get(address).is_some_and(|users| users.len() > 1);
        let why = match () {
            () if user.mail.is_none() && snapshot.is_own(user) => {
                Some("the account has no address")
            }
            () if snapshot.is_own(user) => Some("their address is one of the tenant's own"),
            () if leaving => Some("their access is being ended; declare them to give it back"),
            () if user.addresses().iter().any(shared) => {
                Some("more than one account answers to an address of theirs")
            }
            () if !label.contains('@') => Some("the account has no address"),
            () if foreign => Some("the attribute of the stamp holds something else"),
            () if user.synced => Some("the account is synchronised from on-premises"),
            () if snapshot.governed.contains(&user.id) => {
                Some("entitlement management governs the account; declare it with `adopt: true`")
            }
            () => None,
        };
        match why {
            Some(why) => notes.left_out(why, label),
            None => found.push(*user),
        }
    }
    (found, notes.notes())
}

/// Writes files for guests; `sources` are the files there are.
pub fn import(
    config: &Config,
    snapshot: &Snapshot,
    sources: &[Source],
    guests: &[&User],
    known: Known<'_>,
    options: Options,
    now: Timestamp,
) -> Imported {
    let mut groups = Groups::new(config, snapshot);
    let vouching = names_of_groups(snapshot);
    let guests = guests.iter().enumerate();
    let mut entries: Vec<_> = guests
        .map(|(place, user)| {
            let held = known.held.get(&user.id).map(|held| groups.names(held));
            let sponsors = sponsors(snapshot, &vouching, user, known);
            let names = sponsors.as_ref().map(|sponsors| sponsors.names.as_slice());
            let file = file(options.by, user, names, held.as_deref());
            let first = options.expires;
            let day = first.map(|first| spread(first, place, options.weeks));
            let (given, kept) = given(config, snapshot, user);
            let without = unsaid(user, sponsors.is_none(), kept);
            let entry = Entry::new(file, user, sponsors, held, &given, day, now);
            Entry { without, ..entry }
        })
        .collect();
    // File by file.
    entries.sort_by(|a, b| (&a.file, &a.key).cmp(&(&b.file, &b.key)));
    let left_out = groups.left_out.iter();
    let left_out = left_out.map(|(name, why)| format!("group {name} left out: {why}"));
    let mut imported = Imported {
        notes: left_out.collect(),
        ..Imported::default()
    };
    let mut notes = Notes::default();
    fit(
        &mut imported,
        &mut notes,
        &mut entries,
        &mut groups,
        sources,
        now,
    );
    imported.guests = entries.len();
    imported.groups = if entries.is_empty() {
        0
    } else {
        groups.new.len()
    };
    for entry in &entries {
        for what in &entry.without {
            notes.add(format!("imported without {what}"), &entry.key);
        }
    }
    imported.notes.extend(notes.notes());
    imported
}

/// Makes the files. An entry that the files' own rules refuse is left out, and the rest is tried again.
fn fit(
    imported: &mut Imported,
    notes: &mut Notes,
    entries: &mut Vec<Entry>,
    groups: &mut Groups,
    sources: &[Source],
    now: Timestamp,
) {
    let taken: BTreeSet<_> = sources.iter().map(|source| source.path.clone()).collect();
    loop {
        // A group in which nobody is left is not declared either.
        let used = entries.iter().flat_map(|entry| &entry.groups);
        groups.keep(&used.collect());
        let files = groups.file(&taken).into_iter();
        let files: Vec<_> = files.chain(assembled(entries, &taken)).collect();
        let new = files.iter().map(|(file, _)| file.clone());
        let all: Vec<_> = sources.iter().cloned().chain(new).collect();
        let Err(mistakes) = load(&all, now) else {
            imported.files = files.into_iter().map(|(file, _)| file).collect();
            return;
        };
        let refused = mistakes.iter().filter_map(|mistake| {
            let (_, starts) = files.iter().find(|(file, _)| file.path == mistake.path)?;
            let (_, entry) = starts.range(..=mistake.place.line).next_back()?;
            Some((*entry, mistake.message.clone()))
        });
        let refused: BTreeMap<usize, String> = refused.collect();
        if refused.is_empty() {
            // Nobody is to blame for it, so nobody can be left out.
            let mistakes = mistakes.iter().map(|mistake| mistake.message.clone());
            imported.notes.extend(mistakes);
            return entries.clear();
        }
        imported.refused += refused.len();
        for (place, why) in &refused {
            let entry = &entries[*place];
            notes.left_out(&said(why, entry), &entry.key);
        }
        for place in refused.into_keys().rev() {
            entries.remove(place);
        }
    }
}

/// Returns what the entry of a guest does not say although the tenant has it.
fn unsaid(user: &User, no_sponsors: bool, kept: Vec<String>) -> Vec<String> {
    let has_some = user.sponsors.as_ref().is_some_and(|ids| !ids.is_empty());
    let unnamed = no_sponsors && has_some;
    let sponsors = unnamed.then(|| "`sponsors`, not all of which a file can name".to_owned());
    let kept = kept.into_iter().take(1);
    let kept = kept.map(|what| format!("{what}, which policies let no file give"));
    sponsors.into_iter().chain(kept).collect()
}

/// Returns why the files' own rules refuse an entry, so that it reads the same for everybody.
fn said(why: &str, entry: &Entry) -> String {
    let invited = format!("`{}` cannot be invited", entry.mail);
    let why = why.replace(&invited, "their address cannot stand in a file");
    match why.starts_with("no `expires`") {
        true => format!("{why} (`--expires +180d` writes one)"),
        false => why,
    }
}

/// What a guest holds besides memberships, by the key that lists it; and what no entry may list.
type Given = (Vec<(&'static str, Vec<String>)>, Vec<String>);

fn given(config: &Config, snapshot: &Snapshot, user: &User) -> Given {
    let (mut given, mut kept) = (Vec::new(), Vec::new());
    for sort in Sort::ALL {
        let (held, rules) = (snapshot.held(*sort), sort.rules());
        let edges = held.of(&user.id);
        let (ours, others): (Vec<_>, Vec<_>) = edges.partition(|edge| {
            let is_free = edge.fixed.is_none() && !held.closed.contains_key(&edge.to);
            let name = held.names.get(&edge.to).filter(|_| is_free);
            let is_one = |name: &str| held.meant(name).len() == 1;
            name.is_some_and(|name| is_one(name) && rules.is_managed(name, true, &config.policy))
        });
        let names = ours.into_iter().map(|edge| held.name(&edge.to));
        let names: Vec<_> = names
            .map(|name| rules.written(name, &config.policy))
            .collect();
        given.extend((!names.is_empty()).then(|| (rules.key(), names)));
        kept.extend(
            others
                .into_iter()
                .map(|edge| sort.called(held.name(&edge.to))),
        );
    }
    (given, kept)
}

/// A new file, and which entry begins on which line.
type Assembled = (Source, BTreeMap<usize, usize>);

fn assembled(entries: &[Entry], taken: &BTreeSet<String>) -> Vec<Assembled> {
    let mut taken = taken.clone();
    let mut files: Vec<Assembled> = Vec::new();
    let (mut file, mut line) = (None, 0);
    for (place, entry) in entries.iter().enumerate() {
        let full = |(source, _): &Assembled| source.text.len() + entry.text.len() > FULL;
        if file != Some(&entry.file) || files.last().is_some_and(full) {
            file = Some(&entry.file);
            let path = free(&format!("guests/{}", entry.file), &taken);
            taken.insert(path.clone());
            let text = format!("{HEAD}guests:\n");
            line = text.lines().count() + 1;
            files.push((Source { path, text }, BTreeMap::new()));
        }
        if let Some((source, starts)) = files.last_mut() {
            starts.insert(line, place);
            line += entry.text.lines().count();
            source.text += &entry.text;
        }
    }
    files
}

/// How long a file may become. The loader takes twice as much: people write more into it.
const FULL: usize = MAX_BYTES / 2;

const HEAD: &str =
    "# Written by `guestlist import`. It is yours now: importing again leaves it alone.\n";

/// Returns a path that no file has yet.
fn free(stem: &str, taken: &BTreeSet<String>) -> String {
    let numbered = (2..).map(|n| format!("{stem}.{n}.yaml"));
    let mut paths = std::iter::once(format!("{stem}.yaml")).chain(numbered);
    let path = paths.find(|path| !taken.contains(path));
    path.unwrap_or_default()
}

/// Returns the name of the file that a guest belongs in, without its ending.
fn file(by: By, user: &User, sponsors: Option<&[String]>, groups: Option<&[String]>) -> String {
    let name = match by {
        By::Domain => Some(domain_of(&user.label())),
        By::Sponsor => sponsors.and_then(|names| names.first()).cloned(),
        By::Group => groups.and_then(|names| names.first()).cloned(),
    };
    let plain = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') => c,
        _ => '-',
    };
    let name: String = name
        .unwrap_or_default()
        .chars()
        .take(80)
        .map(plain)
        .collect();
    let name = name.trim_matches(['.', '-']).to_owned();
    if name.is_empty() {
        "others".to_owned()
    } else {
        name
    }
}

fn spread(first: Date, place: usize, weeks: usize) -> Date {
    let weeks = i64::try_from(place % weeks.max(1)).unwrap_or_default();
    first.saturating_add(Span::new().weeks(weeks))
}

/// Returns the groups in an answer that a person can be put into and taken out of; none if there is
/// no answer.
pub fn held(answer: &Answer) -> Option<Vec<Held>> {
    let Answer::Items(items) = answer else {
        return None;
    };
    let groups = items
        .iter()
        .filter(|item| item["@odata.type"] == "#microsoft.graph.group");
    let groups = groups.filter(|item| {
        let types = item["groupTypes"].as_array().into_iter().flatten();
        let dynamic = types.clone().any(|it| it == "DynamicMembership");
        let unified = types.clone().any(|it| it == "Unified");
        let by_mail = item["mailEnabled"] == true && !unified;
        let synced = item["onPremisesSyncEnabled"] == true;
        !dynamic && !synced && !by_mail && item["isAssignableToRole"] != true
    });
    let named = groups.filter_map(|item| {
        let (id, name) = text(item, "id").zip(text(item, "displayName"))?;
        Some(Held { id, name })
    });
    Some(named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_ends_before_it_is_too_large_to_be_read() {
        let text = format!("  - mail: x\n# {}\n", "x".repeat(FULL / 3));
        let entry = |key: &str| Entry {
            file: "contoso.example".to_owned(),
            key: key.to_owned(),
            mail: key.to_owned(),
            groups: Vec::new(),
            without: Vec::new(),
            text: text.clone(),
        };
        let entries: Vec<_> = ["a", "b", "c", "d"].map(entry).into();
        let taken = BTreeSet::from(["guests/contoso.example.yaml".to_owned()]);
        let files = assembled(&entries, &taken);
        let paths: Vec<_> = files.iter().map(|(file, _)| file.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "guests/contoso.example.2.yaml",
                "guests/contoso.example.3.yaml"
            ]
        );
        assert!(files.iter().all(|(file, _)| file.text.len() < MAX_BYTES));
        let begun: Vec<_> = files
            .iter()
            .flat_map(|(_, starts)| starts.values())
            .collect();
        assert_eq!(begun, [&0, &1, &2, &3]);
    }
}
