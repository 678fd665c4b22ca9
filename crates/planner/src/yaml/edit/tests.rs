//! Odd files, and what is left of them.

use super::*;

const UNTIL: &str = "2027-12-31";

fn one(text: &str, mail: &str, change: Change) -> Result<Option<String>, (String, Why)> {
    edit(text, &BTreeMap::from([(mail.to_owned(), change)]))
}

#[track_caller]
fn renewed(text: &str, mail: &str) -> String {
    let once = one(text, mail, Change::Until(UNTIL.into()))
        .unwrap()
        .unwrap();
    let twice = one(&once, mail, Change::Until(UNTIL.into())).unwrap();
    assert_eq!(twice.as_ref(), Some(&once), "a second time changes nothing");
    once
}

#[track_caller]
fn removed(text: &str, mails: &[&str]) -> String {
    let changes = mails
        .iter()
        .map(|mail| ((*mail).to_owned(), Change::Remove));
    edit(text, &changes.collect()).unwrap().unwrap()
}

#[track_caller]
fn marked(text: &str, mail: &str) -> String {
    let left = || Change::Left(Some("2026-11-17".into()));
    let once = one(text, mail, left()).unwrap().unwrap();
    let twice = one(&once, mail, left()).unwrap();
    assert_eq!(twice.as_ref(), Some(&once), "a second time changes nothing");
    once
}

#[track_caller]
fn refused(text: &str, mail: &str, change: Change) -> Why {
    let (who, why) = one(text, mail, change).unwrap_err();
    assert_eq!(who, mail);
    why
}

#[test]
fn one_value_changes_and_its_quotes_stay() {
    for (before, after) in [
        ("expires: 2026-01-01", "expires: 2027-12-31"),
        (
            "expires:   2026-01-01 \t # why",
            "expires:   2027-12-31 \t # why",
        ),
        ("expires: '2026-01-01'", "expires: '2027-12-31'"),
        (
            "\"expires\": \"2026-01-01\" #",
            "\"expires\": \"2027-12-31\" #",
        ),
        ("expires: 2026-01-01T10:00:00+02:00", "expires: 2027-12-31"),
        ("expires: !!str 2026-01-01", "expires: !!str 2027-12-31"),
        ("expires:\n      2026-01-01", "expires:\n      2027-12-31"),
        ("? expires\n    : 2026-01-01", "? expires\n    : 2027-12-31"),
    ] {
        for (head, tail) in [
            ("", ""),
            ("", "\n"),
            ("", "\n\n# end"),
            ("---\n# é\n", "\n...\n"),
        ] {
            for end in ["\n", "\r\n"] {
                let file = |line: &str| {
                    format!("{head}guests:\n  - mail: a@b.example # a\n    {line}{tail}")
                        .replace('\n', end)
                };
                assert_eq!(renewed(&file(before), "a@b.example"), file(after));
            }
        }
    }
}

#[test]
fn a_value_in_braces_changes() {
    assert_eq!(
        renewed(
            "guests: [{mail: a@b.example, expires: 2026-01-01},{mail: c@d.example}]",
            "a@b.example"
        ),
        "guests: [{mail: a@b.example, expires: 2027-12-31},{mail: c@d.example}]"
    );
    assert_eq!(
        renewed("{\"guests\": [{\"mail\": \"a@b.example\"}]}", "a@b.example"),
        "{\"guests\": [{\"mail\": \"a@b.example\", \"expires\": \"2027-12-31\"}]}"
    );
    assert_eq!(
        renewed(
            "guests:\n- { mail: 'A@b.example' # who\n  , blocked: true }\n",
            "a@b.example"
        ),
        "guests:\n- { mail: 'A@b.example', expires: 2027-12-31 # who\n  , blocked: true }\n"
    );
}

#[test]
fn a_line_is_added_below_the_address_with_the_indentation_of_the_entry() {
    for (before, after) in [
        (
            "guests:\n- mail: a@b.example",
            "guests:\n- mail: a@b.example\n  expires: 2027-12-31",
        ),
        (
            "guests:\r\n   -   mail: a@b.example  # who\r\n       # note\r\n       blocked: true\r\n",
            "guests:\r\n   -   mail: a@b.example  # who\r\n       expires: 2027-12-31\r\n       # note\r\n       blocked: true\r\n",
        ),
        (
            "guests:\n  -\n    blocked: true\n    mail: >-\n      a@b.example\n\n  - mail: c@d.example\n",
            "guests:\n  -\n    blocked: true\n    mail: >-\n      a@b.example\n    expires: 2027-12-31\n\n  - mail: c@d.example\n",
        ),
    ] {
        assert_eq!(renewed(before, "a@b.example"), after);
    }
}

