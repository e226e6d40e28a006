//! What [`hazstream::log::Log`] promises, on a real Kafka.

use hazstream::kafka::feed::Feed;
use hazstream::log::{Cause, Topic, Verdict};

use crate::member::{Member, NOW, PATIENCE, SENSORS, at, feed, output, patiently, settings};
use crate::support::broker;

const ALERTS: Topic = Topic::Alerts;

#[test]
fn commit_makes_outputs_and_offsets_visible_together() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "commit", "");
    feed(&settings, 40);
    let mut member = Member::new(&settings, 0);
    member.poll_until("every reading was read", |member| member.count() == 40);
    // Only now: it would be given a share of the readings.
    let mut other = Member::new(&settings, 1);
    let offsets = member.offsets();
    let partitions: Vec<_> = offsets.iter().map(|(at, _)| *at).collect();

    member.log.begin().unwrap();
    for n in 0..5 {
        member.log.produce(&output(ALERTS, 0, &n.to_string())).unwrap();
    }
    assert_eq!(other.log.committed(&partitions).unwrap(), vec![None; partitions.len()]);
    member.log.commit(&offsets).unwrap();

    assert_eq!(other.committed_values(at(ALERTS, 0)), ["0", "1", "2", "3", "4"]);
    let committed = patiently(|| other.log.committed(&partitions));
    assert_eq!(committed, offsets.iter().map(|(_, offset)| Some(*offset)).collect::<Vec<_>>());
}

#[test]
fn abort_leaves_nothing() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "abort", "");
    feed(&settings, 8);
    let mut member = Member::new(&settings, 0);
    member.poll_until("every reading was read", |member| member.count() == 8);

    member.log.abort().expect("none open is fine");
    member.log.begin().unwrap();
    member.log.produce(&output(ALERTS, 0, "aborted")).unwrap();
    member.log.abort().unwrap();
    member.log.begin().unwrap();
    member.log.produce(&output(ALERTS, 0, "kept")).unwrap();
    member.log.commit(&[]).unwrap();

    assert_eq!(member.committed_values(at(ALERTS, 0)), ["kept"]);
    assert_eq!(patiently(|| member.log.committed(&[at(SENSORS, 0)])), [None]);
}

#[test]
fn old_epoch_is_fenced() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "epoch", "");
    let mut old = Member::new(&settings, 0);
    old.log.begin().unwrap();
    old.log.produce(&output(ALERTS, 0, "old")).unwrap();

    let mut new = Member::new(&settings, 0);
    let failure = old.log.commit(&[]).unwrap_err();
    assert_eq!(failure.verdict, Verdict::NewProducer, "{failure}");
    new.log.begin().unwrap();
    new.log.produce(&output(ALERTS, 0, "new")).unwrap();
    new.log.commit(&[]).unwrap();

    assert_eq!(new.committed_values(at(ALERTS, 0)), ["new"]);
}

#[test]
fn two_processes_with_one_id_are_named() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "fight", "");
    let mut one = Member::new(&settings, 0);
    let mut two = Member::new(&settings, 0);
    for _ in 0..20 {
        one.log.begin().unwrap();
        one.log.produce(&output(ALERTS, 0, "mine")).unwrap();
        one.log.commit(&[]).unwrap_err();
        match one.log.renew() {
            Ok(()) => {}
            Err(failure) => {
                assert_eq!((failure.verdict, failure.cause), (Verdict::Stop, Cause::Fenced), "{failure}");
                let id = hazstream::kafka::transactional_id(&settings.kafka, 0);
                assert!(failure.message.contains(&id), "{failure}");
                return;
            }
        }
        std::mem::swap(&mut one, &mut two);
    }
    panic!("they fence each other for ever");
}

