//! A stage that waits for its predecessor, with its record's bytes.

use serde::{Deserialize, Serialize};

use super::history::Step;
use super::world::World;
use crate::event::EventTime;
use crate::log::{Record, TopicPartition};

/// A record kept whole, so that it can be read again or become a dead letter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptRecord {
    pub(super) offset: i64,
    pub(super) arrival: EventTime,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Vec<u8>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
}

/// A held stage.
#[derive(Clone, Debug)]
pub struct Held {
    /// The item's dense index.
    pub item: u32,
    /// The stage.
    pub step: Step,
    /// Whether nobody was told that it is held.
    pub quiet: bool,
    /// Its record.
    pub record: KeptRecord,
}

impl Held {
    /// Keeps a record.
    pub fn new(item: u32, step: Step, quiet: bool, record: &Record<'_>) -> Self {
        let headers =
            record.headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
        let record = KeptRecord {
            offset: record.offset,
            arrival: record.arrival,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.unwrap_or_default().to_vec(),
            headers,
        };
        Held { item, step, quiet, record }
    }

    /// The first moment of the watermark at which the lateness allowed is over.
    pub fn until(&self, world: &World) -> EventTime {
        self.step.at.plus_ms(world.settings.hold_for_ms + 1)
    }

    /// Calls `with` with the record as it was read.
    pub fn with_record<T>(&self, at: TopicPartition, with: impl FnOnce(&Record<'_>) -> T) -> T {
        let kept = &self.record;
        let headers: Vec<(&str, &[u8])> =
            kept.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        with(&Record {
            at,
            offset: kept.offset,
            arrival: kept.arrival,
            key: kept.key.as_deref(),
            value: Some(&kept.value),
            headers: &headers,
        })
    }
}
