//! The side reader: restores state and tails, and asks how far a partition reaches, apart from the group's assignment.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::metadata::{Metadata, MetadataTopic};
use rdkafka::{Offset, TopicPartitionList};

use crate::config::KafkaSettings;
use crate::event::EventTime;
use crate::log::{Each, Failure, Topic, TopicPartition, Verdict};

use super::batch::{Batch, Bell, Queue};
use super::client::{self, Kind, Names, number};
use super::context::{Heard, Plain, is_connection};
use super::run::{self, Piece};
use super::verdict::{self, Step};

/// How long one question to the brokers may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A broker that can be reached has answered by then.
const GLANCE: Duration = Duration::from_secs(2);

/// How long one read waits for a record or for the end; an open transaction may hold both back.
const WAIT: Duration = Duration::from_millis(200);

/// How many records one read takes at most.
const RECORDS_PER_READ: usize = 4_096;

/// Reads committed records by position.
pub(super) struct Reader {
    queue: Queue<Plain>,
    consumer: Arc<BaseConsumer<Plain>>,
    names: Arc<Names>,
    /// Topics whose leaders the client knows. It would look for them by itself, but a second later.
    known: BTreeSet<Topic>,
    /// What is being read, and the position reached there.
    reading: Option<(TopicPartition, i64)>,
    batch: Batch,
}

impl Reader {
    /// It carries the group's id, since librdkafka assigns nothing without one, but never joins the group.
    pub(super) fn open(settings: &KafkaSettings, names: Arc<Names>) -> Result<Reader, Failure> {
        let role = [
            ("group.id", settings.group.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "true"),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "error"),
            ("allow.auto.create.topics", "false"),
            ("queued.max.messages.kbytes", "8192"),
            ("fetch.queue.backoff.ms", "10"),
            // A partition's end is told when the broker has waited this long in vain for more, and the next partition is asked
            // for when the last answer about the one before has come.
            ("fetch.wait.max.ms", "5"),
        ];
        let config = client::config(settings, Kind::Consumer, &role)?;
        let consumer: BaseConsumer<Plain> = config
            .create_with_context(Plain::default())
            .map_err(|error| verdict::failure(Step::Open, "", &error))?;
        let consumer = Arc::new(consumer);
        let queue = Queue::new(Arc::clone(&consumer), Arc::new(Bell::default()));
        Ok(Reader { queue, consumer, names, known: BTreeSet::new(), reading: None, batch: Batch::default() })
    }

    /// See [`crate::log::Log::read`].
    pub(super) fn read(
        &mut self,
        at: TopicPartition,
        from: i64,
        to: i64,
        now: EventTime,
        each: Each<'_>,
    ) -> Result<i64, Failure> {
        if from >= to {
            return Ok(from);
        }
        if self.reading != Some((at, from)) {
            self.start(at, from)?;
        }
        // What befell the client as a whole since the last read may be over: it matters only if nothing comes.
        let trouble = serve(&self.consumer);
        self.queue.fetch(RECORDS_PER_READ, &mut self.batch);
        if self.batch.len() == 0 {
            self.queue.bell().wait(WAIT);
            self.take(at)?;
            self.queue.fetch(RECORDS_PER_READ, &mut self.batch);
        }
        let reached = self.deliver(at, from, to, now, each);
        match (reached.as_ref(), trouble) {
            (Ok(&position), Some(error)) if position == from => {
                let heard = &self.consumer.client().context().heard;
                return Err(verdict::explained(Step::Read, self.names.name(at.topic), &error, heard));
            }
            (Ok(&position), _) if position < to => self.reading = Some((at, position)),
            _ => self.stop(),
        }
        reached
    }

    /// See [`crate::log::Log::committed`].
    pub(super) fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, Failure> {
        committed(&self.consumer, &self.names, partitions, ANSWER_WITHIN)
    }

    fn deliver(
        &mut self,
        wanted: TopicPartition,
        from: i64,
        to: i64,
        now: EventTime,
        each: Each<'_>,
    ) -> Result<i64, Failure> {
        let mut reached = from;
        let mut trouble = None;
        let Reader { batch, names, .. } = self;
        run::deliver(batch, names, now, &mut |piece| match piece {
            Piece::Run(run) => {
                let last = run[run.len() - 1].offset;
                let wanted = &run[..run.partition_point(|record| record.offset < to)];
                if !wanted.is_empty() {
                    each(wanted);
                }
                reached = reached.max(last + 1);
            }
            // The end lies behind control records and aborted ones, which are never shown.
            Piece::Event { offset, code: Code::PartitionEOF, .. } => reached = reached.max(offset),
            Piece::Event { offset, code, .. } => {
                let about = format!("{}[{}] at offset {offset}", names.name(wanted.topic), wanted.partition);
                trouble = Some(verdict::failure_of(Step::Read, &about, code));
            }
        });
        batch.clear();
        match trouble {
            Some(failure) => Err(failure),
            None => Ok(reached),
        }
    }

    fn start(&mut self, at: TopicPartition, from: i64) -> Result<(), Failure> {
        let name = self.names.name(at.topic);
        let failure = |error| verdict::failure(Step::Read, name, &error);
        if !self.known.contains(&at.topic) {
            self.consumer.fetch_metadata(Some(name), ANSWER_WITHIN).map_err(failure)?;
            self.known.insert(at.topic);
        }
        self.take(at)?;
        let list = self.names.list_at(&[(at, from)])?;
        self.consumer.assign(&list).map_err(failure)?;
        self.reading = Some((at, from));
        Ok(())
    }

    /// What is fetched comes to our queue. That is said again whenever nothing comes: librdkafka stops a former read of the
    /// same partition in the background, and when it does, forgets where the records go, of the new read too.
    fn take(&self, at: TopicPartition) -> Result<(), Failure> {
        let name = self.names.name(at.topic);
        let unknown = || verdict::failure_of(Step::Read, name, Code::UnknownPartition);
        self.queue.take(name, at.partition).ok_or_else(unknown)
    }

    fn stop(&mut self) {
        self.reading = None;
        if let Err(error) = self.consumer.assign(&TopicPartitionList::new()) {
            tracing::debug!("ending a side read: {error}");
        }
    }
}

