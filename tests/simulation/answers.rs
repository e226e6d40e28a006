//! Whether items, records, gateways, counties, delays and commands came out as the oracle says.

use std::collections::{BTreeMap, BTreeSet};

use hazstream::assess::{Condition, EventKind, Silent};
use hazstream::log::Topic;
use serde_json::Value;

use super::outcome::{alert_events, fired, json, key, records, time_ms};
use super::plan::SUSTAINED_MS;
use super::schedule::Run;
use crate::oracle::Outcome;

/// Every further way in which the run differs from the oracle.
pub fn differences(run: &Run, oracle: &Outcome, found: &mut Vec<String>) {
    other_counts(run, oracle, found);
    stages(run, oracle, found);
    silent_sources(run, oracle, found);
    sustained(run, oracle, found);
    commands(run, found);
    expiries(run, found);
}

/// The measures of items and records, in the newest record of each cell.
fn other_counts(run: &Run, oracle: &Outcome, found: &mut Vec<String>) {
    let known = [
        "item_stages",
        "orders_issued",
        "hotspots_detected",
        "accidents",
        "enforcement_cases",
        "enforcement_cases_remote",
    ];
    let mut newest = BTreeMap::new();
    let mut last_ms: BTreeMap<String, i64> = BTreeMap::new();
    for record in records(&run.broker, Topic::Windows) {
        let value = json(&record);
        let window = value["window"].as_str().expect("a window").to_owned();
        let last = last_ms.entry(window).or_insert(i64::MIN);
        *last = (*last).max(time_ms(&value["as_of"]));
        newest.insert(key(&record), value);
    }
    for window in &run.plan.assess.windows.windows {
        for cell in oracle.other_cells() {
            let (region, sector) = &cell;
            let record = newest.get(&format!("{region}|{sector}|{}", window.name)).unwrap_or(&Value::Null);
            let counts = known.iter().filter_map(|name| {
                let count = record["counts"][name].as_u64().unwrap_or(0);
                (count > 0).then(|| ((*name).to_owned(), count))
            });
            let counts: BTreeMap<String, u64> = counts.collect();
            // Tasks of other partitions may have come one slide less far.
            let last_ms = last_ms.get(&window.name).copied().unwrap_or(0);
            let expected = [last_ms, last_ms - window.slide_ms]
                .map(|as_of| oracle.other_counts(&cell, window.size_ms, as_of));
            if !expected.contains(&counts) {
                found.push(format!(
                    "{region} {sector} {}: {counts:?}, the oracle says {expected:?}",
                    window.name
                ));
            }
        }
    }
}

/// Rules on stages before their predecessor, and on deadlines, fired for each of them and for no other.
fn stages(run: &Run, oracle: &Outcome, found: &mut Vec<String>) {
    for rule in &run.plan.assess.rules {
        let Condition::Event { on, kind, stages, .. } = &rule.condition else { continue };
        let expected: BTreeSet<(String, i64)> = match on {
            EventKind::Stage => continue,
            EventKind::Early => {
                let early = oracle.affairs.early.iter();
                let own = early.filter(|(own, _, stage, _)| own == kind && stages.contains(stage));
                own.map(|(_, id, _, at_ms)| (id.clone(), *at_ms)).collect()
            }
            EventKind::Overdue => {
                let own = oracle.affairs.deadlines.iter().filter(|(own, _, _)| own == kind);
                // Those that lie within the minutes that were played.
                let passed = own.filter(|(_, _, due_ms)| *due_ms < run.end_ms - 15_000);
                passed.map(|(_, id, due_ms)| (id.clone(), *due_ms)).collect()
            }
        };
        let fired = fired(run, rule);
        if fired != expected {
            found.push(format!("{} fired for {fired:?}, the oracle says {expected:?}", rule.name));
        }
    }
}

/// In the end, in a city whose sensors are expected every few seconds, all gateways and counties with sensors are silent;
/// in any other none ever was.
fn silent_sources(run: &Run, oracle: &Outcome, found: &mut Vec<String>) {
    let mut open: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut ever: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for events in alert_events(run).values() {
        let Some(last) = events.last() else { continue };
        let rule = last["rule"].as_str().unwrap_or_default().to_owned();
        let name = last["subject"]["id"].as_str().or(last["region"].as_str()).unwrap_or_default().to_owned();
        if last["status"] != "resolved" {
            open.entry(rule.clone()).or_default().insert(name.clone());
        }
        ever.entry(rule).or_default().insert(name);
    }
    for rule in &run.plan.assess.rules {
        let expected: BTreeSet<String> = match &rule.condition {
            Condition::NoData(Silent::Gateway) => oracle.affairs.gateways.values().cloned().collect(),
            Condition::NoData(Silent::Cell(_)) => oracle.sensor_counties(),
            _ => continue,
        };
        let expected = if run.is_impatient { expected } else { BTreeSet::new() };
        let seen = if run.is_impatient { open.get(&rule.name) } else { ever.get(&rule.name) };
        let seen = seen.cloned().unwrap_or_default();
        if seen != expected {
            found.push(format!("{} is on for {seen:?}, silent are {expected:?}", rule.name));
        }
    }
}

