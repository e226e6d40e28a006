//! Stages that wait for their predecessors, with their records' bytes.

use serde::{Deserialize, Serialize};

use super::history::{History, Step};
use super::item::{Items, Told};
use super::item_tell::{kind_code, present};
use super::timer::Wake;
use super::world::{Fate, World};
use crate::event::{EventTime, Reason, Reject};
use crate::log::{Headers, Record, TopicPartition};
use crate::tally::What;

/// Stages of one item that may wait at once.
const WAITING_MAX: usize = 16;

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
            record.headers.all().iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
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
            headers: Headers::Known(&headers),
        })
    }
}

impl Items {
    /// The timer of a held stage came: its predecessor did not come. It is rejected, unless it only said something again.
    pub fn give_up(&mut self, offset: i64, at: EventTime, world: &mut World) {
        let Some(held) = self.held.get(&offset).filter(|held| held.until(world) <= at) else { return };
        let (index, told) = (held.item, !held.quiet);
        let item = &self.table[index as usize];
        let kind = world.taxonomy.kinds.get(item.kind);
        let stage = kind.get(held.step.stage).code.clone();
        let legal = item.history.repeats(&held.step);
        if legal {
            world.ledger.counted += 1;
        } else {
            let detail = format!("stage: `{stage}` may not follow {}", present(item, world));
            let reject = Reject { reason: Reason::IllegalTransition, detail };
            held.with_record(world.at, |record| world.reject(record, &reject));
        }
        world.ledger.held -= 1;
        if told || !legal {
            self.tell(index, at, None, What::Unheld { kind: kind_code(item, world), stage, legal }, world);
        }
        self.unhold(offset);
        self.set_timer(index, world);
        self.drop_if_empty(index);
    }

    pub(super) fn hold(
        &mut self,
        index: u32,
        told: &Told<'_>,
        record: &Record<'_>,
        world: &mut World,
    ) -> Fate {
        let item = &self.table[index as usize];
        let kind = world.taxonomy.kinds.get(item.kind);
        let stage = kind.get(told.step.stage).code.clone();
        // It may be one round of a cycle of which the rest has not come, or only say again what is known: that is no reason
        // to warn, and in the end it takes no effect.
        let repeats = item.history.repeats(&told.step);
        let until = told.step.at.plus_ms(world.settings.hold_for_ms + 1);
        if until <= world.clock.watermark() {
            if repeats {
                return Fate::Counted;
            }
            let detail = format!("stage: `{stage}` may not follow {}", present(item, world));
            return Fate::rejected(Reason::IllegalTransition, detail);
        }
        if self.held.len() >= world.settings.held_max || item.waiting.len() >= WAITING_MAX {
            world.numbers.limit("held_max", 1);
            let detail = "stage: no room to hold it until its predecessor comes (held_max)";
            return Fate::rejected(Reason::OverLimit, detail);
        }
        let what = What::Held { kind: kind.code.clone(), stage };
        let item = &mut self.table[index as usize];
        item.waiting.push(told.offset);
        if item.history.steps.is_empty() {
            item.enterprise = told.enterprise.map(Into::into);
        }
        self.held.insert(told.offset, Held::new(index, told.step, repeats, record));
        self.held_changed.push(told.offset);
        self.mark(index);
        world.timers.set(until, Wake::Held(told.offset));
        if !repeats {
            self.tell(index, told.step.at, Some(told.offset), what, world);
        }
        Fate::Held
    }

    pub(super) fn unhold(&mut self, offset: i64) {
        if let Some(held) = self.held.remove(&offset) {
            self.table[held.item as usize].waiting.retain(|waits| *waits != offset);
            self.held_changed.push(offset);
            self.mark(held.item);
        }
    }

    pub(super) fn drop_if_empty(&mut self, index: u32) {
        let item = &self.table[index as usize];
        if item.history.steps.is_empty() && item.waiting.is_empty() && item.counted == 0 {
            self.remove(index);
        }
    }

    pub(super) fn remove(&mut self, index: u32) {
        self.gone.push(self.names.name(index).to_owned());
        let item = &mut self.table[index as usize];
        item.dirty = false;
        item.wake = EventTime::MIN;
        item.history = History::default();
        self.names.remove(index);
    }
}
