//! The guarantee that gives this folder its reason: as if each event had been processed once, whatever happens.
//!
//! Each test runs the real binary on a real broker under load, does something to it, and then compares every window count,
//! dead letter and alert with the oracle's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg32;

use crate::client::{PATIENCE, Reader, Sender, has_forgotten};
use crate::deployment::{Deployment, Process};
use crate::load::Load;
use crate::support::broker;
use crate::support::disk::SmallDisk;
use crate::truth::Truth;

#[test]
fn every_window_count_and_alert_equals_the_oracle() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::new("oracle", broker.address());
    let load = Pump::start(&deployment, 1);
    let _process = deployment.start("a");
    progress(&deployment).wait_for(300);
    load.stop();
    Truth::of(&deployment).expect(&deployment);
}

#[test]
fn every_window_count_and_alert_equals_the_oracle_after_kill_9_at_20_random_moments() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::new("kill", broker.address());
    let load = Pump::start(&deployment, 2);
    let mut dice = Pcg32::seed_from_u64(20);
    for _ in 0..20 {
        let mut progress = progress(&deployment);
        let process = deployment.start("a");
        progress.wait_for(dice.random_range(0..60));
        process.kill();
    }
    let _process = deployment.start("a");
    progress(&deployment).wait_for(100);
    load.stop();
    Truth::of(&deployment).expect(&deployment);
}

#[test]
fn every_window_count_and_alert_equals_the_oracle_after_a_graceful_stop_and_start() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::new("graceful", broker.address());
    let load = Pump::start(&deployment, 3);
    for _ in 0..3 {
        let process = deployment.start("a");
        progress(&deployment).wait_for(100);
        process.stop();
    }
    let _process = deployment.start("a");
    progress(&deployment).wait_for(100);
    load.stop();
    Truth::of(&deployment).expect(&deployment);
}

#[test]
fn every_window_count_and_alert_equals_the_oracle_after_sigterm_in_the_middle_of_restores() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::new("unrestored", broker.address());
    let load = Pump::start(&deployment, 9);
    let process = deployment.start("a");
    progress(&deployment).wait_for(200);
    process.kill();
    for _ in 0..5 {
        let process = deployment.start("a");
        // It restores, and nobody waits until it is done.
        let restores = |process: &Process| !process.metric("hazstream_restore_progress_ratio").is_empty();
        process.wait_until("it to restore", restores);
        process.stop();
    }
    let _process = deployment.start("a");
    progress(&deployment).wait_for(100);
    load.stop();
    Truth::of(&deployment).expect(&deployment);
}

#[test]
fn every_window_count_and_alert_equals_the_oracle_with_1_then_3_then_2_processes() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::new("group", broker.address());
    let load = Pump::start(&deployment, 4);
    let first = deployment.start("a");
    progress(&deployment).wait_for(100);
    let second = deployment.start("b");
    let third = deployment.start("c");
    let all_work = || [&first, &second, &third].iter().all(|process| process.owned() > 0);
    progress(&deployment).wait_until("three processes to share the partitions", |_| all_work());
    progress(&deployment).wait_for(100);
    second.stop();
    progress(&deployment).wait_for(200);
    load.stop();
    Truth::of(&deployment).expect(&deployment);
    assert!(first.owned() > 0 && third.owned() > 0, "both that are left work");
}

#[test]
fn every_window_count_and_alert_equals_the_oracle_after_a_broker_restart() {
    let Some(mut broker) = broker::own("restart") else { return };
    until_shown(|| {
        let deployment = Deployment::new("restart", broker.address());
        let load = Pump::start(&deployment, 5);
        let mut process = deployment.start("a");
        progress(&deployment).wait_for(200);
        broker.crash_and_restart();
        has_shown(&deployment, &mut process, load, 200)
    });
}

/// A Kafka whose only disk is full ends itself. What must hold is that hazstream waits, and that nothing is missing afterwards.
#[test]
fn every_window_count_and_alert_equals_the_oracle_after_the_brokers_disk_was_full() {
    if broker::left_out() {
        return;
    }
    let Some(disk) = SmallDisk::mount(&broker::directory("full"), 100) else { return };
    let Some(mut broker) = broker::own("full") else { return };
    until_shown(|| {
        let deployment = Deployment::new("full", broker.address());
        let load = Pump::start(&deployment, 8);
        let mut process = deployment.start("a");
        progress(&deployment).wait_for(100);
        disk.fill();
        broker.expect_end();
        process.wait_until("it to wait", |process| {
            process.metric("hazstream_worker_waiting").iter().any(|(_, value)| *value == 1.0)
        });
        disk.free();
        broker.restart();
        let has_shown = has_shown(&deployment, &mut process, load, 100);
        assert!(process.log().contains("waits: "), "it says so");
        has_shown
    });
}

