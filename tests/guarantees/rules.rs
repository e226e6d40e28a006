//! A change of rules while everything runs: announced once whatever dies, at one place in the log, and replayed there.

use std::sync::Arc;

use hazstream::assess::{AssessTask, Entry, Settings, read_rules};
use hazstream::event::EventTime;
use hazstream::log::memory::Moment;
use hazstream::log::{Input, Output, Topic, TopicPartition};
use hazstream::worker::{PATIENCE_MS, Proposal};
use serde_json::json;

use crate::RULES;
use crate::city::{City, NOON_MS, reading};

const TWO: &str = r#"
  - {name: busy, count: {measure: readings, window: 1m, region: county, sector: all}, threshold: 2, clear: 1, level: yellow,
     summary: "{value}", summary_zh: "{value}"}
"#;

/// Rules that have stood on a disk since so many milliseconds after noon.
fn found(city: &City, rules: &str, since_ms: i64) -> Arc<Proposal> {
    let plan = &city.plan;
    let text = format!("rules:\n{rules}");
    let rules = read_rules("the test's rules", &text, &plan.taxonomy, &plan.assess.windows).unwrap();
    Arc::new(Proposal::new(rules, EventTime::from_ms(NOON_MS + since_ms)))
}

/// The changes of rules in each tallies partition: number and hash.
fn announced(city: &City) -> Vec<Vec<(u64, String)>> {
    let of = |partition| {
        let records = city.broker.committed_records(TopicPartition { topic: Topic::Tallies, partition }, 0);
        let entries =
            records.iter().map(|record| Entry::decode(record.payload.value.as_deref().unwrap()).unwrap());
        entries
            .filter_map(|entry| match entry {
                Entry::Rules(announced) => Some((announced.number, announced.hash())),
                Entry::Tally(_) => None,
            })
            .collect()
    };
    (0..city.plan.tallies_partitions).map(of).collect()
}

/// What a task that nothing befell tells of a partition's log, begun with these rules, whatever they are.
fn replayed(city: &City, partition: u32, given: &[hazstream::assess::Rule]) -> Vec<Vec<u8>> {
    let settings = Settings { rules: given.to_vec(), ..Settings::clone(&city.plan.assess) };
    let mut task = AssessTask::new(partition, city.plan.taxonomy.clone(), Arc::new(settings));
    let mut out: Vec<Output> = Vec::new();
    for record in city.broker.committed_records(TopicPartition { topic: Topic::Tallies, partition }, 0) {
        match Entry::decode(record.payload.value.as_deref().unwrap()).unwrap() {
            Entry::Tally(tally) => task.apply(&tally, record.offset, &mut out),
            Entry::Rules(announced) => task.switch(&announced, record.offset, &mut out),
        }
    }
    out.into_iter().filter(|o| o.topic == Topic::AlertEvents).map(|o| o.value.unwrap()).collect()
}

#[test]
fn a_change_of_rules_is_announced_once_whatever_dies_and_replays_at_its_place_to_the_byte() {
    for moment in [Moment::Before, Moment::Between, Moment::After] {
        for death in (1..45).step_by(4) {
            let mut city = City::new(RULES, 2);
            city.propose(0, found(&city, RULES, -1_000));
            city.pass(4_000);
            for second in 0..30_i64 {
                city.send(Input::Sensors, "s-1", 4_000 + second * 500, reading("s-1", 1.0));
                if second == 10 {
                    city.propose(0, found(&city, TWO, city.clock_ms - NOON_MS));
                    city.life(0).die_at(death, moment);
                }
                city.pass(500);
            }
            city.pass(20_000);
            let announced = announced(&city);
            let numbers: Vec<u64> = announced[0].iter().map(|(number, _)| *number).collect();
            assert_eq!(numbers, [1, 2], "{moment:?} {death}");
            assert_eq!(announced[0], announced[1], "in every partition, each once: {moment:?} {death}");

            let given = [city.plan.assess.rules.clone(), Vec::new()];
            let sent: Vec<Vec<u8>> = city
                .records(Topic::AlertEvents)
                .into_iter()
                .map(|r| r.payload.value.clone().unwrap())
                .collect();
            for given in given {
                let mut again: Vec<Vec<u8>> = (0..2).flat_map(|p| replayed(&city, p, &given)).collect();
                let mut sent = sent.clone();
                again.sort();
                sent.sort();
                assert_eq!(again, sent, "{moment:?} {death}");
            }
            let steps = city.steps("busy");
            assert_eq!(steps.len(), 2, "one firing, one change: {steps:?}");
            assert!(steps[1].ends_with("rule_changed"), "{steps:?}");
        }
    }
}

#[test]
fn a_restart_with_newer_rules_puts_them_in_force_and_one_with_the_same_pages_nobody() {
    let mut city = City::new(RULES, 1);
    city.propose(0, found(&city, RULES, -1_000));
    for second in 0..4_i64 {
        city.send(Input::Sensors, "s-1", second * 500, reading("s-1", 1.0));
        city.pass(500);
    }
    city.restart(0);
    city.pass(3_000);
    assert_eq!(announced(&city)[0].len(), 1, "they are in force");
    let newer = city.clock_ms - NOON_MS;
    city.propose(0, found(&city, TWO, newer));
    city.restart(0);
    city.pass(3_000);
    assert_eq!(announced(&city)[0].len(), 2);
    assert_eq!(
        city.steps("busy").iter().map(|s| s.split(' ').nth(1).unwrap().to_owned()).collect::<Vec<_>>(),
        ["crossed", "rule_changed"]
    );
}

#[test]
fn a_replica_whose_mount_lags_does_not_bring_old_rules_back_when_it_takes_over() {
    let mut city = City::new(RULES, 2);
    let old = found(&city, RULES, -1_000);
    city.propose(0, Arc::clone(&old));
    city.pass(4_000);
    city.propose(0, found(&city, TWO, city.clock_ms - NOON_MS));
    city.pass(4_000);
    city.start(1);
    city.propose(1, Arc::clone(&old));
    drop(city.stop(0));
    city.pass(PATIENCE_MS / 2);
    let numbers: Vec<u64> = announced(&city)[0].iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2], "it has time to catch up");
    // It never does: what is on the owner's disk wins in the end.
    city.pass(PATIENCE_MS);
    let announced = announced(&city);
    assert_eq!(announced[0].iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(announced[0][2].1, old.hash());
    assert_eq!(announced[0], announced[1]);
}

#[test]
fn a_rule_that_is_gone_resolves_what_it_raised() {
    let mut city = City::new(RULES, 2);
    city.propose(0, found(&city, RULES, -1_000));
    city.pass(4_000);
    let mut hazard = crate::city::inspection(&[("h-1", "major")]);
    hazard["enterprise_id"] = json!("e-1");
    city.send(Input::Inspections, "e-1", 4_000, hazard);
    city.pass(2_000);
    assert_eq!(city.steps("found"), ["firing@4 crossed"]);
    city.propose(0, found(&city, TWO, city.clock_ms - NOON_MS));
    city.pass(4_000);
    let steps = city.steps("found");
    assert!(steps.len() == 2 && steps[1].ends_with(" rule_gone"), "{steps:?}");
    city.restart(0);
    city.pass(10_000);
    assert_eq!(city.steps("found"), steps, "and stay so");
}
