//! A living city that makes events: sensors with a daily rhythm, inspections with what they find and how it is mended,
//! orders, permits and issues, and, on a script, things that go wrong.
//!
//! Everything follows from a [`CityPlan`]: the same plan gives the same bytes in the same order. Messages come out in the
//! order in which they are *sent*; what they tell of may be earlier. While it runs, the city keeps exact [`Totals`]: what a
//! consumer counts must equal them. Depends on taxonomy alone, and knows no clock, file or thread.

mod agenda;
mod calendar;
mod chain;
mod dice;
mod fleet;
mod outbox;
mod place;
mod plan;
mod profile;
mod render;
mod script;
mod totals;

use crate::event::EventTime;
use crate::log::Input;
use crate::taxonomy::{RegionLevel, Taxonomy};

use agenda::{Agenda, Mint};
use dice::Dice;
use fleet::Fleet;
use outbox::{Body, Draft, Outbox};
use place::Places;
use render::Figures;
use totals::Tallies;

pub use calendar::Calendar;
pub use plan::{CityPlan, Scenario, Story};
pub use render::{ClockFace, Fault};
pub use totals::{MEASURES, Sent, Totals};

/// A city at work: ask it for one message after the other.
pub struct City {
    plan: CityPlan,
    fleet: Fleet,
    agenda: Agenda,
    outbox: Outbox,
    tallies: Tallies,
    mint: Mint,
    dice: Dice,
    clock: ClockFace,
    /// The next reading's event time, in ns since the epoch: rates need not divide a millisecond.
    reading_ns: i64,
    /// Which sensor reads next, and how often each has.
    sensor: u32,
    round: u64,
    silence: Option<script::Silence>,
    burst: Option<script::Burst>,
    drafted: u64,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// A message, borrowed until the next one.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The topic.
    pub input: Input,
    /// The key.
    pub key: &'a [u8],
    /// The event's bytes.
    pub value: &'a [u8],
    /// What it tells of.
    pub time: EventTime,
    /// When it is sent; never goes back from one message to the next.
    pub emission: EventTime,
    /// Whether it was sent before.
    pub repeat: bool,
    /// What is wrong with it.
    pub fault: Option<Fault>,
}

/// A plan that cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A share lies outside 0 to 1, or a rate is negative or not finite.
    #[error("{name} is {value}: it must be {expected}")]
    OutOfRange {
        /// The field.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A scenario needs sensors that so small a city does not have.
    #[error(
        "scenario {story} needs a sensor of {quantity} in {sector}: give the city more sensors (200 are enough)"
    )]
    NoActor {
        /// The scenario.
        story: &'static str,
        /// The quantity that it plays on.
        quantity: &'static str,
        /// The sector that it plays in.
        sector: &'static str,
    },
}

/// 20 bits of one random number decide the noise; the next 16 the quality, out of 65,536.
const UNCERTAIN: u64 = 200;
const BAD: u64 = 100;

impl City {
    /// Builds a city.
    pub fn new(plan: CityPlan, taxonomy: &Taxonomy) -> Result<City, PlanError> {
        check(&plan)?;
        let regions = &taxonomy.regions;
        let counties = regions.iter().filter(|id| regions.level(*id) == RegionLevel::County);
        let sectors = taxonomy.sectors.iter().map(|id| taxonomy.sectors.code(id).to_owned());
        let tallies =
            Tallies::new(counties.map(|id| regions.code(id).to_owned()).collect(), sectors.collect());
        let places = Places::new(taxonomy, &mut Dice::new(plan.seed, 1));
        let (start, unknown) = (plan.start, plan.unknown_region_share);
        let fleet_dice = Dice::new(plan.seed, 2);
        let fleet = Fleet::new(plan.sensors, start, unknown, taxonomy, &places, &tallies, fleet_dice);
        let agenda = Agenda::new(&plan, taxonomy, places, Dice::new(plan.seed, 3));
        let mut dice = Dice::new(plan.seed, 4);
        // The run is part of every id: another start gives other events, so it must not repeat their ids.
        let run = Dice::new(plan.seed, plan.start.ms as u64).bits() as u32;
        let reading_ns = plan.start.ms * 1_000_000 + dice.below(1_000_000) as i64;
        let mut city = City {
            fleet,
            agenda,
            outbox: Outbox::default(),
            tallies,
            mint: Mint::new(run),
            dice,
            clock: ClockFace::default(),
            reading_ns,
            sensor: 0,
            round: 0,
            silence: None,
            burst: None,
            drafted: 0,
            key: Vec::new(),
            value: Vec::new(),
            plan,
        };
        for scenario in city.plan.scenarios.clone() {
            city.stage(scenario)?;
        }
        Ok(city)
    }

