//! Every cell of one assess task, and how time moves over them.

use std::collections::{BTreeMap, BTreeSet};

use super::cell::{Cell, Emitted, Track, Watch, size_slices};
use super::rule::{Condition, Rule};
use super::window::Windows;
use crate::event::EventTime;
use crate::log::Input;
use crate::tally;

/// A slice whose stored form must be written: grid, slice.
pub type DirtySlice = (u16, i64);

/// The cells of one task. Their number is bounded by the taxonomy: regions × sectors.
#[derive(Clone, Debug)]
pub struct Cells {
    /// The configured windows.
    pub windows: Windows,
    /// By window: the end (slice index) of the newest slice begun by the frontier.
    pub as_of: Vec<i64>,
    /// By window: the newest window end that the event clock has passed; what falls back is decided up to here.
    pub judged: Vec<i64>,
    /// Slices to be written at the next commit.
    pub dirty: BTreeSet<DirtySlice>,
    /// (cell, window) whose count or coverage changed since the last emission round, and that did not wait already.
    pub changed: Vec<(u32, u16)>,
    /// Counts that came later than a window's horizon since they were last asked for.
    pub too_late: u64,
    /// By grid: the open slice. Older ones are sealed.
    open: Vec<i64>,
    /// By grid: the oldest slice that may still be kept.
    pruned: Vec<i64>,
    index: BTreeMap<tally::Cell, u32>,
    keys: Vec<tally::Cell>,
    cells: Vec<Cell>,
    measures: Vec<String>,
}

/// Where a slice of a tally lies: the same for all counts of it.
pub struct Spot {
    /// By grid: its index there; `None`: it came later than the horizon.
    pub index: Vec<Option<i64>>,
    /// By window: whether the window as it stands covers it.
    within: Vec<bool>,
}

/// A slice that was added ahead of time and has now been reached: cell, measure, window, and the window ends to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The cell.
    pub cell: u32,
    /// The measure.
    pub measure: usize,
    /// The window.
    pub window: usize,
    /// First and last window end newly reached.
    pub ends: (i64, i64),
}

impl Cells {
    /// No cell yet; `measures` are the taxonomy's, in its order.
    pub fn new(windows: Windows, measures: Vec<String>) -> Self {
        Cells {
            as_of: vec![i64::MIN; windows.windows.len()],
            judged: vec![i64::MIN; windows.windows.len()],
            open: vec![i64::MIN; windows.grids.len()],
            pruned: vec![i64::MIN; windows.grids.len()],
            dirty: BTreeSet::new(),
            changed: Vec::new(),
            too_late: 0,
            index: BTreeMap::new(),
            keys: Vec::new(),
            cells: Vec::new(),
            measures,
            windows,
        }
    }

    /// The index of a cell, made when it is new.
    pub fn intern(&mut self, key: &tally::Cell) -> u32 {
        if let Some(&cell) = self.index.get(key) {
            return cell;
        }
        let cell = self.cells.len() as u32;
        self.index.insert(key.clone(), cell);
        self.keys.push(key.clone());
        self.cells.push(Cell {
            emitted: vec![Emitted { at_ms: i64::MIN, waiting: false }; self.windows.windows.len()],
            ..Cell::default()
        });
        cell
    }

    /// The index of a cell that is kept.
    pub fn find(&self, key: &tally::Cell) -> Option<u32> {
        self.index.get(key).copied()
    }

    /// The index of a measure, made when the taxonomy does not know it: a tally says more than we do.
    pub fn measure(&mut self, name: &str) -> usize {
        self.measures.iter().position(|known| known == name).unwrap_or_else(|| {
            self.measures.push(name.to_owned());
            self.measures.len() - 1
        })
    }

    /// The measures' names, in the order of their indexes.
    pub fn measures(&self) -> &[String] {
        &self.measures
    }

    /// The cell of that index.
    pub fn get(&self, cell: u32) -> &Cell {
        &self.cells[cell as usize]
    }

    /// The cell of that index, to be changed.
    pub fn get_mut(&mut self, cell: u32) -> &mut Cell {
        &mut self.cells[cell as usize]
    }

    /// The name of the cell of that index.
    pub fn key(&self, cell: u32) -> &tally::Cell {
        &self.keys[cell as usize]
    }

    /// Every cell in the order of its name.
    pub fn iter(&self) -> impl Iterator<Item = (&tally::Cell, u32)> {
        self.index.iter().map(|(key, &cell)| (key, cell))
    }

    /// The track of a measure in a cell, made with its watches when it is new.
    pub fn track(&mut self, cell: u32, measure: usize, rules: &[Rule]) -> &mut Track {
        let tracks = &mut self.cells[cell as usize].tracks;
        if tracks.len() <= measure {
            tracks.resize_with(measure + 1, || None);
        }
        let key = &self.keys[cell as usize];
        let name = &self.measures[measure];
        tracks[measure].get_or_insert_with(|| Box::new(Track::new(&self.windows, watches(key, name, rules))))
    }

