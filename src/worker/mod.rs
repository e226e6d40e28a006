//! The step function that drives tasks over a log: restore, transactions, rebalance, recovery.
//!
//! A worker never sleeps, spawns or reads a clock: one [`Worker::step`] does a little of what is due and returns, so that
//! a thread or a seeded scheduler can drive it alike.
//!
//! **Invariant:** outputs, state and input offsets leave in one transaction, sent only by `commit`; what a task did since
//! the last flush lives in memory alone, and is dropped with the task when a commit fails.

mod announce;
mod commit;
mod plan;
mod relimit;
pub mod report;
mod restore;
mod task;
mod trouble;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::assess::AssessTask;
use crate::collect::CollectTask;
use crate::event::EventTime;
use crate::log::{Change, Failure, Log, Output, Topic, TopicPartition, Verdict};
use crate::taxonomy::Taxonomy;

pub use announce::{PATIENCE_MS, Proposal};
pub use plan::Plan;

use commit::Sending;
use report::{MemberReport, Report, RestoreReport, RulesReport};
use restore::{Restore, Then};
use task::{Beside, Task, apply_tally};

/// What a listener is told.
pub enum Seen<'a> {
    /// Something the worker reports.
    Report(Report),
    /// What a transaction has committed, in order.
    Committed(&'a [Output]),
}

/// Hears what a worker has to tell. It must not block.
pub type Listener = Box<dyn FnMut(Seen<'_>) + Send>;

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Records applied.
    pub records: usize,
    /// Whether a transaction was committed.
    pub committed: bool,
    /// Whether every assigned task runs, and nothing waits to be mended.
    pub running: bool,
    /// Something failed that a later step may mend: rest a little before it.
    pub failed: bool,
}

/// One member of the group: its tasks, its log, its transaction.
pub struct Worker {
    index: usize,
    log: Log,
    plan: Arc<Plan>,
    listener: Listener,
    tasks: BTreeMap<TopicPartition, Task>,
    restore: Option<Restore>,
    /// Partitions assigned while another restore was under way.
    waiting: Vec<TopicPartition>,
    /// What the running tasks have written since the last commit.
    out: Vec<Output>,
    /// Of each tally applied since the last commit: when its oldest event arrived, and how many it tells of.
    applied: Vec<(EventTime, u64)>,
    /// The transaction on its way.
    sending: Option<Sending>,
    /// What must be done before anything else. A new worker has no producer yet.
    trouble: Option<Verdict>,
    last_commit: EventTime,
    /// When the newest of the input records read since then arrived; now, where one of the inputs has no more.
    newest: Option<EventTime>,
    /// The rules that were found last where the settings say.
    proposal: Option<Arc<Proposal>>,
    /// The taxonomy with other limits, until the tasks work by them.
    relimited: Option<Arc<Taxonomy>>,
    /// What was last told of the rules in force.
    rules_told: Option<RulesReport>,
    joined: bool,
    /// When a step last failed, until that is over.
    failing: Option<EventTime>,
    /// Since when it has no share in the group, not even an empty one.
    apart_since: Option<EventTime>,
}

impl Worker {
    /// A worker that has done nothing yet, the `index`-th of its process.
    pub fn new(index: usize, log: Log, plan: Arc<Plan>, listener: Listener) -> Self {
        Worker {
            index,
            log,
            plan,
            listener,
            tasks: BTreeMap::new(),
            restore: None,
            waiting: Vec::new(),
            out: Vec::new(),
            applied: Vec::new(),
            sending: None,
            trouble: Some(Verdict::NewProducer),
            last_commit: EventTime::MIN,
            newest: None,
            proposal: None,
            relimited: None,
            rules_told: None,
            joined: false,
            failing: None,
            apart_since: None,
        }
    }

    /// Does a little of what is due at `clock`; reading waits `timeout` at most.
    ///
    /// # Errors
    /// Only with [`Verdict::Stop`]: a person must mend it. Everything else is mended by later steps.
    pub fn step(&mut self, clock: EventTime, timeout: Duration) -> Result<Step, Failure> {
        let done = self.try_step(clock, timeout);
        match done {
            Ok(step) => {
                self.succeed(step, clock);
                Ok(step)
            }
            Err(failure) if failure.verdict == Verdict::Stop => Err(failure),
            Err(failure) => {
                self.fail(&failure, clock);
                Ok(Step { failed: true, ..Step::default() })
            }
        }
    }

