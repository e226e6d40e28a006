//! What keeps a worker from going on, told while it lasts.

use super::report::{CommitReport, Report, TransactionResult, TroubleReport};
use super::restore::Restore;
use super::{Step, Worker};
use crate::event::EventTime;
use crate::log::{Cause, Failure, Verdict};

/// For how long the group may be silent before it is said that it is: longer than a session lasts.
const APART_MS: i64 = 30_000;

impl Worker {
    /// A step went well: tells that a trouble is over, or that there is one although nothing fails.
    pub(super) fn succeed(&mut self, step: Step, clock: EventTime) {
        self.apart_since = (!self.joined).then(|| self.apart_since.unwrap_or(clock));
        if self.apart_since.is_some_and(|since| clock.since_ms(since) >= APART_MS) {
            let what = "cannot join: the group has not answered yet (its coordinator is away, or another member hangs and is \
                        waited for until its session ends)";
            self.fail(&Failure::new(Verdict::Retry, what), clock);
        } else if self.is_over(step, clock) {
            self.failing = None;
            self.tell(Report::Trouble(TroubleReport { worker: self.index, waits_for: None }));
        }
    }

    /// A step failed: tells why, and lets the next one do what this asks for.
    pub(super) fn fail(&mut self, failure: &Failure, clock: EventTime) {
        let ended = match failure.verdict {
            Verdict::AbortAndRewind => Some(TransactionResult::Aborted),
            Verdict::NewProducer if failure.cause == Cause::Fenced => Some(TransactionResult::Fenced),
            Verdict::NewProducer => Some(TransactionResult::TimedOut),
            Verdict::Retry | Verdict::Stop => None,
        };
        if let Some(result) = ended {
            self.trouble = Some(failure.verdict);
            self.tell(Report::Commit(CommitReport::failed(self.index, result)));
        }
        self.failing = Some(clock);
        let waits_for = Some(failure.message.clone());
        self.tell(Report::Trouble(TroubleReport { worker: self.index, waits_for }));
    }

    /// Whether a trouble is over: something was committed since, or nothing has failed for a while, and the worker is not
    /// waiting for a share or for what it restores. Between two failures of one outage many steps go well, since there is
    /// nothing to read.
    fn is_over(&self, step: Step, clock: EventTime) -> bool {
        const QUIET_MS: i64 = 10_000;
        let quiet = |since| !(0..QUIET_MS).contains(&clock.since_ms(since));
        let waits = !self.joined || self.restore.as_ref().is_some_and(Restore::is_silent);
        self.failing.is_some_and(|since| step.committed || quiet(since) && !waits)
    }
}
