//! What happens to a guest later if nobody does anything: as decided, and not as the files alone say.

use jiff::Timestamp;

use super::Aim;
use super::guard::Kept;
use crate::forecast::{Coming, forecast};
use crate::load::{Config, Origin};
use crate::offboard::Rung;

/// One thing that will happen to a guest.
#[derive(Clone, Debug)]
pub(super) struct Next {
    pub(super) at: Timestamp,
    pub(super) what: What,
    /// Where it comes from; none where the forecast by the files says the same and more.
    pub(super) origin: Option<Origin>,
}

/// What will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A rung of a ladder.
    Rung(Rung),
    /// The invitation is sent once more.
    Reminder,
    /// The account goes because nobody redeemed the invitation.
    GivenUp,
}

impl What {
    /// Returns it as a participle.
    fn done(self) -> &'static str {
        match self {
            Self::Rung(rung) => rung.done(),
            Self::Reminder => "reminded if not redeemed",
            Self::GivenUp => "deleted if not redeemed",
        }
    }

    /// Returns it as a clause about the guest.
    fn clause(self) -> &'static str {
        match self {
            Self::Rung(Rung::Disable) => "is disabled",
            Self::Rung(Rung::Strip) => "loses what is managed",
            Self::Rung(Rung::Delete) => "is deleted",
            Self::Reminder => "is reminded of the invitation, if it waits still",
            Self::GivenUp => "is deleted, if the invitation waits still",
        }
    }
}

impl Aim {
    /// Records what will happen to a guest.
    pub(super) fn foresee(&mut self, key: &str, next: Next) {
        if let Some(fate) = self.fates.get_mut(key) {
            fate.ahead.push(next);
        }
    }

    /// Returns what happens to a guest first if nobody does anything, and when.
    pub(crate) fn next(&self, key: &str) -> Option<(Timestamp, &'static str)> {
        let ahead = self.fates.get(key)?.ahead.iter();
        ahead.map(|next| (next.at, next.what.done())).min()
    }

    /// Returns when a guest's access is taken away, if that lies ahead.
    pub(crate) fn stripped(&self, key: &str) -> Option<Timestamp> {
        let mut ahead = self.fates.get(key)?.ahead.iter();
        let strip = ahead.find(|next| next.what == What::Rung(Rung::Strip));
        strip.map(|next| next.at)
    }

    /// Returns why nothing is ever taken from a guest, if so.
    pub(crate) fn kept(&self, key: &str) -> Option<String> {
        Some(self.fates.get(key)?.kept.as_ref()?.text())
    }

    /// Returns whether it cannot be told if something may be taken from a guest.
    pub(crate) fn cannot_tell(&self, key: &str) -> bool {
        let kept = self.fates.get(key).and_then(|fate| fate.kept.as_ref());
        kept == Some(&Kept::Unknown)
    }

    /// Returns all that will happen to a guest if nobody does anything, the first thing first: nothing
    /// where nothing is decided, and nothing that the files say of one from whom nothing is taken.
    pub(crate) fn coming(&self, config: &Config, key: &str, now: Timestamp) -> Vec<Coming> {
        let Some(fate) = self.fates.get(key) else {
            return Vec::new();
        };
        let declared = config.desired.guests.get(key);
        let written = declared.filter(|_| fate.kept.is_none());
        let mut coming =
            written.map_or_else(Vec::new, |declared| forecast(declared, &config.policy, now));
        let decided = fate.ahead.iter().filter_map(|next| {
            Some(Coming {
                at: next.at,
                guest: key.to_owned(),
                text: next.what.clause().to_owned(),
                ends: next.what == What::Rung(Rung::Disable),
                origin: next.origin.clone()?,
            })
        });
        coming.extend(decided);
        let deletion = fate.ahead.iter();
        let deletion = deletion.filter(|next| next.what == What::Rung(Rung::Delete));
        if let Some(gone) = deletion.map(|next| next.at).min() {
            // Whoever is gone by then loses nothing more.
            coming.retain(|coming| coming.at <= gone);
        }
        coming.sort();
        coming
    }
}