    /// Commits what is done and leaves the group.
    ///
    /// # Errors
    /// When the last commit failed: nothing is lost, the next owner does it again.
    pub fn stop(&mut self, clock: EventTime) -> Result<(), Failure> {
        let committed = if self.trouble.is_none() { self.commit(clock).map(|_| ()) } else { Ok(()) };
        self.tasks.clear();
        committed.and(self.log.leave())
    }

    fn try_step(&mut self, clock: EventTime, timeout: Duration) -> Result<Step, Failure> {
        self.recover()?;
        if self.must_decide_again() {
            let committed = self.decide(clock)?;
            return Ok(Step { committed, ..Step::default() });
        }
        self.take_limits_over(clock)?;
        self.restore_on(clock)?;
        let at_once = self.restore.is_some() || self.sending.is_some();
        let records = self.read(clock, if at_once { Duration::ZERO } else { timeout })?;
        self.tick(clock);
        let committed = self.commit_on(clock, records)?;
        Ok(Step { records, committed, running: self.is_running(), failed: false })
    }

    /// Whether every assigned task runs, and nothing waits to be mended.
    pub fn is_running(&self) -> bool {
        self.joined
            && self.restore.is_none()
            && self.waiting.is_empty()
            && self.trouble.is_none()
            && !self.must_decide_again()
    }

    fn must_decide_again(&self) -> bool {
        self.sending.as_ref().is_some_and(|sending| sending.again)
    }

    /// Does what the last failure asked for.
    fn recover(&mut self) -> Result<(), Failure> {
        match self.trouble {
            None | Some(Verdict::Retry | Verdict::Stop) => return Ok(()),
            Some(Verdict::AbortAndRewind) => self.log.abort()?,
            Some(Verdict::NewProducer) => self.log.renew()?,
        }
        self.trouble = None;
        self.rebuild();
        Ok(())
    }

    /// Drops every task and restores what is committed.
    fn rebuild(&mut self) {
        self.out.clear();
        self.applied.clear();
        self.newest = None;
        self.sending = None;
        let again: Vec<TopicPartition> = std::mem::take(&mut self.tasks).into_keys().collect();
        let unanswered = match self.restore.take() {
            Some(restore) if restore.then == Then::Assign => restore.tasks.into_keys().collect(),
            // They are assigned already, so they are rewound with the rest.
            Some(restore) => {
                self.begin_restore(restore.tasks.into_keys().chain(again).collect(), Then::Rewind);
                return;
            }
            None => Vec::new(),
        };
        self.waiting.splice(0..0, unanswered);
        if !again.is_empty() {
            self.begin_restore(again, Then::Rewind);
        }
    }

    fn begin_restore(&mut self, partitions: Vec<TopicPartition>, then: Then) {
        let tasks = partitions.into_iter().map(|at| (at, self.created(at))).collect();
        self.restore = Some(Restore::new(tasks, then, (self.plan.stopwatch)()));
    }

    /// A task that knows nothing.
    fn created(&self, at: TopicPartition) -> Task {
        let plan = &self.plan;
        match at.topic {
            Topic::Input(input) => Task::Collect(Box::new(CollectTask::new(
                input,
                at.partition,
                plan.input_partitions.get(&input).copied().unwrap_or(at.partition + 1),
                plan.tallies_partitions,
                Arc::clone(&plan.taxonomy),
                plan.collect[&input].clone(),
            ))),
            _ => Task::Assess(
                Box::new(AssessTask::new(at.partition, Arc::clone(&plan.taxonomy), Arc::clone(&plan.assess))),
                Box::new(Beside::new(plan.usual_age_ms())),
            ),
        }
    }

