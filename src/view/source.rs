//! Where events come from, as it is shown: input partitions, tallies partitions, silent gateways.

use serde::Serialize;
use utoipa::ToSchema;

use crate::event::EventTime;
use crate::worker::report::{AssessReport, CollectReport};

/// One input partition.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Source {
    /// `sensors`, `inspections`, `items`, `records` or `commands`.
    #[schema(example = "sensors")]
    pub input: String,
    /// From 0.
    pub partition: u32,
    /// The next offset that will be read.
    pub next_offset: i64,
    /// The end of the partition as last told by the broker.
    pub end_offset: i64,
    /// Records still to be read.
    pub lag: i64,
    /// No on-time event before this is still to come. RFC 3339; null before the first event.
    pub watermark: Option<String>,
    /// The newest moment that the partition has reached. RFC 3339; null before the first event.
    pub frontier: Option<String>,
    /// Read to its end and silent for the idle time: it follows the clock.
    pub idle: bool,
    /// What became of its records.
    pub ledger: LedgerEntry,
    /// Gateways of which no sensor is heard.
    pub silent_gateways: Vec<String>,
}

/// consumed = counted + duplicate + rejected + held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct LedgerEntry {
    pub consumed: i64,
    pub counted: i64,
    pub duplicate: i64,
    pub rejected: i64,
    pub held: i64,
    /// Always 0, or something was lost or counted twice.
    pub difference: i64,
}

/// One partition of the internal log.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TallySource {
    /// From 0.
    pub partition: u32,
    /// The clock that timers and closing windows go by. RFC 3339; null before the first tally.
    pub event_clock: Option<String>,
    /// The input partition that holds it back, as `input/partition`.
    pub held_by: Option<String>,
    /// Cells kept.
    pub cells: u64,
    /// Records still to be read.
    pub lag: i64,
}

impl From<CollectReport> for Source {
    fn from(report: CollectReport) -> Self {
        let ledger = report.ledger;
        Source {
            input: report.input.name().to_owned(),
            partition: report.partition,
            next_offset: report.next_offset,
            end_offset: report.end_offset,
            lag: (report.end_offset - report.next_offset).max(0),
            watermark: rfc3339(report.watermark),
            frontier: rfc3339(report.frontier),
            idle: report.idle,
            ledger: LedgerEntry {
                consumed: ledger.consumed,
                counted: ledger.counted,
                duplicate: ledger.duplicate,
                rejected: ledger.rejected,
                held: ledger.held,
                difference: ledger.difference(),
            },
            silent_gateways: report.silent_gateways,
        }
    }
}

impl From<AssessReport> for TallySource {
    fn from(report: AssessReport) -> Self {
        TallySource {
            partition: report.partition,
            event_clock: rfc3339(report.event_clock),
            held_by: report.held_by.map(|(input, partition)| format!("{}/{partition}", input.name())),
            cells: report.cells,
            lag: (report.end_offset - report.next_offset).max(0),
        }
    }
}

/// The moment in UTC; nothing for one that no calendar has, such as [`EventTime::MIN`].
fn rfc3339(time: EventTime) -> Option<String> {
    jiff::Timestamp::from_millisecond(time.ms).ok().map(|stamp| stamp.to_string())
}
