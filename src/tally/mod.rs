//! What collect tells assess: counts, coverage, signals, and time itself.
//!
//! One tally is one record of `hazard.tallies`: what one input partition added up for one destination in one commit. It
//! names cells and measures by their codes, so that a stored log explains itself under any later taxonomy.

pub mod codec;
mod subject;

use serde::{Deserialize, Serialize};

use crate::event::{Action, EventTime};
use crate::log::Input;
use crate::taxonomy::{Grade, Level};

pub use codec::{NEWEST, StateError};
pub use subject::{Cell, Subject};

/// The header of a record of the tallies log that says when the oldest event behind it arrived: milliseconds since the
/// epoch, in decimal. It is for latency metrics alone: no task reads it.
pub const OLDEST_ARRIVAL: &str = "oldest-arrival";

/// One record of the tallies log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tally<C = Vec<SliceCounts>> {
    /// The input partition it comes from.
    pub input: Input,
    /// The partition of that input.
    pub partition: u32,
    /// How many partitions that input has: unknown ones enter at the current event clock and hold it.
    pub partitions: u32,
    /// The input offsets it reflects: first, and last + 1. Equal for a tick.
    pub offsets: (i64, i64),
    /// The worker's clock when it was written.
    pub clock: EventTime,
    /// The newest moment that the partition has reached: min(max accepted event time, clock); the clock when idle.
    pub frontier: EventTime,
    /// No on-time event before this is still to come: frontier − allowed disorder, never moving back.
    pub watermark: EventTime,
    /// Read to its end and silent for the idle time.
    pub idle: bool,
    /// The cells that `counts` and `coverage` index.
    pub cells: Vec<Cell>,
    /// The measures that `counts` index, by name.
    pub measures: Vec<String>,
    /// What was added up: in the order of the slices, or nearly so.
    pub counts: C,
    /// Coverage that changed, absolute for this input partition.
    pub coverage: Vec<Coverage>,
    /// What happened to single subjects, in the order of the input.
    pub signals: Vec<Signal>,
}

/// What was added up in one of the finest slices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceCounts {
    /// Where it starts.
    pub slice: EventTime,
    /// What is in it.
    pub counts: Vec<Count>,
}

/// So many of a measure in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Index into `cells`.
    pub cell: u16,
    /// Index into `measures`.
    pub measure: u16,
    /// How many, ≥ 1.
    pub count: u32,
}

/// How many sensors of a cell this input partition hears and expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Index into `cells`.
    pub cell: u16,
    /// Heard within their no-data time.
    pub heard: u32,
    /// Expected.
    pub expected: u32,
}

/// Something happened to one subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// The subject.
    pub subject: Subject,
    /// Where it is (code), and what it belongs to.
    pub region: String,
    /// Its sector's code.
    pub sector: String,
    /// Its enterprise.
    pub enterprise_id: Option<String>,
    /// When, in event time.
    pub at: EventTime,
    /// The input offset of the event behind it; `None` when time alone did it.
    pub offset: Option<i64>,
    /// What happened.
    pub what: What,
}

/// What happened to a subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// A sensor's alarm level moved (`None`: back to normal).
    Level {
        /// The quantity's code.
        quantity: String,
        /// The level now.
        level: Option<Level>,
        /// The side that holds the level: `H`, `HH`, `L` or `LL`; empty when normal.
        side: String,
        /// The reading that decided.
        value: f64,
        /// The set point concerned (for a return to normal: the one that was left).
        set_point: f64,
    },
    /// A sensor has not been heard for its no-data time.
    Silent {
        /// When it was last heard.
        last: EventTime,
    },
    /// A silent sensor is heard again.
    Heard,
    /// How many of a gateway's sensors this input partition hears and expects, absolute.
    Gateway {
        /// Heard.
        heard: u32,
        /// Expected.
        expected: u32,
    },
    /// A hazard or item reached a stage.
    Stage {
        /// The kind's code.
        kind: String,
        /// The stage's code.
        stage: String,
        /// A hazard's grade.
        grade: Option<Grade>,
        /// A hazard's clause.
        clause: Option<String>,
        /// An item's level.
        level: Option<Level>,
        /// The deadline in force.
        due: Option<EventTime>,
        /// Whether this stage ends it.
        terminal: bool,
    },
    /// The deadline of the current stage passed.
    Overdue {
        /// The kind's code.
        kind: String,
        /// The stage's code.
        stage: String,
        /// The deadline.
        due: EventTime,
    },
    /// A stage arrived whose predecessor has not: held for the lateness allowed.
    Held {
        /// The kind's code.
        kind: String,
        /// The stage's code.
        stage: String,
    },
    /// A held stage found its predecessor (`legal`) or was rejected.
    Unheld {
        /// The kind's code.
        kind: String,
        /// The stage's code.
        stage: String,
        /// Whether it was legal in the end.
        legal: bool,
    },
    /// An officer's command for the alert named in the subject.
    Command {
        /// The command's id.
        id: String,
        /// What to do.
        action: Action,
        /// Who gave it.
        by: Option<String>,
        /// When an acknowledgement or silence ends.
        expires_at: Option<EventTime>,
        /// To whom it is assigned.
        assignee: Option<String>,
        /// Why.
        note: Option<String>,
        /// The original bytes, for the dead letter of an unknown alert.
        original: Vec<u8>,
    },
}
