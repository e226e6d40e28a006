//! A city on the memory log: real workers with real tasks, whose clock moves only by call, and what they wrote.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use hazstream::assess::{self, Emit, WindowSpec, Windows, read_rules};
use hazstream::collect;
use hazstream::event::EventTime;
use hazstream::log::memory::{Broker, Layout, Lifeline, Payload, Stored};
use hazstream::log::{Input, Log, Topic, TopicPartition};
use hazstream::taxonomy::Taxonomy;
use hazstream::worker::report::{AssessReport, CollectReport, MemberReport, Report, TroubleReport};
use hazstream::worker::{Plan, Proposal, Seen, Worker};
use serde_json::{Value, json};

use crate::oracle;

/// When the first message may be sent: 2026-11-23T04:00:00Z, an edge of every slide.
pub const NOON_MS: i64 = 1_795_406_400_000;
/// The watermark trails by so much.
pub const DISORDER_MS: i64 = 3_000;
/// What is late by less counts in every window.
pub const HORIZON_MS: i64 = 600_000;
/// A worker's turn.
const TURN_MS: i64 = 400;
const GROUP: &str = "guarantees";

/// The shipped taxonomy, but for sensors that are missed after 20 s.
static TAXONOMY: LazyLock<Arc<Taxonomy>> = LazyLock::new(|| taxonomy("", ""));

/// The same with one text in place of another.
pub fn taxonomy(from: &str, to: &str) -> Arc<Taxonomy> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/taxonomy");
    let folder = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(shipped).expect("the shipped taxonomy") {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a text");
        let text = text.replace("no_data_after: 5m", "no_data_after: 20s");
        let text = if from.is_empty() { text } else { text.replacen(from, to, 1) };
        std::fs::write(folder.path().join(path.file_name().expect("a name")), text).expect("room");
    }
    Arc::new(Taxonomy::load(folder.path()).expect("as valid as the shipped one"))
}

/// What workers reported, in order.
#[derive(Default)]
pub struct Reports {
    pub collect: Vec<CollectReport>,
    pub assess: Vec<AssessReport>,
    pub members: Vec<MemberReport>,
    pub troubles: Vec<TroubleReport>,
}

struct Process {
    worker: Worker,
    life: Lifeline,
}

/// The log, the workers, and the messages sent.
pub struct City {
    pub broker: Broker,
    pub plan: Arc<Plan>,
    pub reports: Arc<Mutex<Reports>>,
    pub sent: Vec<oracle::Message>,
    pub clock_ms: i64,
    workers: BTreeMap<usize, Process>,
    /// The rules on each worker's disk.
    found: BTreeMap<usize, Arc<Proposal>>,
    /// The limits on each worker's disk.
    limits: BTreeMap<usize, Arc<Taxonomy>>,
}

impl City {
    /// A city with these rules (YAML, a list) and so many partitions of every topic, and one worker.
    pub fn new(rules: &str, partitions: u32) -> City {
        City::with(rules, partitions, |_| {})
    }

    /// The same, with other settings of its collect tasks.
    pub fn with(rules: &str, partitions: u32, set: impl Fn(&mut collect::Settings)) -> City {
        // A killed worker is missed soon, and its place taken.
        City::with_sessions(1_000, rules, partitions, set)
    }

    /// The same, with other sessions.
    pub fn with_sessions(
        session_ms: i64,
        rules: &str,
        partitions: u32,
        set: impl Fn(&mut collect::Settings),
    ) -> City {
        let layout = Layout { session_ms, transaction_timeout_ms: 1_000, ..Layout::all(partitions) };
        let plan = Arc::new(plan(rules, partitions, set));
        let broker = Broker::new(layout);
        broker.advance(EventTime::from_ms(NOON_MS));
        let mut city = City {
            broker,
            plan,
            reports: Arc::default(),
            sent: Vec::new(),
            clock_ms: NOON_MS,
            workers: BTreeMap::new(),
            found: BTreeMap::new(),
            limits: BTreeMap::new(),
        };
        city.start(0);
        city
    }

