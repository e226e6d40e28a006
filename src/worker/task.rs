//! The two kinds of task, behind what a worker needs of both.

use std::collections::BTreeMap;

use super::report::{AssessReport, CollectReport, Report};
use super::watch::Watch;
use crate::assess::AssessTask;
use crate::collect::CollectTask;
use crate::event::EventTime;
use crate::log::{Input, Output, Topic, TopicPartition};
use crate::tally::StateError;

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
    /// Of one tallies partition, and how well it watches its counties.
    Assess(Box<AssessTask>, Watch),
}

impl Task {
    /// Takes one of its records of `hazard.state` back. The log is compacted only now and then: a key's records come in
    /// their order, and a tombstone takes back what came before it.
    pub fn restore(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), StateError> {
        match self {
            Task::Collect(task) => task.restore(key, value),
            Task::Assess(task, watch) => {
                let damaged = || StateError::Damaged { what: String::from_utf8_lossy(key).into_owned() };
                let text = std::str::from_utf8(key).map_err(|_| damaged())?;
                let mut parts = text.splitn(3, '|').skip(1);
                let (Some(kind), Some(id)) = (parts.next(), parts.next()) else { return Err(damaged()) };
                match (kind, value) {
                    (WATCH, Some(stored)) => watch.restore(stored),
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
            Task::Assess(task, watch) => {
                let unwatched = watch.counties().clone();
                let report = assess_report(task, partitions, end_offset, clock);
                Report::Assess(Box::new(AssessReport { unwatched, ..report }))
            }
        }
    }

    /// Writes what is to be committed.
    pub fn flush(&mut self, clock: EventTime, out: &mut Vec<Output>) {
        match self {
            Task::Collect(task) => task.flush(clock, out),
            Task::Assess(task, watch) => {
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
