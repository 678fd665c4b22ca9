//! Properties of edits in place over random guest files: what does not belong to the entry stays byte
//! for byte, what is declared changes only as asked, and a second time changes nothing.

use std::collections::BTreeMap;

use guestlist_planner::load::{Config, load};
use guestlist_planner::revise::{revise, revised};
use guestlist_planner::time::Until;
use guestlist_planner::yaml::Source;
use guestlist_planner::yaml::edit::Change;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::faults::now;
use crate::guest_files::{File, Line, UNTIL, file, in_brackets, mail};
use crate::harness::Repository;
use crate::random::{Edit, check, edited, edits};

const PATH: &str = "guests/a.yaml";

fn sources(text: &str) -> Vec<Source> {
    vec![Source {
        path: PATH.to_owned(),
        text: text.to_owned(),
    }]
}

fn loaded(text: &str) -> Config {
    load(&sources(text), now()).unwrap_or_else(|mistakes| panic!("{text}\n{mistakes:#?}"))
}

/// Returns everything that is declared, wherever it stands.
fn declared(config: &Config) -> BTreeMap<String, [String; 2]> {
    let guests = config.desired.guests.values();
    let described = guests.map(|guest| {
        let groups = guest.groups.as_ref().map(|groups| groups.iter().count());
        let rest = format!(
            "{:?}",
            (
                &guest.mail,
                &guest.profile,
                &guest.sponsors,
                &guest.justification,
                groups,
                &guest.invitation,
                guest.blocked,
                guest.adopt,
            )
        );
        (guest.key.clone(), [rest, format!("{:?}", guest.expires)])
    });
    described.collect()
}

/// Returns how `declared` shows an `expires` that was set.
fn until() -> String {
    format!("{:?}", Some(UNTIL.parse::<Until>().unwrap()))
}

/// Edits a text; nothing if that is refused, or no entry is left.
fn edit(text: &str, mail: &str, change: Change) -> Option<String> {
    let (sources, config) = (sources(text), loaded(text));
    let changes = BTreeMap::from([(mail.to_lowercase(), change)]);
    let revisions = revise(&sources, &config, changes).ok()?;
    let after = revised(&sources, &revisions);
    after.into_iter().next().map(|source| source.text)
}

fn lines_with_text(lines: &[Line], without: usize) -> Vec<&str> {
    let kept = lines.iter().filter(|(owner, _)| *owner != Some(without));
    kept.map(|(_, line)| line.as_str())
        .filter(|line| !line.trim().is_empty())
        .collect()
}

#[test]
fn renew_changes_one_line_of_any_file() {
    check(400, &(file(), any::<Index>()), |(file, which)| {
        let number = which.index(file.entries.len());
        let before = file.text(&file.lines(None));
        let change = || Change::Until(UNTIL.to_owned());
        let after = edit(&before, &mail(number), change()).unwrap();
        assert_eq!(after, file.text(&file.lines(Some(number))), "{before}");
        assert_eq!(edit(&after, &mail(number), change()), Some(after.clone()));
        let (mut was, is) = (declared(&loaded(&before)), declared(&loaded(&after)));
        was.get_mut(&mail(number).to_lowercase()).unwrap()[1] = until();
        assert_eq!(was, is);
    });
}

#[test]
fn remove_takes_the_lines_of_one_entry_out_of_any_file() {
    check(400, &(file(), any::<Index>()), |(file, which)| {
        let number = which.index(file.entries.len());
        let lines = file.lines(None);
        let before = file.text(&lines);
        let after = edit(&before, &mail(number), Change::Remove).unwrap();
        let kept: Vec<_> = after
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        assert_eq!(kept, lines_with_text(&lines, number), "{before}");
        let blank = |text: &str| text.lines().filter(|line| line.trim().is_empty()).count();
        let others = lines.iter().filter(|(owner, _)| *owner != Some(number));
        let blanks = others.filter(|(_, line)| line.trim().is_empty()).count();
        // One of two goes; and one without a line break, at the end, is none.
        let fewer = 1 + usize::from(!file.ends);
        let allowed = blanks.saturating_sub(fewer)..=blanks;
        assert!(allowed.contains(&blank(&after)), "{after}");
        let (mut was, is) = (declared(&loaded(&before)), declared(&loaded(&after)));
        was.remove(&mail(number).to_lowercase());
        assert_eq!(was, is);
    });
}

