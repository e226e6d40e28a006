//! The event clock of an assess task: time as the tallies log tells it, and no other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::EventTime;
use crate::log::Input;
use crate::tally::Tally;

/// What an assess task knows of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventClock {
    /// The watermark of every input partition known to exist.
    watermarks: BTreeMap<(Input, u32), EventTime>,
    /// How many partitions each announced input has.
    announced: BTreeMap<Input, u32>,
    /// The newest moment that any input partition has reached; never moves back.
    pub frontier: EventTime,
    /// The minimum over all watermarks; never moves back.
    pub event_clock: EventTime,
    /// The newest worker's clock that a tally carried.
    pub clock: EventTime,
}

impl Default for EventClock {
    fn default() -> Self {
        EventClock {
            watermarks: BTreeMap::new(),
            announced: BTreeMap::new(),
            frontier: EventTime::MIN,
            event_clock: EventTime::MIN,
            clock: EventTime::MIN,
        }
    }
}

impl EventClock {
    /// Takes in what a tally says of time. Partitions that its input is said to have, and that were never heard, enter at
    /// the current event clock and hold it until they are heard.
    pub fn hear(&mut self, tally: &Tally) {
        let entering = self.event_clock;
        let announced = self.announced.entry(tally.input).or_insert(0);
        for partition in *announced..tally.partitions {
            self.watermarks.entry((tally.input, partition)).or_insert(entering);
        }
        *announced = (*announced).max(tally.partitions);
        let watermark = self.watermarks.entry((tally.input, tally.partition)).or_insert(entering);
        *watermark = (*watermark).max(tally.watermark);
        self.frontier = self.frontier.max(tally.frontier);
        self.clock = self.clock.max(tally.clock);
        let lowest = self.watermarks.values().min().copied().unwrap_or(EventTime::MIN);
        self.event_clock = self.event_clock.max(lowest);
    }

    /// Whether any moment was ever told.
    pub fn started(&self) -> bool {
        self.frontier > EventTime::MIN
    }

    /// The input partition that holds the event clock back, and its watermark.
    pub fn holding(&self) -> Option<((Input, u32), EventTime)> {
        self.watermarks.iter().min_by_key(|entry| entry.1).map(|(&input, &watermark)| (input, watermark))
    }
}
