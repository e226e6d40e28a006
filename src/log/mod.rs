//! The log: what a worker may ask of Kafka, or of the memory log that knows what Kafka knows.
//!
//! [`Log`] is a closed set: [`memory::MemoryLog`] carries demo, backtest and simulation. Both answer alike, so that what
//! the simulation finds in a worker is a bug under Kafka as well:
//!
//! - A new log has no producer: the first thing asked of it is [`Log::renew`].
//! - Every change of membership is answered: `Assigned` with [`Log::assign`], `Revoking` with [`Log::release`].
//! - A failure names its remedy, a [`Verdict`]. After [`Verdict::NewProducer`] whether the transaction was committed is
//!   not known, and every call of the producer fails until [`Log::renew`]; after [`Verdict::AbortAndRewind`] it is
//!   [`Log::abort`] that is called next.

mod headers;
pub mod memory;
mod partitioner;
mod topic;

use std::time::Duration;

use crate::event::EventTime;

pub use headers::{Ask, Header, Headers};
pub use partitioner::partition_of;
pub use topic::{Input, Topic, TopicPartition};

/// A record as it is read; everything is borrowed until the next read.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Where it stands.
    pub at: TopicPartition,
    /// Its offset there.
    pub offset: i64,
    /// When it arrived: the broker's stamp where the topic has LogAppendTime; otherwise the producer's stamp or the
    /// worker's clock, whichever is earlier.
    pub arrival: EventTime,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers, for whoever asks.
    pub headers: Headers<'a>,
}

/// A record to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The topic.
    pub topic: Topic,
    /// The partition; `None`: by the key, as every Kafka producer does (murmur2).
    pub partition: Option<u32>,
    /// The key.
    pub key: Vec<u8>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The headers.
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

/// What befell the worker's membership or its reading, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// These partitions are ours: answer with [`Log::assign`].
    Assigned(Vec<TopicPartition>),
    /// These go to another member: end the transaction, then answer with [`Log::release`].
    Revoking(Vec<TopicPartition>),
    /// These were taken already: whatever was not committed is void.
    Lost(Vec<TopicPartition>),
    /// The end of this partition was read.
    AtEnd(TopicPartition),
}

/// What to do about a failure: errors are named by their remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Do the same again; nothing changed.
    Retry,
    /// Abort the transaction, rewind to the committed offsets, rebuild the tasks.
    AbortAndRewind,
    /// Drop the producer, make a new one (which fences the old), rewind and rebuild.
    NewProducer,
    /// Only a person can mend this.
    Stop,
}

/// A failure with its remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What to do.
    pub verdict: Verdict,
    /// What happened, for a person.
    pub message: String,
    /// What kind of thing it is, for the exit code.
    pub cause: Cause,
}

/// Why only a person can mend something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// None of the following.
    Other,
    /// The broker refuses who we are or what we want.
    NotAuthorised,
    /// The stored state is of a newer version, or of another group.
    ForeignState,
    /// Another process uses our transactional id, again and again.
    Fenced,
    /// A topic is not what it must be.
    Topics,
}

impl Failure {
    /// A failure with this remedy.
    pub fn new(verdict: Verdict, message: impl Into<String>) -> Self {
        Failure { verdict, message: message.into(), cause: Cause::Other }
    }

    /// The same, of this kind.
    pub fn because(self, cause: Cause) -> Self {
        Failure { cause, ..self }
    }
}

