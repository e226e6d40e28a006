//! A plain fast producer: idempotent, batching, no transactions. For the generator, and for whoever fills a topic.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use crate::config::KafkaSettings;
use crate::log::{Failure, Topic, Verdict};

use super::client::{self, Kind, MESSAGE_BYTES_MAX, Names};
use super::context::{Heard, log_line};
use super::verdict::{self, Step};

/// Records between two looks at what was delivered.
const RECORDS_PER_LOOK: u64 = 1_000;

/// What became of the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// The broker has them.
    pub written: u64,
    /// The broker does not have them.
    pub failed: u64,
    /// Why, of the first.
    pub first_failure: Option<String>,
}

#[derive(Default)]
struct Counts {
    delivered: Mutex<Delivered>,
    heard: Heard,
}

impl ClientContext for Counts {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.heard.hear(&error, reason);
    }
}

impl ProducerContext for Counts {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut counts = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(_) => counts.written += 1,
            Err((error, record)) => {
                counts.failed += 1;
                counts.first_failure.get_or_insert_with(|| format!("{}: {error}", record.topic()));
            }
        }
    }
}

/// Writes records as fast as the brokers take them.
pub struct Feed {
    producer: BaseProducer<Counts>,
    names: Names,
    sent: u64,
}

impl Feed {
    /// Nothing waits for a broker yet.
    ///
    /// # Errors
    /// [`Verdict::Stop`] when librdkafka refuses the settings.
    pub fn new(settings: &KafkaSettings) -> Result<Feed, Failure> {
        let message_bytes_max = MESSAGE_BYTES_MAX.to_string();
        let role = [
            ("enable.idempotence", "true"),
            ("partitioner", "murmur2_random"),
            ("message.max.bytes", message_bytes_max.as_str()),
            ("compression.codec", "lz4"),
            ("linger.ms", "20"),
            ("batch.size", "1000000"),
            ("batch.num.messages", "10000"),
            ("queue.buffering.max.messages", "200000"),
            ("queue.buffering.max.kbytes", "131072"),
        ];
        let producer = client::config(settings, Kind::Producer, &role)?
            .create_with_context(Counts::default())
            .map_err(|error| verdict::failure(Step::Open, "", &error))?;
        Ok(Feed { producer, names: Names::new(settings), sent: 0 })
    }

    /// Queues a record, stamped with `time_ms` (Unix milliseconds) where the topic does not stamp it itself. A full queue is
    /// waited for, at most `patience`.
    ///
    /// # Errors
    /// [`Verdict::Retry`] when the brokers took nothing for that long; [`Verdict::Stop`] when they never will.
    pub fn send(
        &mut self,
        topic: Topic,
        key: &[u8],
        value: &[u8],
        time_ms: Option<i64>,
        patience: Duration,
    ) -> Result<(), Failure> {
        let name = self.names.name(topic);
        let mut record = BaseRecord::<[u8], [u8]>::to(name).payload(value);
        record.key = (!key.is_empty()).then_some(key);
        record.timestamp = time_ms;
        self.sent += 1;
        if self.sent.is_multiple_of(RECORDS_PER_LOOK) {
            self.producer.poll(Duration::ZERO);
        }
        let mut until = None;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(Code::QueueFull), again)) => {
                    if Instant::now() >= *until.get_or_insert_with(|| Instant::now() + patience) {
                        let heard = self.producer.context().heard.reason(Code::OperationTimedOut);
                        let reason = heard.map_or_else(String::new, |(_, reason)| format!(": {reason}"));
                        let message =
                            format!("the brokers have taken nothing of {name} for {patience:?}{reason}");
                        return Err(Failure::new(Verdict::Retry, message));
                    }
                    self.producer.poll(Duration::from_millis(5));
                    record = again;
                }
                Err((error, _)) => {
                    return Err(Failure::new(
                        Verdict::Stop,
                        verdict::failure(Step::Produce, name, &error).message,
                    ));
                }
            }
        }
    }

    /// Waits until every record was delivered or given up, at most `patience`, and says how many of each there were so far.
    /// What is still on the way then is in neither count.
    pub fn flush(&mut self, patience: Duration) -> Delivered {
        if let Err(error) = self.producer.flush(patience) {
            tracing::warn!("waiting for deliveries: {error}");
        }
        self.delivered()
    }

    /// How many records were delivered or given up so far, as far as was looked.
    pub fn delivered(&self) -> Delivered {
        self.producer.context().delivered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