/// Asks how far partitions reach, open transactions included: that needs a client that reads uncommitted.
pub(super) struct Scout {
    consumer: BaseConsumer<Plain>,
    names: Arc<Names>,
}

impl Scout {
    pub(super) fn open(settings: &KafkaSettings, names: Arc<Names>) -> Result<Scout, Failure> {
        let role = [("isolation.level", "read_uncommitted"), ("allow.auto.create.topics", "false")];
        let config = client::config(settings, Kind::Consumer, &role)?;
        let consumer = config
            .create_with_context(Plain::default())
            .map_err(|error| verdict::failure(Step::Open, "", &error))?;
        Ok(Scout { consumer, names })
    }

    /// See [`crate::log::Log::partitions`].
    pub(super) fn partitions(&self, topic: Topic) -> Result<u32, Failure> {
        let name = self.names.name(topic);
        let shape = self.shape(name, ANSWER_WITHIN);
        shape.map(|shape| shape.map_or(0, |shape| shape.0)).map_err(|error| self.failure(name, &error))
    }

    /// How many partitions a topic has, and how many copies at least; `None` when there is no such topic.
    pub(super) fn shape(&self, name: &str, within: Duration) -> Result<Option<(u32, u32)>, KafkaError> {
        let metadata = match self.metadata(name, within) {
            Ok(metadata) => metadata,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        self.heard().forget();
        let Some(found) = metadata.topics().iter().find(|found| found.name() == name) else {
            return Ok(None);
        };
        match found.error().map(Code::from) {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Ok(None),
            Some(code) => Err(KafkaError::MetadataFetch(code)),
            None => Ok(Some(shape(found))),
        }
    }

    /// Asks for a short while first: who refuses a password has done so by then, and the rest would be waited in vain.
    fn metadata(&self, name: &str, within: Duration) -> Result<Metadata, KafkaError> {
        self.serve();
        let first = self.consumer.fetch_metadata(Some(name), GLANCE);
        self.serve();
        match first {
            Err(error) if self.heard().reason(verdict::symptom(&error).code).is_some() => Err(error),
            Err(error) if is_connection(verdict::symptom(&error).code) => {
                let again = self.consumer.fetch_metadata(Some(name), within);
                self.serve();
                again
            }
            other => other,
        }
    }

    /// What the client was last told of its connections.
    pub(super) fn heard(&self) -> &Heard {
        &self.consumer.client().context().heard
    }

    fn failure(&self, about: &str, error: &KafkaError) -> Failure {
        verdict::explained(Step::Ask, about, error, self.heard())
    }

    /// See [`crate::log::Log::bounds`].
    pub(super) fn bounds(&self, at: TopicPartition) -> Result<(i64, i64), Failure> {
        let name = self.names.name(at.topic);
        self.serve();
        self.consumer
            .fetch_watermarks(name, number(at.partition), ANSWER_WITHIN)
            .map_err(|error| self.failure(&format!("{name}[{}]", at.partition), &error))
    }

    /// The answers are explained by what the client hears.
    fn serve(&self) {
        if let Some(error) = serve(&self.consumer) {
            tracing::debug!("asking the brokers: {error}");
        }
    }
}

/// Lets a client's log lines and errors out; the last error. While nobody asks, many gather.
fn serve(consumer: &BaseConsumer<Plain>) -> Option<KafkaError> {
    // A log line that was served and a queue that is empty look alike: hence a number.
    const AT_ONCE: usize = 32;
    (0..AT_ONCE).filter_map(|_| consumer.poll(Duration::ZERO)?.err()).fold(None, |_, error| Some(error))
}

fn shape(topic: &MetadataTopic) -> (u32, u32) {
    let partitions = u32::try_from(topic.partitions().len()).unwrap_or(u32::MAX);
    let copies = topic.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or(0);
    (partitions, u32::try_from(copies).unwrap_or(u32::MAX))
}

/// The group's committed offsets as this consumer is told them.
pub(super) fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    names: &Names,
    partitions: &[TopicPartition],
    within: Duration,
) -> Result<Vec<Option<i64>>, Failure> {
    const WHAT: &str = "committed offsets (a transaction that is not decided yet holds them back)";
    let answer = consumer.committed_offsets(names.list(partitions), within);
    let answer = answer.map_err(|error| verdict::failure(Step::Ask, WHAT, &error))?;
    let of = |at: &TopicPartition| {
        let name = names.name(at.topic);
        let about = format!("committed offset of {name}[{}]", at.partition);
        let missing = || Failure::new(Verdict::Retry, format!("no answer about the {about}"));
        let element = answer.find_partition(name, number(at.partition)).ok_or_else(missing)?;
        element.error().map_err(|error| verdict::failure(Step::Ask, &about, &error))?;
        match element.offset() {
            Offset::Offset(offset) => Ok(Some(offset)),
            _ => Ok(None),
        }
    };
    partitions.iter().map(of).collect()
}

fn is_missing(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(Code::UnknownTopicOrPartition | Code::UnknownTopic))
}
