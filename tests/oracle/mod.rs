//! A naive oracle: what must come out, computed from the messages that went in, read once from start to end.
//!
//! Written apart from the product's code, which it must not call: it shares with it the contract (docs/wire.md) and the
//! taxonomy's files, nothing else. Slow and obvious. It keeps every counted fact and answers each question by looking
//! through all of them.

#![allow(dead_code)] // each test binary asks other questions

mod accept;
mod affair;
mod alarm;
mod city;
mod hazard;
mod item;
mod silence;

use std::collections::{BTreeMap, BTreeSet};

use accept::{Body, Event};
pub use affair::Affairs;
use affair::{Admitted, Desk};
pub use city::City;
pub use silence::Gap;

/// One message as it lies in an input topic.
#[derive(Clone, Debug)]
pub struct Message {
    /// `sensors`, `inspections`, `items`, `records` or `commands`.
    pub input: &'static str,
    pub partition: u32,
    pub offset: i64,
    /// Its arrival stamp.
    pub arrival_ms: i64,
    pub value: Option<Vec<u8>>,
}

/// What of the configuration decides about counting.
#[derive(Clone, Debug)]
pub struct Settings {
    pub dedup_horizon_ms: i64,
    pub max_future_skew_ms: i64,
    pub allowed_disorder_ms: i64,
    /// What is late by more than this is rejected.
    pub longest_horizon_ms: i64,
    pub max_event_bytes: usize,
    /// A stage waits so long for its predecessor; `None`: items are counted as they come, and not followed.
    pub hold_for_ms: Option<i64>,
}

/// So many of a measure at a place and time.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    pub measure: String,
    /// As sent: 6, 9 or 12 digits.
    pub region: String,
    pub sector: String,
    pub time_ms: i64,
    pub source: (&'static str, u32, i64),
}

/// What became of a partition's messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub consumed: u64,
    pub counted: u64,
    pub duplicate: u64,
    pub rejected: u64,
}

