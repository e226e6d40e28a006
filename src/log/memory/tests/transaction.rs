//! Transactions, as claims.

use super::*;

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
            seen.push((record.key.unwrap().to_vec(), record.headers.all()[0].0.to_owned()));
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
    log.lifeline().die_at(1, Moment::Between);
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
