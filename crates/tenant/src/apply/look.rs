//! Looks once more before acting, and once after: is the address still free, is the guest still as
//! the plan saw it, can what was created be read back.

use std::collections::{BTreeMap, BTreeSet};

use guestlist_planner::address::Address;
use guestlist_planner::kinds::group::seen;
use guestlist_planner::kinds::guest::user::{self, User};
use guestlist_planner::kinds::{Action, Change, Object};
use guestlist_planner::request::{Answer, Read};
use tokio::time::{Duration, Instant};

use super::lanes::{Lanes, Unit};
use super::{Outcome, Run};
use crate::error::Error;

/// The first and the longest pause between two attempts to read back.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

/// How many ids fit into one filter. Source: "Use the $filter query parameter", Graph.
const IDS: usize = 15;

impl Run<'_> {
    /// Leaves out the steps of a stage that would bring somebody in whose address is not free any
    /// more, or hand over an account that has changed.
    pub(super) async fn look_before_inviting(&mut self, places: &[usize]) {
        let places: Vec<_> = places
            .iter()
            .copied()
            .filter(|place| self.invites(*place))
            .collect();
        let shifted = match self.still_ready(&places).await {
            Ok(shifted) => shifted,
            Err(error) => unseen(&places, &error),
        };
        for (place, why) in shifted {
            self.end(place, Outcome::Skipped(why));
        }
    }

    /// Leaves out what would take something from an account that is not what the plan saw. Looked
    /// at right before it is sent: a long run takes hours.
    pub(super) async fn look_before_taking(&mut self, units: &mut Vec<Unit>, lanes: &mut Lanes) {
        let begun = units.iter().filter(|unit| unit.first);
        let places: Vec<_> = begun.flat_map(|unit| unit.places.clone()).collect();
        let shifted = match self.still_the_same(&places).await {
            Ok(shifted) => shifted,
            Err(error) => unseen(&places, &error),
        };
        let left_out: BTreeSet<_> = shifted.iter().map(|(place, _)| *place).collect();
        units.retain(|unit| !unit.places.iter().any(|place| left_out.contains(place)));
        let skipped = |(place, why)| (place, Outcome::Skipped(why));
        self.end_all(lanes, shifted.into_iter().map(skipped).collect());
    }

    /// Returns whether a step brings an address into the tenant: by invitation or by handing over.
    fn invites(&self, place: usize) -> bool {
        let step = &self.steps[place];
        matches!(
            step.change,
            Change::Create {
                after: Object::Guest(_)
            }
        ) || step.hands_over()
    }

    /// Reads again every guest from whom something is to be taken.
    async fn still_the_same(&self, places: &[usize]) -> Result<Vec<(usize, String)>, Error> {
        let ids: BTreeSet<_> = places
            .iter()
            .filter_map(|place| self.steps[*place].id.as_deref())
            .collect();
        let users = self
            .users(ids.into_iter().map(user::again).collect())
            .await?;
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
                Some(user) => self.shifted(&step.change, user),
            };
            shifted.extend(why.map(|why| (*place, why)));
        }
        Ok(shifted)
    }

    /// Returns why a guest is not what the plan saw, if so.
    fn shifted(&self, change: &Change<Object>, user: &User) -> Option<String> {
        let hands_over = matches!(
            change,
            Change::Act {
                action: Action::Repoint,
                ..
            }
        );
        let Some(Object::Guest(before)) = change
            .before()
            .filter(|_| hands_over || !matches!(change, Change::Act { .. }))
        else {
            return None;
        };
        let now = user.object(&before.key, &self.options.stamp);
        (now != **before)
            .then(|| "someone else changed the account since the plan was made".to_owned())
    }

    /// Looks once more before people are brought in.
    async fn still_ready(&self, places: &[usize]) -> Result<Vec<(usize, String)>, Error> {
        let handed: Vec<_> = places
            .iter()
            .copied()
            .filter(|place| self.steps[*place].hands_over())
            .collect();
        let mut shifted = self.still_free(places).await?;
        shifted.extend(self.still_the_same(&handed).await?);
        Ok(shifted)
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
        let spellings: BTreeSet<_> = guests.flat_map(|guest| guest.spellings()).collect();
        let mut reads = user::lookups(spellings.iter().map(String::as_str));
        reads.push(user::deleted());
        let found = self.users(reads).await?;
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

    async fn users(&self, reads: Vec<Read>) -> Result<BTreeMap<String, User>, Error> {
        let mut users = BTreeMap::new();
        for (read, answer) in self.client.read(reads).await? {
            let Answer::Items(items) = answer else {
                continue;
            };
            for item in &items {
                let user = User::decode(item).map_err(|error| Error::shape(&read.path, &error))?;
                users.insert(user.id.clone(), user);
            }
        }
        Ok(users)
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
