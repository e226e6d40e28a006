//! Bad input and faults that a person must mend, or that nobody has to: what `topics` and `run` do on a real broker.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::client::{PATIENCE, Reader, Sender, read_all, wait_until_settled};
use crate::deployment::{Deployment, Ended, Process};
use crate::support::broker;

const CONFIGS: &str = "kafka.admin.ConfigCommand";

#[test]
fn another_number_of_partitions_than_the_settings_say_ends_topics_check_and_run() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::new("partitions", broker.address());
    for command in [&["topics", "check"][..], &["run"]] {
        let ended = deployment.end_of(command, &[("HAZSTREAM_TOPICS_PARTITIONS", "4")]);
        expect(&ended, 5, &[&deployment.topic("tallies"), "set topics.partitions to 3"]);
    }
}

#[test]
fn state_of_a_newer_version_ends_run_and_is_left_as_it_is() {
    let Some(broker) = broker::shared() else { return };
    let deployment = with_state("newer", broker.address());
    let state = deployment.topic("state");
    let stored =
        read_all(broker.address(), &state).into_iter().find(|record| record.value.is_some()).unwrap();
    let mut value = stored.value.unwrap();
    value[0] += 1;
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", broker.address()).create().unwrap();
    let partition = i32::try_from(stored.partition).unwrap();
    producer.send(BaseRecord::to(&state).key(&stored.key).payload(&value).partition(partition)).unwrap();
    producer.flush(PATIENCE).unwrap();
    let before = read_all(broker.address(), &state).len();
    let ended = deployment.end_of(&["run"], &[]);
    let newer = format!("version {}, newer than this program's", value[0]);
    expect(&ended, 6, &["state partition", &newer, "run the newer program"]);
    assert_eq!(read_all(broker.address(), &state).len(), before);
}

#[test]
fn state_of_another_group_ends_run() {
    let Some(broker) = broker::shared() else { return };
    let deployment = with_state("stranger", broker.address());
    let other = format!("{}-other", deployment.group());
    let ended = deployment.end_of(&["run"], &[("HAZSTREAM_KAFKA_GROUP", &other)]);
    expect(&ended, 6, &["belongs to another group", "the state topic and the tallies topic together"]);
}

#[test]
fn a_topic_that_lets_too_little_through_is_named_by_topics_check_and_ends_run() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::new("narrow", broker.address());
    let rejects = deployment.topic("rejects");
    let narrow = ["--alter", "--entity-type", "topics", "--entity-name", &rejects, "--add-config"];
    broker.tool(CONFIGS, &[&narrow[..], &["max.message.bytes=4000"]].concat());
    let ended = deployment.end_of(&["topics", "check"], &[]);
    expect(&ended, 5, &[&rejects, "max.message.bytes is 4000", "kafka-configs.sh --bootstrap-server"]);

    let sender = Sender::new(broker.address());
    sender.send(&deployment.topic("sensors"), "k", &noise(60_000));
    sender.flush();
    let ended = deployment.end_of(&["run"], &[]);
    expect(&ended, 5, &[&rejects, "raise max.message.bytes of the topic"]);

    // With the remedy it goes on, and nothing was lost.
    broker.tool(CONFIGS, &[&narrow[..], &["max.message.bytes=8388608"]].concat());
    let _process = deployment.start("a");
    Reader::committed(broker.address(), &rejects).wait_for(1);
}

#[test]
fn no_message_stops_run_and_each_bad_one_is_a_dead_letter() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::new("poison", broker.address());
    let sensors = deployment.topic("sensors");
    let configs = ["--alter", "--entity-type", "topics", "--entity-name", &sensors, "--add-config"];
    broker.tool(CONFIGS, &[&configs[..], &["max.message.bytes=20000000"]].concat());
    let sender = Sender::new(broker.address());
    let deep = [b"{\"type\":".repeat(20_000), b"1".to_vec(), b"}".repeat(20_000)].concat();
    let huge = noise(9_500_000);
    let bad: [&[u8]; 7] =
        [b"", b"\0", b"\xff\xfe", b"{}", br#"{"type":"reading","value":1e999}"#, &deep, &huge];
    for value in bad {
        sender.send(&sensors, "k", value);
    }
    sender.send(&sensors, &"k".repeat(9_500_000), b"a key that is too long for a dead letter");
    sender.flush();
    let mut process = deployment.start("a");
    Reader::committed(broker.address(), &deployment.topic("rejects")).wait_for(8);
    process.expect_alive();
    let rejected = process.metric("hazstream_events_total").into_iter();
    let rejected = rejected.filter(|(labels, _)| labels.contains("rejected")).map(|(_, count)| count);
    assert_eq!(rejected.sum::<f64>(), 8.0);
    assert!(process.metric("hazstream_conservation_difference").iter().all(|(_, value)| *value == 0.0));
}

#[test]
fn a_broker_that_is_away_is_said_once_not_in_a_flood() {
    let Some(mut broker) = broker::own("away") else { return };
    let deployment = Deployment::new("away", broker.address());
    let process = deployment.start("a");
    wait_until_settled(broker.address(), &deployment.group(), &deployment.topic("tallies"));
    broker.crash();
    process.wait_until("it to wait", waits);
    broker.restart();
    process.wait_until("it to go on", |process| {
        let waiting = process.metric("hazstream_worker_waiting");
        !waiting.is_empty() && waiting.iter().all(|(_, value)| *value == 0.0)
    });
    let log = process.log();
    let lines: Vec<&str> =
        log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
    let waits = lines.iter().filter(|line| line.contains("waits: ")).count();
    assert!((1..=2).contains(&waits), "{log}");
    assert!(lines.len() <= 8, "{log}");
    assert!(log.contains("goes on"), "{log}");
    process.stop();
}

