//! [`KafkaLog`]: what [`crate::log::Log`] promises, on a real Kafka.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::KafkaSettings;
use crate::event::EventTime;
use crate::log::{Cause, Change, Each, Failure, Output, Topic, TopicPartition, Verdict};

use super::client::{self, Names};
use super::member::Member;
use super::reader::{Reader, Scout};
use super::share::Expelled;
use super::transaction::Transactions;

/// Being fenced so often within [`FIGHT_WITHIN`] means that two processes have one id and fence each other for ever.
const FIGHT_ROUNDS: usize = 6;
const FIGHT_WITHIN: Duration = Duration::from_secs(60);

/// One worker's member of the group with its transactional producer. Not shared between threads.
///
/// Call [`KafkaLog::renew`] first: it ends whatever an earlier process left open under the same id, and only then are the
/// committed offsets the last word.
pub struct KafkaLog {
    settings: KafkaSettings,
    names: Arc<Names>,
    id: String,
    now: fn() -> EventTime,
    transactions: Option<Transactions>,
    member: Option<Member>,
    reader: Option<Reader>,
    scout: Option<Scout>,
    fenced: VecDeque<Instant>,
}

impl KafkaLog {
    /// Makes worker `worker`'s clients and subscribes; nothing waits for a broker yet. `now` is the wall clock, against
    /// which the stamps of producers are held.
    ///
    /// # Errors
    /// [`Verdict::Stop`] when librdkafka refuses the settings.
    pub fn open(
        settings: &KafkaSettings,
        worker: usize,
        now: fn() -> EventTime,
    ) -> Result<KafkaLog, Failure> {
        let names = Arc::new(Names::new(settings));
        let id = client::transactional_id(settings, worker);
        let member = Member::join(settings, &id, Arc::clone(&names))?;
        Ok(KafkaLog {
            settings: settings.clone(),
            id,
            now,
            transactions: None,
            member: Some(member),
            reader: None,
            scout: None,
            fenced: VecDeque::new(),
            names,
        })
    }

    /// See [`crate::log::Log::partitions`].
    pub fn partitions(&mut self, topic: Topic) -> Result<u32, Failure> {
        self.scout()?.partitions(topic)
    }

    /// See [`crate::log::Log::poll`].
    pub fn poll(&mut self, timeout: Duration, max: usize, each: Each<'_>) -> Result<Vec<Change>, Failure> {
        let now = (self.now)();
        let changes = self.member()?.poll(timeout, max, now, each)?;
        if let Some(expelled) = self.member()?.expelled {
            self.join_anew(expelled)?;
        }
        Ok(changes)
    }

    /// See [`crate::log::Log::committed`].
    pub fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, Failure> {
        self.member()?.committed(partitions)
    }

    /// See [`crate::log::Log::assign`].
    pub fn assign(&mut self, at: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        self.member()?.assign(at)
    }

    /// See [`crate::log::Log::release`].
    pub fn release(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        self.member()?.release(partitions)
    }

    /// See [`crate::log::Log::rewind`].
    pub fn rewind(&mut self, to: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        self.member()?.rewind(to)
    }

