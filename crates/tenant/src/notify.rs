//! Sends notices to sponsors: marks the guests before, so that nobody is told twice of one day, takes the
//! mark back where the mail is refused, and says after it that it went out.

use std::collections::BTreeMap;

use guestlist_planner::kinds::guest::user::{self, User};
use guestlist_planner::notice::{Ending, Notice};
use guestlist_planner::request::{Answer, Request};
use guestlist_planner::stamp::{Reading, Stamp};

use crate::apply::{Entry, Journal};
use crate::client::Client;
use crate::error::Error;

/// Why a line of the journal is there.
const BECAUSE: &str = "access is about to end";

/// Sends notices one after the other; `progress` hears of each, whether it went out or why not. What is
/// wrong with one does not keep back the others; anything else ends the run. Somebody who asks to stop is
/// heard between two notices, so that none is left half told.
pub async fn notify(
    client: &Client,
    notices: &[Notice],
    attribute: &str,
    journal: &mut dyn Journal,
    progress: &mut dyn FnMut(&Notice, Result<(), &Error>),
) -> Result<(), Error> {
    let mut run = Run {
        client: client.unstoppable(),
        attribute,
        journal,
    };
    for notice in notices {
        if client.stop().is_asked() {
            let call = format!("mail to {}", notice.to.join(", "));
            return Err(Error::Stopped { call });
        }
        match run.tell(notice).await {
            Ok(()) => {
                progress(notice, Ok(()));
                run.done(notice).await?;
            }
            Err(error) if error.is_about_one_mail() => progress(notice, Err(&error)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

struct Run<'a> {
    client: Client,
    attribute: &'a str,
    journal: &'a mut dyn Journal,
}

impl Run<'_> {
    /// Marks the guests as being told of, and sends the mail.
    async fn tell(&mut self, notice: &Notice) -> Result<(), Error> {
        let seen = self.stamps(notice).await?;
        let is_same = |it: &&Ending| matches!(seen.get(&it.id), Some(Reading::Stamp(now)) if *now == it.stamp);
        if let Some(ending) = notice.about.iter().find(|it| !is_same(it)) {
            return Err(Error::Changed(ending.guest.clone()));
        }
        let announced = notice.about.iter().map(|it| (it, it.announced()));
        if let Err(error) = self.mark(announced).await {
            return self.take_back(notice, error).await;
        }
        let recipients: Vec<_> = notice.to.iter().map(String::as_str).collect();
        let path = format!("/users/{}/sendMail", notice.mail.sender);
        let send = Request::post(path, notice.mail.to(&recipients));
        let about = format!("sponsor {}", notice.to.join(", "));
        match self.send(vec![(about, send)]).await {
            // It may have gone out: the mark says so, and nobody writes again.
            Err(error) if error.is_lost() => Err(error),
            Err(error) => self.take_back(notice, error.needing("Mail.Send")).await,
            sent => sent,
        }
    }

    async fn take_back(&mut self, notice: &Notice, error: Error) -> Result<(), Error> {
        let before = notice.about.iter().map(|it| (it, it.stamp.clone()));
        if let Err(other) = self.mark(before).await {
            tracing::warn!(error = %other, "guests stay marked as being told of");
        }
        Err(error)
    }

    /// Says of the guests who are marked as being told of that they were. Whatever else was marked while
    /// the mail was on its way stays.
    async fn done(&mut self, notice: &Notice) -> Result<(), Error> {
        let mut seen = self.stamps(notice).await?;
        let told = notice
            .about
            .iter()
            .filter_map(|it| match seen.remove(&it.id) {
                Some(Reading::Stamp(now)) => Some((it, it.done(now)?)),
                _ => None,
            });
        let told: Vec<_> = told.collect();
        self.mark(told.into_iter()).await
    }

    /// Reads the stamps as they are now.
    async fn stamps(&self, notice: &Notice) -> Result<BTreeMap<String, Reading>, Error> {
        let reads = notice.about.iter().map(|it| user::again(&it.id)).collect();
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
        Ok(seen)
    }

    async fn mark<'e>(
        &mut self,
        stamps: impl Iterator<Item = (&'e Ending, Stamp)>,
    ) -> Result<(), Error> {
        let write = |(it, stamp): (&Ending, Stamp)| {
            let request = it.write(self.attribute, &stamp);
            (format!("guest {}", it.guest), request)
        };
        let requests: Vec<_> = stamps.map(write).collect();
        match requests.is_empty() {
            true => Ok(()),
            false => self.send(requests).await,
        }
    }

    /// Sends requests, with a line in the journal before and after each. Returns the first failure.
    async fn send(&mut self, requests: Vec<(String, Request)>) -> Result<(), Error> {
        let entry =
            |(address, request): &(String, Request)| Entry::about(address, BECAUSE, request);
        self.log(&requests.iter().map(entry).collect::<Vec<_>>())?;
        let bodies = requests.iter().map(|(_, request)| request.clone());
        let results = self.client.write(bodies.collect()).await;
        let outcomes = requests.iter().zip(&results);
        let outcomes = outcomes.map(|(sent, result)| entry(sent).outcome(result));
        self.log(&outcomes.collect::<Vec<_>>())?;
        results.into_iter().try_for_each(|result| result.map(drop))
    }

    fn log(&mut self, entries: &[Entry]) -> Result<(), Error> {
        let written = self.journal.write(entries);
        let synced = written.and_then(|()| self.journal.sync());
        synced.map_err(|error| Error::Journal(error.to_string()))
    }
}
