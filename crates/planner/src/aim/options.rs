//! What groups have besides their members: what should be, and why not.

use std::collections::BTreeSet;

use serde_json::Value;

use super::turnover::some;
use super::{Aim, World};
use crate::address::Address;
use crate::diff::Drawn;
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

/// By which policy groups expire.
#[derive(Clone, Copy)]
enum Governed {
    /// By one that covers these.
    By(Covers),
    /// By none: the tenant has none.
    Absent,
    /// By one that says something that is not known, or by several.
    Unclear,
    /// It could not be read.
    Unread,
    /// The declared one is not written.
    Blocked,
}

impl Aim {
    /// Returns what an existing group has, and what it should have. Of whether it expires and lets guests in
    /// both say nothing where nothing changes: then nothing else matters to it.
    pub(super) fn has(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        seen: &SeenGroup,
    ) -> [Has; 2] {
        let mut already = self.has_already(world, declared, seen);
        let mut wanted = self.has_wanted(world, declared, Some(seen));
        if wanted.expiration == already.expiration {
            (wanted.expiration, already.expiration) = (None, None);
        }
        if wanted.allow_to_add_guests == already.allow_to_add_guests {
            (wanted.allow_to_add_guests, already.allow_to_add_guests) = (None, None);
        }
        [already, wanted]
    }

