//! What time does: early and exact, no clock poison, silence is not safety, never idle-stuck.

use std::collections::BTreeSet;
use std::sync::Arc;

use hazstream::assess::AssessTask;
use hazstream::event::EventTime;
use hazstream::log::{Input, Topic};
use hazstream::tally::Tally;
use hazstream::worker::Plan;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::RULES;
use crate::city::{City, DISORDER_MS, NOON_MS, header, inspection, item, reading, time_ms};

#[test]
fn early_and_exact() {
    let mut city = City::new(RULES, 2);
    city.pass(1_000);
    for enterprise in ["e-1", "e-2", "e-3"] {
        city.send(Input::Inspections, enterprise, 1_000, inspection(&[]));
    }
    city.pass(1_600);
    // No watermark has passed the end of the window that crossed, and nothing is closed.
    let event_clock =
        city.reports.lock().unwrap().assess.iter().map(|report| report.event_clock).max().unwrap();
    assert!(event_clock.ms < NOON_MS + 10_000, "{event_clock:?}");
    assert_eq!(city.steps("rounds"), ["firing@10 crossed"]);
    // The inspections lie in [0, 10): from 70 on no window of a minute holds them. That is for the watermark to say.
    city.pass(69_800 + DISORDER_MS - 2_600);
    assert_eq!(city.steps("rounds"), ["firing@10 crossed"], "the watermark has not passed 70 s");
    city.pass(3_000);
    assert_eq!(city.steps("rounds"), ["firing@10 crossed", "resolved@70 cleared"]);
}

#[test]
fn no_clock_poison() {
    let run = |poison: bool| {
        let mut city = City::new(RULES, 1);
        for second in 0..60 {
            city.pass(1_000);
            let at_ms = city.clock_ms - NOON_MS;
            if poison {
                // One clock is two hours ahead, one by as much as is tolerated.
                city.send(Input::Sensors, "mad", at_ms + 7_200_000, reading("mad", 99.0));
                let id = format!("ahead-{second}");
                let event = json!({"type": "record", "region": "330604104", "sector": "mining", "kind": "note", "id": id});
                city.send(Input::Records, "ahead", at_ms + 59_000, event);
            }
            let sensor = format!("s-{}", second % 3);
            let mut event = reading(&sensor, f64::from(second));
            event["id"] = json!(format!("r-{second}"));
            city.send(Input::Sensors, &sensor, at_ms - 1_500, event);
        }
        city.pass(30_000);
        city
    };
    let (sound, poisoned) = (run(false), run(true));
    let reports = poisoned.reports.lock().unwrap();
    for report in &reports.collect {
        assert!(
            report.frontier.ms <= report.clock.ms,
            "no event moves time beyond the moment of its arrival"
        );
        assert_eq!(report.late.counts.iter().sum::<u64>(), 0, "nobody is made late: {report:?}");
    }
    // Quarantined, counted, and named.
    let letters = poisoned.records(Topic::Rejects);
    assert_eq!(letters.len(), 60);
    for letter in &letters {
        assert_eq!(header(letter, "reason"), "clock_ahead");
        assert!(header(letter, "detail").contains("mad"), "{}", header(letter, "detail"));
    }
    // To everybody else nothing happened: the same counts, the same alerts, the same moments.
    let alerts = |city: &City| ["busy", "red"].map(|rule| city.steps(rule));
    assert_eq!(alerts(&poisoned), alerts(&sound));
    assert!(!sound.steps("red").is_empty());
    let closes = |city: &City| -> Vec<(Value, Value)> {
        let of_cell =
            city.read(Topic::WindowCloses).into_iter().filter(|record| record["region"] == "330604104");
        of_cell.map(|record| (record["as_of"].clone(), record["counts"]["readings"].clone())).collect()
    };
    assert_eq!(closes(&poisoned), closes(&sound));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Whatever the sensors said before they fell silent, no alert about them resolves while they are.
    #[test]
    fn silence_is_not_safety(values in proptest::collection::vec((0..3_u8, 0..60_u32), 3..20), night_s in 30..120_i64) {
        let mut city = City::new(RULES, 2);
        for (sensor, value) in &values {
            city.pass(700);
            let sensor = format!("s-{sensor}");
            city.send(Input::Sensors, &sensor, city.clock_ms - NOON_MS, reading(&sensor, f64::from(*value) + 0.5));
        }
        city.pass(19_000);
        let standing: Vec<Value> = open_alerts(&city);
        city.pass(night_s * 1000);
        let events = city.read(Topic::AlertEvents);
        for event in events.iter().filter(|event| event["rule"] == "busy" && event["status"] == "resolved") {
            let at_ms = time_ms(&event["transition"]["at"]);
            prop_assert!(at_ms <= city.clock_ms && covered_until(&values) >= at_ms, "resolved in silence: {}", event);
        }
        let now = open_alerts(&city);
        // A value that is back already ends its alarm when the off-delay does.
        let is_back = |alert: &Value| {
            let own = values.iter().rfind(|(sensor, _)| alert["subject"]["id"] == format!("s-{sensor}"));
            own.is_some_and(|(_, value)| *value < 46)
        };
        for alert in standing.iter().filter(|alert| alert["rule"] == "red" && !is_back(alert)) {
            let still = now.iter().find(|now| now["id"] == alert["id"]);
            prop_assert_eq!(still.map(|now| now["status"].clone()), Some(json!("unknown")), "{}", alert);
        }
        // A quiet count is shown with how few are heard.
        let coverage = city.window("330604", "all", "1m")["coverage"].clone();
        prop_assert_eq!(&coverage["heard"], &json!(0));
        prop_assert!(coverage["expected"].as_u64().unwrap() >= 1);
    }
}

