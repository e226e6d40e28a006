//! Ctrl-C and SIGTERM ask the program to end; whoever works looks at the request between two steps.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A request to stop, shared by everybody who has to hear it.
#[derive(Clone, Debug, Default)]
pub struct Stopping {
    inner: Arc<(Mutex<bool>, Condvar)>,
}

impl Stopping {
    /// Listens for Ctrl-C and SIGTERM. A second signal ends the process at once.
    ///
    /// # Errors
    /// If this process listens already.
    pub fn on_signal() -> anyhow::Result<Self> {
        let stopping = Stopping::default();
        let heard = stopping.clone();
        ctrlc::set_handler(move || {
            if heard.requested() {
                // Whoever asks twice does not want to wait for the drain; 130 is what a shell shows for Ctrl-C.
                std::process::exit(130);
            }
            heard.request();
        })?;
        Ok(stopping)
    }

    /// Asks everybody to stop.
    pub fn request(&self) {
        *self.inner.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.inner.1.notify_all();
    }

    /// Whether somebody asked.
    pub fn requested(&self) -> bool {
        *self.inner.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until somebody asks, `timeout` at most; says whether somebody did.
    pub fn wait(&self, timeout: Duration) -> bool {
        let asked = self.inner.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.inner.1.wait_timeout_while(asked, timeout, |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
