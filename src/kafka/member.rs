//! One member of the consumer group: its consumer, the rebalances it is asked to answer, and the runs it reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;

use crate::config::KafkaSettings;
use crate::event::EventTime;
use crate::log::{Change, Each, Failure, Topic, TopicPartition, Verdict};

use super::batch::{Batch, Bell, Queue};
use super::client::{self, Kind, Names};
use super::group::Group;
use super::reader;
use super::run::{self, Piece};
use super::share::Expelled;
use super::verdict::{self, Step};

/// How long one question to the brokers may take before the worker is told to ask again.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How many events of the membership one poll serves: each call serves one, and log lines are events too.
const EVENTS_PER_POLL: usize = 4;

/// One worker's membership.
pub(super) struct Member {
    // The queues are declared before the consumer: they are dropped first.
    pub(super) tallies: Queue<Group>,
    pub(super) inputs: Queue<Group>,
    pub(super) consumer: Arc<BaseConsumer<Group>>,
    pub(super) names: Arc<Names>,
    /// What librdkafka reads for us, each with the offset that comes next. An offset below it has been delivered already:
    /// a pause that crosses a fetch (a rebalance pauses) can bring a record a second time.
    pub(super) next: BTreeMap<TopicPartition, i64>,
    /// This member's share of the group's partitions, whether they are read yet or not.
    pub(super) owned: BTreeSet<TopicPartition>,
    /// The group has given a share and waits for the answer.
    pub(super) offered: bool,
    /// The id under which the share was given.
    pub(super) identity: Option<String>,
    /// Whether and why it is thrown out. It is told that it lost everything.
    pub(super) expelled: Option<Expelled>,
    /// What the group wants back, until all of it has been released.
    pub(super) revoking: Option<BTreeSet<TopicPartition>>,
    /// Released, but librdkafka has not been told yet.
    pub(super) released: Vec<TopicPartition>,
    batch: Batch,
    pub(super) changes: Vec<Change>,
    pub(super) trouble: Option<Failure>,
}

impl Member {
    /// The end of a partition as the last fetch was told it.
    pub(super) fn end_seen(&self, partition: TopicPartition) -> Option<i64> {
        self.inputs.end_seen(self.names.name(partition.topic), partition.partition)
    }

