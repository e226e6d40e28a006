//! Restoring: from what is committed to tasks that run.
//!
//! In this order, or a commit that is being decided is missed: the stable offsets first, then the high watermark of the
//! state, then every committed record up to it by position, then the tail of the input from which duplicates are known.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Plan;
use super::task::{Task, state_name, state_partition};
use crate::event::EventTime;
use crate::log::{Cause, Failure, Log, Record, Topic, TopicPartition, Verdict};

/// For how long nothing may come before it is said that nothing comes. What a killed worker left open is ended sooner.
const SILENT_MS: i64 = 15_000;

/// How the restored partitions are read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// They are new: the group waits for our answer.
    Assign,
    /// They are assigned already: a transaction was aborted.
    Rewind,
}

/// A restore under way.
pub struct Restore {
    /// The tasks being restored.
    pub tasks: BTreeMap<TopicPartition, Task>,
    /// How to go on.
    pub then: Then,
    /// When it began, by the shell's stopwatch.
    pub begun: Duration,
    /// The first part of each task's keys in `hazard.state`.
    names: BTreeMap<Vec<u8>, TopicPartition>,
    stage: Stage,
    done: u64,
    total: u64,
    /// When a read last brought nothing, after one that brought something.
    silent_since: Option<EventTime>,
}

enum Stage {
    /// Ask for the committed offsets and for the ends of the state.
    Ask,
    /// Read the state.
    State { committed: BTreeMap<TopicPartition, Option<i64>>, ranges: Vec<Range> },
    /// Hold it against the committed offsets.
    Agree { committed: BTreeMap<TopicPartition, Option<i64>> },
    /// Read the tails.
    Tails { ranges: Vec<Range> },
    /// Everything is back.
    Done,
}

/// Offsets of a partition still to be read: from, to.
struct Range {
    at: TopicPartition,
    from: i64,
    to: i64,
}

impl Restore {
    /// A restore of these partitions' tasks, which know nothing yet.
    pub fn new(tasks: BTreeMap<TopicPartition, Task>, then: Then, begun: Duration) -> Self {
        let names = tasks.keys().map(|&at| (state_name(at).into_bytes(), at)).collect();
        Restore { tasks, then, begun, names, stage: Stage::Ask, done: 0, total: 0, silent_since: None }
    }

    /// Records (offsets) read, and to be read.
    pub fn progress(&self) -> (u64, u64) {
        (self.done, self.total)
    }

    /// One step at `clock`: a request, or a chunk of records. Returns whether everything is back.
    pub fn step(&mut self, log: &mut Log, plan: &Plan, clock: EventTime) -> Result<bool, Failure> {
        let before = self.done;
        self.advance(log, plan)?;
        let is_silent = self.awaited().is_some() && self.done == before;
        self.silent_since = is_silent.then(|| self.silent_since.unwrap_or(clock));
        match self.awaited().zip(self.silent_since) {
            Some((range, since)) if clock.since_ms(since) >= SILENT_MS => Err(held_back(range)),
            _ => Ok(matches!(self.stage, Stage::Done)),
        }
    }

    /// Whether the last step waited in vain for records.
    pub fn is_silent(&self) -> bool {
        self.silent_since.is_some()
    }

    /// What is being read.
    fn awaited(&self) -> Option<&Range> {
        match &self.stage {
            Stage::State { ranges, .. } | Stage::Tails { ranges } => ranges.last(),
            Stage::Ask | Stage::Agree { .. } | Stage::Done => None,
        }
    }

    fn advance(&mut self, log: &mut Log, plan: &Plan) -> Result<(), Failure> {
        match &mut self.stage {
            Stage::Ask => self.ask(log, plan)?,
            Stage::State { committed, ranges } => {
                let (names, tasks) = (&self.names, &mut self.tasks);
                let mut given = Ok(());
                self.done += read_chunk(log, ranges, &mut |record| {
                    if given.is_ok() {
                        given = give_back(names, tasks, record);
                    }
                })?;
                given?;
                if ranges.is_empty() {
                    let committed = std::mem::take(committed);
                    self.stage = Stage::Agree { committed };
                }
            }
            Stage::Agree { committed } => {
                let ranges = agree(log, &mut self.tasks, committed)?;
                self.total +=
                    ranges.iter().map(|range| (range.to - range.from).max(0).unsigned_abs()).sum::<u64>();
                self.stage = Stage::Tails { ranges };
            }
            Stage::Tails { ranges } => {
                let tasks = &mut self.tasks;
                self.done += read_chunk(log, ranges, &mut |record| {
                    if let Some(Task::Collect(task)) = tasks.get_mut(&record.at) {
                        task.relearn(record);
                    }
                })?;
                if ranges.is_empty() {
                    for task in self.tasks.values_mut() {
                        if let Task::Assess(task, _) = task {
                            task.restored();
                        }
                    }
                    self.stage = Stage::Done;
                }
            }
            Stage::Done => {}
        }
        Ok(())
    }

