//! Groups: which one a declaration means, and what of it should change.

use std::collections::{BTreeMap, BTreeSet};

use super::{Aim, World};
use crate::address::Address;
use crate::kinds::Object;
use crate::kinds::group::seen::{Found, SeenGroup};
use crate::kinds::group::written::{Declared, Options, Undeclared};
use crate::kinds::group::{Group, Mark, Type, mark};
use crate::kinds::guest::user::User;
use crate::kinds::tenant_policy::Premium;
use crate::plan::Because;

impl Aim {
    pub(super) fn groups(&mut self, world: World<'_>) {
        let mut meant: BTreeMap<&str, &Declared> = BTreeMap::new();
        for declared in world.desired.groups.values() {
            let address = Address::group(&declared.name);
            match world.known.groups.find(declared, world.owner()) {
                Found::One(seen) => match meant.insert(&seen.id, declared) {
                    Some(other) => self.meant_twice(declared, other),
                    None => self.existing(world, declared, seen),
                },
                Found::None if declared.is_named() => {
                    let key = if declared.id.is_some() {
                        "id"
                    } else {
                        "uniqueName"
                    };
                    self.block(
                        "group-missing",
                        &address,
                        format!("the tenant has no group with this {key}"),
                    )
                    .at(&declared.origin);
                }
                Found::None => self.new_group(world, declared),
                Found::Many(several) => {
                    let ids: Vec<_> = several.iter().map(|group| group.id.as_str()).collect();
                    let text = format!(
                        "{} groups of the tenant have this name: {}",
                        several.len(),
                        ids.join(", ")
                    );
                    self.block("group-ambiguous", &address, text)
                        .hint("settle it with `id:`, `uniqueName:` or `mailNickname:`")
                        .at(&declared.origin);
                }
            }
            self.settle();
        }
    }

    /// Two declarations of one group: what one gives, the other would take away.
    fn meant_twice(&mut self, declared: &Declared, other: &Declared) {
        for (one, two) in [(declared, other), (other, declared)] {
            let text = format!(
                "means the same group of the tenant as {} ({})",
                two.name, two.origin
            );
            self.block("group-meant-twice", &Address::group(&one.name), text)
                .at(&one.origin);
        }
    }

    fn new_group(&mut self, world: World<'_>, declared: &Declared) {
        let mut properties = managed_properties(declared);
        if let Some(nickname) = &declared.mail_nickname {
            properties.insert("mailNickname".to_owned(), Some(nickname.clone()));
        }
        let mark = Some(Mark::UniqueName(mark(world.owner(), &declared.name)));
        let group_type = declared.type_to_create();
        let has = self.has_wanted(world, declared, None);
        if declared.rule.is_some()
            && let Some(text) = world.lacks(Premium::P1)
        {
            self.block("unlicensed", &Address::group(&declared.name), text)
                .at(&declared.origin);
        }
        let group = Group {
            name: declared.name.clone(),
            group_type,
            properties,
            owners: self.owners(world, declared),
            mark,
            has,
        };
        if group_type == Type::Microsoft365 && group.owners.as_ref().is_none_or(BTreeSet::is_empty)
        {
            let text = "a Microsoft 365 group made by an application without an owner cannot be looked after";
            self.warn("group-without-owner", &Address::group(&declared.name), text)
                .at(&declared.origin);
        }
        self.want(
            Object::Group(group.into()),
            Because::written(&declared.origin),
            None,
        );
    }

    fn existing(&mut self, world: World<'_>, declared: &Declared, seen: &SeenGroup) {
        let address = Address::group(&declared.name);
        self.ids.bind(address.clone(), seen.id.clone());
        if let Some(text) = unfit_for_members(declared, seen) {
            self.block("group-misfit", &address, text)
                .at(&declared.origin);
            return;
        }
        // Who is in it stays ours to decide: an error about the group must not keep anybody in.
        if let Some(text) = misfit(declared, seen) {
            self.block_itself("group-misfit", &address, text)
                .at(&declared.origin);
            return;
        }
        let ours = seen.is_ours(world.owner(), &declared.name);
        if !ours && !declared.adopt {
            let wants_more = declared.description.is_some()
                || declared.owners.is_some()
                || declared.guests == Undeclared::Exact
                || declared.options != Options::default()
                || seen.changes_rule(declared);
            if wants_more {
                let text = "exists already and was not made by us: it is used for memberships and otherwise left alone";
                self.info("group-not-adopted", &address, text)
                    .hint("write `adopt: true` to manage it")
                    .at(&declared.origin);
            }
            return;
        }
        let seen_owners = world.snapshot.groups.owners.get(&seen.id).cloned();
        let mut wanted = self.owners(world, declared);
        if let (Some(wanted), Some(ids)) = (&mut wanted, &seen_owners) {
            wanted.extend(self.guest_owners(world, declared, ids, wanted));
        }
        let owners = seen_owners.map(|ids| {
            ids.iter()
                .map(|id| self.principal_name(world, id))
                .collect()
        });
        let [already, has] = self.has(world, declared, seen);
        let mut there = seen.object(&declared.name, owners);
        there.has = already;
        self.see(Object::Group(there.into()), Some(&seen.id));
        let mut properties = managed_properties(declared);
        if declared.rule.is_some() && !seen.changes_rule(declared) {
            properties.insert("membershipRule".to_owned(), seen.rule.clone());
        }
        let object = Group {
            name: declared.name.clone(),
            group_type: declared.type_to_create(),
            properties,
            owners: wanted,
            mark: None,
            has,
        };
        self.want(
            Object::Group(object.into()),
            Because::written(&declared.origin),
            None,
        );
    }

