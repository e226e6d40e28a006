//! The assess task against a naive oracle that recounts every event for every window end.

mod switch;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use super::*;
use crate::log::Topic;
use crate::tally::{Count, SliceCounts};
use crate::taxonomy::Level;
use crate::warn::{AlertEvent, Status};

const DISORDER_MS: i64 = 20_000;
const MEASURE: &str = "hazards_found_major";

/// An event of the test: when it happened, and in which partition and batch it arrives.
#[derive(Clone, Debug)]
struct Happening {
    second: i64,
    partition: u32,
}

fn window(name: &str, size_s: i64, slide_s: i64) -> WindowSpec {
    WindowSpec {
        name: name.into(),
        slide_name: format!("{slide_s}s"),
        size_ms: size_s * 1000,
        slide_ms: slide_s * 1000,
        horizon_ms: size_s * 1000,
    }
}

/// Those that the shipped rules name.
pub(super) fn shipped_windows() -> Windows {
    Windows::new(vec![window("10m", 600, 10), window("1h", 3_600, 60), window("24h", 86_400, 300)])
}

fn settings(threshold: u64, clear: u64, emit: Emit) -> Settings {
    let rule = Rule {
        name: "cluster".into(),
        hash: "sha256:0".into(),
        level: Some(Level::Orange),
        for_ms: 0,
        condition: Condition::Count {
            measure: MEASURE.into(),
            window: 0,
            threshold,
            clear,
            cells: CellSet { place: Place::County, sector: Some("all".into()) },
        },
        labels: BTreeMap::new(),
        summary: "{value} in {place}".into(),
        summary_zh: "{place}{value}".into(),
    };
    Settings {
        windows: Windows::new(vec![window("1m", 60, 10), window("4m", 240, 60)]),
        rules: vec![rule],
        emit,
        emit_every_ms: 0,
        coverage_min: 0.95,
        commands_topic: "hazard.commands".into(),
        zone: TimeZone::UTC,
    }
}

/// The tallies that batches of events make, as collect would: one partition a tally, watermark behind its newest event.
fn tallies(batches: &[(u32, Vec<Happening>)]) -> Vec<Tally> {
    let mut newest = [i64::MIN; 2];
    let mut clock = 0;
    let mut tallies = Vec::new();
    for (partition, events) in batches {
        let newest = &mut newest[*partition as usize];
        *newest = events.iter().map(|event| event.second * 1000).chain([*newest]).max().unwrap_or(0);
        clock += 100;
        let slices = events.iter().fold(BTreeMap::new(), |mut slices, event| {
            *slices.entry(event.second.div_euclid(10) * 10_000).or_insert(0) += 1;
            slices
        });
        let frontier = EventTime::from_ms(*newest);
        tallies.push(Tally {
            input: Input::Inspections,
            partition: *partition,
            partitions: 2,
            offsets: (0, 1),
            clock: EventTime::from_ms(clock),
            frontier,
            watermark: frontier.plus_ms(-DISORDER_MS),
            idle: false,
            cells: vec![Cell { region: "330604".into(), sector: "all".into() }],
            measures: vec![MEASURE.into()],
            counts: slices
                .into_iter()
                .map(|(ms, count)| SliceCounts {
                    slice: EventTime::from_ms(ms),
                    counts: vec![Count { cell: 0, measure: 0, count }],
                })
                .collect(),
            coverage: Vec::new(),
            signals: Vec::new(),
        });
    }
    tallies
}

fn task(settings: &Arc<Settings>) -> AssessTask {
    static TAXONOMY: LazyLock<Arc<Taxonomy>> = LazyLock::new(|| Arc::new(Taxonomy::shipped()));
    AssessTask::new(0, Arc::clone(&TAXONOMY), Arc::clone(settings))
}

/// Runs the tallies; after tally `crash` (if any) the task is dropped and restored from all that it had flushed: a log is
/// compacted some time later, and until then holds every older record of a key.
fn run(settings: Settings, tallies: &[Tally], crash: Option<usize>) -> Vec<Output> {
    let entries: Vec<Entry> = tallies.iter().map(|tally| Entry::Tally(Box::new(tally.clone()))).collect();
    run_log(settings, &entries, crash)
}

/// The same of a log that changes the rules, too.
fn run_log(settings: Settings, entries: &[Entry], crash: Option<usize>) -> Vec<Output> {
    let settings = Arc::new(settings);
    let mut task = task(&settings);
    let mut state: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
    let mut out = Vec::new();
    for (offset, entry) in entries.iter().enumerate() {
        match entry {
            Entry::Tally(tally) => task.apply(tally, offset as i64, &mut out),
            Entry::Rules(announced) => task.switch(announced, offset as i64, &mut out),
        }
        task.flush(&mut out);
        let flushed = out.iter().filter(|output| output.topic == Topic::State);
        state.extend(flushed.map(|output| (output.key.clone(), output.value.clone())));
        out.retain(|output| output.topic != Topic::State);
        if crash == Some(offset) {
            task = self::task(&settings);
            for (key, value) in &state {
                let key = std::str::from_utf8(key).unwrap();
                let mut parts = key.splitn(3, '|').skip(1);
                task.restore(parts.next().unwrap(), parts.next().unwrap(), value.as_deref()).unwrap();
            }
            task.restored();
            assert_eq!(task.reflected(), Some(offset as i64 + 1));
        }
    }
    out
}

