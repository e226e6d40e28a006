//! How each librdkafka client is configured, and what things are called on the broker.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::config::KafkaSettings;
use crate::log::{Failure, Topic, TopicPartition, Verdict};

use super::verdict;

/// The largest record that is written, before compression; topics must let as much through.
pub const MESSAGE_BYTES_MAX: u32 = 8 << 20;

/// A member that does not poll for this long is stuck, and loses its partitions. A restore may take long.
const POLL_WITHIN: Duration = Duration::from_secs(600);

/// Properties that the guarantees rest on: hazstream sets them, nobody else.
const OWN: [&str; 18] = [
    "bootstrap.servers",
    "metadata.broker.list",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "transactional.id",
    "transaction.timeout.ms",
    "enable.idempotence",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "auto.offset.reset",
    "isolation.level",
    "partition.assignment.strategy",
    "partitioner",
    "message.max.bytes",
];

/// Everything that is wrong with the properties for librdkafka, one line each. No broker is asked and no secret shown.
///
/// # Errors
/// Every unknown property, refused value, and property that is not a person's to set.
pub fn check_properties(settings: &KafkaSettings) -> Result<(), Vec<String>> {
    let mut all: BTreeMap<(&String, &String), &str> = BTreeMap::new();
    for (key, properties) in [
        ("kafka.producer_properties", &settings.producer_properties),
        ("kafka.consumer_properties", &settings.consumer_properties),
        ("kafka.properties", &settings.properties),
    ] {
        // The common ones are in the others too; they are named where they were written, so they come last.
        all.extend(properties.iter().map(|property| (property, key)));
    }
    let wrong: Vec<String> = all.iter().filter_map(|((name, value), key)| wrong(key, name, value)).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn wrong(key: &str, name: &str, value: &str) -> Option<String> {
    if OWN.contains(&name) {
        return Some(format!("{key}: {name} is set by hazstream itself: remove it"));
    }
    let mut one = ClientConfig::new();
    one.set(name, value);
    let error = one.create_native_config().err()?;
    Some(format!("{key}: {}: see librdkafka's list of properties", verdict::describe(&error)))
}

/// The transactional id and group instance id of this process's worker `worker`: the same after a restart, different in every
/// replica.
pub fn transactional_id(settings: &KafkaSettings, worker: usize) -> String {
    let instance = settings.instance.clone().unwrap_or_else(host_name);
    format!("{}-{instance}-{worker}", settings.group)
}

fn host_name() -> String {
    let from_kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = std::env::var("HOSTNAME").ok().or_else(from_kernel).unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "0".to_owned() } else { name.to_owned() }
}

/// What a client is for; the role's own settings go before a person's, which go before librdkafka's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Consumer,
    Producer,
    /// Asks and administers.
    Admin,
}

/// The configuration of a client with this role.
pub(super) fn config(
    settings: &KafkaSettings,
    kind: Kind,
    role: &[(&str, &str)],
) -> Result<ClientConfig, Failure> {
    check_properties(settings).map_err(|wrong| Failure::new(Verdict::Stop, wrong.join("; ")))?;
    let mut config = ClientConfig::new();
    config.set("client.id", "hazstream");
    // A restarted broker should be found again within a second or two, not ten.
    config.set("reconnect.backoff.max.ms", "2000");
    let millis = |duration: Duration| duration.as_millis().to_string();
    if kind == Kind::Consumer {
        // librdkafka compares the three, whether the consumer joins a group or not.
        config.set("session.timeout.ms", millis(settings.session_timeout));
        config.set("heartbeat.interval.ms", millis(settings.heartbeat_interval));
        config.set("max.poll.interval.ms", millis(settings.session_timeout.max(POLL_WITHIN)));
    }
    let tuning = |(key, _): &&(&str, &str)| !OWN.contains(key);
    for (key, value) in role.iter().filter(tuning) {
        config.set(*key, *value);
    }
    let properties = match kind {
        Kind::Consumer => &settings.consumer_properties,
        Kind::Producer => &settings.producer_properties,
        Kind::Admin => &settings.properties,
    };
    for (key, value) in properties {
        config.set(key, value);
    }
    // Whoever sets librdkafka's `debug` wants to read what it says then.
    let is_asked = properties.contains_key("debug");
    config.set_log_level(if is_asked { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info });
    config.set("bootstrap.servers", &settings.bootstrap_servers);
    for (key, value) in role.iter().filter(|pair| !tuning(pair)) {
        config.set(*key, *value);
    }
    Ok(config)
}

/// Whether the property's value must not be shown. Rather one too many than one too few.
pub(super) fn is_secret(property: &str) -> bool {
    const MARKS: [&str; 9] = [
        "password",
        "secret",
        "jaas",
        "ssl.key",
        "oauthbearer.config",
        "assertion",
        "token",
        "private",
        "credential",
    ];
    let property = property.to_ascii_lowercase();
    MARKS.iter().any(|mark| property.contains(mark))
}

/// The topics' names, both ways.
pub(super) struct Names {
    of: Vec<(Topic, String)>,
}

