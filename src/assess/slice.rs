//! A slice in `hazard.state`: one record holds what every cell of the task counted in one slice of one grid.
//!
//! A commit touches few slices and nearly all cells: a record for each cell would be hundreds a commit where this is one or
//! two. It stays small, for a task's cells are few (regions × sectors ÷ partitions), and it never holds more than one slice
//! of time, so that nothing old is written again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::cells::{Cells, DirtySlice};
use super::rule::Rule;
use super::window::Windows;
use crate::tally::Cell;

/// Slices looked at in one pass, about: a backlog must not need a city's memory at once.
const RUN_SLICES_MAX: i64 = 1_000;

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

/// Runs of slices of one grid that follow each other, first and last of each: what they hold is found in one pass.
pub fn runs(slices: BTreeSet<DirtySlice>) -> Vec<(u16, i64, i64)> {
    let mut runs: Vec<(u16, i64, i64)> = Vec::new();
    for (grid, index) in slices {
        match runs.last_mut() {
            Some(run) if run.0 == grid && run.2 + 1 == index && run.2 - run.1 < RUN_SLICES_MAX => {
                run.2 = index
            }
            _ => runs.push((grid, index, index)),
        }
    }
    runs
}

impl Cells {
    /// What all cells hold in each of a grid's slices from `first` to `last`.
    pub fn records(&self, grid: u16, first: i64, last: i64) -> Vec<SliceRecord<'_>> {
        let mut records: Vec<SliceRecord<'_>> = (first..=last).map(|_| SliceRecord::default()).collect();
        let mut places: Vec<Vec<Option<u16>>> = vec![vec![None; self.measures().len()]; records.len()];
        // The cell that each record speaks of last.
        let mut last_cell = vec![None; records.len()];
        for (name, cell) in self.iter() {
            for (measure, track) in self.get(cell).tracks.iter().enumerate() {
                let Some(track) = track else { continue };
                for (index, count) in track.series[usize::from(grid)].range(first, last.saturating_add(1)) {
                    let nth = (index - first) as usize;
                    let SliceRecord { measures, cells } = &mut records[nth];
                    let place = *places[nth][measure].get_or_insert_with(|| {
                        measures.push(&self.measures()[measure]);
                        (measures.len() - 1) as u16
                    });
                    if last_cell[nth].replace(cell) != Some(cell) {
                        cells.push(CellRecord(&name.region, &name.sector, Vec::new()));
                    }
                    cells.last_mut().expect("it was pushed").2.push((place, count));
                }
            }
        }
        records
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
