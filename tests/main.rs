//! End to end: the built binary against a served sandbox, over real HTTP and TLS, signing in with
//! azure_identity. Most cases live lower; here is what only the whole can show.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod asking;
mod assignments;
mod bad_input;
mod bad_policies;
#[cfg(all(unix, feature = "browser"))]
mod browser;
mod collaboration;
mod conditional_access;
mod cross_tenant;
mod docs;
mod editing;
mod edits;
mod expiry;
mod faults;
mod first_use;
mod fuzz;
mod governing;
mod guest_files;
mod harness;
mod held;
mod importing;
mod inside;
mod journey;
mod killed;
mod logging;
mod looks;
mod matching;
mod meanwhile;
mod notices;
mod promises;
mod properties;
mod quota;
mod random;
mod reference;
#[cfg(all(unix, feature = "browser"))]
mod report;
mod reviewing;
mod rules;
mod scale;
mod scenario;
mod schema;
mod sign_in;
mod starting;
mod stopped;
mod welcome;
mod world;
