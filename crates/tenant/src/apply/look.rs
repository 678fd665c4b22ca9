//! Looks once more before acting, and once after: is the address still free, is the guest still as
//! the plan saw it, can what was created be read back.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join4;
use guestlist_planner::address::{Address, ObjectId};
use guestlist_planner::kinds::assignment::{Held, Sort, directory_role};
use guestlist_planner::kinds::group::seen::{self, SeenGroups};
use guestlist_planner::kinds::guest::Guest;
use guestlist_planner::kinds::guest::user::{self, User};
use guestlist_planner::kinds::{Action, Change, Object};
use guestlist_planner::plan::Step;
use guestlist_planner::request::{Answer, Read};
use guestlist_planner::snapshot::Topic;
use guestlist_planner::stamp::{Mark, OWED};
use tokio::time::{Duration, Instant};

use super::lanes::{Lanes, Unit};
use super::{Outcome, Run, lane, takes};
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
            Err(error) => self.unseen(&places, &error),
        };
        self.looked = Some(Instant::now());
        for (place, shift) in taken {
            self.end(place, Outcome::Skipped(shift.text()));
        }
    }

    /// Leaves out what is about an account, or an address, that is not what the plan saw. Looked at
    /// right before it is sent: a long run takes hours.
    pub(super) async fn look_before_sending(&mut self, units: &mut Vec<Unit>, lanes: &mut Lanes) {
        let begun = units.iter().filter(|unit| unit.first);
        let begun: Vec<_> = begun.flat_map(|unit| unit.places.clone()).collect();
        let is_seen = |place: &&usize| {
            let step = &self.steps[**place];
            takes(step.stage) || step.mails_again()
        };
        let seen: Vec<_> = begun.iter().filter(is_seen).copied().collect();
        let bring_in = |place: &&usize| self.brings_in(**place);
        let next: Vec<_> = begun.iter().filter(bring_in).copied().collect();
        let stale = self.looked.is_none_or(|looked| looked.elapsed() > FRESH);
        // One look at all that are left, and not one for each batch.
        let all = match stale && !next.is_empty() {
            true => lanes.unsent(),
            false => Vec::new(),
        };
        let all: Vec<_> = all.iter().filter(bring_in).copied().collect();
        let ruled = begun.iter().copied();
        let ruled: Vec<_> = ruled
            .filter(|place| self.steps[*place].hangs_on_members().is_some())
            .collect();
        let governs = begun.iter().copied();
        let governs: Vec<_> = governs
            .filter(|place| self.steps[*place].changes_policy().is_some())
            .collect();
        let (same, followed, governed, free) = join4(
            self.still_the_same(&seen),
            self.still_followed(&ruled),
            self.still_governed(&governs),
            self.still_free(&all),
        )
        .await;
        let mut shifted = same.unwrap_or_else(|error| self.unseen(&seen, &error));
        shifted.extend(followed.unwrap_or_else(|error| self.unseen(&ruled, &error)));
        shifted.extend(governed.unwrap_or_else(|error| self.unseen(&governs, &error)));
        match free {
            Ok(taken) => {
                if !all.is_empty() {
                    self.looked = Some(Instant::now());
                }
                shifted.extend(taken);
            }
            Err(error) => shifted.extend(self.unseen(&next, &error)),
        }
        units.retain(|unit| !unit.places.iter().any(|place| shifted.contains_key(place)));
        let settle = self.options.settle;
        shifted.retain(|place, shift| {
            let lane = lane(&self.steps[*place]);
            !(matches!(shift, Shift::Behind) && lanes.put_off(&lane, *place, settle))
        });
        let skipped = |(place, shift): (usize, Shift)| (place, Outcome::Skipped(shift.text()));
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

    /// Reads again every guest from whom something is to be taken. Returns who is not as the plan saw
    /// them.
    async fn still_the_same(&self, places: &[usize]) -> Result<BTreeMap<usize, Shift>, Error> {
        let ids: BTreeSet<_> = places
            .iter()
            .filter_map(|place| self.steps[*place].id.as_deref())
            .collect();
        let mut reads: Vec<_> = ids.into_iter().map(user::again).collect();
        // Without them nothing was planned that depends on them.
        if !reads.is_empty() && self.snapshot.knows_roles() {
            reads.push(directory_role::assignments());
        }
        let (users, roles) = self.users(reads).await?;
        let (now, then) = (
            roles.pairs(),
            self.snapshot.held(Sort::DirectoryRole).pairs(),
        );
        let gained: BTreeSet<_> = now.difference(&then).map(|(holder, _)| *holder).collect();
        let mut shifted = BTreeMap::new();
        for place in places {
            let step = &self.steps[*place];
            let Some(id) = &step.id else { continue };
            let shift = match users.get(id) {
                None if matches!(step.change, Change::Delete { .. }) => None,
                None => Some(Shift::changed(
                    "the account is gone since the plan was made",
                )),
                Some(user) if !user.is_guest() => {
                    Some(Shift::changed("the account is no guest any more"))
                }
                Some(_) if gained.contains(id.as_str()) => Some(Shift::changed(
                    "the guest got a directory role since the plan was made",
                )),
                Some(user) => self.shifted(step, user),
            };
            shifted.extend(shift.map(|shift| (*place, shift)));
        }
        Ok(shifted)
    }

    /// Reads again every group whose rule is to change, and who is in it. Returns which are not as the
    /// plan saw them: whom the new rule drops was told of those.
    async fn still_followed(&self, places: &[usize]) -> Result<BTreeMap<usize, Shift>, Error> {
        let mut shifted = BTreeMap::new();
        for place in places {
            let Some((before, id)) = self.steps[*place].hangs_on_members() else {
                continue;
            };
            let mut now = SeenGroups::default();
            for (read, answer) in self.client.read(seen::again(id).to_vec()).await? {
                if let Answer::Items(items) = answer {
                    let taken_in = match &read.about {
                        Some(Topic::Members(_)) => {
                            SeenGroups::absorb_edges(&mut now.members, id, &items)
                        }
                        _ => now.absorb(&items),
                    };
                    taken_in.map_err(|error| Error::shape(&read.path, &error))?;
                }
            }
            let rule = now.groups.get(id).and_then(|group| group.rule.as_deref());
            let members = now.members.get(id);
            if rule != before.rule() || members != self.snapshot.groups.members.get(id) {
                let why = "the rule or the members of the group changed since the plan was made";
                shifted.insert(*place, Shift::changed(why));
            }
        }
        Ok(shifted)
    }

    /// Reads again every policy of the tenant that is to be changed: all it says travels with the change.
    async fn still_governed(&self, places: &[usize]) -> Result<BTreeMap<usize, Shift>, Error> {
        let mut shifted = BTreeMap::new();
        for place in places {
            let step = &self.steps[*place];
            let Some(before) = step.changes_policy() else {
                continue;
            };
            let answers = self.client.read(step.change.object().lookups()).await?;
            if !before.is_as_seen(&answers, &self.ids) {
                let why = "the policy changed since the plan was made";
                shifted.insert(*place, Shift::changed(why));
            }
        }
        Ok(shifted)
    }

    /// Returns how a guest differs from what the plan saw, if it does.
    fn shifted(&self, step: &Step, user: &User) -> Option<Shift> {
        let key = step.change.object().guest()?;
        let now = user.object(key, &self.options.stamp);
        let same = match (&step.change, step.change.before()) {
            (Change::Act { action, .. }, Some(Object::Guest(before))) if !step.hands_over() => {
                // Who answered meanwhile is not asked again. Earlier steps of this run may have
                // changed the rest.
                let waits = now.external_user_state == before.external_user_state;
                let owed = match welcome(&now) {
                    _ if *action != Action::Welcome => true,
                    None => welcome(before).is_none(),
                    mark => mark == Some(OWED),
                };
                !step.mails_again() || waits && owed
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
        match self.saw(key, &user.id) {
            _ if same => None,
            Some(then) if then == now && self.left(key).is_some() => Some(Shift::Behind),
            _ => Some(Shift::changed(CHANGED)),
        }
    }

    /// Returns that nothing is known of these steps' objects: then nothing is done to them. Where the
    /// run is to stop, that is no fault of theirs.
    fn unseen(&mut self, places: &[usize], error: &Error) -> BTreeMap<usize, Shift> {
        if error.is_long_throttle() {
            self.stopped = Some(error.to_string());
        }
        if self.is_stopped() {
            return BTreeMap::new();
        }
        let why = format!("could not be looked up again: {error}");
        let unseen = |place: &usize| (*place, Shift::Changed(why.clone()));
        places.iter().map(unseen).collect()
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
    async fn still_free(&self, places: &[usize]) -> Result<BTreeMap<usize, Shift>, Error> {
        let invited: BTreeMap<_, _> = places
            .iter()
            .filter_map(|place| Some((self.steps[*place].change.object().guest()?, *place)))
            .collect();
        if invited.is_empty() {
            return Ok(BTreeMap::new());
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
        let mut taken = BTreeMap::new();
        for user in found.values() {
            let places = user
                .addresses()
                .into_iter()
                .filter_map(|address| invited.get(address.as_str()).copied());
            let others = places.filter(|place| self.steps[*place].id.as_ref() != Some(&user.id));
            taken.extend(others.map(|place| (place, Shift::changed(why))));
        }
        Ok(taken)
    }

    /// Returns users by id, and who holds which directory role, if that is read.
    async fn users(&self, reads: Vec<Read>) -> Result<(BTreeMap<ObjectId, User>, Held), Error> {
        let (mut users, mut roles) = (BTreeMap::new(), Held::default());
        for (read, answer) in self.client.read(reads).await? {
            match (&read.about, answer) {
                (Some(Topic::Assigned(sort)), Answer::Items(items)) => {
                    let taken_in = sort.take_in(&read, &items, &mut roles);
                    taken_in.map_err(|error| Error::shape(&read.path, &error))?;
                }
                (Some(Topic::Assigned(_)), _) => {
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
        Ok((users, roles))
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
        while !open.is_empty() && self.stopped.is_none() && !self.client.stop().is_asked() {
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
        let (mut guests, mut groups) = (BTreeSet::new(), BTreeSet::new());
        let (mut reads, mut others) = (Vec::new(), Vec::new());
        for step in self.steps {
            let object = step.change.object();
            match (open.get(&step.address), object) {
                (Some(id), Object::Guest(_)) => drop(guests.insert(id.as_str())),
                (Some(id), Object::Group(_)) => drop(groups.insert(id.as_str())),
                (Some(_), other) => {
                    reads.extend(other.lookups());
                    others.push(other);
                }
                (None, _) => {}
            }
        }
        let [guests, groups] = [guests, groups].map(|ids| ids.into_iter().collect::<Vec<_>>());
        reads.extend(guests.chunks(IDS).map(user::listed));
        reads.extend(groups.chunks(IDS).map(seen::listed));
        let mut found = BTreeSet::new();
        for (_, answer) in self.client.read(reads).await? {
            let Answer::Items(items) = answer else {
                continue;
            };
            let ids = items.iter().filter_map(|item| item["id"].as_str());
            found.extend(ids.map(str::to_owned));
            let objects = others.iter();
            found.extend(objects.flat_map(|one| items.iter().filter_map(|item| one.found(item))));
        }
        Ok(found)
    }
}

/// Returns what is known of a welcome: another run may be sending it, or have sent it.
fn welcome(guest: &Guest) -> Option<&str> {
    guest.stamp.as_ref()?.mark(Mark::Welcome)
}

/// How an object is not what the plan saw.
enum Shift {
    /// The answer does not know yet what this run did to it.
    Behind,
    /// Somebody changed it, or nothing is known of it.
    Changed(String),
}

impl Shift {
    fn changed(why: &str) -> Self {
        Self::Changed(why.to_owned())
    }

    fn text(self) -> String {
        match self {
            Self::Behind => CHANGED.to_owned(),
            Self::Changed(why) => why,
        }
    }
}

const CHANGED: &str = "someone else changed the account since the plan was made";
