//! The assess task's records in `hazard.state`: written when something changed, read back at a restore.
//!
//! Keys: `assess-<partition>|<kind>|<id>`. Every value begins with a format version.

use std::fmt::{Display, Write as _};

use serde::{Deserialize, Serialize};

use super::clock::EventClock;
use super::slice::{self, SliceRecord};
use super::{Announcement, AssessTask, Condition};
use crate::event::EventTime;
use crate::log::{Input, Output, Topic};
use crate::tally::{Cell, StateError, Subject, codec};
use crate::taxonomy::Grade;
use crate::warn::{Status, alert_id};

/// The version of every value here.
const VERSION: u8 = 1;
/// The kind of the record that keeps the announcement of the rules in force, in the form of the log.
const RULES: &str = "rules";
/// The kind of a slice's record.
const SLICE: &str = "slice";
/// Room for most keys and values, so that they need not grow.
const KEY_BYTES: usize = 96;
const VALUE_BYTES: usize = 64;

/// What has a record of its own beside slices and alerts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A cell's coverage.
    Coverage(Cell),
    /// A gateway.
    Gateway(String),
    /// An open hazard.
    Hazard(String),
}

/// The record of the task as a whole.
#[derive(Serialize, Deserialize)]
struct TaskRecord {
    next_offset: i64,
    clock: EventClock,
}

/// Parts of a sum, by input partition.
type Parts = Vec<((Input, u32), (u32, u32))>;

impl AssessTask {
    /// The first part of this task's keys.
    pub fn state_name(partition: u32) -> String {
        format!("assess-{partition}")
    }

    /// Writes what changed since the last call.
    pub fn flush(&mut self, out: &mut Vec<Output>) {
        for (grid, first, last) in slice::runs(std::mem::take(&mut self.cells.dirty)) {
            for (index, slice) in (first..).zip(self.cells.records(grid, first, last)) {
                let value = (!slice.is_empty()).then(|| slice.encode());
                self.write(SLICE, slice::key(&self.cells.windows, grid, index), value, out);
            }
        }
        for (id, stored) in self.book.take_changed() {
            let value = [&[VERSION], stored.as_slice()].concat();
            self.write("alert", id, Some(value), out);
        }
        for key in std::mem::take(&mut self.changed) {
            match key {
                Key::Coverage(cell) => {
                    let coverage = self.cells.coverage(&cell);
                    let parts: Parts = coverage.filter(|(_, part)| part.1 > 0).collect();
                    let value = (!parts.is_empty()).then(|| encode(&parts));
                    self.write("coverage", format_args!("{}|{}", cell.region, cell.sector), value, out);
                }
                Key::Gateway(id) => {
                    let parts: Parts = self.gateways[&id].iter().map(|(&from, &part)| (from, part)).collect();
                    self.write("gateway", &id, Some(encode(&parts)), out);
                }
                Key::Hazard(id) => {
                    let value = self.hazards.get(&id).map(encode);
                    self.write("hazard", &id, value, out);
                }
            }
        }
        if let Some(announced) = self.in_force.take_changed() {
            self.write(RULES, "", Some(announced), out);
        }
        if std::mem::take(&mut self.clock_changed) {
            let record = TaskRecord { next_offset: self.next_offset, clock: self.clock.clone() };
            self.write("task", "", Some(encode(&record)), out);
        }
    }

    /// Forgets what changed, for a replay whose state nobody will read back.
    pub fn forget_changes(&mut self) {
        self.cells.dirty.clear();
        self.book.forget_changes();
        self.changed.clear();
        self.in_force.take_changed();
    }

