//! Ctrl-C and SIGTERM during an apply: the first finishes what is under way and reports, the
//! second stops now. Every line of the journal is on disk already.

use guestlist_tenant::Stop;

use crate::exit::Exit;
use crate::output::tell;

/// Listens until the program ends.
pub(crate) fn listen(stop: Stop) {
    tokio::spawn(async move {
        asked().await;
        stop.ask();
        tell("\nstopping: what is under way is finished; once more stops now");
        asked().await;
        tell("\nstopped; planning again is safe");
        std::process::exit(Exit::Partly as i32);
    });
}

/// Waits for the next signal. Where none can be listened for, the system's own end stands.
async fn asked() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