/// Everything the oracle found.
pub struct Outcome {
    pub facts: Vec<Fact>,
    pub ledgers: BTreeMap<(&'static str, u32), Ledger>,
    /// Where each rejected message stands, and a reason that fits it.
    pub rejects: BTreeMap<(&'static str, u32, i64), String>,
    /// Levels that sensors newly reached: sensor, level, when.
    pub onsets: BTreeSet<(String, String, i64)>,
    /// Every sensor of which a value was heard.
    pub heard: BTreeSet<String>,
    /// By sensor: what lies between its values and behind the last, as they came in.
    pub gaps: BTreeMap<String, Vec<Gap>>,
    /// The last alarm level of each sensor that has one.
    pub levels: BTreeMap<String, String>,
    /// Every first finding of a major hazard, by hazard id.
    pub major_hazards: BTreeSet<String>,
    /// Items, records, gateways.
    pub affairs: Affairs,
    city: City,
    /// The facts of each cell, by measure and time.
    by_cell: FactsByCell,
    /// The same of the measures of items and records.
    others_by_cell: FactsByCell,
}

/// By region and sector: measures and times.
type FactsByCell = BTreeMap<(String, String), Vec<(String, i64)>>;

/// Reads all messages; those of one partition in the order of their offsets.
pub fn judge(city: City, settings: &Settings, messages: &[Message]) -> Outcome {
    let mut by_partition: BTreeMap<(&'static str, u32), Vec<&Message>> = BTreeMap::new();
    for message in messages {
        by_partition.entry((message.input, message.partition)).or_default().push(message);
    }
    let mut outcome = Outcome {
        facts: Vec::new(),
        ledgers: BTreeMap::new(),
        rejects: BTreeMap::new(),
        onsets: BTreeSet::new(),
        heard: BTreeSet::new(),
        gaps: BTreeMap::new(),
        levels: BTreeMap::new(),
        major_hazards: BTreeSet::new(),
        affairs: Affairs::default(),
        city,
        by_cell: BTreeMap::new(),
        others_by_cell: BTreeMap::new(),
    };
    for (partition, mut messages) in by_partition {
        messages.sort_by_key(|message| message.offset);
        judge_partition(&mut outcome, settings, partition, &messages);
    }
    outcome.by_cell = by_cell(&outcome.city, &outcome.facts);
    outcome.others_by_cell = by_cell(&outcome.city, &outcome.affairs.facts);
    outcome
}

fn by_cell(city: &City, facts: &[Fact]) -> FactsByCell {
    let mut by_cell = FactsByCell::new();
    for fact in facts {
        for region in city.ancestors(&fact.region, fact.time_ms) {
            for sector in city.sector_ancestors(&fact.sector) {
                let cell = by_cell.entry((region.clone(), sector)).or_default();
                cell.push((fact.measure.clone(), fact.time_ms));
            }
        }
    }
    by_cell
}

/// Where a message stands: input, partition, offset.
type Place = (&'static str, u32, i64);

fn judge_partition(
    outcome: &mut Outcome,
    settings: &Settings,
    partition: (&'static str, u32),
    messages: &[&Message],
) {
    let mut ledger = Ledger::default();
    let mut gate = Gate { heard: Vec::new(), now_ms: i64::MIN, watermark_ms: i64::MIN, before_ms: i64::MIN };
    let mut city = Followed::default();
    let mut desk = Desk::default();
    for message in messages {
        let at = (message.input, message.partition, message.offset);
        ledger.consumed += 1;
        match gate.admit(&outcome.city, settings, message) {
            Ok(Some(event)) => {
                let follow = |hold_ms| {
                    desk.follow(&mut outcome.affairs, &outcome.city, &event, at, (gate.before_ms, hold_ms))
                };
                if settings.hold_for_ms.map(follow) == Some(Admitted::Refused) {
                    ledger.rejected += 1;
                    outcome.rejects.insert(at, "illegal_transition".to_owned());
                    gate.heard.pop();
                    continue;
                }
                ledger.counted += 1;
                city.follow(outcome, &event, at, gate.now_ms);
                city.ears.pass(gate.watermark_ms, gate.now_ms);
            }
            Ok(None) => ledger.duplicate += 1,
            Err(reason) => {
                ledger.rejected += 1;
                outcome.rejects.insert(at, reason);
            }
        }
    }
    city.end(outcome, partition);
    for in_vain in desk.end(&mut outcome.affairs) {
        ledger.counted -= 1;
        ledger.rejected += 1;
        outcome.rejects.insert(in_vain, "illegal_transition".to_owned());
    }
    outcome.ledgers.insert(partition, ledger);
}

/// Which of a partition's messages count.
struct Gate {
    /// Ids, and when they arrived.
    heard: Vec<(String, i64)>,
    now_ms: i64,
    watermark_ms: i64,
    /// The watermark before the event at hand.
    before_ms: i64,
}

impl Gate {
    /// The event, `None` when it was heard already, or why it is refused.
    fn admit(
        &mut self,
        city: &City,
        settings: &Settings,
        message: &Message,
    ) -> Result<Option<Event>, String> {
        self.now_ms = self.now_ms.max(message.arrival_ms);
        let event = accept::read(city, settings, message)?;
        let is_known = |(id, arrival): &(String, i64)| {
            *id == event.id && self.now_ms - arrival < settings.dedup_horizon_ms
        };
        if self.heard.iter().any(is_known) {
            return Ok(None);
        }
        if event.time_ms > message.arrival_ms + settings.max_future_skew_ms {
            return Err("clock_ahead".to_owned());
        }
        let began = self.watermark_ms != i64::MIN;
        if began && self.watermark_ms - event.time_ms > settings.longest_horizon_ms {
            return Err("beyond_horizon".to_owned());
        }
        self.heard.push((event.id.clone(), message.arrival_ms));
        self.before_ms = self.watermark_ms;
        let reached_ms = event.time_ms.min(message.arrival_ms);
        self.watermark_ms = self.watermark_ms.max(reached_ms - settings.allowed_disorder_ms);
        Ok(Some(event))
    }
}

/// What has to be known of a partition's sensors and hazards.
#[derive(Default)]
struct Followed {
    sensors: alarm::Sensors,
    ears: silence::Ears,
    /// Region and sector of each sensor's last reading.
    homes: BTreeMap<String, (String, String)>,
    hazards: hazard::Hazards,
}

impl Followed {
    /// The facts of one event, which came in at this moment.
    fn follow(&mut self, outcome: &mut Outcome, event: &Event, at: Place, arrival_ms: i64) {
        let fact = |measure: String| Fact {
            measure,
            region: event.region.clone(),
            sector: event.sector.clone(),
            time_ms: event.time_ms,
            source: at,
        };
        match &event.body {
            Body::Reading(reading) => {
                outcome.facts.push(fact("readings".to_owned()));
                let limits = outcome.city.limits(&reading.quantity, &event.sector);
                self.homes.insert(reading.sensor_id.clone(), (event.region.clone(), event.sector.clone()));
                for (level, time_ms) in self.sensors.hear(limits, reading, event.time_ms) {
                    outcome.facts.push(Fact { time_ms, ..fact(format!("alarms_{level}")) });
                    outcome.onsets.insert((reading.sensor_id.clone(), level, time_ms));
                }
                if reading.quality != "bad" {
                    outcome.heard.insert(reading.sensor_id.clone());
                    let no_data_ms = outcome.city.no_data_ms(&reading.quantity);
                    self.ears.hear(&reading.sensor_id, event.time_ms, arrival_ms, no_data_ms);
                }
            }
            Body::Inspection { hazards: found } => {
                outcome.facts.push(fact("inspections".to_owned()));
                for (hazard, grade) in found {
                    let measures = self.hazards.reach(hazard, "found", Some(grade));
                    outcome.facts.extend(measures.into_iter().map(fact));
                }
            }
            Body::Hazard { hazard, status, grade } => {
                let measures = self.hazards.reach(hazard, status, grade.as_deref());
                outcome.facts.extend(measures.into_iter().map(fact));
            }
            Body::Item { .. } | Body::Record { .. } | Body::Command => {}
        }
    }

    /// What only time brings once the messages are over.
    fn end(self, outcome: &mut Outcome, partition: (&'static str, u32)) {
        let (onsets, levels) = self.sensors.end();
        for (sensor, (level, time_ms)) in onsets {
            let (region, sector) = self.homes[&sensor].clone();
            let source = (partition.0, partition.1, -1);
            outcome.onsets.insert((sensor, level.clone(), time_ms));
            outcome.facts.push(Fact { measure: format!("alarms_{level}"), region, sector, time_ms, source });
        }
        outcome.levels.extend(levels);
        outcome.gaps.extend(self.ears.end());
        outcome.major_hazards.extend(self.hazards.major());
    }
}

impl Outcome {
    /// The counts of a cell over [as_of − size, as_of), by measure; measures without any are absent.
    pub fn counts(&self, region: &str, sector: &str, size_ms: i64, as_of_ms: i64) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for (measure, time_ms) in self.facts_of(region, sector) {
            if as_of_ms - size_ms <= *time_ms && *time_ms < as_of_ms {
                *counts.entry(measure.clone()).or_insert(0) += 1;
            }
        }
        counts
    }

    /// The same for the measures of items and records.
    pub fn other_counts(
        &self,
        cell: &(String, String),
        size_ms: i64,
        as_of_ms: i64,
    ) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for (measure, time_ms) in self.others_by_cell.get(cell).into_iter().flatten() {
            if as_of_ms - size_ms <= *time_ms && *time_ms < as_of_ms {
                *counts.entry(measure.clone()).or_insert(0) += 1;
            }
        }
        counts
    }

    /// The cells that a fact of these belongs to.
    pub fn other_cells(&self) -> Vec<(String, String)> {
        self.others_by_cell.keys().cloned().collect()
    }

    /// The counties of sensors that were heard.
    pub fn sensor_counties(&self) -> BTreeSet<String> {
        let is_county = |code: &String| code.len() == 6 && !code.ends_with("00");
        let of_home =
            |home: &String| self.city.ancestors(home, 0).into_iter().filter(is_county).collect::<Vec<_>>();
        self.affairs.homes.values().flat_map(of_home).collect()
    }

    /// Every cell that any fact belongs to.
    pub fn cells(&self) -> Vec<(String, String)> {
        self.by_cell.keys().cloned().collect()
    }

    /// The window ends t, multiples of the slide, at which the cell's count over [t − size, t) is at least `threshold`.
    pub fn crossings(
        &self,
        (region, sector): (&str, &str),
        measure: &str,
        (size_ms, slide_ms): (i64, i64),
        threshold: u64,
    ) -> BTreeSet<i64> {
        let facts = self.facts_of(region, sector).iter().filter(|(own, _)| own == measure);
        let times: Vec<i64> = facts.map(|(_, time_ms)| *time_ms).collect();
        let mut ends = BTreeSet::new();
        for time in &times {
            let first = time.div_euclid(slide_ms) * slide_ms + slide_ms;
            let mut end = first;
            while end < first + size_ms {
                let count = times.iter().filter(|time| end - size_ms <= **time && **time < end).count();
                if count as u64 >= threshold {
                    ends.insert(end);
                }
                end += slide_ms;
            }
        }
        ends
    }

    fn facts_of(&self, region: &str, sector: &str) -> &[(String, i64)] {
        self.by_cell.get(&(region.to_owned(), sector.to_owned())).map_or(&[], Vec::as_slice)
    }
}