/// The first of these sensors falls silent 20 s after its last reading.
fn covered_until(values: &[(u8, u32)]) -> i64 {
    let last = |sensor: u8| values.iter().rposition(|(own, _)| *own == sensor);
    let first_silent = (0..3).filter_map(last).min().unwrap_or(0) as i64;
    NOON_MS + (first_silent + 1) * 700 + 20_000 + 10_000
}

fn open_alerts(city: &City) -> Vec<Value> {
    let mut newest = std::collections::BTreeMap::new();
    for alert in city.read(Topic::Alerts) {
        newest.insert(alert["id"].to_string(), alert);
    }
    newest.into_values().filter(|alert| alert["status"] != "resolved").collect()
}

#[test]
fn lost_telemetry_resolves_no_alert_and_its_return_tells_the_truth() {
    let mut city = City::new(RULES, 2);
    for sensor in ["s-1", "s-2", "s-3"] {
        city.pass(200);
        city.send(Input::Sensors, sensor, city.clock_ms - NOON_MS, reading(sensor, 60.0));
    }
    city.pass(300_000);
    assert_eq!(city.steps("busy"), ["firing@10 crossed", "unknown@70 sources_silent"]);
    assert_eq!(city.steps("red").iter().filter(|step| step.starts_with("unknown")).count(), 3);
    for turn in 0..20 {
        for sensor in ["s-1", "s-2", "s-3"] {
            if turn % 3 == 0 {
                city.send(Input::Sensors, sensor, city.clock_ms - NOON_MS, reading(sensor, 1.0));
            }
        }
        city.pass(2_000);
    }
    let red = city.steps("red");
    assert_eq!(
        red.iter().filter(|step| step.starts_with("resolved")).count(),
        3,
        "heard again, and low: {red:?}"
    );
}

