//! What a person configures about Kafka, and what each librdkafka client is given of it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::log::{Failure, Input, Topic};

use super::verdict;

/// How to reach Kafka and under which names. Secrets in `properties` are never shown: `Debug` and `Display` redact them.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `host:port`, several separated by commas.
    pub bootstrap_servers: String,
    /// The consumer group; every replica of one installation shares it.
    pub group_id: String,
    /// The stem of the transactional ids: worker n of this process writes as `<transactional_id>-<n>`. It must be the same
    /// after a restart and differ between replicas (the ordinal of a StatefulSet).
    pub transactional_id: String,
    /// What every topic's name begins with, `hazard.` by default.
    pub topic_prefix: String,
    /// Full names of single topics, by the name behind the prefix (`sensors`, `window-closes`, …).
    pub topics: BTreeMap<String, String>,
    /// The inputs that are read, all by default.
    pub inputs: Vec<Input>,
    /// Without a heartbeat for this long a member is thought dead. The broker bounds it (6 s to 30 min by default).
    pub session_timeout: Duration,
    /// How often a member shows that it lives; a rebalance takes about two of these.
    pub heartbeat_interval: Duration,
    /// After this long the broker aborts a transaction whose producer has vanished; until then it holds readers back.
    pub transaction_timeout: Duration,
    /// The largest record that is written, in bytes, before compression.
    pub message_bytes_max: u32,
    /// Given to librdkafka as they stand: `security.protocol`, `sasl.*`, `ssl.*`, …
    pub properties: BTreeMap<String, String>,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        KafkaSettings {
            bootstrap_servers: "localhost:9092".into(),
            group_id: "hazstream".into(),
            transactional_id: "hazstream".into(),
            topic_prefix: "hazard.".into(),
            topics: BTreeMap::new(),
            inputs: Input::ALL.to_vec(),
            session_timeout: Duration::from_secs(10),
            heartbeat_interval: Duration::from_secs(3),
            transaction_timeout: Duration::from_secs(10),
            message_bytes_max: 8 << 20,
            properties: BTreeMap::new(),
        }
    }
}

/// Properties that hazstream's guarantees rest on; a person may not set them.
const OWN: [&str; 14] = [
    "bootstrap.servers",
    "metadata.broker.list",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "transactional.id",
    "enable.idempotence",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.partition.eof",
    "auto.offset.reset",
    "isolation.level",
    "partition.assignment.strategy",
    "partitioner",
];

impl KafkaSettings {
    /// The topic's name on the broker.
    pub fn topic_name(&self, topic: Topic) -> String {
        match self.topics.get(topic.name()) {
            Some(name) => name.clone(),
            None => format!("{}{}", self.topic_prefix, topic.name()),
        }
    }

    /// The transactional id of this process's worker `worker`.
    pub fn transactional_id(&self, worker: usize) -> String {
        format!("{}-{worker}", self.transactional_id)
    }

    /// Everything that is wrong with these settings, one line each; nothing is asked of a broker.
    pub fn check(&self) -> Result<(), Vec<String>> {
        let mut wrong = Vec::new();
        for (what, text) in [
            ("bootstrap_servers", &self.bootstrap_servers),
            ("group_id", &self.group_id),
            ("transactional_id", &self.transactional_id),
        ] {
            if text.trim().is_empty() {
                wrong.push(format!("kafka.{what} is empty: give it a value"));
            }
        }
        if self.inputs.is_empty() {
            wrong.push("kafka.inputs is empty: name at least one input".into());
        }
        for name in self.topics.keys() {
            if !Topic::ALL.iter().any(|topic| topic.name() == name) {
                let known: Vec<_> = Topic::ALL.iter().map(|topic| topic.name()).collect();
                wrong.push(format!(
                    "kafka.topics.{name} is no topic of hazstream: use one of {}",
                    known.join(", ")
                ));
            }
        }
        wrong.extend(self.twins());
        if self.heartbeat_interval >= self.session_timeout {
            wrong.push(format!(
                "kafka.heartbeat_interval ({:?}) must be shorter than session_timeout ({:?}): a third of it is usual",
                self.heartbeat_interval, self.session_timeout
            ));
        }
        for (key, value) in &self.properties {
            if OWN.contains(&key.as_str()) {
                wrong.push(format!("kafka.properties: {key} is set by hazstream itself: remove it"));
                continue;
            }
            let mut one = ClientConfig::new();
            one.set(key, value);
            if let Err(error) = one.create_native_config() {
                wrong.push(format!("kafka.properties: {}", verdict::describe(&error)));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// Two topics under one name would be read as each other.
    fn twins(&self) -> Vec<String> {
        let mut names: BTreeMap<String, Topic> = BTreeMap::new();
        let mut wrong = Vec::new();
        for topic in Topic::ALL {
            if let Some(other) = names.insert(self.topic_name(topic), topic) {
                wrong.push(format!(
                    "kafka.topics: {} and {} are both named {:?}: give each its own name",
                    other.name(),
                    topic.name(),
                    self.topic_name(topic)
                ));
            }
        }
        wrong
    }

    /// What every client has in common; a person's properties come last, so that they win.
    pub(super) fn client(&self, role: &[(&str, &str)]) -> Result<ClientConfig, Failure> {
        self.check().map_err(|wrong| Failure::new(crate::log::Verdict::Stop, wrong.join("; ")))?;
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Info);
        config.set("bootstrap.servers", &self.bootstrap_servers);
        config.set("client.id", "hazstream");
        // A restarted broker should be found again within a second or two, not ten.
        config.set("reconnect.backoff.max.ms", "2000");
        for (key, value) in role {
            config.set(*key, *value);
        }
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        Ok(config)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties: BTreeMap<&str, &str> = self
            .properties
            .iter()
            .map(|(key, value)| (key.as_str(), if is_secret(key) { "(hidden)" } else { value.as_str() }))
            .collect();
        f.debug_struct("KafkaSettings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("group_id", &self.group_id)
            .field("transactional_id", &self.transactional_id)
            .field("topic_prefix", &self.topic_prefix)
            .field("topics", &self.topics)
            .field("inputs", &self.inputs)
            .field("session_timeout", &self.session_timeout)
            .field("heartbeat_interval", &self.heartbeat_interval)
            .field("transaction_timeout", &self.transaction_timeout)
            .field("message_bytes_max", &self.message_bytes_max)
            .field("properties", &properties)
            .finish()
    }
}

impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f)
    }
}