#[test]
fn a_mark_is_one_line_above_the_entry_of_any_file() {
    check(200, &(file(), any::<Index>()), |(file, which)| {
        let number = which.index(file.entries.len());
        let mut lines = file.lines(None);
        let before = file.text(&lines);
        let left = || Change::Left(Some("2026-11-17".to_owned()));
        let after = edit(&before, &mail(number), left()).unwrap();
        let own = lines.iter().position(|(owner, line)| {
            *owner == Some(number) && line.trim_start().starts_with("- ")
        });
        let comment = "# left the tenant or was deleted on 2026-11-17";
        let comment = format!("{}{comment}", " ".repeat(file.indent));
        lines.insert(own.unwrap(), (Some(number), comment));
        assert_eq!(after, file.text(&lines));
        assert_eq!(edit(&after, &mail(number), left()), Some(after.clone()));
        assert_eq!(declared(&loaded(&before)), declared(&loaded(&after)));
    });
}

#[test]
fn the_command_does_the_same_to_files() {
    check(12, &(file(), any::<Index>()), |(file, which)| {
        let number = which.index(file.entries.len());
        let before = file.text(&file.lines(None));
        let repository = Repository::new(&[("policies/a.yaml", "tenant: {timeZone: UTC}\n")]);
        repository.write(PATH, format!("\u{feff}{before}"));
        let read = || std::fs::read_to_string(repository.path().join(PATH)).unwrap();
        let args = ["renew", &mail(number), "--until", UNTIL];
        repository.run(&args).ends(0);
        let renewed = file.text(&file.lines(Some(number)));
        assert_eq!(read(), format!("\u{feff}{renewed}"));
        repository.run(&["remove", &mail(number)]).ends(0);
        let removed = edit(&renewed, &mail(number), Change::Remove).unwrap();
        assert_eq!(read(), format!("\u{feff}{removed}"));
    });
}

#[test]
fn several_changes_at_once_are_each_made() {
    let text = prop_oneof![
        file().prop_map(|file| file.text(&file.lines(None))),
        in_brackets(),
    ];
    let choices = prop::collection::vec(0..4_u8, 6);
    check(600, &(text, choices), |(text, choices)| {
        let (sources, config) = (sources(&text), loaded(&text));
        let mut meant = declared(&config);
        let mut changes = BTreeMap::new();
        for (key, choice) in config.desired.guests.keys().zip(choices) {
            let change = match choice {
                0 => Change::Until(UNTIL.to_owned()),
                1 => Change::Remove,
                2 => Change::Left(None),
                _ => continue,
            };
            match change {
                Change::Until(_) => meant.get_mut(key).unwrap()[1] = until(),
                Change::Remove => drop(meant.remove(key)),
                Change::Left(_) => {}
            }
            changes.insert(key.clone(), change);
        }
        let revisions = revise(&sources, &config, changes).unwrap();
        let left = revised(&sources, &revisions);
        let found = left.first().map(|source| declared(&loaded(&source.text)));
        assert_eq!(found.unwrap_or_default(), meant, "{text}");
    });
}

/// Whatever a file looks like: an edit is refused, or does what was asked and nothing else.
fn edits_or_refuses(file: &File, damage: &[Edit]) {
    let text = String::from_utf8_lossy(&edited(&file.text(&file.lines(None)), damage)).into_owned();
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let Ok(config) = load(&sources(text), now()) else {
        return;
    };
    for key in config.desired.guests.keys() {
        let mut was = declared(&config);
        if let Some(after) = edit(text, key, Change::Until(UNTIL.to_owned())) {
            was.get_mut(key).unwrap()[1] = until();
            assert_eq!(was, declared(&loaded(&after)), "{text}");
        }
        if let Some(after) = edit(text, key, Change::Remove) {
            let mut without = declared(&config);
            without.remove(key);
            assert_eq!(without, declared(&loaded(&after)), "{text}");
        }
        if let Some(after) = edit(text, key, Change::Left(None)) {
            assert_eq!(declared(&config), declared(&loaded(&after)), "{text}");
        }
    }
}

#[test]
fn a_damaged_file_is_edited_rightly_or_not_at_all() {
    check(600, &(file(), edits()), |(file, damage)| {
        edits_or_refuses(&file, &damage);
    });
}
