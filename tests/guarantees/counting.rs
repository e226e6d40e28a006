//! What is counted: conservation, exactly-once, order-insensitive, deterministic.

use std::collections::{BTreeMap, BTreeSet};

use hazstream::assess::AssessTask;
use hazstream::log::memory::Moment;
use hazstream::log::{Input, Topic, TopicPartition};
use hazstream::tally::Tally;
use proptest::prelude::*;
use serde_json::json;

use crate::RULES;
use crate::city::{City, HORIZON_MS, NOON_MS, inspection, item, reading, time_ms};

/// Something that is sent at a second after noon, and how late it is, in seconds.
#[derive(Clone, Debug)]
struct Sent {
    second: i64,
    late: i64,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Reading {
        sensor: u8,
        value: f64,
    },
    Inspection {
        major: bool,
    },
    /// The message before, once more.
    Again,
    Broken,
    ClockAhead,
    /// A stage whose predecessor never comes.
    Early,
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        6 => (0..4_u8, 0..60_u32).prop_map(|(sensor, value)| What::Reading { sensor, value: f64::from(value) + 0.5 }),
        2 => any::<bool>().prop_map(|major| What::Inspection { major }),
        2 => Just(What::Again),
        1 => Just(What::Broken),
        1 => Just(What::ClockAhead),
        1 => Just(What::Early),
    ]
}

/// A minute and a half of messages, in the order of their sending.
fn day() -> impl Strategy<Value = Vec<Sent>> {
    let sent = (0..90_i64, prop_oneof![4 => 0..3_i64, 1 => 3..200_i64], what());
    proptest::collection::vec(sent.prop_map(|(second, late, what)| Sent { second, late, what }), 1..60)
        .prop_map(|mut day| {
            day.sort_by_key(|sent| sent.second);
            day
        })
}

fn send(city: &mut City, number: usize, sent: &Sent) {
    let time_ms = (sent.second - sent.late) * 1000;
    match &sent.what {
        What::Reading { sensor, value } => {
            let sensor = format!("s-{sensor}");
            city.send(Input::Sensors, &sensor, time_ms, reading(&sensor, *value));
        }
        What::Inspection { major } => {
            let id = format!("h-{number}");
            let found = inspection(&[(&id, if *major { "major" } else { "general" })]);
            city.send(Input::Inspections, &id, time_ms, found);
        }
        What::Again => {
            if let Some(before) = city.sent.iter().rfind(|sent| sent.input == "sensors").cloned() {
                let value: serde_json::Value =
                    serde_json::from_slice(&before.value.unwrap()).unwrap_or_default();
                let key = value["sensor_id"].as_str().unwrap_or_default().to_owned();
                city.send_bytes(Input::Sensors, &key, Some(value.to_string().into_bytes()));
            }
        }
        What::Broken => {
            city.send_bytes(Input::Sensors, "?", Some(b"{\"type\":".to_vec()));
        }
        What::ClockAhead => {
            city.send(Input::Sensors, "s-9", (sent.second + 7200) * 1000, reading("s-9", 1.0));
        }
        What::Early => {
            let id = format!("o-{number}");
            city.send(Input::Items, &id, sent.second * 1000, item("order_task", &id, "feedback"));
        }
    }
}

