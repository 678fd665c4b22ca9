//! What Graph says when it refuses: status, code, message, details. Handlers return these; the
//! envelope around them (ids, dates) is put on in `http.rs`.

use serde_json::{Value, json};

/// A refusal, in Graph's words where they are documented or reported.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GraphError {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) details: Vec<Value>,
}

impl GraphError {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        GraphError {
            status,
            code,
            message: message.into(),
            details: Vec::new(),
        }
    }

    /// 400, the directory's own code.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "Request_BadRequest", message)
    }

    /// 400, the code of the layer in front of the directory: malformed OData, malformed JSON.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 400 for a query that the directory has no index for.
    pub(crate) fn unsupported_query(message: impl Into<String>) -> Self {
        Self::new(400, "Request_UnsupportedQuery", message)
    }

    pub(crate) fn not_found(id: &str) -> Self {
        Self::new(
            404,
            "Request_ResourceNotFound",
            format!(
                "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
            ),
        )
    }

    pub(crate) fn denied() -> Self {
        Self::new(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    pub(crate) fn unauthenticated(message: &str) -> Self {
        Self::new(401, "InvalidAuthenticationToken", message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            405,
            "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target.",
        )
    }

    pub(crate) fn no_segment(segment: &str) -> Self {
        Self::malformed(format!("Resource not found for the segment '{segment}'."))
    }

    pub(crate) fn invalid_value(property: &str, resource: &str) -> Self {
        let message =
            format!("Invalid value specified for property '{property}' of resource '{resource}'.");
        Self::bad(message.clone()).detail("InvalidValue", property, &message)
    }

    /// 400 for a value that must be unique in the tenant.
    pub(crate) fn taken(property: &str) -> Self {
        let message =
            format!("Another object with the same value for property {property} already exists.");
        Self::bad(message.clone()).detail("ObjectConflict", property, &message)
    }

    /// 400 for a link that is there already.
    pub(crate) fn already_linked(navigation: &str) -> Self {
        Self::bad(format!(
            "One or more added object references already exist for the following modified properties: '{navigation}'."
        ))
    }

    /// 501 for what Graph can do and this tenant cannot: never answered with made-up data.
    pub(crate) fn not_served(message: impl Into<String>) -> Self {
        Self::new(501, "NotImplemented", message)
    }

    fn detail(mut self, code: &str, target: &str, message: &str) -> Self {
        self.details
            .push(json!({"code": code, "target": target, "message": message}));
        self
    }
}

/// What a handler returns.
pub(crate) type Outcome<T = crate::http::Reply> = Result<T, GraphError>;

/// Why a sandbox could not be made or kept.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The state file could not be read or written.
    #[error("could not use the sandbox state file {path}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The state is no JSON, or not of the form that `Sandbox::state` returns.
    #[error("not a sandbox state")]
    State(#[source] serde_json::Error),
    /// The state is well-formed and means nothing: an unknown property, a link to nobody.
    #[error("not a sandbox state: {0}")]
    Meaning(String),
    /// Certificates for the loopback server could not be made.
    #[error("could not make certificates for the sandbox")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
}
