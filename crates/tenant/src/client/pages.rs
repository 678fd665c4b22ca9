//! One read and the pages of its answer. What was not answered in full is an error here, and is
//! never taken for "there is none".

use std::collections::{BTreeMap, BTreeSet};

use guestlist_planner::request::{Answer, Read};
use guestlist_planner::snapshot::Topic;
use reqwest::{Method, Url};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{Error, clean};
use crate::throttle::Safety;

use super::answer::{Answered, Body, name};
use super::{Call, Client};

/// How many pages in a row may bring nothing new: an empty page is no end, a hundred are no list.
const EMPTY_PAGES: usize = 100;
/// After how many pages a list is long: smaller ones are read sooner than split.
const SAMPLE: usize = 2;
/// How many pages a list may have: twenty million objects.
const PAGES: usize = 20_000;

/// How many items are decoded at a time: trees take ten times the room of the text.
const DECODED: usize = 64;

/// An object of a list, as the text it came as.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: Option<String>,
    text: Box<str>,
}

impl Item {
    pub(super) fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

/// One page of a list.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    value: Vec<&'a RawValue>,
    #[serde(rename = "@odata.nextLink", default)]
    next: Value,
}

/// One read on its way through its pages.
pub(crate) struct Pages {
    pub(super) index: usize,
    pub(super) read: Read,
    pub(super) next: Option<Call>,
    asked: BTreeSet<String>,
    /// How many pages in a row brought nothing new.
    empty: usize,
    items: Vec<Item>,
    /// Where each id stands among the items.
    places: BTreeMap<String, usize>,
    /// The answer, if it is not the items.
    instead: Option<Answer>,
}

impl Pages {
    /// Returns a read of which nothing was asked yet.
    pub(super) fn new(client: &Client, index: usize, read: Read) -> Result<Self, Error> {
        let call = client.call(Method::GET, &read.path, None, Safety::Read)?;
        let asked = BTreeSet::from([call.url.to_string()]);
        Ok(Self {
            index,
            read,
            next: Some(call),
            asked,
            empty: 0,
            items: Vec::new(),
            places: BTreeMap::new(),
            instead: None,
        })
    }

    /// Returns what came so far, if the list is all guests and long enough to be read in parts.
    pub(super) fn sample(&self) -> Option<&[Item]> {
        let long = self.read.about == Some(Topic::Users)
            && self.next.is_some()
            && self.asked.len() == SAMPLE + 1;
        long.then_some(&self.items)
    }

    /// Returns whether the answer may lead to further questions.
    pub(crate) fn leads_on(&self) -> bool {
        self.read.about.as_ref().is_some_and(Topic::leads_on)
    }

    /// Ends the read with all its items.
    pub(super) fn complete(&mut self, items: Vec<Item>) {
        self.next = None;
        self.places.clear();
        self.items = items;
    }

    pub(super) fn into_items(self) -> Vec<Item> {
        self.items
    }

    /// Returns the read and its answer.
    pub(super) fn answer(self) -> (Read, Answer) {
        let items = || self.items.iter().map(Item::value).collect();
        let answer = self.instead.unwrap_or_else(|| Answer::Items(items()));
        (self.read, answer)
    }

    /// Hands the read and its answer to `take`, a long list some items at a time.
    pub(crate) fn hand_over<E>(
        self,
        mut take: impl FnMut(&Read, Answer) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.items.len() <= DECODED {
            let (read, answer) = self.answer();
            return take(&read, answer);
        }
        let mut items = self.items.into_iter().peekable();
        while items.peek().is_some() {
            let some = items.by_ref().take(DECODED).map(|item| item.value());
            take(&self.read, Answer::Items(some.collect()))?;
        }
        Ok(())
    }

