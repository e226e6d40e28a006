//! The two kinds of task, behind what a worker needs of both.

use std::collections::BTreeMap;

use super::announce::{ANNOUNCED, Announcer};
use super::report::{AssessReport, CollectReport, Report};
use super::watch::Watch;
use crate::assess::{AssessTask, Entry, InForce};
use crate::collect::CollectTask;
use crate::event::EventTime;
use crate::log::{Cause, Failure, Input, Output, Record, Topic, TopicPartition, Verdict};
use crate::tally::{OLDEST_ARRIVAL, StateError};

/// A task of either kind.
///
/// ```text
/// Created ─► Restoring ─► Running ─► (dropped)
/// ```
///
/// A created task knows nothing; a restoring one takes records of `hazard.state` and its input's tail; a running one
/// takes its input. An abort drops it: its successor restores what is committed.
pub enum Task {
    /// Of one input partition.
    Collect(Box<CollectTask>),
    /// Of one tallies partition, and what its worker keeps beside it.
    Assess(Box<AssessTask>, Box<Beside>),
}

/// What a worker keeps beside an assess task, and in the same place of `hazard.state`.
pub struct Beside {
    /// How well the task watches its counties.
    watch: Watch,
    /// Which rules were announced last; of the first task alone.
    pub announcer: Announcer,
}

impl Beside {
    /// Of a task that knows nothing, whose event clock is so far behind in good order.
    pub fn new(usual_age_ms: i64) -> Self {
        Beside { watch: Watch::new(usual_age_ms), announcer: Announcer::default() }
    }
}

impl Task {
    /// Takes one of its records of `hazard.state` back. The log is compacted only now and then: a key's records come in
    /// their order, and a tombstone takes back what came before it.
    pub fn restore(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), StateError> {
        match self {
            Task::Collect(task) => task.restore(key, value),
            Task::Assess(task, beside) => {
                let damaged = || StateError::Damaged { what: String::from_utf8_lossy(key).into_owned() };
                let text = std::str::from_utf8(key).map_err(|_| damaged())?;
                let mut parts = text.splitn(3, '|').skip(1);
                let (Some(kind), Some(id)) = (parts.next(), parts.next()) else { return Err(damaged()) };
                match (kind, value) {
                    (WATCH, Some(stored)) => beside.watch.restore(stored),
                    (ANNOUNCED, Some(stored)) => beside.announcer.restore(stored),
                    _ => task.restore(kind, id, value),
                }
            }
        }
    }

    /// The input offset that its state reflects; `None` when there was no state.
    pub fn reflected(&self) -> Option<i64> {
        match self {
            Task::Collect(task) => task.resume().map(|resume| resume.next),
            Task::Assess(task, _) => task.reflected(),
        }
    }

    /// A first start at `offset`: there is no state and no committed offset.
    pub fn start_at(&mut self, offset: i64) {
        match self {
            Task::Collect(task) => task.start_at(offset),
            Task::Assess(task, _) => task.start_at(offset),
        }
    }

    /// The next offset that it wants.
    pub fn next_offset(&self) -> i64 {
        match self {
            Task::Collect(task) => task.next_offset(),
            Task::Assess(task, _) => task.next_offset(),
        }
    }

    /// The rules that it judges by.
    pub fn in_force(&self) -> Option<&InForce> {
        match self {
            Task::Collect(_) => None,
            Task::Assess(task, _) => Some(task.in_force()),
        }
    }

    /// How it stands after a commit; `end_offset` is the end of its input as last told by the broker, `partitions` how many
    /// the tallies log has.
    pub fn report(
        &mut self,
        at: TopicPartition,
        partitions: u32,
        end_offset: i64,
        clock: EventTime,
    ) -> Report {
        match self {
            Task::Collect(task) => {
                let Topic::Input(input) = at.topic else {
                    unreachable!("collect tasks are made for inputs alone")
                };
                Report::Collect(Box::new(collect_report(task, (input, at.partition), end_offset, clock)))
            }
            Task::Assess(task, beside) => {
                let unwatched = beside.watch.counties().clone();
                let report = assess_report(task, partitions, end_offset, clock);
                Report::Assess(Box::new(AssessReport { unwatched, ..report }))
            }
        }
    }

    /// Records of the state that the next flush will write.
    pub fn changes(&self) -> usize {
        match self {
            Task::Collect(task) => task.changes(),
            // An assess task's state is written by slices, whatever counts they hold.
            Task::Assess(..) => 0,
        }
    }

