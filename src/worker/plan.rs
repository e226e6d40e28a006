//! What every worker of a process is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::assess;
use crate::collect;
use crate::log::Input;
use crate::taxonomy::Taxonomy;

/// What every worker of a process is told.
#[derive(Clone)]
pub struct Plan {
    /// The taxonomy.
    pub taxonomy: Arc<Taxonomy>,
    /// What collect tasks are told, by input: the dead letters name their topic.
    pub collect: BTreeMap<Input, collect::Settings>,
    /// What assess tasks are told.
    pub assess: Arc<assess::Settings>,
    /// How often a transaction is committed, in milliseconds.
    pub commit_interval_ms: i64,
    /// The same while what is read arrived long ago: a tenth of how long, but no more than this, in milliseconds.
    pub commit_interval_behind_ms: i64,
    /// News (an alert, or a signal that may raise one) need not wait for the interval, but for this long.
    pub hurry_ms: i64,
    /// Partitions of each input.
    pub input_partitions: BTreeMap<Input, u32>,
    /// Partitions of `hazard.tallies`.
    pub tallies_partitions: u32,
    /// Partitions of `hazard.state`.
    pub state_partitions: u32,
    /// Time that only runs forward, to measure commits; a simulation's stands still.
    pub stopwatch: fn() -> Duration,
}

impl Plan {
    /// How far the event clock is behind in good order: the disorder allowed, and the time until an input counts as idle.
    pub fn usual_age_ms(&self) -> i64 {
        let ages =
            self.collect.values().map(|settings| settings.allowed_disorder_ms + settings.idle_after_ms);
        ages.max().unwrap_or(0)
    }
}