    /// See [`crate::log::Log::pause`].
    pub fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        self.member()?.pause(partitions)
    }

    /// See [`crate::log::Log::resume`].
    pub fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        self.member()?.resume(partitions)
    }

    /// See [`crate::log::Log::bounds`].
    pub fn bounds(&mut self, partition: TopicPartition) -> Result<(i64, i64), Failure> {
        self.scout()?.bounds(partition)
    }

    /// See [`crate::log::Log::end_seen`].
    pub fn end_seen(&self, partition: TopicPartition) -> Option<i64> {
        self.member.as_ref()?.end_seen(partition)
    }

    /// See [`crate::log::Log::read`].
    pub fn read(&mut self, at: TopicPartition, from: i64, to: i64, each: Each<'_>) -> Result<i64, Failure> {
        let now = (self.now)();
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(Reader::open(&self.settings, Arc::clone(&self.names))?),
        };
        reader.read(at, from, to, now, each)
    }

    /// See [`crate::log::Log::begin`].
    pub fn begin(&mut self) -> Result<(), Failure> {
        self.transactions()?.begin()
    }

    /// See [`crate::log::Log::produce`].
    pub fn produce(&mut self, output: &Output) -> Result<(), Failure> {
        self.transactions()?.produce(output)
    }

    /// See [`crate::log::Log::is_written`].
    pub fn is_written(&mut self, idle: bool) -> Result<bool, Failure> {
        self.transactions()?.is_written(idle)
    }

    /// See [`crate::log::Log::commit`].
    pub fn commit(&mut self, at: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        let list = self.names.list_at(at)?;
        let Some(member) = &mut self.member else { return Err(has_left()) };
        let Some(transactions) = &mut self.transactions else { return Err(no_producer()) };
        transactions.commit(&list, || member.metadata())
    }

    /// See [`crate::log::Log::abort`].
    pub fn abort(&mut self) -> Result<(), Failure> {
        self.transactions.as_mut().map_or(Ok(()), Transactions::abort)
    }

    /// See [`crate::log::Log::renew`].
    pub fn renew(&mut self) -> Result<(), Failure> {
        // The old one goes first, so that its last words cannot come after the new one's first.
        if self.transactions.take().is_some_and(|old| old.is_fenced()) {
            self.note_fencing()?;
        }
        self.transactions = Some(Transactions::init(&self.settings, &self.id, Arc::clone(&self.names))?);
        Ok(())
    }

    /// See [`crate::log::Log::leave`]. Nothing can be read afterwards.
    pub fn leave(&mut self) -> Result<(), Failure> {
        self.reader = None;
        self.scout = None;
        let left = self.member.take().map_or(Ok(()), Member::leave);
        self.transactions = None;
        left
    }

    /// Two processes with one id take turns in fencing each other; only a person can give one of them another.
    fn note_fencing(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        self.fenced.push_back(now);
        while self.fenced.front().is_some_and(|&at| now.duration_since(at) > FIGHT_WITHIN) {
            self.fenced.pop_front();
        }
        if self.fenced.len() < FIGHT_ROUNDS {
            return Ok(());
        }
        let message = format!(
            "another process works under the name {:?}: this one was fenced {} times within a minute; give each \
             replica its own kafka.instance",
            self.id,
            self.fenced.len()
        );
        Err(Failure::new(Verdict::Stop, message).because(Cause::Fenced))
    }

    fn join_anew(&mut self, expelled: Expelled) -> Result<(), Failure> {
        match expelled {
            Expelled::Missed => {
                tracing::warn!(
                    "the group has thrown this member out during a rebalance: joining as a new one"
                );
            }
            Expelled::Fenced => {
                tracing::warn!("another process has joined the group by the name {}: joining again", self.id);
                self.note_fencing()?;
            }
        }
        let new = Member::join(&self.settings, &self.id, Arc::clone(&self.names))?;
        if let Some(old) = self.member.replace(new) {
            // Nobody waits for it: it gave everything up already.
            old.close().map(drop)?;
        }
        Ok(())
    }

    fn member(&mut self) -> Result<&mut Member, Failure> {
        self.member.as_mut().ok_or_else(has_left)
    }

    fn transactions(&mut self) -> Result<&mut Transactions, Failure> {
        self.transactions.as_mut().ok_or_else(no_producer)
    }

    fn scout(&mut self) -> Result<&Scout, Failure> {
        match &mut self.scout {
            Some(scout) => Ok(scout),
            none => Ok(none.insert(Scout::open(&self.settings, Arc::clone(&self.names))?)),
        }
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        if let Err(failure) = self.leave() {
            tracing::warn!("{failure}");
        }
    }
}

fn has_left() -> Failure {
    Failure::new(Verdict::Stop, "this worker has left the group")
}

fn no_producer() -> Failure {
    Failure::new(Verdict::NewProducer, "there is no producer yet")
}