#[test]
fn what_is_shared_is_refused() {
    let until = || Change::Until(UNTIL.into());
    for text in [
        "guests:\n- &a {mail: c@d.example, expires: 2026-01-01}\n- {<<: *a, mail: a@b.example}\n",
        "guests:\n- {mail: c@d.example, expires: &d 2026-01-01}\n- {mail: a@b.example, expires: *d}\n",
        "guests:\n- {mail: c@d.example, displayName: &d a@b.example}\n- {mail: *d}\n",
        "guests:\n- {mail: a@b.example, expires: &d 2026-01-01}\n- {mail: c@d.example, expires: *d}\n",
        "guests:\n- &a {mail: a@b.example}\n- {<<: *a, mail: c@d.example}\n",
    ] {
        assert_eq!(refused(text, "a@b.example", until()), Why::Shared, "{text}");
    }
    let text = "guests:\n- &a {mail: a@b.example}\n- {<<: *a, mail: c@d.example}\n";
    assert_eq!(refused(text, "a@b.example", Change::Remove), Why::Shared);
    let text = "guests:\n- {mail: a@b.example, expires: |-\n   2026-01-01\n  }\n";
    assert!(one(text, "a@b.example", until()).is_err());
    let text = "guests: [mail: a@b.example, mail: c@d.example]";
    assert_eq!(refused(text, "a@b.example", until()), Why::Unsure);
    assert_eq!(
        refused(
            "guests:\n- mail: a@b.example\n  expires: >-\n    2026-01-01\n",
            "a@b.example",
            until()
        ),
        Why::Unsure
    );
}

#[test]
fn an_anchor_that_nobody_else_feels_is_no_obstacle() {
    let text = "guests:\n- &a\n  mail: a@b.example\n  expires: &d 2026-01-01\n- <<: *a\n  mail: c@d.example\n  expires: 2026-02-01\n";
    assert_eq!(
        renewed(text, "a@b.example"),
        text.replace("2026-01-01", UNTIL)
    );
    assert_eq!(
        renewed(text, "c@d.example"),
        text.replace("2026-02-01", UNTIL)
    );
}

const LISTED: &str = "\
# File.
guests: # all of them
  # About a.
  - mail: a@b.example
    displayName: A
    # inside a

  # Section.

  # About b,
  # more about b.
  - mail: b@b.example # why
    jobTitle: |
      # no comment

      text

    # between
  # About c.
  - {mail: c@b.example}
  - mail: d@b.example
# The end.
";

/// Returns `LISTED` without some of its lines, counted from 1.
fn without(gone: &[std::ops::RangeInclusive<usize>]) -> String {
    let lines = LISTED.split_inclusive('\n').zip(1..);
    let kept = lines.filter(|(_, number)| !gone.iter().any(|range| range.contains(number)));
    kept.map(|(line, _)| line).collect()
}

#[test]
fn an_entry_goes_with_its_comments_and_no_other() {
    let (a, b, c, d) = ("a@b.example", "b@b.example", "c@b.example", "d@b.example");
    assert_eq!(removed(LISTED, &[a]), without(&[3..=7]));
    assert_eq!(removed(LISTED, &[b]), without(&[9..=16]));
    assert_eq!(removed(LISTED, &[c, d]), without(&[18..=21]));
    assert_eq!(
        removed(LISTED, &[a, b, d]),
        without(&[3..=7, 10..=17, 21..=21])
    );
}

#[test]
fn blank_lines_do_not_pile_up() {
    let text = "guests:\n\n- mail: a@b.example\n\n- mail: b@b.example\n\n\n- mail: c@b.example";
    for (gone, left) in [
        (
            &["a@b.example"][..],
            "guests:\n\n- mail: b@b.example\n\n\n- mail: c@b.example",
        ),
        (
            &["b@b.example"],
            "guests:\n\n- mail: a@b.example\n\n\n- mail: c@b.example",
        ),
        (
            &["c@b.example"],
            "guests:\n\n- mail: a@b.example\n\n- mail: b@b.example\n",
        ),
        (
            &["a@b.example", "b@b.example"],
            "guests:\n\n\n- mail: c@b.example",
        ),
        (
            &["b@b.example", "c@b.example"],
            "guests:\n\n- mail: a@b.example\n",
        ),
    ] {
        assert_eq!(removed(text, gone), left, "{gone:?}");
    }
    let text = "guests:\r\n- mail: a@b.example\r\n- mail: b@b.example";
    assert_eq!(
        removed(text, &["b@b.example"]),
        "guests:\r\n- mail: a@b.example"
    );
}

