//! A kind of object is one file: what people write, which requests read it, which requests
//! change it. `kinds!` is the only list of them. Nothing here sends anything.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::address::{Address, Ids, ObjectId};
use crate::request::{Read, Request};

pub mod assignment;
pub mod group;
pub mod guest;
pub mod membership;
pub mod sponsor;
pub mod tenant_policy;

/// What a kind of object must say of itself.
pub trait Kind: Clone + Eq + std::fmt::Debug + Serialize + DeserializeOwned {
    /// The word in addresses: `guest`.
    const NAME: &'static str;

    /// Returns what this object is called.
    fn address(&self) -> Address;

    /// Returns the objects it refers to, whose ids must be known before it can be written.
    fn refs(&self) -> Vec<Address>;

    /// Returns the guest whose access this is, by key: itself, or the guest who holds an edge.
    fn guest(&self) -> Option<&str>;

    /// Returns the object as it should be, given what is there: what is not managed stays.
    fn over(&self, observed: &Self) -> Self;

    /// Returns the place of a change in a plan.
    fn stage(change: &Change<&Self>) -> Stage;

    /// Returns the least application permissions that a change needs.
    fn permissions(change: &Change<&Self>) -> Vec<&'static str>;

    /// Returns the requests that bring a change about, in order. Called again after each reply,
    /// because a reply may make an id known that a later request needs.
    fn writes(change: &Change<&Self>, cx: &Cx<'_>) -> Vec<Request>;

    /// Returns the reads that find the object when the answer to its creation was lost. None for
    /// an edge: adding it once more tells whether it is there.
    fn lookups(&self) -> Vec<Read> {
        Vec::new()
    }

    /// Returns the id of an item of those answers if it is this object.
    fn found(&self, _item: &Value) -> Option<ObjectId> {
        None
    }
}

/// What a kind may look at when it writes.
#[derive(Clone, Copy, Debug)]
pub struct Cx<'a> {
    /// Every id known so far.
    pub ids: &'a Ids,
    /// The instant to write into stamps.
    pub now: Timestamp,
    /// The attribute that carries the stamp.
    pub stamp: &'a str,
    /// Where guests redeem their invitations, as far as this run was told. Secrets.
    pub links: &'a Links,
}

/// Redeem links, by guest.
pub type Links = BTreeMap<Address, String>;

/// What is to happen to an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verb", rename_all = "camelCase")]
pub enum Change<T> {
    /// It is not there and should be.
    Create {
        /// As it should be.
        after: T,
    },
    /// It is there and differs.
    Update {
        /// As it is.
        before: T,
        /// As it should be.
        after: T,
    },
    /// It is there and should not be.
    Delete {
        /// As it is.
        before: T,
    },
    /// Something should happen to it that is no difference of properties.
    Act {
        /// What.
        action: Action,
        /// As it is.
        before: T,
        /// As it will be.
        after: T,
    },
}

/// What can happen to an object besides being created, changed and deleted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// End every session in this tenant.
    RevokeSessions,
    /// Bring a deleted account back.
    Restore,
    /// Hand the account to another address.
    Repoint,
    /// Ask the guest to consent again.
    ResetRedemption,
    /// Send the invitation once more.
    Remind,
    /// Send the welcome that is owed.
    Welcome,
}

/// When a change is made: narrow first, then widen.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Change policies of the tenant that groups live by.
    Govern,
    /// Make and mend what holds access.
    Hold,
    /// Put guards up: before anybody gets access.
    Protect,
    /// Stop sign-in.
    Block,
    /// Take access away.
    Strip,
    /// Delete accounts.
    Delete,
    /// Bring people in and keep them current.
    Admit,
    /// Give access, and say who vouches.
    Grant,
    /// Take guards down, or lower them.
    Relax,
}

impl<T> Change<T> {
    /// Returns the change of references to the objects.
    pub fn as_ref(&self) -> Change<&T> {
        match self {
            Self::Create { after } => Change::Create { after },
            Self::Update { before, after } => Change::Update { before, after },
            Self::Delete { before } => Change::Delete { before },
            Self::Act {
                action,
                before,
                after,
            } => Change::Act {
                action: *action,
                before,
                after,
            },
        }
    }

    /// Returns the object as it will be, or as it was before it goes.
    pub fn object(&self) -> &T {
        match self {
            Self::Create { after } | Self::Update { after, .. } | Self::Act { after, .. } => after,
            Self::Delete { before } => before,
        }
    }

    /// Returns the object as it is now, unless it is to be created.
    pub fn before(&self) -> Option<&T> {
        match self {
            Self::Create { .. } => None,
            Self::Update { before, .. } | Self::Delete { before } | Self::Act { before, .. } => {
                Some(before)
            }
        }
    }

