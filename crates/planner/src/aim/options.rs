//! What groups have besides their members: what should be, and why not.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Aim, World};
use crate::address::Address;
use crate::kinds::assignment::Sort;
use crate::kinds::group::Has;
use crate::kinds::group::Type;
use crate::kinds::group::options::{Licenses, SeenOptions, setting, template};
use crate::kinds::group::seen::SeenGroup;
use crate::kinds::group::written::Declared;
use crate::kinds::guest::user::User;
use crate::kinds::tenant_policy::{Covers, ONLY, Properties, Section, covers};
use crate::kinds::{Change, Object};
use crate::plan::Count;

impl Aim {
    /// Returns what a group has of what its entry says.
    pub(super) fn has_already(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        seen: &SeenGroup,
    ) -> Has {
        let options = world.options(seen);
        // Of a policy for all groups, a list of groups is not told.
        let selected = world.expiration_now().and_then(covers) == Some(Covers::Selected);
        if let Some((id, _)) = &options.setting {
            self.ids.bind(setting(&declared.name), id.clone());
        }
        let held = world.snapshot.held(Sort::License);
        let licenses = options.licenses.as_ref().map(|skus| {
            let named = skus
                .iter()
                .map(|sku| (held.name(sku).to_owned(), sku.clone()));
            named
                .filter(|(name, _)| world.policy.requirements.licenses.contains(name))
                .collect()
        });
        let is_said = |said: bool| said.then_some(());
        let wanted = &declared.options;
        Has {
            expiration: options
                .policies
                .as_ref()
                .filter(|_| selected && wanted.expiration.is_some())
                .map(|policies| !policies.is_empty()),
            allow_to_add_guests: is_said(options.settings_read)
                .and(wanted.allow_to_add_guests)
                .map(|_| options.setting.as_ref().is_none_or(|(_, lets_in)| *lets_in)),
            licenses: licenses.filter(|_: &Licenses| wanted.licenses.is_some()),
        }
    }

    /// Returns what a group should have, and says what it cannot have. `seen` is the group if it is there.
    pub(super) fn has_wanted(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        seen: Option<&SeenGroup>,
    ) -> Has {
        if let Some(id) = &world.snapshot.setting_template {
            self.ids.bind(template(), id.clone());
        }
        let wanted = &declared.options;
        let unified = seen.map_or(declared.type_to_create() == Type::Microsoft365, |seen| {
            seen.unified
        });
        if !unified && (wanted.expiration.is_some() || wanted.allow_to_add_guests.is_some()) {
            let text = "is no Microsoft 365 group: only those expire, and have settings";
            self.cannot_have(declared, "group-misfit", text.to_owned());
            return Has::default();
        }
        Has {
            expiration: wanted
                .expiration
                .and_then(|wanted| self.expires(world, declared, wanted)),
            allow_to_add_guests: self.lets_guests_in(world, declared, seen),
            licenses: wanted
                .licenses
                .as_ref()
                .and_then(|names| self.licenses(world, declared, names, seen)),
        }
    }

    fn cannot_have(&mut self, declared: &Declared, code: &str, text: String) {
        self.block_itself(code, &Address::group(&declared.name), text)
            .at(&declared.origin);
    }

    fn expires(&mut self, world: World<'_>, declared: &Declared, wanted: bool) -> Option<bool> {
        if !world.knows(Section::GroupExpiration) {
            let text = "`expiration`, and it could not be read by which policy groups expire";
            self.cannot_have(declared, "group-expiration", text.to_owned());
            return None;
        }
        let refused = match (world.expiration_then().and_then(covers), wanted) {
            (Some(Covers::Selected), _) => return Some(wanted),
            (Some(Covers::All), true) | (Some(Covers::None) | None, false) => return None,
            (Some(Covers::All), false) => "`expiration: false`, and the policy covers all groups",
            (Some(Covers::None), true) => "`expiration: true`, and the policy covers no groups",
            (None, true) => "`expiration: true`, and the tenant has no such policy",
        };
        self.cannot_have(declared, "group-expiration", refused.to_owned());
        None
    }

    fn lets_guests_in(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        seen: Option<&SeenGroup>,
    ) -> Option<bool> {
        let wanted = declared.options.allow_to_add_guests?;
        let unread = seen.is_some_and(|seen| !world.options(seen).settings_read);
        if unread || world.snapshot.setting_template.is_none() {
            let text = "`allowToAddGuests`, and settings of groups could not be read";
            self.cannot_have(declared, "group-settings-unread", text.to_owned());
            return None;
        }
        // There is no setting until somebody deviates from what holds without one.
        let exists = seen.is_some_and(|seen| world.options(seen).setting.is_some());
        (exists || !wanted).then_some(wanted)
    }

