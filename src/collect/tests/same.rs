//! What must come out the same: whatever the batches, the flushes and the restarts, and whatever the order within the
//! disorder allowed.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::script::{Message, Script, hazard, inspection, message, order, reading_with, settings, text};
use crate::collect::{Ledger, Settings};
use crate::log::Input;
use crate::tally::What;

/// One step of a random script.
#[derive(Clone, Debug)]
enum Step {
    Read(Message),
    Flush,
    /// The partition is silent for so long.
    Idle(i64),
}

/// How a script is run.
#[derive(Clone, Copy, Debug, Default)]
struct Manner {
    /// Every record in a run of its own, flushed at once; or else runs as long as possible.
    one_by_one: bool,
    /// The process dies after every so many flushes; 0: never.
    restart_every: usize,
}

/// Everything that a script tells, where neither batches nor destinations matter.
#[derive(Debug, PartialEq)]
struct Outcome {
    counts: BTreeMap<String, u32>,
    /// By subject, in order. What gateways hear is told anew after a restart: their last word counts.
    signals: BTreeMap<String, Vec<String>>,
    rejects: Vec<String>,
    coverage: BTreeMap<String, String>,
    ledger: Ledger,
    watermark: i64,
}

fn run(input: Input, settings: &Settings, steps: &[Step], manner: Manner) -> Outcome {
    let mut script = Script::with(input, settings.clone());
    let mut waiting: Vec<Message> = Vec::new();
    let mut flushes = 0_usize;
    for step in steps {
        match step {
            Step::Read(message) if manner.one_by_one => {
                script.read(message.clone());
                script.flush();
            }
            Step::Read(message) => waiting.push(message.clone()),
            Step::Flush => {
                script.read_all(&std::mem::take(&mut waiting));
                script.flush();
                flushes += 1;
                if manner.restart_every > 0 && flushes.is_multiple_of(manner.restart_every) {
                    script.restart();
                }
            }
            Step::Idle(ms) => {
                script.read_all(&std::mem::take(&mut waiting));
                let until = script.clock.ms - super::script::START_MS + ms;
                script.idle_until(until);
            }
        }
    }
    script.read_all(&waiting);
    script.flush();
    let mut signals: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for signal in script.signals() {
        let told = signals.entry(format!("{:?}", signal.subject)).or_default();
        if let What::Gateway { heard, expected } = signal.what {
            *told = vec![format!("{heard}/{expected}")];
        } else {
            told.push(format!("{signal:?}"));
        }
    }
    Outcome {
        counts: script.counts(),
        signals,
        rejects: script.rejects(),
        coverage: script.coverage(),
        ledger: script.ledger(),
        watermark: script.task.report().watermark.ms,
    }
}

/// Compares part by part, so that a failure shows the part.
fn same(left: &Outcome, right: &Outcome) -> Result<(), TestCaseError> {
    prop_assert_eq!(&left.ledger, &right.ledger);
    prop_assert_eq!(left.watermark, right.watermark);
    prop_assert_eq!(&left.rejects, &right.rejects);
    prop_assert_eq!(&left.counts, &right.counts);
    prop_assert_eq!(&left.coverage, &right.coverage);
    for subject in left.signals.keys().chain(right.signals.keys()) {
        prop_assert_eq!(left.signals.get(subject), right.signals.get(subject));
    }
    Ok(())
}

/// Small horizons, so that a short script passes all of them.
fn short() -> Settings {
    Settings {
        dedup_horizon_ms: 40_000,
        longest_horizon_ms: 450_000,
        hold_for_ms: 60_000,
        expected_for_ms: 1_500_000,
        held_max: 6,
        subjects_max: 12,
        ..settings()
    }
}

