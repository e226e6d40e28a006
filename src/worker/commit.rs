//! The one transaction: outputs, state and offsets leave together.

use std::collections::BTreeMap;
use std::time::Duration;

use super::report::{CommitReport, Report, TransactionResult};
use super::task::state_partition;
use super::{Plan, Seen, Worker};
use crate::event::EventTime;
use crate::log::{Failure, Output, Topic, Verdict};

impl Worker {
    pub(super) fn is_due(&self, clock: EventTime) -> bool {
        let news = || self.out.iter().any(|output| output.topic == Topic::AlertEvents);
        let since = clock.since_ms(self.last_commit);
        // A clock that was set back must not stop commits.
        since < 0 || since >= self.plan.commit_interval_ms || since >= self.plan.hurry_ms && news()
    }

    /// Sends outputs, state and offsets in one transaction. Returns whether there was anything to commit.
    pub(super) fn commit(&mut self, clock: EventTime) -> Result<bool, Failure> {
        let offsets = match self.retry.take() {
            Some(offsets) => offsets,
            None => {
                for task in self.tasks.values_mut() {
                    task.flush(clock, &mut self.out);
                }
                self.announce(clock);
                self.last_commit = clock;
                if self.out.is_empty() {
                    return Ok(false);
                }
                self.log.begin()?;
                for output in &mut self.out {
                    place(output, &self.plan);
                    // Half a transaction cannot be tried again: what is in it would be there twice.
                    self.log.produce(output).map_err(|failure| match failure.verdict {
                        Verdict::Retry => Failure { verdict: Verdict::AbortAndRewind, ..failure },
                        Verdict::AbortAndRewind | Verdict::NewProducer | Verdict::Stop => failure,
                    })?;
                }
                // Every transaction carries the offsets of every task, moved or not: one without any would not be
                // fenced by the group's generation.
                self.tasks.iter().map(|(&at, task)| (at, task.next_offset())).collect()
            }
        };
        let begun = (self.plan.stopwatch)();
        match self.log.commit(&offsets) {
            Ok(()) => {
                self.committed((self.plan.stopwatch)().saturating_sub(begun), clock);
                Ok(true)
            }
            Err(failure) => {
                if failure.verdict == Verdict::Retry {
                    self.retry = Some(offsets);
                }
                Err(failure)
            }
        }
    }

    fn committed(&mut self, duration: Duration, clock: EventTime) {
        let out = std::mem::take(&mut self.out);
        let arrivals = std::mem::take(&mut self.applied);
        let age = |arrival| Duration::from_millis(clock.since_ms(arrival).max(0).unsigned_abs()) + duration;
        let latencies = arrivals.into_iter().map(|(arrival, events)| (age(arrival), events)).collect();
        let mut outputs = BTreeMap::new();
        for output in &out {
            *outputs.entry(output.topic.name()).or_insert(0) += 1;
        }
        (self.listener)(Seen::Committed(&out));
        let result = TransactionResult::Committed;
        self.tell(Report::Commit(CommitReport { worker: self.index, duration, result, outputs, latencies }));
        for (&at, task) in &mut self.tasks {
            let end = self.log.end_seen(at).unwrap_or_else(|| task.next_offset());
            (self.listener)(Seen::Report(task.report(at, self.plan.tallies_partitions, end, clock)));
        }
        self.tell_rules();
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
