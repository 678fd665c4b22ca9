//! Sends notices to sponsors: marks the guests before, so that nobody is told twice of one day, takes the
//! mark back where the mail is refused, and says after it that it went out.

use std::collections::{BTreeMap, BTreeSet};

use guestlist_planner::kinds::guest::user::{self, User};
use guestlist_planner::notice::{Ending, Notice};
use guestlist_planner::request::{Answer, Request};
use guestlist_planner::stamp::{Reading, Stamp};

use crate::apply::{Entry, Journal};
use crate::client::Client;
use crate::error::Error;

/// Why a line of the journal is there.
const BECAUSE: &str = "access is about to end";

/// Sends notices one after the other; `progress` hears of each that went out. The first that cannot be
/// sent ends the run: what stopped one would stop the others.
pub async fn notify(
    client: &Client,
    notices: &[Notice],
    attribute: &str,
    journal: &mut dyn Journal,
    progress: &mut dyn FnMut(&Notice),
) -> Result<(), Error> {
    let told = BTreeSet::new();
    let mut run = Run {
        client,
        attribute,
        journal,
        told,
    };
    for notice in notices {
        run.tell(notice).await?;
        progress(notice);
    }
    Ok(())
}

struct Run<'a> {
    client: &'a Client,
    attribute: &'a str,
    journal: &'a mut dyn Journal,
    /// The accounts that this run marked: several sponsors may be told of one guest.
    told: BTreeSet<String>,
}

impl Run<'_> {
    async fn tell(&mut self, notice: &Notice) -> Result<(), Error> {
        let new = notice.about.iter().filter(|it| !self.told.contains(&it.id));
        let new: Vec<_> = new.collect();
        self.are_the_same(&new).await?;
        if let Err(error) = self.mark(&new, Ending::announced).await {
            return self.take_back(&new, error).await;
        }
        let path = format!("/users/{}/sendMail", notice.mail.sender);
        let send = Request::post(path, notice.mail.body(&notice.to, ""));
        match self
            .send(vec![(format!("sponsor {}", notice.to), send)])
            .await
        {
            Ok(()) => self.mark(&new, Ending::done).await?,
            // It may have gone out: the mark says so, and nobody writes again.
            Err(error) if error.is_lost() => return Err(error),
            Err(error) => return self.take_back(&new, error.needing("Mail.Send")).await,
        }
        self.told.extend(new.into_iter().map(|it| it.id.clone()));
        Ok(())
    }

    async fn take_back(&mut self, marked: &[&Ending], error: Error) -> Result<(), Error> {
        let before = |it: &Ending| it.stamp.clone();
        if let Err(other) = self.mark(marked, before).await {
            tracing::warn!(error = %other, "guests stay marked as being told of");
        }
        Err(error)
    }

    /// Makes sure that nobody wrote to the stamps since they were read.
    async fn are_the_same(&self, endings: &[&Ending]) -> Result<(), Error> {
        let reads = endings.iter().map(|it| user::again(&it.id)).collect();
        let mut seen = BTreeMap::new();
        for (read, answer) in self.client.read(reads).await? {
            let Answer::Items(items) = answer else {
                continue;
            };
            for item in &items {
                let user = User::decode(item).map_err(|error| Error::shape(&read.path, &error))?;
                seen.insert(user.id.clone(), user.stamp(self.attribute));
            }
        }
        let changed = |it: &&&Ending| !matches!(seen.get(&it.id), Some(Reading::Stamp(stamp)) if *stamp == it.stamp);
        match endings.iter().find(changed) {
            Some(ending) => Err(Error::Changed(ending.guest.clone())),
            None => Ok(()),
        }
    }

    async fn mark(
        &mut self,
        endings: &[&Ending],
        stamp: fn(&Ending) -> Stamp,
    ) -> Result<(), Error> {
        let write = |it: &&Ending| {
            let request = it.write(self.attribute, &stamp(it));
            (format!("guest {}", it.guest), request)
        };
        self.send(endings.iter().map(write).collect()).await
    }

    /// Sends requests, with a line in the journal before and after each. Returns the first failure.
    async fn send(&mut self, requests: Vec<(String, Request)>) -> Result<(), Error> {
        let intents = requests.iter();
        let intents = intents.map(|(address, request)| Entry::about(address, BECAUSE, request));
        let intents: Vec<_> = intents.collect();
        self.log(&intents)?;
        let requests = requests.into_iter().map(|(_, request)| request);
        let results = self.client.write(requests.collect()).await;
        let outcomes = intents.into_iter().zip(&results);
        let outcomes = outcomes.map(|(intent, result)| intent.outcome(result));
        self.log(&outcomes.collect::<Vec<_>>())?;
        results.into_iter().try_for_each(|result| result.map(drop))
    }

    fn log(&mut self, entries: &[Entry]) -> Result<(), Error> {
        let written = self.journal.write(entries);
        let synced = written.and_then(|()| self.journal.sync());
        synced.map_err(|error| Error::Journal(error.to_string()))
    }
}
