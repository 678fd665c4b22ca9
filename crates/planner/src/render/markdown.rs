//! A plan for a pull request: whoever loses access first, then who comes in, then what changes, by
//! guest. It fits into one comment: details go first, the names of those who lose something never.

mod cell;
mod findings;
mod sorts;

use jiff::tz::TimeZone;

pub(super) use self::cell::Cells;
use self::sorts::{Group, Sorts, sign_in};
use super::{reason, text, title};
use crate::finding::{Finding, Severity};
use crate::kinds::{Action, Change, Object};
use crate::plan::{Count, Plan, Step};
use crate::time::{Days, days_after, show};

/// How many characters fit into a comment on GitHub.
const ROOM: usize = 65_536;

/// How many findings of a sort are listed when room is short.
const FEW: usize = 20;

/// Findings whose hint quotes what stands in the tenant, and may name somebody without an address.
const QUOTING: [&str; 2] = ["foreign-stamp", "stamp-moved"];

/// How much is left out so that the rest fits; each adds to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    Nothing,
    /// Which properties change.
    Details,
    /// What is good to know, and most of the warnings.
    Findings,
    /// Who changes, as far as need be, and what is coming.
    Changes,
    /// Who comes in, as far as need be.
    Coming,
    /// Why people lose access, as far as need be.
    Reasons,
    /// Most of the errors, and all warnings.
    Errors,
    /// Which errors there are, and a line for each name.
    Lines,
}

impl Cut {
    const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Details,
        Self::Findings,
        Self::Changes,
        Self::Coming,
        Self::Reasons,
        Self::Errors,
        Self::Lines,
    ];

    /// Returns what is left out of every page.
    fn least(mask: bool) -> Self {
        if mask { Self::Details } else { Self::Nothing }
    }
}

/// Returns the plan as GitHub-flavoured Markdown. With `mask`, no address is shown in full and no
/// property at all.
pub fn plan(plan: &Plan, mask: bool) -> String {
    let cuts = Cut::ALL.into_iter();
    for cut in cuts.filter(|cut| *cut >= Cut::least(mask)) {
        let page = |told| {
            let page = Page::new(plan, mask, cut);
            Page { told, ..page }.render()
        };
        let bare = page(0);
        if fits(&bare) {
            if cut < Cut::Changes {
                return bare;
            }
            return page(most(plan.steps.len(), |told| fits(&page(told))));
        }
    }
    incomplete(plan, mask)
}

fn fits(page: &str) -> bool {
    page.chars().count() <= ROOM
}

/// Returns the largest number up to `all` for which something holds that holds for none beyond.
fn most(all: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, all);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if holds(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

/// Returns a page with as many names as fit, which says first how many do not.
fn incomplete(plan: &Plan, mask: bool) -> String {
    let named = |most: usize| Page {
        most,
        ..Page::new(plan, mask, Cut::Lines)
    };
    // Numbers may be longer where more names are.
    let bare = named(0).render().chars().count() + 20;
    let mut room = ROOM.saturating_sub(bare);
    let sorts = Sorts::new(plan);
    let fitting = sorts.losing.iter().take_while(|(guest, _)| {
        let name = named(0).cells.code(guest);
        let left = room.checked_sub(name.chars().count() + SEPARATOR.len());
        room = left.unwrap_or_default();
        left.is_some()
    });
    let most = fitting.count();
    named(most).render()
}

/// What stands between names on a line.
const SEPARATOR: &str = ", ";

struct Page<'a> {
    plan: &'a Plan,
    cells: Cells,
    cut: Cut,
    /// How many of those who lose something are named.
    most: usize,
    /// How many guests are told of where there is not room for all.
    told: usize,
    zone: TimeZone,
    out: String,
}

impl<'a> Page<'a> {
    fn new(plan: &'a Plan, mask: bool, cut: Cut) -> Self {
        Self {
            plan,
            cells: Cells::new(mask),
            cut,
            most: usize::MAX,
            told: 0,
            zone: TimeZone::get(&plan.time_zone).unwrap_or(TimeZone::UTC),
            out: String::new(),
        }
    }

    fn line(&mut self, line: &str) {
        self.out += line;
        self.out.push('\n');
    }

    fn render(mut self) -> String {
        let Sorts {
            losing,
            coming,
            changing,
            others,
        } = Sorts::new(self.plan);
        self.head([losing.len(), coming.len(), changing.len()]);
        self.limits();
        self.findings(Severity::Error, "Errors: these steps are blocked");
        self.losing(&losing);
        self.people("Comes in", &coming, Cut::Coming);
        self.people("Changes", &changing, Cut::Changes);
        self.others(&others);
        self.findings(Severity::Warning, "Warnings");
        self.forecast();
        self.findings(Severity::Info, "Good to know");
        if self.cut > Cut::least(self.cells.mask) {
            self.line("\n_This is shortened. `guestlist plan` prints it all._");
        }
        self.out
    }

