//! What can go wrong between us and Graph, in words that name the request; and what the parts that
//! decide may ask of a failure. Replies are read by `error/fault.rs`.

mod fault;

use crate::throttle::PATIENCE;
use std::fmt;

pub(crate) use fault::{Fault, clean};

use crate::auth::AuthError;

/// Why a request, or the whole conversation, failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Graph, or something in front of it, answered with an error status.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// No answer came, or not the whole of it.
    #[error("{call} → no answer: {cause}")]
    Lost {
        /// The request: verb and path.
        call: String,
        /// What happened to the connection.
        cause: String,
        /// Whether it was a write, which may have happened all the same.
        write: bool,
        /// The `client-request-id`, by which Microsoft's support can find it.
        request_id: String,
    },
    /// There was no connection; nothing was sent.
    #[error("{call} → not sent: {cause}")]
    Unreachable {
        /// The request: verb and path.
        call: String,
        /// What happened to the connection.
        cause: String,
    },
    /// An answer came that is not one of Graph's.
    #[error("{call} → {status}, but {why}")]
    Unreadable {
        /// The request: verb and path.
        call: String,
        /// The status, which claims success.
        status: u16,
        /// What is wrong with the body.
        why: String,
        /// Whether it was a write, which may have happened all the same.
        write: bool,
        /// The request id.
        request_id: String,
    },
    /// A reply asks to go on somewhere else. The token does not leave the Graph root.
    #[error("{call} → foreign next link to {origin}; not followed")]
    ForeignLink {
        /// The request: verb and path.
        call: String,
        /// Where the link points.
        origin: String,
    },
    /// A list never ends: a page comes again, or ever more bring nothing new.
    #[error("{call} → the pages of this list never end")]
    Loop {
        /// The request: verb and path.
        call: String,
    },
    /// An answer does not have the shape that Graph documents.
    #[error("GET {path} → {why}")]
    Shape {
        /// The path that was read.
        path: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// A path would be read differently than it is written.
    #[error("{call} is not a path below the Graph root")]
    BadPath {
        /// The request: verb and path.
        call: String,
    },
    /// Somebody asked to stop before it was sent.
    #[error("{call} → not sent: the run was interrupted")]
    Stopped {
        /// The request: verb and path.
        call: String,
    },
    /// No token.
    #[error("no token for Microsoft Graph: {0}")]
    SignIn(String),
    /// No credential.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// Somebody else wrote to an account while we did.
    #[error("{0}: someone else changed the account meanwhile; run again")]
    Changed(String),
    /// What is done could not be noted, so it was not done.
    #[error("the journal could not be written: {0}")]
    Journal(String),
    /// The trusted CAs cannot be used.
    #[error("trusted CAs: {0}")]
    Trust(String),
}

/// An answer with an error status.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The request: verb and path.
    pub call: String,
    /// The status.
    pub status: u16,
    /// Graph's error codes, the outermost first; empty when the answer is not Graph's.
    pub codes: Vec<String>,
    /// Graph's message, or what the answer is instead.
    pub message: String,
    /// The request id.
    pub request_id: String,
    /// Whether the answer has the shape of Graph's errors. A proxy's page has not.
    pub from_graph: bool,
    /// The permission that the request needs, where that is known.
    pub permission: Option<String>,
    /// What the token grants.
    pub granted: Vec<String>,
    /// Whether it is a write that may have happened all the same.
    pub lost: bool,
    /// How long Graph asks to wait.
    pub retry_after: Option<std::time::Duration>,
    /// Whether Graph wants a token with other claims (continuous access evaluation).
    pub claims_challenge: bool,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.call, self.status)?;
        if let Some(code) = self.codes.iter().find(|code| !code.is_empty()) {
            write!(f, " {code}")?;
        }
        if self.message.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.message)
        }
    }
}

impl Refusal {
    fn says(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        self.message.to_ascii_lowercase().contains(&text)
            || self
                .codes
                .iter()
                .any(|code| code.to_ascii_lowercase().contains(&text))
    }

    fn is_licence(&self) -> bool {
        // Codes as reported from sign-in data and from PIM; neither stands in a stored page.
        matches!(self.status, 400 | 403) && (self.says("PremiumLicense") || self.says("NonPremium"))
    }
}

/// Messages of a 400 that mean "not yet" when the object is younger than the replica that answers.
/// Source: issues microsoft-graph-docs-contrib#2465 and msgraph-sdk-dotnet#2508.
const NOT_YET: [&str; 4] = [
    "Not a valid reference update",
    "Unable to read the company information",
    "does not exist or one of its queried reference-property objects are not present",
    "One or more property values specified are invalid",
];

