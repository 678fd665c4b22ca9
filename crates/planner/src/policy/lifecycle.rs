//! `lifecycle:` what happens to a guest, on which day.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use crate::time::Days;

/// `lifecycle:` what happens to a guest, on which day.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    default,
    expecting = "a mapping"
)]
pub struct Lifecycle {
    /// When to say that a guest's end is near.
    pub expiring: Warn,
    /// After `expires`.
    #[serde(deserialize_with = "expired_ladder")]
    pub expired: Ladder,
    /// After a stamped guest has left the files.
    #[serde(deserialize_with = "undeclared_ladder")]
    pub undeclared: Ladder,
    /// While an invitation is not redeemed.
    #[serde(deserialize_with = "pending")]
    pub pending: Pending,
    /// Without a sign-in.
    pub inactive: Option<Inactive>,
    /// No sponsor left in the tenant, or all of them disabled.
    pub orphaned: Orphaned,
    /// A declared guest who left, or was deleted by someone else.
    pub left: Left,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            expiring: Warn { warn: Days(14) },
            expired: Ladder {
                disable: Some(Days(0)),
                strip: Some(Days(0)),
                delete: Some(Days(30)),
            },
            undeclared: Ladder {
                disable: Some(Days(0)),
                strip: Some(Days(7)),
                delete: Some(Days(30)),
            },
            pending: Pending::default(),
            inactive: None,
            orphaned: Orphaned::Report,
            left: Left::Report,
        }
    }
}

/// A warning ahead of time.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
pub struct Warn {
    /// How many days ahead.
    pub warn: Days,
}

/// The rungs by which a guest's access ends. A rung that is not written is not climbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
pub struct Ladder {
    /// Block sign-in and revoke sessions.
    pub disable: Option<Days>,
    /// Take memberships away.
    pub strip: Option<Days>,
    /// Delete the account.
    pub delete: Option<Days>,
}

fn expired_ladder<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ladder, D::Error> {
    let ladder = Ladder::deserialize(deserializer)?;
    if ladder.delete.is_some() && ladder.disable.is_none() {
        return Err(de::Error::custom(
            "`delete` without `disable`\nhint: nobody is deleted who was not disabled first: add `disable: 0d`",
        ));
    }
    let rungs = [ladder.disable, ladder.strip, ladder.delete]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>();
    if !rungs.is_sorted() {
        return Err(de::Error::custom(
            "the rungs are out of order\nhint: disable comes first, then strip, then delete",
        ));
    }
    if ladder.delete == Some(Days(0)) {
        return Err(de::Error::custom(
            "`delete: 0d` leaves no grace\nhint: nobody is disabled and deleted in one run: write at least 1d",
        ));
    }
    Ok(ladder)
}

fn undeclared_ladder<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ladder, D::Error> {
    let ladder = expired_ladder(deserializer)?;
    let rungs = ladder.strip.is_some() || ladder.delete.is_some();
    if ladder.disable.is_some_and(|days| days > Days(0)) || (rungs && ladder.disable.is_none()) {
        return Err(de::Error::custom(
            "`disable` must be 0d here\nhint: nothing records when a guest left the files before it is disabled; the grace counts from then",
        ));
    }
    Ok(ladder)
}

fn pending<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pending, D::Error> {
    let pending = Pending::deserialize(deserializer)?;
    if pending
        .delete
        .is_some_and(|days| days <= pending.remind.unwrap_or(Days(0)))
    {
        return Err(de::Error::custom(
            "`delete` must come after `remind`, and not on the first day",
        ));
    }
    Ok(pending)
}

/// `lifecycle.pending:` while an invitation is not redeemed.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
pub struct Pending {
    /// Send the invitation once more.
    pub remind: Option<Days>,
    /// Delete the account.
    pub delete: Option<Days>,
}

/// `lifecycle.inactive:` without a sign-in. Read and checked; acting on it is not supported yet.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
pub struct Inactive {
    /// Say so.
    pub warn: Option<Days>,
    /// Block sign-in.
    pub disable: Option<Days>,
    /// Delete the account.
    pub delete: Option<Days>,
}

/// `lifecycle.orphaned:` nobody vouches for the guest any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Orphaned {
    /// Say so.
    #[default]
    Report,
    /// Block sign-in.
    Disable,
}

/// `lifecycle.left:` the guest left, or someone else deleted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Left {
    /// Say so, and leave it at that.
    #[default]
    Report,
    /// Restore the account.
    Rejoin,
}
