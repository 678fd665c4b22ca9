//! The plan: what would change, why, and whether that is more than the limits allow.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::address::{Address, Ids};
use crate::aim::{Aim, aim};
use crate::choose::{
    guarding, handed_over, hold_back, keep_approved, left_out, not_handed_over, restrict, unguarded,
};
use crate::effort::Effort;
use crate::finding::{Finding, Severity};
use crate::forecast::Coming;
use crate::kinds::group::Group;
use crate::kinds::tenant_policy::TenantPolicy;
use crate::kinds::{Action, Change, Object, Stage};
use crate::limits::{Exceeded, Hand, check};
use crate::load::{Config, Origin};
use crate::matching::Matching;
use crate::parallel;
use crate::request::Read;
use crate::snapshot::Snapshot;
use crate::time::{Days, days_after};

/// The version of the saved format. A reader refuses a newer major one; a minor one only adds.
pub const FORMAT: &str = "1.7";

/// Why a step is there. A reason explains and never decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Because {
    /// In a few words.
    pub text: String,
    /// Where in the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// Which limit a step counts against.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Count {
    /// The guest loses something for another reason than its own reviewed `expires`.
    Removal,
    /// The guest's declared day has come.
    Expiry,
    /// A policy of the tenant protects less.
    Weakened,
}

/// One change of one object, specific enough to leave no choice to whoever executes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What it changes.
    pub address: Address,
    /// Its place among the others.
    pub stage: Stage,
    /// The change.
    pub change: Change<Object>,
    /// Why.
    pub because: Because,
    /// What else a person should know, such as who gets a mail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Guests who lose something by it, besides the one it is about: those who fall out of a group
    /// whose rule changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loses: Vec<String>,
    /// The least application permissions it needs.
    pub permissions: Vec<String>,
    /// Which limit it counts against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<Count>,
    /// Graph's id of the object, where it exists. For an edge, of the guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Step {
    /// Returns whether the step takes something away from a guest.
    pub fn takes(&self) -> bool {
        let takes = matches!(self.stage, Stage::Block | Stage::Delete)
            || matches!(
                self.change,
                Change::Act {
                    action: Action::Repoint,
                    ..
                }
            );
        let edge = self.stage == Stage::Strip
            && matches!(
                self.change,
                Change::Delete {
                    before: Object::Membership(_) | Object::Assignment(_)
                }
            );
        takes || edge || self.counts.is_some() || !self.loses.is_empty()
    }

    /// Returns whether this is the same step as another: on the same object, from and to the same, and
    /// with the same consequences for whom and what.
    pub fn is(&self, other: &Self) -> bool {
        let same = self.address == other.address && self.change == other.change;
        same && self.id == other.id && self.loses == other.loses && self.notes == other.notes
    }

    /// Returns what happens to those who lose something by the step, before the group's name.
    pub fn loss(&self) -> &'static str {
        match self.change.object() {
            Object::TenantPolicy(_) => "loses access to Microsoft 365 groups by",
            _ if self.changes_rule() => "falls out of dynamic group",
            _ => "loses a license of group",
        }
    }

    /// Returns whether the step changes the rule of a group.
    fn changes_rule(&self) -> bool {
        matches!(&self.change, Change::Update { before: Object::Group(before), after: Object::Group(after) }
            if before.rule() != after.rule())
    }

    /// Returns the group of the tenant on whose members the step hangs, if it does: it changes its rule, or
    /// what its members get.
    pub fn hangs_on_members(&self) -> Option<(&Group, &str)> {
        match &self.change {
            Change::Update {
                before: Object::Group(before),
                after: Object::Group(after),
            } if before.rule() != after.rule() || before.has.licenses != after.has.licenses => {
                Some((before, self.id.as_deref()?))
            }
            _ => None,
        }
    }

    /// Returns the policy of the tenant that the step changes or deletes, as it was planned, if it does.
    pub fn changes_policy(&self) -> Option<&TenantPolicy> {
        match self.change.before() {
            Some(Object::TenantPolicy(before)) => Some(before),
            _ => None,
        }
    }

    /// Returns whether the step puts up a guard: nobody is given access before that.
    pub fn guards(&self) -> bool {
        self.stage == Stage::Protect
            && matches!(self.change.object(), Object::TenantPolicy(policy) if policy.protects())
    }

    /// Returns whether the step takes power in the directory from somebody.
    pub fn takes_power(&self) -> bool {
        matches!(&self.change, Change::Delete { before: Object::Assignment(before) } if before.is_power())
    }

    /// Returns whether the step hands an account to another address.
    pub fn hands_over(&self) -> bool {
        matches!(
            self.change,
            Change::Act {
                action: Action::Repoint,
                ..
            }
        )
    }

    /// Returns whether the step posts an invitation, of which Graph takes only so many.
    pub fn invites(&self) -> bool {
        let creates = matches!(
            self.change,
            Change::Create {
                after: Object::Guest(_)
            }
        );
        creates || self.mails_again()
    }

    /// Returns whether the step asks somebody to redeem who is there already.
    pub fn mails_again(&self) -> bool {
        match &self.change {
            Change::Act { action, .. } => matches!(
                action,
                Action::Remind | Action::ResetRedemption | Action::Repoint | Action::Welcome
            ),
            _ => false,
        }
    }
}

