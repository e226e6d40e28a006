//! One flush: what was added up and told becomes tallies, one for each tallies partition that has any; what changed
//! becomes state.

use super::cell::{CellId, Cells};
use super::item_state::{HeldRecord, ItemRecord};
use super::sensor_state::SensorRecord;
use super::state::{PlaceRecord, RecordKind, TaskRecord, encode};
use super::world::{Whereabouts, World};
use super::{CollectTask, Told};
use crate::event::EventTime;
use crate::log::{Output, Topic};
use crate::tally::{Count, Coverage, OLDEST_ARRIVAL, SliceCounts, Subject, Tally, What};
use crate::taxonomy::{MeasureId, Taxonomy};

/// Not yet in its tally.
const ABSENT: u16 = u16::MAX;

/// The tallies of one flush, as they fill.
struct Drafts {
    tallies: Vec<Tally>,
    /// The index of a cell in its tally: a cell lives in one only.
    cells: Vec<u16>,
    /// By destination × measure.
    measures: Vec<u16>,
    measure_count: usize,
}

impl Drafts {
    fn new(blank: &Tally, destinations: u32, cells: usize, measures: usize) -> Self {
        Drafts {
            tallies: vec![blank.clone(); destinations as usize],
            cells: vec![ABSENT; cells],
            measures: vec![ABSENT; destinations as usize * measures],
            measure_count: measures,
        }
    }

    /// The tally of a cell, and the cell's index there.
    fn place(&mut self, cell: CellId, cells: &Cells) -> (usize, u16) {
        let destination = cells.destination(cell) as usize;
        let index = &mut self.cells[cell.0 as usize];
        if *index == ABSENT {
            let named = &mut self.tallies[destination].cells;
            *index = named.len() as u16;
            named.push(cells.named(cell));
        }
        (destination, *index)
    }

    fn count(
        &mut self,
        cell: CellId,
        measure: MeasureId,
        slice: EventTime,
        count: u32,
        cells: &Cells,
        taxonomy: &Taxonomy,
    ) {
        let (destination, cell) = self.place(cell, cells);
        let index = &mut self.measures[destination * self.measure_count + usize::from(measure.0)];
        let tally = &mut self.tallies[destination];
        if *index == ABSENT {
            *index = tally.measures.len() as u16;
            tally.measures.push(taxonomy.measures.code(measure).to_owned());
        }
        let count = Count { cell, measure: *index, count };
        match tally.counts.last_mut() {
            Some(last) if last.slice == slice => last.counts.push(count),
            _ => tally.counts.push(SliceCounts { slice, counts: vec![count] }),
        }
    }
}

impl CollectTask {
    /// Tells the gateways whose numbers changed, and fills one tally for each destination.
    pub(super) fn draft_tallies(&mut self, clock: EventTime) -> Vec<Tally> {
        let world = &mut self.world;
        tell_gateways(world);
        let blank = Tally {
            input: self.input,
            partition: world.at.partition,
            partitions: self.partitions,
            offsets: (self.flushed, self.next),
            clock,
            frontier: world.clock.frontier(),
            watermark: world.clock.watermark(),
            idle: world.clock.is_idle(),
            cells: Vec::new(),
            measures: Vec::new(),
            counts: Vec::new(),
            coverage: Vec::new(),
            signals: Vec::new(),
        };
        let measures = world.taxonomy.measures.len();
        let mut drafts = Drafts::new(&blank, world.destinations, world.cells.count(), measures);
        let World { taxonomy, cells, counts, coverage, signals, clock, .. } = world;
        counts.roll_up(cells, |cell, measure, slice, count| {
            drafts.count(cell, measure, slice, count, cells, taxonomy);
        });
        coverage.take_cells(cells, clock.frontier(), |cell, heads| {
            let (destination, cell) = drafts.place(cell, cells);
            let now = Coverage { cell, heard: heads.heard, expected: heads.expected };
            drafts.tallies[destination].coverage.push(now);
        });
        for (destination, signal) in signals.drain(..) {
            drafts.tallies[destination as usize].signals.push(signal);
        }
        drafts.tallies
    }

