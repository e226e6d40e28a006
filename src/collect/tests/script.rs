//! A task on a script: records are written as data, and what came out is read as data.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::collect::{CollectTask, Ledger, Settings};
use crate::event::EventTime;
use crate::log::{Headers, Input, Output, Record, Topic, TopicPartition};
use crate::tally::{Signal, SliceCounts, Subject, Tally, What};
use crate::taxonomy::Taxonomy;

/// The morning on which every script begins: 2026-11-23T08:00:00Z, a multiple of every slice.
pub const START_MS: i64 = 1_795_420_800_000;

/// The tallies partitions of every script.
pub const DESTINATIONS: u32 = 3;

pub static TAXONOMY: LazyLock<Arc<Taxonomy>> = LazyLock::new(|| Arc::new(Taxonomy::shipped()));

/// A moment so many milliseconds into the script.
pub const fn at(ms: i64) -> EventTime {
    EventTime::from_ms(START_MS + ms)
}

/// The same as text on the wire.
pub fn text(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(START_MS + ms).unwrap().to_string()
}

/// A message and the moment at which it arrives.
#[derive(Clone)]
pub struct Message {
    pub arrival_ms: i64,
    pub value: Vec<u8>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.arrival_ms, String::from_utf8_lossy(&self.value))
    }
}

/// A message that arrives so many milliseconds after its own time.
pub fn message(time_ms: i64, delay_ms: i64, value: String) -> Message {
    Message { arrival_ms: time_ms + delay_ms, value: value.into_bytes() }
}

/// A reading of combustible gas in a town of Shangyu.
pub fn reading(id: &str, sensor: &str, time_ms: i64, value: f64) -> String {
    reading_with(id, sensor, time_ms, value, "")
}

/// The same with more fields, each ended by a comma.
pub fn reading_with(id: &str, sensor: &str, time_ms: i64, value: f64, more: &str) -> String {
    format!(
        r#"{{"type":"reading","id":"{id}","time":"{}","region":"330604104","sector":"hazardous_chemicals",{more}
        "enterprise_id":"E-1","sensor_id":"{sensor}","quantity":"combustible_gas","value":{value},"unit":"%LEL"}}"#,
        text(time_ms)
    )
}

/// A stage of a supervision order.
pub fn order(id: &str, order: &str, stage: &str, time_ms: i64) -> String {
    format!(
        r#"{{"type":"item","id":"{id}","time":"{}","region":"330604104","sector":"small_workshops",
        "kind":"order_supervision","item_id":"{order}","stage":"{stage}"}}"#,
        text(time_ms)
    )
}

/// A status of a hazard.
pub fn hazard(id: &str, hazard: &str, status: &str, time_ms: i64, more: &str) -> String {
    format!(
        r#"{{"type":"hazard","id":"{id}","time":"{}","region":"330602001","sector":"small_workshops",{more}
        "enterprise_id":"E-2","hazard_id":"{hazard}","status":"{status}"}}"#,
        text(time_ms)
    )
}

/// An inspection that lists hazards, each `id grade`.
pub fn inspection(id: &str, time_ms: i64, hazards: &[&str]) -> String {
    let hazards: Vec<String> = hazards
        .iter()
        .map(|hazard| {
            let (id, grade) = hazard.split_once(' ').unwrap();
            format!(r#"{{"hazard_id":"{id}","grade":"{grade}"}}"#)
        })
        .collect();
    format!(
        r#"{{"type":"inspection","id":"{id}","time":"{}","region":"330602001","sector":"small_workshops",
        "enterprise_id":"E-2","source":"grid","hazards":[{}]}}"#,
        text(time_ms),
        hazards.join(",")
    )
}

/// The settings of every script, unless it says otherwise.
pub fn settings() -> Settings {
    Settings { source_topic: "hazard.test".to_owned(), ..Settings::default() }
}

/// A task, and everything that came out of it.
pub struct Script {
    pub task: CollectTask,
    input: Input,
    settings: Settings,
    pub clock: EventTime,
    /// Everything written, in its order.
    pub written: Vec<Output>,
    /// Every message, by offset.
    pub log: Vec<Message>,
}

impl Script {
    pub fn new(input: Input) -> Self {
        Script::with(input, settings())
    }

    pub fn with(input: Input, settings: Settings) -> Self {
        let mut task = new_task(input, &settings);
        task.start_at(0);
        Script { task, input, settings, clock: at(0), written: Vec::new(), log: Vec::new() }
    }

    /// One message arrives and is read.
    pub fn read(&mut self, message: Message) {
        self.read_all(&[message]);
    }

    /// Messages arrive and are read in one run.
    pub fn read_all(&mut self, messages: &[Message]) {
        let first = self.log.len();
        self.log.extend_from_slice(messages);
        if let Some(last) = messages.last() {
            self.clock = self.clock.max(at(last.arrival_ms));
        }
        let records = records(self.input, &self.log, first, self.log.len());
        self.task.apply(&records, self.clock, &mut self.written);
        assert_eq!(self.task.ledger().difference(), 0, "{:?}", self.task.ledger());
    }

    /// The worker's clock moves.
    pub fn tick(&mut self, ms: i64) {
        self.clock = at(ms);
        self.task.tick(self.clock);
    }

    /// The partition was read to its end, and is silent from here to `ms`.
    pub fn idle_until(&mut self, ms: i64) {
        self.task.at_end(true);
        self.task.tick(self.clock);
        self.tick(ms);
        assert!(self.task_is_idle(), "the script leaves it idle time");
    }

    fn task_is_idle(&mut self) -> bool {
        self.flush();
        self.task.report().idle
    }

