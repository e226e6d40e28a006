//! Seeded faults: which call fails, with which remedy, and whether its effect happened all the same.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::log::Verdict;

/// A call of the log, as faults tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Partitions, committed, bounds, read, poll: asking changes nothing.
    Ask,
    /// Assign, release, rewind, pause, resume, begin, is-written: the client's own business, which cannot fail.
    Own,
    Produce,
    Commit,
    Abort,
    Renew,
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fortune {
    Sound,
    /// Nothing happens, and the caller is told.
    FailsBefore(Verdict),
    /// A commit sends its offsets, and no more.
    FailsBetween(Verdict),
    /// It happens, and the caller is told that it failed.
    FailsAfter(Verdict),
}

/// When in its last call a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the call has any effect.
    Before,
    /// In a commit: offsets sent, transaction not decided. In every other call: after its effect.
    Between,
    /// After its effect, before anybody can look at the result.
    After,
}

/// How often things go wrong, each in calls of a thousand; drawn from one seed. The default is never.
#[derive(Clone, Debug)]
pub struct Faults {
    /// A call fails that can fail.
    pub failures: u32,
    /// The markers of a decided transaction are written later, partition by partition, instead of at once.
    pub late_markers: u32,
    /// A poll hands out short runs, in an order of partitions of its own.
    pub short_polls: u32,
    /// The coordinator starts a rebalance without need.
    pub rebalances: u32,
    /// What was produced is not written yet when a worker asks.
    pub slow_writes: u32,
    draw: Pcg64Mcg,
}

impl Default for Faults {
    fn default() -> Self {
        Faults::seeded(0)
    }
}

impl Faults {
    /// None yet, with the numbers of this seed.
    pub fn seeded(seed: u64) -> Self {
        let draw = Pcg64Mcg::seed_from_u64(seed);
        Faults { failures: 0, late_markers: 0, short_polls: 0, rebalances: 0, slow_writes: 0, draw }
    }

    /// Everything is well from here on.
    pub fn heal(&mut self) {
        let draw = self.draw.clone();
        *self = Faults { draw, ..Faults::seeded(0) };
    }

    pub(super) fn fortune(&mut self, call: Call) -> Fortune {
        use Fortune::{FailsAfter, FailsBefore, FailsBetween, Sound};
        if call == Call::Own || !self.happens(self.failures) {
            return Sound;
        }
        let draw = self.draw.random_range(0..100u32);
        match call {
            Call::Own => Sound,
            Call::Ask => FailsBefore(Verdict::Retry),
            Call::Produce if draw < 70 => FailsBefore(Verdict::Retry),
            Call::Produce => FailsBefore(Verdict::NewProducer),
            Call::Commit if draw < 15 => FailsBefore(Verdict::Retry),
            Call::Commit if draw < 45 => FailsBefore(Verdict::AbortAndRewind),
            Call::Commit if draw < 60 => FailsBefore(Verdict::NewProducer),
            Call::Commit if draw < 75 => FailsBetween(Verdict::NewProducer),
            Call::Commit => FailsAfter(Verdict::NewProducer),
            Call::Abort if draw < 50 => FailsBefore(Verdict::NewProducer),
            Call::Abort => FailsAfter(Verdict::NewProducer),
            Call::Renew if draw < 50 => FailsBefore(Verdict::Retry),
            Call::Renew => FailsAfter(Verdict::Retry),
        }
    }

    pub(super) fn happens(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.draw.random_range(0..1000) < per_mille
    }

    /// One of `choices`, from 0; `choices` is at least 1.
    pub(super) fn pick(&mut self, choices: usize) -> usize {
        self.draw.random_range(0..choices.max(1))
    }
}
