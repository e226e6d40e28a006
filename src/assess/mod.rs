//! The assess task (分析研判): one per tallies partition. It adds tallies into slices, slides the windows, evaluates the
//! rules and drives alerts. Depends on tally, taxonomy, warn.
//!
//! **Invariant:** a pure function of its input log. Time, clocks, officers' commands, the existence of input partitions
//! and changes of rules all arrive in it; nothing here reads another clock. Rules are evaluated after each tally, not per
//! commit, so an abort changes nothing.

mod announced;
mod cell;
mod cells;
mod clock;
mod command;
mod count;
mod draft;
mod emit;
mod hazards;
mod judge;
mod load;
mod rule;
mod series;
mod slice;
mod state;
mod subject;
mod switch;
#[cfg(test)]
mod tests;
mod window;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::event::EventTime;
use crate::log::{Input, Output, Topic};
use crate::tally::{Cell, Signal, SliceCounts, Subject, Tally, What};
use crate::taxonomy::{Grade, RegionLevel, Sectors, Taxonomy};
use crate::warn::{Book, Evidence};

use cells::Cells;
use clock::EventClock;
use count::ActiveWatch;
use emit::Emission;
use hazards::Hazards;
use judge::Judge;

pub use announced::{Announcement, Entry, InForce, rules_hash, short_hash};
pub use emit::Emit;
pub use load::{read_rules, shipped_rules};
pub use rule::{Cells as CellSet, Condition, EventKind, Place, Rule, Silent};
pub use window::{WindowSpec, Windows};

/// What assess tasks are told by the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The windows.
    pub windows: Windows,
    /// The rules that are in force until the log says otherwise.
    pub rules: Vec<Rule>,
    /// Which window topics are written.
    pub emit: Emit,
    /// A cell's window is written at most once in this time, in milliseconds of the log's clock.
    pub emit_every_ms: i64,
    /// Below this share of its expected sensors a cell is unknown.
    pub coverage_min: f64,
    /// The name of the commands topic, for dead letters.
    pub commands_topic: String,
    /// The zone that times in summaries are shown in.
    pub zone: TimeZone,
}

/// By gateway: sensors heard and expected, by the input partition that says so.
type Gateways = BTreeMap<String, BTreeMap<(Input, u32), (u32, u32)>>;

/// The assess task of one tallies partition.
#[derive(Clone, Debug)]
pub struct AssessTask {
    partition: u32,
    taxonomy: Arc<Taxonomy>,
    settings: Arc<Settings>,
    in_force: InForce,
    clock: EventClock,
    next_offset: i64,
    cells: Cells,
    active: BTreeSet<ActiveWatch>,
    book: Book,
    emission: Emission,
    /// What is heard behind each gateway.
    gateways: Gateways,
    /// Hazards not yet closed.
    hazards: Hazards,
    /// Keys of gateways, hazards and cells' coverage whose stored form must be written.
    changed: BTreeSet<state::Key>,
    /// Whether the task's own record must be written: it always is by the first commit.
    clock_changed: bool,
    has_state: bool,
}

impl AssessTask {
    /// A task that has read nothing; its next offset is 0 until it is restored.
    pub fn new(partition: u32, taxonomy: Arc<Taxonomy>, settings: Arc<Settings>) -> Self {
        let measures = taxonomy.measures.iter().map(|id| taxonomy.measures.code(id).to_owned()).collect();
        AssessTask {
            partition,
            cells: Cells::new(settings.windows.clone(), measures),
            taxonomy,
            in_force: InForce::given(&settings.rules),
            settings,
            clock: EventClock::default(),
            next_offset: 0,
            active: BTreeSet::new(),
            book: Book::default(),
            emission: Emission::default(),
            gateways: BTreeMap::new(),
            hazards: Hazards::default(),
            changed: BTreeSet::new(),
            clock_changed: true,
            has_state: false,
        }
    }

    /// The tallies partition.
    pub fn partition(&self) -> u32 {
        self.partition
    }

    /// A first start at `offset`.
    pub fn start_at(&mut self, offset: i64) {
        self.next_offset = offset;
    }

    /// The tallies offset that the restored state reflects; `None` when there was none.
    pub fn reflected(&self) -> Option<i64> {
        self.has_state.then_some(self.next_offset)
    }

