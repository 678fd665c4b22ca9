//! Which sponsors are to be told that guests of theirs are about to lose access, and what marks a guest as
//! told: the day of which was told stands in the stamp, because runners forget. All sponsors of a guest are
//! told in one mail: then one mark is enough.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::json;

use crate::aim::Aim;
use crate::forecast::first_loss;
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
    /// One mail to those who vouch for the same guests.
    pub notices: Vec<Notice>,
    /// Guests of whom somebody cannot be told, and why.
    pub untold: Vec<(String, String)>,
}

/// A mail to sponsors.
#[derive(Debug)]
pub struct Notice {
    /// The sponsors' addresses.
    pub to: Vec<String>,
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
    /// When access ends: the first thing is taken.
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
    /// Returns what a mark remembers once somebody was told.
    fn told(&self) -> String {
        self.at.to_string()
    }

    /// Returns what a mark remembers while a mail is on its way.
    fn telling(&self) -> String {
        format!("{SENDING}:{}", self.told())
    }

    /// Returns whether somebody was told of it.
    fn is_told(&self) -> bool {
        self.stamp.mark(Mark::Notified) == Some(self.told().as_str())
    }

    /// Returns the stamp while a mail is on its way.
    pub fn announced(&self) -> Stamp {
        self.stamp.clone().marked(Mark::Notified, &self.telling())
    }

    /// Returns the stamp once somebody was told, by the stamp as it is now; none if that does not say that
    /// a mail is on its way.
    pub fn done(&self, now: Stamp) -> Option<Stamp> {
        let is_telling = now.mark(Mark::Notified) == Some(self.telling().as_str());
        is_telling.then(|| now.marked(Mark::Notified, &self.told()))
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
    let matching = Matching::new(observed, &config.desired, &config.policy);
    let request = plan::Request::default();
    let header = Header::default();
    let (_, aim) = plan::decide(config, observed, &matching, now, &request, &header);
    let until = days_after(now, within, &config.policy.tenant.time_zone);
    let people = People::new(observed);
    let mut untold = Vec::new();
    let mut told: BTreeMap<BTreeSet<String>, Vec<Ending>> = BTreeMap::new();
    for declared in config.desired.guests.values() {
        let Match::Live(user) = matching.of(&declared.key) else {
            continue;
        };
        let ending = ending(config, declared, user).filter(|it| it.at > now && it.at <= until);
        let Some(ending) = ending.filter(|it| !it.is_told()) else {
            continue;
        };
        match unsure(&aim, &ending) {
            Some(Unsure::Stays) => {}
            Some(Unsure::Unknown(why)) => untold.push((ending.guest, why.to_owned())),
            None => {
                let (mails, whys) = people.sponsors(declared, user);
                let whys = whys.into_iter().map(|why| (ending.guest.clone(), why));
                untold.extend(whys);
                if mails.is_empty() {
                    untold.push((ending.guest, "nobody who vouches can be told".to_owned()));
                } else {
                    told.entry(mails).or_default().push(ending);
                }
            }
        }
    }
    let notice = |(to, about)| notice(config, observed, sender, to, about);
    let notices = told.into_iter().map(notice).collect();
    Notices { notices, untold }
}

/// Writes a mail.
fn notice(
    config: &Config,
    observed: &Snapshot,
    sender: &str,
    to: BTreeSet<String>,
    about: Vec<Ending>,
) -> Notice {
    let template = &config.policy.mails.expiring;
    let tenant = observed.tenant_name.as_deref();
    let tenant = tenant.unwrap_or(&config.policy.tenant.id);
    let from = template.from.as_deref().unwrap_or_default();
    let list = notice::list(&about, &config.policy.tenant.time_zone);
    Notice {
        to: to.into_iter().collect(),
        mail: Mail::expiring(template, tenant, &list, from, sender),
        about,
    }
}

/// Why nobody is told of an end.
enum Unsure {
    /// It does not come: nothing is ever taken from the guest.
    Stays,
    /// Nobody knows if it comes, or was told of.
    Unknown(&'static str),
}

fn unsure(aim: &Aim, ending: &Ending) -> Option<Unsure> {
    let key = &ending.guest;
    if ending.stamp.mark(Mark::Notified) == Some(ending.telling().as_str()) {
        let why = "a run ended while it wrote: whether the mail went out is not known";
        return Some(Unsure::Unknown(why));
    }
    if aim.cannot_tell(key) {
        let why = "directory roles could not be read: whether access ends is not known";
        return Some(Unsure::Unknown(why));
    }
    if !aim.decides(key) {
        let why = "an error stands in the way of every step on the guest: see the plan";
        return Some(Unsure::Unknown(why));
    }
    aim.kept(key).map(|_| Unsure::Stays)
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
    let at = first_loss(end, &config.policy).filter(|_| goes_on)?;
    Some(Ending {
        guest: declared.key.clone(),
        id: user.id.clone(),
        at,
        name: declared.profile.get("displayName").cloned().flatten(),
        justification: declared.justification.clone(),
        origin: declared.expires_origin.clone(),
        stamp,
    })
}

/// The tenant's own people, by every name that files may use for them.
struct People<'a> {
    named: BTreeMap<String, Vec<&'a User>>,
    observed: &'a Snapshot,
}

impl<'a> People<'a> {
    fn new(observed: &'a Snapshot) -> Self {
        let mut named: BTreeMap<String, Vec<&User>> = BTreeMap::new();
        for user in observed.users.values() {
            let names = [Some(&user.user_principal_name), user.mail.as_ref()];
            let names: BTreeSet<_> = names
                .into_iter()
                .flatten()
                .map(|it| it.to_lowercase())
                .collect();
            for name in names {
                named.entry(name).or_default().push(user);
            }
        }
        Self { named, observed }
    }