/// How many steps of each sort there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Objects to create.
    pub create: usize,
    /// Objects to change.
    pub change: usize,
    /// Objects to delete.
    pub delete: usize,
    /// Managed objects that stay as they are.
    pub unchanged: usize,
    /// Guests that are not ours.
    pub not_ours: usize,
    /// Steps left for the next run by the limit on invitations.
    pub held_back: usize,
}

/// What would change, why, and whether it may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The version of this format.
    #[schemars(extend("pattern" = r"^1\.[0-9]+$"))]
    pub format_version: String,
    /// The version of the tool.
    pub version: String,
    /// The tenant's id.
    pub tenant: String,
    /// The tenant's name.
    pub tenant_name: Option<String>,
    /// The time zone of days, by its IANA name.
    pub time_zone: String,
    /// When the plan was made.
    pub planned_at: Timestamp,
    /// The instant it is made for.
    pub planned_for: Timestamp,
    /// The commit of the files, if they are in git.
    pub commit: Option<String>,
    /// The digest of the files.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub files: String,
    /// How many steps of each sort there are.
    pub counts: Counts,
    /// What it takes.
    #[serde(default, skip_serializing_if = "Effort::is_none")]
    pub effort: Effort,
    /// What would change, in order.
    pub steps: Vec<Step>,
    /// What a person should know.
    pub findings: Vec<Finding>,
    /// Limits that the plan exceeds: it is shown and refused.
    pub limits: Vec<Exceeded>,
    /// What will happen within 90 days to the guests whom this plan concerns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forecast: Vec<Coming>,
    /// Names this plan; catches accidents.
    #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
    pub digest: String,
}

/// What a plan is made for, besides the configuration and the tenant's state.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Limits lifted by hand, for this run.
    pub hand: Hand,
    /// Only this guest.
    pub only: Option<String>,
    /// Leave out every step that takes something away.
    pub no_removals: bool,
    /// Only what these steps approve: those still wanted, whose before-state still holds.
    pub approved: Option<Vec<Step>>,
    /// Take over guests that carry this owner's stamp.
    pub take_over: Option<String>,
    /// Take over guests whose stamp stands in this attribute.
    pub moved_from: Option<String>,
}

/// Where a plan was made, for its header.
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// The version of the tool.
    pub version: String,
    /// The commit of the files.
    pub commit: Option<String>,
    /// When the plan is made; the instant it is made for if not said.
    pub planned_at: Option<Timestamp>,
}

/// Plans. The same arguments give the same plan: no clock, no network, no files.
pub fn plan(
    config: &Config,
    observed: &Snapshot,
    now: Timestamp,
    request: &Request,
    header: &Header,
) -> (Plan, Ids) {
    let matching = Matching::new(observed, &config.desired, &config.policy);
    let (plan, aim) = decide(config, observed, &matching, now, request, header);
    (plan, aim.ids)
}

/// Plans against a saved snapshot. One that does not answer all that these files ask is refused with
/// the reads that are missing: what was not read is not taken for absent.
pub fn plan_saved(
    config: &Config,
    observed: &Snapshot,
    now: Timestamp,
    request: &Request,
    header: &Header,
) -> Result<(Plan, Ids), Vec<Read>> {
    let matching = Matching::new(observed, &config.desired, &config.policy);
    let (open, decided) = parallel::join(
        || observed.open(&config.desired, &config.policy, Some(&matching)),
        || decide(config, observed, &matching, now, request, header),
    );
    if open.is_empty() {
        let (plan, aim) = decided;
        Ok((plan, aim.ids))
    } else {
        Err(open)
    }
}

/// Decides. Returns also what was aimed at, for whoever has more to ask.
pub(crate) fn decide(
    config: &Config,
    observed: &Snapshot,
    matching: &Matching<'_>,
    now: Timestamp,
    request: &Request,
    header: &Header,
) -> (Plan, Aim) {
    let mut aim = aim(config, observed, matching, now, request);
    let mut guards = aim.unguarded();
    let mut steps = steps(&mut aim);
    guards.extend(guarding(&steps));
    let mut findings = std::mem::take(&mut aim.findings);
    if let Some(only) = &request.only {
        restrict(&mut steps, &mut findings, &crate::domain::normal(only));
    }
    // Before anything is left out: what waits for a hand-over waits all the more without it.
    let handed = handed_over(&steps);
    if let Some(approved) = &request.approved {
        findings.extend(left_out(approved, &steps));
        keep_approved(&mut steps, approved);
    }
    if request.no_removals {
        steps.retain(|step| !step.takes());
    }
    let held_back = hold_back(
        &mut steps,
        &mut findings,
        config.policy.limits.invitations.count,
    );
    not_handed_over(handed, &mut steps);
    unguarded(guards, &mut steps, &mut findings);
    let limits = check(&steps, aim.managed, &config.policy.limits, request.hand);
    findings.sort();
    findings.dedup();
    let forecast = coming(config, &aim, &steps, now);
    let counts = Counts {
        unchanged: aim.unchanged,
        not_ours: aim.not_ours,
        held_back,
        ..Counts::default()
    };
    let mut plan = Plan {
        format_version: FORMAT.to_owned(),
        version: header.version.clone(),
        tenant: observed
            .tenant_id
            .clone()
            .unwrap_or_else(|| config.policy.tenant.id.clone()),
        tenant_name: observed.tenant_name.clone(),
        time_zone: config
            .policy
            .tenant
            .time_zone
            .iana_name()
            .unwrap_or("UTC")
            .to_owned(),
        planned_at: header.planned_at.unwrap_or(now),
        planned_for: now,
        commit: header.commit.clone(),
        files: config.digest.clone(),
        counts,
        effort: Effort::of(&steps),
        steps,
        findings,
        limits,
        forecast,
        digest: String::new(),
    };
    plan.recount();
    (plan, aim)
}

