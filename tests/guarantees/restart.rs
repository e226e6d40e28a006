//! What a restart, a rebalance and a zombie must not do. The traps that cost others duplicates and lost alarms.

use hazstream::event::EventTime;
use hazstream::log::{Input, Topic, TopicPartition};
use serde_json::json;

use crate::RULES;
use crate::city::{City, NOON_MS, inspection, item, reading, text};

const SUSTAINED: &str = r#"
  - {name: sustained, count: {measure: readings, window: 1m, region: county, sector: all}, threshold: 2, for: 40s, level: red,
     summary: "{value}", summary_zh: "{value}"}
"#;

#[test]
fn a_restart_neither_sends_a_firing_alert_back_to_pending_nor_pages_twice() {
    // It is never up for long, so what is idle must be known soon.
    let mut city = City::with(&format!("{RULES}{SUSTAINED}"), 2, |settings| settings.idle_after_ms = 800);
    for turn in 0..25_i64 {
        let at_ms = city.clock_ms - NOON_MS;
        for sensor in ["s-1", "s-2"] {
            city.send(Input::Sensors, sensor, at_ms, reading(sensor, 60.0));
        }
        if turn == 5 {
            city.send(Input::Inspections, "e-1", at_ms, inspection(&[("h-1", "major")]));
        }
        city.pass(800);
        // At every moment of each alert's life, pending or firing.
        city.restart(0);
        city.pass(5_200);
    }
    let firing = ["sustained", "busy", "found"].map(|rule| city.steps(rule));
    assert_eq!(firing[0], ["pending@10 crossed", "firing@50 sustained"]);
    assert_eq!(firing[1], ["firing@10 crossed"]);
    assert_eq!(firing[2], ["firing@30 crossed"]);
    assert_eq!(city.steps("red").len(), 2, "one each: {:?}", city.steps("red"));
}

#[test]
fn every_timer_outlives_a_restart() {
    let mut city = City::new(&format!("{RULES}{SUSTAINED}"), 1);
    city.pass(1_000);
    let mut order = item("order_task", "o-1", "issued");
    order["due"] = json!(text(NOON_MS + 30_000));
    // A deadline, a sensor's silence, an on-delay of 5 s, a rule's `for`, a held stage, an acknowledgement's end.
    city.send(Input::Items, "o-1", 1_000, order);
    city.send(Input::Items, "c-1", 1_000, item("confined_space", "c-1", "entered"));
    city.send(Input::Inspections, "e-1", 1_000, inspection(&[("h-1", "major")]));
    let mut oxygen = reading("s-1", 18.0);
    (oxygen["quantity"], oxygen["unit"]) = (json!("oxygen"), json!("%VOL"));
    city.send(Input::Sensors, "s-1", 1_000, oxygen);
    city.send(Input::Sensors, "s-2", 1_000, reading("s-2", 1.0));
    city.pass(1_000);
    let alert = city.read(Topic::Alerts).into_iter().find(|alert| alert["rule"] == "found").unwrap();
    let ack =
        json!({"type": "ack", "alert_id": alert["id"], "by": "li.wei", "expires_at": text(NOON_MS + 35_000)});
    city.send(Input::Commands, "a", 2_000, ack);
    city.pass(1_000);
    // All of them are running. From here on nothing is sent: only what is kept in the state can bring them about.
    city.restart(0);
    city.pass(90_000);
    assert_eq!(city.steps("overdue"), ["firing@30 crossed"]);
    assert_eq!(city.steps("silent"), ["firing@21.001 crossed", "firing@21.001 crossed"]);
    assert_eq!(
        city.steps("sustained"),
        ["pending@10 crossed", "firing@50 sustained", "unknown@70 sources_silent"]
    );
    assert_eq!(city.steps("found"), ["firing@1 crossed", "acknowledged@2 command", "firing@35 expired"]);
    assert_eq!(city.reasons(), ["illegal_transition"], "the held stage was given up");
    let orange =
        city.read(Topic::WindowCloses).iter().filter(|r| r["counts"]["alarms_orange"] == json!(1)).count();
    assert!(orange > 0, "the on-delay ended");
}

