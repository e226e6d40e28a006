//! The records that a task keeps in `hazard.state`: a format version, then postcard.
//!
//! They name regions, sectors, quantities, kinds and stages by their codes, so that they survive a changed taxonomy. Keys
//! are `collect-<input>-<partition>|<kind>|<id>`.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::cell::CellId;
use super::coverage::Gateway;
use super::ledger::Ledger;
use super::world::World;
use crate::event::EventTime;
use crate::tally::{StateError, codec};
use crate::taxonomy::Sectors;

/// The version that this program writes; it reads the older ones too. Version 2 knows when a sensor's readings arrived.
const VERSION: u8 = 2;

/// The stored form of a record.
pub(super) fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    codec::encode(VERSION, record)
}

/// The version of a stored form.
pub(super) fn version(stored: &[u8]) -> Option<u8> {
    stored.first().copied()
}

/// Reads a stored form of any version that holds a `T`; `what` names it in the error.
pub(super) fn decode<T: DeserializeOwned>(stored: &[u8], what: &str) -> Result<T, StateError> {
    codec::decode(stored, 1..=VERSION, VERSION, || what.to_owned())
}

/// The kinds of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordKind {
    Task,
    Skipped,
    Gateway,
    Sensor,
    Item,
    Held,
}

impl RecordKind {
    const ALL: [RecordKind; 6] = [
        RecordKind::Task,
        RecordKind::Skipped,
        RecordKind::Gateway,
        RecordKind::Sensor,
        RecordKind::Item,
        RecordKind::Held,
    ];

    /// The word for it in keys.
    pub const fn code(self) -> &'static str {
        match self {
            RecordKind::Task => "task",
            RecordKind::Skipped => "skipped",
            RecordKind::Gateway => "gateway",
            RecordKind::Sensor => "sensor",
            RecordKind::Item => "item",
            RecordKind::Held => "held",
        }
    }

    /// The kind and id that a key of this task names.
    pub fn of<'k>(key: &'k [u8], task: &str) -> Result<(RecordKind, &'k str), StateError> {
        let text = String::from_utf8_lossy(key);
        let damaged = || StateError::Damaged { what: format!("the key {text} is none of {task}'s") };
        let rest = std::str::from_utf8(key).ok().and_then(|key| key.strip_prefix(task)?.strip_prefix('|'));
        let (kind, id) = rest.and_then(|rest| rest.split_once('|')).ok_or_else(damaged)?;
        let kind = RecordKind::ALL.into_iter().find(|known| known.code() == kind).ok_or_else(damaged)?;
        Ok((kind, id))
    }
}

/// The task itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TaskRecord {
    pub next: i64,
    pub tail: i64,
    pub tail_arrival: EventTime,
    pub arrival: EventTime,
    pub frontier: EventTime,
    pub watermark: EventTime,
    /// consumed, counted, duplicate, rejected, held.
    pub ledger: [i64; 5],
}

impl TaskRecord {
    pub fn ledger_of(ledger: &Ledger) -> [i64; 5] {
        [ledger.consumed, ledger.counted, ledger.duplicate, ledger.rejected, ledger.held]
    }

    pub fn ledger(&self) -> Ledger {
        let [consumed, counted, duplicate, rejected, held] = self.ledger;
        Ledger { consumed, counted, duplicate, rejected, held }
    }
}

/// Where something is and whose it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PlaceRecord {
    pub region: String,
    pub sector: String,
    pub enterprise: String,
}

impl PlaceRecord {
    pub fn new(place: CellId, enterprise: &str, world: &World) -> Self {
        PlaceRecord {
            region: world.cells.region_code(place).to_owned(),
            sector: world.cells.sector_code(place).to_owned(),
            enterprise: enterprise.to_owned(),
        }
    }

    pub fn of_gateway(gateway: &Gateway, world: &World) -> Self {
        PlaceRecord::new(gateway.place, &gateway.enterprise, world)
    }

    /// The cell under the present taxonomy: a region that is gone counts for its longest known prefix, a sector that is gone
    /// for `all` alone.
    pub fn cell(&self, world: &World) -> CellId {
        let regions = &world.taxonomy.regions;
        let region = regions.by_code(&self.region).unwrap_or_else(|| regions.find(&self.region));
        let sector = world.taxonomy.sectors.find(&self.sector).unwrap_or(Sectors::ALL);
        world.cells.at(region, sector)
    }
}
