//! The collect task (信息收集): bytes of one input partition become counts, signals, time, and dead letters.
//!
//! One task per input partition. It decodes ([`event`](crate::event)), quarantines clocks ([`clock`]), drops duplicates
//! ([`dedup`], [`tail`]), follows sensors ([`sensor`], [`level`], [`coverage`]) and hazards and items ([`item`],
//! [`history`], [`hold`]), counts ([`count`], [`cell`]), and hands out one tally per destination and commit ([`flush`])
//! with whatever of its state changed ([`state`]).
//!
//! Everything depends on the records, their arrival stamps and the calls of [`CollectTask::tick`] alone: where batches and
//! flushes fall changes nothing. Nothing is lost: consumed = counted + duplicate + rejected + held after every call.

mod ahead;
mod cell;
mod clock;
mod count;
mod coverage;
mod dedup;
mod flush;
mod history;
mod hold;
mod intern;
mod item;
mod item_state;
mod item_tell;
pub mod ledger;
mod level;
mod restore;
mod sensor;
mod sensor_state;
mod settings;
mod silence;
mod state;
mod tail;
mod timer;
mod world;

use std::sync::Arc;

use crate::event::{
    Command, DecodeSettings, Decoder, Event, EventTime, Inspection, InspectionSource, Reason, RecordEvent,
};
use crate::log::{Input, Output, Record, Topic, TopicPartition};
use crate::tally::{Subject, What};
use crate::taxonomy::{Fact, FactSource, Regions, Sectors, Taxonomy};

use ahead::Ahead;
use clock::Lateness;
use dedup::SeenIds;
use item::Items;
pub use ledger::{Ledger, Numbers, Report};
use sensor::Sensors;
pub use settings::Settings;
use tail::Tail;
use timer::Wake;
use world::{Fate, Whereabouts, World};

/// What a restarted task asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The offset where the duplicates' tail begins: every record from here to before `next` is to be relearnt.
    pub tail: i64,
    /// The next input offset that the state reflects.
    pub next: i64,
}

/// How far time had come when a destination was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    frontier: EventTime,
    watermark: EventTime,
    idle: bool,
}

/// The collect task of one input partition.
///
/// ```text
/// new ─► restore* ─► relearn* ─► apply, at_end, tick, flush …
///   └──► start_at ───────────────┘
/// ```
pub struct CollectTask {
    input: Input,
    partitions: u32,
    /// `collect-<input>-<partition>`, the first part of its keys in the state.
    state_name: String,
    decoder: Decoder,
    seen: SeenIds,
    tail: Tail,
    sensors: Sensors,
    items: Items,
    world: World,
    next: i64,
    /// When the oldest record since the last flush arrived.
    oldest: Option<EventTime>,
    /// `next` as of the last flush.
    flushed: i64,
    told: Vec<Option<Told>>,
    ticked: Option<EventTime>,
    restored: restore::Restored,
    report: Report,
}

impl CollectTask {
    /// A task that knows nothing, for one of an input's `partitions`, which writes to `tallies_partitions`.
    pub fn new(
        input: Input,
        partition: u32,
        partitions: u32,
        tallies_partitions: u32,
        taxonomy: Arc<Taxonomy>,
        settings: Settings,
    ) -> Self {
        let destinations = tallies_partitions.max(1);
        let decode =
            DecodeSettings { max_event_bytes: settings.max_event_bytes, zone: settings.zone.clone() };
        let world = World::new(
            TopicPartition { topic: Topic::Input(input), partition },
            Arc::clone(&taxonomy),
            settings,
            destinations,
        );
        let settings = &world.settings;
        CollectTask {
            input,
            partitions,
            state_name: format!("collect-{}-{partition}", input.name()),
            decoder: Decoder::new(Arc::clone(&taxonomy), decode, input),
            seen: SeenIds::new(settings.dedup_horizon_ms, settings.dedup_ids_max),
            tail: Tail::new(settings.dedup_horizon_ms),
            sensors: Sensors::new(&taxonomy),
            items: Items::default(),
            world,
            next: 0,
            oldest: None,
            flushed: 0,
            told: vec![None; destinations as usize],
            ticked: None,
            restored: restore::Restored::default(),
            report: Report::default(),
        }
    }

