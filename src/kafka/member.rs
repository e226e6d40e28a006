//! One member of the consumer group: its consumer, the rebalances it is asked to answer, and the runs it reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::RDKafkaErrorCode as Code;

use crate::config::KafkaSettings;
use crate::event::EventTime;
use crate::log::{Change, Each, Failure, Topic, TopicPartition, Verdict};

use super::batch::{Batch, Bell, Queue};
use super::client::{self, Kind, Names, number};
use super::group::{Asked, Group};
use super::run::{Piece, Runs};
use super::verdict::{self, Step};

/// How long one question to the brokers may take before the worker is told to ask again.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A member that does not poll for this long is stuck, and loses its partitions. A restore may take long.
const POLL_WITHIN: Duration = Duration::from_secs(600);

/// How long leaving may take; a consumer that takes longer is left to itself.
const LEAVE_WITHIN: Duration = Duration::from_secs(4);

/// How many events of the membership one poll serves: each call serves one, and log lines are events too.
const EVENTS_PER_POLL: usize = 4;

/// One worker's membership.
pub(super) struct Member {
    // The queues are declared before the consumer: they are dropped first.
    tallies: Queue<Group>,
    inputs: Queue<Group>,
    consumer: Arc<BaseConsumer<Group>>,
    names: Arc<Names>,
    /// What librdkafka reads for us, each with the offset that comes next. An offset below it has been delivered already:
    /// a pause that crosses a fetch (a rebalance pauses) can bring a record a second time.
    next: BTreeMap<TopicPartition, i64>,
    /// The group has offered partitions and `assign` has not answered yet.
    offered: bool,
    /// What the group wants back, until all of it has been released.
    revoking: Option<BTreeSet<TopicPartition>>,
    /// Released, but librdkafka has not been told yet.
    released: Vec<TopicPartition>,
    batch: Batch,
    runs: Runs,
    changes: Vec<Change>,
    trouble: Option<Failure>,
}

impl Member {
    /// The end of a partition as the last fetch was told it.
    pub(super) fn end_seen(&self, partition: TopicPartition) -> Option<i64> {
        self.inputs.end_seen(self.names.name(partition.topic), partition.partition)
    }

