//! The oracle by examples worked out by hand: if it is wrong, so is every test that asks it.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod oracle;

use std::collections::BTreeMap;

use oracle::{City, Gap, Ledger, Message, Outcome, Settings};

const NOON_MS: i64 = 1_795_406_400_000; // 2026-11-23T04:00:00Z
const MINUTE_MS: i64 = 60_000;
const HOLD_MS: i64 = 20_000;

const SETTINGS: Settings = Settings {
    dedup_horizon_ms: 10 * MINUTE_MS,
    max_future_skew_ms: MINUTE_MS,
    allowed_disorder_ms: 10_000,
    longest_horizon_ms: 60 * MINUTE_MS,
    max_event_bytes: 65_536,
    hold_for_ms: Some(HOLD_MS),
};

fn judge(input: &'static str, values: &[String]) -> Outcome {
    let messages: Vec<Message> = values
        .iter()
        .zip(0..)
        .map(|(value, offset)| Message {
            input,
            partition: 0,
            offset,
            arrival_ms: NOON_MS + offset * 1000,
            value: Some(value.clone().into_bytes()),
        })
        .collect();
    oracle::judge(City::shipped(), &SETTINGS, &messages)
}

fn time(after_noon_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(NOON_MS + after_noon_ms).expect("a time of this century").to_string()
}

fn reading(id: &str, after_noon_ms: i64, value: f64) -> String {
    serde_json::json!({
        "type": "reading", "id": id, "time": time(after_noon_ms), "region": "330604104201",
        "sector": "chemical_parks", "enterprise_id": "e", "sensor_id": "s", "quantity": "combustible_gas",
        "value": value, "unit": "%LEL"
    })
    .to_string()
}

fn count(outcome: &Outcome, region: &str, sector: &str, measure: &str, as_of_ms: i64) -> u64 {
    *outcome.counts(region, sector, MINUTE_MS, NOON_MS + as_of_ms).get(measure).unwrap_or(&0)
}

#[test]
fn a_reading_counts_in_every_ancestor_of_its_place_and_sector_and_in_every_window_over_it() {
    let outcome = judge("sensors", &[reading("a", 0, 1.0)]);
    for region in ["330604104", "330604", "330600"] {
        for sector in ["chemical_parks", "hazardous_chemicals", "all"] {
            assert_eq!(count(&outcome, region, sector, "readings", MINUTE_MS), 1, "{region} {sector}");
        }
    }
    assert_eq!(outcome.cells().len(), 9);
    let ends = [(0, 0), (1, 1), (MINUTE_MS, 1), (MINUTE_MS + 1, 0)];
    for (as_of_ms, expected) in ends {
        assert_eq!(count(&outcome, "330600", "all", "readings", as_of_ms), expected, "as of {as_of_ms}");
    }
}

#[test]
fn resent_too_early_and_too_late_events_are_not_counted() {
    let values = [
        reading("a", 0, 1.0),
        reading("a", 0, 1.0),
        reading("ahead", 3 * MINUTE_MS, 1.0),
        reading("old", -61 * MINUTE_MS, 1.0),
        reading("late", -59 * MINUTE_MS, 1.0),
        "{".to_owned(),
        reading("unit", 0, 1.0).replace("%LEL", "ppm"),
    ];
    let outcome = judge("sensors", &values);
    let ledger = &outcome.ledgers[&("sensors", 0)];
    assert_eq!(*ledger, Ledger { consumed: 7, counted: 2, duplicate: 1, rejected: 4 });
    let reasons: Vec<&str> = outcome.rejects.values().map(String::as_str).collect();
    assert_eq!(reasons, ["clock_ahead", "beyond_horizon", "malformed", "unit_mismatch"]);
}

