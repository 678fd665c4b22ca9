//! A creation whose answer was lost may have happened. It is never sent again in the same run: the
//! object is looked for, and the run goes on with what it finds.

use std::collections::BTreeMap;

use guestlist_planner::kinds::guest::user;
use guestlist_planner::request::{Answer, Read, Request};
use guestlist_planner::snapshot::Topic;
use serde_json::Value;

use super::lanes::{Chain, Lanes, Lost};
use super::{Entry, Outcome, Run, deed, is_restore};

/// What looking for an object brought.
enum Sight {
    Nothing,
    One(String),
    Deleted,
    Many,
}

impl Run<'_> {
    /// Returns whether there is a way to see that a request was carried out: it made an object, or
    /// brought one back. That a mail was sent once more leaves no trace.
    pub(super) fn can_be_found(&self, place: usize, request: &Request) -> bool {
        let made =
            request.binds.is_some() && !self.steps[place].change.object().lookups().is_empty();
        made || is_restore(request)
    }

    /// Looks for what may have been made. What is not there yet is looked for again, as long as
    /// things may take to show; lists lag, so "not found" never allows to make it a second time.
    pub(super) async fn look_for_lost(&mut self, lanes: &mut Lanes) {
        let places: Vec<_> = lanes.lost().map(|chain| chain.place).collect();
        if places.is_empty() {
            return;
        }
        let mut reads: BTreeMap<String, Read> = BTreeMap::new();
        for read in places.iter().flat_map(|place| self.traces(*place)) {
            reads.insert(read.path.clone(), read);
        }
        let answers = self.client.read(reads.into_values().collect()).await;
        let answers = answers.unwrap_or_else(|error| {
            tracing::info!(%error, "could not look for what may have been made");
            Vec::new()
        });
        let mut over = Vec::new();
        for chain in lanes.lost().filter(|chain| places.contains(&chain.place)) {
            let sight = self.sight(chain.place, &answers);
            over.extend(
                self.seen(chain, sight)
                    .map(|outcome| (chain.place, outcome)),
            );
        }
        self.end_all(lanes, over);
    }

    fn restores(&self, place: usize) -> bool {
        self.requests(place).iter().any(is_restore)
    }

    /// Returns the reads that would show what a lost request did.
    fn traces(&self, place: usize) -> Vec<Read> {
        let step = &self.steps[place];
        match &step.id {
            Some(id) if self.restores(place) => vec![user::again(id)],
            _ => step.change.object().lookups(),
        }
    }

    fn sight(&self, place: usize, answers: &[(Read, Answer)]) -> Sight {
        let step = &self.steps[place];
        let is_it = |item: &Value| match &step.id {
            Some(id) => (item["id"] == id.as_str()).then(|| id.clone()),
            None => step.change.object().found(item),
        };
        let mut live = Vec::new();
        let mut deleted = false;
        for (read, answer) in answers {
            let Answer::Items(items) = answer else {
                continue;
            };
            let mut found = items.iter().filter_map(is_it);
            match read.about {
                // Nobody is invited while the address lies among the deleted; who is restored may
                // still lie there.
                Some(Topic::DeletedUsers) => deleted |= step.id.is_none() && found.next().is_some(),
                _ => live.extend(found),
            }
        }
        live.sort();
        live.dedup();
        match live.as_slice() {
            [] if deleted => Sight::Deleted,
            [] => Sight::Nothing,
            [id] => Sight::One(id.clone()),
            _ => Sight::Many,
        }
    }

    /// Goes on with what was found, waits on, or returns how the step ended.
    fn seen(&mut self, chain: &mut Chain, sight: Sight) -> Option<Outcome> {
        let address = self.steps[chain.place].address.clone();
        let lost = chain.lost.clone()?;
        let request = self.requests(chain.place).into_iter().nth(chain.next);
        let failed = |message| {
            Some(Outcome::Failed {
                message,
                hint: None,
            })
        };
        match sight {
            Sight::One(id) => {
                if self.restores(chain.place) {
                    self.restored(chain.place);
                } else if let Err(message) = self.bind(&address, &id) {
                    return failed(message);
                }
                if let Some(request) = request {
                    let entry = Entry::intent(&self.steps[chain.place], &request);
                    self.log(vec![entry.found(&id)]);
                }
                self.goes_on(chain).map(|(_, outcome)| outcome)
            }
            Sight::Deleted => failed(format!(
                "{address}: somebody deleted it right after it was made"
            )),
            Sight::Many => failed(format!("{address}: several answer to it now; plan again")),
            Sight::Nothing => match lost {
                Lost::Answer(_) if chain.wait(self.options.settle) => None,
                Lost::Answer(error) => {
                    Some(self.failed(chain.place, &deed(&self.steps[chain.place]), &error))
                }
                Lost::Earlier(settle) => {
                    if !chain.wait(settle) {
                        chain.lost = None;
                    }
                    None
                }
            },
        }
    }
}
