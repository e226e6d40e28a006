//! The one transaction: outputs, state and offsets leave together.
//!
//! It is sent first and decided later: while the brokers write, the tasks read on, and what they do meanwhile belongs to
//! the next transaction. Nothing is told of a transaction before it is decided.

use std::collections::BTreeMap;
use std::time::Duration;

use super::report::{CommitReport, Report, TransactionResult};
use super::task::{Task, state_partition};
use super::{Plan, Seen, Worker};
use crate::event::EventTime;
use crate::log::{Failure, Output, Topic, TopicPartition, Verdict};

/// So many changes are not kept waiting for the interval: a transaction is held in memory twice, here and in the client.
const CHANGES_MAX: usize = 8_192;

/// What is read so long after it arrived may wait for its commit by one part in so many of that.
const BEHIND_SHARE: i64 = 10;

/// So many records are read while a transaction is on its way; then its end is waited for. Brokers that are slow to write
/// must not let the next transaction grow beyond what they take.
const RECORDS_MEANWHILE_MAX: usize = 65_536;

/// A transaction on its way: everything as of the flush that made it.
pub(super) struct Sending {
    offsets: Vec<(TopicPartition, i64)>,
    out: Vec<Output>,
    applied: Vec<(EventTime, u64)>,
    reports: Vec<Report>,
    /// By the plan's stopwatch.
    begun: Duration,
    /// Records read since.
    meanwhile: usize,
    /// Its commit failed and must be tried again, exactly as it was, before anything else.
    pub(super) again: bool,
}

impl Worker {
    fn is_due(&self, clock: EventTime) -> bool {
        let news = || self.out.iter().any(|output| output.topic == Topic::AlertEvents);
        let since = clock.since_ms(self.last_commit);
        let changes = || self.out.len() + self.tasks.values().map(Task::changes).sum::<usize>();
        // A clock that was set back must not stop commits.
        since < 0
            || since >= self.interval_ms(clock)
            || since >= self.plan.hurry_ms && news()
            || changes() >= CHANGES_MAX
    }

    /// A backlog is read faster in large pieces; what is late already may be a little later.
    fn interval_ms(&self, clock: EventTime) -> i64 {
        let behind_ms = self.newest.map_or(0, |arrived| clock.since_ms(arrived));
        let stretched_ms = (behind_ms / BEHIND_SHARE).min(self.plan.commit_interval_behind_ms);
        stretched_ms.max(self.plan.commit_interval_ms)
    }

    /// Carries the transaction on after `records` were read. Returns whether one was committed.
    pub(super) fn commit_on(&mut self, clock: EventTime, records: usize) -> Result<bool, Failure> {
        if let Some(sending) = &mut self.sending {
            sending.meanwhile += records;
        } else if self.is_due(clock) {
            self.send(clock)?;
        }
        let Some(sending) = &self.sending else { return Ok(false) };
        let is_full = sending.meanwhile >= RECORDS_MEANWHILE_MAX;
        let idle = records == 0;
        if is_full || self.log.is_written(idle).map_err(half_sent)? { self.decide(clock) } else { Ok(false) }
    }

    /// Commits everything done so far, and waits for it. Returns whether there was anything to commit.
    pub(super) fn commit(&mut self, clock: EventTime) -> Result<bool, Failure> {
        let before = self.decide(clock)?;
        self.send(clock)?;
        Ok(self.decide(clock)? || before)
    }

    /// Sends what the tasks have done, if anything.
    fn send(&mut self, clock: EventTime) -> Result<(), Failure> {
        for task in self.tasks.values_mut() {
            task.flush(clock, &mut self.out);
        }
        self.announce(clock);
        self.last_commit = clock;
        self.newest = None;
        if self.out.is_empty() {
            return Ok(());
        }
        self.log.begin()?;
        for output in &mut self.out {
            place(output, &self.plan);
            self.log.produce(output).map_err(half_sent)?;
        }
        let reports = self.tasks.iter_mut().map(|(&at, task)| {
            let end = self.log.end_seen(at).unwrap_or_else(|| task.next_offset());
            task.report(at, self.plan.tallies_partitions, end, clock)
        });
        let reports = reports.collect();
        // Every transaction carries the offsets of every task, moved or not: one without any would not be fenced by the
        // group's generation.
        let offsets = self.tasks.iter().map(|(&at, task)| (at, task.next_offset())).collect();
        self.sending = Some(Sending {
            offsets,
            out: std::mem::take(&mut self.out),
            applied: std::mem::take(&mut self.applied),
            reports,
            begun: (self.plan.stopwatch)(),
            meanwhile: 0,
            again: false,
        });
        Ok(())
    }

    /// Decides the transaction on its way, and waits for it. Returns whether there was one.
    pub(super) fn decide(&mut self, clock: EventTime) -> Result<bool, Failure> {
        let Some(sending) = self.sending.take() else { return Ok(false) };
        match self.log.commit(&sending.offsets) {
            Ok(()) => {
                self.committed(sending, clock);
                Ok(true)
            }
            Err(failure) => {
                if failure.verdict == Verdict::Retry {
                    self.sending = Some(Sending { again: true, ..sending });
                }
                Err(failure)
            }
        }
    }

    fn committed(&mut self, sending: Sending, clock: EventTime) {
        let duration = (self.plan.stopwatch)().saturating_sub(sending.begun);
        let age = |arrival| Duration::from_millis(clock.since_ms(arrival).max(0).unsigned_abs()) + duration;
        let latencies = sending.applied.iter().map(|&(arrival, events)| (age(arrival), events)).collect();
        let mut outputs = BTreeMap::new();
        for output in &sending.out {
            *outputs.entry(output.topic.name()).or_insert(0) += 1;
        }
        (self.listener)(Seen::Committed(&sending.out));
        let result = TransactionResult::Committed;
        self.tell(Report::Commit(CommitReport { worker: self.index, duration, result, outputs, latencies }));
        for report in sending.reports {
            self.tell(report);
        }
        self.tell_rules();
    }
}

/// Half a transaction cannot be tried again: what is in it would be there twice.
fn half_sent(failure: Failure) -> Failure {
    match failure.verdict {
        Verdict::Retry => Failure { verdict: Verdict::AbortAndRewind, ..failure },
        Verdict::AbortAndRewind | Verdict::NewProducer | Verdict::Stop => failure,
    }
}

/// Gives an output the partition that only a worker knows: a task's state lives where its name says.
fn place(output: &mut Output, plan: &Plan) {
    if output.topic == Topic::State {
        let name = output.key.split(|&byte| byte == b'|').next().unwrap_or_default();
        let name = std::str::from_utf8(name).expect("tasks name their state in ASCII");
        output.partition = Some(state_partition(name, plan.state_partitions));
    }
}
