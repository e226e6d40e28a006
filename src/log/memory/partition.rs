//! One partition: its records and markers, and how far a read_committed reader may go.
//!
//! Offsets are given once and never again; compaction and aborts leave gaps, and a transaction ends with a marker that
//! takes an offset of its own. So the last record is not at end − 1, and readers go by position.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::event::EventTime;

/// What a record carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// A record as it lies in the log.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its offset.
    pub offset: i64,
    /// When it arrived.
    pub arrival: EventTime,
    /// What it carries.
    pub payload: Arc<Payload>,
}

/// The transactional producer behind a record, by the coordinator's number.
pub(super) type ProducerId = u64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Committed,
    Open,
    Aborted,
}

enum Content {
    Data(Arc<Payload>),
    /// The control record that ends a transaction here.
    Marker,
}

struct Entry {
    offset: i64,
    arrival: EventTime,
    producer: Option<ProducerId>,
    fate: Fate,
    content: Content,
}

#[derive(Default)]
pub(super) struct Partition {
    /// By offset, ascending, with gaps.
    entries: VecDeque<Entry>,
    /// The log's start: below it everything was deleted.
    first: i64,
    /// The next offset.
    end: i64,
    /// The first offset of each open transaction.
    open: BTreeMap<ProducerId, i64>,
    /// How many records and markers were left when it was compacted last.
    kept: usize,
}

impl Partition {
    pub(super) fn append(
        &mut self,
        payload: Payload,
        arrival: EventTime,
        producer: Option<ProducerId>,
    ) -> i64 {
        let offset = self.end;
        let fate = match producer {
            Some(id) => {
                self.open.entry(id).or_insert(offset);
                Fate::Open
            }
            None => Fate::Committed,
        };
        self.push(arrival, producer, fate, Content::Data(Arc::new(payload)));
        offset
    }

    /// Ends the producer's transaction in this partition: decides its records and writes the marker.
    pub(super) fn mark(&mut self, producer: ProducerId, commit: bool, now: EventTime) {
        if let Some(first) = self.open.remove(&producer) {
            let fate = if commit { Fate::Committed } else { Fate::Aborted };
            let from = self.index(first);
            for entry in self.entries.range_mut(from..) {
                if entry.producer == Some(producer) && entry.fate == Fate::Open {
                    entry.fate = fate;
                }
            }
        }
        self.push(now, Some(producer), Fate::Committed, Content::Marker);
    }

    /// The log's start.
    pub(super) fn first(&self) -> i64 {
        self.first
    }

    /// The high watermark: one past the last record, open transactions and markers included.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// The last stable offset: the first record of the oldest open transaction, or the end.
    pub(super) fn stable_end(&self) -> i64 {
        self.open.values().copied().min().unwrap_or(self.end)
    }

    /// Committed records from offset `from` to before `to`, at most `max`, as far as they are stable. Returns the next
    /// position, which has passed markers, aborted records and gaps.
    pub(super) fn read(&self, from: i64, to: i64, max: usize, into: &mut Vec<Stored>) -> i64 {
        let limit = self.stable_end().min(to);
        let mut taken = 0;
        for entry in self.entries.range(self.index(from)..) {
            if entry.offset >= limit {
                break;
            }
            let Content::Data(payload) = &entry.content else { continue };
            if entry.fate == Fate::Aborted {
                continue;
            }
            if taken == max {
                return entry.offset;
            }
            into.push(Stored { offset: entry.offset, arrival: entry.arrival, payload: Arc::clone(payload) });
            taken += 1;
        }
        limit.max(from)
    }

    /// What a cleaner does to a compacted topic: of each key only the newest committed record stays, tombstones,
    /// aborted records and markers go. What is not stable is left alone.
    pub(super) fn compact(&mut self) {
        let upper = self.index(self.stable_end());
        let mut seen: HashSet<&[u8]> = HashSet::new();
        for entry in self.entries.range(upper..) {
            if let (Content::Data(payload), Fate::Committed) = (&entry.content, entry.fate) {
                seen.extend(payload.key.as_deref());
            }
        }
        let mut keep = vec![true; upper];
        for (at, entry) in self.entries.range(..upper).enumerate().rev() {
            keep[at] = match (&entry.content, entry.fate) {
                (Content::Data(payload), Fate::Committed) => match &payload.key {
                    Some(key) => seen.insert(key) && payload.value.is_some(),
                    None => true,
                },
                _ => false,
            };
        }
        let mut keep = keep.into_iter();
        self.entries.retain(|_| keep.next().unwrap_or(true));
        self.kept = self.entries.len();
    }

    /// Deletes what lies before this offset and is stable.
    pub(super) fn truncate(&mut self, before: i64) {
        let before = before.min(self.stable_end());
        while self.entries.front().is_some_and(|entry| entry.offset < before) {
            self.entries.pop_front();
        }
        self.first = self.first.max(before);
    }

    /// Whether it holds twice as many records and markers as it should, or as compaction left: it may hold more keys.
    pub(super) fn is_to_be_cleaned(&self, retained: usize) -> bool {
        self.entries.len() >= 2 * retained.max(self.kept)
    }

    fn push(&mut self, arrival: EventTime, producer: Option<ProducerId>, fate: Fate, content: Content) {
        self.entries.push_back(Entry { offset: self.end, arrival, producer, fate, content });
        self.end += 1;
    }

    fn index(&self, offset: i64) -> usize {
        self.entries.partition_point(|entry| entry.offset < offset)
    }
}