    /// Starts a worker; under the name of one that runs it takes that one's place.
    pub fn start(&mut self, at: usize) {
        let inputs = self.plan.input_partitions.keys().map(|input| Topic::Input(*input));
        let topics: Vec<Topic> = inputs.chain([Topic::Tallies]).collect();
        let log = self.broker.join(&format!("worker-{at}"), GROUP, &topics);
        let life = log.lifeline();
        let reports = Arc::clone(&self.reports);
        let observer = move |seen: Seen<'_>| {
            let mut reports = reports.lock().expect("nobody panicked with it");
            match seen {
                Seen::Report(Report::Collect(report)) => reports.collect.push(*report),
                Seen::Report(Report::Assess(report)) => reports.assess.push(*report),
                Seen::Report(Report::Member(report)) => reports.members.push(report),
                Seen::Report(Report::Trouble(report)) => reports.troubles.push(report),
                Seen::Report(_) | Seen::Committed(_) => {}
            }
        };
        let mut worker = Worker::new(at, Log::Memory(log), Arc::clone(&self.plan), Box::new(observer));
        if let Some(found) = self.found.get(&at) {
            worker.propose(Arc::clone(found));
        }
        if let Some(limits) = self.limits.get(&at) {
            worker.relimit(Arc::clone(limits));
        }
        self.workers.insert(at, Process { worker, life });
    }

    /// Puts rules on a worker's disk, where it finds them, after a restart too.
    pub fn propose(&mut self, at: usize, found: Arc<Proposal>) {
        self.workers.get_mut(&at).expect("it runs").worker.propose(Arc::clone(&found));
        self.found.insert(at, found);
    }

    /// Puts a taxonomy with other limits on a worker's disk, where it finds it, after a restart too.
    pub fn relimit(&mut self, at: usize, found: &Arc<Taxonomy>) {
        self.workers.get_mut(&at).expect("it runs").worker.relimit(Arc::clone(found));
        self.limits.insert(at, Arc::clone(found));
    }

    /// A hold on the life of a worker.
    pub fn life(&self, at: usize) -> Lifeline {
        self.workers[&at].life.clone()
    }

    /// As `kill -9`, and the same started again at once.
    pub fn restart(&mut self, at: usize) {
        self.workers.remove(&at);
        self.start(at);
    }

    /// Takes a worker out of the schedule, as SIGSTOP does; it can be put back.
    pub fn stop(&mut self, at: usize) -> Worker {
        self.workers.remove(&at).expect("it runs").worker
    }

    /// Sends an event now; its `time` is `time_ms` after noon.
    pub fn send(&mut self, input: Input, key: &str, time_ms: i64, event: Value) -> (u32, i64) {
        let mut event = event;
        event["time"] = json!(text(NOON_MS + time_ms));
        if event["id"].is_null() {
            event["id"] = json!(format!("{}-{}", input.name(), self.sent.len()));
        }
        self.send_bytes(input, key, Some(event.to_string().into_bytes()))
    }

    /// Sends a message as it is.
    pub fn send_bytes(&mut self, input: Input, key: &str, value: Option<Vec<u8>>) -> (u32, i64) {
        let payload = Payload { key: Some(key.into()), value: value.clone(), headers: vec![] };
        let (at, offset) = self.broker.send(Topic::Input(input), None, payload).expect("the topic is there");
        self.sent.push(oracle::Message {
            input: input.name(),
            partition: at.partition,
            offset,
            arrival_ms: self.clock_ms,
            value,
        });
        (at.partition, offset)
    }

    /// Lets time pass, and every worker have its turns. One that dies is started again.
    pub fn pass(&mut self, ms: i64) {
        let end_ms = self.clock_ms + ms;
        while self.clock_ms < end_ms {
            self.clock_ms = (self.clock_ms + TURN_MS).min(end_ms);
            self.broker.advance(EventTime::from_ms(self.clock_ms));
            self.turns(1);
        }
    }

    /// Lets every worker have so many turns, and no time pass.
    pub fn turns(&mut self, turns: usize) {
        for _ in 0..turns {
            for at in self.workers.keys().copied().collect::<Vec<_>>() {
                self.turn(at);
            }
        }
    }

    /// How much of an input's first partition is committed.
    pub fn committed(&self, input: Input) -> i64 {
        let at = TopicPartition { topic: Topic::Input(input), partition: 0 };
        self.broker.committed_offset(GROUP, at).unwrap_or(0)
    }

    fn turn(&mut self, at: usize) {
        let Some(process) = self.workers.get_mut(&at) else { return };
        let result = process.worker.step(EventTime::from_ms(self.clock_ms), Duration::ZERO);
        if process.life.is_dead() {
            self.restart(at);
        } else if let Err(failure) = result {
            panic!("a worker stopped for good: {failure}");
        }
    }

    /// What a read_committed reader sees of a topic, partition by partition.
    pub fn records(&self, topic: Topic) -> Vec<Stored> {
        let partitions = 0..self.plan.tallies_partitions;
        partitions
            .flat_map(|partition| self.broker.committed_records(TopicPartition { topic, partition }, 0))
            .collect()
    }

    /// The same as JSON.
    pub fn read(&self, topic: Topic) -> Vec<Value> {
        let value = |record: &Stored| {
            serde_json::from_slice(record.payload.value.as_deref().expect("no tombstones here"))
                .expect("JSON")
        };
        self.records(topic).iter().map(value).collect()
    }

    /// The steps of every alert of a rule, each as `status@second reason`.
    pub fn steps(&self, rule: &str) -> Vec<String> {
        let events = self.read(Topic::AlertEvents);
        let own = events.iter().filter(|event| event["rule"] == rule);
        own.map(|event| {
            let step = &event["transition"];
            let at_s = (time_ms(&step["at"]) - NOON_MS) as f64 / 1000.0;
            format!("{}@{at_s} {}", word(&step["to"]), word(&step["reason"]))
        })
        .collect()
    }

    /// The dead letters' reasons.
    pub fn reasons(&self) -> Vec<String> {
        self.records(Topic::Rejects).iter().map(|letter| header(letter, "reason")).collect()
    }

    /// The newest record of a cell's window; null when there is none.
    pub fn window(&self, region: &str, sector: &str, window: &str) -> Value {
        let is_wanted = |record: &Value| {
            record["region"] == region && record["sector"] == sector && record["window"] == window
        };
        self.read(Topic::Windows).into_iter().rfind(is_wanted).unwrap_or_default()
    }

    /// What the oracle says of the same messages.
    pub fn oracle(&self) -> oracle::Outcome {
        let settings = &self.plan.collect[&Input::Sensors];
        let settings = oracle::Settings {
            dedup_horizon_ms: settings.dedup_horizon_ms,
            max_future_skew_ms: settings.max_future_skew_ms,
            allowed_disorder_ms: settings.allowed_disorder_ms,
            longest_horizon_ms: settings.longest_horizon_ms,
            max_event_bytes: settings.max_event_bytes,
            hold_for_ms: Some(settings.hold_for_ms),
        };
        oracle::judge(oracle::City::shipped(), &settings, &self.sent)
    }
}

