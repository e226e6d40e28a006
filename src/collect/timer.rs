//! What is to be done when the watermark passes a moment.
//!
//! One set for all of a task's timers, so that an event pays one comparison. A timer is not taken back when its reason goes:
//! whoever is woken looks whether the moment is still the one it waits for. Timers lie in buckets of about a second, unsorted
//! until their bucket's turn comes (Varghese and Lauck, SOSP 1987): nearly all of them are set anew before.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::event::EventTime;

/// Who is to be woken. The order decides between timers of the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// A held stage, by the offset of its event.
    Held(i64),
    /// An item, by its dense index: its deadline, or its retirement.
    Item(u32),
    /// A sensor, by its dense index: a delay, its silence, or its leaving.
    Sensor(u32),
}

/// A bucket is so wide, as a power of two of milliseconds.
const BUCKET_BITS: u32 = 10;

type Timer = (EventTime, Wake);

/// Later than every watermark.
const NEVER: EventTime = EventTime::from_ms(i64::MAX);

/// Timers by moment.
#[derive(Debug)]
pub struct Timers {
    /// Not after the earliest of all: what an event compares.
    earliest: EventTime,
    /// Those before `opened`, sorted.
    near: BinaryHeap<Reverse<Timer>>,
    /// Those from `opened` on, by the number of their bucket.
    far: BTreeMap<i64, Vec<Timer>>,
    /// The end of the newest bucket whose turn has come.
    opened: EventTime,
}

impl Default for Timers {
    fn default() -> Self {
        let (near, far) = (BinaryHeap::new(), BTreeMap::new());
        Timers { earliest: NEVER, near, far, opened: EventTime::MIN }
    }
}

impl Timers {
    /// Wakes `wake` when the watermark has reached `at`.
    pub fn set(&mut self, at: EventTime, wake: Wake) {
        if at < self.opened {
            self.near.push(Reverse((at, wake)));
        } else {
            self.far.entry(bucket(at)).or_default().push((at, wake));
        }
        self.earliest = self.earliest.min(at);
    }

    /// The earliest timer that the watermark has reached.
    #[inline]
    pub fn due(&mut self, watermark: EventTime) -> Option<(EventTime, Wake)> {
        if watermark < self.earliest { None } else { self.take(watermark) }
    }

    fn take(&mut self, watermark: EventTime) -> Option<(EventTime, Wake)> {
        if self.near.is_empty()
            && let Some((bucket, timers)) = self.far.pop_first()
        {
            self.near = timers.into_iter().map(Reverse).collect();
            self.opened = start(bucket + 1);
        }
        let due = self.near.peek().is_some_and(|Reverse((at, _))| *at <= watermark);
        let taken = if due { self.near.pop() } else { None };
        self.earliest = match self.near.peek() {
            Some(Reverse((at, _))) => *at,
            None => self.far.first_key_value().map_or(NEVER, |(bucket, _)| start(*bucket)),
        };
        taken.map(|Reverse(timer)| timer)
    }
}

/// The bucket of a moment.
const fn bucket(at: EventTime) -> i64 {
    at.ms >> BUCKET_BITS
}

/// When a bucket begins.
const fn start(bucket: i64) -> EventTime {
    EventTime::from_ms(bucket.saturating_mul(1 << BUCKET_BITS))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn timers_come_in_the_order_of_their_moments_once_the_watermark_is_there() {
        let mut timers = Timers::default();
        let at = EventTime::from_ms;
        for (ms, wake) in
            [(30, Wake::Sensor(1)), (10, Wake::Sensor(2)), (10, Wake::Item(9)), (31, Wake::Held(4))]
        {
            timers.set(at(ms), wake);
        }
        assert_eq!(timers.due(at(9)), None);
        let woken: Vec<_> = std::iter::from_fn(|| timers.due(at(30))).collect();
        assert_eq!(woken, [(at(10), Wake::Item(9)), (at(10), Wake::Sensor(2)), (at(30), Wake::Sensor(1))]);
    }

    proptest! {
        #[test]
        fn timers_come_as_from_one_sorted_list(steps in prop::collection::vec((0..9_000_i64, 0..900_i64), 1..200)) {
            let (mut timers, mut list) = (Timers::default(), Vec::new());
            let mut watermark = EventTime::from_ms(0);
            for (nth, (ms, pause)) in (0_u32..).zip(steps) {
                // Some are set for a moment that has passed.
                let at = watermark.plus_ms(ms - 1_000);
                timers.set(at, Wake::Sensor(nth));
                list.push((at, Wake::Sensor(nth)));
                watermark = watermark.plus_ms(pause);
                let woken: Vec<_> = std::iter::from_fn(|| timers.due(watermark)).collect();
                let mut expected: Vec<_> = list.extract_if(.., |(at, _)| *at <= watermark).collect();
                expected.sort();
                prop_assert_eq!(woken, expected);
            }
        }
    }
}
