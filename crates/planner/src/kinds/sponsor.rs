//! Who vouches for a guest: a user or a group of this tenant. A sponsor gains no rights by it.
//! Source: "B2B sponsors", Entra External ID; at most 5 for a guest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Change, Cx, Kind, Stage};
use crate::address::Address;
use crate::request::Request;

/// The most sponsors a guest can have. Source: "B2B sponsors", Entra External ID.
pub const MAX: usize = 5;

/// A sponsor of a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sponsor {
    /// The guest, by key.
    pub guest: String,
    /// The sponsor: an address, a user principal name, or a group's name.
    pub sponsor: String,
}

impl Kind for Sponsor {
    const NAME: &'static str = "sponsor";

    fn address(&self) -> Address {
        Address::new(
            Self::NAME,
            format!("{} / {}", self.guest, self.sponsor.to_lowercase()),
        )
    }

    fn refs(&self) -> Vec<Address> {
        vec![
            Address::guest(&self.guest),
            Address::principal(&self.sponsor),
        ]
    }

    fn guest(&self) -> Option<&str> {
        Some(&self.guest)
    }

    fn over(&self, observed: &Self) -> Self {
        observed.clone()
    }

    fn stage(change: &Change<&Self>) -> Stage {
        match change {
            // A guest has at most five: the old ones make room for the new.
            Change::Delete { .. } => Stage::Strip,
            _ => Stage::Grant,
        }
    }

    fn permissions(_: &Change<&Self>) -> Vec<&'static str> {
        vec!["User.ReadWrite.All"]
    }

    fn writes(change: &Change<&Self>, cx: &Cx<'_>) -> Vec<Request> {
        let this = change.object();
        let ids = (
            cx.ids.get(&Address::guest(&this.guest)),
            cx.ids.get(&Address::principal(&this.sponsor)),
        );
        let (Some(guest), Some(sponsor)) = ids else {
            return Vec::new();
        };
        let path = format!("/users/{guest}");
        match change {
            Change::Delete { .. } => vec![Request::unlink(&path, "sponsors", sponsor)],
            _ => {
                let set = if this.sponsor.contains('@') {
                    "users"
                } else {
                    "groups"
                };
                vec![Request::link(
                    &path,
                    "sponsors",
                    format!("/{set}/{sponsor}"),
                )]
            }
        }
    }
}