#[test]
fn read_stops_at_the_committed_end_though_the_last_offset_is_a_control_record() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "control", "");
    let mut member = Member::new(&settings, 0);
    let partition = at(Topic::State, 2);
    let write = |member: &mut Member, value: &str| {
        member.log.begin().unwrap();
        member.log.produce(&output(Topic::State, 2, value)).unwrap();
    };
    write(&mut member, "a");
    member.log.commit(&[]).unwrap();
    assert_eq!(patiently(|| member.log.bounds(partition)), (0, 2), "a record and a marker");
    assert_eq!(member.committed_values(partition), ["a"]);

    // An aborted end is no different.
    write(&mut member, "b");
    member.log.abort().unwrap();
    assert_eq!(member.committed_values(partition), ["a"]);
    write(&mut member, "c");
    member.log.commit(&[]).unwrap();
    assert_eq!(member.committed_values(partition), ["a", "c"]);
}

#[test]
fn a_read_does_not_pass_an_open_transaction() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "open", "");
    let mut writer = Member::new(&settings, 0);
    let mut reader = Member::new(&settings, 1);
    let partition = at(Topic::State, 0);
    writer.log.begin().unwrap();
    writer.log.produce(&output(Topic::State, 0, "undecided")).unwrap();
    while patiently(|| reader.log.bounds(partition)).1 == 0 {}

    let position = reader.log.read(partition, 0, 1, &mut |run| panic!("{run:?} is not committed")).unwrap();
    assert_eq!(position, 0);
    writer.log.commit(&[]).unwrap();
    assert_eq!(reader.committed_values(partition), ["undecided"]);
}

/// A restore that is given up in the middle of the state, for a transaction was aborted, begins with the same partition.
#[test]
fn a_read_that_was_broken_off_begins_anew() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "broken-off", "");
    let mut member = Member::new(&settings, 0);
    let partition = at(Topic::State, 1);
    member.log.begin().unwrap();
    for value in ["a", "b", "c"] {
        member.log.produce(&output(Topic::State, 1, value)).unwrap();
    }
    member.log.commit(&[]).unwrap();
    for _ in 0..5 {
        let beyond = patiently(|| member.log.bounds(partition)).1 + 1;
        let mut position = 0;
        while position < beyond - 1 {
            position = member.log.read(partition, position, beyond, &mut |_| {}).unwrap();
        }
        assert_eq!(member.committed_values(partition), ["a", "b", "c"]);
    }
}

#[test]
fn batch_reads_every_record_once() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "batch", "");
    feed(&settings, 20_000);
    let mut member = Member::new(&settings, 0);
    member.poll_until("all is read to the end", |member| {
        member.count() == 20_000 && (0..4).all(|p| member.at_end.contains(&at(SENSORS, p)))
    });
    let mut values: Vec<u64> = Vec::new();
    for (partition, records) in &member.read {
        let offsets: Vec<i64> = records.iter().map(|(offset, _)| *offset).collect();
        let all: Vec<i64> = (0..offsets.len()).map(|n| i64::try_from(n).unwrap()).collect();
        assert_eq!(offsets, all, "{partition:?}");
        values.extend(records.iter().map(|(_, value)| value.parse::<u64>().unwrap()));
    }
    values.sort_unstable();
    assert_eq!(values, (0..20_000).collect::<Vec<_>>());
}

#[test]
fn rewind_reads_again_from_there_and_drops_what_was_fetched_ahead() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "rewind", "");
    feed(&settings, 4_000);
    let mut member = Member::new(&settings, 0);
    while member.count() < 100 {
        member.poll(50);
    }
    let (&partition, read) = member.read.iter().next().unwrap();
    let back = read.len() / 2;
    member.log.rewind(&[(partition, i64::try_from(back).unwrap())]).unwrap();
    member.read.get_mut(&partition).unwrap().truncate(back);
    member.poll_until("all is read", |member| member.count() >= 4_000);
    for records in member.read.values() {
        assert!(records.iter().enumerate().all(|(n, (offset, _))| i64::try_from(n).unwrap() == *offset));
    }
    assert_eq!(member.count(), 4_000);
}

