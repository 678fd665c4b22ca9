//! What is wrong with a conditional access policy of the files.

use super::{Applications, Grant, Session, Whom, Written, how_often};
use crate::kinds::tenant_policy::reference::is_id;
use crate::load::Checker;
use crate::yaml::Node;

impl Written {
    pub(super) fn check(&self, node: &Node, check: &mut Checker<'_>) {
        if self.include.is_nobody() {
            check.at(
                node,
                "include",
                "says nobody\nhint: such as `guests: [b2bCollaborationGuest]`",
            );
        }
        let lists = [
            ("applications", Some(self.applications.include.len())),
            (
                "locations",
                self.locations.as_ref().map(|it| it.include.len()),
            ),
            (
                "platforms",
                self.platforms.as_ref().map(|it| it.include.len()),
            ),
        ];
        if self.client_app_types.as_ref().is_some_and(Vec::is_empty) {
            check.at(
                node,
                "clientAppTypes",
                "says nothing\nhint: such as `[all]`",
            );
        }
        for (key, _) in lists.into_iter().filter(|(_, count)| *count == Some(0)) {
            let text = "says nothing\nhint: such as `include: [All]`";
            check.path(node, &[key.into(), "include".into()], text);
        }
        for (key, whom) in [
            ("include", Some(&self.include)),
            ("exclude", self.exclude.as_ref()),
        ] {
            if let Some(whom) = whom {
                whom.check(key, node, check);
            }
        }
        match &self.grant {
            Some(grant) => grant.check(node, check),
            None if self.session.is_none() => {
                check.at(
                    node,
                    "name",
                    "asks nothing\nhint: write `grant:` or `session:`",
                );
            }
            None => {}
        }
        if let Some(session) = &self.session {
            session.check(&self.applications, node, check);
        }
    }
}

impl Whom {
    fn is_nobody(&self) -> bool {
        let lists = [&self.groups, &self.users, &self.roles];
        self.guests.is_none() && lists.into_iter().all(Vec::is_empty)
    }

    fn check(&self, key: &str, node: &Node, check: &mut Checker<'_>) {
        let lists = [
            ("guests", self.guests.as_ref().map(Vec::len)),
            ("tenants", self.tenants.as_ref().map(Vec::len)),
        ];
        for (list, _) in lists.into_iter().filter(|(_, count)| *count == Some(0)) {
            let text = "says nothing\nhint: leave the key out if nobody is meant";
            check.path(node, &[key.into(), list.into()], text);
        }
        if self.tenants.is_some() && self.guests.is_none() {
            let text = "`tenants` says which guests are meant: `guests` says what sort";
            check.path(node, &[key.into(), "tenants".into()], text);
        }
        for (index, tenant) in self.tenants.iter().flatten().enumerate() {
            if !is_id(tenant) {
                let text = format!(
                    "`{tenant}` is no id of a tenant\nhint: an id such as 22222222-2222-2222-2222-222222222222"
                );
                check.path(node, &[key.into(), "tenants".into(), index.into()], text);
            }
        }
        for (index, user) in self.users.iter().enumerate() {
            let is_all = key == "include" && user == "All";
            if !user.contains('@') && !is_id(user) && !is_all {
                let text = format!(
                    "`{user}` is no mail address or sign-in name\nhint: a group goes into `groups`"
                );
                check.path(node, &[key.into(), "users".into(), index.into()], text);
            }
        }
    }
}

impl Grant {
    fn check(&self, node: &Node, check: &mut Checker<'_>) {
        let count = self.controls.len()
            + usize::from(self.authentication_strength.is_some())
            + usize::from(!self.terms_of_use.is_empty());
        let has = |word: &str| self.controls.iter().any(|control| control.word() == word);
        let mut wrong =
            |key: &str, text: &str| check.path(node, &["grant".into(), key.into()], text);
        if count == 0 {
            wrong("controls", "asks nothing");
        }
        if has("block") && count > 1 {
            wrong("controls", "`block` lets nobody in, whatever else is asked");
        }
        if has("mfa") && self.authentication_strength.is_some() {
            wrong(
                "authenticationStrength",
                "takes the place of `mfa`: write one of them",
            );
        }
        if count > 1 && self.operator.is_none() {
            wrong(
                "operator",
                "must be said where more than one thing is asked: AND or OR",
            );
        }
        for (name, id) in &self.terms_of_use {
            if !is_id(id) {
                let text = format!(
                    "`{id}` is no id of terms of use\nhint: the id stands in the address of their page in the Entra admin center"
                );
                check.path(
                    node,
                    &["grant".into(), "termsOfUse".into(), name.as_str().into()],
                    text,
                );
            }
        }
    }
}

impl Session {
    fn check(&self, applications: &Applications, node: &Node, check: &mut Checker<'_>) {
        let mut wrong =
            |key: &str, text: &str| check.path(node, &["session".into(), key.into()], text);
        if let Some(frequency) = &self.sign_in_frequency
            && how_often(frequency).is_none()
        {
            wrong(
                "signInFrequency",
                "expected hours, days or `everyTime`, such as 12h",
            );
        }
        if self.persistent_browser.is_some() && applications.include != ["All"] {
            wrong(
                "persistentBrowser",
                "goes with `applications: {include: [All]}` only",
            );
        }
    }
}