impl Error {
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Returns that the answer to a read does not have the documented shape.
    pub(crate) fn shape(path: &str, why: &dyn std::error::Error) -> Self {
        Self::Shape {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }

    /// Returns the status that Graph answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            Self::Unreadable { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Returns the id by which the request can be found in Microsoft's logs.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => Some(&refusal.request_id),
            Self::Lost { request_id, .. } | Self::Unreadable { request_id, .. } => Some(request_id),
            _ => None,
        }
    }

    /// Returns whether Graph asked for quiet, for longer than a run waits.
    pub(crate) fn is_long_throttle(&self) -> bool {
        self.refusal().is_some_and(|refusal| {
            let asked = refusal.retry_after.unwrap_or_default();
            refusal.status == 429 && asked > PATIENCE
        })
    }

    /// Returns whether Graph refused what was sent for what is in it: parts of it may pass.
    pub(crate) fn is_about_content(&self) -> bool {
        self.refusal().is_some_and(|refusal| {
            let other = [401, 408, 429].contains(&refusal.status);
            (400..500).contains(&refusal.status) && !other && !refusal.lost
        })
    }

    /// Returns whether this is about one mail and says nothing of others: its recipients, or a guest whom
    /// somebody else changed.
    pub(crate) fn is_about_one_mail(&self) -> bool {
        let refused = self.refusal();
        matches!(self, Self::Changed(_))
            || refused.is_some_and(|refusal| refusal.status == 400 && !refusal.lost)
    }

    /// Returns whether this means "not yet", if it is about an object that this run created.
    pub fn is_not_yet(&self) -> bool {
        self.refusal().is_some_and(|refusal| match refusal.status {
            404 => refusal.from_graph,
            400 => NOT_YET.iter().any(|text| refusal.says(text)),
            _ => false,
        })
    }

    /// Returns whether the write may have happened, so that the tenant must be asked before it
    /// is sent again.
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.lost,
            Self::Lost { write, .. } | Self::Unreadable { write, .. } => *write,
            _ => false,
        }
    }

    /// Returns whether Microsoft has locked the tenant's invitations, which ends the phase: more
    /// attempts make it worse. Source: Microsoft Q&A on bulk New-MgInvitation, reported.
    pub fn is_suspicious_activity(&self) -> bool {
        self.refusal()
            .is_some_and(|refusal| refusal.says("suspicious activity"))
    }

    /// Returns whether Graph says that there is no such object. A proxy's 404 does not count.
    pub fn is_missing(&self) -> bool {
        self.refusal()
            .is_some_and(|refusal| refusal.status == 404 && refusal.from_graph)
    }

    /// Returns whether permission or licence is what is missing.
    pub fn is_denied(&self) -> bool {
        self.refusal().is_some_and(|refusal| {
            refusal.from_graph && (refusal.status == 403 || refusal.is_licence())
        })
    }

    /// Returns whether the tenant does not serve what was asked for, or not in this form.
    pub(crate) fn is_unserved(&self) -> bool {
        matches!(self.status(), Some(400 | 404 | 405 | 501))
    }

    /// Returns whether Graph does not know a property of the body, as opposed to disliking its value
    /// because something else has it: then sending the rest would make a second object.
    pub(crate) fn refuses(&self, property: &str) -> bool {
        let Self::Refused(refusal) = self else {
            return false;
        };
        let taken = ["already exist", "same value", "conflict"]
            .iter()
            .any(|text| refusal.says(text));
        refusal.status == 400 && refusal.from_graph && refusal.says(property) && !taken
    }

    pub(crate) fn says(&self, status: u16, text: &str) -> bool {
        self.refusal()
            .is_some_and(|refusal| refusal.status == status && refusal.says(text))
    }

    /// Returns the error with the permission that its request needs, for the hint.
    pub fn needing(mut self, permission: &str) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.permission = Some(permission.to_owned());
        }
        self
    }

    /// Returns what to do next, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Refused(refusal) => return refusal.hint(),
            Self::Auth(error) => return error.hint(),
            Self::Lost { write: true, .. } | Self::Unreadable { write: true, .. } => {
                MAY_HAVE_HAPPENED
            }
            Self::Lost { .. } | Self::Unreachable { .. } => {
                "check the network, HTTPS_PROXY, and the CAs that SSL_CERT_FILE names"
            }
            Self::Unreadable { .. } | Self::Shape { .. } => NOT_GRAPH,
            Self::ForeignLink { .. } => {
                "is GUESTLIST_GRAPH_ENDPOINT the Graph root, and does what stands there rewrite links?"
            }
            Self::SignIn(_) => {
                "check tenant, application and credential: the line above says which one was chosen"
            }
            Self::Loop { .. }
            | Self::BadPath { .. }
            | Self::Stopped { .. }
            | Self::Changed(_)
            | Self::Journal(_)
            | Self::Trust(_) => return None,
        };
        Some(hint.to_owned())
    }
}

const MAY_HAVE_HAPPENED: &str = "it may have happened all the same: plan again before repeating it";
const NOT_GRAPH: &str =
    "a proxy or gateway may stand in between; this is not an answer of Microsoft Graph";

impl Refusal {
    fn hint(&self) -> Option<String> {
        let text = match self.status {
            429 | 509 => match self.retry_after {
                Some(wait) => format!("Graph asks to wait {} seconds; run again later", wait.as_secs()),
                None => "the tenant is throttled; run again later".to_owned(),
            },
            _ if self.lost => MAY_HAVE_HAPPENED.to_owned(),
            _ if !self.from_graph => NOT_GRAPH.to_owned(),
            _ if self.says("suspicious activity") => {
                "Microsoft has locked this tenant's invitations: only its support lifts that; invite nobody until then".to_owned()
            }
            _ if self.is_licence() => "this needs a Microsoft Entra ID P1 or P2 licence".to_owned(),
            403 => self.permission_hint(),
            401 if self.claims_challenge => {
                "Graph takes no token from here (continuous access evaluation): check the Conditional Access \
                 policies for workload identities and the location of this machine"
                    .to_owned()
            }
            401 => "is the token of the cloud and tenant that the Graph root belongs to?".to_owned(),
            _ => return None,
        };
        Some(text)
    }

    /// 403 is a missing permission, a target above our rights, or a tenant policy; the token's
    /// roles tell the first from the others.
    fn permission_hint(&self) -> String {
        let granted = match self.granted.as_slice() {
            [] => "no permission that the token shows".to_owned(),
            granted => granted.join(", "),
        };
        match &self.permission {
            Some(permission) if self.granted.contains(permission) => format!(
                "{permission} is granted; the target may hold a role or be in a restricted management \
                 administrative unit, or a policy of the tenant forbids this"
            ),
            Some(permission) => format!("needs {permission}; this app was granted {granted}"),
            None => format!("this app was granted {granted}"),
        }
    }
}
