//! What policies refer to: files and plans say names, Graph says ids.

use serde::{Deserialize, Serialize};

use super::Section;
use crate::address::{Address, Ids};

/// A sort of thing that policies refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Referred {
    /// Somebody, by mail or sign-in name.
    User,
    /// A group: one of the files, or else one of the tenant.
    Group,
    /// A directory role. Graph says the id of its template.
    DirectoryRole,
    /// An enterprise application. Graph says the id of its registration (`appId`).
    Application,
    /// A named location.
    NamedLocation,
    /// An authentication strength.
    AuthenticationStrength,
    /// Terms of use. No application may read them: the files say the id.
    TermsOfUse,
}

impl Referred {
    /// Returns what people call it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::DirectoryRole => "directory role",
            Self::Application => "application",
            Self::NamedLocation => "named location",
            Self::AuthenticationStrength => "authentication strength",
            Self::TermsOfUse => "terms of use",
        }
    }

    /// Returns Graph's property that policies refer by.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Application => "appId",
            _ => "id",
        }
    }

    /// Returns the address of what has a name.
    pub(crate) fn address(self, name: &str) -> Address {
        match self {
            Self::User => Address::principal(name),
            Self::Group => Address::group(name),
            Self::DirectoryRole => Address::new("directoryRole", name),
            Self::Application => Address::new("application", name),
            Self::NamedLocation => Section::NamedLocations.address(name),
            Self::AuthenticationStrength => Address::new("authenticationStrength", name),
            Self::TermsOfUse => Address::new("termsOfUse", name),
        }
    }

    /// Returns whether a text stands for itself: a word of Graph's, or an id that has no name here.
    /// Sources: "conditionalAccessUsers", "conditionalAccessApplications" and "conditionalAccessLocations"
    /// resource types, Graph v1.0.
    pub(crate) fn is_literal(self, text: &str) -> bool {
        let words: &[&str] = match self {
            Self::User => &["All", "None", "GuestsOrExternalUsers"],
            Self::Application => &["All", "None", "Office365", "MicrosoftAdminPortals"],
            Self::NamedLocation => &["All", "AllTrusted"],
            _ => &[],
        };
        words.contains(&text) || is_id(text)
    }

    /// Returns the id behind a name, if it is known.
    pub(crate) fn id(self, name: &str, ids: &Ids) -> Option<String> {
        match self.is_literal(name) {
            true => Some(name.to_owned()),
            false => ids.get(&self.address(name)).map(str::to_owned),
        }
    }
}

/// Returns whether a text is written as an id: eight, four, four, four and twelve hexadecimal digits.
pub(crate) fn is_id(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    let hexadecimal = |c: char| c.is_ascii_hexdigit() || c == '-';
    lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(hexadecimal)
}
