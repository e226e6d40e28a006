//! What one reading costs in a collect task: decode, duplicates, sensor, count, and its share of a flush.
//!
//! `cargo bench --bench collect`. 100,000 sensors drawn evenly, 0.05 % re-sent, 0.1 % up to ten minutes late, a flush each
//! 100,000 readings. Compare interleaved runs only: a shared machine moves by a third within minutes.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hazstream::collect::{CollectTask, Settings};
use hazstream::event::EventTime;
use hazstream::log::{Headers, Input, Record, Topic, TopicPartition};
use hazstream::taxonomy::{RegionLevel, Taxonomy};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

const SENSORS: u32 = 100_000;
const READINGS: usize = 400_000;
const FLUSH_EVERY: usize = 100_000;
/// 2026-11-23T02:00:00Z, and then 2,780 readings a second.
const START_MS: i64 = 1_795_399_200_000;

struct Message {
    arrival: EventTime,
    value: Vec<u8>,
}

fn messages(taxonomy: &Taxonomy) -> Vec<Message> {
    let towns: Vec<_> =
        taxonomy.regions.iter().filter(|id| taxonomy.regions.level(*id) == RegionLevel::Town).collect();
    let sectors = ["hazardous_chemicals", "mining", "small_workshops"];
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let mut messages: Vec<Message> = Vec::with_capacity(READINGS);
    for nth in 0..READINGS {
        let ms = START_MS + nth as i64 * 1000 / 2780;
        let arrival = EventTime::from_ms(ms);
        if nth > 0 && random.random_bool(0.0005) {
            let again = random.random_range(nth.saturating_sub(10_000)..nth);
            messages.push(Message { arrival, value: messages[again].value.clone() });
            continue;
        }
        let late_ms = if random.random_bool(0.001) { random.random_range(0..600_000) } else { 0 };
        let time = jiff::Timestamp::from_millisecond(ms - late_ms).expect("in range");
        let sensor = random.random_range(0..SENSORS) as usize;
        let (town, sector) = (taxonomy.regions.code(towns[sensor % towns.len()]), sectors[sensor % 3]);
        let value = f64::from(random.random_range(50..200_u32)) / 10.0;
        let value = format!(
            r#"{{"type":"reading","id":"01JDBX3T{nth:018}","time":"{time:.3}","region":"{town}","sector":"{sector}","enterprise_id":"91330604MA2BE0{:04}","sensor_id":"SX-{sensor:07}","quantity":"combustible_gas","value":{value},"unit":"%LEL","quality":"good","seq":{nth}}}"#,
            sensor % 9973
        );
        messages.push(Message { arrival, value: value.into_bytes() });
    }
    messages
}

fn run(task: &mut CollectTask, records: &[Record<'_>]) -> usize {
    let mut out = Vec::new();
    for part in records.chunks(FLUSH_EVERY) {
        for batch in part.chunks(1_000) {
            task.apply(batch, batch[batch.len() - 1].arrival, &mut out);
        }
        task.flush(part[part.len() - 1].arrival, &mut out);
    }
    out.len()
}

fn collect(criterion: &mut Criterion) {
    let taxonomy = Arc::new(Taxonomy::shipped());
    let messages = messages(&taxonomy);
    let at = TopicPartition { topic: Topic::Input(Input::Sensors), partition: 0 };
    let records: Vec<Record<'_>> = (0_i64..)
        .zip(&messages)
        .map(|(offset, message)| Record {
            at,
            offset,
            arrival: message.arrival,
            key: None,
            value: Some(&message.value),
            headers: Headers::NONE,
        })
        .collect();
    let task = || CollectTask::new(Input::Sensors, 0, 1, 8, Arc::clone(&taxonomy), Settings::default());
    let mut group = criterion.benchmark_group("collect");
    group.sample_size(10);
    group.throughput(Throughput::Elements((READINGS / 2) as u64));
    // The first half meets every sensor for the first time; the second half is the steady state.
    let (first, second) = records.split_at(READINGS / 2);
    group.bench_function("readings of new sensors", |bencher| {
        bencher.iter_batched_ref(task, |task| black_box(run(task, first)), BatchSize::PerIteration);
    });
    group.bench_function("readings of known sensors", |bencher| {
        let known = || {
            let mut task = task();
            run(&mut task, first);
            task
        };
        bencher.iter_batched_ref(known, |task| black_box(run(task, second)), BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, collect);
criterion_main!(benches);