    /// Takes one record of this task back; `None` is a tombstone. A log that is not compacted yet holds older records of
    /// the same key: each replaces the one before.
    pub fn restore(&mut self, kind: &str, id: &str, value: Option<&[u8]>) -> Result<(), StateError> {
        let Some(value) = value else {
            return self
                .forget(kind, id)
                .ok_or_else(|| StateError::Damaged { what: format!("assess {kind} {id}") });
        };
        if kind == RULES {
            self.in_force.take(Announcement::decode(value)?, &self.settings.windows);
            self.in_force.take_changed();
            return Ok(());
        }
        let what = || format!("assess {kind} {id}");
        let newest = if kind == SLICE { slice::VERSION } else { VERSION };
        let body = codec::body(value, VERSION..=newest, newest, what)?;
        let damaged = || StateError::Damaged { what: what() };
        match kind {
            "task" => {
                let record: TaskRecord = postcard::from_bytes(body).map_err(|_| damaged())?;
                self.next_offset = record.next_offset;
                self.clock = record.clock;
                self.clock_changed = false;
                self.has_state = true;
            }
            SLICE => {
                let slice = SliceRecord::decode(value[0], body).map_err(|_| damaged())?;
                self.cells.restore_slice(id, Some(&slice), self.in_force.rules()).ok_or_else(damaged)?;
            }
            "alert" => self.book.restore(body).map_err(|_| damaged())?,
            "coverage" => {
                let (region, sector) = id.split_once('|').ok_or_else(damaged)?;
                let parts: Parts = postcard::from_bytes(body).map_err(|_| damaged())?;
                let cell = self.cells.intern(&Cell { region: region.into(), sector: sector.into() });
                self.cells.get_mut(cell).coverage = parts.into_iter().collect();
            }
            "gateway" => {
                let parts: Parts = postcard::from_bytes(body).map_err(|_| damaged())?;
                self.gateways.insert(id.to_owned(), parts.into_iter().collect());
            }
            "hazard" => {
                let hazard: (String, Grade) = postcard::from_bytes(body).map_err(|_| damaged())?;
                self.hazards.set(id, Some(hazard));
            }
            _ => return Err(damaged()),
        }
        Ok(())
    }

    /// A tombstone takes back what an older record of its key brought.
    fn forget(&mut self, kind: &str, id: &str) -> Option<()> {
        match kind {
            SLICE => self.cells.restore_slice(id, None, self.in_force.rules())?,
            "coverage" => {
                let (region, sector) = id.split_once('|')?;
                let cell = self.cells.intern(&Cell { region: region.into(), sector: sector.into() });
                self.cells.get_mut(cell).coverage.clear();
            }
            "hazard" => self.hazards.set(id, None),
            // The other kinds are never deleted.
            _ => {}
        }
        Some(())
    }

    /// After every record is back: what is derived from them.
    pub fn restored(&mut self) {
        // The rules may have come back after the slices that they watch.
        self.cells.watch(self.in_force.rules());
        if !self.clock.started() {
            return;
        }
        self.cells.rebuild(self.clock.frontier);
        if self.clock.event_clock > EventTime::MIN {
            for w in 0..self.cells.judged.len() {
                let grid = &self.cells.windows.grids[self.cells.windows.grid_of[w]];
                self.cells.judged[w] = grid.index(self.clock.event_clock);
            }
        }
        // What was waiting to be emitted is not stored: everything is written once more.
        let cells: Vec<u32> = self.cells.iter().map(|(_, cell)| cell).collect();
        for cell in cells {
            self.cells.emit_anew(cell);
            self.resume_watches(cell);
        }
    }

    /// The episodes under way, read back from the alerts.
    pub(super) fn resume_watches(&mut self, cell: u32) {
        let subject = Subject::Cell(self.cells.key(cell).clone());
        for measure in 0..self.cells.measures().len() {
            let Some(track) = self.cells.get_mut(cell).tracks.get_mut(measure).and_then(Option::as_mut)
            else {
                continue;
            };
            for (watch, state) in track.watches.iter_mut().enumerate() {
                let rule = &self.in_force.rules()[state.rule];
                let Condition::Count { window, .. } = rule.condition else { continue };
                let Some(alert) = self.book.get(&alert_id(&subject, rule.id_hash())) else { continue };
                if alert.status != Status::Resolved {
                    let slide_ms = self.settings.windows.windows[window].slide_ms;
                    state.since = Some(alert.starts_at.ms.div_euclid(slide_ms));
                    state.blind = alert.status == Status::Unknown;
                    self.active.insert((cell, measure, watch));
                }
            }
        }
    }

    fn write(&self, kind: &str, id: impl Display, value: Option<Vec<u8>>, out: &mut Vec<Output>) {
        let mut key = String::with_capacity(KEY_BYTES);
        write!(key, "assess-{}|{kind}|{id}", self.partition).expect("a string takes everything");
        let key = key.into_bytes();
        out.push(Output { topic: Topic::State, partition: None, key, value, headers: Vec::new() });
    }
}

fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    codec::encode_sized(VERSION, value, VALUE_BYTES)
}