/// What [`Log::poll`] and [`Log::read`] hand their records to: each call is one run of records of one partition.
pub type Each<'a> = &'a mut dyn FnMut(&[Record<'_>]);

/// One member of the consumer group with its transactional producer.
#[allow(clippy::large_enum_variant, reason = "there is one for each worker")]
pub enum Log {
    /// A real Kafka.
    Kafka(Box<crate::kafka::KafkaLog>),
    /// In memory.
    Memory(memory::MemoryLog),
}

impl Log {
    /// How many partitions the topic has; 0 when it does not exist.
    pub fn partitions(&mut self, topic: Topic) -> Result<u32, Failure> {
        match self {
            Log::Kafka(log) => log.partitions(topic),
            Log::Memory(log) => log.partitions(topic),
        }
    }

    /// Reads on in the assigned partitions, at most about `max` records, and tells what befell the membership. Changes
    /// come before any record of the partitions they concern; [`Change::AtEnd`] comes after the records.
    pub fn poll(&mut self, timeout: Duration, max: usize, each: Each<'_>) -> Result<Vec<Change>, Failure> {
        match self {
            Log::Kafka(log) => log.poll(timeout, max, each),
            Log::Memory(log) => log.poll(timeout, max, each),
        }
    }

    /// The group's committed offsets, `None` where there is none. Stable: while a transaction that carries offsets of
    /// these partitions is open, the answer is [`Verdict::Retry`].
    pub fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, Failure> {
        match self {
            Log::Kafka(log) => log.committed(partitions),
            Log::Memory(log) => log.committed(partitions),
        }
    }

    /// Begins to read these partitions, besides the others, at these offsets.
    pub fn assign(&mut self, at: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        match self {
            Log::Kafka(log) => log.assign(at),
            Log::Memory(log) => log.assign(at),
        }
    }

    /// Gives these partitions up; the others are read on.
    pub fn release(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        match self {
            Log::Kafka(log) => log.release(partitions),
            Log::Memory(log) => log.release(partitions),
        }
    }

    /// Reads these assigned partitions again from these offsets; what was fetched ahead is dropped.
    pub fn rewind(&mut self, to: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        match self {
            Log::Kafka(log) => log.rewind(to),
            Log::Memory(log) => log.rewind(to),
        }
    }

    /// Stops reading these assigned partitions for now.
    pub fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        match self {
            Log::Kafka(log) => log.pause(partitions),
            Log::Memory(log) => log.pause(partitions),
        }
    }

    /// Reads these paused partitions again.
    pub fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        match self {
            Log::Kafka(log) => log.resume(partitions),
            Log::Memory(log) => log.resume(partitions),
        }
    }

    /// The first offset and the high watermark, open transactions included. That is what a restore must reach: the
    /// markers of one commit are written partition by partition, so a committed offset may be stable before the state
    /// that was committed with it; [`Log::read`] reaches this end only when every transaction below has been decided.
    pub fn bounds(&mut self, partition: TopicPartition) -> Result<(i64, i64), Failure> {
        match self {
            Log::Kafka(log) => log.bounds(partition),
            Log::Memory(log) => log.bounds(partition),
        }
    }

    /// The end of an assigned partition as the last read was told it, without asking; `None` before that.
    pub fn end_seen(&self, partition: TopicPartition) -> Option<i64> {
        match self {
            Log::Memory(log) => log.end_seen(partition),
            Log::Kafka(log) => log.end_seen(partition),
        }
    }

    /// Reads committed records of any partition, apart from the assignment, from offset `from` to before `to`. Returns
    /// the next position, which passes control and aborted records too; to be called again until it is ≥ `to`.
    pub fn read(
        &mut self,
        partition: TopicPartition,
        from: i64,
        to: i64,
        each: Each<'_>,
    ) -> Result<i64, Failure> {
        match self {
            Log::Kafka(log) => log.read(partition, from, to, each),
            Log::Memory(log) => log.read(partition, from, to, each),
        }
    }

    /// Begins a transaction.
    pub fn begin(&mut self) -> Result<(), Failure> {
        match self {
            Log::Kafka(log) => log.begin(),
            Log::Memory(log) => log.begin(),
        }
    }

    /// Writes within the transaction. Success means queued: what the broker thinks of it is told by [`Log::commit`].
    pub fn produce(&mut self, output: &Output) -> Result<(), Failure> {
        match self {
            Log::Kafka(log) => log.produce(output),
            Log::Memory(log) => log.produce(output.clone()),
        }
    }

    /// Whether the brokers have written everything that was produced. Whoever is `idle` rests a little if they have not.
    pub fn is_written(&mut self, idle: bool) -> Result<bool, Failure> {
        match self {
            Log::Kafka(log) => log.is_written(idle),
            Log::Memory(log) => log.is_written(),
        }
    }

    /// Commits what was produced, once it is written, together with these input offsets (last + 1), which are fenced by
    /// the membership as it is at this moment.
    pub fn commit(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        match self {
            Log::Kafka(log) => log.commit(offsets),
            Log::Memory(log) => log.commit(offsets),
        }
    }

    /// Aborts the transaction; none open is fine.
    pub fn abort(&mut self) -> Result<(), Failure> {
        match self {
            Log::Kafka(log) => log.abort(),
            Log::Memory(log) => log.abort(),
        }
    }

    /// A new producer under the same transactional id: fences the old one and ends its transaction.
    pub fn renew(&mut self) -> Result<(), Failure> {
        match self {
            Log::Kafka(log) => log.renew(),
            Log::Memory(log) => log.renew(),
        }
    }

    /// Leaves the group at once, so that the others need not wait for the session to expire.
    pub fn leave(&mut self) -> Result<(), Failure> {
        match self {
            Log::Kafka(log) => log.leave(),
            Log::Memory(log) => log.leave(),
        }
    }
}
