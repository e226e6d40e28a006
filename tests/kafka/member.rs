//! A member of a group for these tests: answers rebalances at once unless told otherwise, and keeps what it read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hazstream::config::Settings;
use hazstream::event::EventTime;
use hazstream::kafka::KafkaLog;
use hazstream::kafka::feed::Feed;
use hazstream::kafka::topics::{Cluster, TopicsPlan};
use hazstream::log::{Change, Failure, Input, Log, Output, Topic, TopicPartition, Verdict};

use crate::support::broker::Broker;

/// How long a test waits for what must come; it goes on as soon as it has.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const SENSORS: Topic = Topic::Input(Input::Sensors);

/// The clock of every log here: long before any stamp that a broker or a feed gives.
pub const NOW: EventTime = EventTime::from_ms(1_000_000);

/// Settings with a prefix, a group and ids that no other test has; `more` is further YAML. The topics are made.
pub fn settings(broker: &Broker, test: &str, more: &str) -> Settings {
    let own = format!("{test}-{}", std::process::id());
    let yaml = format!(
        "kafka:\n  bootstrap_servers: {}\n  topic_prefix: {own}.\n  group: {own}\n  instance: a\n  inputs: [sensors]\n  \
         session_timeout: 6s\n  heartbeat_interval: 300ms\ntopics: {{partitions: 4}}\n{more}",
        broker.address()
    );
    let settings = Settings::resolve(Some(("test.yaml", &yaml)), std::iter::empty()).unwrap();
    Cluster::new(&settings.kafka).unwrap().create(&TopicsPlan::new(&settings)).unwrap();
    settings
}

pub fn at(topic: Topic, partition: u32) -> TopicPartition {
    TopicPartition { topic, partition }
}

pub fn output(topic: Topic, partition: u32, value: &str) -> Output {
    let value = Some(value.as_bytes().to_vec());
    Output { topic, partition: Some(partition), key: b"key".to_vec(), value, headers: Vec::new() }
}

/// Writes `count` sensor readings, `0`, `1`, …, one key each.
pub fn feed(settings: &Settings, count: u64) {
    feed_topic(settings, SENSORS, count);
}

pub fn feed_topic(settings: &Settings, topic: Topic, count: u64) {
    let mut feed = Feed::new(&settings.kafka).unwrap();
    for n in 0..count {
        let text = n.to_string();
        feed.send(topic, text.as_bytes(), text.as_bytes(), None, PATIENCE).unwrap();
    }
    let delivered = feed.flush(PATIENCE);
    assert_eq!((delivered.written, delivered.failed), (count, 0), "{delivered:?}");
}

/// One worker's log and what it has seen.
pub struct Member {
    pub log: Log,
    /// What it reads, with the offset that comes next.
    pub next: BTreeMap<TopicPartition, i64>,
    /// Offsets and values as they came.
    pub read: BTreeMap<TopicPartition, Vec<(i64, String)>>,
    pub at_end: Vec<TopicPartition>,
    /// What it was asked to give up and has not.
    pub revoking: Vec<TopicPartition>,
    pub joined: bool,
}

impl Member {
    /// Worker `worker` of these settings, with its producer ready.
    pub fn new(settings: &Settings, worker: usize) -> Member {
        let log = KafkaLog::open(&settings.kafka, worker, || NOW).unwrap();
        let mut member = Member {
            log: Log::Kafka(Box::new(log)),
            next: BTreeMap::new(),
            read: BTreeMap::new(),
            at_end: Vec::new(),
            revoking: Vec::new(),
            joined: false,
        };
        patiently(|| member.log.renew());
        member
    }

    /// Polls once and takes what it is offered, from the committed offset or the first.
    pub fn poll(&mut self, max: usize) {
        let Member { log, next, read, at_end, .. } = self;
        let polled = log.poll(Duration::from_millis(20), max, &mut |run| {
            let of = run[0].at;
            at_end.retain(|at| *at != of);
            for record in run {
                assert_eq!(record.at, of, "a run is of one partition");
                let value = String::from_utf8(record.value.unwrap_or(b"null").to_vec()).unwrap();
                read.entry(of).or_default().push((record.offset, value));
            }
            next.insert(of, run[run.len() - 1].offset + 1);
        });
        let changes = match polled {
            Ok(changes) => changes,
            Err(failure) if failure.verdict == Verdict::Retry => Vec::new(),
            Err(failure) => panic!("{failure}"),
        };
        for change in changes {
            match change {
                Change::Assigned(partitions) => self.take(&partitions),
                Change::Revoking(partitions) => self.revoking = partitions,
                Change::Lost(partitions) => self.next.retain(|at, _| !partitions.contains(at)),
                Change::AtEnd(partition) => self.at_end.push(partition),
            }
        }
    }

    fn take(&mut self, partitions: &[TopicPartition]) {
        self.joined = true;
        let committed = patiently(|| self.log.committed(partitions));
        let mut from = Vec::new();
        for (&partition, committed) in partitions.iter().zip(committed) {
            let (first, _) = patiently(|| self.log.bounds(partition));
            from.push((partition, committed.unwrap_or(first)));
        }
        self.log.assign(&from).unwrap();
        self.next.extend(from);
    }

    pub fn release(&mut self) {
        let given = std::mem::take(&mut self.revoking);
        self.log.release(&given).unwrap();
        self.next.retain(|at, _| !given.contains(at));
    }

    /// How many records it read in all.
    pub fn count(&self) -> usize {
        self.read.values().map(Vec::len).sum()
    }

    /// The next offsets of what it reads.
    pub fn offsets(&self) -> Vec<(TopicPartition, i64)> {
        self.next.iter().map(|(at, offset)| (*at, *offset)).collect()
    }

    /// Polls until it is so.
    pub fn poll_until(&mut self, what: &str, mut so: impl FnMut(&Member) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !so(self) {
            assert!(Instant::now() < until, "waited in vain until {what}");
            self.poll(1_000);
        }
    }

    /// What a read_committed reader finds in the partition up to its present end.
    pub fn committed_values(&mut self, partition: TopicPartition) -> Vec<String> {
        let (mut position, end) = patiently(|| self.log.bounds(partition));
        let mut values = Vec::new();
        let until = Instant::now() + PATIENCE;
        while position < end {
            assert!(Instant::now() < until, "the end of {partition:?} was never reached");
            position = self.log.read(partition, position, end, &mut |run| collect(run, &mut values)).unwrap();
        }
        values
    }
}

fn collect(run: &[hazstream::log::Record<'_>], values: &mut Vec<String>) {
    values.extend(run.iter().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
}

/// Asks again as long as the answer is to ask again.
pub fn patiently<T>(mut ask: impl FnMut() -> Result<T, Failure>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(failure) if failure.verdict == Verdict::Retry && Instant::now() < until => {}
            Err(failure) => panic!("{failure}"),
        }
    }
}
