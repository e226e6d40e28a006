//! The differential test: the template path never accepts what the serde_json twin rejects, and never differs in a value.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::*;
use crate::log::{Headers, Input, Record, Topic, TopicPartition};

/// Layouts that producers might write: the contract's example, fewer fields, more fields, another order, spaces, Chinese.
const LAYOUTS: [&str; 6] = [
    r#"{"type":"reading","id":"01JDBX3T0000000000000001","time":"2026-11-23T10:15:00.250+08:00","region":"330604104","sector":"hazardous_chemicals","enterprise_id":"91330604MA2BE0001X","sensor_id":"SX-0001234","quantity":"combustible_gas","value":12.5,"unit":"%LEL","quality":"good","seq":88123}"#,
    r#"{"type":"reading","id":"7","time":"2026-11-23T02:15:00Z","region":"330604","sector":"mining","enterprise_id":"e","sensor_id":"s","quantity":"methane","value":0,"unit":"%CH4"}"#,
    r#"{"value":-3.25,"unit":"Cel","quantity":"temperature","gateway_id":"g-1","id":"a","type":"reading","time":"2026-11-23T02:15:00.1Z","region":"330604104001","sector":"mining","enterprise_id":"e","sensor_id":"s"}"#,
    r#"{ "type" : "reading", "id" : "b", "time" : "2026-11-23T10:15:00+08:00", "region" : "999999", "sector" : "mining", "enterprise_id" : "e", "sensor_id" : "s", "quantity" : "methane", "value" : 1.05, "unit" : "%CH4", "vendor" : "霍尼韦尔", "battery" : 3.61, "ok" : true }"#,
    r#"{"type":"reading","id":"c","time":"2026-11-23T10:15:00+08:00","region":"330604104","sector":"mining","enterprise_id":"e","sensor_id":"s","quantity":"methane","unit":"%CH4","quality":"bad"}"#,
    r#"{"a_long_name_of_a_field_outside_the_contract":"and a long text that goes with it, longer than a block","type":"reading","id":"d","time":"2026-11-23T10:15:00+08:00","region":"330604104","sector":"mining","enterprise_id":"e","sensor_id":"s","quantity":"methane","value":2.5,"unit":"%CH4","seq":0}"#,
];

/// What an edit puts in: bytes that matter to JSON, and whole forms.
const PIECES: [&[u8]; 52] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b" ",
    b"\n",
    b"\t",
    b"\0",
    b"\x1f",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xc3\xa9",
    b"\xed\xa0\x80",
    b"\xe5\x8d",
    b"\\n",
    b"\\u0041",
    b"\\ud800",
    b"\\ud83d\\ude00",
    b"\\\"",
    b"\\x",
    b"0",
    b"-",
    b"-0",
    b"-0.0",
    b"00",
    b"01",
    b".",
    b"1.",
    b".5",
    b"e5",
    b"E-3",
    b"1e999",
    b"9007199254740993",
    b"0.1234567890123456",
    b"123456789012345678901234567890",
    b"NaN",
    b"null",
    b"true",
    b"\"\"",
    b"uncertain",
    b"all",
    b"\"id\":\"x\",",
    b"\"value\":1,",
    b"\"note\":null,",
    b"4",
    b"330604104",
    b"2026-11-23T23:59:60Z",
];

fn record(value: &[u8]) -> Record<'_> {
    let at = TopicPartition { topic: Topic::Input(Input::Sensors), partition: 0 };
    Record {
        at,
        offset: 0,
        arrival: EventTime::from_ms(0),
        key: None,
        value: Some(value),
        headers: Headers::NONE,
    }
}

fn decoder() -> Decoder {
    Decoder::new(super::tests::taxonomy(), DecodeSettings::default(), Input::Sensors)
}

/// A message changed in one to three places.
fn mutant(rng: &mut Pcg64) -> Vec<u8> {
    let mut bytes = LAYOUTS[rng.random_range(0..LAYOUTS.len())].as_bytes().to_vec();
    for _ in 0..[1, 1, 1, 2, 3][rng.random_range(0..5)] {
        let at = rng.random_range(0..bytes.len());
        let end = (at + rng.random_range(0..4)).min(bytes.len());
        let piece = PIECES[rng.random_range(0..PIECES.len())];
        match rng.random_range(0..13) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => insert(&mut bytes, rng, piece),
            3 => drop(bytes.splice(at..end, piece.iter().copied())),
            4 => drop(bytes.drain(at..end)),
            5 => bytes.truncate(at.max(1)),
            6 | 7 => in_a_value(&mut bytes, rng, piece),
            8 | 9 => move_a_field(&mut bytes, rng),
            10 => repeat_a_part(&mut bytes, rng),
            _ => in_a_number(&mut bytes, rng),
        }
        if bytes.is_empty() {
            bytes.push(b'{');
        }
    }
    bytes
}

/// Puts a piece in, behind the end too.
fn insert(bytes: &mut Vec<u8>, rng: &mut Pcg64, piece: &[u8]) {
    let at = [rng.random_range(0..=bytes.len()), bytes.len()][usize::from(rng.random_ratio(1, 8))];
    bytes.splice(at..at, piece.iter().copied());
}