#[test]
fn arrival_is_the_brokers_stamp_or_never_later_than_the_clock() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "arrival", "");
    let mut feed = Feed::new(&settings.kafka).unwrap();
    // An input carries the broker's stamp, a rejects topic the producer's: one before the clock of the log, one after it.
    let (before, after) = (NOW.ms - 5, NOW.ms + 5);
    feed.send(SENSORS, b"k", b"v", Some(before), PATIENCE).unwrap();
    for stamp in [before, after] {
        feed.send(Topic::Rejects, b"k", b"v", Some(stamp), PATIENCE).unwrap();
    }
    assert_eq!(feed.flush(PATIENCE).written, 3);
    let mut member = Member::new(&settings, 0);
    let mut arrivals = |topic| {
        let mut arrivals = Vec::new();
        for partition in (0..4).map(|partition| at(topic, partition)) {
            let (mut position, end) = patiently(|| member.log.bounds(partition));
            while position < end {
                let keep = &mut |run: &[hazstream::log::Record<'_>]| {
                    arrivals.extend(run.iter().map(|record| record.arrival.ms));
                };
                position = member.log.read(partition, position, end, keep).unwrap();
            }
        }
        arrivals
    };
    assert!(arrivals(SENSORS)[0] > after, "the broker's clock is today's");
    assert_eq!(arrivals(Topic::Rejects), [before, NOW.ms]);
}

#[test]
fn headers_and_tombstones_come_back_as_they_were_written() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "headers", "");
    let mut member = Member::new(&settings, 0);
    let mut first = output(Topic::Rejects, 1, "with headers");
    first.headers = vec![("reason", b"clock_ahead".to_vec()), ("detail", b"".to_vec())];
    let mut second = output(Topic::Rejects, 1, "");
    second.value = None;
    member.log.begin().unwrap();
    for output in [first, second, output(Topic::Rejects, 1, "without")] {
        member.log.produce(&output).unwrap();
    }
    member.log.commit(&[]).unwrap();
    let mut seen = Vec::new();
    let (mut position, end) = patiently(|| member.log.bounds(at(Topic::Rejects, 1)));
    while position < end {
        let keep = &mut |run: &[hazstream::log::Record<'_>]| {
            seen.extend(run.iter().map(|record| format!("{:?} {:?}", record.value, record.headers)));
        };
        position = member.log.read(at(Topic::Rejects, 1), position, end, keep).unwrap();
    }
    let text = |text: &str| format!("{:?}", text.as_bytes());
    let headers = format!("[(\"reason\", {}), (\"detail\", [])]", text("clock_ahead"));
    let want = [
        format!("Some({}) {headers}", text("with headers")),
        "None []".to_owned(),
        format!("Some({}) []", text("without")),
    ];
    assert_eq!(seen, want);
}

#[test]
fn an_oversized_record_stops_and_names_the_setting_to_raise() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "oversized", "");
    let mut member = Member::new(&settings, 0);
    member.log.begin().unwrap();
    let failure = member.log.produce(&output(Topic::Tallies, 0, &"x".repeat(9 << 20))).unwrap_err();
    assert_eq!(failure.verdict, Verdict::Stop);
    assert!(failure.message.contains("max.message.bytes"), "{failure}");
    // An input keeps the broker's limit, so here it is the broker that refuses: what does not shrink by compression.
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + u8::try_from(state >> 58).unwrap())
    });
    let noise: String = noise.take(2 << 20).collect();
    member.log.produce(&output(SENSORS, 0, &noise)).unwrap();
    let failure = member.log.commit(&[]).unwrap_err();
    assert_eq!(failure.verdict, Verdict::Stop, "{failure}");
    assert!(failure.message.contains(settings.kafka.topic(SENSORS)), "{failure}");
    member.log.abort().unwrap();
}

#[test]
fn a_topic_that_is_missing_has_no_partitions() {
    let Some(broker) = broker::shared() else { return };
    let mut settings = settings(broker, "missing", "");
    settings.kafka.topics.insert(Topic::Windows, "no-such-topic".to_owned());
    let mut member = Member::new(&settings, 0);
    assert_eq!(patiently(|| member.log.partitions(Topic::Windows)), 0);
    assert_eq!(patiently(|| member.log.partitions(SENSORS)), 4);
}
