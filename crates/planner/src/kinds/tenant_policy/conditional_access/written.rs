//! A conditional access policy as people write it below `policies/`.

mod check;
mod says;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use self::says::Says;
use super::{DISABLED, ENABLED, REPORT_ONLY};
use crate::kinds::tenant_policy::{Declared, Referred};
use crate::load::Checker;
use crate::yaml::Node;

/// What an id looks like.
const ID: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";

/// What is asked of whom. A key that is there says all of it; of a key that is not, what the tenant has
/// stays.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ConditionalAccessPolicy")]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping")]
pub(super) struct Written {
    /// The display name. A policy that has it already is managed.
    #[schemars(length(min = 1, max = 256))]
    name: String,
    /// Whether it is in force.
    state: State,
    /// Whom it is for.
    include: Whom,
    /// Who is left out.
    exclude: Option<Whom>,
    /// For which applications.
    applications: Applications,
    /// From which sort of client; a new policy is for all.
    #[schemars(length(min = 1))]
    client_app_types: Option<Vec<ClientApp>>,
    /// From where.
    locations: Option<Locations>,
    /// On which platforms.
    platforms: Option<Platforms>,
    /// At which risk of the sign-in. Needs Microsoft Entra ID P2.
    sign_in_risk_levels: Option<Vec<Risk>>,
    /// At which risk of the account. Needs Microsoft Entra ID P2.
    user_risk_levels: Option<Vec<Risk>>,
    /// What is asked before somebody gets in.
    grant: Option<Grant>,
    /// What holds for the session.
    session: Option<Session>,
}

/// Lists the values of an enumeration, with Graph's word for each.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $value:ident = $word:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        enum $name {
            $($(#[$of])* $value,)*
        }

        impl $name {
            fn word(self) -> &'static str {
                match self { $(Self::$value => $word,)* }
            }
        }
    };
}

words! {
    /// Whether a policy is in force.
    State {
        /// It is.
        Enabled = ENABLED,
        /// Sign-ins are logged as if it were, and nobody is stopped.
        ReportOnly = REPORT_ONLY,
        /// It is not.
        Disabled = DISABLED,
    }
}

words! {
    /// A type of guest.
    GuestType {
        /// A guest with an account elsewhere.
        B2bCollaborationGuest = "b2bCollaborationGuest",
        /// A member with an account elsewhere.
        B2bCollaborationMember = "b2bCollaborationMember",
        /// Somebody who comes by B2B direct connect and has no account here.
        B2bDirectConnectUser = "b2bDirectConnectUser",
        /// A guest with an account here.
        InternalGuest = "internalGuest",
        /// Any other.
        OtherExternalUser = "otherExternalUser",
        /// A service provider.
        ServiceProvider = "serviceProvider",
    }
}

words! {
    /// A sort of client.
    ClientApp {
        /// All.
        All = "all",
        /// Browsers.
        Browser = "browser",
        /// Apps with modern authentication.
        MobileAppsAndDesktopClients = "mobileAppsAndDesktopClients",
        /// Exchange ActiveSync.
        ExchangeActiveSync = "exchangeActiveSync",
        /// Everything older.
        Other = "other",
    }
}

words! {
    /// A platform.
    Platform {
        /// All.
        All = "all",
        /// Android.
        Android = "android",
        /// iOS and iPadOS.
        #[serde(rename = "iOS")]
        Ios = "iOS",
        /// Windows.
        Windows = "windows",
        /// Windows Phone.
        WindowsPhone = "windowsPhone",
        /// macOS.
        #[serde(rename = "macOS")]
        MacOs = "macOS",
        /// Linux.
        Linux = "linux",
    }
}

words! {
    /// A level of risk.
    Risk {
        /// Low.
        Low = "low",
        /// Medium.
        Medium = "medium",
        /// High.
        High = "high",
        /// None.
        None = "none",
    }
}

words! {
    /// Something that is asked.
    Control {
        /// Nobody gets in.
        Block = "block",
        /// Multifactor authentication.
        Mfa = "mfa",
        /// A compliant device; of a guest only if the tenant trusts the guest's.
        CompliantDevice = "compliantDevice",
        /// A hybrid joined device; of a guest only if the tenant trusts the guest's.
        DomainJoinedDevice = "domainJoinedDevice",
        /// An approved client app.
        ApprovedApplication = "approvedApplication",
        /// An app with a protection policy.
        CompliantApplication = "compliantApplication",
        /// A new password.
        PasswordChange = "passwordChange",
        /// That a risk is remedied.
        RiskRemediation = "riskRemediation",
    }
}