    /// A first start at `offset`: there is no state.
    pub fn start_at(&mut self, offset: i64) {
        self.next = offset;
        self.flushed = offset;
    }

    /// Reads a run of records of this partition; `clock` is the worker's.
    pub fn apply(&mut self, records: &[Record<'_>], clock: EventTime, out: &mut Vec<Output>) {
        self.begin();
        self.world.clock.busy(clock);
        // Arrivals follow the offsets, or nearly so where producers set the stamps.
        self.oldest = self.oldest.or(records.first().map(|record| record.arrival));
        let mut batch = Vec::with_capacity(ahead::BATCH);
        for records in records.chunks(ahead::BATCH) {
            self.look_ahead(records, &mut batch);
            let names = self.sensors.generation();
            for (record, ahead) in records.iter().zip(&batch) {
                self.read(record, ahead, names);
            }
        }
        out.append(&mut self.world.dead_letters);
    }

    /// Whether the partition has been read to its end. While it is paused or unassigned it has not.
    pub fn at_end(&mut self, at_end: bool) {
        self.world.clock.set_at_end(at_end);
    }

    /// The worker's clock is `clock`: an idle partition follows it.
    pub fn tick(&mut self, clock: EventTime) {
        self.begin();
        self.world.clock.tick(clock);
        self.wake();
    }

    /// Writes everything since the last flush: tallies, dead letters, state. Nothing is pending after it.
    pub fn flush(&mut self, clock: EventTime, out: &mut Vec<Output>) {
        self.begin();
        let mut own = std::mem::take(&mut self.world.dead_letters);
        self.write_tallies(clock, &mut own);
        self.write_state(&mut own);
        out.append(&mut own);
        self.flushed = self.next;
        self.oldest = None;
        self.keep_report();
    }

    /// The next input offset.
    pub fn next_offset(&self) -> i64 {
        self.next
    }

    /// Sensors and items that changed since the last flush.
    pub fn changes(&self) -> usize {
        self.sensors.dirty.len() + self.items.dirty.len()
    }

    /// What became of every record so far.
    pub fn ledger(&self) -> Ledger {
        self.world.ledger
    }

    /// The task as of its last flush, and what that flush added.
    pub fn report(&self) -> &Report {
        &self.report
    }

    fn keep_report(&mut self) {
        let world = &mut self.world;
        world.numbers.added = world.ledger - self.report.ledger;
        let forgotten = self.seen.take_forgotten();
        world.numbers.limit("ids_max", forgotten);
        let tables = [
            ("sensors", self.sensors.count() as u64),
            ("silent_sensors", self.sensors.silent()),
            ("items", self.items.count() as u64),
            ("held", self.items.held() as u64),
            ("id_slots", self.seen.slots() as u64),
        ];
        self.report = Report {
            ledger: world.ledger,
            numbers: std::mem::take(&mut world.numbers),
            next_offset: self.next,
            watermark: world.clock.watermark(),
            frontier: world.clock.frontier(),
            idle: world.clock.is_idle(),
            tables: tables.into(),
            silent_gateways: world.coverage.silent_gateways(),
        };
    }

    /// Lets a record take effect; `names` is the generation of sensors' names as of which it was looked up ahead.
    fn read(&mut self, record: &Record<'_>, ahead: &Ahead<'_>, names: u64) {
        self.next = record.offset + 1;
        self.world.ledger.consumed += 1;
        self.world.clock.hear(record.arrival);
        let now = self.world.clock.arrival();
        self.tail.read(record.offset, now);
        let &Ahead { ref event, hash, sensor } = ahead;
        let event = match event {
            Ok(event) => event,
            Err(reject) => {
                self.world.reject(record, reject);
                return;
            }
        };
        let (_, time) = id_and_time(event);
        if self.seen.heard(hash, now) {
            self.world.ledger.duplicate += 1;
            self.tail.skip(record.offset);
            return;
        }
        let sensor = sensor.filter(|_| names == self.sensors.generation());
        match self.take(event, sensor, time, record) {
            Fate::Counted => self.world.ledger.counted += 1,
            Fate::Held => self.world.ledger.held += 1,
            Fate::Rejected(reject) => {
                self.world.reject(record, &reject);
                self.seen.forget(hash);
                self.tail.skip(record.offset);
                return;
            }
        }
        self.world.clock.accept(time, record.arrival);
        self.wake();
    }

    /// Lets a valid event, heard for the first time, take effect.
    fn take(&mut self, event: &Event<'_>, sensor: Option<u32>, time: EventTime, record: &Record<'_>) -> Fate {
        match self.world.clock.judge(time) {
            Lateness::OnTime => {}
            Lateness::Late { by_ms } => self.world.numbers.late.add(by_ms),
            Lateness::BeyondHorizon { by_ms } => {
                let most = self.world.settings.longest_horizon_ms;
                let detail =
                    format!("time: {by_ms} ms behind the watermark, the longest horizon is {most} ms");
                return Fate::rejected(Reason::BeyondHorizon, detail);
            }
        }
        match event {
            Event::Reading(reading) => self.sensors.hear(reading, sensor, record.offset, &mut self.world),
            Event::Inspection(inspection) => {
                let fate = self.items.inspect(inspection, record.offset, &mut self.world);
                if fate == Fate::Counted {
                    count_inspection(inspection, &mut self.world);
                }
                fate
            }
            Event::Stage(stage) => self.items.reach(stage, record, &mut self.decoder, &mut self.world),
            Event::Record(fact) => {
                count_record(fact, &mut self.world);
                Fate::Counted
            }
            Event::Command(command) => {
                forward(command, record, &mut self.world);
                Fate::Counted
            }
        }
    }

    /// Does what the watermark has made due, and looks at the sensors that arrivals have made due.
    fn wake(&mut self) {
        let (watermark, present) = (self.world.clock.watermark(), self.world.clock.present());
        loop {
            while let Some((at, wake)) = self.world.timers.due(watermark) {
                match wake {
                    Wake::Held(offset) => self.items.give_up(offset, at, &mut self.world),
                    Wake::Item(index) => self.items.wake(index, at, &mut self.world),
                    Wake::Sensor(index) => self.sensors.wake(index, at, &mut self.world),
                }
            }
            let Some((at, Wake::Sensor(index))) = self.world.missed.due(present) else { return };
            self.sensors.miss(index, at, &mut self.world);
        }
    }
}

fn id_and_time<'e>(event: &'e Event<'_>) -> (&'e str, EventTime) {
    match event {
        Event::Reading(reading) => (&reading.head.id, reading.head.time),
        Event::Inspection(inspection) => (&inspection.head.id, inspection.head.time),
        Event::Stage(stage) => (&stage.head.id, stage.head.time),
        Event::Record(record) => (&record.head.id, record.head.time),
        Event::Command(command) => (&command.id, command.time),
    }
}