impl Names {
    pub(super) fn new(settings: &KafkaSettings) -> Names {
        Names { of: Topic::ALL.iter().map(|&topic| (topic, settings.topic(topic).to_owned())).collect() }
    }

    pub(super) fn name(&self, topic: Topic) -> &str {
        let found = self.of.iter().find(|(known, _)| *known == topic);
        found.map(|(_, name)| name.as_str()).expect("every topic was named when this was made")
    }

    pub(super) fn topic(&self, name: &str) -> Option<Topic> {
        self.of.iter().find(|(_, known)| known == name).map(|(topic, _)| *topic)
    }

    /// These partitions as librdkafka wants them.
    pub(super) fn list(&self, partitions: &[TopicPartition]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for at in partitions {
            list.add_partition(self.name(at.topic), number(at.partition));
        }
        list
    }

    /// These partitions with these offsets.
    pub(super) fn list_at(&self, at: &[(TopicPartition, i64)]) -> Result<TopicPartitionList, Failure> {
        let mut list = TopicPartitionList::with_capacity(at.len());
        for &(TopicPartition { topic, partition }, offset) in at {
            let name = self.name(topic);
            list.add_partition_offset(name, number(partition), Offset::Offset(offset)).map_err(|error| {
                Failure::new(
                    Verdict::Stop,
                    format!("{name}[{partition}] cannot be at offset {offset}: {error}"),
                )
            })?;
        }
        Ok(list)
    }
}

/// librdkafka counts partitions in signed numbers.
pub(super) fn number(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::log::Input;

    fn settings(yaml: &str) -> KafkaSettings {
        Settings::resolve(Some(("a.yaml", yaml)), std::iter::empty()).unwrap().kafka
    }

    #[test]
    fn tls_and_sasl_settings_reach_librdkafka() {
        let settings = settings(
            "kafka:\n  properties:\n    security.protocol: sasl_ssl\n    sasl.mechanism: SCRAM-SHA-512\n    \
             sasl.username: bureau\n    sasl.password: river-4711\n    ssl.ca.location: /etc/ca.pem\n    \
             ssl.endpoint.identification.algorithm: https\n",
        );
        for kind in [Kind::Consumer, Kind::Producer, Kind::Admin] {
            let native = config(&settings, kind, &[]).unwrap().create_native_config().unwrap();
            for (key, value) in &settings.properties {
                assert_eq!(&native.get(key).unwrap(), value, "{key}");
            }
        }
    }

    #[test]
    fn secrets_are_never_shown() {
        let settings = settings(
            "kafka:\n  properties:\n    sasl.password: river-1\n    ssl.key.password: river-2\n    ssl.key.pem: river-3\n    \
             ssl.keystore.password: river-4\n    sasl.jaas.config: river-5\n    sasl.oauthbearer.config: river-6\n    \
             sasl.oauthbearer.client.secret: river-7\n    sasl.passwort: river-8\n    ssl.key.pem.: river-9\n",
        );
        let wrong = check_properties(&settings).unwrap_err().join("\n");
        let failure = config(&settings, Kind::Consumer, &[]).err().unwrap().message;
        for shown in [format!("{settings:?}"), format!("{settings:#?}"), wrong.clone(), failure] {
            assert!(!shown.contains("river-"), "{shown}");
        }
        assert!(wrong.contains("sasl.passwort"), "the name may be seen: {wrong}");
    }

    #[test]
    fn every_wrong_property_is_named_at_once_with_where_it_was_written() {
        let settings = settings(
            "kafka:\n  properties: {sasl.pasword: x, group.id: y}\n  producer_properties: {linger.ms: soon}\n",
        );
        let wrong = check_properties(&settings).unwrap_err();
        assert_eq!(wrong.len(), 3, "{wrong:#?}");
        assert!(wrong.iter().any(|line| line.starts_with("kafka.properties: group.id is set by hazstream")));
        assert!(wrong.iter().any(|line| line.starts_with("kafka.properties: sasl.pasword")));
        assert!(wrong.iter().any(|line| line.starts_with("kafka.producer_properties: linger.ms")));
    }

    #[test]
    fn a_person_may_tune_a_client_but_not_weaken_it() {
        let settings = settings("kafka:\n  consumer_properties: {fetch.min.bytes: '100000'}\n");
        let role = [("fetch.min.bytes", "1"), ("isolation.level", "read_committed")];
        let native = config(&settings, Kind::Consumer, &role).unwrap().create_native_config().unwrap();
        assert_eq!(native.get("fetch.min.bytes").unwrap(), "100000");
        assert_eq!(native.get("isolation.level").unwrap(), "read_committed");
    }

    #[test]
    fn names_are_known_both_ways() {
        let names = Names::new(&settings("kafka: {topic_prefix: city., topics: {sensors: iot-raw}}\n"));
        assert_eq!(names.name(Topic::Input(Input::Sensors)), "iot-raw");
        assert_eq!(names.name(Topic::WindowCloses), "city.window-closes");
        assert_eq!(names.topic("iot-raw"), Some(Topic::Input(Input::Sensors)));
        assert_eq!(names.topic("city.sensors"), None);
    }
}
