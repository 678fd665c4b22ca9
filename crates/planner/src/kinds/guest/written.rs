//! A guest as people write it below `guests/`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Invitation;
use super::granted::{Granted, WrittenGrant};
use super::profile::{self, PROFILE, Profile};
use crate::domain;
use crate::few::Few;
use crate::kinds::assignment::written::Given;
use crate::kinds::assignment::{self, Sort};
use crate::load::{Checker, Origin};
use crate::policy::{self, Permission, Policy, Repoint};
use crate::time::{Until, days_after};
use crate::yaml::{Node, Step};

/// Keys that the contract knows and this version does not act on yet.
const LATER: &[&str] = &["accessPackages"];

/// Characters that Graph refuses in an invited address.
/// Source: "invitation resource type", Graph v1.0. An apostrophe is fine.
const REFUSED: &str = "~!#$%^&*()+=[]{}\\/|;:\"<>?,";

/// One guest, as declared. What is `None` is not managed.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The address in lower case.
    pub key: String,
    /// The address as written.
    pub mail: String,
    /// Profile properties; `None` clears.
    pub profile: Profile,
    /// Who vouches, if that is managed.
    pub sponsors: Option<BTreeSet<String>>,
    /// Why the guest is here.
    pub justification: Option<String>,
    /// When the guest's time is over.
    pub expires: Option<Until>,
    /// Memberships by group, if they are managed.
    pub groups: Option<Few<String, Granted>>,
    /// What else the guest is given.
    pub given: Given,
    /// What an invitation says.
    pub invitation: Invitation,
    /// The address under which the same person was known before, in lower case.
    pub formerly: Option<String>,
    /// Consent must be newer than this.
    pub redeemed_since: Option<Until>,
    /// Whether sign-in is blocked, if that is managed.
    pub blocked: Option<bool>,
    /// Whether a guest that entitlement management governs may be taken on.
    pub adopt: bool,
    /// Where the entry stands.
    pub origin: Origin,
    /// Where `expires` stands.
    pub expires_origin: Origin,
}

/// What the schema says of an address that Graph can invite; [`refusal`] says more.
const INVITABLE: &str = r#"^[^~!#$%^&*()+=\[\]{}\\/|;:"<>?,@\s]+@[^~!#$%^&*()+=\[\]{}\\/|;:"<>?,@\s]+\.[^~!#$%^&*()+=\[\]{}\\/|;:"<>?,@\s.-]+$"#;

/// What the schema says of text that must not be empty.
pub(super) const SOMETHING: &str = r"\S";

/// One guest.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Guest")]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping")]
pub(crate) struct Written {
    /// The invited address.
    #[schemars(regex(pattern = INVITABLE), example = "ada@contoso.example")]
    mail: String,
    /// Who vouches: users by mail or sign-in name, or groups by name.
    #[schemars(length(max = 5), inner(regex(pattern = SOMETHING)))]
    sponsors: Option<Vec<String>>,
    /// Why the guest is here.
    #[schemars(example = "Annual audit, CHG-1234")]
    justification: Option<String>,
    /// When access ends.
    expires: Option<Until>,
    /// Groups that policies declare.
    groups: Option<Vec<WrittenGrant>>,
    /// How the guest is invited; only used when an invitation is sent.
    invitation: Option<WrittenInvitation>,
    /// The address under which the same person was known before: the account is handed over.
    #[schemars(regex(pattern = INVITABLE))]
    formerly: Option<String>,
    /// Consent must be newer than this, or the guest is asked again.
    redeemed_since: Option<Until>,
    /// Whether sign-in is blocked.
    blocked: Option<bool>,
    /// Take the guest on although entitlement management governs the account.
    adopt: Option<bool>,
}

