//! What became of each record, and the other numbers that a task reports.

use std::collections::BTreeMap;

use crate::event::{EventTime, Reason};
pub use crate::worker::report::{LateSeen, Ledger};

/// What one flush adds to a task's numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers {
    /// The ledger's increase.
    pub added: Ledger,
    /// Rejects by reason.
    pub rejects: BTreeMap<Reason, u64>,
    /// How late the late events were.
    pub late: LateSeen,
    /// The sensor, or else the event id, of the last event that was quarantined for its clock.
    pub quarantined: Option<String>,
    /// Hazards that were adopted in the middle of their life.
    pub adopted: u64,
    /// What a limit dropped, by the limit's name in the settings.
    pub limited: BTreeMap<&'static str, u64>,
    /// Sensors that left because they were not heard for `expected_for`, at most 100 of them by name.
    pub departed: Vec<String>,
    /// Records of the state that the present taxonomy has no place for.
    pub orphaned: u64,
}

impl Numbers {
    /// A limit dropped something.
    pub fn limit(&mut self, name: &'static str, count: u64) {
        if count > 0 {
            *self.limited.entry(name).or_default() += count;
        }
    }
}

/// A task as of its last flush.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The ledger since the input's beginning.
    pub ledger: Ledger,
    /// What the last flush added.
    pub numbers: Numbers,
    /// The next input offset.
    pub next_offset: i64,
    /// No on-time event before this is still to come; [`EventTime::MIN`] before the first one.
    pub watermark: EventTime,
    /// The newest moment that the partition has reached.
    pub frontier: EventTime,
    /// Read to its end and silent for the idle time.
    pub idle: bool,
    /// How full the bounded tables are: `sensors`, `silent_sensors`, `items`, `held`, `id_slots`.
    pub tables: BTreeMap<&'static str, u64>,
    /// Gateways of which no sensor is heard, by id.
    pub silent_gateways: Vec<String>,
}

impl Default for Report {
    /// Before the first flush.
    fn default() -> Self {
        Report {
            ledger: Ledger::default(),
            numbers: Numbers::default(),
            next_offset: 0,
            watermark: EventTime::MIN,
            frontier: EventTime::MIN,
            idle: false,
            tables: BTreeMap::new(),
            silent_gateways: Vec::new(),
        }
    }
}