#[test]
fn a_transaction_that_is_never_decided_is_named_as_what_a_restore_waits_for() {
    let Some(broker) = broker::shared() else { return };
    let deployment = with_state("undecided", broker.address());
    let stranger: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", broker.address())
        .set("transactional.id", format!("{}-stranger", deployment.group()))
        .create()
        .unwrap();
    stranger.init_transactions(PATIENCE).unwrap();
    stranger.begin_transaction().unwrap();
    let state = deployment.topic("state");
    for partition in 0..3 {
        stranger.send(BaseRecord::to(&state).partition(partition).key("nobody").payload("")).unwrap();
    }
    stranger.flush(PATIENCE).unwrap();
    let process = deployment.start("a");
    process.wait_until("it to wait", waits);
    let log = process.log();
    assert!(log.contains("waits: cannot restore: state partition "), "{log}");
    assert!(log.contains("a transaction that is not decided yet"), "{log}");
    stranger.abort_transaction(PATIENCE).unwrap();
    process.wait_until("it to go on", |process| !waits(process) && process.owned() > 0);
    assert!(process.log().contains("goes on"), "{}", process.log());
    process.stop();
}

#[test]
fn of_two_processes_with_one_name_one_ends_and_says_so() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::new("twins", broker.address());
    let mut twins = [deployment.start("a"), deployment.start("a")];
    let began = std::time::Instant::now();
    let code = loop {
        if let Some(code) = twins.iter_mut().find_map(Process::ended) {
            break code;
        }
        assert!(began.elapsed() < PATIENCE, "they fight for ever");
        std::thread::yield_now();
    };
    assert_eq!(code, 7);
    assert!(twins[0].log().contains("give each replica its own kafka.instance"), "{}", twins[0].log());
}

#[test]
fn a_broker_that_is_away_at_the_start_is_waited_for_alive_and_not_ready() {
    let Some(mut broker) = broker::own("unreached") else { return };
    let deployment = Deployment::new("unreached", broker.address());
    broker.crash();
    let mut process = deployment.start("a");
    process.wait_until("it to wait", waits);
    process.expect_alive();
    assert_eq!(process.metric("hazstream_ready"), [(String::new(), 0.0)]);
    // One that is told to stop meanwhile does so, and well.
    let other = deployment.start("b");
    other.wait_until("it to wait", waits);
    other.stop();
    broker.restart();
    process.wait_until("it to be ready", is_ready);
    let log = process.log();
    assert!((1..=2).contains(&log.matches("waits: ").count()), "{log}");
    process.stop();
}

#[test]
fn a_topic_that_is_missing_is_named_waited_for_and_nothing_ends() {
    let Some(broker) = broker::shared() else { return };
    let deployment = Deployment::new("missing", broker.address());
    let state = deployment.topic("state");
    broker.tool("org.apache.kafka.tools.TopicCommand", &["--delete", "--topic", &state]);
    let began = std::time::Instant::now();
    while deployment.end_of(&["topics", "check"], &[]).code != 5 {
        assert!(began.elapsed() < PATIENCE, "{state} does not go");
    }
    let mut process = deployment.start("a");
    process.wait_until("it to wait", waits);
    let wanted = format!("topics are missing: {state}; make them with `hazstream topics create`");
    process.wait_until("its log line", |process| process.log().contains(&wanted));
    process.expect_alive();
    assert_eq!(process.metric("hazstream_ready"), [(String::new(), 0.0)]);
    assert_eq!(deployment.end_of(&["topics", "create"], &[]).code, 0);
    process.wait_until("it to be ready", is_ready);
    process.stop();
}

fn waits(process: &Process) -> bool {
    process.metric("hazstream_worker_waiting").iter().any(|(_, value)| *value == 1.0)
}

fn is_ready(process: &Process) -> bool {
    process.metric("hazstream_ready") == [(String::new(), 1.0)]
}

/// A deployment that has run, so that there is state of it.
fn with_state(name: &'static str, address: &str) -> Deployment {
    let deployment = Deployment::new(name, address);
    let sender = Sender::new(address);
    for _ in 0..30 {
        sender.send(&deployment.topic("sensors"), "k", b"not an event, but read");
        sender.pace(Duration::from_millis(1));
    }
    sender.flush();
    let process = deployment.start("a");
    Reader::committed(address, &deployment.topic("rejects")).wait_for(30);
    process.stop();
    deployment
}

/// Bytes that do not compress.
fn noise(bytes: usize) -> Vec<u8> {
    use rand::{Rng as _, SeedableRng as _};
    let mut noise = vec![0; bytes];
    rand_pcg::Pcg32::seed_from_u64(7).fill_bytes(&mut noise);
    noise
}

fn expect(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, code, "{ended:?}");
    for part in parts {
        assert!(ended.stderr.contains(part), "{part} is missing from {ended:?}");
    }
}