/// A rule with a delay fired for each run of window ends that was long enough, and for none that was not. In a city where
/// sensors are missed it may wait longer: what is unknown neither lapses nor fires.
fn sustained(run: &Run, oracle: &Outcome, found: &mut Vec<String>) {
    let events = alert_events(run);
    for rule in run.plan.assess.rules.iter().filter(|rule| rule.for_ms == SUSTAINED_MS) {
        let Condition::Count { measure, window, threshold, cells, .. } = &rule.condition else { continue };
        let window = &run.plan.assess.windows.windows[*window];
        for (region, sector) in
            oracle.cells().into_iter().filter(|(region, sector)| cells.contains(region, sector))
        {
            let sizes = (window.size_ms, window.slide_ms);
            let crossed = oracle.crossings((&region, &sector), measure, sizes, *threshold);
            let mut runs: Vec<(i64, i64)> = Vec::new();
            for end in crossed {
                match runs.last_mut().filter(|(_, over)| *over == end) {
                    Some((_, over)) => *over = end + window.slide_ms,
                    None => runs.push((end, end + window.slide_ms)),
                }
            }
            let of_cell = |event: &&Value| {
                event["rule"] == *rule.name && event["region"] == *region && event["sector"] == *sector
            };
            let firing =
                events.values().flatten().filter(of_cell).filter(|event| event["status"] == "firing");
            let since: BTreeSet<i64> = firing.map(|event| time_ms(&event["starts_at"])).collect();
            for (from, over) in &runs {
                let fired = since.iter().any(|at| from <= at && at < over);
                let long_enough = over - from >= rule.for_ms;
                let ripe = from + rule.for_ms < run.end_ms - 15_000;
                if fired && !long_enough || !fired && long_enough && ripe && !run.is_impatient {
                    found.push(format!("{} in {region}: fired {since:?}, runs are {runs:?}", rule.name));
                }
            }
            if since.iter().any(|at| !runs.iter().any(|(from, over)| from <= at && at < over)) {
                found.push(format!("{} in {region}: fired {since:?} outside of {runs:?}", rule.name));
            }
        }
    }
}

/// Each command that came was answered once: by what it did, by a refusal, or by a dead letter for an alert nobody knows.
fn commands(run: &Run, found: &mut Vec<String>) {
    let letters: BTreeSet<(String, String)> = records(&run.broker, Topic::Rejects)
        .iter()
        .filter_map(|letter| {
            let header = |name: &str| {
                let own = letter.payload.headers.iter().find(|(own, _)| own == name);
                own.map_or(String::new(), |(_, value)| String::from_utf8_lossy(value).into_owned())
            };
            let is_ours = header("source_topic") == "hazard.commands";
            is_ours.then(|| (header("source_partition"), header("source_offset")))
        })
        .collect();
    let mut expected: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let mut officers = BTreeSet::new();
    for message in run.sent.iter().filter(|message| message.input == "commands") {
        let place = (message.partition.to_string(), message.offset.to_string());
        let value: Value =
            serde_json::from_slice(message.value.as_deref().unwrap_or_default()).unwrap_or_default();
        let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        if !officers.insert(field("by")) || letters.contains(&place) {
            continue;
        }
        *expected.entry((field("alert_id"), refusal(&field("type")))).or_insert(0) += 1;
    }
    let mut answers: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for (id, events) in alert_events(run) {
        let mut status = Value::Null;
        let mut done = BTreeSet::new();
        for event in &events {
            let step = &event["transition"];
            let note = step["note"].as_str().unwrap_or_default();
            if step["reason"] == "refused" {
                let needless = match note {
                    "only a firing alert can be acknowledged" => status == "firing",
                    "only an acknowledged alert can be taken back" => status == "acknowledged",
                    "only an open alert can be closed" => status != "resolved",
                    _ => false,
                };
                if needless {
                    found.push(format!("alert {id} was {status}, and yet: {note}"));
                }
                *answers.entry((id.clone(), refusal_of(note))).or_insert(0) += 1;
            }
            if step["reason"] == "command" {
                if !done.insert(note.to_owned()) {
                    found.push(format!("alert {id}: the command of {note} was done twice"));
                }
                let action = match (step["from"] == step["to"], step["to"].as_str()) {
                    (true, _) => "assign",
                    (false, Some("acknowledged")) => "ack",
                    (false, Some("resolved")) => "close",
                    (false, _) => "unack",
                };
                *answers.entry((id.clone(), refusal(action))).or_insert(0) += 1;
            }
            status = step["to"].clone();
        }
    }
    if answers != expected {
        found.push(format!("commands were answered {answers:?}, sent were {expected:?}"));
    }
}

/// What a command of this sort is refused with.
fn refusal(action: &str) -> &'static str {
    match action {
        "ack" => "only a firing alert can be acknowledged",
        "unack" => "only an acknowledged alert can be taken back",
        "close" => "only an open alert can be closed",
        "assign" => "it cannot be assigned",
        _ => "silences are not supported by this version",
    }
}

fn refusal_of(note: &str) -> &'static str {
    let known = ["ack", "unack", "close", "assign", "silence"].map(refusal);
    known.into_iter().find(|text| *text == note).unwrap_or("?")
}

/// No acknowledgement outlives the moment that its officer gave.
fn expiries(run: &Run, found: &mut Vec<String>) {
    let mut expires: BTreeMap<String, i64> = BTreeMap::new();
    for message in run.sent.iter().filter(|message| message.input == "commands") {
        let value: Value =
            serde_json::from_slice(message.value.as_deref().unwrap_or_default()).unwrap_or_default();
        if let (Some(by), true) = (value["by"].as_str(), value["expires_at"].is_string()) {
            expires.insert(by.to_owned(), time_ms(&value["expires_at"]));
        }
    }
    for (id, events) in alert_events(run) {
        let Some(last) = events.last().filter(|last| last["status"] == "acknowledged") else { continue };
        let by = last["acknowledged_by"].as_str().unwrap_or_default();
        if let Some(at_ms) = expires.get(by).filter(|at_ms| **at_ms < run.end_ms - 15_000) {
            found.push(format!("alert {id} is acknowledged by {by}, but that was to end at {at_ms}"));
        }
    }
}
