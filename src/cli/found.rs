//! What was found last where the settings say, for every worker to look at.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::stopping::Stopping;

/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The newest valid one.
pub struct Found<T>(Mutex<Arc<T>>);

impl<T> Found<T> {
    /// What the process is started with.
    pub fn new(first: Arc<T>) -> Self {
        Found(Mutex::new(first))
    }

    /// The newest.
    pub fn newest(&self) -> Arc<T> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks for a newer one again and again until told to stop.
    pub fn keep(&self, stopping: &Stopping, mut look: impl FnMut() -> Option<Arc<T>>) {
        while !stopping.wait(LOOK_EVERY) {
            if let Some(newer) = look() {
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = newer;
            }
        }
    }
}
