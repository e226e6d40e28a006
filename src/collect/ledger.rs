//! What became of each record, and the other numbers that a task reports.

use std::collections::BTreeMap;

use crate::event::{EventTime, Reason};

/// What became of an input's records. consumed = counted + duplicate + rejected + held, at every commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Records read.
    pub consumed: i64,
    /// Events that took effect.
    pub counted: i64,
    /// Events dropped because their id was known.
    pub duplicate: i64,
    /// Events sent to `hazard.rejects`.
    pub rejected: i64,
    /// Stages that wait for their predecessor, their bytes in the state. In `added`: the change.
    pub held: i64,
}

impl Ledger {
    /// consumed − (counted + duplicate + rejected + held): 0, or something was lost or counted twice.
    pub const fn difference(&self) -> i64 {
        self.consumed - (self.counted + self.duplicate + self.rejected + self.held)
    }
}

impl std::ops::Sub for Ledger {
    type Output = Ledger;

    fn sub(self, earlier: Ledger) -> Ledger {
        Ledger {
            consumed: self.consumed - earlier.consumed,
            counted: self.counted - earlier.counted,
            duplicate: self.duplicate - earlier.duplicate,
            rejected: self.rejected - earlier.rejected,
            held: self.held - earlier.held,
        }
    }
}

/// How late the late events of one commit were.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LateSeen {
    /// How many events were late by at most [`LATE_SECONDS`]`[i]` and more than the bound before; the last one has no bound.
    pub counts: [u64; LATE_SECONDS.len() + 1],
    /// The sum of their lateness in seconds.
    pub sum_seconds: f64,
}

/// The buckets of lateness in seconds: a network's jitter, a phone offline, a mine that uploads by the shift, a week.
pub const LATE_SECONDS: [f64; 9] =
    [1.0, 10.0, 60.0, 600.0, 3600.0, 21_600.0, 86_400.0, 604_800.0, 2_592_000.0];

impl LateSeen {
    /// Counts one event that was `late_ms` behind the watermark.
    pub fn add(&mut self, late_ms: i64) {
        let seconds = late_ms as f64 / 1000.0;
        let bucket = LATE_SECONDS.iter().position(|bound| seconds <= *bound).unwrap_or(LATE_SECONDS.len());
        self.counts[bucket] += 1;
        self.sum_seconds += seconds;
    }

    /// Adds what another one saw.
    pub fn merge(&mut self, other: &LateSeen) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
        self.sum_seconds += other.sum_seconds;
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_that_balances_has_no_difference() {
        let ledger = Ledger { consumed: 10, counted: 5, duplicate: 2, rejected: 1, held: 2 };
        assert_eq!(ledger.difference(), 0);
        assert_eq!((ledger - Ledger { held: 3, consumed: 3, ..Ledger::default() }).difference(), 0);
        assert_eq!(Ledger { consumed: 11, ..ledger }.difference(), 1);
    }

    #[test]
    fn lateness_falls_into_the_bucket_whose_bound_it_does_not_pass() {
        let mut late = LateSeen::default();
        for ms in [1, 1000, 1001, 3_600_000, 2_592_000_001] {
            late.add(ms);
        }
        assert_eq!(late.counts, [2, 1, 0, 0, 1, 0, 0, 0, 0, 1]);
        assert!((late.sum_seconds - 2_595_602.002_001).abs() < 0.1, "{}", late.sum_seconds);
    }
}
