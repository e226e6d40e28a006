//! What was found last where the settings say, for every worker to look at.

use std::sync::{Arc, Mutex, PoisonError};

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

    /// A newer one was found.
    pub fn renew(&self, newer: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(newer);
    }
}