    fn head(&mut self, [losing, coming, changing]: [usize; 3]) {
        let plan = self.plan;
        let name = plan.tenant_name.as_deref().unwrap_or(&plan.tenant);
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        let tenant: String = plan.tenant.chars().filter(plain).collect();
        self.line(&format!("<!-- guestlist {} -->", tenant.replace("--", "-")));
        let name = self.cells.prose(name);
        self.line(&format!("### Guest access of {name}\n"));
        let verb = |count: usize, one: &str, many: &str| {
            format!("{count} {}", if count == 1 { one } else { many })
        };
        self.missing(losing);
        let refused = if plan.is_refused() { "Refused: " } else { "" };
        let errors = text::errors(plan).map(|errors| format!(" {errors}."));
        let steps = plan.steps.iter();
        let weakened = steps.filter(|step| step.counts == Some(Count::Weakened));
        let weakened = match weakened.count() {
            0 => String::new(),
            count => format!(
                ", {}",
                verb(count, "policy protects less", "policies protect less")
            ),
        };
        let first = text::nothing(plan).unwrap_or_else(|| {
            format!(
                "{refused}{}, {}, {}{weakened}.{}",
                verb(losing, "loses access", "lose access"),
                verb(coming, "comes in", "come in"),
                verb(changing, "changes", "change"),
                errors.unwrap_or_default()
            )
        });
        self.line(&format!("**{first}**"));
        let rest = text::numbers(plan).replace('\n', " ");
        let at = show(plan.planned_for, &self.zone);
        self.line(&format!("{rest} As of {at}."));
    }

    /// Says how many names are missing, if any.
    fn missing(&mut self, losing: usize) {
        let missing = losing.saturating_sub(self.most);
        if missing > 0 {
            self.line(&format!(
                "**This page is incomplete: {missing} of those who lose access are not named on it.**\n"
            ));
        }
    }

    fn limits(&mut self) {
        for limit in &self.plan.limits {
            let (rule, flag) = (self.cells.code(&limit.rule), self.cells.code(&limit.flag));
            self.line(&format!(
                "\n> **Refused**: this takes something from {} {}, {rule} allows {}. If that is meant, run with {flag}.",
                limit.found,
                if limit.found == 1 { "guest" } else { "guests" },
                limit.allowed
            ));
        }
    }