    /// Writes what is to be committed.
    pub fn flush(&mut self, clock: EventTime, out: &mut Vec<Output>) {
        match self {
            Task::Collect(task) => task.flush(clock, out),
            Task::Assess(task, beside) => {
                let watch = &mut beside.watch;
                let before = out.len();
                task.flush(out);
                // A task that has nothing to write has heard of no time either.
                if out.len() > before {
                    watch.pass(clock, task.event_clock(), task.counties());
                    out.extend(watch.take_due().map(|stored| watch_record(task.partition(), stored)));
                }
            }
        }
    }
}

/// The kind of a [`Watch`]'s record in `hazard.state`, which lies beside those of its assess task.
const WATCH: &str = "watch";

fn watch_record(partition: u32, stored: Vec<u8>) -> Output {
    let key = format!("{}|{WATCH}|", AssessTask::state_name(partition)).into_bytes();
    Output { topic: Topic::State, partition: None, key, value: Some(stored), headers: Vec::new() }
}

/// Applies one record of the tallies log. Returns when the oldest of its events arrived and how many they are, if any.
pub fn apply_tally(
    task: &mut AssessTask,
    record: &Record<'_>,
    out: &mut Vec<Output>,
) -> Result<Option<(EventTime, u64)>, Failure> {
    let entry = Entry::decode(record.value.unwrap_or_default()).map_err(|error| {
        let at = record.at;
        Failure::new(
            Verdict::Stop,
            format!("{} partition {} offset {}: {error}", at.topic.name(), at.partition, record.offset),
        )
        .because(Cause::ForeignState)
    })?;
    let tally = match entry {
        Entry::Tally(tally) => tally,
        Entry::Rules(announced) => {
            task.switch(&announced, record.offset, out);
            return Ok(None);
        }
    };
    task.apply(&tally, record.offset, out);
    let events = (tally.offsets.1 - tally.offsets.0).max(0).unsigned_abs();
    Ok(oldest_arrival(record).filter(|_| events > 0).map(|arrival| (arrival, events)))
}

/// When the oldest event of a tally arrived, as the record's header says: for a metric, so it is no part of the tally.
fn oldest_arrival(record: &Record<'_>) -> Option<EventTime> {
    let (_, value) = record.headers.all().iter().copied().find(|(name, _)| *name == OLDEST_ARRIVAL)?;
    std::str::from_utf8(value).ok()?.parse().ok().map(EventTime::from_ms)
}

/// The first part of a task's keys in `hazard.state`.
pub fn state_name(at: TopicPartition) -> String {
    match at.topic {
        Topic::Input(input) => collect_name(input, at.partition),
        _ => AssessTask::state_name(at.partition),
    }
}

fn collect_name(input: Input, partition: u32) -> String {
    format!("collect-{}-{partition}", input.name())
}

/// The partition of `hazard.state` that holds a task's records, of `partitions`: fixed by its name, so that whoever owns
/// the task finds them.
pub fn state_partition(name: &str, partitions: u32) -> u32 {
    (xxhash_rust::xxh3::xxh3_64(name.as_bytes()) % u64::from(partitions.max(1))) as u32
}

fn collect_report(
    task: &CollectTask,
    (input, partition): (Input, u32),
    end_offset: i64,
    clock: EventTime,
) -> CollectReport {
    let report = task.report();
    let numbers = report.numbers.clone();
    CollectReport {
        input,
        partition,
        ledger: report.ledger,
        added: numbers.added,
        rejects: numbers.rejects,
        late: numbers.late,
        adopted: numbers.adopted,
        limited: numbers.limited,
        next_offset: report.next_offset,
        end_offset,
        watermark: report.watermark,
        frontier: report.frontier,
        clock,
        idle: report.idle,
        tables: report.tables.clone(),
        silent_gateways: report.silent_gateways.clone(),
    }
}

fn assess_report(task: &mut AssessTask, partitions: u32, end_offset: i64, clock: EventTime) -> AssessReport {
    let (cells, slices, too_late) = task.sizes();
    AssessReport {
        partition: task.partition(),
        partitions,
        clock,
        event_clock: task.event_clock(),
        held_by: task.held_by(),
        cells,
        slices,
        open_hazards: Some(task.open_hazards().clone()),
        unwatched: BTreeMap::new(),
        limited: BTreeMap::from([("windows.horizon", too_late)]),
        transitions: task.take_transitions(),
        next_offset: task.next_offset(),
        end_offset,
    }
}