    /// Lets these rules watch, and no other: every episode under way is forgotten.
    pub fn watch(&mut self, rules: &[Rule]) {
        for (cell, key) in self.cells.iter_mut().zip(&self.keys) {
            for (track, name) in cell.tracks.iter_mut().zip(&self.measures) {
                if let Some(track) = track {
                    track.watches = watches(key, name, rules);
                }
            }
        }
    }

    /// Where a slice that begins at `slice` and is `finest_ms` wide lies.
    pub fn spot(&self, slice: EventTime, finest_ms: i64, event_clock: EventTime) -> Spot {
        let late_ms = event_clock.since_ms(slice.plus_ms(finest_ms));
        let grids = self.windows.grids.iter();
        let index: Vec<Option<i64>> =
            grids.map(|grid| (late_ms < grid.horizon_ms).then(|| grid.index(slice))).collect();
        // A slice that has left a window is only kept for judging older window ends: adding it to the running count would
        // add what nobody will ever subtract.
        let is_within = |w: usize, index: i64| {
            index < self.as_of[w] && index >= self.as_of[w].saturating_sub(size_slices(&self.windows, w))
        };
        let grid_of = self.windows.grid_of.iter().enumerate();
        let within = grid_of.map(|(w, &g)| index[g].is_some_and(|index| is_within(w, index))).collect();
        Spot { index, within }
    }

    /// Marks what is stored of the slice at `spot` as to be written: counts of it are about to be added.
    pub fn mark(&mut self, spot: &Spot) {
        for (g, grid) in self.windows.grids.iter().enumerate() {
            let is_stored = |index: &i64| grid.source.is_none() || *index < self.open[g];
            self.dirty.extend(spot.index[g].filter(is_stored).map(|index| (g as u16, index)));
        }
    }

    /// Adds a tally's count to every grid that takes it.
    pub fn add(&mut self, (cell, measure): (u32, usize), spot: &Spot, count: u32, rules: &[Rule]) {
        self.track(cell, measure, rules);
        let Cell { tracks, emitted, .. } = &mut self.cells[cell as usize];
        let track = tracks[measure].as_deref_mut().expect("track() made it");
        for (series, index) in track.series.iter_mut().zip(&spot.index) {
            match *index {
                Some(index) => series.add(index, count),
                None => self.too_late += u64::from(count),
            }
        }
        for (w, _) in spot.within.iter().enumerate().filter(|(_, within)| **within) {
            track.counts[w] += u64::from(count);
            wait(emitted, (cell, w), &mut self.changed);
        }
    }

    /// Moves every window to the newest slice begun by `frontier`.
    pub fn slide(&mut self, frontier: EventTime) -> Vec<Entered> {
        let mut entered = Vec::new();
        for w in 0..self.as_of.len() {
            let g = self.windows.grid_of[w];
            let (old, new) = (self.as_of[w], self.windows.grids[g].index(frontier) + 1);
            if new <= old {
                continue;
            }
            self.as_of[w] = new;
            if old > i64::MIN {
                self.slide_window(w, (old, new), &mut entered);
            }
        }
        for g in 0..self.open.len() {
            let (old, new) = (self.open[g], self.windows.grids[g].index(frontier));
            if new > old {
                self.open[g] = new;
                if self.windows.grids[g].source.is_some() {
                    self.seal(g, (old, new));
                }
            }
        }
        entered
    }

    fn slide_window(&mut self, w: usize, (old, new): (i64, i64), entered: &mut Vec<Entered>) {
        let size = size_slices(&self.windows, w);
        let g = self.windows.grid_of[w];
        for (cell, Cell { tracks, emitted, .. }) in self.cells.iter_mut().enumerate() {
            let mut changed = false;
            for (measure, track) in tracks.iter_mut().enumerate() {
                let Some(track) = track else { continue };
                let series = &track.series[g];
                let ahead = series.newest().is_some_and(|newest| newest >= old);
                if track.counts[w] == 0 && !ahead {
                    continue;
                }
                let count = if new - old >= size {
                    series.sum(new - size, new)
                } else {
                    track.counts[w] + series.sum(old, new) - series.sum(old - size, new - size)
                };
                changed |= count != track.counts[w];
                track.counts[w] = count;
                if ahead && !track.watches.is_empty() {
                    entered.push(Entered { cell: cell as u32, measure, window: w, ends: (old + 1, new) });
                }
            }
            if changed {
                wait(emitted, (cell as u32, w), &mut self.changed);
            }
        }
    }

    /// Marks the slices [from, to) of a grid as to be written: until now finer slices stood in for them.
    fn seal(&mut self, g: usize, (from, to): (i64, i64)) {
        for track in self.cells.iter().flat_map(|cell| &cell.tracks).flatten() {
            self.dirty.extend(track.series[g].range(from, to).map(|(index, _)| (g as u16, index)));
        }
    }

