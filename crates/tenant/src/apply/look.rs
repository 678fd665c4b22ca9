//! Looks once more before acting, and once after: is the address still free, is the guest still as
//! the plan saw it, can what was created be read back.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join;
use guestlist_planner::address::{Address, ObjectId};
use guestlist_planner::kinds::group::seen;
use guestlist_planner::kinds::guest::Guest;
use guestlist_planner::kinds::guest::user::{self, User};
use guestlist_planner::kinds::{Change, Object};
use guestlist_planner::plan::Step;
use guestlist_planner::request::{Answer, Read};
use guestlist_planner::snapshot::{Topic, role_assignments};
use tokio::time::{Duration, Instant};

use super::lanes::{Lanes, Unit};
use super::{Outcome, Run, takes};
use crate::error::Error;

/// The first and the longest pause between two attempts to read back.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

/// How long a look at an address holds.
const FRESH: Duration = Duration::from_secs(60);

/// How many ids fit into one filter. Source: "Use the $filter query parameter", Graph.
const IDS: usize = 15;

impl Run<'_> {
    /// Leaves out the steps that would bring somebody in whose address is not free any more.
    pub(super) async fn look_before_inviting(&mut self, places: &[usize]) {
        let bring_in = |place: &&usize| self.brings_in(**place);
        let places: Vec<_> = places.iter().filter(bring_in).copied().collect();
        if places.is_empty() {
            return;
        }
        let taken = match self.still_free(&places).await {
            Ok(taken) => taken,
            Err(error) => unseen(&places, &error),
        };
        self.looked = Some(Instant::now());
        for (place, why) in taken {
            self.end(place, Outcome::Skipped(why));
        }
    }

    /// Leaves out what is about an account, or an address, that is not what the plan saw. Looked at
    /// right before it is sent: a long run takes hours.
    pub(super) async fn look_before_sending(&mut self, units: &mut Vec<Unit>, lanes: &mut Lanes) {
        let begun = units.iter().filter(|unit| unit.first);
        let begun = begun.flat_map(|unit| unit.places.iter().copied());
        let stale = self.looked.is_none_or(|looked| looked.elapsed() > FRESH);
        let (mut seen, mut free) = (Vec::new(), Vec::new());
        for place in begun {
            if stale && self.brings_in(place) {
                free.push(place);
            }
            if takes(self.steps[place].stage) || self.steps[place].mails_again() {
                seen.push(place);
            }
        }
        let both = join(self.still_the_same(&seen), self.still_free(&free)).await;
        let mut shifted = both.0.unwrap_or_else(|error| unseen(&seen, &error));
        shifted.extend(both.1.unwrap_or_else(|error| unseen(&free, &error)));
        let left_out: BTreeSet<_> = shifted.iter().map(|(place, _)| *place).collect();
        units.retain(|unit| !unit.places.iter().any(|place| left_out.contains(place)));
        let skipped = |(place, why)| (place, Outcome::Skipped(why));
        self.end_all(lanes, shifted.into_iter().map(skipped).collect());
    }

    /// Returns whether a step brings an address into the tenant: by invitation or by handing over.
    fn brings_in(&self, place: usize) -> bool {
        let step = &self.steps[place];
        let invites = matches!(
            step.change,
            Change::Create {
                after: Object::Guest(_)
            }
        );
        invites && !self.options.earlier.contains_key(&step.address) || step.hands_over()
    }

    /// Reads again every guest from whom something is to be taken.
    async fn still_the_same(&self, places: &[usize]) -> Result<Vec<(usize, String)>, Error> {
        let ids: BTreeSet<_> = places
            .iter()
            .filter_map(|place| self.steps[*place].id.as_deref())
            .collect();
        let mut reads: Vec<_> = ids.into_iter().map(user::again).collect();
        // Without them nothing was planned that depends on them.
        if !reads.is_empty() && self.snapshot.knows_roles() {
            reads.push(role_assignments());
        }
        let (users, holders) = self.users(reads).await?;
        let had = self.snapshot.role_assignments.iter();
        let had: BTreeSet<_> = had.map(|(principal, _)| principal).collect();
        let mut shifted = Vec::new();
        for place in places {
            let step = &self.steps[*place];
            let Some(id) = &step.id else { continue };
            let why = match users.get(id) {
                None if matches!(step.change, Change::Delete { .. }) => None,
                None => Some("the account is gone since the plan was made".to_owned()),
                Some(user) if !user.is_guest() => {
                    Some("the account is no guest any more".to_owned())
                }
                Some(_) if holders.contains(id) && !had.contains(id) => {
                    Some("the guest got a directory role since the plan was made".to_owned())
                }
                Some(user) => self.shifted(step, user),
            };
            shifted.extend(why.map(|why| (*place, why)));
        }
        Ok(shifted)
    }

    /// Returns why a guest is not what the plan saw, if so.
    fn shifted(&self, step: &Step, user: &User) -> Option<String> {
        let key = step.change.object().guest()?;
        let now = user.object(key, &self.options.stamp);
        let same = match (&step.change, step.change.before()) {
            (Change::Act { .. }, Some(Object::Guest(before))) if !step.hands_over() => {
                // Who answered meanwhile is not asked again. Earlier steps of this run may have
                // changed the rest.
                !step.mails_again() || now.external_user_state == before.external_user_state
            }
            (_, Some(Object::Guest(before))) => now == **before,
            // What an earlier step of this run made of the guest, or else what the plan saw.
            _ => match self.left(key).or_else(|| self.saw(key, &user.id)) {
                Some(then) => {
                    now.is_offboarding() == then.is_offboarding()
                        && now.account_enabled == then.account_enabled
                }
                None => true,
            },
        };
        (!same).then(|| "someone else changed the account since the plan was made".to_owned())
    }

    /// Returns a guest as this run left it, if it wrote to the account itself.
    fn left(&self, key: &str) -> Option<Guest> {
        let done = self.blocked.get(key)?;
        match self.steps[*done].change.object() {
            Object::Guest(guest) => Some((**guest).clone()),
            _ => None,
        }
    }

    /// Returns a guest as the plan saw it.
    fn saw(&self, key: &str, id: &str) -> Option<Guest> {
        let user = self.snapshot.users.get(id)?;
        Some(user.object(key, &self.options.stamp))
    }

    /// Looks once more for whoever holds an address that is about to be invited: live or deleted,
    /// guest or member.
    async fn still_free(&self, places: &[usize]) -> Result<Vec<(usize, String)>, Error> {
        let invited: BTreeMap<_, _> = places
            .iter()
            .filter_map(|place| Some((self.steps[*place].change.object().guest()?, *place)))
            .collect();
        if invited.is_empty() {
            return Ok(Vec::new());
        }
        let guests =
            invited
                .values()
                .filter_map(|place| match self.steps[*place].change.object() {
                    Object::Guest(guest) => Some(guest),
                    _ => None,
                });
        let spellings = guests.flat_map(|guest| guest.spellings()).collect();
        let (found, _) = self.users(user::holders(&spellings)).await?;
        let why = "somebody holds the address since the plan was made";
        let mut taken = Vec::new();
        for user in found.values() {
            let places = user
                .addresses()
                .into_iter()
                .filter_map(|address| invited.get(address.as_str()).copied());
            let others = places.filter(|place| self.steps[*place].id.as_ref() != Some(&user.id));
            taken.extend(others.map(|place| (place, why.to_owned())));
        }
        Ok(taken)
    }

    /// Returns users by id, and the ids of whoever holds a directory role, if that is read.
    async fn users(
        &self,
        reads: Vec<Read>,
    ) -> Result<(BTreeMap<ObjectId, User>, BTreeSet<ObjectId>), Error> {
        let (mut users, mut holders) = (BTreeMap::new(), BTreeSet::new());
        for (read, answer) in self.client.read(reads).await? {
            match (&read.about, answer) {
                (Some(Topic::RoleAssignments), Answer::Items(items)) => {
                    let ids = items.iter().filter_map(|item| item["principalId"].as_str());
                    holders.extend(ids.map(str::to_owned));
                }
                (Some(Topic::RoleAssignments), _) => {
                    return Err(Error::Shape {
                        path: read.path,
                        why: "directory roles cannot be read any more".to_owned(),
                    });
                }
                (_, Answer::Items(items)) => {
                    for item in &items {
                        let user = User::decode(item);
                        let user = user.map_err(|error| Error::shape(&read.path, &error))?;
                        users.insert(user.id.clone(), user);
                    }
                }
                _ => {}
            }
        }
        Ok((users, holders))
    }

    /// Waits until lists show what was created, so that the next plan does not create it again.
    /// Returns what cannot be read back in time.
    pub(super) async fn read_back(&self) -> Vec<Address> {
        let deadline = Instant::now() + self.options.settle;
        let mut open: BTreeMap<Address, String> = BTreeMap::new();
        for step in self.steps {
            let id = self
                .ids
                .get(&step.address)
                .filter(|id| self.fresh.contains(*id));
            open.extend(id.map(|id| (step.address.clone(), id.to_owned())));
        }
        let mut pause = PAUSES.0;
        while !open.is_empty() && !self.client.stop().is_asked() {
            let found = self.listed(&open).await.unwrap_or_default();
            open.retain(|_, id| !found.contains(id));
            if open.is_empty() || Instant::now() >= deadline {
                break;
            }
            self.client.stop().sleep_until(Instant::now() + pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
        open.into_keys().collect()
    }

    /// Returns which ids the lists show by now.
    async fn listed(&self, open: &BTreeMap<Address, String>) -> Result<BTreeSet<String>, Error> {
        let (guests, groups): (Vec<_>, Vec<_>) = open
            .iter()
            .partition(|(address, _)| address.kind == "guest");
        let guests: Vec<_> = guests.into_iter().map(|(_, id)| id.as_str()).collect();
        let groups: Vec<_> = groups.into_iter().map(|(_, id)| id.as_str()).collect();
        let guests = guests.chunks(IDS).map(user::listed);
        let reads = guests.chain(groups.chunks(IDS).map(seen::listed)).collect();
        let mut found = BTreeSet::new();
        for (_, answer) in self.client.read(reads).await? {
            if let Answer::Items(items) = answer {
                found.extend(
                    items
                        .iter()
                        .filter_map(|item| item["id"].as_str().map(str::to_owned)),
                );
            }
        }
        Ok(found)
    }
}

/// Returns that nothing is known of these steps' objects: then nothing is done to them.
fn unseen(places: &[usize], error: &Error) -> Vec<(usize, String)> {
    let why = format!("could not be looked up again: {error}");
    places.iter().map(|place| (*place, why.clone())).collect()
}