    /// The next tallies offset that it wants.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Applies the tally at `offset`, and writes what follows from it.
    pub fn apply(&mut self, tally: &Tally, offset: i64, out: &mut Vec<Output>) {
        self.next_offset = offset + 1;
        self.clock_changed = true;
        // Counts are judged by the event clock as it was when they were written: what this tally brings cannot be late
        // by what this tally says of time.
        let before = self.clock.event_clock;
        self.clock.hear(tally);
        let entered = if self.clock.started() { self.cells.slide(self.clock.frontier) } else { Vec::new() };
        let (settings, rules) = (Arc::clone(&self.settings), Arc::clone(self.in_force.rules()));
        let taxonomy = Arc::clone(&self.taxonomy);
        let evidence = Evidence {
            input: Some(tally.input),
            partition: Some(tally.partition),
            offsets: Some(tally.offsets),
            enterprise_id: None,
        };
        let told = (&*settings, &*taxonomy, rules.as_slice());
        let kept = (&mut self.book, &mut self.active);
        let mut judge = Judge::new(told, kept, &self.clock, evidence, out);
        for entered in &entered {
            judge.entered(&mut self.cells, entered);
        }
        let corrections = add_counts(&mut judge, &mut self.cells, tally, before, settings.emit.closes());
        let cells = add_coverage(&mut judge, &mut self.cells, tally);
        self.changed.extend(cells.into_iter().map(state::Key::Coverage));
        for signal in &tally.signals {
            if let What::Gateway { heard, expected } = signal.what {
                let (heard, expected) =
                    hear_gateway(&mut self.gateways, &mut self.changed, tally, signal, (heard, expected));
                judge.gateway(signal, heard, expected);
            }
            if let Some(id) = self.hazards.follow(signal) {
                self.changed.insert(state::Key::Hazard(id));
            }
            judge.signal(signal);
            if let (What::Command { .. }, Subject::Alert(id)) = (&signal.what, &signal.subject) {
                judge.closed(&mut self.cells, id);
            }
        }
        self.pass_time(before, corrections, out);
    }

    /// What follows from the event clock's passing: falls, expiries, closes, forgetting, and what is due to be written.
    fn pass_time(&mut self, before: EventTime, corrections: Vec<(u32, u16, i64)>, out: &mut Vec<Output>) {
        let (settings, rules) = (Arc::clone(&self.settings), Arc::clone(self.in_force.rules()));
        let taxonomy = Arc::clone(&self.taxonomy);
        let event_clock = self.clock.event_clock;
        let judged_before = self.cells.judged.clone();
        if event_clock > EventTime::MIN {
            for w in 0..judged_before.len() {
                let grid = &self.cells.windows.grids[self.cells.windows.grid_of[w]];
                self.cells.judged[w] = self.cells.judged[w].max(grid.index(event_clock));
            }
        }
        let told = (&*settings, &*taxonomy, rules.as_slice());
        let kept = (&mut self.book, &mut self.active);
        let mut judge = Judge::new(told, kept, &self.clock, Evidence::default(), out);
        for active in judge.active.iter().copied().collect::<Vec<_>>() {
            judge.fall_back(&mut self.cells, active, &judged_before);
        }
        self.book.expire(event_clock, self.clock.clock, out);
        if settings.emit.closes() {
            self.close_windows(&judged_before, &corrections, out);
        }
        if settings.emit.latest() {
            let now = (self.clock.clock, event_clock);
            self.emission.round(&mut self.cells, now, settings.emit_every_ms, out);
        } else {
            self.cells.changed.clear();
        }
        if event_clock > before {
            self.cells.prune(event_clock);
        }
    }

    fn close_windows(&self, judged_before: &[i64], corrections: &[(u32, u16, i64)], out: &mut Vec<Output>) {
        let event_clock = self.clock.event_clock;
        for &(cell, window, end) in corrections {
            out.push(emit::record(&self.cells, Topic::WindowCloses, (cell, window, end), event_clock, true));
        }
        for (window, &before) in judged_before.iter().enumerate() {
            let judged = self.cells.judged[window];
            if judged <= before {
                continue;
            }
            for (_, cell) in self.cells.iter() {
                let first = (before.saturating_add(1)).max(self.cells.oldest_end(window));
                for end in emit::closing_ends(&self.cells, cell, window, (first, judged)) {
                    let at = (cell, window as u16, end);
                    out.push(emit::record(&self.cells, Topic::WindowCloses, at, event_clock, false));
                }
            }
        }
    }

