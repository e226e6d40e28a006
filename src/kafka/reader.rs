//! The side reader: restores state and tails, and asks how far a partition reaches, apart from the group's assignment.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::config::KafkaSettings;
use crate::event::EventTime;
use crate::log::{Each, Failure, Topic, TopicPartition};

use super::batch::{Batch, Bell, Queue};
use super::client::{self, Kind, Names, number};
use super::context::Plain;
use super::run::{self, Piece};
use super::verdict::{self, Step};

/// How long one question to the brokers may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How long one read waits for a record or for the end; an open transaction may hold both back.
const WAIT: Duration = Duration::from_millis(200);

/// How many records one read takes at most.
const RECORDS_PER_READ: usize = 4_096;

/// Reads committed records by position.
pub(super) struct Reader {
    queue: Queue<Plain>,
    consumer: Arc<BaseConsumer<Plain>>,
    names: Arc<Names>,
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
        ];
        let config = client::config(settings, Kind::Consumer, &role)?;
        let consumer: BaseConsumer<Plain> =
            config.create_with_context(Plain).map_err(|error| verdict::failure(Step::Open, "", &error))?;
        let consumer = Arc::new(consumer);
        let queue = Queue::new(Arc::clone(&consumer), Arc::new(Bell::default()));
        Ok(Reader { queue, consumer, names, reading: None, batch: Batch::default() })
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
        // Serves log lines; an error of the client as a whole shows as no progress, which the caller sees and names.
        if let Some(Err(error)) = self.consumer.poll(Duration::ZERO) {
            self.stop();
            return Err(verdict::failure(Step::Read, self.names.name(at.topic), &error));
        }
        self.queue.fetch(RECORDS_PER_READ, &mut self.batch);
        if self.batch.len() == 0 {
            self.queue.bell().wait(WAIT);
            self.queue.fetch(RECORDS_PER_READ, &mut self.batch);
        }
        let reached = self.deliver(at, from, to, now, each);
        match reached {
            Ok(position) if position < to => self.reading = Some((at, position)),
            _ => self.stop(),
        }
        reached
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
        let unknown = || verdict::failure_of(Step::Read, name, Code::UnknownPartition);
        self.queue.take(name, at.partition).ok_or_else(unknown)?;
        let list = self.names.list_at(&[(at, from)])?;
        self.consumer.assign(&list).map_err(|error| verdict::failure(Step::Read, name, &error))?;
        self.reading = Some((at, from));
        Ok(())
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
        let consumer =
            config.create_with_context(Plain).map_err(|error| verdict::failure(Step::Open, "", &error))?;
        Ok(Scout { consumer, names })
    }

    /// See [`crate::log::Log::partitions`].
    pub(super) fn partitions(&self, topic: Topic) -> Result<u32, Failure> {
        let name = self.names.name(topic);
        self.serve();
        let metadata = match self.consumer.fetch_metadata(Some(name), ANSWER_WITHIN) {
            Ok(metadata) => metadata,
            Err(error) if is_missing(&error) => return Ok(0),
            Err(error) => return Err(verdict::failure(Step::Ask, name, &error)),
        };
        let Some(found) = metadata.topics().iter().find(|found| found.name() == name) else {
            return Ok(0);
        };
        match found.error().map(Code::from) {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Ok(0),
            Some(code) => Err(verdict::failure_of(Step::Ask, name, code)),
            None => Ok(u32::try_from(found.partitions().len()).unwrap_or(u32::MAX)),
        }
    }

    /// See [`crate::log::Log::bounds`].
    pub(super) fn bounds(&self, at: TopicPartition) -> Result<(i64, i64), Failure> {
        let name = self.names.name(at.topic);
        self.serve();
        self.consumer
            .fetch_watermarks(name, number(at.partition), ANSWER_WITHIN)
            .map_err(|error| verdict::failure(Step::Ask, &format!("{name}[{}]", at.partition), &error))
    }

    /// Lets the client's log lines out; its errors show in the answers.
    fn serve(&self) {
        if let Some(Err(error)) = self.consumer.poll(Duration::ZERO) {
            tracing::debug!("asking the brokers: {error}");
        }
    }
}

fn is_missing(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(Code::UnknownTopicOrPartition | Code::UnknownTopic))
}
