//! A slice in `hazard.state`: one record holds what every cell of the task counted in one slice of one grid.
//!
//! A commit touches few slices and nearly all cells: a record for each cell would be hundreds a commit where this is one or
//! two. It stays small, for a task's cells are few (regions × sectors ÷ partitions), and it never holds more than one slice
//! of time, so that nothing old is written again.

use serde::{Deserialize, Serialize};

use super::cells::Cells;
use super::rule::Rule;
use super::window::Windows;
use crate::tally::Cell;

/// What all cells hold in one slice. Cells and measures go by their names, so that it explains itself under any taxonomy.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceRecord<'a> {
    #[serde(borrow)]
    measures: Vec<&'a str>,
    #[serde(borrow)]
    cells: Vec<CellRecord<'a>>,
}

/// What one cell holds: its region, its sector, and by the measures' indexes its counts.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CellRecord<'a>(&'a str, &'a str, Vec<(u16, u32)>);

impl SliceRecord<'_> {
    /// Whether no cell holds anything.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

/// Where a slice lies, as its record's key says it: `<slide>-<horizon>|<index>`, both in milliseconds.
pub fn key(windows: &Windows, grid: u16, index: i64) -> String {
    let grid = &windows.grids[usize::from(grid)];
    format!("{}-{}|{index}", grid.slide_ms, grid.horizon_ms)
}

impl Cells {
    /// What all cells hold in one slice.
    pub fn slice(&self, grid: u16, index: i64) -> SliceRecord<'_> {
        let mut record = SliceRecord::default();
        let mut places: Vec<Option<u16>> = vec![None; self.measures().len()];
        for (name, cell) in self.iter() {
            let mut counts = Vec::new();
            for (measure, track) in self.get(cell).tracks.iter().enumerate() {
                let Some(track) = track else { continue };
                let count = track.series[usize::from(grid)].get(index);
                if count > 0 {
                    let place = *places[measure].get_or_insert_with(|| {
                        record.measures.push(&self.measures()[measure]);
                        (record.measures.len() - 1) as u16
                    });
                    counts.push((place, count));
                }
            }
            if !counts.is_empty() {
                record.cells.push(CellRecord(&name.region, &name.sector, counts));
            }
        }
        record
    }

    /// Puts a slice back that the state remembers; `None` empties it. A slice whose window is no longer configured is left
    /// behind. Returns `None` where key or record are not what they should be.
    pub fn restore_slice(
        &mut self,
        key: &str,
        record: Option<&SliceRecord<'_>>,
        rules: &[Rule],
    ) -> Option<()> {
        let (width, index) = key.split_once('|')?;
        let (slide, horizon) = width.split_once('-')?;
        let (slide_ms, horizon_ms): (i64, i64) = (slide.parse().ok()?, horizon.parse().ok()?);
        let index: i64 = index.parse().ok()?;
        let mut grids = self.windows.grids.iter();
        let Some(grid) = grids.position(|g| g.slide_ms == slide_ms && g.horizon_ms == horizon_ms) else {
            return Some(());
        };
        self.clear_slice(grid, index);
        let Some(record) = record else { return Some(()) };
        let measures: Vec<usize> = record.measures.iter().map(|name| self.measure(name)).collect();
        for CellRecord(region, sector, counts) in &record.cells {
            let cell = self.intern(&Cell { region: (*region).into(), sector: (*sector).into() });
            for &(measure, count) in counts {
                let measure = *measures.get(usize::from(measure))?;
                self.track(cell, measure, rules).series[grid].set(index, count);
            }
        }
        Some(())
    }
}