fn plan(rules: &str, partitions: u32, set: impl Fn(&mut collect::Settings)) -> Plan {
    let window = |name: &str, size_ms: i64, slide_ms: i64| WindowSpec {
        name: name.to_owned(),
        slide_name: format!("{}s", slide_ms / 1000),
        size_ms,
        slide_ms,
        horizon_ms: HORIZON_MS,
    };
    let windows = Windows::new(vec![window("1m", 60_000, 10_000), window("5m", 300_000, 60_000)]);
    let settings = |input: Input| {
        let mut settings = collect::Settings {
            allowed_disorder_ms: DISORDER_MS,
            idle_after_ms: 5_000,
            longest_horizon_ms: HORIZON_MS,
            finest_slice_ms: windows.finest_slice_ms(),
            hold_for_ms: 30_000,
            source_topic: format!("hazard.{}", input.name()),
            ..collect::Settings::default()
        };
        set(&mut settings);
        (input, settings)
    };
    let rules = read_rules("the test's rules", &format!("rules:\n{rules}"), &TAXONOMY, &windows);
    Plan {
        taxonomy: Arc::clone(&TAXONOMY),
        collect: Input::ALL.into_iter().map(settings).collect(),
        assess: Arc::new(assess::Settings {
            rules: rules.unwrap_or_else(|problems| panic!("{problems:?}")),
            windows,
            emit: Emit::Both,
            emit_every_ms: 0,
            coverage_min: 0.95,
            commands_topic: "hazard.commands".to_owned(),
            zone: jiff::tz::TimeZone::UTC,
        }),
        commit_interval_ms: 400,
        commit_interval_behind_ms: 400,
        hurry_ms: 20,
        state_partitions: partitions,
        stopwatch: || Duration::ZERO,
        tallies_partitions: partitions,
        input_partitions: Input::ALL.map(|input| (input, partitions)).into(),
    }
}

/// A reading of combustible gas at a chemical plant in Zhangzhen, Shangyu (set points 25 and 50 %LEL).
pub fn reading(sensor: &str, value: f64) -> Value {
    json!({
        "type": "reading", "region": "330604104", "sector": "chemical_parks", "enterprise_id": "e-1",
        "sensor_id": sensor, "quantity": "combustible_gas", "value": value, "unit": "%LEL",
    })
}

/// An inspection that found these hazards: id and grade.
pub fn inspection(hazards: &[(&str, &str)]) -> Value {
    let listed: Vec<Value> =
        hazards.iter().map(|(id, grade)| json!({"hazard_id": id, "grade": grade})).collect();
    json!({
        "type": "inspection", "region": "330604104", "sector": "mining", "enterprise_id": "e-1",
        "source": "grid", "hazards": listed,
    })
}

/// A stage of an item.
pub fn item(kind: &str, id: &str, stage: &str) -> Value {
    json!({
        "type": "item", "region": "330604104", "sector": "small_workshops", "kind": kind, "item_id": id,
        "stage": stage,
    })
}

pub fn text(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).expect("a time of this century").to_string()
}

pub fn time_ms(value: &Value) -> i64 {
    let time: jiff::Timestamp = value.as_str().expect("a time").parse().expect("RFC 3339");
    time.as_millisecond()
}

pub fn header(record: &Stored, name: &str) -> String {
    let of_name = record.payload.headers.iter().find(|(own, _)| own == name);
    of_name.map_or(String::new(), |(_, value)| String::from_utf8_lossy(value).into_owned())
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("none")
}