    /// Resolves the licences of a group. What a group's members get must be there to give.
    fn licenses(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        names: &BTreeSet<String>,
        seen: Option<&SeenGroup>,
    ) -> Option<Licenses> {
        let held = world.snapshot.held(Sort::License);
        let now = seen.map(|seen| world.options(seen));
        let unknown = held.names.is_empty() && !world.policy.requirements.licenses.is_empty();
        if unknown || now.is_some_and(|now| now.licenses.is_none()) {
            let text = "`licenses`, and those of the group or of the tenant could not be read";
            self.cannot_have(declared, "group-licenses-unread", text.to_owned());
            return None;
        }
        let mut licenses = Licenses::new();
        for name in names {
            let meant = held.meant(name);
            let [sku] = meant.as_slice() else {
                let text = format!("the tenant has {} of license {name}", meant.len());
                self.cannot_have(declared, "assignment-unresolved", text);
                return None;
            };
            licenses.insert(name.clone(), (*sku).to_owned());
        }
        let there = now.and_then(|now| now.licenses.clone()).unwrap_or_default();
        let members = seen.and_then(|seen| world.snapshot.groups.members.get(&seen.id));
        for (name, sku) in licenses.iter().filter(|(_, sku)| !there.contains(*sku)) {
            let lacking = members.into_iter().flatten();
            let lacking = lacking
                .filter(|id| !held.of(id).any(|edge| edge.to == **sku))
                .count();
            let room = held.room.get(sku).copied().unwrap_or(i64::MAX);
            let used = self.used.entry((Sort::License, sku.clone())).or_default();
            *used += i64::try_from(lacking).unwrap_or(i64::MAX);
            if *used > room {
                let text = format!(
                    "its {lacking} members would need license {name}, and the tenant has {room} left"
                );
                self.cannot_have(declared, "assignment-lacking", text);
                return None;
            }
        }
        Some(licenses)
    }

    /// Says who loses a licence that is taken from a group. Blocks it where that is somebody who is no guest,
    /// or from whom nothing is taken.
    pub(super) fn licenses_taken(&mut self, world: World<'_>) {
        let mut changes = std::mem::take(&mut self.changes);
        for drawn in &mut changes {
            let Change::Update {
                before: Object::Group(before),
                after: Object::Group(after),
            } = &drawn.change
            else {
                continue;
            };
            let gone = before.has.licenses_without(&after.has);
            let address = Address::group(&after.name);
            let members = self
                .ids
                .get(&address)
                .and_then(|id| world.snapshot.groups.members.get(id));
            if gone.is_empty() || members.is_none_or(BTreeSet::is_empty) {
                continue;
            }
            let (mut guests, mut others) = (Vec::new(), 0);
            for id in members.into_iter().flatten() {
                match world.user(id).filter(|user| user.is_guest()) {
                    Some(user) if world.kept(user).is_none() => guests.push(self.called(user)),
                    _ => others += 1,
                }
            }
            let gone = gone.join(", ");
            if others > 0 {
                let text = format!(
                    "{others} of its members are no guests, or guests from whom nothing is taken, and would lose license {gone}"
                );
                let origin = drawn.because.origin.clone();
                self.block_itself("licenses-drop-people", &address, text)
                    .origin = origin;
            }
            guests.sort();
            drawn.counts = Some(Count::Removal);
            drawn
                .notes
                .push(format!("{} members lose license {gone}", guests.len()));
            drawn.loses.extend(guests);
        }
        self.changes = changes;
    }

    /// Returns what files call a guest.
    fn called(&self, user: &User) -> String {
        self.keys
            .get(&user.id)
            .cloned()
            .unwrap_or_else(|| user.label())
    }
}

impl<'a> World<'a> {
    fn options(self, seen: &SeenGroup) -> &'a SeenOptions {
        static NOTHING: SeenOptions = SeenOptions {
            policies: None,
            settings_read: false,
            setting: None,
            licenses: None,
        };
        self.snapshot
            .groups
            .options
            .get(&seen.id)
            .unwrap_or(&NOTHING)
    }

    /// Returns why guests cannot be added to a group, if that is so and known: by its own setting, or by
    /// the tenant's, which wins over it.
    pub(super) fn closed(self, group: &Declared, seen: Option<&SeenGroup>) -> Option<&'static str> {
        if !seen.map_or(group.type_to_create() == Type::Microsoft365, |seen| {
            seen.unified
        }) {
            return None;
        }
        let own = seen.and_then(|seen| self.options(seen).setting.as_ref());
        let own = group
            .options
            .allow_to_add_guests
            .or(own.map(|(_, lets_in)| *lets_in));
        let section = Section::GroupSettings;
        let declared = self
            .desired
            .policies
            .get(&section)
            .and_then(|all| all.first());
        let declared = declared.map(|declared| &declared.properties);
        let there = self
            .snapshot
            .policies(section)
            .named
            .get(ONLY)
            .and_then(|all| all.first());
        let there = there.map(|(_, properties)| properties);
        let value = |properties: &'a Properties| properties.get("AllowToAddGuests");
        let tenants = declared.and_then(value).or(there.and_then(value));
        match (tenants.and_then(Value::as_str), own) {
            (Some("false"), _) => Some("`groupSettings.allowToAddGuests` is false"),
            (_, Some(false)) => Some("its `allowToAddGuests` is false"),
            _ => None,
        }
    }

    /// Returns the policy by which groups expire, as it is.
    fn expiration_now(self) -> Option<&'a Properties> {
        let seen = self.snapshot.policies(Section::GroupExpiration);
        let all = seen.named.get(ONLY)?;
        all.first().map(|(_, properties)| properties)
    }

    /// Returns the policy by which groups expire, as it will be.
    fn expiration_then(self) -> Option<&'a Properties> {
        let declared = self.desired.policies.get(&Section::GroupExpiration);
        let declared = declared.and_then(|all| all.first());
        declared
            .map(|declared| &declared.properties)
            .or_else(|| self.expiration_now())
    }

    /// Returns whether the policies of a section were read.
    pub(super) fn knows(self, section: Section) -> bool {
        let mut reads = section.terms().reads().into_iter();
        reads.all(|read| self.snapshot.knows(&read))
    }
}
