//! What Kafka does, as claims about the memory log.

mod fault;
mod membership;
mod transaction;

use std::time::Duration;

use super::{Broker, Faults, Layout, MemoryLog, Moment, Payload};
use crate::event::EventTime;
use crate::log::{Change, Failure, Input, Output, Topic, TopicPartition, Verdict};

const OUT: TopicPartition = TopicPartition { topic: Topic::Tallies, partition: 0 };
const STATE: TopicPartition = TopicPartition { topic: Topic::State, partition: 0 };

fn input(partition: u32) -> TopicPartition {
    TopicPartition { topic: Topic::Input(Input::Sensors), partition }
}

fn broker() -> Broker {
    Broker::new(Layout::all(4))
}

fn worker(broker: &Broker, id: &str) -> MemoryLog {
    let mut log = broker.join(id, "hazstream", &[input(0).topic]);
    log.renew().unwrap();
    log
}

fn write(log: &mut MemoryLog, at: TopicPartition, key: &str, value: Option<&str>) {
    let value = value.map(|text| text.as_bytes().to_vec());
    let (topic, partition) = (at.topic, Some(at.partition));
    log.produce(Output { topic, partition, key: key.into(), value, headers: vec![("h", b"1".to_vec())] })
        .unwrap();
}

fn send(broker: &Broker, at: TopicPartition, value: &str) {
    let payload = Payload { key: None, value: Some(value.into()), headers: vec![] };
    broker.send(at.topic, Some(at.partition), payload).unwrap();
}

/// What a read_committed reader finds: `offset:value`.
fn found(broker: &Broker, at: TopicPartition) -> String {
    let text = |value: &Option<Vec<u8>>| match value {
        Some(bytes) => String::from_utf8(bytes.clone()).unwrap(),
        None => "-".to_owned(),
    };
    let records = broker.committed_records(at, 0);
    let texts: Vec<String> =
        records.iter().map(|record| format!("{}:{}", record.offset, text(&record.payload.value))).collect();
    texts.join(" ")
}

fn verdict<T: std::fmt::Debug>(result: Result<T, Failure>) -> Verdict {
    result.unwrap_err().verdict
}

/// Polls once; the records as `partition:value`.
fn poll(log: &mut MemoryLog) -> (Vec<Change>, Vec<String>) {
    let mut read = Vec::new();
    let changes = log
        .poll(Duration::ZERO, 100, &mut |records| {
            for record in records {
                let value = std::str::from_utf8(record.value.unwrap()).unwrap();
                read.push(format!("{}:{value}", record.at.partition));
            }
        })
        .unwrap();
    (changes, read)
}

/// Lets all members poll and answer until the group is stable; what each one owns in the end.
fn balance(broker: &Broker, logs: &mut [&mut MemoryLog]) -> Vec<Vec<u32>> {
    for _ in 0..20 {
        for log in logs.iter_mut() {
            for change in poll(log).0 {
                match change {
                    Change::Assigned(partitions) => {
                        let at: Vec<_> = partitions.iter().map(|partition| (*partition, 0)).collect();
                        log.assign(&at).unwrap();
                    }
                    Change::Revoking(partitions) => log.release(&partitions).unwrap(),
                    Change::Lost(_) | Change::AtEnd(_) => {}
                }
            }
        }
    }
    assert!(broker.is_stable("hazstream"));
    logs.iter().map(|log| log.owned.iter().map(|at| at.partition).collect()).collect()
}
