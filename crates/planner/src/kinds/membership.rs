//! A guest's direct membership of an assigned group. Dynamic groups have none that could be
//! written: their members follow the rule.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Change, Cx, Kind, Stage};
use crate::address::Address;
use crate::request::{Bulk, Request};

/// A guest in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Membership {
    /// The group, by the name that the files give it.
    pub group: String,
    /// The guest, by key.
    pub guest: String,
}

impl Kind for Membership {
    const NAME: &'static str = "membership";

    fn address(&self) -> Address {
        Address::new(Self::NAME, format!("{} / {}", self.group, self.guest))
    }

    fn refs(&self) -> Vec<Address> {
        vec![Address::group(&self.group), Address::guest(&self.guest)]
    }

    fn guest(&self) -> Option<&str> {
        Some(&self.guest)
    }

    fn over(&self, _: &Self) -> Self {
        self.clone()
    }

    fn stage(change: &Change<&Self>) -> Stage {
        match change {
            Change::Delete { .. } => Stage::Strip,
            _ => Stage::Grant,
        }
    }

    fn permissions(_: &Change<&Self>) -> Vec<&'static str> {
        vec!["GroupMember.ReadWrite.All"]
    }

    fn writes(change: &Change<&Self>, cx: &Cx<'_>) -> Vec<Request> {
        let this = change.object();
        let ids = (
            cx.ids.get(&Address::group(&this.group)),
            cx.ids.get(&Address::guest(&this.guest)),
        );
        let (Some(group), Some(guest)) = ids else {
            return Vec::new();
        };
        let path = format!("/groups/{group}");
        match change {
            Change::Delete { .. } => vec![Request::unlink(&path, "members", guest)],
            _ => {
                let reference = format!("/directoryObjects/{guest}");
                let bulk = Bulk {
                    path: path.clone(),
                    property: "members@odata.bind",
                    reference: reference.clone(),
                };
                vec![Request {
                    bulk: Some(bulk),
                    ..Request::link(&path, "members", reference)
                }]
            }
        }
    }
}
