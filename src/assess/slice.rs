//! A slice in `hazard.state`: one record holds what every cell of the task counted in one slice of one grid.
//!
//! A commit touches few slices and nearly all cells: a record for each cell would be hundreds a commit where this is one or
//! two. It stays small, for a task's cells are few (regions × sectors ÷ partitions), and it never holds more than one slice
//! of time, so that nothing old is written again.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use super::cells::{Cells, DirtySlice};
use super::rule::Rule;
use super::window::Windows;
use crate::tally::{Cell, codec};

/// The format version of a slice's record.
pub const VERSION: u8 = 2;

/// Slices looked at in one pass, about: a backlog must not need a city's memory at once.
const RUN_SLICES_MAX: i64 = 1_000;

/// What all cells hold in one slice. Cells and measures go by their names, so that it explains itself under any taxonomy;
/// each name stands in it once, and a region's digits as a number, for a backlog writes many of these.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceRecord<'a> {
    #[serde(borrow)]
    measures: Vec<&'a str>,
    #[serde(borrow)]
    sectors: Vec<&'a str>,
    /// Region, and index of the sector.
    #[serde(borrow)]
    cells: Vec<(Code<'a>, u16)>,
    /// Index of the cell, index of the measure, count.
    counts: Vec<(u16, u16, u32)>,
}

/// A region's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Code<'a> {
    /// Digits of which the first is no zero.
    Digits(u64),
    #[serde(borrow)]
    Text(&'a str),
}

impl<'a> Code<'a> {
    fn of(code: &'a str) -> Self {
        let is_number = !code.starts_with('0') && code.bytes().all(|byte| byte.is_ascii_digit());
        code.parse().ok().filter(|_| is_number).map_or(Code::Text(code), Code::Digits)
    }
}

impl Display for Code<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Code::Digits(number) => number.fmt(out),
            Code::Text(code) => out.write_str(code),
        }
    }
}

/// What version 1 held of a slice: cells with their names and counts.
#[derive(Deserialize)]
struct FirstSliceRecord<'a> {
    #[serde(borrow)]
    measures: Vec<&'a str>,
    #[serde(borrow)]
    cells: Vec<FirstCellRecord<'a>>,
}

/// Region, sector, and by the measures' indexes the counts.
#[derive(Deserialize)]
struct FirstCellRecord<'a>(&'a str, &'a str, Vec<(u16, u32)>);

impl<'a> SliceRecord<'a> {
    /// Reads the body of a stored form of this version, 1 or [`VERSION`].
    pub fn decode(version: u8, body: &'a [u8]) -> postcard::Result<Self> {
        if version == VERSION {
            return postcard::from_bytes(body);
        }
        let first: FirstSliceRecord<'a> = postcard::from_bytes(body)?;
        let mut record = SliceRecord { measures: first.measures, ..SliceRecord::default() };
        for (cell, FirstCellRecord(region, sector, counts)) in (0..).zip(first.cells) {
            let sector = told(&mut record.sectors, sector);
            record.cells.push((Code::of(region), sector));
            record.counts.extend(counts.into_iter().map(|(measure, count)| (cell, measure, count)));
        }
        Ok(record)
    }

    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode_sized(VERSION, self, 64 + 8 * self.cells.len() + 4 * self.counts.len())
    }

    /// Whether no cell holds anything.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
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

/// The index of a name among the few that a record tells.
fn told<'a>(names: &mut Vec<&'a str>, name: &'a str) -> u16 {
    let known = names.iter().position(|known| *known == name);
    known.unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    }) as u16
}

impl Cells {
    /// What all cells hold in each of a grid's slices from `first` to `last`.
    pub fn records(&self, grid: u16, first: i64, last: i64) -> Vec<SliceRecord<'_>> {
        let cells = self.iter().count();
        let blank = |_| SliceRecord { counts: Vec::with_capacity(cells), ..SliceRecord::default() };
        let mut records: Vec<SliceRecord<'_>> = (first..=last).map(blank).collect();
        let mut places: Vec<Vec<Option<u16>>> = vec![vec![None; self.measures().len()]; records.len()];
        // The cell that each record speaks of last.
        let mut last_cell = vec![None; records.len()];
        for (name, cell) in self.iter() {
            let region = Code::of(&name.region);
            for (measure, track) in self.get(cell).tracks.iter().enumerate() {
                let Some(track) = track else { continue };
                for (index, count) in track.series[usize::from(grid)].range(first, last.saturating_add(1)) {
                    let nth = (index - first) as usize;
                    let record = &mut records[nth];
                    if last_cell[nth].replace(cell) != Some(cell) {
                        let sector = told(&mut record.sectors, &name.sector);
                        record.cells.push((region, sector));
                    }
                    let place = *places[nth][measure]
                        .get_or_insert_with(|| told(&mut record.measures, &self.measures()[measure]));
                    record.counts.push((record.cells.len() as u16 - 1, place, count));
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
        let mut cells = Vec::with_capacity(record.cells.len());
        for (region, sector) in &record.cells {
            let sector = record.sectors.get(usize::from(*sector))?;
            cells.push(self.intern(&Cell { region: region.to_string(), sector: (*sector).to_owned() }));
        }
        for &(cell, measure, count) in &record.counts {
            let (cell, measure) = (*cells.get(usize::from(cell))?, *measures.get(usize::from(measure))?);
            self.track(cell, measure, rules).series[grid].set(index, count);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_the_first_version_is_read_as_what_it_says() {
        let first = (
            vec!["alarms", "readings"],
            vec![
                ("330604", "mining", vec![(0_u16, 7_u32), (1, 300)]),
                ("unknown", "all", vec![(1, 2)]),
                ("0330", "all", vec![(1, 1)]),
            ],
        );
        let stored = postcard::to_stdvec(&first).expect("it is stored");
        let record = SliceRecord::decode(1, &stored).expect("it is read");
        let named = |&(cell, measure, count): &(u16, u16, u32)| {
            let (region, sector) = &record.cells[usize::from(cell)];
            let sector = record.sectors[usize::from(*sector)];
            format!("{region} {sector} {} {count}", record.measures[usize::from(measure)])
        };
        assert_eq!(
            record.counts.iter().map(named).collect::<Vec<_>>(),
            [
                "330604 mining alarms 7",
                "330604 mining readings 300",
                "unknown all readings 2",
                "0330 all readings 1"
            ]
        );
        let stored = postcard::to_stdvec(&record).expect("it is stored");
        assert_eq!(SliceRecord::decode(VERSION, &stored), Ok(record));
    }
}
