//! Whether what came out is what the oracle says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hazstream::assess::{AssessTask, Condition, EventKind, Rule};
use hazstream::log::memory::{Broker, Stored};
use hazstream::log::{Topic, TopicPartition};
use hazstream::tally::Tally;
use serde_json::Value;

use super::schedule::{GROUP, Run};
use super::silence;
use crate::oracle::{Ledger, Outcome};

/// Every way in which the run differs from the oracle; empty is right.
pub fn differences(run: &Run, oracle: &Outcome) -> Vec<String> {
    let mut found = Vec::new();
    conservation(run, oracle, &mut found);
    rejects(run, oracle, &mut found);
    latest_windows(run, oracle, &mut found);
    closed_windows(run, oracle, &mut found);
    alert_chains(run, &mut found);
    count_alerts(run, oracle, &mut found);
    major_hazards(run, oracle, &mut found);
    sensor_levels(run, oracle, &mut found);
    silence::differences(run, oracle, &mut found);
    replay(run, &mut found);
    found
}

/// consumed = counted + duplicate + rejected + held at every commit, and in the end what the oracle says.
fn conservation(run: &Run, oracle: &Outcome, found: &mut Vec<String>) {
    let mut last = BTreeMap::new();
    for report in &run.ledgers {
        let place = (report.input.name(), report.partition);
        if report.ledger.difference() != 0 {
            found.push(format!("{place:?}: {:?} does not balance", report.ledger));
        }
        if report.ledger.consumed != report.next_offset {
            let (consumed, next) = (report.ledger.consumed, report.next_offset);
            found.push(format!("{place:?}: {consumed} consumed, but the next offset is {next}"));
        }
        last.insert(place, report.ledger);
    }
    for (place, expected) in &oracle.ledgers {
        let ledger = last.get(place).copied().unwrap_or_default();
        let count = i64::unsigned_abs;
        let seen = Ledger {
            consumed: count(ledger.consumed),
            counted: count(ledger.counted),
            duplicate: count(ledger.duplicate),
            rejected: count(ledger.rejected),
        };
        if seen != *expected {
            found.push(format!("{place:?}: {seen:?}, the oracle says {expected:?}"));
        }
    }
}