#[test]
fn an_entry_in_brackets_goes_with_one_comma() {
    let text = "guests: [{mail: a@b.example}, {mail: b@b.example} ,{mail: c@b.example}]\n";
    for (gone, left) in [
        (
            &["a@b.example"][..],
            "guests: [{mail: b@b.example} ,{mail: c@b.example}]\n",
        ),
        (
            &["b@b.example"],
            "guests: [{mail: a@b.example} ,{mail: c@b.example}]\n",
        ),
        (
            &["c@b.example"],
            "guests: [{mail: a@b.example}, {mail: b@b.example}]\n",
        ),
        (
            &["a@b.example", "b@b.example"],
            "guests: [{mail: c@b.example}]\n",
        ),
        (
            &["a@b.example", "c@b.example"],
            "guests: [{mail: b@b.example}]\n",
        ),
        (
            &["b@b.example", "c@b.example"],
            "guests: [{mail: a@b.example}]\n",
        ),
    ] {
        assert_eq!(removed(text, gone), left, "{gone:?}");
    }
    let text = "guests: [\n  # a\n  {mail: a@b.example}, # a\n  # b\n  {mail: b@b.example,\n   blocked: true}\n]\n";
    assert_eq!(
        removed(text, &["a@b.example"]),
        "guests: [\n  # b\n  {mail: b@b.example,\n   blocked: true}\n]\n"
    );
    assert_eq!(
        removed(text, &["b@b.example"]),
        "guests: [\n  # a\n  {mail: a@b.example}, # a\n]\n"
    );
    let text = "guests: [{mail: a@b.example}, # a\n  {mail: b@b.example}]\n";
    assert_eq!(
        removed(text, &["a@b.example"]),
        "guests: [\n  {mail: b@b.example}]\n"
    );
    assert_eq!(
        removed(text, &["b@b.example"]),
        "guests: [{mail: a@b.example}, # a\n  ]\n"
    );
}

#[test]
fn the_last_entry_takes_the_file_along() {
    assert_eq!(
        one(
            "guests: [{mail: a@b.example}]",
            "a@b.example",
            Change::Remove
        ),
        Ok(None)
    );
}

#[test]
fn a_guest_who_left_is_marked_once() {
    assert_eq!(
        marked(
            "guests:\r\n  # a\r\n  - mail: a@b.example\r\n",
            "a@b.example"
        ),
        "guests:\r\n  # a\r\n  # left the tenant or was deleted on 2026-11-17\r\n  - mail: a@b.example\r\n"
    );
    let shared = "guests: [{mail: a@b.example}, {mail: b@b.example}]";
    let both = marked(&marked(shared, "a@b.example"), "b@b.example");
    assert_eq!(
        both,
        format!(
            "# a@b.example left the tenant or was deleted on 2026-11-17\n# b@b.example left the tenant or was deleted on 2026-11-17\n{shared}"
        )
    );
    assert_eq!(marked(&both, "a@b.example"), both);
    let older = "guests:\n- mail: c@b.example\n# left the tenant or was deleted on 2025-01-01\n# note\n- mail: a@b.example\n";
    assert_eq!(
        marked(older, "a@b.example"),
        older.replace("2025-01-01", "2026-11-17")
    );
    let within = "guests: [{mail: c@b.example, displayName: \"x\n  y\"}, {mail: a@b.example}]";
    assert_eq!(
        refused(within, "a@b.example", Change::Left(None)),
        Why::Unsure
    );
}

#[test]
fn what_does_not_stand_in_the_file_is_refused_and_a_byte_order_mark_is_no_obstacle() {
    for text in [
        "",
        "guests: {}",
        "guests: [",
        "guests:\n- mail: c@d.example\n",
    ] {
        assert!(one(text, "a@b.example", Change::Remove).is_err(), "{text}");
    }
    let two = "guests: [{mail: a@b.example}]\n---\nguests: [{mail: b@b.example}]\n";
    assert_eq!(refused(two, "a@b.example", Change::Remove), Why::Unsure);
    let text = "\u{feff}guests:\n- mail: a@b.example\n- mail: b@b.example\n";
    assert_eq!(
        renewed(text, "a@b.example"),
        "\u{feff}guests:\n- mail: a@b.example\n  expires: 2027-12-31\n- mail: b@b.example\n"
    );
}

#[test]
fn who_is_commented_out_stays_when_the_next_one_goes() {
    let text = "guests:\n  - mail: a@x.example\n  # - mail: b@x.example\n  #   expires: 2026-01-01\n  - mail: c@x.example\n";
    let left =
        "guests:\n  - mail: a@x.example\n  # - mail: b@x.example\n  #   expires: 2026-01-01\n";
    assert_eq!(removed(text, &["c@x.example"]), left);
}

#[test]
fn a_line_that_is_added_ends_as_the_one_above_it() {
    let text = "guests:\n  - mail: a@x.example\r\n    blocked: false\r\n";
    let after =
        "guests:\n  - mail: a@x.example\r\n    expires: 2027-12-31\r\n    blocked: false\r\n";
    assert_eq!(renewed(text, "a@x.example"), after);
}
