//! The tail of the input: what a restart reads again to know which ids were heard.
//!
//! It begins at the oldest record that arrived within the horizon. What was in it a duplicate, or refused for a reason that
//! only the state at that moment knew, is remembered as *skipped*: read again, it must leave no trace.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::event::EventTime;

/// Skipped offsets are stored by blocks of so many offsets.
const BLOCK: i64 = 1 << 14;

/// Where the tail begins, and what in it is skipped.
pub struct Tail {
    horizon_ms: i64,
    /// The moments at which a new entry begins are so far apart.
    grain_ms: i64,
    /// (Newest arrival as of this offset, offset), from the oldest.
    marks: VecDeque<(EventTime, i64)>,
    skipped: BTreeMap<i64, Vec<i64>>,
    changed: BTreeSet<i64>,
}

impl Tail {
    /// An empty tail.
    pub fn new(horizon_ms: i64) -> Self {
        Tail {
            horizon_ms,
            grain_ms: (horizon_ms / 512).max(1),
            marks: VecDeque::new(),
            skipped: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }

    /// A record was read; `now` is the newest arrival, this one's included.
    pub fn read(&mut self, offset: i64, now: EventTime) {
        if self.marks.back().is_none_or(|(since, _)| now.since_ms(*since) >= self.grain_ms) {
            self.marks.push_back((now, offset));
        }
    }

    /// The record at this offset left no trace.
    pub fn skip(&mut self, offset: i64) {
        self.skipped.entry(offset.div_euclid(BLOCK)).or_default().push(offset);
        self.changed.insert(offset.div_euclid(BLOCK));
    }

    /// Whether it did.
    pub fn is_skipped(&self, offset: i64) -> bool {
        self.skipped.get(&offset.div_euclid(BLOCK)).is_some_and(|block| block.binary_search(&offset).is_ok())
    }

    /// Where the tail begins as of `now`, and the newest arrival there; `next` if it is empty.
    pub fn begin(&mut self, now: EventTime, next: i64) -> (i64, EventTime) {
        let oldest = now.plus_ms(-self.horizon_ms);
        // All records of the first entry arrived no later than the second one begins.
        while self.marks.get(1).is_some_and(|(until, _)| *until < oldest) {
            self.marks.pop_front();
        }
        // Those of the only entry arrived less than a grain after it began.
        if self.marks.len() == 1 && self.marks[0].0.plus_ms(self.grain_ms) <= oldest {
            self.marks.pop_front();
        }
        self.marks.front().map_or((next, now), |(since, offset)| (*offset, *since))
    }

    /// Puts a block of skipped offsets back that the state remembers; `None` when it was deleted.
    pub fn restore(&mut self, block: i64, skipped: Option<Vec<i64>>) {
        match skipped {
            Some(skipped) => self.skipped.insert(block, skipped),
            None => self.skipped.remove(&block),
        };
    }

    /// Hands out the blocks of skipped offsets that changed, `None` for those that the tail has left.
    pub fn take_changed(&mut self, begin: i64, mut each: impl FnMut(i64, Option<&[i64]>)) {
        for block in std::mem::take(&mut self.changed) {
            if let Some(skipped) = self.skipped.get(&block) {
                each(block, Some(skipped));
            }
        }
        while let Some(block) = self.skipped.first_entry().filter(|block| (*block.key() + 1) * BLOCK <= begin)
        {
            each(*block.key(), None);
            block.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_holds_every_record_that_arrived_within_the_horizon_and_little_more() {
        let mut tail = Tail::new(600_000);
        let at = |offset: i64| EventTime::from_ms(offset * 1_000);
        assert_eq!(tail.begin(at(0), 7), (7, at(0)), "empty");
        for offset in 0..5_000 {
            tail.read(offset, at(offset));
            let (begin, since) = tail.begin(at(offset), offset + 1);
            assert!(begin <= (offset - 600).max(0), "{begin} at {offset}");
            assert!(begin >= offset - 600 - 3, "{begin} at {offset}");
            assert_eq!(since, at(begin));
        }
        assert_eq!(tail.begin(at(9_000), 5_000).0, 5_000, "all of it is older than the horizon");
    }

    #[test]
    fn skipped_offsets_are_forgotten_when_the_tail_has_left_their_block() {
        let mut tail = Tail::new(600_000);
        tail.skip(5);
        tail.skip(BLOCK + 1);
        assert!(tail.is_skipped(5) && tail.is_skipped(BLOCK + 1) && !tail.is_skipped(6));
        let changed = |tail: &mut Tail, begin| {
            let mut told = Vec::new();
            tail.take_changed(begin, |block, skipped| told.push((block, skipped.map(<[i64]>::to_vec))));
            told
        };
        assert_eq!(changed(&mut tail, 0), [(0, Some(vec![5])), (1, Some(vec![BLOCK + 1]))]);
        assert_eq!(changed(&mut tail, BLOCK - 1), []);
        assert_eq!(changed(&mut tail, BLOCK), [(0, None)]);
        assert!(!tail.is_skipped(5));
    }
}
