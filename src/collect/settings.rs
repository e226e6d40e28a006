//! What a collect task leaves to the configuration.

use jiff::tz::TimeZone;

/// The settings of a collect task.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The watermark trails the newest event by so much.
    pub allowed_disorder_ms: i64,
    /// A partition read to its end is idle after so long without a record.
    pub idle_after_ms: i64,
    /// An event further ahead of its arrival is quarantined.
    pub max_future_skew_ms: i64,
    /// An event's id is remembered for so long after it arrived; at most about twelve days.
    pub dedup_horizon_ms: i64,
    /// So many ids are remembered, about, before the eldest are forgotten early. Each takes 13 to 30 bytes.
    pub dedup_ids_max: usize,
    /// An event that is late by more is rejected: the longest horizon of any window.
    pub longest_horizon_ms: i64,
    /// The finest slice of any window: counts are added up in it; 0 where there is no window.
    pub finest_slice_ms: i64,
    /// A stage waits for its predecessor until the watermark is so far past it.
    pub hold_for_ms: i64,
    /// A sensor that is silent for so long is no longer expected; a closed item is forgotten.
    pub expected_for_ms: i64,
    /// A tally that only tells the time is written at most so often.
    pub tick_every_ms: i64,
    /// Stages that may wait at once.
    pub held_max: usize,
    /// Sensors, gateways and items, each, that are remembered.
    pub subjects_max: usize,
    /// A longer event is rejected.
    pub max_event_bytes: usize,
    /// The zone whose days `due` dates are.
    pub zone: TimeZone,
    /// The input topic's own name, for dead letters.
    pub source_topic: String,
}

impl Default for Settings {
    fn default() -> Self {
        const DAY_MS: i64 = 86_400_000;
        Settings {
            allowed_disorder_ms: 30_000,
            idle_after_ms: 10_000,
            max_future_skew_ms: 60_000,
            dedup_horizon_ms: 600_000,
            dedup_ids_max: 16_000_000,
            longest_horizon_ms: 30 * DAY_MS,
            finest_slice_ms: 10_000,
            hold_for_ms: 3_600_000,
            expected_for_ms: 30 * DAY_MS,
            tick_every_ms: 1_000,
            held_max: 10_000,
            subjects_max: 1_000_000,
            max_event_bytes: 64 * 1024,
            zone: TimeZone::fixed(jiff::tz::offset(8)),
            source_topic: String::new(),
        }
    }
}
