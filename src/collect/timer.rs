//! What is to be done when the watermark passes a moment.
//!
//! One heap for all of a task's timers, so that an event pays one comparison. A timer is not taken back when its reason
//! goes: whoever is woken looks whether the moment is still the one it waits for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

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

/// Timers by moment.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(EventTime, Wake)>>,
}

impl Timers {
    /// Wakes `wake` when the watermark has reached `at`.
    pub fn set(&mut self, at: EventTime, wake: Wake) {
        self.heap.push(Reverse((at, wake)));
    }

    /// The earliest timer that the watermark has reached.
    pub fn due(&mut self, watermark: EventTime) -> Option<(EventTime, Wake)> {
        let Reverse((at, _)) = self.heap.peek()?;
        if *at > watermark {
            return None;
        }
        self.heap.pop().map(|Reverse(timer)| timer)
    }
}

#[cfg(test)]
mod tests {
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
}
