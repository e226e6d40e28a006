//! Messages that are not sent at the moment they tell of: late, out of order, or sent again.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::event::EventTime;
use crate::log::Input;

use super::render::Fault;
use super::totals::{Added, CellIndex};

/// A message before it is written.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it tells of.
    pub time: EventTime,
    /// When it is sent.
    pub emission: EventTime,
    /// Unlike every other draft's; decides between equal emissions, and makes the id.
    pub serial: u64,
    /// Sent before already.
    pub repeat: bool,
    /// What is wrong with it.
    pub fault: Option<Fault>,
    /// What it says.
    pub body: Body,
}

/// What a draft says.
#[derive(Clone, Debug)]
pub enum Body {
    /// A reading: written only when it is sent.
    Reading {
        /// Index into the fleet.
        sensor: u32,
        /// The reading's number at its sensor.
        seq: u64,
        /// The value in thousandths of the quantity's unit.
        milli: i64,
        /// `good`, `uncertain` or `bad`.
        quality: &'static str,
    },
    /// Anything else: rare, so written at once.
    Text(Box<Text>),
}

/// A message already written.
#[derive(Clone, Debug)]
pub struct Text {
    /// Its topic.
    pub input: Input,
    /// Its key.
    pub key: String,
    /// Its JSON.
    pub value: String,
    /// Its county and sector.
    pub cell: CellIndex,
    /// What it adds to the totals.
    pub added: Added,
}

/// Drafts in the order in which they are sent.
#[derive(Default)]
pub struct Outbox {
    waiting: BinaryHeap<Reverse<ByEmission>>,
}

impl Outbox {
    /// Keeps a draft until its emission.
    pub fn push(&mut self, draft: Draft) {
        self.waiting.push(Reverse(ByEmission(draft)));
    }

    /// The next draft whose emission is not after `until`.
    pub fn pop(&mut self, until: EventTime) -> Option<Draft> {
        let Reverse(ByEmission(next)) = self.waiting.peek()?;
        if next.emission > until {
            return None;
        }
        self.waiting.pop().map(|Reverse(ByEmission(draft))| draft)
    }

    /// How many drafts wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }
}

struct ByEmission(Draft);

impl ByEmission {
    fn rank(&self) -> (EventTime, u64, bool, bool) {
        (self.0.emission, self.0.serial, self.0.repeat, self.0.fault.is_none())
    }
}

impl Ord for ByEmission {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for ByEmission {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByEmission {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for ByEmission {}