    fn map<U>(self, f: impl Fn(T) -> Option<U>) -> Option<Change<U>> {
        Some(match self {
            Self::Create { after } => Change::Create { after: f(after)? },
            Self::Update { before, after } => Change::Update {
                before: f(before)?,
                after: f(after)?,
            },
            Self::Delete { before } => Change::Delete { before: f(before)? },
            Self::Act {
                action,
                before,
                after,
            } => Change::Act {
                action,
                before: f(before)?,
                after: f(after)?,
            },
        })
    }
}

/// Writes the enum over all kinds and hands every call on to the kind it concerns. Most objects are
/// edges: what is larger than they are is held in a box.
macro_rules! kinds {
    ($($variant:ident($held:ty) = $type:ty;)*) => {
        /// An object of any kind.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "kind", rename_all = "camelCase")]
        pub enum Object {
            $(#[doc = concat!("See [`", stringify!($type), "`].")] $variant($held),)*
        }

        impl Object {
            /// Returns what this object is called.
            pub fn address(&self) -> Address {
                match self { $(Self::$variant(object) => object.address(),)* }
            }

            /// Returns the objects it refers to.
            pub fn refs(&self) -> Vec<Address> {
                match self { $(Self::$variant(object) => object.refs(),)* }
            }

            /// Returns the key of the guest whose access this is.
            pub fn guest(&self) -> Option<&str> {
                match self { $(Self::$variant(object) => object.guest(),)* }
            }

            /// Returns the reads that find the object when the answer to its creation was lost.
            pub fn lookups(&self) -> Vec<Read> {
                match self { $(Self::$variant(object) => object.lookups(),)* }
            }

            /// Returns the id of an item of those answers if it is this object.
            pub fn found(&self, item: &Value) -> Option<ObjectId> {
                match self { $(Self::$variant(object) => object.found(item),)* }
            }

            /// Returns the object as it should be, given what is there; as it is if what is there
            /// is of another kind.
            #[must_use]
            pub fn over(&self, observed: &Self) -> Self {
                match (self, observed) {
                    $((Self::$variant(object), Self::$variant(observed)) => Self::$variant(object.over(observed).into()),)*
                    _ => self.clone(),
                }
            }
        }

        impl Change<Object> {
            /// Returns the place of the change in a plan.
            pub fn stage(&self) -> Stage {
                $(if let Some(change) = self.as_ref().map(|o| match o { Object::$variant(o) => Some::<&$type>(o), _ => None }) {
                    return <$type>::stage(&change);
                })*
                Stage::Hold
            }

            /// Returns the least application permissions that the change needs.
            pub fn permissions(&self) -> Vec<&'static str> {
                $(if let Some(change) = self.as_ref().map(|o| match o { Object::$variant(o) => Some::<&$type>(o), _ => None }) {
                    return <$type>::permissions(&change);
                })*
                Vec::new()
            }

            /// Returns the requests that bring the change about, in order.
            pub fn writes(&self, cx: &Cx<'_>) -> Vec<Request> {
                $(if let Some(change) = self.as_ref().map(|o| match o { Object::$variant(o) => Some::<&$type>(o), _ => None }) {
                    return <$type>::writes(&change, cx);
                })*
                Vec::new()
            }
        }
    };
}

kinds! {
    TenantPolicy(Box<tenant_policy::TenantPolicy>) = tenant_policy::TenantPolicy;
    Group(Box<group::Group>) = group::Group;
    Guest(Box<guest::Guest>) = guest::Guest;
    Sponsor(sponsor::Sponsor) = sponsor::Sponsor;
    Membership(membership::Membership) = membership::Membership;
    Assignment(assignment::Assignment) = assignment::Assignment;
}

/// A property that a change touches, from what to what. `None` is nothing or not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Graph's name of the property.
    pub name: String,
    /// Before.
    pub from: Option<Value>,
    /// After.
    pub to: Option<Value>,
}

impl Change<Object> {
    /// Returns the properties that the change touches. Computed once, generically, and only shown.
    pub fn fields(&self) -> Vec<Field> {
        let (before, after) = match self {
            Self::Create { after } => (BTreeMap::new(), properties(after)),
            Self::Update { before, after } | Self::Act { before, after, .. } => {
                (properties(before), properties(after))
            }
            Self::Delete { .. } => return Vec::new(),
        };
        let names = before
            .keys()
            .chain(after.keys())
            .collect::<std::collections::BTreeSet<_>>();
        let value = |map: &BTreeMap<String, Value>, name: &str| {
            map.get(name).filter(|value| !value.is_null()).cloned()
        };
        names
            .into_iter()
            .map(|name| Field {
                name: name.clone(),
                from: value(&before, name),
                to: value(&after, name),
            })
            // What something is shows in what it says.
            .filter(|field| field.from != field.to && !field.name.ends_with("@odata.type"))
            .collect()
    }
}

fn properties(object: &Object) -> BTreeMap<String, Value> {
    match serde_json::to_value(object) {
        Ok(Value::Object(map)) => map.into_iter().filter(|(name, _)| name != "kind").collect(),
        _ => BTreeMap::new(),
    }
}
