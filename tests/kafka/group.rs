//! What [`hazstream::log::Log`] promises of membership: who reads what, and that nothing is lost or read twice on the way.

use hazstream::config::Settings;
use hazstream::log::{Topic, Verdict};

use crate::member::{Member, PATIENCE, SENSORS, at, feed, feed_topic, output, settings};
use crate::support::broker::{self, Broker};

const ALERTS: Topic = Topic::Alerts;

#[test]
fn rebalance_waits_for_the_transaction() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "rebalance", "");
    feed(&settings, 40);
    let mut first = Member::new(&settings, 0);
    first.poll_until("every reading was read", |member| member.count() == 40);
    first.log.begin().unwrap();
    first.log.produce(&output(ALERTS, 0, "before the rebalance")).unwrap();

    let mut second = Member::new(&settings, 1);
    poll_both(&mut first, &mut second, "partitions are wanted back", |first, _| !first.revoking.is_empty());
    // However long the transaction takes, nobody else gets what it covers.
    for _ in 0..20 {
        second.poll(100);
    }
    assert!(second.next.is_empty(), "{:?}", second.next);
    let offsets = first.offsets();
    first.log.commit(&offsets).unwrap();
    let given = first.revoking.clone();
    first.release();

    poll_both(&mut first, &mut second, "they are handed over", |_, second| {
        given.iter().all(|at| second.next.contains_key(at))
    });
    assert_eq!(second.count(), 0, "it goes on where the first one committed");
    assert_eq!(second.committed_values(at(ALERTS, 0)), ["before the rebalance"]);
    let mut all: Vec<_> = first.next.keys().chain(second.next.keys()).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 8, "all of the inputs and the tallies are read, each by one");
    assert_eq!(first.next.len() + second.next.len(), 8);
}

#[test]
fn a_member_that_leaves_is_not_waited_for() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings_without_missing(broker, "leave");
    let mut first = Member::new(&settings, 0);
    first.poll_until("it reads everything", |member| member.next.len() == 8);
    first.log.leave().unwrap();
    let mut second = Member::new(&settings, 1);
    second.poll_until("it reads everything", |member| member.next.len() == 8);
}

#[test]
fn a_member_that_is_started_again_has_its_share_at_once_and_the_old_one_is_fenced() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings_without_missing(broker, "again");
    let mut old = Member::new(&settings, 0);
    old.poll_until("it reads everything", |member| member.next.len() == 8);
    let offsets = old.offsets();
    let mut new = Member::new(&settings, 0);
    new.poll_until("it reads everything", |member| member.next.len() == 8);

    assert!(old.log.begin().and_then(|()| old.log.commit(&offsets)).is_err());
    old.poll_until("it hears that it has nothing any more", |old| old.next.is_empty());
}

#[test]
fn leaving_waits_for_no_answer() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "unanswered", "");
    let mut first = Member::new(&settings, 0);
    first.poll_until("it reads everything", |member| member.next.len() == 8);
    let mut second = Member::new(&settings, 1);
    poll_both(&mut first, &mut second, "partitions are wanted back", |first, _| !first.revoking.is_empty());
    first.log.leave().unwrap();
    second.poll_until("it reads everything", |member| member.next.len() == 8);
}

#[test]
fn a_paused_partition_is_silent_until_it_is_resumed_and_loses_nothing() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "pause", "");
    feed(&settings, 4_000);
    let mut member = Member::new(&settings, 0);
    member.poll_until("something was read", |member| member.count() > 0);
    let paused = *member.read.keys().next().unwrap();
    member.log.pause(&[paused]).unwrap();
    let before = member.read[&paused].len();
    let others = |member: &Member| (0..4).filter(|p| member.at_end.contains(&at(SENSORS, *p))).count();
    member.poll_until("the others are read to the end", |member| others(member) >= 3);
    assert_eq!(member.read[&paused].len(), before);
    member.log.resume(&[paused]).unwrap();
    member.poll_until("all is read", |member| member.count() == 4_000);
}

#[test]
fn a_pause_at_the_end_skips_nothing() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "paused-end", "");
    let mut member = Member::new(&settings, 0);
    let all: Vec<_> = (0..4).map(|partition| at(SENSORS, partition)).collect();
    member.poll_until("the end is known", |member| all.iter().all(|at| member.at_end.contains(at)));
    member.log.pause(&all).unwrap();
    feed(&settings, 40);
    member.log.resume(&all).unwrap();
    member.poll_until("all is read", |member| member.count() == 40);
}

