//! What `hazard.windows` and `hazard.window-closes` say of a cell.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cells::Cells;
use crate::event::{EventTime, wire_time};
use crate::log::{Output, Topic};

/// Which of the two topics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Emit {
    /// The newest state of each cell, in `hazard.windows`.
    Latest,
    /// One record at each window end that the event clock passes, in `hazard.window-closes`.
    Closes,
    /// Both.
    Both,
}

impl Emit {
    /// Whether `hazard.windows` is written.
    pub const fn latest(self) -> bool {
        matches!(self, Emit::Latest | Emit::Both)
    }

    /// Whether `hazard.window-closes` is written.
    pub const fn closes(self) -> bool {
        matches!(self, Emit::Closes | Emit::Both)
    }
}

/// The value of both topics.
#[derive(Serialize)]
struct WindowRecord<'a> {
    region: &'a str,
    sector: &'a str,
    window: &'a str,
    slide: &'a str,
    #[serde(with = "wire_time")]
    as_of: EventTime,
    #[serde(with = "wire_time::option")]
    complete_to: Option<EventTime>,
    coverage: Option<Coverage>,
    counts: Counts<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    correction: bool,
}

#[derive(Serialize)]
struct Coverage {
    heard: u32,
    expected: u32,
}

/// The measures with their counts, in the order of the measures file.
struct Counts<'a>(Vec<(&'a str, u64)>);

impl Serialize for Counts<'_> {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.0.iter().copied())
    }
}

/// When each (cell, window) is next due in `hazard.windows`: at once after a quiet time, else `emit_every` after its last
/// record, by the clock that the log carries.
#[derive(Clone, Debug, Default)]
pub struct Emission {
    due: BTreeMap<i64, Vec<(u32, u16)>>,
}

impl Emission {
    /// Takes in what changed and writes what is due by `clock`.
    pub fn round(
        &mut self,
        cells: &mut Cells,
        (clock, event_clock): (EventTime, EventTime),
        emit_every_ms: i64,
        out: &mut Vec<Output>,
    ) {
        for (cell, window) in std::mem::take(&mut cells.changed) {
            let emitted = cells.get(cell).emitted[usize::from(window)];
            let due = emitted.at_ms.saturating_add(emit_every_ms).max(clock.ms);
            self.due.entry(due).or_default().push((cell, window));
        }
        while let Some(entry) = self.due.first_entry().filter(|entry| *entry.key() <= clock.ms) {
            for (cell, window) in entry.remove() {
                let emitted = &mut cells.get_mut(cell).emitted[usize::from(window)];
                *emitted = super::cell::Emitted { at_ms: clock.ms, waiting: false };
                let as_of = cells.as_of[usize::from(window)];
                out.push(record(cells, Topic::Windows, (cell, window, as_of), event_clock, false));
            }
        }
    }
}

/// One record of either topic: a cell's window as of window end `as_of`.
pub fn record(
    cells: &Cells,
    topic: Topic,
    (cell, window, as_of): (u32, u16, i64),
    event_clock: EventTime,
    correction: bool,
) -> Output {
    let w = usize::from(window);
    let spec = &cells.windows.windows[w];
    let key = cells.key(cell);
    let state = cells.get(cell);
    let now = cells.as_of[w];
    let count = |measure: usize| {
        state.track(measure).map_or(0, |track| {
            if as_of == now { track.counts[w] } else { track.count_at(&cells.windows, w, now, as_of) }
        })
    };
    let value = WindowRecord {
        region: &key.region,
        sector: &key.sector,
        window: &spec.name,
        slide: &spec.slide_name,
        as_of: EventTime::from_ms(as_of.saturating_mul(spec.slide_ms)),
        complete_to: (event_clock > EventTime::MIN).then_some(event_clock),
        coverage: state.heard_expected().map(|(heard, expected)| Coverage { heard, expected }),
        counts: Counts(
            cells.measures().iter().enumerate().map(|(m, name)| (name.as_str(), count(m))).collect(),
        ),
        correction,
    };
    Output {
        topic,
        partition: None,
        key: format!("{}|{}|{}", key.region, key.sector, spec.name).into_bytes(),
        value: Some(serde_json::to_vec(&value).expect("a window record has no value that JSON lacks")),
        headers: Vec::new(),
    }
}

/// The window ends within [first, last] of one cell that hold a count, and each first one that has just emptied.
pub fn closing_ends(cells: &Cells, cell: u32, window: usize, (first, last): (i64, i64)) -> Vec<i64> {
    let mut ends = std::collections::BTreeSet::new();
    let as_of = cells.as_of[window];
    for track in cells.get(cell).tracks.iter().flatten() {
        for run in track.runs(&cells.windows, window, as_of, (first - 1, last), |count| count > 0) {
            ends.extend((run.first.max(first)..=run.last).chain((run.last < last).then_some(run.last + 1)));
        }
    }
    ends.into_iter().collect()
}
