//! Who has which access until when, and what happens next: everything that a report shows, as a
//! value. What is decided comes from planning; nothing is decided here.

mod access;
mod ahead;
mod due;
mod guests;
mod policies;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::aim::Aim;
use crate::load::{Config, Origin};
use crate::matching::Matching;
use crate::plan::{Header, Plan, Request, decide};
use crate::request::Read;
use crate::snapshot::Snapshot;
use crate::time::{Days, Until, days_after};

pub use self::ahead::{Ahead, Bar};
pub use self::policies::{Policy, Rule};

/// How far ahead "soon" reaches.
pub const SOON: Days = Days(30);

/// Everything that a report shows.
#[derive(Clone, Debug)]
pub struct Report {
    /// What would change now, and what a person should know.
    pub plan: Plan,
    /// The zone of days.
    pub zone: TimeZone,
    /// Every guest of the tenant and of the files, by address.
    pub guests: Vec<Guest>,
    /// The groups that files declare, by name.
    pub groups: Vec<Group>,
    /// Who vouches, the most guests first.
    pub sponsors: Vec<Sponsor>,
    /// The conditional access policies, if they were read.
    pub policies: Vec<Policy>,
    /// The other policies of the tenant of the sections that files have.
    pub rules: Vec<Rule>,
    /// Which access ends when.
    pub ahead: Ahead,
}

/// A guest: in the tenant, in the files, or both.
#[derive(Clone, Debug)]
pub struct Guest {
    /// What plans call it.
    pub key: String,
    /// The name.
    pub name: Option<String>,
    /// The company.
    pub company: Option<String>,
    /// What the tenant says of the account.
    pub state: State,
    /// With what the invitation was redeemed, if it was.
    pub issuer: Option<String>,
    /// Whose it is.
    pub standing: Standing,
    /// Who vouches: as the tenant has it, else as the files say.
    pub sponsors: Vec<String>,
    /// Why nobody vouches, if that is so.
    pub unvouched: Option<&'static str>,
    /// What it has, gets or loses, by the place of the group in [`Report::groups`].
    pub access: BTreeMap<usize, Access>,
    /// What else the account holds, by what people call it.
    pub holds: Vec<String>,
    /// The declared end.
    pub until: Option<Until>,
    /// Whether that is ahead and near.
    pub soon: bool,
    /// What the next apply does.
    pub due: Option<String>,
    /// What happens later if nobody does anything, and when.
    pub next: Option<(Timestamp, &'static str)>,
    /// Where it is declared, if it is.
    pub origin: Option<Origin>,
}

impl Guest {
    /// Returns whether the tenant has the account.
    pub fn is_there(&self) -> bool {
        !matches!(self.state, State::Absent | State::Deleted)
    }
}

/// What the tenant says of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can be used.
    Active,
    /// The invitation waits to be redeemed.
    Pending,
    /// Sign-in is blocked.
    Disabled,
    /// It was not said whether sign-in is possible.
    Unknown,
    /// It is deleted and can be restored.
    Deleted,
    /// There is none.
    Absent,
}

/// Whose a guest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Ours, and declared.
    Ours,
    /// Ours, and in no file any more.
    Undeclared,
    /// Declared, and not ours yet.
    Declared,
    /// Neither.
    NotOurs,
}

/// A membership that a guest has, gets or loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// What the next apply does with it.
    pub fate: Fate,
    /// The declared end.
    pub until: Option<Until>,
}

/// What the next apply does with a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing: it is there and stays.
    Stays,
    /// It is given.
    Given,
    /// It is taken.
    Taken,
}

/// A group that files declare.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Whether its members follow a rule, and are not read.
    pub dynamic: bool,
    /// Whether the tenant has it.
    pub there: bool,
    /// Where it is declared.
    pub origin: Origin,
}

/// Who vouches for guests: a user or a group of the tenant.
#[derive(Clone, Debug)]
pub struct Sponsor {
    /// The address, the name of the group, or the id.
    pub name: String,
    /// What the tenant calls the user.
    pub display_name: Option<String>,
    /// Whether the account is disabled.
    pub disabled: bool,
    /// The guests, by their place in [`Report::guests`].
    pub guests: Vec<usize>,
}

/// Everything that a report is made from.
#[derive(Clone, Copy)]
struct Sources<'a> {
    config: &'a Config,
    snapshot: &'a Snapshot,
    matching: &'a Matching<'a>,
    aim: &'a Aim,
    now: Timestamp,
}

impl Sources<'_> {
    fn zone(&self) -> &TimeZone {
        &self.config.policy.tenant.time_zone
    }

    /// Returns whether something ends within [`SOON`], and not before now.
    fn is_soon(&self, until: Until) -> bool {
        let end = until.end(self.zone());
        end > self.now && end <= days_after(self.now, SOON, self.zone())
    }
}

/// Reports. The same arguments give the same report. A snapshot that does not answer all that these
/// files ask is refused with the reads that are missing: what was not read is not taken for absent.
pub fn report(
    config: &Config,
    snapshot: &Snapshot,
    now: Timestamp,
    header: &Header,
) -> Result<Report, Vec<Read>> {
    let matching = Matching::new(snapshot, &config.desired, &config.policy);
    let open = snapshot.open(&config.desired, &config.policy, Some(&matching));
    if !open.is_empty() {
        return Err(open);
    }
    let request = Request::default();
    let (plan, aim) = decide(config, snapshot, &matching, now, &request, header);
    let sources = Sources {
        config,
        snapshot,
        matching: &matching,
        aim: &aim,
        now,
    };
    let mut accounts = guests::all(sources, &plan);
    let groups = access::groups(sources, &plan, &mut accounts);
    let sponsors = access::sponsors(sources, &accounts);
    let policies = policies::all(sources, &accounts);
    let rules = policies::rules(sources, &plan);
    let ahead = ahead::ahead(sources, &accounts);
    let guests = accounts.into_iter().map(|account| account.guest).collect();
    Ok(Report {
        plan,
        zone: sources.zone().clone(),
        guests,
        groups,
        sponsors,
        policies,
        rules,
        ahead,
    })
}