    /// Subscribes to the inputs and the tallies; joining begins with the first poll.
    pub(super) fn join(settings: &KafkaSettings, names: Arc<Names>) -> Result<Member, Failure> {
        let session = settings.session_timeout.as_millis().to_string();
        // librdkafka wants a poll within a longer time than a heartbeat.
        let poll = settings.session_timeout.max(POLL_WITHIN).as_millis().to_string();
        let heartbeat = settings.heartbeat_interval.as_millis().to_string();
        let role = [
            ("group.id", settings.group.as_str()),
            ("session.timeout.ms", &session),
            ("heartbeat.interval.ms", &heartbeat),
            ("max.poll.interval.ms", &poll),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "true"),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "error"),
            ("allow.auto.create.topics", "false"),
            // A queue larger than the processor's cache comes back cold, and the default backoff stalls a full queue for a
            // second.
            ("queued.max.messages.kbytes", "8192"),
            ("fetch.message.max.bytes", "1048576"),
            ("fetch.queue.backoff.ms", "10"),
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
            offered: false,
            revoking: None,
            released: Vec::new(),
            batch: Batch::default(),
            runs: Runs::default(),
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
        let Member { batch, runs, names, next, changes, trouble, .. } = self;
        runs.deliver(batch, names, now, &mut |piece| match piece {
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
                Some(Err(error)) => self.trouble = Some(verdict::failure(Step::Poll, "", &error)),
                Some(Ok(_)) => {
                    let message =
                        "a record came outside its partition's queue: reading again from the commit";
                    self.trouble = Some(Failure::new(Verdict::AbortAndRewind, message));
                }
            }
        }
        for asked in self.consumer.context().asked() {
            let served = match asked {
                Asked::Take(partitions) => self.asked_to_take(&partitions),
                Asked::Give { partitions, lost } => self.asked_to_give(&partitions, lost),
            };
            if let Err(failure) = served {
                self.trouble = Some(failure);
            }
        }
    }

    /// An empty share is taken at once, and still told of: the member is stable from now on.
    fn asked_to_take(&mut self, partitions: &[(String, i32)]) -> Result<(), Failure> {
        let partitions = self.located(partitions);
        self.offered = true;
        let answered = if partitions.is_empty() { self.assign(&[]) } else { Ok(()) };
        self.changes.push(Change::Assigned(partitions));
        answered
    }

    /// What was lost belongs to another by now: it is given up at once. The rest waits for `release`.
    fn asked_to_give(&mut self, partitions: &[(String, i32)], lost: bool) -> Result<(), Failure> {
        let partitions = self.located(partitions);
        self.revoking = Some(partitions.iter().copied().collect());
        if lost {
            let answered = self.release(&partitions);
            self.changes.push(Change::Lost(partitions));
            return answered;
        }
        if partitions.is_empty() {
            return self.release(&[]);
        }
        self.changes.push(Change::Revoking(partitions));
        Ok(())
    }

    fn located(&self, partitions: &[(String, i32)]) -> Vec<TopicPartition> {
        let locate = |(name, partition): &(String, i32)| {
            let topic = self.names.topic(name)?;
            Some(TopicPartition { topic, partition: u32::try_from(*partition).ok()? })
        };
        let mut located: Vec<TopicPartition> = partitions.iter().filter_map(locate).collect();
        located.sort_unstable();
        located
    }

    /// See [`crate::log::Log::assign`]. The first call answers the group; later ones add to what is read.
    pub(super) fn assign(&mut self, at: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        for (partition, _) in at {
            let queue = if partition.topic == Topic::Tallies { &self.tallies } else { &self.inputs };
            let name = self.names.name(partition.topic);
            queue.take(name, partition.partition).ok_or_else(|| {
                Failure::new(Verdict::Retry, format!("{name}[{}] is not known yet", partition.partition))
            })?;
        }
        let list = self.names.list_at(at)?;
        self.consumer
            .incremental_assign(&list)
            .map_err(|error| verdict::failure(Step::Assign, "", &error))?;
        self.offered = false;
        self.next.extend(at.iter().copied());
        Ok(())
    }

    /// See [`crate::log::Log::release`]. librdkafka takes the first unassignment as the answer for the whole revocation, so
    /// it is made when the last of the revoked partitions has been released.
    pub(super) fn release(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        for at in partitions {
            if self.next.remove(at).is_some() {
                self.released.push(*at);
            }
            if let Some(revoking) = &mut self.revoking {
                revoking.remove(at);
            }
        }
        match &self.revoking {
            Some(revoking) if !revoking.is_empty() => return Ok(()),
            None if self.released.is_empty() => return Ok(()),
            _ => {}
        }
        self.stay_put(&self.offsets_read())?;
        let list = self.names.list(&self.released);
        self.consumer
            .incremental_unassign(&list)
            .map_err(|error| verdict::failure(Step::Assign, "", &error))?;
        self.released.clear();
        self.revoking = None;
        Ok(())
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
    fn stay_put(&self, at: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        if at.is_empty() { Ok(()) } else { self.seek(at) }
    }

    fn offsets_read(&self) -> Vec<(TopicPartition, i64)> {
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
        let list = self.names.list(partitions);
        let answer = self.consumer.committed_offsets(list, ANSWER_WITHIN);
        let answer = answer.map_err(|error| verdict::failure(Step::Ask, "committed offsets", &error))?;
        let of = |at: &TopicPartition| {
            let name = self.names.name(at.topic);
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

    /// The membership as it is at this moment; a member that has lost its partitions must not commit with it, since it may
    /// have joined again meanwhile.
    pub(super) fn metadata(&self) -> Result<ConsumerGroupMetadata, Failure> {
        if self.consumer.assignment_lost() {
            return Err(Failure::new(
                Verdict::AbortAndRewind,
                "the group has given this member's partitions away",
            ));
        }
        let missing = || Failure::new(Verdict::AbortAndRewind, "this member is in no group");
        self.consumer.group_metadata().ok_or_else(missing)
    }

    /// Leaves the group. Everything is given up first, so that the close has nothing to wait for; the close itself is
    /// bounded: dropping a consumer can hang in librdkafka, and must not hold up the end of the process.
    pub(super) fn leave(mut self) -> Result<(), Failure> {
        self.consumer.context().leave();
        let all: Vec<TopicPartition> = self.next.keys().copied().collect();
        self.revoking = Some(BTreeSet::new());
        if let Err(failure) = self.release(&all) {
            tracing::debug!("leaving the group: {failure}");
        }
        let (done, finished) = std::sync::mpsc::channel();
        let closing = std::thread::Builder::new().name("leave".into()).spawn(move || {
            drop(self);
            // Nobody waits any more when the time was up.
            done.send(()).ok();
        });
        let late =
            |_| Failure::new(Verdict::Retry, "leaving the group takes long: its session will expire instead");
        match closing {
            Ok(_) => finished.recv_timeout(LEAVE_WITHIN).map_err(late),
            Err(error) => Err(Failure::new(Verdict::Retry, format!("cannot leave the group: {error}"))),
        }
    }
}
