//! An embedded Microsoft Graph tenant over real HTTP on loopback. It knows Graph and nothing of
//! who calls it: users, invitations, deleted items, groups, memberships, sponsors, roles, paged,
//! filtered, batched and refused as documented; and it can be told to misbehave.
//!
//! ```no_run
//! # async fn demo() -> Result<(), Box<dyn std::error::Error>> {
//! use guestlist_sandbox::{Behaviour, Sandbox, serve};
//!
//! let sandbox = Sandbox::seeded("2026-11-22T03:00:00Z".parse()?);
//! sandbox.behave(Behaviour { page_size: Some(2), ..Behaviour::default() });
//! let server = serve(sandbox.clone(), ([127, 0, 0, 1], 0).into(), None).await?;
//! println!("{}/v1.0/users, Authorization: Bearer {}", server.graph_url, sandbox.token());
//! # Ok(())
//! # }
//! ```

mod apps;
mod audits;
mod batch;
mod behaviour;
mod call;
mod check;
mod collaboration;
mod conditional_access;
mod cost;
mod cross_tenant;
mod deleted;
mod directory;
mod engine;
mod error;
mod expiration;
mod faults;
mod filter;
mod fixture;
mod generated;
mod groups;
mod guest;
mod handle;
mod http;
mod invitations;
mod licenses;
mod links;
mod list;
mod mail;
mod members;
mod options;
mod people;
mod permissions;
mod privileged;
mod query;
mod quota;
mod roles;
mod routes;
mod rule;
mod sandbox;
mod schema;
mod seed;
mod serve;
mod settings;
mod source;
mod sponsors;
mod store;
mod tenant;
#[cfg(test)]
mod testing;
mod time;
mod tls;
mod token;
mod units;
mod users;

pub use behaviour::{Act, Behaviour, Canned, Elsewhere, Fault, When};
pub use engine::Received;
pub use error::SandboxError;
pub use handle::{Handled, HttpAnswer};
pub use quota::{Quota, Rate};
pub use sandbox::Sandbox;
pub use serve::{Server, serve};
pub use tls::Tls;