/// Steps of which one in eight is a flush or a silence; `write` makes the message of an id, a time and a choice.
fn steps(write: fn(u32, i64, u32) -> String) -> impl Strategy<Value = Vec<Step>> {
    let step = (0..24_u32, 0..60_u32, 0..4_000_i64, 0..40_000_i64, 0..1_000_000_u32);
    prop::collection::vec(step, 1..160).prop_map(move |raw| {
        let mut now = 0;
        let mut steps = Vec::new();
        for (what, id, pause, late, choice) in raw {
            now += pause;
            steps.push(match what {
                0 | 1 => Step::Flush,
                2 => {
                    now += 15_000 + late * 20;
                    Step::Idle(15_000 + late * 20)
                }
                // Late, up to ten minutes; ahead of its arrival; not an event at all.
                3 => Step::Read(Message {
                    arrival_ms: now,
                    value: write(id, now - late * if choice % 2 == 0 { 10 } else { 150 }, choice)
                        .into_bytes(),
                }),
                4 => Step::Read(Message {
                    arrival_ms: now,
                    value: write(id, now + late * 3, choice).into_bytes(),
                }),
                5 => Step::Read(Message { arrival_ms: now, value: b"{".to_vec() }),
                _ => Step::Read(Message {
                    arrival_ms: now,
                    value: write(id, now - late / 4, choice).into_bytes(),
                }),
            });
        }
        steps
    })
}