/// How far a plan looks ahead.
const AHEAD: Days = Days(90);

/// Returns what will happen to the guests of some steps.
fn coming(config: &Config, aim: &Aim, steps: &[Step], now: Timestamp) -> Vec<Coming> {
    let until = days_after(now, AHEAD, &config.policy.tenant.time_zone);
    let guests = steps.iter().filter_map(|step| step.change.object().guest());
    let guests: BTreeSet<_> = guests.collect();
    let coming = guests
        .into_iter()
        .flat_map(|guest| aim.coming(config, guest, now));
    let mut coming: Vec<_> = coming.filter(|coming| coming.at <= until).collect();
    coming.sort();
    coming
}

/// Turns what is aimed at into steps, in the order of execution.
fn steps(aim: &mut Aim) -> Vec<Step> {
    let mut steps: Vec<_> = std::mem::take(&mut aim.changes)
        .into_iter()
        .filter(|drawn| !aim.is_blocked(&drawn.change))
        .map(|drawn| {
            let address = drawn.change.object().address();
            let guest = drawn.change.object().guest().map(Address::guest);
            Step {
                stage: drawn.change.stage(),
                permissions: drawn
                    .change
                    .permissions()
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect(),
                id: aim
                    .ids
                    .get(guest.as_ref().unwrap_or(&address))
                    .map(str::to_owned),
                notes: aim
                    .notes
                    .get(&address)
                    .cloned()
                    .filter(|_| drawn.carries_notes())
                    .into_iter()
                    .flatten()
                    .chain(drawn.notes)
                    .collect(),
                loses: drawn.loses,
                because: drawn.because,
                counts: drawn.counts,
                change: drawn.change,
                address,
            }
        })
        .collect();
    steps.sort_by(|a, b| {
        (a.stage, rank(&a.change), &a.address).cmp(&(b.stage, rank(&b.change), &b.address))
    });
    steps
}

/// Within a stage: properties before actions, so that a session ends after sign-in is blocked.
/// Power goes first of all: Graph may refuse to disable who has some.
/// Where no stamp remembers that sessions are to end (`blocked: true`), they end first: a run that
/// is stopped in between begins again with both.
fn rank(change: &Change<Object>) -> (u8, Option<Action>) {
    match change {
        Change::Create { .. } => (0, None),
        Change::Update { .. } => (1, None),
        Change::Act {
            action: Action::RevokeSessions,
            before: Object::Guest(guest),
            ..
        } if guest.account_enabled == Some(true) => (0, None),
        Change::Delete {
            before: Object::Assignment(_),
        } => (0, None),
        Change::Act { action, .. } => (2, Some(*action)),
        Change::Delete { .. } => (3, None),
    }
}

impl Plan {
    /// Returns whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.counts.held_back == 0
    }

    /// Returns whether the limits refuse it.
    pub fn is_refused(&self) -> bool {
        !self.limits.is_empty()
    }

    /// Returns whether a finding blocks something.
    pub fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }

    /// Counts the steps, and names the plan anew.
    fn recount(&mut self) {
        let count = |wanted: fn(&Change<Object>) -> bool| {
            self.steps
                .iter()
                .filter(|step| wanted(&step.change))
                .count()
        };
        self.counts.create = count(|change| matches!(change, Change::Create { .. }));
        self.counts.change =
            count(|change| matches!(change, Change::Update { .. } | Change::Act { .. }));
        self.counts.delete = count(|change| matches!(change, Change::Delete { .. }));
        self.digest.clear();
        self.digest = hash(self);
    }

    /// Returns the digest over everything else in the plan.
    pub fn compute_digest(&self) -> String {
        hash(&Self {
            digest: String::new(),
            ..self.clone()
        })
    }
}

/// Returns the hash of a plan that has no digest yet.
fn hash(bare: &Plan) -> String {
    let mut hash = Hash(Sha256::new());
    // A plan always serialises, and a hash takes in everything.
    let _ = serde_json::to_writer(&mut hash, bare);
    let bytes = hash.0.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes text in as it is written: that of a large plan is never there as a whole.
struct Hash(Sha256);

impl std::io::Write for Hash {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.update(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
