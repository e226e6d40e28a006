//! One cell: its measures on every grid, its running window counts, its coverage, and the rules that watch it.

use std::collections::BTreeMap;

use super::series::{Run, Series};
use super::window::Windows;
use crate::log::Input;

/// A cell of one assess task.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// By measure index of the task; a measure never counted here costs a pointer.
    pub tracks: Vec<Option<Box<Track>>>,
    /// Sensors heard and expected, by the input partition that says so.
    pub coverage: BTreeMap<(Input, u32), (u32, u32)>,
    /// By window: when it was last written, and whether it is waiting to be.
    pub emitted: Vec<Emitted>,
}

/// How a (cell, window) stands with `hazard.windows`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Emitted {
    /// The log's clock at its last record, in milliseconds.
    pub at_ms: i64,
    /// Changed since.
    pub waiting: bool,
}

/// One measure of one cell.
#[derive(Clone, Debug)]
pub struct Track {
    /// By grid.
    pub series: Vec<Series>,
    /// By window: the running count of [as_of − size, as_of).
    pub counts: Vec<u64>,
    /// The count rules that watch this measure here.
    pub watches: Vec<Watch>,
}

/// One count rule on one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The rule's index.
    pub rule: usize,
    /// The window end (slice index) since which it is above its threshold, not yet fallen back.
    pub since: Option<i64>,
    /// Its alert may be unknown: it fell while too few sensors were heard. False only where it certainly is not.
    pub blind: bool,
}

impl Track {
    /// An empty track watched by `watches`.
    pub fn new(windows: &Windows, watches: Vec<Watch>) -> Self {
        Track {
            series: vec![Series::default(); windows.grids.len()],
            counts: vec![0; windows.windows.len()],
            watches,
        }
    }

    /// The count of `window` as of window end `t`, found from the running count when that is nearer.
    pub fn count_at(&self, windows: &Windows, window: usize, as_of: i64, t: i64) -> u64 {
        let size = size_slices(windows, window);
        let series = &self.series[windows.grid_of[window]];
        if as_of - t >= size || t > as_of {
            return series.sum(t - size, t);
        }
        self.counts[window] + series.sum(t - size, as_of - size) - series.sum(t, as_of)
    }

    /// The runs of window ends within [first, last] for which `holds` is true of the window's count.
    pub fn runs(
        &self,
        windows: &Windows,
        window: usize,
        as_of: i64,
        (first, last): (i64, i64),
        holds: impl Fn(u64) -> bool,
    ) -> Vec<Run> {
        if first > last {
            return Vec::new();
        }
        let count = self.count_at(windows, window, as_of, first);
        let series = &self.series[windows.grid_of[window]];
        series.runs(size_slices(windows, window), first, last, count, holds)
    }

    /// Recomputes the running counts, as after a restore.
    pub fn recount(&mut self, windows: &Windows, as_of: &[i64]) {
        for (window, &as_of) in as_of.iter().enumerate() {
            let size = size_slices(windows, window);
            self.counts[window] = self.series[windows.grid_of[window]].sum(as_of - size, as_of);
        }
    }
}

impl Cell {
    /// Sensors heard and expected over all input partitions; `None` where none is expected.
    pub fn heard_expected(&self) -> Option<(u32, u32)> {
        let sum =
            self.coverage.values().fold((0, 0), |sum, &(heard, expected)| (sum.0 + heard, sum.1 + expected));
        (sum.1 > 0).then_some(sum)
    }

    /// Whether it hears enough of what it expects; a cell that expects nothing is judged by its counts alone.
    pub fn covered(&self, coverage_min: f64) -> bool {
        self.heard_expected()
            .is_none_or(|(heard, expected)| f64::from(heard) >= coverage_min * f64::from(expected))
    }

    /// The track of that measure, if anything was ever counted.
    pub fn track(&self, measure: usize) -> Option<&Track> {
        self.tracks.get(measure).and_then(Option::as_deref)
    }
}

/// A window's size in slices of its grid.
pub fn size_slices(windows: &Windows, window: usize) -> i64 {
    let spec = &windows.windows[window];
    spec.size_ms / spec.slide_ms
}
