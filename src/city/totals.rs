//! What a city has sent, exactly: the figures that a consumer's counts must equal.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::EventTime;
use crate::log::Input;

/// The measures that a city keeps totals of, by their names in the shipped taxonomy.
pub const MEASURES: [&str; 8] = [
    "readings",
    "inspections",
    "hazards_found_general",
    "hazards_found_major",
    "hazards_closed_general",
    "hazards_closed_major",
    "items",
    "records",
];

/// How much one message adds to each of [`MEASURES`].
pub type Added = [u16; MEASURES.len()];

/// A message that adds nothing.
pub const NOTHING: Added = [0; MEASURES.len()];

/// A message that adds one to the measure at `index`.
pub const fn one(index: usize) -> Added {
    let mut added = NOTHING;
    added[index] = 1;
    added
}

/// What was sent to one input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// Messages, all together: `distinct + duplicates + bad`.
    pub sent: u64,
    /// Valid messages, each counted once.
    pub distinct: u64,
    /// Messages sent a second time.
    pub duplicates: u64,
    /// Invalid messages: a consumer rejects each of them.
    pub bad: u64,
}

/// Everything that was sent so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// The earliest event time of a valid message, in ms since the epoch.
    pub first_event_ms: Option<i64>,
    /// The latest.
    pub last_event_ms: Option<i64>,
    /// Per input.
    pub inputs: BTreeMap<&'static str, Sent>,
    /// Invalid messages by the reason for which a consumer rejects them.
    pub rejects: BTreeMap<&'static str, u64>,
    /// `county → sector → measure → count` over valid messages, each counted once, whenever they happened; the county is
    /// `unknown` where the region code is none of the city's. Alarm onsets are not in it: they depend on the limits.
    pub counts: BTreeMap<String, BTreeMap<String, BTreeMap<&'static str, u64>>>,
}

/// The totals while they grow: dense, so that a reading costs a few additions.
pub struct Tallies {
    counties: Vec<String>,
    sectors: Vec<String>,
    cells: Vec<[u64; MEASURES.len()]>,
    inputs: [Sent; Input::ALL.len()],
    rejects: BTreeMap<&'static str, u64>,
    span: Option<(EventTime, EventTime)>,
}

/// Index of a county × sector in [`Tallies`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellIndex(pub u32);

impl Tallies {
    /// Empty totals over these counties (their codes) and sectors.
    pub fn new(counties: Vec<String>, sectors: Vec<String>) -> Self {
        let cells = vec![[0; MEASURES.len()]; (counties.len() + 1) * sectors.len()];
        Tallies {
            counties,
            sectors,
            cells,
            inputs: [Sent::default(); Input::ALL.len()],
            rejects: BTreeMap::new(),
            span: None,
        }
    }

    /// The index of a region (any code that begins with a county's, or an unknown one) and sector.
    pub fn cell(&self, region: &str, sector: &str) -> CellIndex {
        let county = self.counties.iter().position(|county| region.starts_with(county.as_str()));
        let sector = self.sectors.iter().position(|known| known == sector).unwrap_or(0);
        CellIndex((county.unwrap_or(self.counties.len()) * self.sectors.len() + sector) as u32)
    }

    /// A valid message was sent for the first time.
    pub fn fresh(&mut self, input: Input, cell: CellIndex, added: &Added, time: EventTime) {
        let sent = &mut self.inputs[input as usize];
        sent.sent += 1;
        sent.distinct += 1;
        let counts = &mut self.cells[cell.0 as usize];
        for (count, add) in counts.iter_mut().zip(added) {
            *count += u64::from(*add);
        }
        let (first, last) = self.span.unwrap_or((time, time));
        self.span = Some((first.min(time), last.max(time)));
    }

    /// A message was sent again.
    pub fn repeat(&mut self, input: Input) {
        self.inputs[input as usize].sent += 1;
        self.inputs[input as usize].duplicates += 1;
    }

    /// An invalid message was sent.
    pub fn bad(&mut self, input: Input, reason: &'static str) {
        self.inputs[input as usize].sent += 1;
        self.inputs[input as usize].bad += 1;
        *self.rejects.entry(reason).or_default() += 1;
    }

    /// Messages sent so far.
    pub fn sent(&self) -> u64 {
        self.inputs.iter().map(|input| input.sent).sum()
    }

    /// The totals so far, with names.
    pub fn totals(&self) -> Totals {
        let mut counts: BTreeMap<String, BTreeMap<String, BTreeMap<&'static str, u64>>> = BTreeMap::new();
        for (at, cell) in self.cells.iter().enumerate() {
            let county = self.counties.get(at / self.sectors.len()).map_or("unknown", String::as_str);
            let sector = &self.sectors[at % self.sectors.len()];
            for (measure, count) in MEASURES.iter().zip(cell).filter(|(_, count)| **count > 0) {
                let by_sector = counts.entry(county.to_owned()).or_default();
                by_sector.entry(sector.clone()).or_default().insert(measure, *count);
            }
        }
        let used = Input::ALL.iter().filter(|input| self.inputs[**input as usize].sent > 0);
        Totals {
            first_event_ms: self.span.map(|(first, _)| first.ms),
            last_event_ms: self.span.map(|(_, last)| last.ms),
            inputs: used.map(|input| (input.name(), self.inputs[*input as usize])).collect(),
            rejects: self.rejects.clone(),
            counts,
        }
    }
}