    fn ask(&mut self, log: &mut Log, plan: &Plan) -> Result<(), Failure> {
        let partitions: Vec<TopicPartition> = self.tasks.keys().copied().collect();
        let committed = partitions.iter().copied().zip(log.committed(&partitions)?).collect();
        let mut states: Vec<u32> =
            partitions.iter().map(|&at| state_partition(&state_name(at), plan.state_partitions)).collect();
        states.sort_unstable();
        states.dedup();
        let mut ranges = Vec::new();
        for partition in states {
            let at = TopicPartition { topic: Topic::State, partition };
            let (from, to) = log.bounds(at)?;
            self.total += (to - from).max(0).unsigned_abs();
            ranges.push(Range { at, from, to });
        }
        self.stage = Stage::State { committed, ranges };
        Ok(())
    }
}

/// Gives a record of `hazard.state` to its task, if that is one of ours.
fn give_back(
    names: &BTreeMap<Vec<u8>, TopicPartition>,
    tasks: &mut BTreeMap<TopicPartition, Task>,
    record: &Record<'_>,
) -> Result<(), Failure> {
    let Some(key) = record.key else { return Ok(()) };
    let name = key.split(|&byte| byte == b'|').next().unwrap_or_default();
    let Some(task) = names.get(name).and_then(|at| tasks.get_mut(at)) else { return Ok(()) };
    task.restore(key, record.value).map_err(|error| {
        let place = Topic::State.name();
        let (partition, offset) = (record.at.partition, record.offset);
        Failure::new(Verdict::Stop, format!("{place} partition {partition} offset {offset}: {error}"))
            .because(Cause::ForeignState)
    })
}

/// Holds the state against the committed offsets, and finds the tails. Asking for them may fail: then it is done again.
fn agree(
    log: &mut Log,
    tasks: &mut BTreeMap<TopicPartition, Task>,
    committed: &BTreeMap<TopicPartition, Option<i64>>,
) -> Result<Vec<Range>, Failure> {
    let mut tails = Vec::new();
    for (&at, task) in tasks {
        match (task.reflected(), committed.get(&at).copied().flatten()) {
            (None, None) => task.start_at(log.bounds(at)?.0),
            (Some(reflected), Some(committed)) if reflected == committed => {
                if let Task::Collect(task) = task
                    && let Some(resume) = task.resume()
                    && resume.tail < resume.next
                {
                    let from = resume.tail.max(log.bounds(at)?.0);
                    tails.push(Range { at, from, to: resume.next });
                }
            }
            (reflected, committed) => return Err(disagreement(at, reflected, committed)),
        }
    }
    Ok(tails)
}

/// Reads a chunk of the first range, drops it when it is done, and returns how many offsets were passed.
fn read_chunk(
    log: &mut Log,
    ranges: &mut Vec<Range>,
    each: &mut dyn FnMut(&Record<'_>),
) -> Result<u64, Failure> {
    let Some(range) = ranges.last_mut() else { return Ok(0) };
    let mut passed = 0;
    if range.from < range.to {
        let next =
            log.read(range.at, range.from, range.to, &mut |records| records.iter().for_each(&mut *each))?;
        passed = (next.min(range.to) - range.from).max(0).unsigned_abs();
        range.from = next;
    }
    if range.from >= range.to {
        ranges.pop();
    }
    Ok(passed)
}

/// Committed records end before the end: something undecided stands between.
fn held_back(range: &Range) -> Failure {
    let Range { at, from, to } = range;
    Failure::new(
        Verdict::Retry,
        format!(
            "cannot restore: {} partition {} is committed up to offset {from} only, not {to} (a transaction that is not \
             decided yet holds the rest back)",
            at.topic.name(),
            at.partition,
        ),
    )
}

fn disagreement(at: TopicPartition, reflected: Option<i64>, committed: Option<i64>) -> Failure {
    let offset = |offset: Option<i64>| offset.map_or_else(|| "none".to_owned(), |offset| offset.to_string());
    Failure::new(
        Verdict::Stop,
        format!(
            "the state of {} partition {} reflects offset {}, but the group's committed offset is {}: the state belongs to \
             another group or another life of it. Use the group and topics that belong together; to begin anew, stop \
             all replicas and delete the group's offsets, the state topic and the tallies topic together",
            at.topic.name(),
            at.partition,
            offset(reflected),
            offset(committed),
        ),
    )
    .because(Cause::ForeignState)
}
