//! Probes: major hazards that are reported amid a load, and the alerts that come back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::pipeline::PARTITIONS;

/// Sends probes and sees their alerts.
pub struct Probes {
    producer: BaseProducer,
    consumer: BaseConsumer,
    topic: String,
    sent: BTreeMap<String, Instant>,
}

impl Probes {
    /// For the inspections and alerts of the topics with this prefix.
    pub fn new(address: &str, prefix: &str) -> anyhow::Result<Probes> {
        let producer =
            ClientConfig::new().set("bootstrap.servers", address).set("linger.ms", "0").create()?;
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", address)
            .set("group.id", "probes")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "10")
            .create()?;
        let mut start = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            start.add_partition_offset(&format!("{prefix}.alerts"), partition, Offset::Beginning)?;
        }
        consumer.assign(&start)?;
        Ok(Probes { producer, consumer, topic: format!("{prefix}.inspections"), sent: BTreeMap::new() })
    }

    /// Report a major hazard now.
    pub fn send(&mut self) -> anyhow::Result<()> {
        let id = format!("probe-{}", self.sent.len());
        let event = serde_json::json!({
            "type": "inspection", "id": id, "time": jiff::Timestamp::now().to_string(), "region": "330604104",
            "sector": "small_workshops", "enterprise_id": id, "source": "grid",
            "hazards": [{"hazard_id": id, "grade": "major"}],
        });
        self.sent.insert(id.clone(), Instant::now());
        let payload = event.to_string();
        let record = BaseRecord::to(&self.topic).key(&id).payload(&payload);
        self.producer.send(record).map_err(|(error, _)| error)?;
        self.producer.flush(Duration::ZERO).ok(); // it is on its way; whether it arrived is seen by its alert
        Ok(())
    }

    /// Look for alerts for so long: of each new one, when its probe was sent, and when it was seen.
    pub fn look(&mut self, pause: Duration) -> anyhow::Result<Vec<(Instant, Instant)>> {
        let until = Instant::now() + pause;
        let mut seen = Vec::new();
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let Some(message) = self.consumer.poll(left) else { continue };
            let message = message?;
            let alert: serde_json::Value = serde_json::from_slice(message.payload().unwrap_or(b"null"))?;
            let subject = alert["subject"]["id"].as_str().unwrap_or_default();
            if let Some(sent) = self.sent.get(subject).filter(|_| alert["status"] == "firing") {
                seen.push((*sent, Instant::now()));
            }
        }
        Ok(seen)
    }
}