    /// The records of `hazard.alerts` as they stand, for a reader that begins with this task.
    pub fn restored_alerts(&self) -> Vec<Output> {
        self.book.records()
    }

    /// The rules in force.
    pub fn in_force(&self) -> &InForce {
        &self.in_force
    }

    /// The event clock: the minimum over all input partitions.
    pub fn event_clock(&self) -> EventTime {
        self.clock.event_clock
    }

    /// The input partition that holds the event clock back.
    pub fn held_by(&self) -> Option<(Input, u32)> {
        self.clock.holding().map(|(input, _)| input)
    }

    /// Open hazards by the code of the region they lie in (not those above it) and grade.
    pub fn open_hazards(&self) -> &BTreeMap<(String, Grade), u64> {
        self.hazards.counts()
    }

    /// The counties whose cell of all sectors is this task's, and whether enough of their sources is heard.
    pub fn counties(&self) -> impl Iterator<Item = (&str, bool)> {
        let (regions, all) = (&self.taxonomy.regions, self.taxonomy.sectors.code(Sectors::ALL));
        let counties = regions.iter().filter(|&region| regions.level(region) == RegionLevel::County);
        counties.filter_map(move |region| {
            let code = regions.code(region);
            let cell = self.cells.find(&Cell { region: code.to_owned(), sector: all.to_owned() })?;
            Some((code, self.cells.get(cell).covered(self.settings.coverage_min)))
        })
    }

    /// Alert transitions since the last call, by status reached.
    pub fn take_transitions(&mut self) -> BTreeMap<&'static str, u64> {
        self.book.take_transitions()
    }

    /// How many cells and slices it keeps, and how many counts came later than a horizon since the last call.
    pub fn sizes(&mut self) -> (u64, u64, u64) {
        let too_late = std::mem::take(&mut self.cells.too_late);
        (self.cells.iter().count() as u64, self.cells.slices(), too_late)
    }
}

/// Adds a tally's counts and judges the window ends that they touch. Returns the closed window ends that changed.
fn add_counts(
    judge: &mut Judge<'_>,
    cells: &mut Cells,
    tally: &Tally,
    before: EventTime,
    closes: bool,
) -> Vec<(u32, u16, i64)> {
    let mut corrections = BTreeSet::new();
    let finest_ms = cells.windows.finest_slice_ms();
    let places: Vec<u32> = tally.cells.iter().map(|cell| cells.intern(cell)).collect();
    let measures: Vec<usize> = tally.measures.iter().map(|name| cells.measure(name)).collect();
    for SliceCounts { slice, counts } in &tally.counts {
        let spot = cells.spot(*slice, finest_ms, before);
        cells.mark(&spot);
        for count in counts {
            let at = (places[usize::from(count.cell)], measures[usize::from(count.measure)]);
            cells.add(at, &spot, count.count, judge.rules);
            judge.added(cells, at, &spot, u64::from(count.count));
            if closes {
                corrections.extend(cells.closed_ends(at.0, &spot));
            }
        }
    }
    corrections.into_iter().collect()
}

/// Takes in a tally's coverage; returns the cells concerned.
fn add_coverage(judge: &mut Judge<'_>, cells: &mut Cells, tally: &Tally) -> Vec<Cell> {
    let mut touched = Vec::new();
    for coverage in &tally.coverage {
        let key = &tally.cells[usize::from(coverage.cell)];
        let cell = cells.intern(key);
        cells.set_coverage(cell, (tally.input, tally.partition), (coverage.heard, coverage.expected));
        judge.coverage(cells, cell);
        touched.push(key.clone());
    }
    touched
}

/// Takes in what one input partition says of a gateway; returns the sum over all.
fn hear_gateway(
    gateways: &mut Gateways,
    changed: &mut BTreeSet<state::Key>,
    tally: &Tally,
    signal: &Signal,
    said: (u32, u32),
) -> (u32, u32) {
    let Subject::Gateway(id) = &signal.subject else { return said };
    let parts = gateways.entry(id.clone()).or_default();
    parts.insert((tally.input, tally.partition), said);
    changed.insert(state::Key::Gateway(id.clone()));
    parts.values().fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
}