    /// Subscribes to the inputs and the tallies; joining begins with the first poll. The member is a static one (KIP-345): a
    /// process that is killed and started again has its share back at once, instead of waiting until its old self is missed.
    pub(super) fn join(settings: &KafkaSettings, id: &str, names: Arc<Names>) -> Result<Member, Failure> {
        let role = [
            ("group.id", settings.group.as_str()),
            ("group.instance.id", id),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "true"),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "error"),
            ("allow.auto.create.topics", "false"),
            // A queue much larger than the processor's cache comes back cold and costs memory, a small one runs empty, and the
            // default backoff stalls a full queue for a second.
            ("queued.max.messages.kbytes", "8192"),
            ("fetch.message.max.bytes", "1048576"),
            // From 8 MB on the allocator gives an answer's buffer back to the kernel after each fetch.
            ("fetch.max.bytes", "6291456"),
            // No record is refused by this: it bounds the buffer into which librdkafka unpacks a batch of producers' usual million
            // bytes. One that is a little too small is grown by copying.
            ("message.max.bytes", "4194304"),
            ("fetch.queue.backoff.ms", "10"),
            // While the inputs' queue is full, only the tallies are asked for; nothing is fetched until that is answered.
            ("fetch.wait.max.ms", "20"),
        ];
        let config = client::config(settings, Kind::Consumer, &role)?;
        let mut consumer: BaseConsumer<Group> = config
            .create_with_context(Group::default())
            .map_err(|error| verdict::failure(Step::Open, "", &error))?;
        let bell = Arc::new(Bell::default());
        let ring = Arc::clone(&bell);
        consumer.set_nonempty_callback(move || ring.ring());
        let consumer = Arc::new(consumer);

        let mut topics = vec![names.name(Topic::Tallies)];
        topics.extend(settings.inputs.iter().map(|&input| names.name(Topic::Input(input))));
        consumer.subscribe(&topics).map_err(|error| verdict::failure(Step::Open, "", &error))?;
        Ok(Member {
            tallies: Queue::new(Arc::clone(&consumer), Arc::clone(&bell)),
            inputs: Queue::new(Arc::clone(&consumer), bell),
            consumer,
            names,
            next: BTreeMap::new(),
            owned: BTreeSet::new(),
            offered: false,
            identity: None,
            expelled: None,
            revoking: None,
            released: Vec::new(),
            batch: Batch::default(),
            changes: Vec::new(),
            trouble: None,
        })
    }

    /// See [`crate::log::Log::poll`].
    pub(super) fn poll(
        &mut self,
        timeout: Duration,
        max: usize,
        now: EventTime,
        each: Each<'_>,
    ) -> Result<Vec<Change>, Failure> {
        self.serve_events();
        if self.is_quiet() && self.read(max, now, each) == 0 && self.is_quiet() && !timeout.is_zero() {
            self.inputs.bell().wait(timeout);
            self.serve_events();
            if self.is_quiet() {
                self.read(max, now, each);
            }
        }
        match self.trouble.take() {
            // Changes stay for the next call: none is lost behind a failure.
            Some(failure) => Err(failure),
            None => Ok(std::mem::take(&mut self.changes)),
        }
    }

    fn is_quiet(&self) -> bool {
        self.trouble.is_none() && self.changes.is_empty()
    }

    /// Tallies come before inputs: a backlog of inputs must not delay an alert.
    fn read(&mut self, max: usize, now: EventTime, each: Each<'_>) -> usize {
        self.tallies.fetch(max, &mut self.batch);
        let tallies = self.batch.len();
        self.deliver(now, each);
        if tallies >= max {
            return tallies;
        }
        self.inputs.fetch(max - tallies, &mut self.batch);
        let inputs = self.batch.len();
        self.deliver(now, each);
        tallies + inputs
    }

    fn deliver(&mut self, now: EventTime, each: Each<'_>) {
        let Member { batch, names, next, changes, trouble, .. } = self;
        run::deliver(batch, names, now, &mut |piece| match piece {
            Piece::Run(run) => {
                let at = run[0].at;
                let Some(next) = next.get_mut(&at) else { return };
                let fresh = &run[run.partition_point(|record| record.offset < *next)..];
                let Some(last) = fresh.last() else { return };
                *next = last.offset + 1;
                changes.retain(|change| *change != Change::AtEnd(at));
                each(fresh);
            }
            Piece::Event { at: Some(at), code: Code::PartitionEOF, .. } => {
                if next.contains_key(&at) {
                    changes.push(Change::AtEnd(at));
                }
            }
            // No position, rather than one whose records are gone: the partition was being taken from us while we sought.
            Piece::Event { offset: ..0, code: Code::AutoOffsetReset, .. } => {
                let message = "a partition has lost its position: reading again from the commit";
                *trouble = Some(Failure::new(Verdict::AbortAndRewind, message));
            }
            Piece::Event { at, offset, code } => {
                let about = at.map_or(String::new(), |at| {
                    format!("{}[{}] at offset {offset}", names.name(at.topic), at.partition)
                });
                *trouble = Some(verdict::failure_of(Step::Poll, &about, code));
            }
        });
        batch.clear();
    }

    fn serve_events(&mut self) {
        for _ in 0..EVENTS_PER_POLL {
            match self.consumer.poll(Duration::ZERO) {
                None => {}
                Some(Err(error)) if verdict::symptom(&error).code == Code::FencedInstanceId => {
                    self.expelled = Some(Expelled::Fenced);
                }
                Some(Err(error)) => {
                    let heard = &self.consumer.client().context().heard;
                    self.trouble = Some(verdict::explained(Step::Poll, "", &error, heard));
                }
                Some(Ok(_)) => {
                    let message =
                        "a record came outside its partition's queue: reading again from the commit";
                    self.trouble = Some(Failure::new(Verdict::AbortAndRewind, message));
                }
            }
        }
        self.serve_group();
    }

    /// See [`crate::log::Log::rewind`]. A seek drops what was fetched ahead.
    pub(super) fn rewind(&mut self, to: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        let to: Vec<_> = to.iter().copied().filter(|(at, _)| self.next.contains_key(at)).collect();
        if to.is_empty() {
            return Ok(());
        }
        self.seek(&to)?;
        self.next.extend(to);
        Ok(())
    }

    fn seek(&self, to: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        let sought = self.consumer.seek_partitions(self.names.list_at(to)?, ANSWER_WITHIN);
        let sought = sought.map_err(|error| verdict::failure(Step::Assign, "", &error))?;
        for element in sought.elements() {
            let about = format!("{}[{}]", element.topic(), element.partition());
            element.error().map_err(|error| verdict::failure(Step::Assign, &about, &error))?;
        }
        Ok(())
    }

    /// Tells librdkafka where we are in partitions that are about to go on after a pause; a rebalance pauses them all. By
    /// itself it would go on one too far after the end of a partition came in a batch, and skip a record or find the offset
    /// out of range (librdkafka#4844, mended in 2.13).
    pub(super) fn stay_put(&self, at: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        if at.is_empty() { Ok(()) } else { self.seek(at) }
    }

    pub(super) fn offsets_read(&self) -> Vec<(TopicPartition, i64)> {
        self.next.iter().map(|(at, next)| (*at, *next)).collect()
    }

    /// See [`crate::log::Log::pause`].
    pub(super) fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        let list = self.names.list(partitions);
        self.consumer.pause(&list).map_err(|error| verdict::failure(Step::Assign, "", &error))
    }

    /// See [`crate::log::Log::resume`].
    pub(super) fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        let at: Vec<_> = partitions.iter().filter_map(|at| Some((*at, *self.next.get(at)?))).collect();
        self.stay_put(&at)?;
        let list = self.names.list(partitions);
        self.consumer.resume(&list).map_err(|error| verdict::failure(Step::Assign, "", &error))
    }

    /// See [`crate::log::Log::committed`]. A read_committed consumer is told of stable offsets only: librdkafka asks again
    /// until its time is up, and then says that they are not.
    pub(super) fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, Failure> {
        let committed = reader::committed(&self.consumer, &self.names, partitions, ANSWER_WITHIN)?;
        self.consumer.client().context().heard.forget();
        Ok(committed)
    }
}
