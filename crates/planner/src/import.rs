//! Files for the guests that a tenant has and nobody declared: what they are and hold becomes YAML, so
//! that a plan afterwards takes them on and changes nothing else.

mod entry;
pub mod inviters;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Span, Timestamp, civil::Date};

use self::entry::{Entry, Sponsors};
use crate::address::ObjectId;
use crate::domain::domain_of;
use crate::kinds::group::seen::Found;
use crate::kinds::guest::user::{User, text};
use crate::load::{Config, load};
use crate::matching::Matching;
use crate::request::Answer;
use crate::snapshot::Snapshot;
use crate::stamp::Reading;
use crate::yaml::{Source, scalar};

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
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// How many people a note names.
const NAMED: usize = 3;

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
    let guests = guests.filter(|user| !matching.is_claimed(&user.id) && !snapshot.is_own(user));
    let mut left_out = LeftOut::default();
    let mut by_address: BTreeMap<String, Vec<&User>> = BTreeMap::new();
    for user in guests {
        by_address.entry(user.label()).or_default().push(user);
    }
    let mut found = Vec::new();
    for (label, users) in by_address {
        let user = users[0];
        let foreign = match user.stamp(stamp) {
            Reading::Empty => false,
            Reading::Stamp(stamp) => stamp.owner != owner,
            Reading::Foreign(_) => true,
        };
        let why = match () {
            () if users.len() > 1 => Some("more than one account answers to the address"),
            () if !label.contains('@') => Some("the account has no address"),
            () if foreign => Some("the attribute of the stamp holds something else"),
            () if user.synced => Some("the account is synchronised from on-premises"),
            () if snapshot.governed.contains(&user.id) => {
                Some("entitlement management governs the account; declare it with `adopt: true`")
            }
            () => None,
        };
        match why {
            Some(why) => left_out.add(why, &label),
            None => found.push(user),
        }
    }
    (found, left_out.notes())
}

/// People left out, by why.
#[derive(Default)]
struct LeftOut(BTreeMap<String, Vec<String>>);

impl LeftOut {
    fn add(&mut self, why: &str, who: &str) {
        let people = self.0.entry(why.to_owned()).or_default();
        people.push(who.to_owned());
    }

    fn notes(self) -> Vec<String> {
        let note = |(why, people): (String, Vec<String>)| {
            let count = people.len();
            let more = count.saturating_sub(NAMED);
            let rest = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let named = people
                .into_iter()
                .take(NAMED)
                .collect::<Vec<_>>()
                .join(", ");
            format!("{count} left out, {why}: {named}{rest}")
        };
        self.0.into_iter().map(note).collect()
    }
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
    let mut left_out = LeftOut::default();
    let mut entries: Vec<_> = guests
        .iter()
        .enumerate()
        .map(|(place, user)| {
            let held = known.held.get(&user.id).map(|held| groups.names(held));
            let sponsors = sponsors(snapshot, user, known);
            if sponsors.is_none() && user.sponsors.as_ref().is_some_and(|ids| !ids.is_empty()) {
                left_out.add("their sponsors, whom nothing names", &user.label());
            }
            let names = sponsors.as_ref().map(|sponsors| sponsors.names.as_slice());
            let file = file(options.by, user, names, held.as_deref());
            let day = options
                .expires
                .map(|first| spread(first, place, options.weeks));
            Entry::new(file, user, sponsors, held, day, now)
        })
        .collect();
    // File by file.
    entries.sort_by(|a, b| (&a.file, &a.key).cmp(&(&b.file, &b.key)));
    let taken: BTreeSet<_> = sources.iter().map(|source| source.path.as_str()).collect();
    let mut imported = Imported {
        groups: groups.new.len(),
        ..Imported::default()
    };
    for (name, why) in &groups.left_out {
        imported.notes.push(format!("group {name} left out: {why}"));
    }
    let group_file = groups.file(&taken);
    // An entry that the files' own rules refuse is left out, and the rest is tried again.
    loop {
        let files: Vec<_> = group_file
            .clone()
            .into_iter()
            .chain(assembled(&entries, &taken))
            .collect();
        let all: Vec<_> = sources
            .iter()
            .cloned()
            .chain(files.iter().map(|it| it.0.clone()))
            .collect();
        let refused: BTreeMap<usize, String> = match load(&all, now) {
            Ok(_) => BTreeMap::new(),
            Err(mistakes) => mistakes
                .iter()
                .filter_map(|mistake| {
                    let (_, starts) = files.iter().find(|(file, _)| file.path == mistake.path)?;
                    let (_, entry) = starts.range(..=mistake.place.line).next_back()?;
                    Some((*entry, mistake.message.clone()))
                })
                .collect(),
        };
        if refused.is_empty() {
            imported.files = files.into_iter().map(|(file, _)| file).collect();
            break;
        }
        for (place, why) in refused.into_iter().rev() {
            let entry = entries.remove(place);
            left_out.add(&why, &entry.key);
        }
    }
    imported.guests = entries.len();
    imported.notes.extend(left_out.notes());
    imported
}

