//! Taking up where another left off: the state, then the tail of the input.

use std::collections::BTreeMap;

use super::ahead::admit;
use super::dedup::SeenIds;
use super::item_state::{HeldRecord, ItemRecord};
use super::sensor_state::SensorRecord;
use super::state::{PlaceRecord, RecordKind, TaskRecord, decode};
use super::{CollectTask, Resume, id_and_time};
use crate::event::{Event, EventTime, Reason, Reject};
use crate::log::Record;
use crate::tally::StateError;

/// What the state said that must wait until all of it is read.
#[derive(Default)]
pub(super) struct Restored {
    task: Option<TaskRecord>,
    /// By offset: their items may be read after them.
    held: BTreeMap<i64, HeldRecord>,
    /// The newest arrival in the tail so far.
    relearning: Option<EventTime>,
    begun: bool,
}

impl CollectTask {
    /// Takes one record of `hazard.state` back, the records of a key in their order; one without a value deletes.
    pub fn restore(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), StateError> {
        let (kind, id) = RecordKind::of(key, &self.state_name)?;
        let number = |id: &str| {
            id.parse::<i64>().map_err(|_| StateError::Damaged { what: format!("{} {id}", kind.code()) })
        };
        let what = || format!("{}, {} {id}", self.state_name, kind.code());
        match (kind, value) {
            (RecordKind::Task, None) => self.restored.task = None,
            (RecordKind::Task, Some(value)) => {
                let task: TaskRecord = decode(value, &what())?;
                self.next = task.next;
                self.flushed = task.next;
                self.world.ledger = task.ledger();
                self.world.clock.restore(task.arrival, task.frontier, task.watermark);
                self.restored.task = Some(task);
            }
            (RecordKind::Skipped, None) => self.tail.restore(number(id)?, None),
            (RecordKind::Skipped, Some(value)) => {
                self.tail.restore(number(id)?, Some(decode(value, &what())?));
            }
            (RecordKind::Gateway, None) => {}
            (RecordKind::Gateway, Some(value)) => {
                let gateway: PlaceRecord = decode(value, &what())?;
                let place = gateway.cell(&self.world);
                self.world.coverage.restore_gateway(id, place, &gateway.enterprise);
            }
            (RecordKind::Sensor, None) => self.sensors.forget(id, &mut self.world),
            (RecordKind::Sensor, Some(value)) => {
                let sensor = SensorRecord::read(value, &what())?;
                match sensor.resolve(&self.sensors, &mut self.world) {
                    Some(known) => self.sensors.restore(id, known, &mut self.world),
                    None => self.world.numbers.orphaned += 1,
                }
            }
            (RecordKind::Item, None) => self.items.forget(id),
            (RecordKind::Item, Some(value)) => {
                let item: ItemRecord = decode(value, &what())?;
                match item.resolve(id, &self.world) {
                    Some(item) => self.items.restore(id, item),
                    None => self.world.numbers.orphaned += 1,
                }
            }
            (RecordKind::Held, None) => {
                self.restored.held.remove(&number(id)?);
            }
            (RecordKind::Held, Some(value)) => {
                self.restored.held.insert(number(id)?, decode(value, &what())?);
            }
        }
        Ok(())
    }

    /// After every record of the state: where the tail begins, and where reading goes on; `None` if there was no state.
    pub fn resume(&self) -> Option<Resume> {
        self.restored.task.as_ref().map(|task| Resume { tail: task.tail, next: task.next })
    }

    /// Reads a record of the tail again: its id is known from then on, and its sensor was heard; it has no other effect.
    pub fn relearn(&mut self, record: &Record<'_>) {
        let Some(task) = &self.restored.task else { return };
        let before = self.restored.relearning.unwrap_or(task.tail_arrival);
        let now = before.max(record.arrival);
        self.restored.relearning = Some(now);
        self.tail.read(record.offset, now);
        if self.tail.is_skipped(record.offset) {
            return;
        }
        let quarantined = self.world.numbers.quarantined.take();
        if let Ok(event) = admit(&mut self.decoder, record, &mut self.world) {
            self.seen.heard(SeenIds::hash(id_and_time(&event).0), now);
            if let Event::Reading(reading) = &event {
                self.sensors.relearn(reading, record.offset, now);
            }
        }
        self.world.numbers.quarantined = quarantined;
    }

    /// Once, before anything new is done: what could only be put together when all had been read.
    pub(super) fn begin(&mut self) {
        if std::mem::replace(&mut self.restored.begun, true) {
            return;
        }
        for (offset, held) in std::mem::take(&mut self.restored.held) {
            if let Some(orphan) = self.items.restore_held(offset, held, &mut self.world) {
                let detail = "kind: it is no longer in the taxonomy, and the stage waited for it".to_owned();
                let reject = Reject { reason: Reason::UnknownKind, detail };
                orphan.with_record(self.world.at, |record| self.world.reject(record, &reject));
                self.world.ledger.held -= 1;
                self.world.numbers.orphaned += 1;
            }
        }
        self.sensors.resume(&mut self.world);
        self.items.resume(&mut self.world);
        self.world.coverage.resume();
        self.report.ledger = self.world.ledger;
    }
}