impl fmt::Display for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f)
    }
}

/// Whether the property's value must not be shown. Rather one too many than one too few.
pub fn is_secret(property: &str) -> bool {
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
        Names { of: Topic::ALL.iter().map(|&topic| (topic, settings.topic_name(topic))).collect() }
    }

    pub(super) fn name(&self, topic: Topic) -> &str {
        let found = self.of.iter().find(|(known, _)| *known == topic);
        found.map(|(_, name)| name.as_str()).expect("every topic was named when this was made")
    }

    pub(super) fn topic(&self, name: &str) -> Option<Topic> {
        self.of.iter().find(|(_, known)| known == name).map(|(topic, _)| *topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(properties: &[(&str, &str)]) -> KafkaSettings {
        let properties = properties.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        KafkaSettings { properties, ..KafkaSettings::default() }
    }

    #[test]
    fn tls_and_sasl_settings_reach_librdkafka() {
        let given = [
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", "bureau"),
            ("sasl.password", "river-4711"),
            ("ssl.ca.location", "/etc/ca.pem"),
            ("ssl.endpoint.identification.algorithm", "https"),
        ];
        let native = with(&given).client(&[]).unwrap().create_native_config().unwrap();
        for (key, value) in given {
            assert_eq!(native.get(key).unwrap(), value, "{key}");
        }
    }

    #[test]
    fn secrets_are_never_shown() {
        let secrets = [
            ("sasl.password", "river-4711"),
            ("ssl.key.password", "river-4712"),
            ("ssl.key.pem", "river-4713"),
            ("ssl.keystore.password", "river-4714"),
            ("sasl.jaas.config", "river-4715"),
            ("sasl.oauthbearer.client.secret", "river-4716"),
            ("sasl.oauthbearer.config", "river-4717"),
        ];
        let settings = with(&secrets);
        let wrong = settings.check().unwrap_err().join("\n");
        for shown in [format!("{settings:?}"), format!("{settings:#?}"), format!("{settings}"), wrong] {
            assert!(!shown.contains("river-"), "{shown}");
        }
        assert!(format!("{settings}").contains("sasl.password"), "that it is set may be seen");
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let mut settings = with(&[("sasl.pasword", "x"), ("group.id", "y"), ("linger.ms", "soon")]);
        settings.topics.insert("sensor".into(), "a".into());
        settings.topics.insert("alerts".into(), "hazard.windows".into());
        settings.heartbeat_interval = settings.session_timeout;
        let wrong = settings.check().unwrap_err().join("\n");
        for part in ["sasl.pasword", "group.id", "linger.ms", "topics.sensor", "hazard.windows", "heartbeat"]
        {
            assert!(wrong.contains(part), "{part} is missing from\n{wrong}");
        }
    }

    #[test]
    fn a_topic_has_its_prefix_or_its_own_name() {
        let mut settings = KafkaSettings { topic_prefix: "city.".into(), ..KafkaSettings::default() };
        settings.topics.insert("sensors".into(), "iot-raw".into());
        let names = Names::new(&settings);
        assert_eq!(names.name(Topic::Input(Input::Sensors)), "iot-raw");
        assert_eq!(names.name(Topic::WindowCloses), "city.window-closes");
        assert_eq!(names.topic("iot-raw"), Some(Topic::Input(Input::Sensors)));
        assert_eq!(names.topic("city.sensors"), None);
    }
}