    /// The next message in the order of sending; `None` when the plan is done and everything late has been sent.
    #[allow(clippy::should_implement_trait, reason = "it lends its buffer, which Iterator cannot")]
    pub fn next(&mut self) -> Option<Message<'_>> {
        self.next_until(EventTime::from_ms(i64::MAX))
    }

    /// The next message that is sent at `until` or before; `None` when there is none, which need not be the end.
    pub fn next_until(&mut self, until: EventTime) -> Option<Message<'_>> {
        loop {
            let upcoming = self.upcoming();
            if let Some(draft) = self.outbox.pop(upcoming.map_or(until, |upcoming| upcoming.min(until))) {
                return Some(self.send(draft));
            }
            if upcoming? > until {
                return None;
            }
            if let Some(draft) = self.draft() {
                return Some(self.send(draft));
            }
        }
    }

    /// What was sent so far.
    pub fn totals(&self) -> Totals {
        self.tallies.totals()
    }

    /// How many messages were sent so far.
    pub fn sent(&self) -> u64 {
        self.tallies.sent()
    }

    /// How many messages wait for their hour: late ones, and those to be sent again.
    pub fn waiting(&self) -> usize {
        self.outbox.len()
    }

    /// When the next new thing happens; `None` once the plan's number of events is drafted or its end has come.
    fn upcoming(&self) -> Option<EventTime> {
        if self.is_full() {
            return None;
        }
        let reading = self.reads().then(|| EventTime::from_ms(self.reading_ns / 1_000_000));
        let other = self.agenda.next_time();
        let next = reading.into_iter().chain(other).min()?;
        self.plan.until.is_none_or(|until| next < until).then_some(next)
    }

    fn is_full(&self) -> bool {
        self.plan.events.is_some_and(|events| self.drafted >= events)
    }

    fn reads(&self) -> bool {
        !self.fleet.sensors.is_empty() && self.plan.rate > 0.0 && self.plan.inputs.contains(&Input::Sensors)
    }

    /// Lets the next thing happen. Returns its message if that is sent at once; otherwise it waits in the outbox.
    fn draft(&mut self) -> Option<Draft> {
        let reading = EventTime::from_ms(self.reading_ns / 1_000_000);
        if self.reads() && self.agenda.next_time().is_none_or(|other| reading <= other) {
            return self.draft_reading(reading);
        }
        let said = self.agenda.act(&mut self.mint, &self.tallies)?;
        if !self.plan.inputs.contains(&said.text.input) {
            return None;
        }
        let (time, emission, serial) = (said.time, said.emission, said.serial);
        let body = Body::Text(Box::new(said.text));
        let draft = Draft { time, emission, serial, repeat: false, fault: None, body };
        self.drafted += 1;
        if !self.is_full() && self.dice.chance(self.plan.bad_share) {
            // Cut off, and sent again whole: what follows on a stage must not miss it.
            self.drafted += 1;
            self.outbox.push(Draft { fault: Some(Fault::Truncated), ..draft.clone() });
        }
        self.maybe_repeat(&draft);
        self.outbox.push(draft);
        None
    }

    fn draft_reading(&mut self, time: EventTime) -> Option<Draft> {
        let (sensor, seq) = (self.sensor, self.round);
        self.advance(time);
        let gateway = self.fleet.sensors[sensor as usize].gateway;
        if self.silence.as_ref().is_some_and(|silence| silence.covers(gateway, time)) {
            return None;
        }
        let (chance, luck) = (self.dice.bits(), self.dice.unit());
        let quality = match chance >> 20 & 0xFFFF {
            low if low < BAD => "bad",
            low if low < BAD + UNCERTAIN => "uncertain",
            _ => "good",
        };
        let milli = self.fleet.read(sensor, time, chance);
        let plan = &self.plan;
        let (late, disorder) = (plan.late_share, plan.late_share + plan.disorder_share);
        let (delay_ms, fault) = if luck < late {
            (self.dice.between(CityPlan::LATE_MS.0, CityPlan::LATE_MS.1), None)
        } else if luck < disorder {
            (self.dice.below(CityPlan::DISORDER_MS), None)
        } else if luck < disorder + plan.bad_share {
            (0, Some(Fault::ALL[self.dice.below(Fault::ALL.len() as u64) as usize]))
        } else {
            (0, None)
        };
        let emission = time.plus_ms(delay_ms as i64);
        let serial = self.mint.serial();
        let body = Body::Reading { sensor, seq, milli, quality };
        let draft = Draft { time, emission, serial, repeat: false, fault, body };
        self.drafted += 1;
        self.maybe_repeat(&draft);
        if delay_ms == 0 {
            return Some(draft);
        }
        self.outbox.push(draft);
        None
    }

    /// Moves on to the next sensor: the sensors read in turn, at equal distances.
    fn advance(&mut self, now: EventTime) {
        let faster = self.burst.as_ref().map_or(1.0, |burst| burst.factor(now));
        self.reading_ns += (1e9 / (self.plan.rate * faster)).max(1.0) as i64;
        self.sensor += 1;
        if self.sensor as usize == self.fleet.sensors.len() {
            self.sensor = 0;
            self.round += 1;
        }
    }

    fn maybe_repeat(&mut self, draft: &Draft) {
        if draft.fault.is_some() || self.is_full() || !self.dice.chance(self.plan.duplicate_share) {
            return;
        }
        let again_ms = 1 + self.dice.below(CityPlan::REPEAT_MS) as i64;
        self.drafted += 1;
        self.outbox.push(Draft { emission: draft.emission.plus_ms(again_ms), repeat: true, ..draft.clone() });
    }

    fn send(&mut self, draft: Draft) -> Message<'_> {
        let Draft { time, emission, serial, repeat, fault, body } = draft;
        let (input, cell, added) = match body {
            Body::Reading { sensor, seq, milli, quality } => {
                let figures = Figures { id: self.mint.id(serial), time, seq, milli, quality };
                let sensor = &self.fleet.sensors[sensor as usize];
                render::reading(&mut self.value, &mut self.clock, sensor, &figures);
                self.key.clear();
                self.key.extend_from_slice(sensor.id.as_bytes());
                (Input::Sensors, sensor.cell, totals::one(0))
            }
            Body::Text(text) => {
                self.value.clear();
                self.value.extend_from_slice(text.value.as_bytes());
                self.key.clear();
                self.key.extend_from_slice(text.key.as_bytes());
                (text.input, text.cell, text.added)
            }
        };
        match fault {
            Some(fault) => {
                render::spoil(&mut self.value, fault, time);
                self.tallies.bad(input, fault.reason().code());
            }
            None if repeat => self.tallies.repeat(input),
            None => self.tallies.fresh(input, cell, &added, time),
        }
        Message { input, key: &self.key, value: &self.value, time, emission, repeat, fault }
    }
}

fn check(plan: &CityPlan) -> Result<(), PlanError> {
    let shares = [
        ("disorder", plan.disorder_share),
        ("duplicates", plan.duplicate_share),
        ("late", plan.late_share),
        ("bad", plan.bad_share),
        ("unknown regions", plan.unknown_region_share),
        ("disorder + late + bad", plan.disorder_share + plan.late_share + plan.bad_share),
    ];
    for (name, value) in shares {
        if !(0.0..=1.0).contains(&value) {
            return Err(PlanError::OutOfRange {
                name,
                value: value.to_string(),
                expected: "a share from 0 to 1",
            });
        }
    }
    for (name, value) in [("rate", plan.rate), ("inspections per day", plan.inspections_per_day)] {
        if !(0.0..=1e8).contains(&value) {
            return Err(PlanError::OutOfRange {
                name,
                value: value.to_string(),
                expected: "from 0 to 100,000,000",
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