    /// Writes the tallies that say something, and to the other destinations, now and then, how far time has come.
    pub(super) fn write_tallies(&mut self, clock: EventTime, out: &mut Vec<Output>) {
        let key = format!("{}|{}", self.input.name(), self.world.at.partition).into_bytes();
        let tick_is_due = self.ticked.is_none_or(|ticked| {
            let since = clock.since_ms(ticked);
            // A clock that was set back must not stop time.
            since >= self.world.settings.tick_every_ms || since < 0
        });
        let mut ticked = false;
        for (destination, mut tally) in (0_u32..).zip(self.draft_tallies(clock)) {
            let told = Told { frontier: tally.frontier, watermark: tally.watermark, idle: tally.idle };
            let says = !(tally.counts.is_empty() && tally.coverage.is_empty() && tally.signals.is_empty());
            let before = &mut self.told[destination as usize];
            let ticks = before.is_none() || (tick_is_due && *before != Some(told));
            if !says && !ticks {
                continue;
            }
            if !says {
                ticked = true;
                tally.offsets.0 = tally.offsets.1;
            }
            *before = Some(told);
            let oldest = self.oldest.filter(|_| tally.offsets.0 < tally.offsets.1);
            out.push(Output {
                topic: Topic::Tallies,
                partition: Some(destination),
                key: key.clone(),
                value: Some(tally.encode()),
                headers: oldest
                    .map(|oldest| (OLDEST_ARRIVAL, oldest.ms.to_string().into_bytes()))
                    .into_iter()
                    .collect(),
            });
        }
        if ticked {
            self.ticked = Some(clock);
        }
    }

    /// Writes what the state does not hold yet.
    pub(super) fn write_state(&mut self, out: &mut Vec<Output>) {
        let arrival = self.world.clock.arrival();
        let (begin, tail_arrival) = self.tail.begin(arrival, self.next);
        let (task, world) = (&self.state_name, &self.world);
        let mut put = |kind: RecordKind, id: &str, value: Option<Vec<u8>>| {
            let key = format!("{task}|{}|{id}", kind.code()).into_bytes();
            out.push(Output { topic: Topic::State, partition: None, key, value, headers: Vec::new() });
        };
        self.tail.take_changed(begin, |block, skipped| {
            put(RecordKind::Skipped, &block.to_string(), skipped.map(|skipped| encode(&skipped)));
        });
        // Deletions first: what left may have come back under the same name.
        for id in self.sensors.take_departed() {
            put(RecordKind::Sensor, &id, None);
        }
        self.sensors.take_written(begin, |id, sensor, profile| {
            put(RecordKind::Sensor, id, Some(encode(&SensorRecord::new(sensor, profile, world))));
        });
        for name in self.items.take_gone() {
            put(RecordKind::Item, &name, None);
        }
        self.items.take_written(|name, item| {
            put(RecordKind::Item, name, Some(encode(&ItemRecord::new(item, world))));
        });
        self.items.take_held(|offset, held| {
            let record = held.map(|(name, held, item)| encode(&HeldRecord::new(name, held, item, world)));
            put(RecordKind::Held, &offset.to_string(), record);
        });
        let mut new = Vec::new();
        self.world.coverage.take_new_gateways(|id, gateway| new.push((id.to_owned(), gateway.clone())));
        for (id, gateway) in new {
            let record = PlaceRecord::of_gateway(&gateway, &self.world);
            put_record(&self.state_name, RecordKind::Gateway, &id, encode(&record), out);
        }
        let record = TaskRecord {
            next: self.next,
            tail: begin,
            tail_arrival,
            arrival,
            frontier: self.world.clock.frontier(),
            watermark: self.world.clock.watermark(),
            ledger: TaskRecord::ledger_of(&self.world.ledger),
        };
        // Time that moved without telling anybody need not be kept: it is told, and kept, with the next tick.
        if self.next != self.flushed || !out.is_empty() {
            put_record(&self.state_name, RecordKind::Task, "", encode(&record), out);
        }
    }
}

fn put_record(task: &str, kind: RecordKind, id: &str, value: Vec<u8>, out: &mut Vec<Output>) {
    let key = format!("{task}|{}|{id}", kind.code()).into_bytes();
    out.push(Output { topic: Topic::State, partition: None, key, value: Some(value), headers: Vec::new() });
}

fn tell_gateways(world: &mut World) {
    let mut changed = Vec::new();
    world.coverage.take_gateways(|id, gateway| changed.push((id.to_owned(), gateway.clone())));
    for (id, gateway) in changed {
        let of = Whereabouts { place: gateway.place, enterprise: Some(&gateway.enterprise) };
        let what = What::Gateway { heard: gateway.now.heard, expected: gateway.now.expected };
        world.signal(Subject::Gateway(id), of, gateway.at, None, what);
    }
}