/// A transaction's last offset is a control record: whoever reads "up to the last record" misses the one before it, or
/// waits for ever.
#[test]
fn a_restore_reads_up_to_the_very_last_control_record() {
    let mut city = City::new(RULES, 1);
    let state = TopicPartition { topic: Topic::State, partition: 0 };
    city.pass(3_000);
    for number in 0..19 {
        let id = format!("h-{number}");
        let at_ms = city.clock_ms - NOON_MS;
        city.send(Input::Inspections, "e-1", at_ms, inspection(&[(&id, "major")]));
        city.pass(1_200);
        let (_, stable, end) = city.broker.offsets(state).unwrap();
        let last = city.broker.committed_records(state, 0).last().unwrap().offset;
        assert_eq!((stable, last), (end, end - 2), "the newest change stands before the marker");
        city.restart(0);
        city.pass(2_800);
    }
    // Each restore knew the hazard of the transaction just before it: none was told twice, none is missing.
    assert_eq!(city.steps("found").len(), 19);
    assert_eq!(city.window("330600", "all", "5m")["counts"]["hazards_found_major"], json!(19));
}

#[test]
fn a_rebalance_in_the_middle_of_a_transaction_loses_and_repeats_nothing() {
    let mut city = City::new(RULES, 3);
    for turn in 0..40_i64 {
        let sensor = format!("s-{}", turn % 5);
        city.send(Input::Sensors, &sensor, turn * 500, reading(&sensor, 1.0));
        // Read, but not yet due to be committed: a transaction's worth of outputs is in the worker's hands.
        city.pass(200);
        match turn {
            5 => city.start(1),
            15 => city.start(2),
            25 => drop(city.stop(1)),
            _ => {}
        }
        city.pass(300);
    }
    city.pass(40_000);
    assert_all_counted(&city, 40);
}

#[test]
fn a_zombie_that_wakes_up_commits_nothing() {
    let mut city = City::new(RULES, 2);
    for turn in 0..10_i64 {
        city.send(Input::Sensors, "s-1", turn * 100, reading("s-1", 1.0));
        city.pass(100);
    }
    // It sleeps with outputs in its hands, is taken for dead, and another one does its work again.
    let mut zombie = city.stop(0);
    city.start(1);
    city.pass(20_000);
    assert_all_counted(&city, 10);
    let before = city.read(Topic::Windows);
    let woken = zombie.step(EventTime::from_ms(city.clock_ms), std::time::Duration::ZERO);
    assert!(!woken.is_ok_and(|step| step.committed), "what it had in its hands is void");
    let told = city.reports.lock().unwrap().members.last().cloned().expect("it was a member");
    assert_eq!((told.worker, told.stable), (0, false), "and it is ready only when it is a member again");
    drop(zombie);
    assert_eq!(city.read(Topic::Windows), before);
    city.pass(20_000);
    assert_all_counted(&city, 10);
}

#[test]
fn a_worker_that_waits_for_the_group_says_so_until_it_has_its_share() {
    let mut city = City::with_sessions(60_000, RULES, 2, |_| {});
    city.pass(2_000);
    // It hangs: its share cannot be given to anybody before its session ends.
    let _hanging = city.stop(0);
    city.start(1);
    let told = |city: &City| {
        let reports = city.reports.lock().unwrap();
        reports.troubles.last().map(|report| (report.worker, report.waits_for.clone()))
    };
    city.pass(25_000);
    assert_eq!(told(&city), None, "a rebalance may last a while");
    city.pass(10_000);
    let (worker, waits_for) = told(&city).expect("trouble");
    assert_eq!(worker, 1);
    assert!(waits_for.is_some_and(|what| what.starts_with("cannot join: ")));
    city.pass(60_000);
    assert_eq!(told(&city), Some((1, None)), "it goes on");
    assert!(city.reports.lock().unwrap().members.last().is_some_and(|member| member.stable));
}

fn assert_all_counted(city: &City, count: u64) {
    assert_eq!(city.window("330600", "all", "5m")["counts"]["readings"], json!(count));
    let last = city.reports.lock().unwrap().collect.iter().fold(
        std::collections::BTreeMap::new(),
        |mut last, report| {
            last.insert((report.input, report.partition), report.ledger);
            last
        },
    );
    assert_eq!(last.values().map(|ledger| ledger.counted).sum::<i64>(), count as i64);
    assert!(last.values().all(|ledger| ledger.duplicate == 0 && ledger.difference() == 0));
}
