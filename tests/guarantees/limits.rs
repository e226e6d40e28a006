//! A change of sensors' limits while everything runs: in force without a restart, told once whatever dies, and no count differs.

use hazstream::log::memory::Moment;
use hazstream::log::{Input, Topic};

use crate::RULES;
use crate::city::{City, reading, taxonomy};

const SET_POINT: &str = "set_point: 50, deadband: 5, on_delay: 0s, off_delay: 30s,";

/// Half a minute of a sensor at 44 %LEL beside one at 10; the limits change after ten seconds, when `change` is told.
fn half_a_minute(change: impl Fn(&mut City)) -> City {
    let mut city = City::new(RULES, 2);
    city.pass(4_000);
    for turn in 0..60_i64 {
        for (sensor, value) in [("s-1", 44.0), ("s-2", 10.0)] {
            city.send(Input::Sensors, sensor, 4_000 + turn * 500, reading(sensor, value));
        }
        if turn == 20 {
            change(&mut city);
        }
        city.pass(500);
    }
    city.pass(15_000);
    city
}

/// The counts of the newest record of every cell's window.
fn readings(city: &City) -> Vec<String> {
    let last = |window: &str| city.window("330604", "all", window)["counts"]["readings"].to_string();
    vec![last("1m"), last("5m")]
}

#[test]
fn changed_limits_are_in_force_without_a_restart_told_once_and_change_no_count() {
    let untouched = half_a_minute(|_| {});
    assert!(untouched.steps("red").is_empty(), "44 is below 50");
    let lower = taxonomy(SET_POINT, "set_point: 40, deadband: 5, on_delay: 0s, off_delay: 30s,");
    for moment in [Moment::Before, Moment::Between, Moment::After] {
        // 0: nothing dies.
        for death in (0..40).step_by(4) {
            let city = half_a_minute(|city| {
                city.relimit(0, &lower);
                if death > 0 {
                    city.life(0).die_at(death, moment);
                }
            });
            let steps = city.steps("red");
            assert!(steps.len() == 1 && steps[0].starts_with("firing@"), "{moment:?} {death}: {steps:?}");
            assert_eq!(readings(&city), readings(&untouched), "{moment:?} {death}");
        }
    }
}

#[test]
fn limits_that_are_raised_end_what_they_no_longer_mean() {
    let raised = taxonomy(SET_POINT, "set_point: 50, deadband: 5, on_delay: 0s, off_delay: 2s,");
    let lower = taxonomy(SET_POINT, "set_point: 40, deadband: 5, on_delay: 0s, off_delay: 30s,");
    let city = half_a_minute(|city| {
        city.relimit(0, &lower);
        city.pass(3_000);
        city.relimit(0, &raised);
    });
    let steps: Vec<String> =
        city.steps("red").iter().map(|step| step.split('@').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(steps, ["firing", "resolved"]);
    assert!(city.records(Topic::Rejects).is_empty());
}
