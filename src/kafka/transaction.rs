//! The transactional producer: one transaction per commit of the worker.
//!
//! librdkafka has no KIP-890 yet: a delayed end of one transaction may decide a later one. So every time-out here ends the
//! producer, and its successor's `init_transactions` fences whatever is still on the way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, TopicPartitionList};

use crate::config::KafkaSettings;
use crate::log::{Failure, Output, Verdict};

use super::client::{self, Kind, Names, number};
use super::context::{Heard, log_line};
use super::verdict::{self, Step};

/// How long to rest between two looks for deliveries. rust-rdkafka's own flush looks every 100 ms, which then is what a
/// commit takes; and its poll spins through the last millisecond of a time-out, so that it is only ever asked not to wait.
const REST: Duration = Duration::from_micros(250);

/// Remembers the first record that the brokers refused; the transaction cannot commit without it.
#[derive(Default)]
struct Deliveries {
    refused: Mutex<Option<(String, Code)>>,
    heard: Heard,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.heard.hear(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
            let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            // What an abort purges was not refused by anybody.
            if refused.is_none() && !matches!(code, Code::PurgeQueue | Code::PurgeInflight) {
                *refused = Some((message.topic().to_owned(), code));
            }
        }
    }
}

/// A producer that has initialised its transactions.
pub(super) struct Transactions {
    producer: BaseProducer<Deliveries>,
    names: Arc<Names>,
    timeout: Duration,
    open: bool,
    /// By when everything must be written.
    until: Instant,
    fenced: bool,
}

impl Transactions {
    /// A new producer under this id: fences every older one and ends the transaction it left open.
    pub(super) fn init(
        settings: &KafkaSettings,
        id: &str,
        names: Arc<Names>,
    ) -> Result<Transactions, Failure> {
        let producer: BaseProducer<Deliveries> = config(settings, id)?
            .create_with_context(Deliveries::default())
            .map_err(|error| verdict::failure(Step::Open, id, &error))?;
        let timeout = settings.transaction_timeout;
        producer.init_transactions(timeout).map_err(|error| {
            // Nobody has listened to the client's own troubles meanwhile.
            producer.poll(Duration::ZERO);
            verdict::explained(Step::Init, id, &error, &producer.context().heard)
        })?;
        Ok(Transactions { producer, names, timeout, open: false, until: Instant::now(), fenced: false })
    }

    pub(super) fn begin(&mut self) -> Result<(), Failure> {
        self.producer.begin_transaction().map_err(|error| self.failed(Step::Begin, &error))?;
        *self.producer.context().refused.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.open = true;
        self.until = Instant::now() + self.timeout;
        Ok(())
    }

    /// Queues a record. A full queue is waited for: that is the back-pressure.
    pub(super) fn produce(&mut self, output: &Output) -> Result<(), Failure> {
        let topic = self.names.name(output.topic);
        let mut record = BaseRecord::<[u8], [u8]>::to(topic);
        record.partition = output.partition.map(number);
        record.key = (!output.key.is_empty()).then_some(output.key.as_slice());
        record.payload = output.value.as_deref();
        if !output.headers.is_empty() {
            let headers = OwnedHeaders::new_with_capacity(output.headers.len());
            record.headers =
                Some(output.headers.iter().fold(headers, |headers, (key, value)| {
                    headers.insert(Header { key, value: Some(value) })
                }));
        }
        let until = Instant::now() + self.timeout;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(Code::QueueFull), again)) if Instant::now() < until => {
                    self.look(true);
                    record = again;
                }
                Err((error, _)) => {
                    self.fenced |= verdict::is_fenced(verdict::symptom(&error).code);
                    return Err(verdict::failure(Step::Produce, topic, &error));
                }
            }
        }
    }

    /// Waits until everything is written, adds the offsets under the membership of this moment, and commits.
    pub(super) fn commit(
        &mut self,
        offsets: &TopicPartitionList,
        membership: impl FnOnce() -> Result<ConsumerGroupMetadata, Failure>,
    ) -> Result<(), Failure> {
        while !self.is_written(true)? {}
        let until = Instant::now() + self.timeout;
        if offsets.count() > 0 {
            let membership = membership()?;
            let sent = self.producer.send_offsets_to_transaction(offsets, &membership, left(until));
            sent.map_err(|error| self.failed(Step::SendOffsets, &error))?;
        }
        let committed = self.producer.commit_transaction(left(until));
        committed.map_err(|error| self.failed(Step::Commit, &error))?;
        self.producer.context().heard.forget();
        self.open = false;
        Ok(())
    }

    /// Whether another producer, or the broker, has taken this one's epoch away.
    pub(super) const fn is_fenced(&self) -> bool {
        self.fenced
    }

    fn failed(&mut self, step: Step, error: &KafkaError) -> Failure {
        self.fenced |= verdict::is_fenced(verdict::symptom(error).code);
        verdict::explained(step, "", error, &self.producer.context().heard)
    }

    /// Takes in the deliveries told so far; whoever is `idle` rests if some are still to come.
    fn look(&self, idle: bool) {
        self.producer.poll(Duration::ZERO);
        if idle && self.producer.in_flight_count() > 0 {
            std::thread::sleep(REST);
        }
    }

    /// See [`crate::log::Log::is_written`].
    pub(super) fn is_written(&mut self, idle: bool) -> Result<bool, Failure> {
        self.look(idle);
        if self.producer.in_flight_count() > 0 {
            if Instant::now() < self.until {
                return Ok(false);
            }
            let heard = self.producer.context().heard.reason(Code::OperationTimedOut);
            let reason = heard.map_or_else(String::new, |(_, reason)| format!(": {reason}"));
            let message =
                format!("the brokers have not taken what was written for {:?}{reason}", self.timeout);
            return Err(Failure::new(Verdict::NewProducer, message));
        }
        let refused = self.producer.context().refused.lock().unwrap_or_else(PoisonError::into_inner).take();
        match refused {
            Some((topic, code)) => {
                self.fenced |= verdict::is_fenced(code);
                Err(verdict::failure_of(Step::Produce, &topic, code))
            }
            None => Ok(true),
        }
    }

    pub(super) fn abort(&mut self) -> Result<(), Failure> {
        if !self.open {
            return Ok(());
        }
        // librdkafka's abort waits for the deliveries that nobody serves meanwhile: they are served before.
        let until = Instant::now() + Duration::from_secs(1).min(self.timeout);
        while self.producer.in_flight_count() > 0 && Instant::now() < until {
            self.look(true);
        }
        let aborted = self.producer.abort_transaction(self.timeout);
        aborted.map_err(|error| self.failed(Step::Abort, &error))?;
        self.open = false;
        Ok(())
    }
}

fn left(until: Instant) -> Duration {
    // Zero would not even send the request.
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(100))
}

fn config(settings: &KafkaSettings, id: &str) -> Result<ClientConfig, Failure> {
    let timeout = settings.transaction_timeout.as_millis().to_string();
    let message_bytes_max = client::MESSAGE_BYTES_MAX.to_string();
    let role = [
        ("transactional.id", id),
        ("transaction.timeout.ms", &timeout),
        ("enable.idempotence", "true"),
        // The partitioner of every other Kafka producer.
        ("partitioner", "murmur2_random"),
        ("compression.codec", "lz4"),
        ("message.max.bytes", &message_bytes_max),
        ("linger.ms", "1"),
        // Only refusals matter here; a report of each success would cost as much as sending it.
        ("delivery.report.only.error", "true"),
    ];
    client::config(settings, Kind::Producer, &role)
}