/// One dead letter for each message that the oracle rejects, and no other.
fn rejects(run: &Run, oracle: &Outcome, found: &mut Vec<String>) {
    let mut letters = BTreeMap::new();
    for record in records(&run.broker, Topic::Rejects) {
        let header = |name: &str| {
            let of_name = record.payload.headers.iter().find(|(own, _)| own == name);
            of_name.map_or(String::new(), |(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let topic = header("source_topic");
        // Which alerts are there when a command comes hangs on the workers: tests/simulation/answers.rs judges that.
        if header("detail").starts_with("no alert has the id") {
            continue;
        }
        let place = (topic, header("source_partition"), header("source_offset"));
        *letters.entry(place).or_insert(0) += 1;
    }
    let expected: BTreeMap<_, i32> = oracle
        .rejects
        .keys()
        .map(|(input, partition, offset)| {
            ((format!("hazard.{input}"), partition.to_string(), offset.to_string()), 1)
        })
        .collect();
    if letters != expected {
        found.push(format!("dead letters {letters:?}, the oracle rejects {:?}", oracle.rejects));
    }
}

/// A record of hazard.windows or hazard.window-closes.
struct WindowRecord {
    as_of_ms: i64,
    counts: BTreeMap<String, u64>,
}

/// By cell and window name, in the order of the log.
type WindowRecords = BTreeMap<(String, String, String), Vec<WindowRecord>>;

fn window_records(run: &Run, topic: Topic) -> WindowRecords {
    let mut by_key = WindowRecords::new();
    for record in records(&run.broker, topic) {
        let value = json(&record);
        let text = |field: &str| value[field].as_str().expect(field).to_owned();
        let counts = value["counts"].as_object().expect("counts");
        let counts = counts
            .iter()
            .map(|(measure, count)| (measure.clone(), count.as_u64().expect("a count")))
            .filter(|(measure, count)| *count > 0 && is_shipped(measure))
            .collect();
        by_key
            .entry((text("region"), text("sector"), text("window")))
            .or_default()
            .push(WindowRecord { as_of_ms: time_ms(&value["as_of"]), counts });
    }
    by_key
}

/// The ten measures of the contract.
fn is_shipped(measure: &str) -> bool {
    let prefixes = ["inspections", "hazards_found_", "hazards_closed_", "readings", "alarms_"];
    prefixes.iter().any(|prefix| measure.starts_with(prefix))
}

/// The newest record of each cell holds what the oracle counts, in every cell that it counts for.
fn latest_windows(run: &Run, oracle: &Outcome, found: &mut Vec<String>) {
    let records = window_records(run, Topic::Windows);
    for window in &run.plan.assess.windows.windows {
        let newest = records.iter().filter(|((_, _, name), _)| *name == window.name);
        let last_ms = newest.flat_map(|(_, records)| records).map(|record| record.as_of_ms).max();
        let Some(last_ms) = last_ms else {
            found.push(format!("hazard.windows holds nothing of {}", window.name));
            continue;
        };
        for (region, sector) in oracle.cells() {
            let key = (region.clone(), sector.clone(), window.name.clone());
            let record = records.get(&key).and_then(|records| records.last());
            // Tasks of other partitions may have come one slide less far.
            let candidates = [last_ms, last_ms - window.slide_ms];
            let expected = candidates.map(|as_of| oracle.counts(&region, &sector, window.size_ms, as_of));
            let counts = record.map(|record| record.counts.clone()).unwrap_or_default();
            if !expected.contains(&counts) {
                found.push(format!("{key:?} ends with {counts:?}, the oracle says {:?}", expected[0]));
            }
        }
    }
}

/// The newest record of each cell and window end holds what the oracle counts, and none is missing.
fn closed_windows(run: &Run, oracle: &Outcome, found: &mut Vec<String>) {
    if !run.plan.assess.emit.closes() {
        return;
    }
    let records = window_records(run, Topic::WindowCloses);
    for window in &run.plan.assess.windows.windows {
        let of_window: Vec<_> = records.iter().filter(|((_, _, name), _)| *name == window.name).collect();
        let ends: BTreeSet<i64> =
            of_window.iter().flat_map(|(_, records)| records.iter().map(|record| record.as_of_ms)).collect();
        let (Some(&first), Some(&last)) = (ends.first(), ends.last()) else {
            found.push(format!("no end of {} was ever closed", window.name));
            continue;
        };
        for (region, sector) in oracle.cells() {
            let key = (region.clone(), sector.clone(), window.name.clone());
            let mut closed: BTreeMap<i64, &BTreeMap<String, u64>> = BTreeMap::new();
            for record in records.get(&key).into_iter().flatten() {
                closed.insert(record.as_of_ms, &record.counts);
            }
            // Tasks of other partitions may have come one slide less far.
            let mut as_of = first;
            while as_of < last {
                let expected = oracle.counts(&region, &sector, window.size_ms, as_of);
                let counts = closed.get(&as_of).map(|counts| (*counts).clone()).unwrap_or_default();
                if counts != expected {
                    found
                        .push(format!("{key:?} closed at {as_of}: {counts:?}, the oracle says {expected:?}"));
                }
                as_of += window.slide_ms;
            }
        }
    }
}

/// One alert's events in order: numbered without a gap, each beginning where the last one ended; and hazard.alerts holds
/// the last of them.
fn alert_chains(run: &Run, found: &mut Vec<String>) {
    let mut newest: BTreeMap<String, Value> = BTreeMap::new();
    for record in records(&run.broker, Topic::Alerts) {
        newest.insert(key(&record), json(&record));
    }
    for (id, events) in alert_events(run) {
        let mut status = Value::Null;
        for (event, seq) in events.iter().zip(1..) {
            if event["seq"].as_u64() != Some(seq) || event["transition"]["from"] != status {
                found.push(format!("alert {id}: event {seq} is {event}, after {status}"));
            }
            status = event["transition"]["to"].clone();
        }
        let last = newest.get(&id).map_or(&Value::Null, |alert| &alert["status"]);
        if *last != status {
            found.push(format!("alert {id} is {last} in hazard.alerts, its last event says {status}"));
        }
    }
}

pub fn alert_events(run: &Run) -> BTreeMap<String, Vec<Value>> {
    let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for record in records(&run.broker, Topic::AlertEvents) {
        events.entry(key(&record)).or_default().push(json(&record));
    }
    events
}

/// A count rule fired where its window's count first crossed, for each time it did, and never where it does not.
fn count_alerts(run: &Run, oracle: &Outcome, found: &mut Vec<String>) {
    let events = alert_events(run);
    for rule in &run.plan.assess.rules {
        let Condition::Count { measure, window, threshold, cells, .. } = &rule.condition else { continue };
        if rule.for_ms > 0 {
            continue;
        }
        let window = &run.plan.assess.windows.windows[*window];
        let sizes = (window.size_ms, window.slide_ms);
        for (region, sector) in oracle.cells() {
            if !cells.contains(&region, &sector) {
                continue;
            }
            let crossed = oracle.crossings((&region, &sector), measure, sizes, *threshold);
            let episodes = episodes(&events, rule, &region, &sector);
            let what = format!("{} in {region} {sector}", rule.name);
            for (from, _) in &episodes {
                if !crossed.contains(from) {
                    found.push(format!("{what} fired as of {from}, where nothing crosses: {crossed:?}"));
                }
            }
            for end in &crossed {
                if !episodes.iter().any(|(from, to)| from <= end && end < to) {
                    found.push(format!("{what} was not firing as of {end}, where it crosses: {episodes:?}"));
                }
            }
        }
    }
}

/// From when to when alerts of this rule in this cell were on, by their events.
fn episodes(
    events: &BTreeMap<String, Vec<Value>>,
    rule: &Rule,
    region: &str,
    sector: &str,
) -> BTreeSet<(i64, i64)> {
    let mut episodes = BTreeSet::new();
    for events in events.values() {
        let is_ours = |event: &&Value| {
            event["rule"] == *rule.name && event["region"] == *region && event["sector"] == *sector
        };
        let mut since = None;
        for event in events.iter().filter(is_ours) {
            let from_ms = time_ms(&event["starts_at"]);
            // An earlier episode that only a late event brought to light, told while another one is under way.
            if !event["transition"]["until"].is_null() {
                episodes
                    .insert((time_ms(&event["transition"]["at"]), time_ms(&event["transition"]["until"])));
            }
            if event["transition"]["reason"] == "command" && event["status"] == "resolved" {
                // An officer's word: the count may stay up, and nobody need hear of it.
                episodes.insert((since.take().unwrap_or(from_ms).min(from_ms), i64::MAX));
            } else if event["status"] == "resolved" {
                episodes.insert((since.take().unwrap_or(from_ms).min(from_ms), time_ms(&event["ends_at"])));
            } else {
                since = Some(since.unwrap_or(from_ms).min(from_ms));
            }
        }
        episodes.extend(since.map(|since| (since, i64::MAX)));
    }
    episodes
}

/// A rule on single major hazards fired for each one that was found.
fn major_hazards(run: &Run, oracle: &Outcome, found: &mut Vec<String>) {
    let is_rule = |rule: &&Rule| matches!(rule.condition, Condition::Event { on: EventKind::Stage, .. });
    for rule in run.plan.assess.rules.iter().filter(is_rule) {
        let fired: BTreeSet<String> = fired(run, rule).into_iter().map(|(id, _)| id).collect();
        if fired != oracle.major_hazards {
            found.push(format!("{} fired for {fired:?}, major are {:?}", rule.name, oracle.major_hazards));
        }
    }
}

/// A rule on sensors at red fired for each time that one newly reached it.
fn sensor_levels(run: &Run, oracle: &Outcome, found: &mut Vec<String>) {
    let reached = oracle.onsets.iter().filter(|(_, level, _)| level == "red");
    let expected: BTreeSet<(String, i64)> = reached.map(|(id, _, at_ms)| (id.clone(), *at_ms)).collect();
    let is_rule = |rule: &&Rule| matches!(rule.condition, Condition::SensorLevel { .. });
    for rule in run.plan.assess.rules.iter().filter(is_rule) {
        let fired = fired(run, rule);
        if fired != expected {
            found.push(format!("{} fired for {fired:?}, red were {expected:?}", rule.name));
        }
    }
}

/// For which subjects alerts of this rule fired, and since when.
pub fn fired(run: &Run, rule: &Rule) -> BTreeSet<(String, i64)> {
    let mut fired = BTreeSet::new();
    for event in alert_events(run).values().flatten() {
        if event["rule"] == *rule.name && event["status"] == "firing" {
            let id = event["subject"]["id"].as_str().unwrap_or_default();
            fired.insert((id.to_owned(), time_ms(&event["starts_at"])));
        }
    }
    fired
}

/// The stored tallies, read by tasks that nothing ever befell, give the same alert events, byte for byte.
fn replay(run: &Run, found: &mut Vec<String>) {
    let mut replayed: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for partition in 0..run.plan.tallies_partitions {
        let at = TopicPartition { topic: Topic::Tallies, partition };
        let mut task =
            AssessTask::new(partition, Arc::clone(&run.plan.taxonomy), Arc::clone(&run.plan.assess));
        let mut out = Vec::new();
        let read = run.broker.committed_offset(GROUP, at).unwrap_or(0);
        for record in run.broker.committed_records(at, 0) {
            if record.offset >= read {
                break;
            }
            let tally = Tally::decode(record.payload.value.as_deref().expect("a tally")).expect("a tally");
            task.apply(&tally, record.offset, &mut out);
        }
        for output in out.into_iter().filter(|output| output.topic == Topic::AlertEvents) {
            let id = String::from_utf8(output.key).expect("an alert's id");
            replayed.entry(id).or_default().push(output.value.expect("no tombstones there"));
        }
    }
    let mut stored: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for record in records(&run.broker, Topic::AlertEvents) {
        stored.entry(key(&record)).or_default().push(record.payload.value.clone().unwrap_or_default());
    }
    for (id, events) in &replayed {
        let own = stored.remove(id).unwrap_or_default();
        if own != *events {
            found.push(format!(
                "alert {id}: {} events stored, {} replayed, or others",
                own.len(),
                events.len()
            ));
        }
    }
    found.extend(stored.keys().map(|id| format!("alert {id} is not in the replay")));
}

/// Every committed record of a topic, partition by partition.
pub fn records(broker: &Broker, topic: Topic) -> Vec<Stored> {
    let mut records = Vec::new();
    for partition in 0.. {
        let at = TopicPartition { topic, partition };
        if broker.offsets(at).is_err() {
            return records;
        }
        records.extend(broker.committed_records(at, 0));
    }
    records
}

pub fn key(record: &Stored) -> String {
    String::from_utf8_lossy(record.payload.key.as_deref().unwrap_or_default()).into_owned()
}

pub fn json(record: &Stored) -> Value {
    record.payload.value.as_deref().map_or(Value::Null, |bytes| serde_json::from_slice(bytes).expect("JSON"))
}

pub fn time_ms(value: &Value) -> i64 {
    let time: jiff::Timestamp = value.as_str().expect("a time").parse().expect("RFC 3339");
    time.as_millisecond()
}