fn any_reading(id: u32, time_ms: i64, choice: u32) -> String {
    let sensor = format!("S-{}", choice % 14);
    let value = [1.0, 24.0, 26.0, 49.0, 51.0][choice as usize / 14 % 5];
    let mut more =
        ["", "", "", r#""quality":"uncertain","#, r#""quality":"bad","#][choice as usize / 70 % 5].to_owned();
    if !(choice / 350).is_multiple_of(3) {
        more += &format!(r#""gateway_id":"G-{}","#, choice % 3);
    }
    reading_with(&format!("r{}", id + 60 * (choice % 5)), &sensor, time_ms, value, &more)
}

fn any_stage(id: u32, time_ms: i64, choice: u32) -> String {
    let stages = ["issued", "received", "feedback", "returned", "closed", "extended"];
    let stage = stages[choice as usize % stages.len()];
    order(&format!("i{}", id + 60 * (choice % 5)), &format!("O-{}", choice / 6 % 14), stage, time_ms)
}

fn any_hazard(id: u32, time_ms: i64, choice: u32) -> String {
    let id = format!("h{}", id + 60 * (choice % 5));
    let name = format!("H-{}", choice / 7 % 14);
    let grade = if (choice / 7).is_multiple_of(2) { "major" } else { "general" };
    let stages = ["found", "registered", "rectifying", "submitted", "accepted", "closed"];
    match stages.get(choice as usize % 7) {
        Some(stage) => hazard(&id, &name, stage, time_ms, &format!(r#""grade":"{grade}","#)),
        None => inspection(&id, time_ms, &[&format!("{name} {grade}"), "H-99 general"]),
    }
}

const ONE_BY_ONE: Manner = Manner { one_by_one: true, restart_every: 0 };
const IN_RUNS: Manner = Manner { one_by_one: false, restart_every: 0 };

fn dies_every(restart_every: usize) -> Manner {
    Manner { one_by_one: false, restart_every }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn batches_and_flushes_change_nothing_for_sensors(steps in steps(any_reading)) {
        same(&run(Input::Sensors, &short(), &steps, ONE_BY_ONE), &run(Input::Sensors, &short(), &steps, IN_RUNS))?;
    }

    #[test]
    fn batches_and_flushes_change_nothing_for_items(steps in steps(any_stage)) {
        same(&run(Input::Items, &short(), &steps, ONE_BY_ONE), &run(Input::Items, &short(), &steps, IN_RUNS))?;
    }

    #[test]
    fn a_sensor_task_that_dies_after_any_flush_goes_on_as_if_it_had_not(steps in steps(any_reading), every in 1..4_usize) {
        same(&run(Input::Sensors, &short(), &steps, dies_every(every)), &run(Input::Sensors, &short(), &steps, IN_RUNS))?;
    }

    #[test]
    fn an_item_task_that_dies_after_any_flush_goes_on_as_if_it_had_not(steps in steps(any_stage), every in 1..4_usize) {
        same(&run(Input::Items, &short(), &steps, dies_every(every)), &run(Input::Items, &short(), &steps, IN_RUNS))?;
    }

    #[test]
    fn an_inspection_task_that_dies_after_any_flush_goes_on_as_if_it_had_not(steps in steps(any_hazard), every in 1..4_usize) {
        same(&run(Input::Inspections, &short(), &steps, dies_every(every)), &run(Input::Inspections, &short(), &steps, IN_RUNS))?;
    }

    #[test]
    fn the_order_within_the_disorder_changes_no_count(
        order in Just((0..200_i64).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        // All within 20 s of event time; sensors stay quiet, since their levels follow the log's order by design.
        let counts = |order: &[i64]| {
            let mut script = Script::new(Input::Sensors);
            for (arrival, index) in (0_i64..).zip(order) {
                let value = reading_with(&index.to_string(), &format!("S-{}", index % 7), index * 100, 1.0, "");
                script.read(Message { arrival_ms: 20_000 + arrival, value: value.into_bytes() });
            }
            script.flush();
            (script.counts(), script.rejects(), script.coverage())
        };
        prop_assert_eq!(counts(&order), counts(&(0..200).collect::<Vec<_>>()));
    }

    #[test]
    fn the_order_of_arrival_changes_nothing_of_a_lawful_hazard(
        order in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let stages = ["found", "registered", "rectifying", "submitted", "returned", "submitted", "accepted", "closed"];
        let counts = |order: &[usize]| {
            let mut script = Script::new(Input::Inspections);
            for (arrival, index) in (0_i64..).zip(order) {
                let more = r#""grade":"major","#;
                let value = hazard(&index.to_string(), "H-1", stages[*index], *index as i64 * 1_000, more);
                script.read(Message { arrival_ms: 10_000 + arrival, value: value.into_bytes() });
            }
            script.flush();
            (script.counts(), script.rejects(), script.ledger())
        };
        prop_assert_eq!(counts(&order), counts(&(0..8).collect::<Vec<_>>()));
    }
}

#[test]
fn an_id_is_known_through_a_restart_exactly_as_long_as_without_one() {
    for (again_ms, duplicate) in [(0, 1), (599_999, 1), (600_000, 1), (600_001, 0)] {
        for restarts in [false, true] {
            let mut script = Script::new(Input::Sensors);
            let value = reading_with("a", "S-1", 0, 1.0, "");
            script.read(message(0, 0, value.clone()));
            // Heard again in between: that makes it no younger, after a restart neither.
            if again_ms > 300_000 {
                script.read(Message { arrival_ms: 300_000, value: value.clone().into_bytes() });
            }
            let before = script.ledger().duplicate;
            script.flush();
            if restarts {
                script.restart();
            }
            script.read(Message { arrival_ms: again_ms, value: value.into_bytes() });
            let known = script.ledger().duplicate - before;
            assert_eq!(known, duplicate, "after {again_ms} ms, restarts: {restarts}");
        }
    }
}

#[test]
fn a_refused_event_may_come_again_under_its_id() {
    let mut script = Script::with(Input::Sensors, Settings { subjects_max: 1, ..settings() });
    script.read(message(0, 0, reading_with("a", "S-1", 0, 1.0, "")));
    for round in 0..2 {
        script.read(message(1_000, round, reading_with("b", "S-2", 1_000, 1.0, "")));
        script.flush();
        script.restart();
    }
    script.read(message(2_000, 0, reading_with("b", "S-1", 2_000, 1.0, "")));
    script.flush();
    assert_eq!(script.rejects(), ["1 over_limit", "2 over_limit"]);
    assert_eq!(script.ledger().counted, 2, "{} {:?}", text(0), script.ledger());
}