/// Values of combustible gas, one each 20 s (set points 25 and 50, deadbands 2 and 5, off-delay 30 s); onsets expected.
#[test]
#[allow(clippy::type_complexity, reason = "values, and how many of each measure they make")]
fn a_level_is_one_onset_however_long_it_lasts_and_a_jump_is_one_too() {
    type Case = (&'static [f64], &'static [(&'static str, u64)]);
    let cases: [Case; 7] = [
        (&[1.0, 30.0, 30.0, 30.0], &[("alarms_yellow", 1)]),
        (&[1.0, 60.0], &[("alarms_red", 1)]),
        (&[1.0, 30.0, 60.0], &[("alarms_red", 1), ("alarms_yellow", 1)]),
        (&[30.0, 24.0, 24.0, 24.0, 30.0], &[("alarms_yellow", 1)]),
        (&[30.0, 20.0, 30.0], &[("alarms_yellow", 1)]),
        (&[30.0, 20.0, 20.0, 30.0], &[("alarms_yellow", 2)]),
        (&[60.0, 30.0, 30.0, 30.0, 60.0], &[("alarms_red", 2)]),
    ];
    for (values, expected) in cases {
        let messages: Vec<String> = values
            .iter()
            .zip(0..)
            .map(|(value, at)| reading(&format!("{at}"), at * 20_000 - 100_000, *value))
            .collect();
        let outcome = judge("sensors", &messages);
        let mut counts = outcome.counts("330600", "all", 10 * MINUTE_MS, NOON_MS + 5 * MINUTE_MS);
        counts.remove("readings");
        let expected: BTreeMap<String, u64> =
            expected.iter().map(|(measure, count)| ((*measure).to_owned(), *count)).collect();
        assert_eq!(counts, expected, "{values:?}");
    }
}

#[test]
fn a_hazard_counts_once_per_stage_and_one_invalid_in_a_list_rejects_the_message() {
    let inspection = |id: &str, hazards: serde_json::Value| {
        serde_json::json!({
            "type": "inspection", "id": id, "time": time(0), "region": "330602", "sector": "mining",
            "enterprise_id": "e", "source": "grid", "hazards": hazards
        })
        .to_string()
    };
    let hazard = |id: &str, status: &str| {
        serde_json::json!({
            "type": "hazard", "id": id, "time": time(1), "region": "330602", "sector": "mining",
            "enterprise_id": "e", "hazard_id": "h1", "status": status
        })
        .to_string()
    };
    let found =
        serde_json::json!([{"hazard_id": "h1", "grade": "general"}, {"hazard_id": "h2", "grade": "major"}]);
    let outcome = judge(
        "inspections",
        &[
            inspection("a", found.clone()),
            inspection("b", found),
            hazard("c", "closed"),
            inspection(
                "d",
                serde_json::json!([{"hazard_id": "h3", "grade": "general"}, {"hazard_id": "h4"}]),
            ),
        ],
    );
    let counts = outcome.counts("330602", "mining", MINUTE_MS, NOON_MS + MINUTE_MS);
    let expected = [
        ("hazards_closed_general", 1),
        ("hazards_found_general", 1),
        ("hazards_found_major", 1),
        ("inspections", 2),
    ];
    assert_eq!(counts, expected.map(|(measure, count)| (measure.to_owned(), count)).into());
    assert_eq!(outcome.ledgers[&("inspections", 0)].rejected, 1);
}

#[test]
fn crossings_are_the_window_ends_with_enough_inside() {
    let values = [reading("a", 0, 1.0), reading("b", 30_000, 1.0), reading("c", 95_000, 1.0)];
    let outcome = judge("sensors", &values);
    let ends =
        outcome.crossings(("330604", "hazardous_chemicals"), "readings", (MINUTE_MS, MINUTE_MS / 6), 2);
    let expected = [40_000, 50_000, 60_000].map(|end| NOON_MS + end);
    assert_eq!(ends.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn an_items_stages_stand_in_the_order_of_their_times_and_what_misses_its_predecessor_is_refused() {
    let stage = |id: &str, after_noon_ms: i64, item: &str, stage: &str| {
        serde_json::json!({
            "type": "item", "id": id, "time": time(after_noon_ms), "region": "330602", "sector": "mining",
            "kind": "order_task", "item_id": item, "stage": stage, "due": time(after_noon_ms + MINUTE_MS)
        })
        .to_string()
    };
    let values = [
        stage("a", 0, "one", "issued"),
        stage("b", 2_000, "one", "feedback"),
        stage("c", 1_000, "one", "received"),
        stage("d", 3_000, "two", "issued"),
        stage("e", 4_000, "two", "feedback"),
        stage("f", -HOLD_MS - 8_000, "two", "received"),
    ];
    let outcome = judge("items", &values);
    assert_eq!(outcome.ledgers[&("items", 0)], Ledger { consumed: 6, counted: 4, duplicate: 0, rejected: 2 });
    assert_eq!(outcome.rejects.keys().map(|(_, _, offset)| *offset).collect::<Vec<_>>(), [4, 5]);
    let counts =
        outcome.other_counts(&("330602".to_owned(), "all".to_owned()), MINUTE_MS, NOON_MS + MINUTE_MS);
    let expected = [("item_stages", 4), ("orders_issued", 2)];
    assert_eq!(counts, expected.map(|(measure, count)| (measure.to_owned(), count)).into());
    let early: Vec<_> = outcome.affairs.early.iter().map(|(_, item, stage, _)| (&**item, &**stage)).collect();
    assert_eq!(early, [("one", "feedback"), ("two", "feedback")]);
    let due = |item: &str, ms: i64| ("order_task".to_owned(), item.to_owned(), NOON_MS + ms + MINUTE_MS);
    assert_eq!(outcome.affairs.deadlines, [due("one", 2_000), due("two", 3_000)].into());
}

/// Readings of `s` and of another sensor come in at these seconds, each with its own time; combustible gas is missed after
/// five minutes, and ten seconds of disorder are allowed.
#[test]
fn a_sensor_is_missed_when_its_newest_value_is_old_and_nothing_has_come_in_for_as_long() {
    let gaps = |readings: &[(&str, i64, i64)]| {
        let messages: Vec<Message> = readings
            .iter()
            .zip(0..)
            .map(|((sensor, arrival_s, time_s), offset)| Message {
                input: "sensors",
                partition: 0,
                offset,
                arrival_ms: NOON_MS + arrival_s * 1000,
                value: Some(
                    reading(&offset.to_string(), time_s * 1000, 1.0)
                        .replace(r#""sensor_id":"s""#, &format!(r#""sensor_id":"{sensor}""#))
                        .into_bytes(),
                ),
            })
            .collect();
        oracle::judge(City::shipped(), &SETTINGS, &messages).gaps["s"].clone()
    };
    let gap = |arrival_s: Option<i64>, is_missed| Gap {
        arrival_ms: arrival_s.map(|s| s * 1000),
        no_data_ms: 5 * MINUTE_MS,
        is_missed,
    };
    let live = [("s", 0, 0), ("o", 310, 310), ("s", 310, 310), ("o", 621, 621)];
    assert_eq!(gaps(&live), [gap(Some(310), false), gap(None, true)], "300 s are not more than 300 s");
    let stored = [("o", 2000, 2000), ("s", 2000, 0), ("o", 2300, 2300), ("s", 2301, 300), ("o", 2602, 2602)];
    assert_eq!(gaps(&stored), [gap(Some(301), false), gap(None, true)], "old, but it came in");
    let lagging = [("s", 2000, 0), ("o", 2001, 2), ("o", 2400, 300)];
    assert_eq!(gaps(&lagging), [gap(None, false)], "time has not come so far");
}
