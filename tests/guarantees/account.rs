//! What is accounted for: bounded, explainable.

use std::collections::BTreeMap;

use hazstream::assess::Condition;
use hazstream::log::memory::Faults;
use hazstream::log::{Input, Topic};
use serde_json::{Value, json};

use crate::RULES;
use crate::city::{City, NOON_MS, inspection, item, reading, text, time_ms};

#[test]
fn bounded() {
    let mut city = City::with(RULES, 1, |settings| {
        (settings.subjects_max, settings.held_max, settings.dedup_ids_max) = (5, 1, 32);
        settings.max_event_bytes = 1_000;
    });
    for number in 0..400 {
        city.pass(100);
        let at_ms = city.clock_ms - NOON_MS;
        let name = format!("n-{number}");
        city.send(Input::Sensors, &name, at_ms, reading(&name, 1.0));
        city.send(
            Input::Items,
            &name,
            at_ms,
            item("order_task", &name, if number % 2 == 0 { "issued" } else { "feedback" }),
        );
        city.send(Input::Inspections, &name, at_ms, inspection(&[(&name, "general")]));
    }
    // Ids of events that were taken are remembered, those of a few thousand not all.
    for number in 0..4_000 {
        let note = json!({
            "type": "record", "region": "330604104", "sector": "mining", "kind": "note", "id": format!("n-{number}"),
        });
        city.send(Input::Records, "notes", 40_000, note);
    }
    city.send_bytes(Input::Sensors, "long", Some(vec![b' '; 1_001]));
    city.pass(2_000);
    let reports = city.reports.lock().unwrap();
    let mut limited: BTreeMap<&str, u64> = BTreeMap::new();
    for report in &reports.collect {
        for (table, most) in [("sensors", 5), ("items", 5), ("held", 1)] {
            assert!(report.tables[table] <= most, "{table} holds {}", report.tables[table]);
        }
        for (limit, count) in &report.limited {
            *limited.entry(*limit).or_default() += count;
        }
    }
    // What a limit dropped is counted under its name, and nothing is dropped otherwise.
    let reasons = city.reasons();
    let of_limits = reasons.iter().filter(|reason| *reason == "over_limit").count() as u64;
    assert_eq!(limited["subjects_max"] + limited["held_max"], of_limits, "{limited:?}");
    assert!(limited["subjects_max"] > 0 && limited["held_max"] > 0 && limited["ids_max"] > 0, "{limited:?}");
    assert_eq!(reasons.iter().filter(|reason| *reason == "oversized").count(), 1);
}

#[test]
fn bounded_is_a_transaction_too_by_its_changes_though_none_is_due() {
    let mut city = City::new(RULES, 1);
    city.pass(2_000);
    for number in 0..12_000 {
        let name = format!("s-{number}");
        city.send(Input::Sensors, &name, 2_000, reading(&name, 1.0));
    }
    city.turns(100);
    let committed = city.committed(Input::Sensors);
    assert!((8_192..12_000).contains(&committed), "{committed} of 12,000 are committed");
}

#[test]
fn bounded_is_what_is_read_while_brokers_are_slow_to_write() {
    let mut city = City::new(RULES, 1);
    city.pass(2_000);
    let mut faults = Faults::default();
    faults.slow_writes = 1_000;
    city.broker.set_faults(faults);
    let send = |city: &mut City, count: usize| {
        for _ in 0..count {
            city.send(Input::Sensors, "s", 2_000, reading("s", 1.0));
        }
    };
    send(&mut city, 100);
    city.pass(800);
    assert_eq!(city.committed(Input::Sensors), 0, "the transaction is on its way");
    send(&mut city, 70_000);
    city.turns(500);
    assert!(city.committed(Input::Sensors) >= 100, "its end was waited for");
}

