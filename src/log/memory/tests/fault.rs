//! Retention, compaction and faults, as claims.

use super::*;

#[test]
fn a_position_that_retention_deleted_stops_instead_of_skipping() {
    let broker = broker();
    send(&broker, input(0), "gone");
    send(&broker, input(0), "here");
    let mut log = worker(&broker, "a");
    poll(&mut log);
    log.assign(&[(input(0), 0)]).unwrap();
    broker.truncate(input(0), 1);
    assert_eq!(verdict(log.poll(Duration::ZERO, 9, &mut |_| {})), Verdict::Stop);
}

#[test]
fn compaction_keeps_the_newest_of_each_key_and_no_tombstones() {
    let broker = broker();
    let mut log = worker(&broker, "a");
    for (key, value) in [("x", Some("1")), ("y", Some("2")), ("x", Some("3")), ("y", None), ("z", Some("4"))]
    {
        log.begin().unwrap();
        write(&mut log, STATE, key, value);
        log.commit(&[]).unwrap();
    }
    log.begin().unwrap();
    write(&mut log, STATE, "x", Some("open"));
    broker.compact(STATE.topic);
    assert_eq!(found(&broker, STATE), "4:3 8:4");
    assert_eq!(log.read(STATE, 0, 10, &mut |_| {}).unwrap(), 10);
    log.abort().unwrap();
    assert_eq!(found(&broker, STATE), "4:3 8:4", "what was open did not displace what was committed");
}

#[test]
fn a_timed_out_commit_may_have_happened() {
    let (mut happened, mut not) = (0, 0);
    for seed in 0..200 {
        let broker = broker();
        let mut log = worker(&broker, "a");
        log.begin().unwrap();
        write(&mut log, OUT, "k", Some("v"));
        let mut faults = Faults::seeded(seed);
        faults.failures = 1000;
        broker.set_faults(faults);
        let result = log.commit(&[]);
        broker.heal();
        if verdict(result) == Verdict::NewProducer {
            match found(&broker, OUT).as_str() {
                "0:v" => happened += 1,
                _ => not += 1,
            }
        }
    }
    assert!(happened > 10 && not > 10, "{happened} happened, {not} did not");
}

#[test]
fn a_dead_process_does_nothing_any_more() {
    for (moment, expected) in [(Moment::Before, ""), (Moment::Between, ""), (Moment::After, "0:v")] {
        let broker = broker();
        let mut log = worker(&broker, "a");
        log.begin().unwrap();
        write(&mut log, OUT, "k", Some("v"));
        log.lifeline().die_at(1, moment);
        assert_eq!(verdict(log.commit(&[])), Verdict::Stop, "{moment:?}");
        assert!(log.lifeline().is_dead());
        assert_eq!(verdict(log.renew()), Verdict::Stop);
        assert_eq!(found(&broker, OUT), expected, "{moment:?}");
    }
}

#[test]
fn retention_bounds_memory_but_never_what_the_group_has_still_to_read() {
    let broker = Broker::new(Layout { retained: Some(10), ..Layout::all(1) });
    let mut log = worker(&broker, "a");
    balance(&broker, &mut [&mut log]);
    for _ in 0..100 {
        send(&broker, input(0), "v");
    }
    assert_eq!(broker.offsets(input(0)).unwrap().0, 0);
    log.begin().unwrap();
    log.commit(&[(input(0), 60)]).unwrap();
    for _ in 0..20 {
        send(&broker, input(0), "v");
    }
    assert_eq!(broker.offsets(input(0)).unwrap().0, 60);
}

#[test]
fn what_transactions_write_is_cleaned_too_whatever_their_size() {
    let broker = Broker::new(Layout { retained: Some(10), ..Layout::all(1) });
    let mut log = worker(&broker, "a");
    for _ in 0..99 {
        log.begin().unwrap();
        ["a", "b", "c", "d", "e", "f"].iter().for_each(|key| write(&mut log, STATE, key, Some("v")));
        log.commit(&[]).unwrap();
    }
    let kept = broker.committed_records(STATE, 0).len();
    assert!(kept < 30, "{kept} of 594 records are kept, of six keys");
}

#[test]
fn the_same_seed_brings_the_same_faults() {
    let run = |seed| {
        let broker = broker();
        let mut log = worker(&broker, "a");
        let mut faults = Faults::seeded(seed);
        faults.failures = 300;
        broker.set_faults(faults);
        (0..50).map(|_| log.partitions(OUT.topic).is_ok()).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
