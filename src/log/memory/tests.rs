//! What Kafka does, as claims about the memory log.

use std::time::Duration;

use super::{Broker, Faults, Layout, MemoryLog, Moment, Payload};
use crate::event::EventTime;
use crate::log::{Change, Failure, Input, Output, Topic, TopicPartition, Verdict};

const OUT: TopicPartition = TopicPartition { topic: Topic::Tallies, partition: 0 };
const STATE: TopicPartition = TopicPartition { topic: Topic::State, partition: 0 };

fn input(partition: u32) -> TopicPartition {
    TopicPartition { topic: Topic::Input(Input::Sensors), partition }
}

fn broker() -> Broker {
    Broker::new(Layout::all(4))
}

fn worker(broker: &Broker, id: &str) -> MemoryLog {
    let mut log = broker.join(id, "hazstream", &[input(0).topic]);
    log.renew().unwrap();
    log
}

fn write(log: &mut MemoryLog, at: TopicPartition, key: &str, value: Option<&str>) {
    let value = value.map(|text| text.as_bytes().to_vec());
    let (topic, partition) = (at.topic, Some(at.partition));
    log.produce(Output { topic, partition, key: key.into(), value, headers: vec![("h", b"1".to_vec())] })
        .unwrap();
}

fn send(broker: &Broker, at: TopicPartition, value: &str) {
    let payload = Payload { key: None, value: Some(value.into()), headers: vec![] };
    broker.send(at.topic, Some(at.partition), payload).unwrap();
}

/// What a read_committed reader finds: `offset:value`.
fn found(broker: &Broker, at: TopicPartition) -> String {
    let text = |value: &Option<Vec<u8>>| match value {
        Some(bytes) => String::from_utf8(bytes.clone()).unwrap(),
        None => "-".to_owned(),
    };
    let records = broker.committed_records(at, 0);
    let texts: Vec<String> =
        records.iter().map(|record| format!("{}:{}", record.offset, text(&record.payload.value))).collect();
    texts.join(" ")
}

fn verdict<T: std::fmt::Debug>(result: Result<T, Failure>) -> Verdict {
    result.unwrap_err().verdict
}

/// Polls once; the records as `partition:value`.
fn poll(log: &mut MemoryLog) -> (Vec<Change>, Vec<String>) {
    let mut read = Vec::new();
    let changes = log
        .poll(Duration::ZERO, 100, &mut |records| {
            for record in records {
                let value = std::str::from_utf8(record.value.unwrap()).unwrap();
                read.push(format!("{}:{value}", record.at.partition));
            }
        })
        .unwrap();
    (changes, read)
}

/// Lets all members poll and answer until the group is stable; what each one owns in the end.
fn balance(broker: &Broker, logs: &mut [&mut MemoryLog]) -> Vec<Vec<u32>> {
    for _ in 0..20 {
        for log in logs.iter_mut() {
            for change in poll(log).0 {
                match change {
                    Change::Assigned(partitions) => {
                        let at: Vec<_> = partitions.iter().map(|partition| (*partition, 0)).collect();
                        log.assign(&at).unwrap();
                    }
                    Change::Revoking(partitions) => log.release(&partitions).unwrap(),
                    Change::Lost(_) | Change::AtEnd(_) => {}
                }
            }
        }
    }
    assert!(broker.is_stable("hazstream"));
    logs.iter().map(|log| log.owned.iter().map(|at| at.partition).collect()).collect()
}

#[test]
fn a_transactions_last_offset_is_a_control_record() {
    let broker = broker();
    let mut log = worker(&broker, "a");
    for value in ["x", "y"] {
        log.begin().unwrap();
        write(&mut log, OUT, "k", Some(value));
        log.commit(&[]).unwrap();
    }
    assert_eq!(found(&broker, OUT), "0:x 2:y");
    assert_eq!(log.bounds(OUT).unwrap(), (0, 4));
    let mut offsets = Vec::new();
    let next = log.read(OUT, 0, 4, &mut |records| offsets.extend(records.iter().map(|r| r.offset))).unwrap();
    assert_eq!((offsets, next), (vec![0, 2], 4), "the position passes the marker");
}

#[test]
fn headers_and_keys_come_back_as_written() {
    let broker = broker();
    let mut log = worker(&broker, "a");
    log.begin().unwrap();
    write(&mut log, OUT, "k", Some("v"));
    log.commit(&[]).unwrap();
    let mut seen = Vec::new();
    log.read(OUT, 0, 9, &mut |records| {
        for record in records {
            seen.push((record.key.unwrap().to_vec(), record.headers[0].0.to_owned()));
        }
    })
    .unwrap();
    assert_eq!(seen, [(b"k".to_vec(), "h".to_owned())]);
}

