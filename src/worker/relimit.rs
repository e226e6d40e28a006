//! Sensors' limits that change while the worker runs.
//!
//! To its tasks this is a restart with other limits: what is done under the old ones is committed, then they are restored
//! under the new ones, and a sensor whose level is another one now says so, once. Nothing of it has to stand in the log: a
//! sensor belongs to one task, and its moves travel as signals.

use std::sync::Arc;

use super::{Plan, Worker};
use crate::event::EventTime;
use crate::log::Failure;
use crate::taxonomy::Taxonomy;

impl Worker {
    /// Tells the worker the taxonomy that was found last. It must differ from the one before in limits alone.
    pub fn relimit(&mut self, found: Arc<Taxonomy>) {
        if !Arc::ptr_eq(&found, &self.plan.taxonomy) {
            self.relimited = Some(found);
        }
    }

    /// Lets the tasks work by other limits, if there are any.
    pub(super) fn take_limits_over(&mut self, clock: EventTime) -> Result<(), Failure> {
        let Some(taxonomy) = self.relimited.clone() else { return Ok(()) };
        self.commit(clock)?;
        self.relimited = None;
        self.plan = Arc::new(Plan { taxonomy, ..Plan::clone(&self.plan) });
        self.rebuild();
        Ok(())
    }
}
