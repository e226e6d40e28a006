//! One process: a group member, its reading positions and its transactional producer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Broker;
use super::fault::{Call, Moment};
use super::group::MemberId;
use super::partition::{Payload, Stored};
use super::process::hand_over;
use super::transaction::{Place, Producer};
use crate::log::{Change, Each, Failure, Output, Topic, TopicPartition, Verdict, partition_of};

/// At most so many records in one call of [`MemoryLog::read`].
const READ_RECORDS_MAX: usize = 4096;

/// A process that works on a [`Broker`]. Dropping it is its crash: nothing is aborted, nobody is told.
pub struct MemoryLog {
    pub(super) broker: Broker,
    pub(super) transactional_id: String,
    pub(super) group: String,
    pub(super) topics: Vec<Topic>,
    pub(super) member: Option<MemberId>,
    pub(super) generation: u32,
    pub(super) owned: BTreeSet<TopicPartition>,
    pub(super) reading: BTreeMap<TopicPartition, Reading>,
    /// Where the next poll begins, so that no partition starves another.
    pub(super) turn: usize,
    pub(super) producer: Option<Producer>,
    pub(super) transaction: Transaction,
    pub(super) lifeline: Lifeline,
    pub(super) scratch: Vec<Stored>,
}

pub(super) struct Reading {
    pub(super) position: i64,
    pub(super) paused: bool,
    /// The end was reported and nothing was read since.
    pub(super) told_end: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Transaction {
    None,
    Open,
    /// The broker refused a write that was queued: only the commit tells.
    Refused,
    /// It can only be aborted.
    Doomed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    /// Dies at the call that counts down to 0.
    Doomed {
        calls: u64,
        moment: Moment,
    },
    Dead,
}

impl MemoryLog {
    pub(super) fn new(broker: Broker, transactional_id: &str, group: &str, topics: &[Topic]) -> Self {
        MemoryLog {
            broker,
            transactional_id: transactional_id.to_owned(),
            group: group.to_owned(),
            topics: topics.to_vec(),
            member: None,
            generation: 0,
            owned: BTreeSet::new(),
            reading: BTreeMap::new(),
            turn: 0,
            producer: None,
            transaction: Transaction::None,
            lifeline: Lifeline { life: Arc::new(Mutex::new(Life::Alive)) },
            scratch: Vec::new(),
        }
    }

    /// A hold on this process's life, to be kept by whoever decides about it.
    pub fn lifeline(&self) -> Lifeline {
        self.lifeline.clone()
    }
}

/// Decides when a process dies, from outside.
#[derive(Clone)]
pub struct Lifeline {
    pub(super) life: Arc<Mutex<Life>>,
}

impl Lifeline {
    /// The process dies at its n-th call from here (1: the next). From then on every call fails with [`Verdict::Stop`]
    /// and does nothing.
    pub fn die_at(&self, calls: u64, moment: Moment) {
        *self.lock() = Life::Doomed { calls, moment };
    }

    /// Whether the process died.
    pub fn is_dead(&self) -> bool {
        *self.lock() == Life::Dead
    }

    /// Counts a call of a process that is to die: when in it, if this is the one.
    pub(super) fn count_down(&self) -> Option<Moment> {
        let mut life = self.lock();
        let Life::Doomed { calls, moment } = *life else { return None };
        if calls > 1 {
            *life = Life::Doomed { calls: calls - 1, moment };
            return None;
        }
        *life = Life::Dead;
        Some(moment)
    }

    fn lock(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The log's surface; see [`Log`](crate::log::Log) for what each call means.
impl MemoryLog {
    pub(crate) fn partitions(&mut self, topic: Topic) -> Result<u32, Failure> {
        self.call(Call::Ask, |_, cluster| Ok(cluster.layout.topics.get(&topic).copied().unwrap_or(0)))
    }

    /// Never waits: time moves only by [`Broker::advance`].
    pub(crate) fn poll(
        &mut self,
        _timeout: Duration,
        max: usize,
        each: Each<'_>,
    ) -> Result<Vec<Change>, Failure> {
        let mut runs = Vec::new();
        let mut records = std::mem::take(&mut self.scratch);
        records.clear();
        let changes = self.call(Call::Ask, |log, cluster| {
            let mut changes = log.heartbeat(cluster);
            if changes.is_empty() {
                log.fetch(cluster, max, &mut records, &mut runs, &mut changes)?;
            }
            Ok(changes)
        });
        if changes.is_ok() {
            hand_over(&records, &runs, each);
        }
        records.clear();
        self.scratch = records;
        changes
    }

    pub(crate) fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, Failure> {
        self.call(Call::Ask, |log, cluster| {
            let group = cluster.group(&log.group);
            partitions.iter().map(|at| group.committed(*at)).collect()
        })
    }

    pub(crate) fn assign(&mut self, at: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        self.call(Call::Own, |log, _| {
            for &(partition, position) in at {
                log.reading.insert(partition, Reading { position, paused: false, told_end: false });
            }
            Ok(())
        })
    }

    pub(crate) fn release(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        self.call(Call::Own, |log, cluster| {
            for partition in partitions {
                log.reading.remove(partition);
                log.owned.remove(partition);
            }
            if let Some(member) = log.member {
                cluster.group(&log.group).release(member, partitions);
            }
            Ok(())
        })
    }

    pub(crate) fn rewind(&mut self, to: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        self.call(Call::Own, |log, _| {
            for (partition, position) in to {
                if let Some(reading) = log.reading.get_mut(partition) {
                    reading.position = *position;
                    reading.told_end = false;
                }
            }
            Ok(())
        })
    }

    pub(crate) fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        self.set_paused(partitions, true)
    }

    pub(crate) fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        self.set_paused(partitions, false)
    }