#[test]
fn never_idle_stuck() {
    let mut city = City::new(RULES, 2);
    city.pass(1_000);
    // One record in one partition of one input, a deadline, and then an empty night.
    let found = inspection(&[("h-1", "major")]);
    city.send(Input::Inspections, "e-1", 1_000, found);
    let mut order = item("order_task", "o-1", "issued");
    order["due"] = json!(crate::city::text(NOON_MS + 60_000));
    city.send(Input::Items, "o-1", 1_000, order);
    city.pass(600_000);
    let closes = city.read(Topic::WindowCloses);
    let mut ends: Vec<i64> = closes
        .iter()
        .filter(|record| {
            record["region"] == "330604" && record["sector"] == "all" && record["window"] == "1m"
        })
        .map(|record| (time_ms(&record["as_of"]) - NOON_MS) / 1000)
        .collect();
    ends.dedup();
    assert_eq!(
        ends,
        [10, 20, 30, 40, 50, 60, 70],
        "each window that held the event, and the first that does not"
    );
    assert_eq!(city.steps("overdue"), ["firing@60 crossed"]);
    let reports = city.reports.lock().unwrap();
    let last = reports.assess.last().unwrap();
    assert!(city.clock_ms - last.event_clock.ms <= DISORDER_MS + 2_000, "an empty night moves on: {last:?}");

    // What does hold time back is named: a partition that is announced and never heard.
    let mut task = AssessTask::new(0, city.plan.taxonomy.clone(), city.plan.assess.clone());
    let blank = Tally {
        input: Input::Sensors,
        partition: 0,
        partitions: 2,
        offsets: (0, 0),
        clock: EventTime::from_ms(NOON_MS),
        frontier: EventTime::from_ms(NOON_MS),
        watermark: EventTime::from_ms(NOON_MS),
        idle: true,
        cells: Vec::new(),
        measures: Vec::new(),
        counts: Vec::new(),
        coverage: Vec::new(),
        signals: Vec::new(),
    };
    task.apply(&blank, 0, &mut Vec::new());
    assert_eq!((task.event_clock(), task.held_by()), (EventTime::MIN, Some((Input::Sensors, 1))));
    task.apply(&Tally { partition: 1, ..blank }, 1, &mut Vec::new());
    assert_eq!(task.event_clock(), EventTime::from_ms(NOON_MS));
}

#[test]
fn a_backlog_is_committed_in_larger_pieces_and_what_is_fresh_at_once() {
    /// What a worker reads in ten turns.
    const BACKLOG: i64 = 20_000;
    // How often was committed until so many records were, and how long that took.
    let wait = |city: &mut City, records: i64| {
        let since_ms = city.clock_ms;
        let mut committed = BTreeSet::new();
        while city.committed(Input::Records) < records {
            assert!(city.clock_ms < since_ms + 10_000, "{} of {records}", city.committed(Input::Records));
            city.pass(400);
            committed.insert(city.committed(Input::Records));
        }
        (committed.len(), city.clock_ms - since_ms)
    };
    let run = |behind_ms: i64| {
        let mut city = City::new(RULES, 1);
        city.plan = Arc::new(Plan { commit_interval_behind_ms: behind_ms, ..(*city.plan).clone() });
        city.restart(0);
        city.pass(2_000);
        let note = json!({"type": "record", "region": "330604104", "sector": "mining", "kind": "note"});
        for _ in 0..BACKLOG {
            city.send(Input::Records, "note", 2_000, note.clone());
        }
        // The worker comes back to it half a minute later.
        city.clock_ms += 30_000;
        city.broker.advance(EventTime::from_ms(city.clock_ms));
        let (commits, _) = wait(&mut city, BACKLOG);
        let now_ms = city.clock_ms - NOON_MS;
        city.send(Input::Records, "note", now_ms, note);
        let (_, fresh_ms) = wait(&mut city, BACKLOG + 1);
        (commits, fresh_ms)
    };
    let ((plain, fresh_ms), (stretched, fresh_too_ms)) = (run(400), run(2_000));
    assert!(stretched <= plain / 2, "{plain} and {stretched} commits");
    assert!(fresh_ms <= 1_200 && fresh_too_ms <= 1_200, "{fresh_ms} ms, {fresh_too_ms} ms");
}