/// A new file, and which entry begins on which line.
type Assembled = (Source, BTreeMap<usize, usize>);

fn assembled(entries: &[Entry], taken: &BTreeSet<&str>) -> Vec<Assembled> {
    let mut files: BTreeMap<&str, Assembled> = BTreeMap::new();
    let mut line = 0;
    for (place, entry) in entries.iter().enumerate() {
        let (source, starts) = files.entry(&entry.file).or_insert_with(|| {
            let path = free(&format!("guests/{}", entry.file), taken);
            let text = format!("{HEAD}guests:\n");
            line = text.lines().count() + 1;
            (Source { path, text }, BTreeMap::new())
        });
        starts.insert(line, place);
        line += entry.text.lines().count();
        source.text += &entry.text;
    }
    files.into_values().collect()
}

const HEAD: &str =
    "# Written by `guestlist import`. It is yours now: importing again leaves it alone.\n";

/// Returns a path that no file has yet.
fn free(stem: &str, taken: &BTreeSet<&str>) -> String {
    let numbered = (2..).map(|n| format!("{stem}.{n}.yaml"));
    let mut paths = std::iter::once(format!("{stem}.yaml")).chain(numbered);
    let path = paths.find(|path| !taken.contains(path.as_str()));
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

/// Returns what the sponsors of a guest are called, or the inviter of one who has none; none if nobody
/// is known, or one has no name.
fn sponsors(snapshot: &Snapshot, user: &User, known: Known<'_>) -> Option<Sponsors> {
    let named = |id: &String| called(snapshot.users.get(id)?);
    match user.sponsors.as_deref()? {
        [] => known.inviters.get(&user.id).map(|name| Sponsors {
            names: vec![name.clone()],
            invited: true,
        }),
        ids => Some(Sponsors {
            names: ids.iter().map(named).collect::<Option<_>>()?,
            invited: false,
        }),
    }
}

/// Returns what files call a user of this tenant.
fn called(user: &User) -> Option<String> {
    let name = user.mail.as_ref().unwrap_or(&user.user_principal_name);
    Some(name.to_lowercase()).filter(|name| name.contains('@'))
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

/// The groups that files name, and those to be added.
struct Groups {
    /// What files call a group, by id.
    known: BTreeMap<String, String>,
    /// Names in lower case that are taken.
    names: BTreeSet<String>,
    /// To be added: id by name.
    new: BTreeMap<String, String>,
    left_out: BTreeMap<String, &'static str>,
}

impl Groups {
    fn new(config: &Config, snapshot: &Snapshot) -> Self {
        let lookup = snapshot.groups.lookup();
        let owner = config.policy.tenant.owner();
        let declared = config.desired.groups.values();
        let found = declared
            .clone()
            .filter_map(|group| match lookup.find(group, owner) {
                Found::One(seen) => Some((seen.id.clone(), group.name.clone())),
                _ => None,
            });
        Self {
            known: found.collect(),
            names: declared.map(|group| group.name.to_lowercase()).collect(),
            new: BTreeMap::new(),
            left_out: BTreeMap::new(),
        }
    }

    /// Returns what files call some groups; adds those that they do not know yet.
    fn names(&mut self, held: &[Held]) -> Vec<String> {
        let names = held.iter().filter_map(|group| self.name(group));
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    fn name(&mut self, group: &Held) -> Option<String> {
        if let Some(name) = self.known.get(&group.id) {
            return Some(name.clone());
        }
        if group.name.chars().any(crate::safe::hides) || group.name.trim() != group.name {
            self.left_out.insert(
                group.name.clone(),
                "its name has characters that cannot be seen",
            );
            return None;
        }
        if !self.names.insert(group.name.to_lowercase()) {
            self.left_out
                .insert(group.name.clone(), "another group has the name");
            return None;
        }
        self.known.insert(group.id.clone(), group.name.clone());
        self.new.insert(group.name.clone(), group.id.clone());
        Some(group.name.clone())
    }

    /// Returns the file for the groups to be added. The id settles which group is meant.
    fn file(&self, taken: &BTreeSet<&str>) -> Option<Assembled> {
        if self.new.is_empty() {
            return None;
        }
        let path = free("policies/groups", taken);
        let mut text = format!("{HEAD}groups:\n");
        for (name, id) in &self.new {
            text += &format!("  - name: {}\n    id: {}\n", scalar(name), scalar(id));
        }
        Some((Source { path, text }, BTreeMap::new()))
    }
}
