//! How to reach Kafka, and what things are called there.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::problem::Problem;
use super::reader::{self, Reader};
use super::value;
use super::yaml::Node;
use crate::log::{Input, Topic};

/// How to reach Kafka, and what things are called there.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// Brokers to start from, with commas.
    pub bootstrap_servers: String,
    /// The consumer group.
    pub group: String,
    /// What makes this replica's transactional ids its own; `None`: the host's name.
    pub instance: Option<String>,
    /// Every topic's name.
    pub topics: BTreeMap<Topic, String>,
    /// The inputs that are read.
    pub inputs: Vec<Input>,
    /// A member silent for this long loses its partitions.
    pub session_timeout: Duration,
    /// How often a member says that it lives.
    pub heartbeat_interval: Duration,
    /// The broker aborts an older transaction.
    pub transaction_timeout: Duration,
    /// librdkafka's settings for consumers, common ones included.
    pub consumer_properties: BTreeMap<String, String>,
    /// librdkafka's settings for producers, common ones included.
    pub producer_properties: BTreeMap<String, String>,
    /// librdkafka's settings for every client.
    pub properties: BTreeMap<String, String>,
}

impl KafkaSettings {
    /// The topic's name.
    pub fn topic(&self, topic: Topic) -> &str {
        &self.topics[&topic]
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let prefix = reader.scalar("kafka.topic_prefix", value::any_text);
        let mut topics = BTreeMap::new();
        for topic in Topic::ALL {
            let own = reader.scalar(&format!("kafka.topics.{}", topic.name()), value::optional_text);
            topics.insert(topic, own.unwrap_or_else(|| format!("{prefix}{}", topic.name())));
        }
        let mut duration = |key| {
            let ms: i64 = reader.scalar(key, value::positive_duration_ms);
            Duration::from_millis(ms.unsigned_abs())
        };
        let session_timeout = duration("kafka.session_timeout");
        let heartbeat_interval = duration("kafka.heartbeat_interval");
        let transaction_timeout = duration("kafka.transaction_timeout");
        let properties = reader.texts("kafka.properties");
        let with_common = |own: BTreeMap<String, String>| {
            let mut all = properties.clone();
            all.extend(own);
            all
        };
        let settings = KafkaSettings {
            bootstrap_servers: reader.scalar("kafka.bootstrap_servers", value::text),
            group: reader.scalar("kafka.group", value::name),
            instance: reader.scalar("kafka.instance", value::optional_name),
            topics,
            inputs: reader.list("kafka.inputs", read_input),
            session_timeout,
            heartbeat_interval,
            transaction_timeout,
            consumer_properties: with_common(reader.texts("kafka.consumer_properties")),
            producer_properties: with_common(reader.texts("kafka.producer_properties")),
            properties,
        };
        settings.check_together(reader);
        settings
    }

    fn check_together(&self, reader: &mut Reader<'_>) {
        if self.inputs.is_empty() {
            reader.problem(
                "kafka.inputs",
                "kafka.inputs names no input".to_owned(),
                "name at least one: [sensors, inspections]".to_owned(),
            );
        }
        if self.heartbeat_interval * 2 > self.session_timeout {
            reader.problem(
                "kafka.heartbeat_interval",
                "kafka.heartbeat_interval is more than half of kafka.session_timeout".to_owned(),
                "one lost heartbeat would cost the membership: a third is usual".to_owned(),
            );
        }
        self.check_names(reader);
    }

    /// Two topics of one name would be read as each other.
    fn check_names(&self, reader: &mut Reader<'_>) {
        for (topic, name) in &self.topics {
            if let Some((other, _)) = self.topics.iter().find(|(other, same)| *other < topic && *same == name)
            {
                reader.problem(
                    &format!("kafka.topics.{}", topic.name()),
                    format!(
                        "kafka.topics.{} and kafka.topics.{} are both \"{name}\"",
                        other.name(),
                        topic.name()
                    ),
                    "give each topic its own name".to_owned(),
                );
            }
        }
    }
}

/// Properties may hold passwords: their names are shown, their values never.
impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSettings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("group", &self.group)
            .field("instance", &self.instance)
            .field("topics", &self.topics)
            .field("inputs", &self.inputs)
            .field("session_timeout", &self.session_timeout)
            .field("heartbeat_interval", &self.heartbeat_interval)
            .field("transaction_timeout", &self.transaction_timeout)
            .field("consumer_properties", &self.consumer_properties.keys())
            .field("producer_properties", &self.producer_properties.keys())
            .finish_non_exhaustive()
    }
}

fn read_input(node: &Node, problems: &mut Vec<Problem>) -> Option<Input> {
    let names = Input::ALL.map(|input| (input.name(), input));
    reader::scalar("kafka.inputs", node, |text| value::one_of(text, &names), problems)
}