    /// Takes in the answer to `call`, and notes what to ask next.
    pub(super) fn absorb(
        &mut self,
        client: &Client,
        call: &Call,
        answer: Result<Answered, Error>,
    ) -> Result<(), Error> {
        self.next = None;
        let mut answer = match answer {
            Ok(answer) => answer,
            // Only the first page tells whether there is such a thing.
            Err(error)
                if self.read.may_be_missing && error.is_missing() && self.asked.len() == 1 =>
            {
                self.instead = Some(Answer::Missing);
                return Ok(());
            }
            Err(error)
                if self.read.optional
                    && self.asked.len() == 1
                    && (error.is_denied() || error.is_unserved()) =>
            {
                tracing::info!(call = call.name, %error, "not to be had, and done without");
                self.instead = Some(Answer::Denied);
                return Ok(());
            }
            Err(error) => return Err(error.needing(self.read.permission)),
        };
        let body = std::mem::replace(&mut answer.body, Body::Empty);
        let object = match &body {
            Body::Json(body) => std::str::from_utf8(body).ok().map(str::trim),
            _ => None,
        };
        let Some(object) = object.filter(|object| object.starts_with('{')) else {
            return Err(answer.unreadable(call, "the body is no JSON object"));
        };
        if !self.read.list {
            return self.add(call, &answer, object);
        }
        let Ok(page) = serde_json::from_str::<Page<'_>>(object) else {
            return Err(answer.unreadable(call, "the list has no `value`"));
        };
        let before = self.items.len();
        for item in page.value {
            self.add(call, &answer, item.get())?;
        }
        self.empty = if self.items.len() > before {
            0
        } else {
            self.empty + 1
        };
        match page.next {
            Value::Null => Ok(()),
            Value::String(link) => self.turn(client, call, &link),
            _ => Err(answer.unreadable(call, "`@odata.nextLink` is no text")),
        }
    }

    /// Notes the next page.
    fn turn(&mut self, client: &Client, call: &Call, link: &str) -> Result<(), Error> {
        let url = next(client, call, link)?;
        let endless = self.empty >= EMPTY_PAGES || self.asked.len() >= PAGES;
        if endless || !self.asked.insert(url.to_string()) {
            return Err(Error::Loop {
                call: name(&Method::GET, &self.read.path),
            });
        }
        // Headers count for the pages that follow, too; the name stays that of the read.
        self.next = Some(Call {
            url,
            ..call.clone()
        });
        Ok(())
    }

    /// Adds an item. Pages shift while they are read, so one may come twice: the later is newer.
    fn add(&mut self, call: &Call, answer: &Answered, item: &str) -> Result<(), Error> {
        // An expanded property that goes on elsewhere is not all there is.
        if let Some(key) = cut(item) {
            return Err(answer.unreadable(call, &format!("`{}` goes on elsewhere", clean(&key))));
        }
        let id = id(item);
        let item = Item {
            id: id.clone(),
            text: item.into(),
        };
        match id.as_ref().and_then(|id| self.places.get(id)) {
            Some(&place) => self.items[place] = item,
            None => {
                if let Some(id) = id {
                    self.places.insert(id, self.items.len());
                }
                self.items.push(item);
            }
        }
        Ok(())
    }
}

fn id(item: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct WithId {
        id: String,
    }
    serde_json::from_str::<WithId>(item)
        .ok()
        .map(|item| item.id)
}

/// Returns the key that says that a property of an item goes on elsewhere, if there is one.
fn cut(item: &str) -> Option<String> {
    if !item.contains(NEXT) {
        return None;
    }
    let item: BTreeMap<String, IgnoredAny> = serde_json::from_str(item).ok()?;
    item.into_keys().find(|key| key.ends_with(NEXT))
}

const NEXT: &str = "@odata.nextLink";

/// Returns the URL of a next link, which must lie below the same version root.
fn next(client: &Client, call: &Call, link: &str) -> Result<Url, Error> {
    let foreign = |origin| Error::ForeignLink {
        call: call.name.clone(),
        origin,
    };
    // Always absolute in Graph; OData allows a relative one.
    let url = call
        .url
        .join(link)
        .map_err(|_| foreign("nowhere".to_owned()))?;
    if client.is_ours(&url) && client.version(&url) == client.version(&call.url) {
        return Ok(url);
    }
    Err(foreign(url.origin().ascii_serialization()))
}