#[test]
fn read_committed_stops_at_the_open_transaction() {
    let broker = broker();
    let (mut slow, mut quick) = (worker(&broker, "a"), worker(&broker, "b"));
    slow.begin().unwrap();
    write(&mut slow, OUT, "k", Some("slow"));
    quick.begin().unwrap();
    write(&mut quick, OUT, "k", Some("quick"));
    quick.commit(&[]).unwrap();
    assert_eq!(found(&broker, OUT), "");
    assert_eq!(broker.offsets(OUT).unwrap(), (0, 0, 3));
    assert_eq!(quick.read(OUT, 0, 3, &mut |_| panic!("nothing is stable yet")).unwrap(), 0);
    slow.commit(&[]).unwrap();
    assert_eq!(found(&broker, OUT), "0:slow 1:quick");
}

#[test]
fn aborted_records_are_never_seen_and_keep_their_offsets() {
    let broker = broker();
    let mut log = worker(&broker, "a");
    log.begin().unwrap();
    write(&mut log, OUT, "k", Some("void"));
    log.abort().unwrap();
    log.begin().unwrap();
    write(&mut log, OUT, "k", Some("valid"));
    log.commit(&[]).unwrap();
    assert_eq!(found(&broker, OUT), "2:valid");
}

#[test]
fn zombie_with_old_epoch_is_fenced() {
    let broker = broker();
    let mut zombie = worker(&broker, "same-id");
    zombie.begin().unwrap();
    write(&mut zombie, OUT, "k", Some("first"));
    let mut successor = worker(&broker, "same-id");
    write(&mut zombie, OUT, "k", Some("queued, so nobody complains yet"));
    assert_eq!(verdict(zombie.commit(&[])), Verdict::NewProducer);
    assert_eq!(verdict(zombie.begin()), Verdict::NewProducer, "only renew() helps");
    successor.begin().unwrap();
    write(&mut successor, OUT, "k", Some("second"));
    successor.commit(&[]).unwrap();
    assert_eq!(found(&broker, OUT), "2:second");
}

#[test]
fn a_killed_process_holds_the_stable_end_until_its_id_initialises_again() {
    let broker = broker();
    let mut log = worker(&broker, "a");
    log.begin().unwrap();
    write(&mut log, OUT, "k", Some("half"));
    drop(log);
    send(&broker, OUT, "after");
    assert_eq!(found(&broker, OUT), "");
    worker(&broker, "a");
    assert_eq!(found(&broker, OUT), "1:after");
}

#[test]
fn a_transaction_left_open_times_out_and_fences_its_producer() {
    let broker = broker();
    let mut log = worker(&broker, "a");
    log.begin().unwrap();
    write(&mut log, OUT, "k", Some("half"));
    broker.advance(EventTime::from_ms(10_000));
    assert_eq!(broker.offsets(OUT).unwrap().1, 0);
    broker.advance(EventTime::from_ms(10_001));
    assert_eq!(broker.offsets(OUT).unwrap(), (0, 2, 2));
    assert_eq!(verdict(log.commit(&[])), Verdict::NewProducer);
}

#[test]
fn committed_offset_is_unstable_while_a_transaction_is_open() {
    let broker = broker();
    let mut log = worker(&broker, "a");
    balance(&broker, &mut [&mut log]);
    log.begin().unwrap();
    log.die_at(1, Moment::Between);
    assert_eq!(verdict(log.commit(&[(input(0), 7)])), Verdict::Stop);
    let mut other = worker(&broker, "b");
    assert_eq!(verdict(other.committed(&[input(0)])), Verdict::Retry);
    assert_eq!(other.committed(&[input(1)]).unwrap(), [None]);
    worker(&broker, "a");
    assert_eq!(
        other.committed(&[input(0)]).unwrap(),
        [None],
        "the transaction was aborted, its offset with it"
    );
}

#[test]
fn outputs_and_offsets_are_committed_together() {
    let broker = broker();
    let mut log = worker(&broker, "a");
    balance(&broker, &mut [&mut log]);
    log.begin().unwrap();
    write(&mut log, OUT, "k", Some("one"));
    assert_eq!(log.committed(&[input(0)]).unwrap(), [None]);
    log.commit(&[(input(0), 3)]).unwrap();
    assert_eq!(log.committed(&[input(0)]).unwrap(), [Some(3)]);
    assert_eq!(found(&broker, OUT), "0:one");
}