    /// Lists those who lose something: if nothing else fits, by name.
    fn losing(&mut self, guests: &[(&str, Group<'_>)]) {
        if self.cut < Cut::Reasons || guests.is_empty() {
            return self.people("Loses access", guests, Cut::Reasons);
        }
        self.line(&format!("\n#### Loses access ({})\n", guests.len()));
        let told = if self.cut == Cut::Reasons {
            self.told
        } else {
            0
        };
        let (told, guests) = guests.split_at(told.min(guests.len()));
        told.iter()
            .for_each(|(guest, group)| self.guest(guest, group));
        let names = guests.iter().map(|(guest, _)| self.cells.code(guest));
        let names: Vec<_> = names.take(self.most).collect();
        if self.cut < Cut::Lines {
            names
                .iter()
                .for_each(|name| self.line(&format!("- {name}")));
        } else {
            self.line(&names.join(SEPARATOR));
        }
    }

    /// Lists guests and what happens to them: from `short` on as many as fit, and beyond it none.
    fn people(&mut self, heading: &str, guests: &[(&str, Group<'_>)], short: Cut) {
        if guests.is_empty() {
            return;
        }
        self.line(&format!("\n#### {heading} ({})\n", guests.len()));
        let told = match self.cut {
            cut if cut < short => guests.len(),
            cut if cut == short => self.told.min(guests.len()),
            _ => 0,
        };
        for (guest, group) in &guests[..told] {
            self.guest(guest, group);
        }
        if self.cut >= short {
            match guests.len() - told {
                0 => {}
                _ if told == 0 => self.line("Who this is does not fit here."),
                more => self.line(&format!("- {more} more, who do not fit here")),
            }
            return;
        }
        let steps = guests.iter().flat_map(|(_, group)| &group.steps);
        let own = steps.filter(|step| step.loses.is_empty());
        self.details(&own.copied().collect::<Vec<_>>());
    }

    fn guest(&mut self, guest: &str, group: &Group<'_>) {
        let name = self.cells.code(guest);
        let told = self.deeds(group);
        self.line(&format!("- **{name}** {told}"));
    }

    /// Says what happens to one guest, and why.
    fn deeds(&self, group: &Group<'_>) -> String {
        let mut deeds: Vec<(String, Vec<String>)> = Vec::new();
        let (mut whys, mut notes) = (Vec::new(), Vec::new());
        for step in &group.steps {
            let (verb, what) = self.deed(step);
            match deeds.iter_mut().find(|(known, _)| *known == verb) {
                Some((_, whats)) => whats.extend(what),
                None => deeds.push((verb, what.into_iter().collect())),
            }
            let why = reason(&step.because);
            // What stands further down in the same entry is not named once more.
            let file = |why: &String| why.split(':').next().map(str::to_owned);
            if !whys.iter().any(|known| file(known) == file(&why)) {
                whys.push(why);
            }
            // What else a group's rule does is said where the group is.
            for note in step.notes.iter().filter(|_| step.loses.is_empty()) {
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
        let deeds = deeds
            .into_iter()
            .map(|(verb, what)| format!("{verb} {}", what.join(", ")).trim_end().to_owned());
        let notes = notes.into_iter().map(|note| self.cells.prose(note));
        let whys: Vec<_> = whys.iter().map(|why| self.cells.prose(why)).collect();
        let told: Vec<_> = deeds.chain(notes).collect();
        format!("{} — {}", told.join("; "), whys.join(", "))
    }

    /// Returns what a step does to its guest: the deed, and what it is done with.
    fn deed(&self, step: &Step) -> (String, Option<String>) {
        if !step.loses.is_empty() {
            let group = self.cells.code(&step.address.key);
            return (step.loss().to_owned(), Some(group));
        }
        let refs = step.change.object().refs();
        let verb = match step.change {
            Change::Delete { .. } => "loses",
            _ => "gains",
        };
        if let Object::Assignment(it) = step.change.object() {
            return (
                format!("{verb} {}", it.sort.noun()),
                Some(self.cells.code(&it.to)),
            );
        }
        if let Some(other) = refs.iter().find(|it| it.kind != "guest") {
            let kind = step.address.kind.replace("membership", "group");
            return (format!("{verb} {kind}"), Some(self.cells.code(&other.key)));
        }
        let verb = match &step.change {
            Change::Create { .. } => "is invited",
            Change::Delete { .. } => "is **deleted**",
            Change::Update { .. } => match sign_in(&step.change) {
                Some(false) => "can **no longer sign in**",
                Some(true) => "can sign in again",
                None => return self.changes(step),
            },
            Change::Act { action, .. } => match action {
                Action::RevokeSessions => "sessions end",
                Action::Restore => "is restored",
                Action::Repoint => "gets an account handed over",
                Action::ResetRedemption => "is asked for consent again",
                Action::Remind => "is reminded of the invitation",
                Action::Welcome => "gets the welcome that is owed",
            },
        };
        (verb.to_owned(), None)
    }

    /// Returns what changes; of somebody who is taken on, besides the stamp that says so.
    fn changes(&self, step: &Step) -> (String, Option<String>) {
        if super::verb(&step.change) != "take on" {
            return ("changes".to_owned(), Some(self.properties(step)));
        }
        let fields = super::fields(step);
        let names = fields.iter().map(|(name, _)| name.as_str());
        let names = names.filter(|name| *name != "stamp");
        let names: Vec<_> = names.map(|name| self.cells.code(name)).collect();
        if names.is_empty() {
            return ("is taken on".to_owned(), None);
        }
        ("is taken on and changes".to_owned(), Some(names.join(", ")))
    }

    fn properties(&self, step: &Step) -> String {
        let fields = super::fields(step);
        let names: Vec<_> = fields
            .iter()
            .map(|(name, _)| self.cells.code(name))
            .collect();
        names.join(", ")
    }

    fn others(&mut self, group: &Group<'_>) {
        if group.steps.is_empty() {
            return;
        }
        let is_group = |step: &&Step| matches!(step.change.object(), Object::Group(_));
        let heading = match group.steps.iter().all(is_group) {
            true => "Groups",
            false => "Groups and policies",
        };
        self.line(&format!("\n#### {heading} ({})\n", group.steps.len()));
        if self.cut >= Cut::Changes {
            self.line("What changes does not fit here.");
            return;
        }
        for step in &group.steps {
            let name = self.cells.code(&title(step));
            let deed = match &step.change {
                Change::Create { .. } => "is created".to_owned(),
                Change::Delete { .. } => "is **deleted**".to_owned(),
                _ => format!("changes {}", self.properties(step)),
            };
            let notes = step.notes.iter().map(|note| self.cells.prose(note));
            let told: Vec<_> = std::iter::once(deed).chain(notes).collect();
            let why = self.cells.prose(&reason(&step.because));
            self.line(&format!("- {name} {} — {why}", told.join("; ")));
        }
        self.details(&group.steps);
    }

    /// Puts the steps below a fold, property by property.
    fn details(&mut self, steps: &[&Step]) {
        if self.cut >= Cut::Details || steps.is_empty() {
            return;
        }
        let mut told = String::new();
        for step in steps {
            // Writing to a string cannot fail.
            let _ = text::step(&mut told, step, &text::Paint(false));
        }
        let fence = cell::fence(&told, 3);
        self.line("\n<details><summary>Property by property</summary>\n");
        self.line(&format!("{fence}diff\n{told}{fence}\n"));
        self.line("</details>");
    }
}
