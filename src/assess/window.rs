//! Windows and the slices they share.
//!
//! A window (size, slide) as of t covers [t − size, t). Windows with the same slide and horizon share one *grid* of
//! slices. A coarser grid whose slide is a multiple of a finer one is fed by the same tallies, but its open slice need
//! not be stored: it is the sum of the finer slices ([`Grid::source`]). So the state written per commit does not grow
//! with the number of windows.

use crate::event::EventTime;

/// A window as configured, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowSpec {
    /// The configured name, as on the wire: `1h`.
    pub name: String,
    /// The slide as written, as on the wire: `1m`.
    pub slide_name: String,
    /// Size in milliseconds, a multiple of the slide.
    pub size_ms: i64,
    /// Slide in milliseconds.
    pub slide_ms: i64,
    /// An event late by less than this is added.
    pub horizon_ms: i64,
}

/// Slices of one slide, shared by the windows that slide alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Width of a slice in milliseconds.
    pub slide_ms: i64,
    /// An event late by less than this is added.
    pub horizon_ms: i64,
    /// How far behind the event clock slices are kept: the largest window's size + horizon.
    pub retain_ms: i64,
    /// The finer grid whose slices sum up to this one's open slice; `None`: its open slice is stored itself.
    pub source: Option<usize>,
}

impl Grid {
    /// The slice that holds `time`.
    pub const fn index(&self, time: EventTime) -> i64 {
        time.ms.div_euclid(self.slide_ms)
    }

    /// The start of slice `index`.
    pub const fn start(&self, index: i64) -> EventTime {
        EventTime::from_ms(index.saturating_mul(self.slide_ms))
    }
}

/// The configured windows and the grids they share; a window is an index into `windows`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// In the order of the configuration.
    pub windows: Vec<WindowSpec>,
    /// From the finest slide to the coarsest.
    pub grids: Vec<Grid>,
    /// The grid of each window.
    pub grid_of: Vec<usize>,
}

impl Windows {
    /// Finds the grids that `windows` share.
    pub fn new(windows: Vec<WindowSpec>) -> Self {
        let mut grids: Vec<Grid> = Vec::new();
        for window in &windows {
            let retain_ms = window.size_ms + window.horizon_ms;
            match grids
                .iter_mut()
                .find(|grid| grid.slide_ms == window.slide_ms && grid.horizon_ms == window.horizon_ms)
            {
                Some(grid) => grid.retain_ms = grid.retain_ms.max(retain_ms),
                None => grids.push(Grid {
                    slide_ms: window.slide_ms,
                    horizon_ms: window.horizon_ms,
                    retain_ms,
                    source: None,
                }),
            }
        }
        grids.sort_by_key(|grid| (grid.slide_ms, grid.horizon_ms));
        for coarse in 1..grids.len() {
            // An event in the coarse grid's open slice is late by less than its slide. A finer grid that still takes
            // such an event, and still keeps its slices, can stand in for the open slice.
            let slide_ms = grids[coarse].slide_ms;
            grids[coarse].source = (0..coarse).rev().find(|&fine| {
                let fine = &grids[fine];
                fine.slide_ms < slide_ms && slide_ms % fine.slide_ms == 0 && fine.horizon_ms >= slide_ms
            });
        }
        let grid_of = windows
            .iter()
            .map(|window| {
                grids
                    .iter()
                    .position(|g| g.slide_ms == window.slide_ms && g.horizon_ms == window.horizon_ms)
                    .expect("every window has pushed its grid")
            })
            .collect();
        Windows { windows, grids, grid_of }
    }

    /// The window of that name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.windows.iter().position(|window| window.name == name)
    }

    /// The width of the slices that collect must tally: the greatest common divisor of all slides, in milliseconds. Without
    /// windows it is 0, and there is nothing to tally.
    pub fn finest_slice_ms(&self) -> i64 {
        self.grids.iter().map(|grid| grid.slide_ms).fold(0, gcd)
    }

    /// The longest horizon, in milliseconds: what is later than this is of no use to any window. Without windows it is thirty
    /// days, for what is followed still is.
    pub fn longest_horizon_ms(&self) -> i64 {
        const WITHOUT_WINDOWS_MS: i64 = 30 * 86_400_000;
        self.grids.iter().map(|grid| grid.horizon_ms).max().unwrap_or(WITHOUT_WINDOWS_MS)
    }
}

const fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(name: &str, size_s: i64, slide_s: i64) -> WindowSpec {
        WindowSpec {
            name: name.into(),
            slide_name: format!("{slide_s}s"),
            size_ms: size_s * 1000,
            slide_ms: slide_s * 1000,
            horizon_ms: size_s * 1000,
        }
    }

    #[test]
    fn each_default_window_is_fed_by_the_next_finer_one() {
        let windows = Windows::new(vec![
            window("10m", 600, 10),
            window("1h", 3600, 60),
            window("24h", 86_400, 300),
            window("7d", 604_800, 3600),
            window("30d", 2_592_000, 21_600),
        ]);
        let sources: Vec<_> = windows.grids.iter().map(|grid| grid.source).collect();
        assert_eq!(sources, [None, Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(windows.finest_slice_ms(), 10_000);
        assert_eq!(windows.longest_horizon_ms(), 2_592_000_000);
    }

    #[test]
    fn without_windows_there_is_no_slice_and_late_events_are_still_taken() {
        let windows = Windows::new(Vec::new());
        assert_eq!(windows.finest_slice_ms(), 0);
        assert_eq!(windows.longest_horizon_ms(), 2_592_000_000);
    }

    #[test]
    fn slides_that_do_not_divide_keep_their_own_open_slice() {
        let windows = Windows::new(vec![window("a", 70, 7), window("b", 100, 10)]);
        assert_eq!(windows.grids[1].source, None);
        assert_eq!(windows.finest_slice_ms(), 1000);
    }

    #[test]
    fn windows_that_slide_alike_share_a_grid() {
        let mut long = window("b", 100, 10);
        long.horizon_ms = 50_000;
        let mut short = window("a", 50, 10);
        short.horizon_ms = 50_000;
        let windows = Windows::new(vec![short, long]);
        assert_eq!(windows.grids.len(), 1);
        assert_eq!(windows.grids[0].retain_ms, 150_000);
        assert_eq!(windows.grid_of, [0, 0]);
    }
}
