//! Acts: the only crate that talks to Microsoft Graph. Four plain layers, each a function to step
//! into: `Transport::send` (bytes), authorise, retry, decode. What to ask for and what to change
//! is decided elsewhere.

pub mod apply;
pub mod auth;
mod budget;
pub mod client;
pub mod error;
pub mod notify;
mod observe;
mod stop;
mod throttle;
pub mod transport;

pub use observe::observe;

pub use client::{Client, ClientOptions, Reply};
pub use error::Error;
pub use stop::Stop;

/// How every request names its sender.
pub(crate) const USER_AGENT: &str = concat!("guestlist/", env!("CARGO_PKG_VERSION"));