/// Plays a day to its end, with `befall` before each message.
fn play(day: &[Sent], partitions: u32, mut befall: impl FnMut(&mut City, usize)) -> City {
    let mut city = City::new(RULES, partitions);
    for (number, sent) in day.iter().enumerate() {
        let ahead_ms = NOON_MS + sent.second * 1000 - city.clock_ms;
        city.pass(ahead_ms.max(0));
        befall(&mut city, number);
        send(&mut city, number, sent);
    }
    city.pass(60_000);
    city
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn conservation(day in day(), partitions in 1..3_u32) {
        let city = play(&day, partitions, |_, _| {});
        let reports = city.reports.lock().unwrap();
        let mut last = BTreeMap::new();
        let mut most_held = 0;
        for report in &reports.collect {
            let ledger = report.ledger;
            prop_assert_eq!(
                ledger.consumed,
                ledger.counted + ledger.duplicate + ledger.rejected + ledger.held,
                "at every commit of every partition: {:?}", report
            );
            prop_assert_eq!(ledger.difference(), 0);
            prop_assert_eq!(ledger.consumed, report.next_offset, "what was read is what was consumed");
            most_held = most_held.max(ledger.held);
            last.insert((report.input.name(), report.partition), ledger);
        }
        let is_early = |sent: &&Sent| matches!(sent.what, What::Early);
        prop_assert_eq!(most_held > 0, day.iter().any(|sent| is_early(&sent)), "a stage was held");
        for (place, expected) in city.oracle().ledgers {
            let ledger = last[&place];
            let expected = [expected.consumed, expected.counted, expected.rejected, expected.duplicate];
            let seen = [ledger.consumed, ledger.counted, ledger.rejected, ledger.duplicate];
            prop_assert_eq!(seen.map(|count| count as u64), expected, "{:?}", place);
            prop_assert_eq!(ledger.held, 0, "nothing waits for ever: {:?}", place);
        }
    }

    #[test]
    fn exactly_once(
        day in day(),
        deaths in proptest::collection::vec((0..60_usize, 1..40_u64, 0..3_usize), 0..8),
        partitions in 1..3_u32,
    ) {
        let broken = play(&day, partitions, |city, number| {
            for (_, calls, moment) in deaths.iter().filter(|(at, _, _)| *at == number) {
                city.life(0).die_at(*calls, [Moment::Before, Moment::Between, Moment::After][*moment]);
            }
        });
        let oracle = broken.oracle();
        for window in &broken.plan.assess.windows.windows {
            let as_of = broken.read(Topic::Windows).iter().filter(|r| r["window"] == *window.name)
                .map(|record| time_ms(&record["as_of"])).max().unwrap_or(0);
            for (region, sector) in oracle.cells() {
                let record = broken.window(&region, &sector, &window.name);
                let seen: BTreeMap<String, u64> = record["counts"].as_object().into_iter().flatten()
                    .map(|(measure, count)| (measure.clone(), count.as_u64().unwrap()))
                    .filter(|(measure, count)| *count > 0 && measure != "hazards_found").collect();
                let counts = [as_of, as_of - window.slide_ms]
                    .map(|as_of| oracle.counts(&region, &sector, window.size_ms, as_of));
                prop_assert!(counts.contains(&seen), "{} {} {}: {:?}, not {:?}", region, sector, window.name, seen, counts);
            }
        }
        // Every transition once, and what was raised is what would have been raised if nothing had ever happened.
        let whole = play(&day, partitions, |_, _| {});
        prop_assert_eq!(raised(&broken), raised(&whole));
        let crossed = oracle.crossings(("330604", "all"), "readings", (60_000, 10_000), 3);
        prop_assert_eq!(&told(&broken, "busy", &crossed), &crossed);
    }

    #[test]
    fn order_insensitive(
        seconds in proptest::collection::vec((0..200_i64, 0..6_u32), 1..40),
        shuffled in proptest::collection::vec(any::<proptest::sample::Index>(), 40),
        turns in proptest::collection::vec(0..3_000_i64, 40),
    ) {
        let mut arriving: Vec<(i64, u32)> = Vec::new();
        for (event, index) in seconds.iter().zip(&shuffled) {
            let at = index.index(arriving.len() + 1);
            arriving.insert(at, *event);
        }
        let mut city = City::new(RULES, 3);
        // All of them have happened already, and each is inside every window's horizon.
        city.pass(200_000);
        for ((second, sensor), turn_ms) in arriving.iter().zip(&turns) {
            let sensor = format!("s-{sensor}");
            city.send(Input::Sensors, &sensor, second * 1000, reading(&sensor, 1.0));
            city.pass(*turn_ms);
        }
        prop_assert!(city.clock_ms - NOON_MS < HORIZON_MS);
        city.pass(400_000);
        let oracle = city.oracle();
        let crossed = oracle.crossings(("330604", "all"), "readings", (60_000, 10_000), 3);
        let told = told(&city, "busy", &crossed);
        prop_assert_eq!(&crossed - &told, BTreeSet::new(), "crossed and not told");
        for window in [("1m", 60_000), ("5m", 300_000)] {
            let closes = city.read(Topic::WindowCloses);
            let of_cell = closes.iter().filter(|r| r["region"] == "330604" && r["sector"] == "all" && r["window"] == window.0);
            // The newest word on each window end is final, whatever came before.
            let last: BTreeMap<i64, u64> =
                of_cell.map(|r| (time_ms(&r["as_of"]), r["counts"]["readings"].as_u64().unwrap())).collect();
            for (as_of, count) in last {
                let expected = oracle.counts("330604", "all", window.1, as_of).get("readings").copied().unwrap_or(0);
                prop_assert_eq!(count, expected, "{} as of {}", window.0, as_of);
            }
        }
    }

    #[test]
    fn deterministic(day in day(), death in (0..60_usize, 1..40_u64)) {
        let befall = |city: &mut City, number: usize| {
            if number == death.0 {
                city.life(0).die_at(death.1, Moment::Between);
            }
        };
        let (one, two) = (play(&day, 2, befall), play(&day, 2, befall));
        for topic in Topic::ALL {
            let bytes = |city: &City| -> Vec<_> {
                city.records(topic).into_iter().map(|record| (record.offset, record.payload.key.clone(), record.payload.value.clone())).collect()
            };
            prop_assert_eq!(bytes(&one), bytes(&two), "{:?}", topic);
        }
        // The stored tallies alone, read by tasks that nothing befell, say the same again.
        for partition in 0..2 {
            let mut task = AssessTask::new(partition, one.plan.taxonomy.clone(), one.plan.assess.clone());
            let (mut out, at) = (Vec::new(), TopicPartition { topic: Topic::Tallies, partition });
            for record in one.broker.committed_records(at, 0) {
                let tally = Tally::decode(record.payload.value.as_deref().unwrap()).unwrap();
                task.apply(&tally, record.offset, &mut out);
            }
            let mut again: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
            for output in out.into_iter().filter(|output| output.topic == Topic::AlertEvents) {
                again.entry(output.key).or_default().push(output.value.unwrap());
            }
            for (id, events) in again {
                let stored: Vec<Vec<u8>> = one.records(Topic::AlertEvents).into_iter()
                    .filter(|record| record.payload.key.as_deref() == Some(&id))
                    .map(|record| record.payload.value.clone().unwrap()).collect();
                prop_assert!(events.starts_with(&stored), "alert {}", String::from_utf8_lossy(&id));
            }
        }
    }
}