    /// Returns the addresses of a guest's sponsors who can read mail, and why the others cannot be told:
    /// of those declared, or else of those in the tenant.
    fn sponsors(&self, declared: &Declared, user: &User) -> (BTreeSet<String>, Vec<String>) {
        let found: Vec<_> = match (&declared.sponsors, &user.sponsors) {
            (Some(names), _) => names.iter().map(|name| self.declared(name)).collect(),
            (None, Some(ids)) => ids.iter().map(|id| self.known(id)).collect(),
            (None, None) => vec![Err("its sponsors could not be read".to_owned())],
        };
        let (mut mails, mut whys) = (BTreeSet::new(), Vec::new());
        for one in found {
            match one.and_then(reads_mail) {
                Ok(mail) => drop(mails.insert(mail.to_lowercase())),
                Err(why) => whys.push(why),
            }
        }
        (mails, whys)
    }

    /// Returns the one whom a file means: as for every name in files, nothing is guessed.
    fn declared(&self, name: &str) -> Result<&'a User, String> {
        if !name.contains('@') {
            return Err(format!("group {name} is not written to"));
        }
        match self.named.get(&name.to_lowercase()).map(Vec::as_slice) {
            None | Some([]) => Err(format!("{name} is not in the tenant")),
            Some([user]) => Ok(*user),
            Some(several) => Err(format!(
                "{name} means {} accounts of the tenant",
                several.len()
            )),
        }
    }

    fn known(&self, id: &str) -> Result<&'a User, String> {
        let user = self.observed.users.get(id);
        user.ok_or_else(|| format!("{id} is no user, and groups are not written to"))
    }
}

/// Returns where somebody reads mail, or why that is nowhere.
fn reads_mail(user: &User) -> Result<&str, String> {
    let name = user.label();
    match &user.mail {
        _ if user.is_guest() => Err(format!("{name} is a guest")),
        _ if user.account_enabled == Some(false) => {
            Err(format!("the account of {name} is disabled"))
        }
        None => Err(format!("{name} has no mailbox")),
        Some(mail) => Ok(mail),
    }
}