#[test]
fn a_rebalance_at_the_end_skips_nothing() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker, "moved-end", "");
    let mut first = Member::new(&settings, 0);
    first.poll_until("every end is known", |member| member.at_end.len() == 8);
    let mut second = Member::new(&settings, 1);
    poll_both(&mut first, &mut second, "partitions are wanted back", |first, _| !first.revoking.is_empty());
    for topic in [SENSORS, Topic::Tallies] {
        feed_topic(&settings, topic, 400);
    }
    first.release();
    poll_both(&mut first, &mut second, "all is read", |first, second| first.count() + second.count() == 800);
}

#[test]
fn a_member_that_was_thought_dead_commits_nothing_and_joins_again() {
    let Some(broker) = broker::shared() else { return };
    let mut settings = settings(broker, "dead", "");
    feed(&settings, 40);
    // Not polling for this long is being dead.
    settings.kafka.consumer_properties.insert("max.poll.interval.ms".to_owned(), "6000".to_owned());
    settings.kafka.transaction_timeout = PATIENCE;
    let mut first = Member::new(&settings, 0);
    first.poll_until("every reading was read", |member| member.count() == 40);
    first.log.begin().unwrap();
    first.log.produce(&output(ALERTS, 0, "from the dead")).unwrap();

    let mut second = Member::new(&settings, 1);
    second
        .poll_until("it has taken everything over", |member| member.count() == 40 && member.next.len() == 8);
    let failure = first.log.commit(&first.offsets()).unwrap_err();
    assert_eq!(failure.verdict, Verdict::AbortAndRewind, "{failure}");
    first.log.abort().unwrap();
    assert_eq!(second.committed_values(at(ALERTS, 0)), [""; 0]);

    // It hears that its partitions are lost; then it gets a share again, and nobody reads what another reads.
    poll_both(&mut first, &mut second, "it hears of it", |first, _| first.next.is_empty());
    poll_both(&mut first, &mut second, "a share is wanted back", |_, second| !second.revoking.is_empty());
    second.release();
    poll_both(&mut first, &mut second, "it has a share", |first, second| {
        !first.next.is_empty() && first.next.len() + second.next.len() == 8
    });
    assert!(first.next.keys().all(|at| !second.next.contains_key(at)));
}

#[test]
fn a_member_that_was_dead_for_a_while_loses_its_share_and_gets_it_again() {
    let Some(broker) = broker::shared() else { return };
    let mut settings = settings(broker, "asleep", "");
    settings.kafka.consumer_properties.insert("max.poll.interval.ms".to_owned(), "6000".to_owned());
    let mut member = Member::new(&settings, 0);
    member.poll_until("it reads everything", |member| member.next.len() == 8);
    let other: rdkafka::consumer::BaseConsumer =
        rdkafka::ClientConfig::new().set("bootstrap.servers", broker.address()).create().unwrap();
    let is_gone = || {
        let group = settings.kafka.group.as_str();
        let groups = rdkafka::consumer::Consumer::fetch_group_list(&other, Some(group), PATIENCE).unwrap();
        groups.groups().iter().all(|group| group.members().is_empty())
    };
    let until = std::time::Instant::now() + PATIENCE;
    while !is_gone() {
        assert!(std::time::Instant::now() < until, "it never left the group");
    }
    member.poll_until("it hears of it", |member| member.next.is_empty());
    member.poll_until("it reads everything again", |member| member.next.len() == 8);
}

/// Nobody hears of a silent member within the patience of a test.
fn settings_without_missing(broker: &Broker, test: &str) -> Settings {
    let mut settings = settings(broker, test, "");
    settings.kafka.session_timeout = PATIENCE * 10;
    settings
}

/// Polls both in turn until it is so.
fn poll_both(
    first: &mut Member,
    second: &mut Member,
    what: &str,
    mut so: impl FnMut(&Member, &Member) -> bool,
) {
    let until = std::time::Instant::now() + PATIENCE;
    while !so(first, second) {
        assert!(std::time::Instant::now() < until, "waited in vain until {what}");
        first.poll(100);
        second.poll(100);
    }
}