#[test]
fn every_window_count_and_alert_equals_the_oracle_after_a_zombie_wakes_up() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::new("zombie", broker.address());
    let load = Pump::start(&deployment, 6);
    let mut zombie = deployment.start("a");
    progress(&deployment).wait_for(100);
    zombie.signal("STOP");
    let mut heir = deployment.start("b");
    let inherits = |heir: &Process| heir.owned() == OWNED;
    progress(&deployment).wait_until("the heir to own every partition", |_| inherits(&heir));
    progress(&deployment).wait_for(100);
    zombie.signal("CONT");
    progress(&deployment)
        .wait_until("the woken one to work again", |_| 0 < zombie.owned() && zombie.owned() < OWNED);
    progress(&deployment).wait_for(100);
    load.stop();
    Truth::of(&deployment).expect(&deployment);
    zombie.expect_alive();
    heir.expect_alive();
}

#[test]
fn conservation_holds_at_every_commit() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::new("conservation", broker.address());
    let load = Pump::start(&deployment, 7);
    let process = deployment.start("a");
    for _ in 0..30 {
        progress(&deployment).wait_for(10);
        for (labels, difference) in process.metric("hazstream_conservation_difference") {
            assert_eq!(difference, 0.0, "{labels}");
        }
    }
    load.stop();
    let truth = Truth::of(&deployment);
    truth.expect(&deployment);
    assert_eq!(process.metric("hazstream_conservation_difference").len(), 6, "one for each input partition");
    for input in ["sensors", "inspections"] {
        let found = |outcome: &str| {
            let labels = format!("{{input=\"{input}\",outcome=\"{outcome}\"}}");
            let samples = process.metric("hazstream_events_total");
            samples.iter().find(|(own, _)| *own == labels).map_or(0, |(_, value)| *value as u64)
        };
        let ledger = truth.ledger(input);
        let wanted = (ledger.counted, ledger.duplicate, ledger.rejected);
        assert_eq!((found("counted"), found("duplicate"), found("rejected")), wanted, "{input}");
    }
}

/// Three partitions each of two inputs and of the tallies.
const OWNED: usize = 9;

/// The tallies, as they are written: what a worker does all the time.
fn progress(deployment: &Deployment) -> Reader {
    Reader::of_progress(deployment.address(), &deployment.topic("tallies"))
}

/// Begins anew where the broker has forgotten a transaction: nothing can be shown with that one.
fn until_shown(mut show: impl FnMut() -> bool) {
    assert!((0..3).any(|_| show()), "the broker forgets a transaction each time");
}

/// After a crash of the broker: the process goes on, and nothing is missing. False if the broker has forgotten a transaction.
fn has_shown(deployment: &Deployment, process: &mut Process, load: Pump, records: u32) -> bool {
    let goes_on = goes_on(deployment, process, records);
    load.stop();
    if goes_on {
        Truth::of(deployment).expect(deployment);
    }
    process.expect_alive();
    goes_on
}

/// Wait for so many more tallies after a crash of the broker; false if it has forgotten a transaction.
fn goes_on(deployment: &Deployment, process: &Process, records: u32) -> bool {
    let began = Instant::now();
    let mut left = records;
    let mut forgotten = None;
    progress(deployment).wait_until("records", |record| {
        left -= u32::from(record.is_some() && left > 0);
        if began.elapsed() > PATIENCE / 4 {
            let [input, state] = ["sensors", "state"].map(|name| deployment.topic(name));
            let ask = || has_forgotten(deployment.address(), &deployment.group(), &input, &state);
            forgotten.get_or_insert_with(ask);
        }
        let is_late = began.elapsed() > PATIENCE - Duration::from_secs(5);
        assert!(!is_late, "it does not go on; owned: {}; {}", process.owned(), process.log());
        left == 0 || forgotten == Some(true)
    });
    forgotten != Some(true)
}

/// Sends events, several hundred a second, until it is stopped.
struct Pump {
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Pump {
    fn start(deployment: &Deployment, seed: u64) -> Pump {
        let stopping = Arc::new(AtomicBool::new(false));
        let topics = ["sensors", "inspections"].map(|input| (input, deployment.topic(input)));
        let sender = Sender::new(deployment.address());
        let told = Arc::clone(&stopping);
        let thread = std::thread::spawn(move || {
            let mut load = Load::new(seed);
            while !told.load(Ordering::Relaxed) {
                let event = load.next(jiff::Timestamp::now().as_millisecond());
                let (_, topic) = topics.iter().find(|(input, _)| *input == event.input).unwrap();
                sender.send(topic, &event.key, &event.value);
                sender.pace(Duration::from_millis(1));
            }
            sender.flush();
        });
        Pump { stopping, thread }
    }

    fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.thread.join().expect("the load was sent");
    }
}