    /// Resolves the declared owners; an unknown one blocks the group.
    fn owners(&mut self, world: World<'_>, declared: &Declared) -> Option<BTreeSet<String>> {
        let address = Address::group(&declared.name);
        let mut owners = BTreeSet::new();
        for owner in declared.owners.as_ref()? {
            match self.resolve(world, owner) {
                Ok(id) => drop(owners.insert(self.principal_name(world, &id))),
                Err(text) => drop(
                    self.block_itself("owner-unknown", &address, format!("owner {text}"))
                        .at(&declared.origin),
                ),
            }
        }
        Some(owners)
    }

    /// Returns the owners who are guests and not declared. `owners:` never takes from a guest.
    fn guest_owners(
        &mut self,
        world: World<'_>,
        declared: &Declared,
        ids: &BTreeSet<String>,
        wanted: &BTreeSet<String>,
    ) -> Vec<String> {
        let guests = ids
            .iter()
            .filter(|id| world.user(id).is_none_or(User::is_guest));
        let names: Vec<_> = guests
            .map(|id| self.principal_name(world, id))
            .filter(|name| !wanted.contains(name))
            .collect();
        for name in &names {
            let text = format!(
                "{name} is an owner, is not declared as one, and is a guest or not known: stays"
            );
            self.warn("guest-owner", &Address::group(&declared.name), text)
                .at(&declared.origin);
        }
        names
    }

    /// Returns the one name by which plans call a user or group, and binds it: so that two
    /// spellings of one person are one person.
    pub(super) fn principal_name(&mut self, world: World<'_>, id: &str) -> String {
        if let Some(name) = self.names.get(id) {
            return name.clone();
        }
        let user = world
            .user(id)
            .map(|user| [user.label(), user.user_principal_name.to_lowercase()]);
        let group = world
            .snapshot
            .named_groups
            .get(id)
            .map(|name| name.to_lowercase());
        let names = user
            .into_iter()
            .flatten()
            .chain(group)
            .chain([id.to_owned()]);
        let is_free =
            |name: &String, aim: &Self| aim.principals.get(name).is_none_or(|other| other == id);
        let name = names
            .into_iter()
            .find(|name| is_free(name, self))
            .unwrap_or_else(|| id.to_owned());
        self.principals.insert(name.clone(), id.to_owned());
        self.names.insert(id.to_owned(), name.clone());
        self.ids.bind(Address::principal(&name), id.to_owned());
        name
    }

    /// Finds the user or group that a name means.
    pub(super) fn resolve(&self, world: World<'_>, name: &str) -> Result<String, String> {
        match world.known.named(name) {
            [id] => Ok((*id).to_owned()),
            [] => Err(format!("`{name}` is not in the tenant")),
            several => Err(format!(
                "`{name}` means {} accounts of the tenant",
                several.len()
            )),
        }
    }
}

fn managed_properties(declared: &Declared) -> BTreeMap<String, Option<String>> {
    let mut properties = BTreeMap::new();
    properties.insert("displayName".to_owned(), Some(declared.name.clone()));
    if let Some(description) = &declared.description {
        properties.insert("description".to_owned(), description.clone());
    }
    if let Some(rule) = &declared.rule {
        properties.insert("membershipRule".to_owned(), Some(rule.clone()));
    }
    properties
}

/// Returns why guests cannot be put into an existing group, or taken out of it. Assigned and
/// dynamic are never turned into each other.
fn unfit_for_members(declared: &Declared, seen: &SeenGroup) -> Option<&'static str> {
    match (&declared.rule, seen.dynamic) {
        _ if !seen.writable => Some("is a mail-enabled group of Exchange: Graph cannot change it"),
        _ if seen.synced => Some("is synchronised from on-premises: guests cannot be added"),
        (Some(_), false) => Some(
            "has assigned members in the tenant and a membershipRule in the files: groups are never converted",
        ),
        (None, true) => Some(
            "follows a membershipRule in the tenant and has none in the files: groups are never converted",
        ),
        _ => None,
    }
}

/// Returns why an existing group cannot become what is declared.
fn misfit(declared: &Declared, seen: &SeenGroup) -> Option<&'static str> {
    let found = if seen.unified {
        Type::Microsoft365
    } else {
        Type::Security
    };
    let differs = declared.group_type.is_some_and(|wanted| wanted != found);
    differs.then_some(
        "is of the other type in the tenant (security, microsoft365); a type cannot be changed",
    )
}
