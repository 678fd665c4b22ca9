//! What admins decide, below `policies/`: whose guests we may touch, what a guest must have, what
//! happens on which day, and how much may happen in one run.

mod lifecycle;
mod requirements;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::load::Origin;
use crate::mail::Mails;
use crate::time::Days;

pub use lifecycle::{Inactive, Ladder, Left, Lifecycle, Orphaned, Pending, Warn};
pub use requirements::{
    AppRole, Domains, Expires, InvitationRules, Permission, Repoint, Requirements,
};

/// Every rule of a repository, with PRODUCT's defaults where nothing is written.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Which tenant, and how guests are marked there.
    pub tenant: Tenant,
    /// Guests that no file declares.
    pub scope: Scope,
    /// What every declared guest must have.
    pub requirements: Requirements,
    /// What happens to a guest, on which day.
    pub lifecycle: Lifecycle,
    /// How much one run may do.
    pub limits: Limits,
    /// What we write ourselves.
    pub mails: Mails,
    /// Where the keys of `lifecycle` stand; by the empty name where the rules begin.
    pub places: BTreeMap<String, Origin>,
}

impl Policy {
    /// Returns where a key of `lifecycle` stands; of one that is not written, where the rules begin.
    pub(crate) fn rule(&self, key: &str) -> Origin {
        let place = self.places.get(key).or_else(|| self.places.get(""));
        // Without any rule a repository has the folder of rules all the same.
        place.cloned().unwrap_or_else(|| Origin {
            file: "policies".into(),
            line: 1,
        })
    }
}

/// `tenant:` which tenant this repository describes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    default,
    expecting = "a mapping"
)]
pub struct Tenant {
    /// The tenant's id or a domain of it; `sandbox` is the embedded one.
    #[schemars(example = "contoso.onmicrosoft.com")]
    pub id: String,
    /// Which of Microsoft's clouds it lives in.
    pub cloud: Cloud,
    /// The time zone in which days begin and end.
    #[serde(deserialize_with = "time_zone")]
    #[schemars(with = "String", example = "Europe/Helsinki")]
    pub time_zone: TimeZone,
    /// The name of this repository, part of every stamp.
    #[serde(deserialize_with = "owner")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,40}$"), example = "partner-access")]
    pub owner: Option<String>,
    /// The attribute that carries the stamp.
    pub stamp: StampAttribute,
    /// The accounts by which people get in when nothing else works, by mail or sign-in name: no policy
    /// of the files may lock them out.
    #[serde(deserialize_with = "people")]
    #[schemars(inner(regex(pattern = "@")))]
    #[schemars(example = ["breakglass@contoso.onmicrosoft.com"])]
    pub emergency_access: Vec<String>,
}

/// The id of the embedded tenant.
pub const SANDBOX: &str = "sandbox";

impl Default for Tenant {
    fn default() -> Self {
        Self {
            id: SANDBOX.to_owned(),
            cloud: Cloud::Global,
            time_zone: TimeZone::UTC,
            owner: None,
            stamp: StampAttribute::default(),
            emergency_access: Vec::new(),
        }
    }
}

impl Tenant {
    /// Returns whether this is the embedded tenant.
    pub fn is_sandbox(&self) -> bool {
        self.id == SANDBOX
    }

    /// Returns the owner named in stamps. Only the sandbox may leave it out.
    pub fn owner(&self) -> &str {
        self.owner.as_deref().unwrap_or(SANDBOX)
    }
}

/// One of Microsoft's clouds. Tokens do not cross from one to another. Source: "National cloud deployments", Graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Cloud {
    /// The worldwide service, GCC included.
    #[default]
    Global,
    /// US Government L4 (GCC High).
    UsGov,
    /// US Government L5 (DoD).
    #[serde(rename = "usGovDoD")]
    UsGovDod,
    /// China, operated by 21Vianet.
    China,
}

/// One of `extensionAttribute1` to `extensionAttribute15`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StampAttribute(String);

impl StampAttribute {
    /// Returns the property's name in Graph.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for StampAttribute {
    fn default() -> Self {
        Self("extensionAttribute15".to_owned())
    }
}

