//! `topics create` and `topics check` against a real cluster.

use hazstream::config::Settings;
use hazstream::kafka::topics::{Cluster, Outcome, TopicsError, TopicsPlan};

use crate::support::broker;

fn settings(servers: &str, test: &str, more: &str) -> Settings {
    let own = format!("{test}-{}", std::process::id());
    let yaml = format!("kafka: {{bootstrap_servers: '{servers}', topic_prefix: {own}.}}\n{more}");
    Settings::resolve(Some(("test.yaml", &yaml)), std::iter::empty()).unwrap()
}

#[test]
fn create_makes_what_check_asks_for_and_only_once() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker.address(), "create", "topics: {partitions: 3, replication_factor: 1}\n");
    let (cluster, plan) = (Cluster::new(&settings.kafka).unwrap(), TopicsPlan::new(&settings));
    let missing = cluster.check(&plan).unwrap();
    assert_eq!(missing.len(), plan.topics.len());
    assert!(missing.iter().all(|finding| finding.found == "missing"), "{missing:#?}");
    for wanted in [Outcome::Created, Outcome::Existed] {
        let outcomes = cluster.create(&plan).unwrap();
        assert!(outcomes.iter().all(|(_, outcome)| *outcome == wanted), "{outcomes:#?}");
    }
    assert_eq!(cluster.check(&plan).unwrap(), []);
}

#[test]
fn check_names_every_difference() {
    let Some(broker) = broker::shared() else { return };
    let made = settings(broker.address(), "differ", "topics: {partitions: 1, input_retention: 1h}\n");
    let cluster = Cluster::new(&made.kafka).unwrap();
    cluster.create(&TopicsPlan::new(&made)).unwrap();
    let wanted = settings(
        broker.address(),
        "differ",
        "topics: {partitions: 2, replication_factor: 3, min_insync_replicas: 2, input_retention: 2d}\ntime: \
         {dedup_horizon: 2h}\n",
    );
    let findings = cluster.check(&TopicsPlan::new(&wanted)).unwrap();
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    for part in [
        ".sensors: retention.ms is 3600000, wanted 172800000",
        ".state: partitions is 1, wanted 2",
        ".alerts: replication factor is 1, wanted 3",
        ".tallies: min.insync.replicas is 1, wanted 2",
    ] {
        assert!(lines.iter().any(|line| line.contains(part)), "{part} is not in\n{}", lines.join("\n"));
    }
    let is_error = |line: &&String| line.starts_with("error: ") && line.contains(".sensors: retention.ms");
    assert!(lines.iter().any(|line| is_error(&line)), "inputs are shorter than duplicates are known for");
}

#[test]
fn what_the_cluster_refuses_is_told_by_topic() {
    let Some(broker) = broker::shared() else { return };
    let settings = settings(broker.address(), "refused", "topics: {replication_factor: 99}\n");
    let cluster = Cluster::new(&settings.kafka).unwrap();
    let outcomes = cluster.create(&TopicsPlan::new(&settings)).unwrap();
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, Outcome::Refused(_))), "{outcomes:#?}");
}

#[test]
fn an_unreachable_broker_is_not_a_missing_topic() {
    // Nobody can listen on port 0.
    let settings = settings("127.0.0.1:0", "unreachable", "");
    let error = Cluster::new(&settings.kafka).and_then(|cluster| cluster.check(&TopicsPlan::new(&settings)));
    let error = error.unwrap_err();
    assert!(matches!(error, TopicsError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("kafka.bootstrap_servers"), "{error}");
}