/// How a guest is invited.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Invitation")]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping")]
struct WrittenInvitation {
    /// The text of the mail.
    message: Option<String>,
    /// The language of the mail, when it has no text of its own.
    #[schemars(example = "fi-FI")]
    language: Option<String>,
    /// Who gets a copy.
    #[schemars(regex(pattern = INVITABLE))]
    cc: Option<String>,
    /// Where the guest lands after redeeming.
    #[schemars(regex(pattern = "^https://"), extend("format" = "uri"))]
    redirect_url: Option<String>,
    /// Whether a mail is sent.
    send: Option<bool>,
    /// The mailbox of ours that it is sent from; without it, Microsoft sends it.
    #[schemars(example = "audit-desk@fabrikam.example")]
    from: Option<String>,
}

impl Declared {
    /// Reads one entry of `guests:` and reports every mistake in it. The profile is read apart.
    pub fn read(node: &Node, check: &mut Checker<'_>) -> Option<Self> {
        check.later(node, LATER);
        check.nothing_held(node, |key| {
            PROFILE.iter().any(|property| property.name == key)
        });
        let profile = profile::read(node, check);
        let given = assignment::written::read(node, check);
        let written: Written = check.decode(node, &OTHERS)?;
        let mail = address(written.mail, node, "mail", check);
        let groups = written
            .groups
            .map(|groups| memberships(groups, node, check));
        let sponsors = written.sponsors.map(|names| sponsors(names, node, check));
        let formerly = written
            .formerly
            .map(|old| domain::normal(&address(old, node, "formerly", check)));
        Some(Self {
            key: domain::normal(&mail),
            mail,
            profile,
            sponsors,
            justification: written.justification.filter(|text| !text.trim().is_empty()),
            expires: written.expires,
            groups,
            given,
            invitation: invitation(written.invitation),
            formerly,
            redeemed_since: written.redeemed_since,
            blocked: written.blocked,
            adopt: written.adopt.unwrap_or_default(),
            origin: check.origin(node.place),
            expires_origin: check.origin(node.locate(&["expires".into()])),
        })
    }

    /// Returns what the entry lists of a sort of things, if it does.
    pub fn given(&self, sort: Sort) -> Option<&BTreeMap<String, Granted>> {
        self.given.as_ref()?.get(&sort)
    }

    /// Returns everything that the entry gives, by what people call it.
    pub fn grants(&self) -> impl Iterator<Item = (String, &Granted)> {
        let groups = self.groups.iter().flat_map(Few::iter);
        let groups = groups.map(|(name, granted)| (format!("group {name}"), granted));
        let given = self.given.iter().flat_map(|given| given.iter());
        let given = given
            .flat_map(|(sort, held)| held.iter().map(|(to, granted)| (sort.called(to), granted)));
        groups.chain(given)
    }

