//! Membership and reading, as claims.

use super::*;

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
