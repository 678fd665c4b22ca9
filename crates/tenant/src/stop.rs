//! A wish to stop, from whoever runs the program: what is under way is finished, nothing more is
//! begun, and nobody goes on waiting.

use tokio::sync::watch;
use tokio::time::Instant;

/// Asks a run to stop. Clones share the wish.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Stop {
    /// Asks.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether somebody asked.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Sleeps until an instant, or until somebody asks.
    pub(crate) async fn sleep_until(&self, until: Instant) {
        let mut asked = self.0.subscribe();
        tokio::select! {
            () = tokio::time::sleep_until(until) => {}
            // The sender lives as long as `self`, so this ends only when somebody asks.
            _ = asked.wait_for(|asked| *asked) => {}
        }
    }
}