words! {
    /// Whether all that is asked must be met.
    Operator {
        /// All of it.
        #[serde(rename = "AND")]
        And = "AND",
        /// Any of it.
        #[serde(rename = "OR")]
        Or = "OR",
    }
}

words! {
    /// Whether a browser stays signed in.
    Browser {
        /// Always.
        Always = "always",
        /// Never.
        Never = "never",
    }
}

words! {
    /// What Defender for Cloud Apps does with the session.
    CloudApp {
        /// What its own policies say.
        McasConfigured = "mcasConfigured",
        /// It only watches.
        MonitorOnly = "monitorOnly",
        /// It blocks downloads.
        BlockDownloads = "blockDownloads",
    }
}

/// Some people.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a mapping")]
#[derive(Default)]
struct Whom {
    /// Guests, by type.
    #[schemars(length(min = 1))]
    guests: Option<Vec<GuestType>>,
    /// Only guests of these tenants, by id.
    #[schemars(length(min = 1), inner(regex(pattern = ID)))]
    tenants: Option<Vec<String>>,
    /// Groups by name, of the files or of the tenant, or by id.
    groups: Vec<String>,
    /// Users by mail, sign-in name or id, or `All`.
    users: Vec<String>,
    /// Directory roles by name.
    roles: Vec<String>,
}

/// Some applications.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
struct Applications {
    /// By display name or application id; `All`, `Office365`, `MicrosoftAdminPortals`.
    #[schemars(length(min = 1))]
    include: Vec<String>,
    /// Those that are left out.
    #[serde(default)]
    exclude: Vec<String>,
}

/// Some places.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
struct Locations {
    /// Named locations by name; `All`, `AllTrusted`.
    #[schemars(length(min = 1))]
    include: Vec<String>,
    /// Those that are left out.
    #[serde(default)]
    exclude: Vec<String>,
}

/// Some platforms.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping")]
struct Platforms {
    /// Those that are meant.
    #[schemars(length(min = 1))]
    include: Vec<Platform>,
    /// Those that are left out.
    #[serde(default)]
    exclude: Vec<Platform>,
}

/// What is asked before somebody gets in.
#[derive(Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    rename_all = "camelCase",
    expecting = "a mapping"
)]
#[derive(Default)]
struct Grant {
    /// Whether all of it is asked or any; said where there is more than one thing.
    operator: Option<Operator>,
    /// What.
    controls: Vec<Control>,
    /// An authentication strength by name. It takes the place of `mfa`.
    authentication_strength: Option<String>,
    /// Terms of use: a name for people, and the id. No application may read them.
    terms_of_use: BTreeMap<String, String>,
}

/// What holds for the session.
#[derive(Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    rename_all = "camelCase",
    expecting = "a mapping"
)]
#[derive(Default)]
struct Session {
    /// After how long somebody signs in again: `12h`, `7d`, `everyTime`.
    #[schemars(regex(pattern = "^([1-9][0-9]{0,3}[hd]|everyTime)$"))]
    sign_in_frequency: Option<String>,
    /// Whether a browser stays signed in. Goes with all applications only.
    persistent_browser: Option<Browser>,
    /// Whether applications limit what can be done.
    application_enforced_restrictions: bool,
    /// What Defender for Cloud Apps does.
    cloud_app_security: Option<CloudApp>,
    /// Whether sessions end in an outage although nothing is known against them.
    disable_resilience_defaults: bool,
}

/// Reads one policy and reports every mistake in it.
pub(super) fn read(node: &Node, check: &mut Checker<'_>) -> Option<Declared> {
    check.nothing_held(node, |_| false);
    for (_, part) in node.entries() {
        check.nothing_held(part, |_| false);
    }
    let written = check.decode::<Written>(node, &[])?;
    written.check(node, check);
    let mut declared = Declared::new(written.name.as_str(), node, check);
    declared.properties = Says::of(&written);
    if let Some(grant) = written.grant {
        let terms = grant.terms_of_use.into_iter();
        let named = terms.map(|(name, id)| ((Referred::TermsOfUse, name), id.to_lowercase()));
        declared.ids = named.collect();
    }
    Some(declared)
}

/// Returns a number and Graph's word for what it counts; neither for every time.
fn how_often(text: &str) -> Option<Option<(u32, &'static str)>> {
    if text == "everyTime" {
        return Some(None);
    }
    let (number, kind) = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(hours), _) => (hours, "hours"),
        (_, Some(days)) => (days, "days"),
        _ => return None,
    };
    let number: u32 = number.parse().ok()?;
    (1..=9999).contains(&number).then_some(Some((number, kind)))
}
