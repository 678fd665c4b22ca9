//! Groups: which one a declaration means, and what of it should change.

use std::collections::{BTreeMap, BTreeSet};

use super::{Aim, World};
use crate::address::Address;
use crate::kinds::Object;
use crate::kinds::group::seen::{Found, SeenGroup};
use crate::kinds::group::written::{Declared, Undeclared};
use crate::kinds::group::{Group, Mark, Type, mark};
use crate::plan::Because;

impl Aim {
    pub(super) fn groups(&mut self, world: World<'_>) {
        for declared in world.desired.groups.values() {
            let address = Address::group(&declared.name);
            match world.snapshot.groups.find(declared, world.owner()) {
                Found::One(seen) => self.existing(world, declared, seen),
                Found::None if declared.id.is_some() => {
                    self.block(
                        "group-missing",
                        &address,
                        "the tenant has no group with this id",
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
                        .hint("settle it with `id:` or `mailNickname:`")
                        .at(&declared.origin);
                }
            }
        }
    }

    fn new_group(&mut self, world: World<'_>, declared: &Declared) {
        let mut properties = managed_properties(declared);
        if let Some(nickname) = &declared.mail_nickname {
            properties.insert("mailNickname".to_owned(), Some(nickname.clone()));
        }
        let mark = Some(Mark::UniqueName(mark(world.owner(), &declared.name)));
        let group_type = declared.type_to_create();
        let group = Group {
            name: declared.name.clone(),
            group_type,
            properties,
            owners: self.owners(world, declared),
            mark,
        };
        if group_type == Type::Microsoft365 && group.owners.as_ref().is_none_or(BTreeSet::is_empty)
        {
            let text = "a Microsoft 365 group made by an application without an owner cannot be looked after";
            self.warn("group-without-owner", &Address::group(&declared.name), text)
                .at(&declared.origin);
        }
        self.want(
            Object::Group(group),
            Because::written(&declared.origin),
            None,
        );
    }

    fn existing(&mut self, world: World<'_>, declared: &Declared, seen: &SeenGroup) {
        let address = Address::group(&declared.name);
        self.ids.bind(address.clone(), seen.id.clone());
        if let Some(text) = misfit(declared, seen) {
            self.block("group-misfit", &address, text)
                .at(&declared.origin);
            return;
        }
        let ours = seen.is_ours(world.owner(), &declared.name);
        if !ours && !declared.adopt {
            let wants_more = declared.description.is_some()
                || declared.owners.is_some()
                || declared.guests == Undeclared::Exact;
            if wants_more {
                let text = "exists already and was not made by us: it is used for memberships and otherwise left alone";
                self.info("group-not-adopted", &address, text)
                    .hint("write `adopt: true` to manage it")
                    .at(&declared.origin);
            }
            return;
        }
        let wanted = self.owners(world, declared);
        let owners = world.snapshot.groups.owners.get(&seen.id).map(|ids| {
            ids.iter()
                .map(|id| self.principal_name(world, id))
                .collect()
        });
        self.see(
            Object::Group(seen.object(&declared.name, owners)),
            Some(&seen.id),
        );
        let object = Group {
            name: declared.name.clone(),
            group_type: declared.type_to_create(),
            properties: managed_properties(declared),
            owners: wanted,
            mark: None,
        };
        self.want(
            Object::Group(object),
            Because::written(&declared.origin),
            None,
        );
    }

    /// Resolves the declared owners; an unknown one blocks the group.
    fn owners(&mut self, world: World<'_>, declared: &Declared) -> Option<BTreeSet<String>> {
        let address = Address::group(&declared.name);
        let owners = declared.owners.as_ref()?;
        for owner in owners {
            if let Err(text) = self.resolve(world, owner) {
                self.block("owner-unknown", &address, format!("owner {text}"))
                    .at(&declared.origin);
            }
        }
        Some(owners.iter().map(|owner| owner.to_lowercase()).collect())
    }

    /// Returns the name by which files would call a user or group, and binds it.
    pub(super) fn principal_name(&mut self, world: World<'_>, id: &str) -> String {
        let mut names: Vec<_> = world
            .user(id)
            .map(|user| vec![user.label(), user.user_principal_name.to_lowercase()])
            .unwrap_or_default();
        names.extend(
            world
                .snapshot
                .named_groups
                .get(id)
                .map(|name| name.to_lowercase()),
        );
        let declared = names
            .iter()
            .find(|name| self.ids.get(&Address::principal(name)) == Some(id))
            .cloned();
        let name = declared
            .or_else(|| names.first().cloned())
            .unwrap_or_else(|| id.to_owned());
        if self
            .ids
            .get(&Address::principal(&name))
            .is_some_and(|other| other != id)
        {
            self.ids.bind(Address::principal(id), id.to_owned());
            return id.to_owned();
        }
        self.ids.bind(Address::principal(&name), id.to_owned());
        name
    }

    /// Finds the user or group that a name means, and binds it.
    pub(super) fn resolve(&mut self, world: World<'_>, name: &str) -> Result<String, String> {
        let wanted = name.to_lowercase();
        let found: Vec<&str> = if name.contains('@') {
            let named = |user: &&crate::kinds::guest::user::User| {
                user.user_principal_name.to_lowercase() == wanted
                    || user
                        .mail
                        .as_ref()
                        .is_some_and(|mail| mail.to_lowercase() == wanted)
            };
            world
                .snapshot
                .users
                .values()
                .filter(named)
                .map(|user| user.id.as_str())
                .collect()
        } else {
            let named = world
                .snapshot
                .named_groups
                .iter()
                .filter(|(_, group)| group.to_lowercase() == wanted);
            named.map(|(id, _)| id.as_str()).collect()
        };
        match found.as_slice() {
            [id] => {
                self.ids.bind(Address::principal(name), (*id).to_owned());
                Ok((*id).to_owned())
            }
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

/// Returns why an existing group cannot be what is declared. Assigned and dynamic, security and
/// Microsoft 365 are never turned into each other.
fn misfit(declared: &Declared, seen: &SeenGroup) -> Option<String> {
    let found = if seen.unified {
        Type::Microsoft365
    } else {
        Type::Security
    };
    if !seen.writable {
        return Some("is a mail-enabled group of Exchange: Graph cannot change it".to_owned());
    }
    if declared.group_type.is_some_and(|wanted| wanted != found) {
        return Some(
            format!("is of another type in the tenant ({found:?}); a type cannot be changed")
                .replace("Microsoft365", "Microsoft 365")
                .replace("Security", "security"),
        );
    }
    match (&declared.rule, seen.dynamic) {
        (Some(_), false) => Some("has assigned members in the tenant and a membershipRule in the files: groups are never converted".to_owned()),
        (None, true) => Some("follows a membershipRule in the tenant and has none in the files: groups are never converted".to_owned()),
        (Some(wanted), true) if seen.rule.as_ref() != Some(wanted) => {
            Some("has another membershipRule in the tenant; a rule of an existing group is not changed until its effect can be shown".to_owned())
        }
        _ if seen.synced => Some("is synchronised from on-premises: guests cannot be added".to_owned()),
        _ => None,
    }
}
