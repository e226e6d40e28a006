//! The readers that the pipeline is compared with, each in a process of its own on core 1.

use std::borrow::Cow;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use hazstream::event::EventTime;
use hazstream::kafka::KafkaLog;
use hazstream::log::{Change, Failure, Log};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::pipeline::{PARTITIONS, environment, hazstream, settings};

/// Run one and take its rate.
pub fn rate(kind: &str, address: &str, events: u64) -> anyhow::Result<f64> {
    let topic = crate::pipeline::INPUT;
    let output = Command::new("taskset")
        .args(["-c", "1"])
        .arg(std::env::current_exe()?)
        .args(["--reference", kind, address, topic, &events.to_string()])
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)?.trim().parse().context("the reader prints its rate")
}

/// Be one: read everything, print events per second since the first of them.
pub fn run(what: &[String]) -> anyhow::Result<()> {
    let [kind, address, topic, events] = what else { bail!("KIND ADDRESS TOPIC EVENTS") };
    let events: u64 = events.parse()?;
    let (elapsed, sum) = match kind.as_str() {
        "poll" => poll(address, topic, events)?,
        "parse" => parse(address, events)?,
        other => bail!("no such reader: {other}"),
    };
    ensure!(sum > 0, "the work must be done");
    println!("{}", events as f64 / elapsed.as_secs_f64());
    Ok(())
}

/// One message at a time, only the payload's length.
fn poll(address: &str, topic: &str, events: u64) -> anyhow::Result<(Duration, u64)> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", "reference")
        .set("enable.auto.commit", "false")
        .set("fetch.queue.backoff.ms", "10")
        .set("queued.max.messages.kbytes", "65536")
        .set("max.partition.fetch.bytes", "4194304")
        .create()?;
    let mut start = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        start.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&start)?;
    let (mut began, mut read, mut bytes) = (Instant::now(), 0, 0);
    while read < events {
        let Some(message) = consumer.poll(Duration::from_secs(10)) else { bail!("{read} of {events} came") };
        if read == 0 {
            began = Instant::now();
        }
        bytes += message?.payload_len() as u64;
        read += 1;
    }
    Ok((began.elapsed(), bytes))
}

/// What serde_json makes of a reading.
#[derive(serde::Deserialize)]
#[allow(dead_code, reason = "they are parsed, not used")]
struct Reading<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    region: Cow<'a, str>,
    #[serde(borrow)]
    sector: Cow<'a, str>,
    #[serde(borrow)]
    enterprise_id: Cow<'a, str>,
    #[serde(borrow)]
    sensor_id: Cow<'a, str>,
    #[serde(borrow)]
    quantity: Cow<'a, str>,
    value: Option<f64>,
    #[serde(borrow)]
    unit: Cow<'a, str>,
    #[serde(borrow, default)]
    quality: Cow<'a, str>,
    seq: Option<u64>,
}

/// Runs of records by the batch call, each parsed by serde_json.
fn parse(address: &str, events: u64) -> anyhow::Result<(Duration, u64)> {
    let group = format!("reference-{}", std::process::id());
    hazstream("0", &["topics", "create"], &environment(address, &group, "[]", "100ms")).wait_well()?;
    let settings = settings(address, &group, "[]", "100ms")?;
    let mut log = Log::Kafka(Box::new(KafkaLog::open(&settings.kafka, 0, || EventTime::from_ms(i64::MAX))?));
    let (mut began, mut read, mut parsed) = (None, 0, 0);
    while read < events {
        let changes = log.poll(Duration::from_millis(100), 1_000, &mut |records| {
            began.get_or_insert_with(Instant::now);
            read += records.len() as u64;
            for record in records {
                let reading = serde_json::from_slice::<Reading<'_>>(record.value.unwrap_or_default());
                parsed += u64::from(reading.is_ok_and(|reading| reading.value.is_some()));
            }
        })?;
        for change in changes {
            answer(&mut log, change)?;
        }
    }
    Ok((began.map_or(Duration::ZERO, |began| began.elapsed()), parsed))
}

fn answer(log: &mut Log, change: Change) -> Result<(), Failure> {
    match change {
        Change::Assigned(ours) => log.assign(&ours.into_iter().map(|at| (at, 0)).collect::<Vec<_>>()),
        Change::Revoking(theirs) => log.release(&theirs),
        Change::Lost(_) | Change::AtEnd(_) => Ok(()),
    }
}