    /// Forgets the slices that no window end still to be judged can reach.
    pub fn prune(&mut self, event_clock: EventTime) {
        for (g, grid) in self.windows.grids.iter().enumerate() {
            let oldest = grid.index(event_clock.plus_ms(-grid.retain_ms));
            if oldest <= self.pruned[g] {
                continue;
            }
            self.pruned[g] = oldest;
            for track in self.cells.iter_mut().flat_map(|cell| &mut cell.tracks).flatten() {
                track.series[g].prune(oldest, |index| {
                    self.dirty.insert((g as u16, index));
                });
            }
        }
    }

    /// Empties one slice in every cell.
    pub fn clear_slice(&mut self, grid: usize, index: i64) {
        for track in self.cells.iter_mut().flat_map(|cell| &mut cell.tracks).flatten() {
            track.series[grid].set(index, 0);
        }
    }

    /// After the stored slices are back: the open slices of coarse grids from their finer ones, then the running counts.
    pub fn rebuild(&mut self, frontier: EventTime) {
        let windows = &self.windows;
        self.open = windows.grids.iter().map(|grid| grid.index(frontier)).collect();
        self.as_of = windows.grid_of.iter().map(|&g| windows.grids[g].index(frontier) + 1).collect();
        for track in self.cells.iter_mut().flat_map(|cell| cell.tracks.iter_mut()).flatten() {
            for (g, grid) in windows.grids.iter().enumerate() {
                let Some(source) = grid.source else { continue };
                let fine = &windows.grids[source];
                let from = fine.index(grid.start(self.open[g]));
                let unsealed: Vec<_> = track.series[source].range(from, i64::MAX).collect();
                for (index, count) in unsealed {
                    track.series[g].add(grid.index(fine.start(index)), count);
                }
            }
            track.recount(windows, &self.as_of);
        }
    }

    /// Takes in how many sensors an input partition hears and expects in a cell.
    pub fn set_coverage(&mut self, cell: u32, source: (Input, u32), (heard, expected): (u32, u32)) {
        self.cells[cell as usize].coverage.insert(source, (heard, expected));
        self.emit_anew(cell);
    }

    /// Lets every window of a cell wait to be emitted.
    pub fn emit_anew(&mut self, cell: u32) {
        let emitted = &mut self.cells[cell as usize].emitted;
        (0..self.as_of.len()).for_each(|w| wait(emitted, (cell, w), &mut self.changed));
    }

    /// The oldest window end of which anything can still be kept.
    pub fn oldest_end(&self, window: usize) -> i64 {
        let spec = &self.windows.windows[window];
        self.as_of[window]
            - (spec.size_ms + spec.horizon_ms) / spec.slide_ms
            - size_slices(&self.windows, window)
    }

    /// The window ends, closed already, that a count added at `spot` has changed.
    pub fn closed_ends(&self, cell: u32, spot: &Spot) -> Vec<(u32, u16, i64)> {
        let mut ends = Vec::new();
        for (w, &g) in self.windows.grid_of.iter().enumerate() {
            let Some(index) = spot.index[g] else { continue };
            let last = self.judged[w].min(index + size_slices(&self.windows, w));
            ends.extend((index + 1..=last).map(|end| (cell, w as u16, end)));
        }
        ends
    }

    /// The coverage of a cell, by input partition.
    pub fn coverage(&self, key: &tally::Cell) -> impl Iterator<Item = ((Input, u32), (u32, u32))> + '_ {
        let cell = self.index.get(key).map(|&cell| &self.cells[cell as usize]);
        cell.into_iter().flat_map(|cell| cell.coverage.iter().map(|(&from, &part)| (from, part)))
    }

    /// How many slices are kept.
    pub fn slices(&self) -> u64 {
        let tracks = self.cells.iter().flat_map(|cell| cell.tracks.iter()).flatten();
        tracks.flat_map(|track| &track.series).map(|series| series.len() as u64).sum()
    }
}

/// Lets a (cell, window) wait to be emitted.
fn wait(emitted: &mut [Emitted], (cell, window): (u32, usize), changed: &mut Vec<(u32, u16)>) {
    if !std::mem::replace(&mut emitted[window].waiting, true) {
        changed.push((cell, window as u16));
    }
}

/// The count rules that watch a measure in a cell.
fn watches(key: &tally::Cell, measure: &str, rules: &[Rule]) -> Vec<Watch> {
    let watching = |rule: &Rule| match &rule.condition {
        Condition::Count { measure: watched, cells, .. } => {
            watched == measure && cells.contains(&key.region, &key.sector)
        }
        Condition::Event { .. } | Condition::SensorLevel { .. } | Condition::NoData(_) => false,
    };
    let watch = |rule| Watch { rule, since: None, blind: false };
    (0..rules.len()).filter(|&rule| watching(&rules[rule])).map(watch).collect()
}
