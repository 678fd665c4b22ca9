//! A table of any length: the first page as HTML, for readers without a script and for the first
//! look, and all of it as data, from which the script searches, sorts and turns pages.

use std::collections::BTreeMap;

use serde::Serialize;

use super::write::{Html, grouped};
use crate::safe::printable;

/// How many items of a list are shown at once. The script does the same.
const LISTED: usize = 3;
/// How many groups stand side by side. The script does the same.
const ACROSS: usize = 10;

/// A table.
#[derive(Debug, Default, Serialize)]
pub(super) struct Table {
    #[serde(skip)]
    pub(super) id: &'static str,
    /// What it holds, also as the label of its search.
    pub(super) caption: &'static str,
    /// Those of kind [`Kind::Mark`] come last, and are shown a few at a time.
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
    /// What rows can be restricted to; a row's tags are places in it.
    pub(super) filters: Vec<&'static str>,
    /// How many rows make a page.
    pub(super) size: usize,
    /// What is said where there is no row.
    pub(super) empty: &'static str,
}

/// A column.
#[derive(Debug, Serialize)]
pub(super) struct Column {
    name: String,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// How the cells of a column look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    Text,
    /// A place in a file, or another thing that is typed.
    Code,
    /// One word of a few.
    State,
    /// A few things, of which the first are shown.
    List,
    /// One below the other, all shown.
    Lines,
    /// Lines that begin with what they do: `+`, `~` or `-`.
    Steps,
    Number,
    /// Whether, and until when.
    Mark,
}

/// The cells of a row, its marks by column, and its tags.
#[derive(Debug, Serialize)]
pub(super) struct Row(
    pub(super) Vec<Cell>,
    pub(super) BTreeMap<usize, String>,
    pub(super) Vec<usize>,
);

/// What stands in a cell. The text is printable: the script shows it as it is.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Cell {
    Number(usize),
    Text(String),
    Many(Vec<String>),
}

impl Column {
    pub(super) fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: printable(name),
            kind,
            note: None,
        }
    }

    pub(super) fn noted(self, note: &str) -> Self {
        Self {
            note: Some(note.to_owned()),
            ..self
        }
    }
}

impl Cell {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(printable(text))
    }

    pub(super) fn lines(lines: impl IntoIterator<Item = String>) -> Self {
        let lines = lines.into_iter();
        Self::Many(lines.map(|line| printable(&line)).collect())
    }
}

impl Row {
    pub(super) fn of(cells: impl IntoIterator<Item = Cell>) -> Self {
        Self(cells.into_iter().collect(), BTreeMap::new(), Vec::new())
    }
}

impl Table {
    /// Writes the table.
    pub(super) fn write(&self, page: &mut Html) {
        if self.rows.is_empty() {
            page.put("<p class=\"empty\">{}</p>\n", &[self.empty]);
            return;
        }
        page.put(
            "<div class=\"table\" data-table>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"{}\">\n<table>\n<caption id=\"{}\">{}</caption>\n<thead><tr>\n",
            &[self.id, self.id, self.caption],
        );
        for column in self.shown() {
            let Column { name, kind, note } = column;
            page.put("<th scope=\"col\" class=\"{}\">{}", &[kind.class(), name]);
            if let Some(note) = note {
                page.put(" <small>{}</small>", &[note]);
            }
            page.raw("</th>\n");
        }
        page.raw("</tr></thead>\n<tbody>\n");
        for row in self.rows.iter().take(self.size) {
            self.row(page, row);
        }
        page.raw("</tbody>\n</table>\n</div>\n");
        self.without_script(page);
        page.raw("<script type=\"application/json\">");
        page.data(self);
        page.raw("</script>\n</div>\n");
    }

    /// Returns the columns of the first page.
    fn shown(&self) -> &[Column] {
        let is_mark = |column: &Column| column.kind == Kind::Mark;
        let fixed = self.columns.iter().take_while(|column| !is_mark(column));
        &self.columns[..self.columns.len().min(fixed.count() + ACROSS)]
    }

    /// Says what is not shown without the script.
    fn without_script(&self, page: &mut Html) {
        let (rows, columns) = (self.rows.len(), self.columns.len());
        let (lines, across) = (rows.min(self.size), self.shown().len());
        if lines < rows || across < columns {
            let counts = [lines, rows, across, columns].map(grouped);
            page.put(
                "<noscript><p class=\"empty\">Without JavaScript this shows {} of {} rows, and {} of {} columns.</p></noscript>\n",
                &counts.each_ref().map(String::as_str),
            );
        }
    }

    fn row(&self, page: &mut Html, row: &Row) {
        page.raw("<tr>");
        for (place, column) in self.shown().iter().enumerate() {
            let class = column.kind.class();
            match place {
                0 => page.put("<th scope=\"row\" class=\"{}\">", &[class]),
                _ => page.put("<td class=\"{}\">", &[class]),
            }
            match row.0.get(place) {
                Some(cell) => self::cell(page, column.kind, cell),
                None => mark(page, row.1.get(&(place - row.0.len()))),
            }
            page.raw(if place == 0 { "</th>" } else { "</td>" });
        }
        page.raw("</tr>\n");
    }
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Code => "code",
            Self::State => "state",
            Self::List => "list",
            Self::Lines | Self::Steps => "lines",
            Self::Number => "number",
            Self::Mark => "mark",
        }
    }
}

fn cell(page: &mut Html, kind: Kind, cell: &Cell) {
    match cell {
        Cell::Number(number) => page.text(&grouped(*number)),
        Cell::Text(text) if text.is_empty() => nothing(page),
        Cell::Text(text) if kind == Kind::State => page.put(
            "<span class=\"badge\" data-state=\"{}\">{}</span>",
            &[text, text],
        ),
        Cell::Text(text) => page.text(text),
        Cell::Many(items) if items.is_empty() => nothing(page),
        Cell::Many(items) if kind == Kind::List => list(page, items),
        Cell::Many(items) if kind == Kind::Steps => items.iter().for_each(|item| step(page, item)),
        Cell::Many(items) => items.iter().for_each(|item| line(page, item)),
    }
}

fn nothing(page: &mut Html) {
    page.raw("<span class=\"nothing\">–</span>");
}

fn line(page: &mut Html, text: &str) {
    page.put("<span class=\"line\">{}</span>", &[text]);
}

fn step(page: &mut Html, text: &str) {
    let sign = text.get(..1).unwrap_or_default();
    page.put(
        "<span class=\"line\" data-sign=\"{}\">{}</span>",
        &[sign, text],
    );
}

fn list(page: &mut Html, items: &[String]) {
    items.iter().take(LISTED).for_each(|item| line(page, item));
    if items.len() > LISTED {
        line(page, &format!("and {} more", grouped(items.len() - LISTED)));
    }
}

/// Writes a mark: `sign|what it means|day`. The sign and the day are seen, the rest is heard.
fn mark(page: &mut Html, text: Option<&String>) {
    let mut parts = text.map_or("", String::as_str).splitn(3, '|');
    if let (Some(sign), Some(meaning), Some(day)) = (parts.next(), parts.next(), parts.next()) {
        page.put(
            "<span class=\"sign\" data-sign=\"{}\"><span class=\"unseen\">{}</span> {}</span>",
            &[sign, meaning, day],
        );
    }
}