    /// Reports what breaks `requirements:`. Needs the whole configuration, hence apart.
    pub fn meets(&self, policy: &Policy, node: &Node, check: &mut Checker<'_>) {
        let rules = &policy.requirements;
        let found = self.sponsors.as_ref().map_or(0, BTreeSet::len);
        if found < rules.sponsors && (self.sponsors.is_some() || node.get("sponsors").is_none()) {
            check.at(
                node,
                "sponsors",
                format!(
                    "{found} sponsors, but `requirements.sponsors` asks for {}",
                    rules.sponsors
                ),
            );
        }
        if rules.justification && self.justification.is_none() {
            check.at(
                node,
                "justification",
                "no `justification`, but `requirements` asks for one",
            );
        }
        if self
            .sponsors
            .iter()
            .flatten()
            .any(|name| domain::normal(name) == self.key)
        {
            check.at(node, "sponsors", "a guest cannot vouch for itself");
        }
        if let Some(why) = self.invitation.cc.as_deref().and_then(refusal) {
            check.path(
                node,
                &["invitation".into(), "cc".into()],
                format!("no copy can go there: {why}"),
            );
        }
        assignment::written::meets(node, policy, check);
        self.ends(policy, node, check);
        self.comes_from(&rules.domains, node, check);
        let rules = &rules.invitation;
        if rules.message == Permission::Deny && self.invitation.message.is_some() {
            check.path(
                node,
                &["invitation".into(), "message".into()],
                "`requirements.invitation` allows no message",
            );
        }
        if let Some(from) = &self.invitation.from
            && !rules
                .from
                .iter()
                .any(|allowed| domain::normal(allowed) == domain::normal(from))
        {
            let text = format!("`{from}` is not in `requirements.invitation.from`");
            check.path(node, &["invitation".into(), "from".into()], text);
        }
        let host = host(&self.invitation.redirect_url);
        let allowed = rules.redirect_hosts.as_ref().is_none_or(|hosts| {
            hosts
                .iter()
                .any(|allowed| Some(domain::domain(allowed)) == host)
        });
        if host.is_none() || !allowed {
            let text = format!(
                "`{}` is no https address of a host that `requirements.invitation.redirectHosts` allows",
                self.invitation.redirect_url
            );
            check.path(node, &["invitation".into(), "redirectUrl".into()], text);
        }
        if let Some(old) = &self.formerly {
            let same = domain::domain_of(old) == domain::domain_of(&self.key);
            if !same && policy.requirements.repoint != Repoint::AnyDomain {
                check.at(node, "formerly", format!("`{old}` is of another domain; only `requirements.repoint: anyDomain` allows that"));
            }
        }
    }

    fn ends(&self, policy: &Policy, node: &Node, check: &mut Checker<'_>) {
        let Some(rule) = policy.requirements.expires else {
            return;
        };
        let zone = &policy.tenant.time_zone;
        let Some(expires) = self.expires else {
            // One that cannot be read is reported already.
            if node.get("expires").is_some() {
                return;
            }
            check.at(
                node,
                "expires",
                "no `expires`, but `requirements` asks for one",
            );
            return;
        };
        // A day is meant through its end, so the last allowed day is the one `within` days ahead.
        let last = days_after(check.now, rule.within, zone)
            .to_zoned(zone.clone())
            .date();
        if expires.end(zone) > Until::Day(last).end(zone) {
            check.at(node, "expires", format!("{expires} is further off than `requirements.expires.within` allows: {} (until {last})", rule.within));
        }
    }

    fn comes_from(&self, domains: &policy::Domains, node: &Node, check: &mut Checker<'_>) {
        let domain = domain::domain_of(&self.key);
        let hit = |patterns: &[String]| {
            patterns
                .iter()
                .any(|pattern| domain::matches_domain(pattern, &domain))
        };
        if hit(&domains.block) {
            check.at(
                node,
                "mail",
                format!("the domain {domain} is blocked by `requirements.domains.block`"),
            );
        } else if !domains.allow.is_empty() && !hit(&domains.allow) {
            check.at(
                node,
                "mail",
                format!("the domain {domain} is not in `requirements.domains.allow`"),
            );
        }
    }
}

/// The keys of an entry that [`Written`] does not have.
static OTHERS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let profile = PROFILE.iter().map(|property| property.name);
    let given = Sort::ALL.iter().map(|sort| sort.rules().key());
    profile.chain(given).chain(LATER.iter().copied()).collect()
});

fn memberships(
    groups: Vec<WrittenGrant>,
    node: &Node,
    check: &mut Checker<'_>,
) -> Few<String, Granted> {
    let mut granted = BTreeMap::new();
    for (index, group) in groups.into_iter().enumerate() {
        let path: [Step; 2] = ["groups".into(), index.into()];
        let origin = check.origin(node.locate(&path));
        if granted
            .insert(
                group.name.clone(),
                Granted {
                    expires: group.expires,
                    origin,
                },
            )
            .is_some()
        {
            check.path(
                node,
                &path,
                format!("group `{}` is listed twice", group.name),
            );
        }
    }
    granted.into_iter().collect()
}