impl Cloud {
    /// Every cloud.
    pub const ALL: [Self; 4] = [Self::Global, Self::UsGov, Self::UsGovDod, Self::China];

    /// Returns the root of Microsoft Graph, without version.
    pub fn graph_root(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGov => "https://graph.microsoft.us",
            Self::UsGovDod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }

    /// Returns the authority that issues tokens.
    pub fn authority(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGov | Self::UsGovDod => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }
}

impl JsonSchema for StampAttribute {
    fn schema_name() -> Cow<'static, str> {
        "StampAttribute".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^extensionAttribute([1-9]|1[0-5])$" })
    }
}

impl<'de> Deserialize<'de> for StampAttribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let number = name
            .strip_prefix("extensionAttribute")
            .and_then(|n| n.parse::<u8>().ok());
        match number {
            Some(1..=15) => Ok(Self(name)),
            _ => Err(de::Error::custom(format!(
                "`{name}` cannot carry the stamp\nhint: use one of extensionAttribute1 to extensionAttribute15"
            ))),
        }
    }
}

fn time_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
    let name = String::deserialize(deserializer)?;
    TimeZone::get(&name).map_err(|_| {
        de::Error::custom(format!("unknown time zone `{name}`\nhint: use a name of the IANA database, such as Europe/Helsinki"))
    })
}

fn people<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    match names.iter().find(|name| !name.contains('@')) {
        Some(name) => Err(de::Error::custom(format!(
            "`{name}` is no mail address or sign-in name"
        ))),
        None => Ok(names),
    }
}

fn owner<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(deserializer)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
        return Err(de::Error::custom(format!(
            "`{name}` cannot be an owner\nhint: use up to 40 letters, digits, `-`, `_` and `.`, such as partner-access"
        )));
    }
    Ok(Some(name))
}

/// `scope:` guests that no file declares and that carry no stamp.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    default,
    expecting = "a mapping"
)]
pub struct Scope {
    /// What happens to them.
    pub undeclared: Reach,
    /// What happens to those of a domain; outranks `undeclared`.
    pub domains: BTreeMap<String, Reach>,
    /// Younger ones are only reported.
    pub age: Option<Days>,
    /// Addresses from which nothing is ever taken.
    pub protected: Vec<String>,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            undeclared: Reach::Report,
            domains: BTreeMap::new(),
            age: Some(Days(14)),
            protected: Vec::new(),
        }
    }
}

/// How far the tool may go with a guest that is not its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reach {
    /// Say that the guest exists.
    #[default]
    Report,
    /// Block sign-in, and nothing after that.
    Disable,
    /// Walk the whole `lifecycle.undeclared` ladder.
    Delete,
}

/// `limits:` how much one run may do, checked on the finished plan.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
pub struct Limits {
    /// Guests who lose anything for any reason but their own reviewed `expires`.
    pub removals: Removals,
    /// Guests whose declared day has come.
    pub expiries: Expiries,
    /// Policies that protect less afterwards than before, or are deleted.
    pub weakened: Weakened,
    /// Invitations sent in one apply; the rest waits for the next run.
    pub invitations: Invitations,
}

/// `limits.removals`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
pub struct Removals {
    /// At most this many.
    pub count: usize,
    /// From ten managed guests up: at most this share of them.
    #[serde(deserialize_with = "percent")]
    #[schemars(range(max = 100))]
    pub percent: usize,
}

fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let percent = usize::deserialize(deserializer)?;
    if percent > 100 {
        return Err(de::Error::custom(format!(
            "{percent} is more than all of them"
        )));
    }
    Ok(percent)
}

impl Default for Removals {
    fn default() -> Self {
        Self {
            count: 10,
            percent: 20,
        }
    }
}

/// `limits.expiries`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
pub struct Expiries {
    /// At most this many.
    pub count: usize,
}

impl Default for Expiries {
    fn default() -> Self {
        Self { count: 100 }
    }
}

/// `limits.weakened`.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
pub struct Weakened {
    /// At most this many.
    pub count: usize,
}

/// `limits.invitations`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
pub struct Invitations {
    /// At most this many.
    pub count: usize,
}

impl Default for Invitations {
    fn default() -> Self {
        Self { count: 50 }
    }
}
