//! Rules: what turns counts and states into alerts.
//!
//! A rule watches one kind of condition. What was written (YAML) and what was resolved (this) are two types; see
//! `assess::load`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::taxonomy::{Grade, Level};

/// A resolved rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name: the `rule` of its alerts.
    pub name: String,
    /// `sha256:` and the hex digest of the rule as resolved: which text an alert came from.
    pub hash: String,
    /// The level of its alerts; a sensor rule without one takes the sensor's own.
    pub level: Option<Level>,
    /// How long the condition must hold on the event clock before the alert fires, in milliseconds.
    pub for_ms: i64,
    /// What it watches.
    pub condition: Condition,
    /// Labels added to every alert.
    pub labels: BTreeMap<String, String>,
    /// English summary, with `{place}`, `{sector}`, `{value}`, `{threshold}`, `{window}`, `{subject}` and so on.
    pub summary: String,
    /// Chinese summary, with the same placeholders.
    pub summary_zh: String,
}

/// What a rule watches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Condition {
    /// The count of a measure over a window reaches a threshold, in every cell that matches.
    Count {
        /// The measure's code.
        measure: String,
        /// The window, as an index into the configured ones.
        window: usize,
        /// Crosses at this count or more.
        threshold: u64,
        /// Falls back below this count; at most the threshold.
        clear: u64,
        /// Which cells.
        cells: Cells,
    },
    /// Something happened to a single hazard or item.
    Event {
        /// What happened.
        on: EventKind,
        /// The kind's code: `hazard`, `confined_space`, …
        kind: String,
        /// The stages that raise it; empty: any that does not end it.
        stages: Vec<String>,
        /// Only this grade.
        grade: Option<Grade>,
    },
    /// A sensor's alarm level reaches a level.
    SensorLevel {
        /// This level or a worse one.
        at_least: Level,
        /// Only this quantity's code.
        quantity: Option<String>,
    },
    /// Sources are silent.
    NoData(Silent),
}

/// Which of the things that can happen to a hazard or item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// It reached a stage.
    Stage,
    /// The deadline of its stage passed.
    Overdue,
    /// A stage came before its predecessor.
    Early,
}

/// Whose silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Silent {
    /// One sensor's.
    Sensor,
    /// A gateway's: none of its sensors is heard.
    Gateway,
    /// A cell's: its coverage is below the configured minimum.
    Cell(Cells),
}

/// A set of cells: one level of the region tree, and one sector, `all`, or each sector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cells {
    /// The level of the region tree.
    pub place: Place,
    /// A sector's code or `all`; `None`: each sector, `all` not among them.
    pub sector: Option<String>,
}

impl Cells {
    /// Whether the cell of this region and sector is among them.
    pub fn contains(&self, region: &str, sector: &str) -> bool {
        Place::of(region) == Some(self.place)
            && match &self.sector {
                Some(wanted) => wanted == sector,
                None => sector != "all",
            }
    }
}

/// A level of the region tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A prefecture-level city: six digits, the last two zero (GB/T 2260).
    City,
    /// A county or district: six digits.
    County,
    /// A town or subdistrict: nine digits (GB/T 10114).
    Town,
}

impl Place {
    /// The level of a region code; `None` for `unknown`.
    pub fn of(code: &str) -> Option<Place> {
        match code.len() {
            6 if code.ends_with("00") => Some(Place::City),
            6 => Some(Place::County),
            9 => Some(Place::Town),
            _ => None,
        }
    }
}

impl Rule {
    /// The hash that names this rule in alert ids: by its name, so that a changed threshold keeps the alert's identity.
    pub fn id_hash(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(self.name.as_bytes())
    }
}