    /// Returns what a group has of what its entry says.
    fn has_already(&mut self, world: World<'_>, declared: &Declared, seen: &SeenGroup) -> Has {
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
            self.cannot_have(declared, seen, "group-misfit", text);
            return Has::default();
        }
        Has {
            expiration: wanted
                .expiration
                .and_then(|wanted| self.expires(world, declared, seen, wanted)),
            allow_to_add_guests: self.lets_guests_in(world, declared, seen),
            licenses: wanted
                .licenses
                .as_ref()
                .and_then(|names| self.licenses(world, declared, names, seen)),
        }
    }

    /// Says why a group cannot be what is declared. One that is not there yet cannot be joined either.
    fn cannot_have(
        &mut self,
        declared: &Declared,
        seen: Option<&SeenGroup>,
        code: &str,
        text: impl Into<String>,
    ) {
        let address = Address::group(&declared.name);
        let finding = match seen {
            Some(_) => self.block_itself(code, &address, text),
            None => self.block(code, &address, text),
        };
        finding.at(&declared.origin);
    }

    fn expires(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        seen: Option<&SeenGroup>,
        wanted: bool,
    ) -> Option<bool> {
        let is_told = |seen| world.options(seen).policies.is_some();
        let refused = match (self.expiration_then(world), wanted) {
            (Governed::By(Covers::Selected), _) if seen.is_none_or(is_told) => return Some(wanted),
            (Governed::By(Covers::All), true)
            | (Governed::By(Covers::None) | Governed::Absent, false) => return None,
            (Governed::By(Covers::Selected), _) => "could not be read of the group",
            (Governed::By(Covers::All), false) => "is false, and the policy covers all groups",
            (Governed::By(Covers::None), true) => "is true, and the policy covers no groups",
            (Governed::Absent, true) => "is true, and the tenant has no such policy",
            (Governed::Unread, _) => {
                "needs the policy by which groups expire, which could not be read"
            }
            (Governed::Unclear, _) => "needs a policy that says which groups expire",
            (Governed::Blocked, _) => "needs `groupExpiration`, which is blocked",
        };
        self.cannot_have(
            declared,
            seen,
            "group-expiration",
            format!("`expiration` {refused}"),
        );
        None
    }

    /// Returns by which policy groups will expire.
    fn expiration_then(&self, world: World<'_>) -> Governed {
        let section = Section::GroupExpiration;
        let declared = world
            .desired
            .policies
            .get(&section)
            .and_then(|all| all.first());
        let seen = &world.snapshot.policies(section).named;
        let seen = seen.get(ONLY).map_or(&[][..], Vec::as_slice);
        let properties = match (declared, seen) {
            _ if !world.knows(section) => return Governed::Unread,
            (Some(_), _) if self.blocked.contains(&section.address(ONLY)) => {
                return Governed::Blocked;
            }
            (Some(declared), _) => &declared.properties,
            (None, [(_, properties)]) => properties,
            (None, []) => return Governed::Absent,
            (None, _) => return Governed::Unclear,
        };
        covers(properties).map_or(Governed::Unclear, Governed::By)
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
            self.cannot_have(declared, seen, "group-settings-unread", text);
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
            self.cannot_have(declared, seen, "group-licenses-unread", text);
            return None;
        }
        let mut licenses = Licenses::new();
        for name in names {
            let meant = held.meant(name);
            let [sku] = meant.as_slice() else {
                let text = match meant.len() {
                    0 => format!("the tenant has no license {name}"),
                    count => format!(
                        "the tenant has {count} of license {name}: which is meant is not said"
                    ),
                };
                self.cannot_have(declared, seen, "assignment-unresolved", text);
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
                self.cannot_have(declared, seen, "assignment-lacking", text);
                return None;
            }
        }
        Some(licenses)
    }

    /// Says what changes of a group mean for its members. Blocks what would take a licence from anybody who is
    /// no guest, or from whom nothing is taken.
    pub(super) fn follow_options(&mut self, world: World<'_>) {
        let mut changes = std::mem::take(&mut self.changes);
        for drawn in &mut changes {
            let (before, after) = match &drawn.change {
                Change::Create {
                    after: Object::Group(after),
                } => (Has::default(), after.clone()),
                Change::Update {
                    before: Object::Group(before),
                    after: Object::Group(after),
                } => (before.has.clone(), after.clone()),
                _ => continue,
            };
            if after.has.expiration == Some(true) {
                drawn.notes.extend(self.lifetime(world));
            }
            let given = after.has.licenses_without(&before);
            let taken = before.licenses_without(&after.has);
            if given.is_empty() && taken.is_empty() {
                continue;
            }
            let id = self.ids.get(&Address::group(&after.name));
            let members = id.and_then(|id| world.snapshot.groups.members.get(id));
            let members = members.cloned().unwrap_or_default();
            let (guests, others) = self.guests_and_others(world, &members);
            for license in given.iter().filter(|_| !members.is_empty()) {
                let names: Vec<_> = guests.iter().map(|(_, name)| name).chain(&others).collect();
                drawn.notes.push(format!(
                    "gives license {license} to {}: {}",
                    counted(names.len()),
                    some(&names)
                ));
            }
            for license in taken {
                self.license_taken(world, drawn, &after.name, license, &guests, &others);
            }
        }
        self.changes = changes;
    }

    fn license_taken(
        &mut self,
        world: World<'_>,
        drawn: &mut Drawn,
        group: &str,
        license: &str,
        guests: &[(&User, String)],
        others: &[String],
    ) {
        let held = world.snapshot.held(Sort::License);
        let skus = held.meant(license);
        // Whoever has it otherwise, too, keeps it.
        let direct = |user: &User| {
            held.of(&user.id)
                .any(|edge| edge.fixed.is_none() && skus.contains(&edge.to.as_str()))
        };
        let (kept, losing): (Vec<_>, Vec<_>) = guests
            .iter()
            .filter(|(user, _)| !direct(user))
            .partition(|(user, _)| world.kept(user).is_some());
        let kept = kept.into_iter().map(|(_, name)| name.clone());
        let wrong: Vec<_> = kept.chain(others.iter().cloned()).collect();
        if !wrong.is_empty() {
            let text = format!(
                "would take license {license} from members who are no guests, or guests from whom nothing is taken: {}",
                some(&wrong)
            );
            let origin = drawn.because.origin.clone();
            self.block_itself("licenses-drop-people", &Address::group(group), text)
                .origin = origin;
        }
        let losing: Vec<_> = losing.into_iter().map(|(_, name)| name.clone()).collect();
        if !losing.is_empty() {
            drawn.counts = Some(Count::Removal);
            drawn.notes.push(format!(
                "takes license {license} from {}: {}",
                counted(losing.len()),
                some(&losing)
            ));
            drawn.loses.extend(losing);
            drawn.loses.sort();
            drawn.loses.dedup();
        }
    }

    /// Returns the members of a group who are guests, by what files call them, and the ids of the others.
    fn guests_and_others<'a>(
        &self,
        world: World<'a>,
        members: &BTreeSet<String>,
    ) -> (Vec<(&'a User, String)>, Vec<String>) {
        let (mut guests, mut others) = (Vec::new(), Vec::new());
        for id in members {
            match world.user(id) {
                Some(user) if user.is_guest() => guests.push((user, self.called(user))),
                Some(user) => others.push(user.label()),
                None => others.push(id.clone()),
            }
        }
        guests.sort_by(|a, b| a.1.cmp(&b.1));
        (guests, others)
    }

    /// Says after how long a group that nobody uses is deleted.
    fn lifetime(&self, world: World<'_>) -> Option<String> {
        let section = Section::GroupExpiration;
        let declared = world
            .desired
            .policies
            .get(&section)
            .and_then(|all| all.first());
        let declared = declared.map(|declared| &declared.properties);
        let days = declared
            .or_else(|| world.expiration_now())?
            .get("groupLifetimeInDays")?;
        Some(format!(
            "is deleted after {days} days in which nobody uses it"
        ))
    }

    /// Returns what files call a guest.
    fn called(&self, user: &User) -> String {
        self.keys
            .get(&user.id)
            .cloned()
            .unwrap_or_else(|| user.label())
    }

    /// Returns why guests cannot be added to a group, if that is so and known: by its own setting, or by
    /// the tenant's, which wins over it.
    pub(super) fn closed(
        &self,
        world: World<'_>,
        group: &Declared,
        seen: Option<&SeenGroup>,
    ) -> Option<&'static str> {
        if !seen.map_or(group.type_to_create() == Type::Microsoft365, |seen| {
            seen.unified
        }) {
            return None;
        }
        let there = seen.and_then(|seen| world.options(seen).setting.as_ref());
        let there = there.map(|(_, lets_in)| *lets_in);
        let is_managed = seen.is_none_or(|seen| seen.is_managed(group, world.owner()));
        let is_blocked = self.blocked.contains(&Address::group(&group.name));
        let own = group
            .options
            .allow_to_add_guests
            .filter(|_| is_managed && !is_blocked)
            .or(there);
        match (self.tenant_lets_guests_in(world), own) {
            (Some(false), _) => Some("`AllowToAddGuests` of the tenant is false"),
            (_, Some(false)) => Some("its `allowToAddGuests` is false"),
            _ => None,
        }
    }

    /// Returns whether the tenant will let guests be added to groups, if that is known.
    fn tenant_lets_guests_in(&self, world: World<'_>) -> Option<bool> {
        let section = Section::GroupSettings;
        let is_written = world.knows(section) && !self.blocked.contains(&section.address(ONLY));
        let declared = world
            .desired
            .policies
            .get(&section)
            .and_then(|all| all.first());
        let declared = declared
            .filter(|_| is_written)
            .map(|declared| &declared.properties);
        let there = world.snapshot.policies(section).named.get(ONLY);
        let there = there
            .and_then(|all| all.first())
            .map(|(_, properties)| properties);
        let mut values = [declared, there]
            .into_iter()
            .flatten()
            .filter_map(|properties| properties.get("AllowToAddGuests"));
        values
            .next()
            .and_then(Value::as_str)
            .map(|value| value != "false")
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

    /// Returns the policy by which groups expire, as it is.
    fn expiration_now(self) -> Option<&'a Properties> {
        let seen = self.snapshot.policies(Section::GroupExpiration);
        let all = seen.named.get(ONLY)?;
        all.first().map(|(_, properties)| properties)
    }

    /// Returns whether the policies of a section were read.
    pub(super) fn knows(self, section: Section) -> bool {
        let mut reads = section.terms().reads().into_iter();
        // A snapshot of an earlier version may have read them for another reason, and kept less.
        self.snapshot.policies.contains_key(&section)
            && reads.all(|read| self.snapshot.knows(&read))
    }
}

fn counted(members: usize) -> String {
    match members {
        1 => "1 member".to_owned(),
        _ => format!("{members} members"),
    }
}