#[test]
fn state_may_become_visible_after_the_offsets_that_were_committed_with_it() {
    let mut late_state = 0;
    for seed in 0..40 {
        let broker = broker();
        let mut log = worker(&broker, "a");
        balance(&broker, &mut [&mut log]);
        log.begin().unwrap();
        write(&mut log, STATE, "k", Some("state"));
        let mut faults = Faults::seeded(seed);
        faults.late_markers = 700;
        broker.set_faults(faults);
        log.commit(&[(input(0), 3)]).unwrap();
        let offset_is_stable = log.committed(&[input(0)]) == Ok(vec![Some(3)]);
        if offset_is_stable && found(&broker, STATE).is_empty() {
            late_state += 1;
            assert_eq!(
                broker.offsets(STATE).unwrap().2,
                1,
                "the high watermark tells that something is to come"
            );
            broker.heal();
            assert_eq!(found(&broker, STATE), "0:state");
        }
    }
    assert!(late_state > 0);
}

#[test]
fn every_partition_has_one_owner_and_a_joiner_gets_its_share_in_a_second_round() {
    let broker = broker();
    let mut first = worker(&broker, "a");
    assert_eq!(balance(&broker, &mut [&mut first]), [vec![0, 1, 2, 3]]);
    let mut second = worker(&broker, "b");
    poll(&mut second);
    let (told, _) = poll(&mut first);
    assert_eq!(told, [Change::Revoking(vec![input(2), input(3)]), Change::Assigned(vec![])]);
    assert_eq!(poll(&mut second).0, [Change::Assigned(vec![])], "nothing moves before it was given up");
    first.release(&[input(2), input(3)]).unwrap();
    assert_eq!(balance(&broker, &mut [&mut first, &mut second]), [vec![0, 1], vec![2, 3]]);
    first.leave().unwrap();
    assert_eq!(balance(&broker, &mut [&mut second]), [vec![0, 1, 2, 3]]);
}

#[test]
fn a_commit_of_an_older_generation_is_refused() {
    let broker = broker();
    let (mut a, mut b) = (worker(&broker, "a"), worker(&broker, "b"));
    balance(&broker, &mut [&mut a, &mut b]);
    a.begin().unwrap();
    write(&mut a, OUT, "k", Some("void"));
    let mut c = worker(&broker, "c");
    // c begins a round, a joins it, b is the last to join and ends it; a has not been told.
    poll(&mut c);
    poll(&mut a);
    poll(&mut b);
    assert_eq!(verdict(a.commit(&[(input(0), 5)])), Verdict::AbortAndRewind);
    a.abort().unwrap();
    assert_eq!(a.committed(&[input(0)]).unwrap(), [None]);
    assert_eq!(found(&broker, OUT), "");
}

#[test]
fn a_member_that_slept_through_its_session_loses_everything_and_cannot_commit() {
    let broker = broker();
    let (mut sleeper, mut other) = (worker(&broker, "a"), worker(&broker, "b"));
    balance(&broker, &mut [&mut sleeper, &mut other]);
    sleeper.begin().unwrap();
    broker.advance(EventTime::from_ms(6_000));
    poll(&mut other);
    broker.advance(EventTime::from_ms(10_001));
    assert_eq!(balance(&broker, &mut [&mut other]), [vec![0, 1, 2, 3]]);
    assert_eq!(verdict(sleeper.commit(&[(input(0), 5)])), Verdict::AbortAndRewind);
    assert_eq!(poll(&mut sleeper).0, [Change::Lost(vec![input(0), input(1)])]);
    let shares = balance(&broker, &mut [&mut sleeper, &mut other]);
    assert_eq!(shares, [vec![2, 3], vec![0, 1]], "the other keeps the first half of what it had");
}

#[test]
fn reading_goes_on_from_the_assigned_offset_and_tells_the_end_once() {
    let broker = broker();
    for value in ["a", "b", "c"] {
        send(&broker, input(1), value);
    }
    let mut log = worker(&broker, "a");
    poll(&mut log);
    log.assign(&[(input(1), 1)]).unwrap();
    assert_eq!(poll(&mut log), (vec![Change::AtEnd(input(1))], vec!["1:b".into(), "1:c".into()]));
    assert_eq!(poll(&mut log), (vec![], vec![]));
    log.pause(&[input(1)]).unwrap();
    send(&broker, input(1), "d");
    assert_eq!(poll(&mut log), (vec![], vec![]));
    log.resume(&[input(1)]).unwrap();
    assert_eq!(poll(&mut log).1, ["1:d"]);
    log.rewind(&[(input(1), 2)]).unwrap();
    assert_eq!(poll(&mut log).1, ["1:c", "1:d"]);
}

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
        log.die_at(1, moment);
        assert_eq!(verdict(log.commit(&[])), Verdict::Stop, "{moment:?}");
        assert!(log.is_dead());
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
