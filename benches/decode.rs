//! What decoding one reading costs: the serde_json twin against the learnt template.
//!
//! `cargo bench --bench decode`. Compare interleaved runs only: a shared machine moves by a third within minutes.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hazstream::event::{DecodeSettings, Decoder, EventTime};
use hazstream::log::{Headers, Input, Record, Topic, TopicPartition};
use hazstream::taxonomy::Taxonomy;

const READINGS: usize = 10_000;

/// Readings of 1,000 sensors, whose values, sectors and times differ from each to the next.
fn readings(unknown: &str, reordered_every: Option<usize>) -> Vec<Vec<u8>> {
    let sectors = ["hazardous_chemicals", "mining", "small_workshops"];
    let quantities = [("combustible_gas", "%LEL"), ("methane", "%CH4"), ("temperature", "Cel")];
    let reading = |nth: usize| {
        let (id, sensor, seq) = (nth * 7_919, nth * 31 % 1_000, nth / 3);
        let (minute, second, ms) = (nth / 600 % 60, nth / 10 % 60, nth % 1_000);
        let value = (nth * 37 % 5_000) as f64 / 100.0;
        let (sector, (quantity, unit)) = (sectors[nth % 3], quantities[nth / 3 % 3]);
        let head = format!(
            r#""id":"01JDBX3T{id:018}","time":"2026-11-23T10:{minute:02}:{second:02}.{ms:03}+08:00","region":"330604104","sector":"{sector}""#
        );
        let rest = format!(
            r#""enterprise_id":"91330604MA2BE0{:04}","sensor_id":"SX-{sensor:07}","quantity":"{quantity}","value":{value},"unit":"{unit}","quality":"good","seq":{seq}{unknown}"#,
            sensor % 97
        );
        match reordered_every {
            Some(every) if nth.is_multiple_of(every) => format!(r#"{{ {rest}, {head}, "type": "reading" }}"#),
            _ => format!(r#"{{"type":"reading",{head},{rest}}}"#),
        }
    };
    (0..READINGS).map(|nth| reading(nth).into_bytes()).collect()
}

fn decode_all(decoder: &mut Decoder, messages: &[Vec<u8>]) {
    let at = TopicPartition { topic: Topic::Input(Input::Sensors), partition: 0 };
    for message in messages {
        let record = Record {
            at,
            offset: 0,
            arrival: EventTime::from_ms(0),
            key: None,
            value: Some(message),
            headers: Headers::NONE,
        };
        black_box(decoder.decode(&record).expect("the bench's readings are valid"));
    }
}

fn decode(criterion: &mut Criterion) {
    let taxonomy = Arc::new(Taxonomy::shipped());
    let decoder = || Decoder::new(Arc::clone(&taxonomy), DecodeSettings::default(), Input::Sensors);
    let unknown = r#","firmware":"2.14.1","battery":3.61"#;
    for (name, messages) in [
        ("plain", readings("", None)),
        ("two unknown fields", readings(unknown, None)),
        ("a tenth in another layout", readings("", Some(10))),
    ] {
        let mut group = criterion.benchmark_group(format!("decode/{name}"));
        group.throughput(Throughput::Elements(READINGS as u64));
        let (mut fast, mut twin) = (decoder(), decoder().without_templates());
        group.bench_function("template", |bencher| bencher.iter(|| decode_all(&mut fast, &messages)));
        group.bench_function("serde_json twin", |bencher| bencher.iter(|| decode_all(&mut twin, &messages)));
        group.finish();
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