    /// Carries the restore under way on, or begins the next one.
    fn restore_on(&mut self, clock: EventTime) -> Result<(), Failure> {
        if self.restore.is_none() && !self.waiting.is_empty() {
            let waiting = std::mem::take(&mut self.waiting);
            self.begin_restore(waiting, Then::Assign);
        }
        let Some(restore) = &mut self.restore else { return Ok(()) };
        let restored = restore.step(&mut self.log, &self.plan, clock)?;
        let (done, total) = restore.progress();
        let elapsed = (self.plan.stopwatch)().saturating_sub(restore.begun);
        let report = RestoreReport { worker: self.index, done, total, elapsed };
        if restored {
            let offsets: Vec<_> = restore.tasks.iter().map(|(&at, task)| (at, task.next_offset())).collect();
            match restore.then {
                Then::Assign => self.log.assign(&offsets)?,
                Then::Rewind => self.log.rewind(&offsets)?,
            }
            let restore = self.restore.take().expect("it was there a line ago");
            for task in restore.tasks.values() {
                if let Task::Assess(task, _) = task {
                    // They were committed by a former owner: whoever looks here must not wait for them to change.
                    (self.listener)(Seen::Committed(&task.restored_alerts()));
                }
            }
            self.tasks.extend(restore.tasks);
            self.tell_rules();
            self.tell_member(restore.then == Then::Assign);
        }
        self.tell(Report::Restore(report));
        Ok(())
    }

    /// Reads once and applies what came to the tasks that run.
    fn read(&mut self, clock: EventTime, timeout: Duration) -> Result<usize, Failure> {
        const RECORDS_PER_STEP: usize = 2000;
        let (tasks, out, arrivals) = (&mut self.tasks, &mut self.out, &mut self.applied);
        let newest = &mut self.newest;
        let mut applied = 0;
        let mut damaged = None;
        let changes = self.log.poll(timeout, RECORDS_PER_STEP, &mut |records| {
            let Some(first) = records.first() else { return };
            match tasks.get_mut(&first.at) {
                Some(Task::Collect(task)) => {
                    task.apply(records, clock, out);
                    *newest = (*newest).max(records.last().map(|record| record.arrival));
                }
                Some(Task::Assess(task, _)) => {
                    for record in records {
                        match apply_tally(task, record, out) {
                            Ok(applied) => arrivals.extend(applied),
                            Err(failure) => {
                                damaged = Some(failure);
                                return;
                            }
                        }
                    }
                }
                // Fetched before a rewind that is still to come.
                None => return,
            }
            applied += records.len();
        })?;
        if let Some(damaged) = damaged {
            return Err(damaged);
        }
        // All of them, whatever one of them brings: the group will not tell the rest again.
        let mut outcome = Ok(applied);
        for change in changes {
            outcome = outcome.and(self.change(change, clock).map(|()| applied));
        }
        outcome
    }

    fn change(&mut self, change: Change, clock: EventTime) -> Result<(), Failure> {
        match change {
            Change::Assigned(partitions) => {
                self.joined = true;
                self.waiting.extend(partitions);
                if self.waiting.is_empty() {
                    self.log.assign(&[])?;
                    self.tell_member(true);
                }
            }
            Change::Revoking(partitions) => {
                // What the group takes away must be committed first: the next owner restores what is committed, and
                // nothing of the tasks that go may be left in `out`.
                let committed = self.commit(clock).map(|_| ());
                self.forget(&partitions);
                let released = self.log.release(&partitions);
                committed.and(released)?;
            }
            Change::Lost(partitions) => {
                self.joined = false;
                self.forget(&partitions);
                self.log.release(&partitions)?;
                // The transaction under way may hold what the lost tasks wrote: none of it may be committed.
                return Err(Failure::new(Verdict::AbortAndRewind, "partitions were lost to another member"));
            }
            Change::AtEnd(at) => {
                if let Some(Task::Collect(task)) = self.tasks.get_mut(&at) {
                    task.at_end(true);
                    self.newest = Some(clock);
                }
            }
        }
        Ok(())
    }

    fn forget(&mut self, partitions: &[TopicPartition]) {
        self.tasks.retain(|at, _| !partitions.contains(at));
        self.waiting.retain(|at| !partitions.contains(at));
        if let Some(restore) = &mut self.restore {
            restore.tasks.retain(|at, _| !partitions.contains(at));
        }
        self.tell(Report::Released(partitions.to_vec()));
        self.tell_rules();
        self.tell_member(false);
    }

    fn tick(&mut self, clock: EventTime) {
        for task in self.tasks.values_mut() {
            if let Task::Collect(task) = task {
                task.tick(clock);
            }
        }
    }

    fn tell_member(&mut self, rebalanced: bool) {
        let assigned = self.tasks.keys().copied().collect();
        let stable = self.joined && self.restore.is_none() && self.waiting.is_empty();
        self.tell(Report::Member(MemberReport { worker: self.index, stable, assigned, rebalanced }));
    }

    fn tell(&mut self, report: Report) {
        (self.listener)(Seen::Report(report));
    }
}