fn sponsors(names: Vec<String>, node: &Node, check: &mut Checker<'_>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut sponsors = BTreeSet::new();
    for (index, name) in names.into_iter().enumerate() {
        if name.trim().is_empty() || !seen.insert(name.to_lowercase()) {
            check.path(
                node,
                &["sponsors".into(), index.into()],
                format!("sponsor `{name}` is empty or listed twice"),
            );
        }
        sponsors.insert(name);
    }
    if sponsors.len() > crate::kinds::sponsor::MAX {
        check.at(
            node,
            "sponsors",
            format!(
                "{} sponsors; a guest can have at most {}",
                sponsors.len(),
                crate::kinds::sponsor::MAX
            ),
        );
    }
    sponsors
}

fn invitation(written: Option<WrittenInvitation>) -> Invitation {
    let default = Invitation::default();
    let Some(written) = written else {
        return default;
    };
    Invitation {
        send: written.send.unwrap_or(default.send),
        redirect_url: written.redirect_url.unwrap_or(default.redirect_url),
        message: written.message,
        language: written.language,
        cc: written.cc,
        from: written.from,
        mail: None,
    }
}

/// Returns an address; reports why Graph cannot invite it, if so.
fn address(text: String, node: &Node, key: &str, check: &mut Checker<'_>) -> String {
    if let Some(why) = refusal(&text) {
        check.at(node, key, format!("`{text}` cannot be invited: {why}"));
    }
    text
}

fn refusal(text: &str) -> Option<String> {
    let Some((local, domain)) = text.split_once('@') else {
        return Some("it is no address".into());
    };
    if let Some(bad) = text
        .chars()
        .find(|c| REFUSED.contains(*c) || c.is_whitespace() || c.is_control())
    {
        return Some(format!("Graph refuses the character {bad:?}"));
    }
    if local.is_empty()
        || domain.contains('@')
        || !domain.contains('.')
        || idna::domain_to_ascii_strict(domain).is_err()
    {
        return Some("it is no address".into());
    }
    if local.starts_with(['.', '-']) || local.ends_with(['.', '-']) || domain.ends_with(['.', '-'])
    {
        return Some("Graph refuses a `.` or `-` at either end".into());
    }
    if !local.is_ascii() {
        return Some("what stands before the @ must be plain letters".into());
    }
    if text.chars().any(crate::safe::hides) {
        return Some("it holds an invisible character".into());
    }
    (text.len() > 254).then(|| "it is longer than an address can be".into())
}

/// Returns the host of an https address, as it is compared.
fn host(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let plain = !authority.is_empty()
        && !authority.contains(['@', '%'])
        && !url.chars().any(|c| c.is_whitespace() || c.is_control());
    plain.then(|| domain::domain(authority.split(':').next().unwrap_or(authority)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graph_refuses_some_addresses() {
        assert_eq!(refusal("o'brien@contoso.example"), None);
        assert_eq!(refusal("ada_l@müller.example"), None);
        for bad in [
            "ada+x@contoso.example",
            "\"ada\"@contoso.example",
            "ada",
            "@contoso.example",
            "ada@localhost",
            ".ada@contoso.example",
            "ada.@contoso.example",
            "ada@contoso.example.",
            "a b@contoso.example",
            "аda@contoso.example",
            "ada@b@contoso.example",
            "ada@con\u{200b}toso.example",
        ] {
            assert!(refusal(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_redirect_cannot_pretend_to_be_another_host() {
        assert_eq!(
            host("https://myapps.microsoft.com/x?y").as_deref(),
            Some("myapps.microsoft.com")
        );
        for bad in [
            "http://myapps.microsoft.com",
            "https://myapps.microsoft.com@evil.example/",
            "javascript:alert(1)",
            "https://",
        ] {
            assert_eq!(host(bad), None, "{bad}");
        }
        assert_eq!(
            host("https://myapps.microsoft.com.evil.example").as_deref(),
            Some("myapps.microsoft.com.evil.example")
        );
    }
}