#[test]
fn explainable() {
    let mut city = City::new(RULES, 2);
    let mut order = item("order_task", "o-1", "issued");
    order["due"] = json!(text(NOON_MS + 40_000));
    for second in 0..90_i64 {
        city.pass(1_000);
        let at_ms = second * 1_000;
        let sensor = format!("s-{}", second % 4);
        let value = if (20..60).contains(&second) { 60.5 } else { 1.5 };
        city.send(Input::Sensors, &sensor, at_ms, reading(&sensor, value));
        match second {
            5 => drop(city.send(
                Input::Inspections,
                "e-1",
                at_ms,
                inspection(&[("h-1", "general"), ("h-2", "major")]),
            )),
            7 => drop(city.send(Input::Items, "o-1", at_ms, order.clone())),
            9 => drop(city.send(Input::Items, "c-1", at_ms, item("confined_space", "c-1", "entered"))),
            _ => {}
        }
    }
    city.pass(60_000);
    let mut explained = BTreeMap::new();
    for event in city.read(Topic::AlertEvents) {
        let rule = city.plan.assess.rules.iter().find(|rule| event["rule"] == *rule.name).unwrap();
        assert_eq!(event["rule_hash"], *rule.hash, "which text of the rule");
        assert!(event["value"].is_number() && event["threshold"].is_number(), "{event}");
        assert!(time_ms(&event["as_of"]) > NOON_MS, "{event}");
        if event["transition"]["reason"] != "crossed" {
            continue;
        }
        let behind = events_behind(&city, &event);
        let names = |field: &str| behind.iter().any(|sent| sent[field] == event["subject"]["id"]);
        match &rule.condition {
            Condition::Count { window, threshold, .. } => {
                let spec = &city.plan.assess.windows.windows[*window];
                assert_eq!(event["window"], *spec.name);
                assert!(event["value"].as_f64().unwrap() >= *threshold as f64, "{event}");
                let as_of = time_ms(&event["as_of"]);
                let inside = |sent: &Value| (as_of - spec.size_ms..as_of).contains(&time_ms(&sent["time"]));
                assert!(
                    behind.iter().any(|sent| sent["type"] == "reading" && inside(sent)),
                    "{event}: {behind:?}"
                );
            }
            Condition::SensorLevel { .. } => {
                let decided = |sent: &Value| {
                    sent["sensor_id"] == event["subject"]["id"] && sent["value"] == event["value"]
                };
                assert!(behind.iter().any(decided), "{event}: {behind:?}");
                assert_eq!(event["threshold"], json!(50.0));
            }
            Condition::Event { .. } if rule.name == "found" => {
                let listed = |sent: &Value| sent["hazards"].to_string().contains("\"h-2\"");
                assert!(behind.iter().any(listed), "{event}: {behind:?}");
            }
            Condition::Event { .. } if rule.name == "early" => {
                assert!(names("item_id"), "{event}: {behind:?}")
            }
            // Nothing came, and that is why: there is no event to lead to, but when it was due or last heard.
            Condition::Event { .. } => assert_eq!(event["deadline"]["at"], json!(text(NOON_MS + 40_000))),
            Condition::NoData(_) => assert!(event["subject"]["id"].is_string()),
        }
        *explained.entry(rule.name.clone()).or_insert(0) += 1;
    }
    let rules: Vec<&str> = explained.keys().map(String::as_str).collect();
    assert_eq!(
        rules,
        ["busy", "early", "found", "overdue", "red", "silent"],
        "each rule spoke: {explained:?}"
    );
}

/// The events to which the offsets of an alert's evidence lead.
fn events_behind(city: &City, event: &Value) -> Vec<Value> {
    let evidence = &event["evidence"];
    let Some(offsets) = evidence["offsets"].as_array() else { return Vec::new() };
    let (from, to) = (offsets[0].as_i64().unwrap(), offsets[1].as_i64().unwrap());
    let is_there = |sent: &&crate::oracle::Message| {
        evidence["input"] == *sent.input
            && evidence["partition"] == sent.partition
            && (from..to).contains(&sent.offset)
    };
    let there = city.sent.iter().filter(is_there);
    there.map(|sent| serde_json::from_slice(sent.value.as_deref().unwrap()).unwrap()).collect()
}
