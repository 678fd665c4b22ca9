//! Which sponsors are to be told that guests of theirs are about to lose access, and what marks a guest as
//! told: the day of which was told stands in the stamp, because runners forget.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use crate::kinds::guest::user::User;
use crate::kinds::guest::written::Declared;
use crate::load::{Config, Origin};
use crate::mail::Mail;
use crate::matching::{Match, Matching};
use crate::plan::{self, Header};
use crate::render::notice;
use crate::request::Request;
use crate::snapshot::Snapshot;
use crate::stamp::{Mark, Reading, SENDING, Stamp};
use crate::time::{Days, days_after};

/// What is to be told, and what cannot be.
#[derive(Debug, Default)]
pub struct Notices {
    /// One mail to each sponsor.
    pub notices: Vec<Notice>,
    /// Guests of whom nobody can be told, and why.
    pub untold: Vec<(String, String)>,
}

/// A mail to a sponsor.
#[derive(Debug)]
pub struct Notice {
    /// The sponsor's address.
    pub to: String,
    /// The mail.
    pub mail: Mail,
    /// Whom it is about.
    pub about: Vec<Ending>,
}

/// A guest who is about to lose access.
#[derive(Clone, Debug)]
pub struct Ending {
    /// The guest's key.
    pub guest: String,
    /// Graph's id of the account.
    pub id: String,
    /// When access ends.
    pub at: Timestamp,
    /// The name in the file.
    pub name: Option<String>,
    /// Why the guest is here.
    pub justification: Option<String>,
    /// Where the end stands.
    pub origin: Origin,
    /// The mark on the account.
    pub stamp: Stamp,
}

impl Ending {
    /// Returns the day that a mark remembers, or instant.
    fn told(&self) -> String {
        self.at.to_string()
    }

    /// Returns the stamp while a mail is on its way.
    pub fn announced(&self) -> Stamp {
        let text = format!("{SENDING}:{}", self.told());
        self.stamp.clone().marked(Mark::Notified, &text)
    }

    /// Returns the stamp once somebody was told.
    pub fn done(&self) -> Stamp {
        self.stamp.clone().marked(Mark::Notified, &self.told())
    }

    /// Returns the request that writes a stamp.
    pub fn write(&self, attribute: &str, stamp: &Stamp) -> Request {
        let body = json!({ "onPremisesExtensionAttributes": { attribute: stamp.to_string() } });
        Request::patch(format!("/users/{}", self.id), body)
    }
}

/// Finds who is to be told of what ends within some days. `sender` is the account of the mailbox that
/// `mails.expiring.from` names. Whoever was told of the same day is not told again.
pub fn notices(
    config: &Config,
    observed: &Snapshot,
    sender: &str,
    now: Timestamp,
    within: Days,
) -> Notices {
    let template = &config.policy.mails.expiring;
    let tenant = observed.tenant_name.as_deref();
    let tenant = tenant.unwrap_or(&config.policy.tenant.id);
    let matching = Matching::new(observed, &config.desired, &config.policy);
    let request = plan::Request::default();
    let header = Header::default();
    let (_, aim) = plan::decide(config, observed, &matching, now, &request, &header);
    let until = days_after(now, within, &config.policy.tenant.time_zone);
    let people = People::new(observed);
    let mut found = Notices::default();
    let mut told: BTreeMap<String, Vec<Ending>> = BTreeMap::new();
    for declared in config.desired.guests.values() {
        let Match::Live(user) = matching.of(&declared.key) else {
            continue;
        };
        if aim.kept(&declared.key).is_some() {
            // Nothing is ever taken from them.
            continue;
        }
        let Some(ending) =
            ending(config, declared, user).filter(|it| it.at > now && it.at <= until)
        else {
            continue;
        };
        match ending.stamp.mark(Mark::Notified) {
            Some(mark) if mark == ending.told() => continue,
            Some(mark) if mark == format!("{SENDING}:{}", ending.told()) => {
                let why = "a run ended while it wrote: whether the mail went out is not known";
                found.untold.push((ending.guest, why.to_owned()));
                continue;
            }
            _ => {}
        }
        let mails = people.sponsors(declared, user);
        if mails.is_empty() {
            let why = "no sponsor has a mailbox in this tenant";
            found.untold.push((ending.guest.clone(), why.to_owned()));
        }
        for mail in mails {
            told.entry(mail.to_lowercase())
                .or_default()
                .push(ending.clone());
        }
    }
    let from = template.from.as_deref().unwrap_or_default();
    let notice = |(to, about): (String, Vec<Ending>)| {
        let list = notice::list(&about, &config.policy.tenant.time_zone);
        let mail = Mail::expiring(template, tenant, &list, from, sender);
        Notice { to, mail, about }
    };
    found.notices = told.into_iter().map(notice).collect();
    found
}

/// Returns when a guest of ours loses access, if that is to be and has not begun.
fn ending(config: &Config, declared: &Declared, user: &User) -> Option<Ending> {
    let tenant = &config.policy.tenant;
    let end = declared.expires?.end(&tenant.time_zone);
    let stamp = match user.stamp(tenant.stamp.as_str()) {
        Reading::Stamp(stamp) if stamp.owner == tenant.owner() => stamp,
        _ => return None,
    };
    let goes_on = stamp.mark(Mark::Offboarding).is_none() && user.account_enabled != Some(false);
    goes_on.then(|| Ending {
        guest: declared.key.clone(),
        id: user.id.clone(),
        at: end,
        name: declared.profile.get("displayName").cloned().flatten(),
        justification: declared.justification.clone(),
        origin: declared.expires_origin.clone(),
        stamp,
    })
}

/// The tenant's own people, by every name that files may use for them.
struct People<'a> {
    named: BTreeMap<String, &'a User>,
    observed: &'a Snapshot,
}

impl<'a> People<'a> {
    fn new(observed: &'a Snapshot) -> Self {
        let own = observed.users.values().filter(|user| !user.is_guest());
        let named = own.flat_map(|user| {
            let names = [Some(&user.user_principal_name), user.mail.as_ref()];
            let names = names.into_iter().flatten();
            names.map(move |name| (name.to_lowercase(), user))
        });
        Self {
            named: named.collect(),
            observed,
        }
    }

    /// Returns the addresses of a guest's sponsors who can read mail: those declared, or else those
    /// in the tenant.
    fn sponsors(&self, declared: &Declared, user: &User) -> Vec<&'a str> {
        let sponsors: Vec<&User> = match &declared.sponsors {
            Some(names) => {
                let users = names
                    .iter()
                    .filter_map(|name| self.named.get(&name.to_lowercase()));
                users.copied().collect()
            }
            None => {
                let ids = user.sponsors.iter().flatten();
                ids.filter_map(|id| self.observed.users.get(id)).collect()
            }
        };
        let reads = |user: &&User| !user.is_guest() && user.account_enabled != Some(false);
        let mails = sponsors
            .into_iter()
            .filter(reads)
            .filter_map(|user| user.mail.as_deref());
        let mut mails: Vec<_> = mails.collect();
        mails.sort_unstable();
        mails.dedup();
        mails
    }
}
