//! Sensors: levels, silence, gateways, coverage.

use super::script::{Script, header, message, reading, reading_with, settings};
use crate::collect::Settings;
use crate::log::{Input, Topic};
use crate::tally::What;

/// Readings `value@second`, one sensor, each arriving at its own time; `q:` before a value is its quality's first letter.
fn hear(script: &mut Script, steps: &str) {
    for step in steps.split_whitespace() {
        let (value, second) = step.split_once('@').unwrap();
        let time = second.parse::<i64>().unwrap() * 1000;
        let (quality, value) = match value.split_once(':') {
            Some(("u", value)) => (r#""quality":"uncertain","#, value),
            Some(("b", value)) => (r#""quality":"bad","#, value),
            _ => ("", value),
        };
        let id = format!("{step}-{}", script.log.len());
        script.read(message(time, 0, reading_with(&id, "S", time, value.parse().unwrap(), quality)));
    }
}

fn check(steps: &str, expected: &[&str]) {
    let mut script = Script::new(Input::Sensors);
    hear(&mut script, steps);
    script.flush();
    assert_eq!(script.told(), expected, "{steps}");
}

/// Set points, off-delay and no-data time of combustible gas.
fn limits() -> (f64, f64, i64, i64) {
    let taxonomy = &super::script::TAXONOMY;
    let quantity = taxonomy.quantities.find("combustible_gas").unwrap();
    let sector = taxonomy.sectors.find("hazardous_chemicals").unwrap();
    let mut high: Vec<_> =
        taxonomy.quantities.limits(quantity, sector).iter().filter(|l| l.side.is_high()).collect();
    high.sort_by(|a, b| a.set_point.total_cmp(&b.set_point));
    let no_data_ms = taxonomy.quantities.get(quantity).no_data_after_ms;
    (high[0].set_point, high[1].set_point, high[0].off_delay_ms, no_data_ms)
}

#[test]
fn the_shipped_limits_are_what_these_tests_suppose() {
    assert_eq!(limits(), (25.0, 50.0, 30_000, 300_000));
}

#[test]
fn a_sensor_s_own_newest_reading_decides() {
    check("10@0 26@10 10@9 10@10 51@20", &["S yellow H by 26@10", "S red HH by 51@20"]);
}

#[test]
fn onsets_are_counted_where_and_when_they_happen() {
    let mut script = Script::new(Input::Sensors);
    hear(&mut script, "10@0 26@5 51@15 10@25 10@60 60@75");
    script.flush();
    let counts = script.counts();
    let alarms: Vec<_> =
        counts.iter().filter(|(key, _)| key.starts_with("alarms") && key.contains("330604104 all")).collect();
    let expected = [
        ("alarms_red 330604104 all @10", 1),
        ("alarms_red 330604104 all @70", 1),
        ("alarms_yellow 330604104 all @0", 1),
    ];
    assert_eq!(alarms.iter().map(|(key, count)| (key.as_str(), **count)).collect::<Vec<_>>(), expected);
}

#[test]
fn a_bad_reading_is_counted_and_nothing_else() {
    let mut script = Script::new(Input::Sensors);
    hear(&mut script, "b:60@0 b:60@10");
    script.flush();
    assert_eq!(script.counts()["readings 330600 all @0"], 1);
    assert!(script.told().is_empty() && script.coverage().is_empty(), "not heard, so not expected either");
    hear(&mut script, "1@20");
    hear(&mut script, &(3..40).map(|minute| format!("b:1@{} ", minute * 10)).collect::<String>());
    script.flush();
    assert_eq!(script.told(), ["S silent since 20@320"], "a bad value does not keep it heard");
}

#[test]
fn an_uncertain_reading_is_heard_and_may_raise_but_not_clear() {
    check("u:26@0 u:10@10 u:10@50", &["S yellow H by 26@0"]);
    check("u:26@0 u:10@10 10@20 u:11@55", &["S yellow H by 26@0", "S normal  by 10@50"]);
}

#[test]
fn a_sensor_is_silent_after_its_no_data_time_of_the_watermark_and_heard_again_by_a_fresh_reading() {
    let mut script = Script::new(Input::Sensors);
    hear(&mut script, "1@0");
    let other = |script: &mut Script, second: i64| {
        let value = reading(&format!("o{second}"), "O", second * 1000, 1.0);
        script.read(message(second * 1000, 0, value));
    };
    (1..=33).for_each(|step| other(&mut script, step * 10));
    script.flush();
    assert!(script.told().is_empty(), "the watermark is at 300 s: not yet past");
    assert_eq!(script.coverage()["330604104 hazardous_chemicals"], "2/2");
    other(&mut script, 331);
    script.flush();
    assert_eq!(script.told(), ["S silent since 0@300"]);
    assert_eq!(script.coverage()["330600 all"], "1/2");
    hear(&mut script, "1@332");
    script.flush();
    assert_eq!(script.told(), ["S silent since 0@300", "S heard@332"]);
    assert_eq!(script.coverage()["330604104 all"], "2/2");
    assert_eq!(script.task.report().tables["silent_sensors"], 0);
}

#[test]
fn a_gateway_is_told_in_absolute_numbers_when_they_change() {
    let mut script = Script::new(Input::Sensors);
    let gateway = |script: &Script| {
        let signals = script.signals();
        let told = signals.iter().filter_map(|signal| match signal.what {
            What::Gateway { heard, expected } => Some(format!("{:?} {heard}/{expected}", signal.subject)),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    for sensor in ["A", "B"] {
        let value = reading_with(sensor, sensor, 0, 1.0, r#""gateway_id":"G","#);
        script.read(message(0, 0, value));
    }
    script.flush();
    script.flush();
    assert_eq!(gateway(&script), [r#"Gateway("G") 2/2"#]);
    script.idle_until(400_000);
    assert_eq!(gateway(&script), [r#"Gateway("G") 2/2"#, r#"Gateway("G") 0/2"#]);
    assert_eq!(script.task.report().silent_gateways, ["G"]);
    // Another gateway takes one of them over.
    script.read(message(401_000, 0, reading_with("c", "A", 401_000, 1.0, r#""gateway_id":"H","#)));
    script.flush();
    assert_eq!(gateway(&script)[2..], [r#"Gateway("G") 0/1"#, r#"Gateway("H") 1/1"#]);
}

#[test]
fn a_sensor_leaves_after_expected_for_and_is_named() {
    let mut script = Script::with(Input::Sensors, Settings { expected_for_ms: 1_000_000, ..settings() });
    hear(&mut script, "1@0");
    script.idle_until(1_030_000);
    assert_eq!(script.coverage()["330600 all"], "0/1", "to the last millisecond it is expected");
    script.idle_until(1_060_000);
    assert_eq!(script.coverage()["330600 all"], "0/0");
    assert_eq!(script.task.report().numbers.departed, ["S"]);
    let deleted = script.written.iter().rfind(|output| output.key == b"collect-sensors-1|sensor|S").unwrap();
    assert_eq!(deleted.value, None);
    script.restart();
    hear(&mut script, "1@1100");
    script.flush();
    assert_eq!(script.coverage()["330600 all"], "1/1", "it may come back");
}

#[test]
fn a_sensor_that_measures_something_else_begins_anew() {
    let mut script = Script::new(Input::Sensors);
    hear(&mut script, "51@0");
    let other =
        reading("x", "S", 5_000, 1.0).replace("combustible_gas", "temperature").replace("%LEL", "Cel");
    script.read(message(5_000, 0, other));
    script.flush();
    assert_eq!(script.told()[..2], ["S red HH by 51@0", "S normal  by 51@5"]);
    assert_eq!(script.coverage()["330600 all"], "1/1");
}

#[test]
fn a_sensor_that_moves_takes_its_coverage_along() {
    let mut script = Script::new(Input::Sensors);
    hear(&mut script, "1@0");
    script.flush();
    script.read(message(5_000, 0, reading("x", "S", 5_000, 1.0).replace("330604104", "330602001")));
    script.flush();
    let coverage = script.coverage();
    assert_eq!(
        (&*coverage["330604 all"], &*coverage["330602 all"], &*coverage["330600 all"]),
        ("0/0", "1/1", "1/1")
    );
}

#[test]
fn being_heard_alone_writes_no_state_until_the_reading_would_leave_the_tail() {
    let mut script = Script::new(Input::Sensors);
    let written = |script: &Script| {
        script
            .written
            .iter()
            .filter(|output| output.topic == Topic::State && output.key.ends_with(b"|sensor|S"))
            .count()
    };
    for second in 0..600 {
        hear(&mut script, &format!("1@{second}"));
        script.flush();
    }
    assert_eq!(written(&script), 1);
    for second in 600..700 {
        hear(&mut script, &format!("1@{second}"));
        script.flush();
    }
    assert_eq!(written(&script), 2);
}

#[test]
fn more_sensors_than_there_is_room_for_are_refused_and_counted() {
    let mut script = Script::with(Input::Sensors, Settings { subjects_max: 2, ..settings() });
    for (offset, sensor) in ["A", "B", "C", "A"].iter().enumerate() {
        script.read(message(offset as i64, 0, reading(&format!("r{offset}"), sensor, offset as i64, 1.0)));
    }
    script.flush();
    assert_eq!(script.rejects(), ["2 over_limit"]);
    assert_eq!(script.task.report().numbers.limited["subjects_max"], 1);
    let letter = script.written.iter().find(|output| output.topic == Topic::Rejects).unwrap();
    assert!(header(letter, "detail").contains("subjects_max"));
}