fn alert_events(out: &[Output]) -> Vec<AlertEvent> {
    let events = out.iter().filter(|output| output.topic == Topic::AlertEvents);
    events.map(|output| serde_json::from_slice(output.value.as_ref().unwrap()).unwrap()).collect()
}

/// The window ends, in seconds, at which the rule held, as the alert events tell it.
fn told(events: &[AlertEvent], as_of_s: i64) -> BTreeSet<i64> {
    let mut ends = BTreeSet::new();
    let mut since: Option<i64> = None;
    for event in events {
        let starts = event.alert.starts_at.ms / 1000;
        let at = event.transition.at.ms / 1000;
        match event.transition.to {
            Status::Resolved => {
                ends.extend((since.unwrap_or(starts).min(starts)..at).step_by(10));
                since = None;
            }
            // An earlier crossing of an alert that fires already stands in the transition.
            _ if event.transition.from == Some(Status::Firing) => match event.transition.until {
                Some(until) => ends.extend((at..until.ms / 1000).step_by(10)),
                None => since = since.map(|since| since.min(starts)),
            },
            _ => since = Some(starts),
        }
    }
    if let Some(since) = since {
        ends.extend((since..=as_of_s).step_by(10));
    }
    ends
}

fn naive_count(seconds: &[i64], end: i64, size: i64) -> u64 {
    seconds.iter().filter(|&&second| (end - size..end).contains(&second)).count() as u64
}

fn batches() -> impl Strategy<Value = Vec<(u32, Vec<Happening>)>> {
    let event = (0i64..900, -19i64..=0).prop_map(|(second, jitter)| (second, jitter));
    (proptest::collection::vec((event, 0u32..2), 1..60), 1usize..6).prop_map(|(mut events, size)| {
        // In the order of arrival: sorted by what the partition's clock saw, jittered inside the allowed disorder.
        events.sort_by_key(|((second, _), _)| *second);
        let happen = |((second, jitter), partition): ((i64, i64), u32)| Happening {
            second: (second + jitter).max(0),
            partition,
        };
        let events: Vec<Happening> = events.into_iter().map(happen).collect();
        let mut batches = vec![(0, Vec::new()), (1, Vec::new())];
        for chunk in events.chunks(size) {
            for partition in 0..2 {
                let own: Vec<_> =
                    chunk.iter().filter(|event| event.partition == partition).cloned().collect();
                if !own.is_empty() {
                    batches.push((partition, own));
                }
            }
        }
        // In the end both partitions go far ahead, so that everything that may fall back has fallen.
        batches.extend([0, 1].map(|partition| (partition, vec![Happening { second: 3000, partition }])));
        batches
    })
}

fn seconds(batches: &[(u32, Vec<Happening>)]) -> Vec<i64> {
    batches.iter().flat_map(|batch| &batch.1).map(|event| event.second).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_last_record_of_each_window_counts_what_the_oracle_counts(batches in batches()) {
        let out = run(settings(3, 2, Emit::Latest), &tallies(&batches), None);
        let seconds = seconds(&batches);
        for (name, size, slide) in [("1m", 60, 10), ("4m", 240, 60)] {
            let key = format!("330604|all|{name}").into_bytes();
            let last = out.iter().rfind(|output| output.topic == Topic::Windows && output.key == key);
            let value: serde_json::Value = serde_json::from_slice(last.unwrap().value.as_ref().unwrap()).unwrap();
            let newest = seconds.iter().max().unwrap();
            let as_of = (newest.div_euclid(slide) + 1) * slide;
            let count = naive_count(&seconds, as_of, size);
            prop_assert_eq!(value["counts"][MEASURE].as_u64(), Some(count), "{} of {:?}", name, seconds);
        }
    }

    #[test]
    fn the_window_ends_that_crossed_are_the_oracles_whatever_the_order(batches in batches(), threshold in 1u64..5) {
        let out = run(settings(threshold, threshold, Emit::Latest), &tallies(&batches), None);
        let seconds = seconds(&batches);
        let as_of = (seconds.iter().max().unwrap() / 10 + 1) * 10;
        let expected: BTreeSet<i64> =
            (0..=as_of).step_by(10).filter(|&end| naive_count(&seconds, end, 60) >= threshold).collect();
        prop_assert_eq!(told(&alert_events(&out), as_of), expected);
    }

    #[test]
    fn a_task_restored_anywhere_goes_on_as_if_never_stopped(
        batches in batches(), threshold in 1u64..5, crash in 0usize..60,
    ) {
        let tallies = tallies(&batches);
        let crash = crash.min(tallies.len() - 1);
        let whole = run(settings(threshold, 1, Emit::Both), &tallies, None);
        let broken = run(settings(threshold, 1, Emit::Both), &tallies, Some(crash));
        prop_assert_eq!(alert_events(&whole), alert_events(&broken));
        let closes = |out: &[Output]| -> Vec<Output> {
            out.iter().filter(|output| output.topic == Topic::WindowCloses).cloned().collect()
        };
        prop_assert_eq!(closes(&whole), closes(&broken));
        let newest = |out: &[Output]| -> BTreeMap<Vec<u8>, Output> {
            out.iter().filter(|o| o.topic == Topic::Windows).map(|o| (o.key.clone(), o.clone())).collect()
        };
        prop_assert_eq!(newest(&whole), newest(&broken));
    }
}