    pub fn flush(&mut self) {
        self.task.flush(self.clock, &mut self.written);
    }

    /// The process dies and another takes up what was written.
    pub fn restart(&mut self) {
        self.restart_under(&TAXONOMY);
    }

    /// The same with another taxonomy.
    pub fn restart_under(&mut self, taxonomy: &Arc<Taxonomy>) {
        let settings = self.settings.clone();
        let mut task = CollectTask::new(self.input, 1, 4, DESTINATIONS, Arc::clone(taxonomy), settings);
        let state = self.written.iter().filter(|output| output.topic == Topic::State);
        for output in state {
            task.restore(&output.key, output.value.as_deref()).unwrap();
        }
        match task.resume() {
            None => task.start_at(0),
            Some(resume) => {
                let (tail, next) = (resume.tail as usize, resume.next as usize);
                assert_eq!(next, self.log.len(), "the script flushes before it restarts");
                for record in records(self.input, &self.log, tail, next) {
                    task.relearn(&record);
                }
            }
        }
        self.task = task;
    }

    pub fn tallies(&self) -> Vec<Tally> {
        let tallies = self.written.iter().filter(|output| output.topic == Topic::Tallies);
        tallies.map(|output| Tally::decode(output.value.as_ref().unwrap()).unwrap()).collect()
    }

    /// Every count added up, by `measure region sector @slice`, the slice in seconds of the script.
    pub fn counts(&self) -> BTreeMap<String, u32> {
        let mut sums = BTreeMap::new();
        for tally in self.tallies() {
            let counts =
                |of: &SliceCounts| of.counts.iter().map(|count| (of.slice, *count)).collect::<Vec<_>>();
            for (slice, count) in tally.counts.iter().flat_map(counts) {
                let cell = &tally.cells[usize::from(count.cell)];
                let measure = &tally.measures[usize::from(count.measure)];
                let second = (slice.ms - START_MS) / 1000;
                let sum = sums.entry(format!("{measure} {} {} @{second}", cell.region, cell.sector));
                *sum.or_default() += count.count;
            }
        }
        sums
    }

    /// The newest coverage of each cell, `heard/expected`.
    pub fn coverage(&self) -> BTreeMap<String, String> {
        let mut newest = BTreeMap::new();
        for tally in self.tallies() {
            for coverage in &tally.coverage {
                let cell = &tally.cells[usize::from(coverage.cell)];
                let heads = format!("{}/{}", coverage.heard, coverage.expected);
                newest.insert(format!("{} {}", cell.region, cell.sector), heads);
            }
        }
        newest
    }

    /// Every signal, in the order of its tally.
    pub fn signals(&self) -> Vec<Signal> {
        self.tallies().into_iter().flat_map(|tally| tally.signals).collect()
    }

    /// The dead letters: offset and reason.
    pub fn rejects(&self) -> Vec<String> {
        let rejects = self.written.iter().filter(|output| output.topic == Topic::Rejects);
        rejects
            .map(|output| format!("{} {}", header(output, "source_offset"), header(output, "reason")))
            .collect()
    }

    /// What happened to subjects, in short: `kind id what@second`, in the order of their moments, gateways left out.
    pub fn told(&self) -> Vec<String> {
        let mut told: Vec<(i64, String)> = self.signals().iter().filter_map(short).collect();
        told.sort();
        told.into_iter().map(|(_, words)| words).collect()
    }

    pub fn ledger(&self) -> Ledger {
        self.task.ledger()
    }
}

/// The text of a header.
pub fn header(output: &Output, name: &str) -> String {
    let header =
        output.headers.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no {name}"));
    String::from_utf8(header.1.clone()).unwrap()
}

pub fn new_task(input: Input, settings: &Settings) -> CollectTask {
    CollectTask::new(input, 1, 4, DESTINATIONS, Arc::clone(&TAXONOMY), settings.clone())
}

/// The records of the log from one offset to before another.
pub fn records(input: Input, log: &[Message], from: usize, to: usize) -> Vec<Record<'_>> {
    (from..to)
        .map(|offset| Record {
            at: TopicPartition { topic: Topic::Input(input), partition: 1 },
            offset: offset as i64,
            arrival: at(log[offset].arrival_ms),
            key: Some(b"key"),
            value: Some(&log[offset].value),
            headers: Headers::NONE,
        })
        .collect()
}

fn short(signal: &Signal) -> Option<(i64, String)> {
    let id = match &signal.subject {
        Subject::Sensor(id) | Subject::Hazard(id) | Subject::Item { id, .. } | Subject::Alert(id) => id,
        _ => return None,
    };
    let what = match &signal.what {
        What::Level { level, side, value, .. } => {
            format!("{} {side} by {value}", level.map_or("normal", crate::taxonomy::Level::code))
        }
        What::Silent { last } => format!("silent since {}", (last.ms - START_MS) / 1000),
        What::Heard => "heard".to_owned(),
        What::Stage { stage, grade, .. } => {
            format!("is {stage}{}", grade.map_or(String::new(), |grade| format!(" {}", grade.code())))
        }
        What::Overdue { stage, due, .. } => format!("{stage} overdue since {}", (due.ms - START_MS) / 1000),
        What::Held { stage, .. } => format!("{stage} held"),
        What::Unheld { stage, legal, .. } => format!("{stage} {}", if *legal { "legal" } else { "illegal" }),
        What::Command { action, .. } => format!("{action:?}"),
        What::Gateway { .. } => return None,
    };
    let second = (signal.at.ms - START_MS).div_euclid(1000);
    Some((signal.at.ms, format!("{id} {what}@{second}")))
}