fn count_inspection(inspection: &Inspection<'_>, world: &mut World) {
    let fact = Fact {
        inspected_by: Some(match inspection.source {
            InspectionSource::Grid => "grid",
            InspectionSource::Station => "station",
            InspectionSource::Department => "department",
            InspectionSource::OwnStaff => "self",
            InspectionSource::ThirdParty => "third_party",
            InspectionSource::Insurer => "insurer",
        }),
        campaign: inspection.campaign.as_deref(),
        ..Fact::of(FactSource::Inspection)
    };
    let head = &inspection.head;
    world.count_fact(&fact, world.cells.at(head.region, head.sector), head.time);
}

fn count_record(record: &RecordEvent<'_>, world: &mut World) {
    let fact =
        Fact { kind: Some(&record.kind), attributes: &record.attributes, ..Fact::of(FactSource::Record) };
    let head = &record.head;
    world.count_fact(&fact, world.cells.at(head.region, head.sector), head.time);
}

fn forward(command: &Command<'_>, record: &Record<'_>, world: &mut World) {
    let owned = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
    let what = What::Command {
        id: command.id.clone().into_owned(),
        action: command.action,
        by: owned(&command.by),
        expires_at: command.expires_at,
        assignee: owned(&command.assignee),
        note: owned(&command.note),
        original: record.value.unwrap_or_default().to_vec(),
    };
    let subject = Subject::Alert(command.alert_id.clone().into_owned());
    let place = world.cells.at(Regions::UNKNOWN, Sectors::ALL);
    let nowhere = Whereabouts { place, enterprise: None };
    world.signal(subject, nowhere, command.time, Some(record.offset), what);
}

#[cfg(test)]
mod tests;