fn at(partition: u32, seconds: &[i64]) -> (u32, Vec<Happening>) {
    (partition, seconds.iter().map(|&second| Happening { second, partition }).collect())
}

fn steps(events: &[AlertEvent]) -> Vec<String> {
    let step = |event: &AlertEvent| {
        let reason = serde_json::to_value(event.transition.reason).unwrap();
        format!(
            "{}@{} {}",
            event.transition.to.code(),
            event.transition.at.ms / 1000,
            reason.as_str().unwrap()
        )
    };
    events.iter().map(step).collect()
}

#[test]
fn a_crossing_fires_at_once_and_falls_back_only_when_the_event_clock_has_passed() {
    let early = [at(0, &[]), at(1, &[]), at(0, &[5, 6, 7])];
    let out = run(settings(3, 2, Emit::Latest), &tallies(&early), None);
    assert_eq!(steps(&alert_events(&out)), ["firing@10 crossed"]);
    // One partition has passed the fall, the other holds the event clock.
    let held = [&early[..], &[at(0, &[300])]].concat();
    let out = run(settings(3, 2, Emit::Latest), &tallies(&held), None);
    assert_eq!(steps(&alert_events(&out)), ["firing@10 crossed"]);
    let passed = [&held[..], &[at(1, &[300])]].concat();
    let out = run(settings(3, 2, Emit::Latest), &tallies(&passed), None);
    assert_eq!(steps(&alert_events(&out)), ["firing@10 crossed", "resolved@70 cleared"]);
}

#[test]
fn a_late_event_for_a_slice_already_subtracted_is_judged_but_never_subtracted_twice() {
    // The events at 5 s have left the one-minute window when one at 35 s arrives, late by less than the horizon.
    let batches = [at(0, &[5, 6, 115]), at(1, &[115]), at(0, &[35]), at(0, &[150]), at(1, &[150])];
    let out = run(settings(3, 2, Emit::Latest), &tallies(&batches), None);
    assert_eq!(steps(&alert_events(&out)), ["firing@40 late", "resolved@70 late", "firing@160 crossed"]);
    let last = out.iter().rfind(|o| o.topic == Topic::Windows && o.key == b"330604|all|1m").unwrap();
    let value: serde_json::Value = serde_json::from_slice(last.value.as_ref().unwrap()).unwrap();
    assert_eq!(value["counts"][MEASURE], 4, "115, 115, 150, 150 lie in [100, 160)");
}

#[test]
fn an_event_beyond_a_short_windows_horizon_still_counts_in_the_longer_one() {
    let batches = [at(0, &[5, 200]), at(1, &[200]), at(0, &[7, 8])];
    let out = run(settings(3, 2, Emit::Latest), &tallies(&batches), None);
    assert_eq!(steps(&alert_events(&out)), [""; 0], "late by more than the minute's horizon");
    let last = out.iter().rfind(|o| o.topic == Topic::Windows && o.key == b"330604|all|4m").unwrap();
    let value: serde_json::Value = serde_json::from_slice(last.value.as_ref().unwrap()).unwrap();
    assert_eq!(value["counts"][MEASURE], 5);
}

#[test]
fn hysteresis_keeps_an_alert_until_the_count_is_below_clear() {
    let batches = [at(0, &[]), at(1, &[]), at(0, &[5, 25, 26]), at(0, &[300]), at(1, &[300])];
    let out = run(settings(3, 3, Emit::Latest), &tallies(&batches), None);
    assert_eq!(steps(&alert_events(&out)), ["firing@30 crossed", "resolved@70 cleared"]);
    let out = run(settings(3, 1, Emit::Latest), &tallies(&batches), None);
    assert_eq!(steps(&alert_events(&out)), ["firing@30 crossed", "resolved@90 cleared"]);
}
