//! Silence, where readings come long after their own time.

use super::script::{Message, Script, message, reading, reading_with};
use crate::log::Input;

const HOUR_S: i64 = 3_600;

/// Readings `sensor@second`, each arriving at `arrival_s` of it.
fn hear(script: &mut Script, steps: &str, arrival_s: impl Fn(i64) -> i64) {
    for step in steps.split_whitespace() {
        let (sensor, second) = step.split_once('@').unwrap();
        let second: i64 = second.parse().unwrap();
        let value = reading_with(step, sensor, second * 1000, 1.0, r#""gateway_id":"G","#);
        script.read(Message { arrival_ms: arrival_s(second) * 1000, value: value.into_bytes() });
    }
}

fn check(script: &mut Script, expected: &[&str], why: &str) {
    script.flush();
    assert_eq!(script.told(), expected, "{why}");
}

#[test]
fn a_backlog_that_arrives_in_an_idle_partition_raises_no_silence_and_a_gateway_that_is_really_gone_does() {
    let mut script = Script::new(Input::Sensors);
    script.idle_until(HOUR_S * 1000);
    // An hour's readings, uploaded within ten minutes; B's end after the first of them.
    hear(&mut script, "A@0 B@0", |_| HOUR_S);
    let upload: String = (1..=60).map(|minute| format!("A@{} ", minute * 60 - 30)).collect();
    let (first, rest) = upload.split_at(upload.find("A@1770").unwrap());
    hear(&mut script, first, |second| HOUR_S + second / 6);
    check(&mut script, &[], "within the no-data time of B's arrival");
    assert_eq!(script.coverage()["330600 all"], "2/2");
    hear(&mut script, rest, |second| HOUR_S + second / 6);
    check(
        &mut script,
        &["B silent since 0@3570"],
        "five minutes after its arrival, though the watermark stood still",
    );
    script.idle_until((HOUR_S + 595 + 300) * 1000);
    check(&mut script, &["B silent since 0@3570"], "A was heard at 4195 s");
    script.idle_until((HOUR_S + 595 + 300) * 1000 + 1);
    let gone = ["B silent since 0@3570", "A silent since 3570@4465"];
    check(&mut script, &gone, "nothing of the gateway has come since");
    assert_eq!(script.task.report().silent_gateways, ["G"]);
}

#[test]
fn a_clock_that_leaps_over_what_has_just_come_is_no_silence() {
    let mut script = Script::new(Input::Sensors);
    hear(&mut script, "A@0 A@100 B@110", |_| HOUR_S);
    script.idle_until((HOUR_S + 15) * 1000);
    check(&mut script, &[], "the idle partition follows the clock from 80 s to an hour");
    script.restart();
    script.idle_until((HOUR_S + 300) * 1000);
    check(&mut script, &[], "after a restart neither");
    script.idle_until((HOUR_S + 301) * 1000);
    let mut told = script.told();
    told.sort();
    assert_eq!(told, ["A silent since 100@3871", "B silent since 110@3871"]);
}

#[test]
fn a_feed_that_is_always_an_hour_late_is_heard_and_missed_by_its_own_time_when_one_sensor_stops() {
    let mut script = Script::new(Input::Sensors);
    let late = |second| second + HOUR_S;
    hear(&mut script, "A@0 B@0", late);
    let feed = |from: i64, to: i64| (from..=to).map(|ten| format!("B@{} ", ten * 10)).collect::<String>();
    hear(&mut script, &feed(1, 33), late);
    check(&mut script, &[], "the watermark is at 300 s");
    hear(&mut script, &feed(34, 34), late);
    check(&mut script, &["A silent since 0@310"], "an hour later by the clock");
}

#[test]
fn among_live_sensors_a_late_one_is_never_silent_while_it_comes() {
    let mut script = Script::new(Input::Sensors);
    for ten in HOUR_S / 10..HOUR_S / 10 + 100 {
        hear(&mut script, &format!("LIVE@{}", ten * 10), |second| second);
        hear(&mut script, &format!("LATE@{}", ten * 10 - HOUR_S), |second| second + HOUR_S);
    }
    check(&mut script, &[], "1000 s");
}

#[test]
fn an_old_reading_ends_a_silence_because_its_gateway_is_back() {
    let mut script = Script::new(Input::Sensors);
    hear(&mut script, "S@10", |second| second);
    script.idle_until(1_000_000);
    check(&mut script, &["S silent since 10@310"], "idle");
    // Older than its newest one.
    script.read(message(5_000, 996_000, reading("old", "S", 5_000, 1.0)));
    check(&mut script, &["S silent since 10@310", "S heard@970"], "as of the watermark when it came");
    assert_eq!(script.coverage()["330600 all"], "1/1");
    script.restart();
    script.idle_until(1_301_000);
    check(&mut script, &["S silent since 10@310", "S heard@970"], "1001 s + 300 s");
    script.idle_until(1_301_001);
    check(&mut script, &["S silent since 10@310", "S heard@970", "S silent since 10@1271"], "gone again");
}

#[test]
fn the_delays_of_a_backlog_end_by_its_own_readings_and_those_of_its_last_one_by_its_arrival() {
    let mut script = Script::new(Input::Sensors);
    script.idle_until(HOUR_S * 1000);
    // Beyond the set point of 25 %LEL at once; back behind it for 30 s ends the alarm.
    for (second, value) in [(0, 26.0), (10, 1.0), (30, 26.0), (40, 1.0), (60, 1.0), (80, 26.0), (90, 1.0)] {
        let value = reading(&second.to_string(), "S", second * 1000, value);
        script.read(Message { arrival_ms: HOUR_S * 1000, value: value.into_bytes() });
    }
    let told = ["S yellow H by 26@0", "S normal  by 1@70", "S yellow H by 26@80"];
    check(&mut script, &told, "the watermark is at 3570 s all the time");
    script.restart();
    script.idle_until((HOUR_S + 29) * 1000);
    check(&mut script, &told, "29 s after the last one came");
    script.idle_until((HOUR_S + 30) * 1000);
    check(&mut script, &[&told[..], &["S normal  by 1@120"]].concat(), "30 s");
}