/// Replaces the whole of a value by a piece: most likely to be accepted by one and not by the other.
fn in_a_value(bytes: &mut Vec<u8>, rng: &mut Pcg64, piece: &[u8]) {
    let colons: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b':').collect();
    if colons.is_empty() {
        return;
    }
    let start = colons[rng.random_range(0..colons.len())] + 1;
    let end = (start..bytes.len()).find(|at| matches!(bytes[*at], b',' | b'}')).unwrap_or(bytes.len());
    bytes.splice(start..end, piece.iter().copied());
}

/// Changes the first number behind `value` to random digits.
fn in_a_number(bytes: &mut Vec<u8>, rng: &mut Pcg64) {
    let Some(key) = bytes.windows(8).position(|window| window == b"\"value\":") else { return };
    let end = (key + 8..bytes.len()).find(|at| matches!(bytes[*at], b',' | b'}')).unwrap_or(bytes.len());
    let whole = rng.random::<u64>() >> rng.random_range(0..64);
    let places = "0123456789".repeat(3);
    let number = match rng.random_range(0..4) {
        0 => format!("{whole}"),
        1 => format!("-{whole}"),
        2 => format!("{whole}.{}", &places[rng.random_range(0..10)..rng.random_range(10..30)]),
        _ => format!("{:?}", f64::from_bits(rng.random())),
    };
    bytes.splice(key + 8..end, number.into_bytes());
}

/// Swaps two stretches between commas: another order of keys, or a broken text.
fn move_a_field(bytes: &mut Vec<u8>, rng: &mut Pcg64) {
    let mut parts: Vec<Vec<u8>> = bytes.split(|byte| *byte == b',').map(<[u8]>::to_vec).collect();
    let (one, other) = (rng.random_range(0..parts.len()), rng.random_range(0..parts.len()));
    parts.swap(one, other);
    *bytes = parts.join(&b","[..]);
}

/// Repeats a stretch between commas: a key that stands twice.
fn repeat_a_part(bytes: &mut Vec<u8>, rng: &mut Pcg64) {
    let mut parts: Vec<Vec<u8>> = bytes.split(|byte| *byte == b',').map(<[u8]>::to_vec).collect();
    let (from, to) = (rng.random_range(0..parts.len()), rng.random_range(0..parts.len()));
    parts.insert(to, parts[from].clone());
    *bytes = parts.join(&b","[..]);
}

/// Both outcomes bit for bit: `-0.0 == 0.0`, so the value's bits are compared beside the events.
fn bits(outcome: &Result<Event<'_>, Reject>) -> Option<u64> {
    match outcome {
        Ok(Event::Reading(reading)) => reading.value.map(f64::to_bits),
        _ => None,
    }
}

#[test]
fn template_and_twin_agree_on_forty_thousand_mutants() {
    let (mut taught, mut twin) = (decoder(), decoder().without_templates());
    let (mut accepted, mut by_template) = (0, 0);
    for seed in 0..40_000 {
        let mut rng = Pcg64::seed_from_u64(seed);
        // Every so often another decoder, taught by other layouts: a mutant may be what it learns from.
        if seed % 500 == 0 {
            taught = decoder();
            let first = rng.random_range(0..LAYOUTS.len());
            for layout in 0..=rng.random_range(0..4) {
                assert!(taught.decode(&record(LAYOUTS[(first + layout) % LAYOUTS.len()].as_bytes())).is_ok());
            }
        }
        let message = mutant(&mut rng);
        let hits = taught.template_hits();
        let (fast, slow) = (taught.decode(&record(&message)), twin.decode(&record(&message)));
        let shown = String::from_utf8_lossy(&message);
        assert_eq!(fast, slow, "seed {seed}: {shown}");
        assert_eq!(bits(&fast), bits(&slow), "seed {seed}: {shown}");
        accepted += u32::from(slow.is_ok());
        by_template += u32::from(taught.template_hits() > hits);
    }
    // The test says something only while many mutants are valid and the template path takes many of them.
    assert!(accepted > 8_000, "{accepted} accepted");
    assert!(by_template > 2_000, "{by_template} by a template");
}

#[test]
fn each_layout_is_read_by_its_template_once_learnt() {
    for layout in LAYOUTS {
        let mut decoder = decoder();
        assert!(decoder.decode(&record(layout.as_bytes())).is_ok());
        assert_eq!(decoder.template_hits(), 0);
        let other = layout.replace("2026-11-23T", "2026-11-24T").replace("mining", "small_workshops");
        assert!(decoder.decode(&record(other.as_bytes())).is_ok());
        assert_eq!(decoder.template_hits(), 1, "{layout}");
    }
}

#[test]
fn layouts_that_no_longer_come_make_room_for_those_that_do() {
    let mut decoder = decoder();
    for nth in 0..8 {
        let odd = LAYOUTS[0].replace("seq", &format!("odd_{nth}"));
        assert!(decoder.decode(&record(odd.as_bytes())).is_ok());
    }
    for _ in 0..65_536 {
        assert!(decoder.decode(&record(LAYOUTS[1].as_bytes())).is_ok());
    }
    let hits = decoder.template_hits();
    assert!(decoder.decode(&record(LAYOUTS[1].as_bytes())).is_ok());
    assert!(decoder.template_hits() > hits);
}