/// Which alerts about single subjects fired, and since when; every alert's events are numbered without a gap.
fn raised(city: &City) -> BTreeSet<String> {
    let mut raised = BTreeSet::new();
    let mut seqs: BTreeMap<String, u64> = BTreeMap::new();
    for event in city.read(Topic::AlertEvents) {
        let seq = seqs.entry(event["id"].to_string()).or_default();
        *seq += 1;
        assert_eq!(event["seq"], json!(seq), "no event is missing, none is there twice");
        let single = ["found", "red", "early"].iter().any(|rule| event["rule"] == **rule);
        if single && event["status"] == "firing" {
            raised.insert(format!("{} {} {}", event["rule"], event["subject"], event["starts_at"]));
        }
    }
    raised
}

/// Which of these window ends alerts of this rule were on for.
fn told(city: &City, rule: &str, ends: &BTreeSet<i64>) -> BTreeSet<i64> {
    let mut episodes: Vec<(i64, i64)> = Vec::new();
    let mut since = None;
    for event in city.read(Topic::AlertEvents).iter().filter(|event| event["rule"] == rule) {
        let (step, starts_ms) = (&event["transition"], time_ms(&event["starts_at"]));
        if !step["until"].is_null() {
            episodes.push((time_ms(&step["at"]), time_ms(&step["until"])));
        }
        if event["status"] == "resolved" {
            episodes.push((
                since.take().map_or(starts_ms, |at: i64| at.min(starts_ms)),
                time_ms(&event["ends_at"]),
            ));
        } else {
            since = Some(since.map_or(starts_ms, |at: i64| at.min(starts_ms)));
        }
    }
    episodes.extend(since.map(|since| (since, i64::MAX)));
    ends.iter().copied().filter(|end| episodes.iter().any(|(from, to)| from <= end && end < to)).collect()
}