    pub(crate) fn bounds(&mut self, partition: TopicPartition) -> Result<(i64, i64), Failure> {
        self.call(Call::Ask, |_, cluster| {
            let partition = cluster.partition(partition)?;
            Ok((partition.first(), partition.end()))
        })
    }

    pub(crate) fn end_seen(&self, partition: TopicPartition) -> Option<i64> {
        self.broker.lock().partition(partition).ok().map(|partition| partition.end())
    }

    pub(crate) fn read(
        &mut self,
        at: TopicPartition,
        from: i64,
        to: i64,
        each: Each<'_>,
    ) -> Result<i64, Failure> {
        let mut records = std::mem::take(&mut self.scratch);
        records.clear();
        let next = self.call(Call::Ask, |_, cluster| {
            let max = match cluster.faults.happens(cluster.faults.short_polls) {
                true => 1 + cluster.faults.pick(8),
                false => READ_RECORDS_MAX,
            };
            // What was deleted below the first offset is simply not there: a restore begins at the first.
            let from = from.max(cluster.partition(at)?.first());
            cluster.read(at, from, to, max, &mut records)
        });
        if next.is_ok() {
            hand_over(&records, &[(at, records.len())], each);
        }
        records.clear();
        self.scratch = records;
        next
    }

    pub(crate) fn begin(&mut self) -> Result<(), Failure> {
        self.call(Call::Own, |log, _| {
            log.producer()?;
            log.transaction = Transaction::Open;
            Ok(())
        })
    }

    pub(crate) fn produce(&mut self, output: Output) -> Result<(), Failure> {
        self.call(Call::Produce, |log, cluster| {
            let producer = log.producer()?;
            match log.transaction {
                Transaction::Open => {}
                Transaction::Refused => return Ok(()),
                Transaction::None | Transaction::Doomed => {
                    return Err(Failure::new(Verdict::AbortAndRewind, "no transaction is open"));
                }
            }
            if cluster.coordinator.check(&log.transactional_id, producer).is_err() {
                log.transaction = Transaction::Refused;
                return Ok(());
            }
            cluster.finish(producer.id);
            let partitions = cluster.layout.topics.get(&output.topic).copied().unwrap_or(0);
            let partition = output.partition.unwrap_or_else(|| partition_of(&output.key, partitions));
            let at = TopicPartition { topic: output.topic, partition };
            let headers = output.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let payload = Payload { key: Some(output.key), value: output.value, headers };
            cluster.append_open(at, payload, &log.transactional_id, producer.id)
        })
    }

    pub(crate) fn is_written(&mut self) -> Result<bool, Failure> {
        self.call(Call::Own, |_, cluster| Ok(!cluster.faults.happens(cluster.faults.slow_writes)))
    }

    pub(crate) fn commit(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        self.call_torn(Call::Commit, |log, cluster, torn| {
            let producer = log.producer()?;
            match log.transaction {
                Transaction::Open | Transaction::Refused => {}
                Transaction::None | Transaction::Doomed => {
                    return Err(Failure::new(Verdict::AbortAndRewind, "no transaction is open"));
                }
            }
            cluster.coordinator.check(&log.transactional_id, producer)?;
            cluster.finish(producer.id);
            let clock = cluster.clock;
            if !offsets.is_empty() {
                let group = cluster.group(&log.group);
                group.check(log.member.unwrap_or(0), log.generation)?;
                group.carry(producer.id, offsets);
                let place = Place::Offsets(log.group.clone());
                cluster.coordinator.touch(&log.transactional_id, place, clock);
            }
            if torn {
                return Ok(());
            }
            cluster.coordinator.end(&log.transactional_id, true);
            log.transaction = Transaction::None;
            cluster.settle();
            Ok(())
        })
    }

    pub(crate) fn abort(&mut self) -> Result<(), Failure> {
        self.call(Call::Abort, |log, cluster| {
            let producer = log.producer()?;
            cluster.coordinator.check(&log.transactional_id, producer)?;
            cluster.finish(producer.id);
            cluster.coordinator.end(&log.transactional_id, false);
            log.transaction = Transaction::None;
            cluster.settle();
            Ok(())
        })
    }

    pub(crate) fn renew(&mut self) -> Result<(), Failure> {
        self.call(Call::Renew, |log, cluster| {
            let producer = cluster.coordinator.initialise(&log.transactional_id);
            cluster.finish(producer.id);
            log.producer = Some(producer);
            log.transaction = Transaction::None;
            Ok(())
        })
    }

    pub(crate) fn leave(&mut self) -> Result<(), Failure> {
        self.call(Call::Own, |log, cluster| {
            if let Some(member) = log.member.take() {
                cluster.group(&log.group).remove(member);
            }
            log.owned.clear();
            log.reading.clear();
            Ok(())
        })
    }
}
