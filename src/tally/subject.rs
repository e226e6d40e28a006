//! What an alert is about, and where it lives.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Region × sector, at every level of both trees, `all` included, by their codes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Region code: `330600` city, `330604` county, `330604104` town, or `unknown`.
    pub region: String,
    /// Sector code, or `all`.
    pub sector: String,
}

/// What an alert is about. Everything about one subject meets in one tallies partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Subject {
    Cell(Cell),
    Sensor(String),
    Hazard(String),
    Item {
        kind: String,
        id: String,
    },
    Enterprise(String),
    Landlord(String),
    Gateway(String),
    /// Only for commands: whatever subject this alert has. Its partition is read from the id.
    Alert(String),
}

impl Subject {
    /// The `subject.id` of the contract; a cell is named by region and sector.
    pub fn id(&self) -> Option<&str> {
        match self {
            Subject::Cell(_) => None,
            Subject::Item { id, .. }
            | Subject::Sensor(id)
            | Subject::Hazard(id)
            | Subject::Enterprise(id)
            | Subject::Landlord(id)
            | Subject::Gateway(id)
            | Subject::Alert(id) => Some(id),
        }
    }

    /// The `subject.kind` of the contract.
    pub const fn kind(&self) -> &'static str {
        match self {
            Subject::Cell(_) => "cell",
            Subject::Sensor(_) => "sensor",
            Subject::Hazard(_) => "hazard",
            Subject::Item { .. } => "item",
            Subject::Enterprise(_) => "enterprise",
            Subject::Landlord(_) => "landlord",
            Subject::Gateway(_) => "gateway",
            Subject::Alert(_) => "alert",
        }
    }

    /// The subject's hash: xxh3 of `kind|id`, the first 16 hex digits of its alerts' ids.
    pub fn hash(&self) -> u64 {
        let text = match self {
            Subject::Cell(cell) => format!("cell|{}|{}", cell.region, cell.sector),
            Subject::Item { kind, id } => format!("item|{kind}|{id}"),
            Subject::Sensor(id)
            | Subject::Hazard(id)
            | Subject::Enterprise(id)
            | Subject::Landlord(id)
            | Subject::Gateway(id)
            | Subject::Alert(id) => format!("{}|{id}", self.kind()),
        };
        xxh3_64(text.as_bytes())
    }

    /// The tallies partition of `partitions` in which this subject lives: by the first eight hex digits of its hash.
    pub fn partition(&self, partitions: u32) -> u32 {
        let first = match self {
            Subject::Alert(id) => id.get(..8).and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or(0),
            other => (other.hash() >> 32) as u32,
        };
        first % partitions.max(1)
    }
}
