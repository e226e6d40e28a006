//! Plain clients: a producer without transactions, and a reader of everything committed.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

/// For how long a test waits before it gives up. Long: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// For how long a reader waits for one record.
const MOMENT: Duration = Duration::from_millis(100);

/// A record that a reader got.
#[derive(Clone, Debug)]
pub struct Read {
    pub partition: u32,
    pub offset: i64,
    pub stamp_ms: i64,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

impl Read {
    /// The value as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.value.as_deref().expect("a value")).expect("JSON")
    }
}

/// Sends input events.
pub struct Sender {
    producer: BaseProducer,
}

impl Sender {
    pub fn new(address: &str) -> Sender {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", address)
            .set("enable.idempotence", "true") // or a broker's crash would reorder and repeat what the test sent
            .set("linger.ms", "2")
            .set("message.max.bytes", "20000000")
            // Back as soon as the broker is: by the oracle no partition is idle while its events wait here.
            .set("reconnect.backoff.max.ms", "100")
            .create()
            .unwrap();
        Sender { producer }
    }

    pub fn send(&self, topic: &str, key: &str, value: &[u8]) {
        let mut record = BaseRecord::to(topic).key(key).payload(value);
        while let Err((error, same)) = self.producer.send(record) {
            assert_eq!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            self.producer.poll(Duration::from_millis(10));
            record = same;
        }
    }

    /// Serve the producer for a while: the pace of a load.
    pub fn pace(&self, pause: Duration) {
        self.producer.poll(pause);
    }

    pub fn flush(&self) {
        self.producer.flush(PATIENCE).unwrap();
    }
}

/// Reads topics, record by record.
pub struct Reader {
    consumer: BaseConsumer,
    /// Partitions whose end was not reached yet.
    open: i32,
}

impl Reader {
    /// Of everything committed, from the beginning.
    pub fn committed(address: &str, topic: &str) -> Reader {
        Reader::new(address, topic, "read_committed", Offset::Beginning)
    }

    /// Of everything that is written from now on, committed or not: a measure of progress.
    pub fn of_progress(address: &str, topic: &str) -> Reader {
        Reader::new(address, topic, "read_uncommitted", Offset::End)
    }

    fn new(address: &str, topic: &str, isolation: &str, from: Offset) -> Reader {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", address)
            .set("group.id", "a-reader-that-never-commits")
            .set("enable.auto.commit", "false")
            .set("isolation.level", isolation)
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .create()
            .unwrap();
        let open = partitions(&consumer, topic);
        let mut start = TopicPartitionList::new();
        for partition in 0..open {
            start.add_partition_offset(topic, partition, from).unwrap();
        }
        consumer.assign(&start).unwrap();
        Reader { consumer, open }
    }

    /// The next record; `None` when none came for a moment, or the end of a partition did.
    pub fn next(&mut self) -> Option<Read> {
        match self.consumer.poll(MOMENT)? {
            Err(KafkaError::PartitionEOF(_)) => {
                self.open -= 1;
                None
            }
            Err(error) => {
                assert!(is_passing(&error), "{error}");
                None
            }
            Ok(message) => Some(Read {
                partition: u32::try_from(message.partition()).unwrap(),
                offset: message.offset(),
                stamp_ms: message.timestamp().to_millis().unwrap(),
                key: message.key().unwrap_or_default().to_vec(),
                value: message.payload().map(<[u8]>::to_vec),
            }),
        }
    }

    /// Wait for so many more records.
    pub fn wait_for(&mut self, records: u32) {
        let mut left = records;
        self.wait_until("records", |record| {
            left -= u32::from(record.is_some() && left > 0);
            left == 0
        });
    }

    /// Read on until something holds; it is asked at each record, and at each moment without one.
    pub fn wait_until(&mut self, what: &str, mut holds: impl FnMut(Option<&Read>) -> bool) {
        let began = Instant::now();
        while !holds(self.next().as_ref()) {
            assert!(
                began.elapsed() < PATIENCE,
                "waited in vain for {what}; the processes' logs stand below target"
            );
        }
    }
}

/// Wait until the group's first transaction is whole in every respect: see [`has_forgotten`].
pub fn wait_until_settled(address: &str, group: &str, topic: &str) {
    let began = Instant::now();
    let is_known = |offsets: Vec<Offset>| matches!(offsets[0], Offset::Offset(_));
    while !committed(address, group, topic, PATIENCE / 60).is_ok_and(is_known) {
        assert!(began.elapsed() < PATIENCE, "waited in vain for stable offsets of {topic}");
    }
}

/// Whether the broker has forgotten the end of a transaction in the group's offsets for this input, or in this state, while
/// nobody writes. One that crashes between a decision and its markers may do so: Kafka 4 passes over partitions that have no
/// leader at that moment, as all have while the only broker registers again (KAFKA-20734). What stands there then stays
/// undecided until a person ends it; what hazstream itself had left open would have been ended by the broker long before.
pub fn has_forgotten(address: &str, group: &str, input: &str, state: &str) -> bool {
    let unstable = KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut);
    committed(address, group, input, PATIENCE / 4) == Err(unstable)
        || ends(address, state, "read_committed") != ends(address, state, "read_uncommitted")
}

/// Up to where each of a topic's partitions can be read.
fn ends(address: &str, topic: &str, isolation: &str) -> Vec<i64> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("isolation.level", isolation)
        .create()
        .unwrap();
    let end = |partition| consumer.fetch_watermarks(topic, partition, PATIENCE).unwrap().1;
    (0..partitions(&consumer, topic)).map(end).collect()
}

/// The group's offsets in a topic; while they are unstable they are asked for until the time is up.
fn committed(address: &str, group: &str, topic: &str, within: Duration) -> KafkaResult<Vec<Offset>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", group)
        .set("isolation.level", "read_committed")
        .create()
        .unwrap();
    let mut all = TopicPartitionList::new();
    all.add_partition_range(topic, 0, partitions(&consumer, topic) - 1);
    let answer = consumer.committed_offsets(all, within)?;
    Ok(answer.elements().iter().map(|element| element.offset()).collect())
}

/// How many partitions a topic has.
fn partitions(consumer: &BaseConsumer, topic: &str) -> i32 {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    i32::try_from(metadata.topics()[0].partitions().len()).unwrap()
}

/// Everything committed in a topic up to now, in the order of each partition.
pub fn read_all(address: &str, topic: &str) -> Vec<Read> {
    let mut reader = Reader::committed(address, topic);
    let mut all = Vec::new();
    while reader.open > 0 {
        all.extend(reader.next());
    }
    all
}

/// Errors that pass while a broker is away.
fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve};
    error.rdkafka_error_code().is_some_and(|code| {
        [AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve].contains(&code)
    })
}
