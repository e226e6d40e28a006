//! What a worker says about itself: plain data, made after each commit, read by [`metrics`](crate::metrics) and
//! [`view`](crate::view).
//!
//! Nothing here is cumulative unless it says so: `added` is what the commit added, so that whoever reads it only adds up.
//! What was rolled back is never reported.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::{EventTime, Reason};
use crate::log::{Input, TopicPartition};
use crate::taxonomy::Grade;

pub use super::watch::Unwatched;
pub use crate::collect::ledger::{LATE_SECONDS, LateSeen, Ledger};

/// Everything a worker reports, in the order in which it happens.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Report {
    Member(MemberReport),
    Restore(RestoreReport),
    Commit(CommitReport),
    Collect(Box<CollectReport>),
    Assess(Box<AssessReport>),
    Rules(RulesReport),
    /// These partitions are no longer this worker's: what is shown of them goes.
    Released(Vec<TopicPartition>),
    Trouble(TroubleReport),
}

/// How a worker stands in its group. Sent at every change, and once at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberReport {
    /// The worker, from 0.
    pub worker: usize,
    /// Joined, and no rebalance is under way. A stable member may own nothing.
    pub stable: bool,
    /// The partitions it owns.
    pub assigned: Vec<TopicPartition>,
    /// A rebalance ended with this report.
    pub rebalanced: bool,
}

/// How far a worker has restored its tasks' state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// The worker.
    pub worker: usize,
    /// Records read of `hazard.state` and of the inputs' tails.
    pub done: u64,
    /// Records to read; `done >= total` means restored.
    pub total: u64,
    /// Since the restore began, by the shell's stopwatch.
    pub elapsed: Duration,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum TransactionResult {
    Committed,
    Aborted,
    Fenced,
    TimedOut,
}

impl TransactionResult {
    /// Every member.
    pub const ALL: [TransactionResult; 4] = [Self::Committed, Self::Aborted, Self::Fenced, Self::TimedOut];

    /// The `result` label.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Aborted => "aborted",
            Self::Fenced => "fenced",
            Self::TimedOut => "timed_out",
        }
    }
}

/// One transaction, from its first effect to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct CommitReport {
    /// The worker.
    pub worker: usize,
    /// From the call of commit to its answer, by the shell's clock; zero unless it was committed.
    pub duration: Duration,
    /// How it ended.
    pub result: TransactionResult,
    /// Records written, by topic name (`windows`, `state`, …).
    pub outputs: BTreeMap<&'static str, u64>,
    /// How long after their arrival the effects of events were committed: of each tally that an assess task applied, the
    /// age of its oldest event, and how many events it tells of.
    pub latencies: Vec<(Duration, u64)>,
}

impl CommitReport {
    /// A transaction that ended otherwise than by its commit.
    pub fn failed(worker: usize, result: TransactionResult) -> Self {
        CommitReport {
            worker,
            duration: Duration::ZERO,
            result,
            outputs: BTreeMap::new(),
            latencies: Vec::new(),
        }
    }
}

/// One collect task after a commit.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectReport {
    /// The input.
    pub input: Input,
    /// Its partition.
    pub partition: u32,
    /// The ledger as the task keeps it.
    pub ledger: Ledger,
    /// What this commit added to it.
    pub added: Ledger,
    /// Rejects that this commit added, by reason.
    pub rejects: BTreeMap<Reason, u64>,
    /// Events that came after the watermark, as this commit saw them.
    pub late: LateSeen,
    /// Hazards and items adopted in the middle of their life by this commit.
    pub adopted: u64,
    /// What a limit dropped in this commit, by the limit's name in the settings (`held_max`, …).
    pub limited: BTreeMap<&'static str, u64>,
    /// The next offset that it will read.
    pub next_offset: i64,
    /// The end of the partition as last told by the broker.
    pub end_offset: i64,
    /// No on-time event before this is still to come; [`EventTime::MIN`] before the first one.
    pub watermark: EventTime,
    /// The newest moment that the partition has reached.
    pub frontier: EventTime,
    /// The worker's clock at this report.
    pub clock: EventTime,
    /// Read to its end and silent for the idle time.
    pub idle: bool,
    /// Sensors that it remembers, ids in the duplicate table, open hazards and items: how full the bounded tables are.
    pub tables: BTreeMap<&'static str, u64>,
    /// Gateways of which no sensor is heard, by id.
    pub silent_gateways: Vec<String>,
}

/// One assess task after a commit.
#[derive(Clone, Debug, PartialEq)]
pub struct AssessReport {
    /// The tallies partition.
    pub partition: u32,
    /// How many partitions the tallies log has: which cells and alerts are this task's follows from it.
    pub partitions: u32,
    /// The worker's clock at this report.
    pub clock: EventTime,
    /// Its event clock: the minimum over all input partitions.
    pub event_clock: EventTime,
    /// The input partition that holds the event clock back, if one does.
    pub held_by: Option<(Input, u32)>,
    /// Cells that it owns.
    pub cells: u64,
    /// Slices that it keeps.
    pub slices: u64,
    /// Open hazards by grade and the code of the region that they lie in (not those above it). Cheap to make only now and
    /// then: `None` leaves what was reported before.
    pub open_hazards: Option<BTreeMap<(String, Grade), u64>>,
    /// How long each of its counties was not watched, since the county's first count.
    pub unwatched: BTreeMap<String, Unwatched>,
    /// What a limit dropped in this commit, by the limit's name in the settings.
    pub limited: BTreeMap<&'static str, u64>,
    /// Alert transitions of this commit, by status reached.
    pub transitions: BTreeMap<&'static str, u64>,
    /// The next offset of the tallies partition.
    pub next_offset: i64,
    /// The end of the tallies partition as last told by the broker.
    pub end_offset: i64,
}

/// Which rules a worker judges by. Sent at every change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesReport {
    /// The worker.
    pub worker: usize,
    /// The number of their announcement; 0: none yet, they are those that the process was started with.
    pub number: u64,
    /// The first digits of their hash; `None`: it has no assess task, and judges nothing.
    pub hash: Option<String>,
    /// Names of rules that nobody can judge here: they watch a window that is not configured.
    pub aside: Vec<String>,
}

/// What a worker waits for when it cannot go on; `None` in `waits_for` when it goes on again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TroubleReport {
    /// The worker.
    pub worker: usize,
    /// In one sentence for a person: what happened and what would mend it.
    pub waits_for: Option<String>,
}
