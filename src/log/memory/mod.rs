//! A Kafka in memory, for `demo`, `backtest` and the simulation.
//!
//! It knows what Kafka knows, or a simulation over it would find nothing: markers that take offsets, aborted records, the
//! last stable offset, offsets that are unstable while a transaction carries them, generations, epochs, sessions and
//! time-outs, compaction, retention. Time moves only by [`Broker::advance`]; faults are drawn from a seed, none by default.

mod cluster;
mod fault;
mod group;
mod member;
mod partition;
mod process;
#[cfg(test)]
mod tests;
mod transaction;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Failure, Topic, TopicPartition};
use crate::event::EventTime;

pub use cluster::Layout;
pub use fault::{Faults, Moment};
pub use member::{Lifeline, MemoryLog};
pub use partition::{Payload, Stored};

use cluster::Cluster;

/// The cluster as a whole; a clone is the same cluster.
#[derive(Clone)]
pub struct Broker {
    cluster: Arc<Mutex<Cluster>>,
}

impl Broker {
    /// An empty cluster with these topics; its clock stands at the Unix epoch.
    pub fn new(layout: Layout) -> Self {
        Broker { cluster: Arc::new(Mutex::new(Cluster::new(layout))) }
    }

    /// A process that joins `group` to read `topics` and writes under `transactional_id`.
    pub fn join(&self, transactional_id: &str, group: &str, topics: &[Topic]) -> MemoryLog {
        MemoryLog::new(self.clone(), transactional_id, group, topics)
    }

    /// Moves the cluster's clock on: arrival stamps come from it, sessions and transactions expire by it.
    pub fn advance(&self, clock: EventTime) {
        self.lock().advance(clock);
    }

    /// The cluster's clock.
    pub fn clock(&self) -> EventTime {
        self.lock().clock
    }

    /// Writes a record as any producer does; `partition` by the key where `None`. Returns where it stands.
    pub fn send(
        &self,
        topic: Topic,
        partition: Option<u32>,
        payload: Payload,
    ) -> Result<(TopicPartition, i64), Failure> {
        let arrival = self.clock();
        self.send_at(topic, partition, payload, arrival)
    }

    /// [`send`](Self::send) with an arrival stamp of the producer's own.
    pub fn send_at(
        &self,
        topic: Topic,
        partition: Option<u32>,
        payload: Payload,
        arrival: EventTime,
    ) -> Result<(TopicPartition, i64), Failure> {
        let mut cluster = self.lock();
        let partitions = cluster.layout.topics.get(&topic).copied().unwrap_or(0);
        let key = payload.key.as_deref().unwrap_or_default();
        let partition = partition.unwrap_or_else(|| super::partition_of(key, partitions));
        let at = TopicPartition { topic, partition };
        let offset = cluster.append(at, payload, arrival)?;
        Ok((at, offset))
    }

    /// The committed records of a partition from this offset on, as a read_committed reader sees them now.
    pub fn committed_records(&self, at: TopicPartition, from: i64) -> Vec<Stored> {
        let mut records = Vec::new();
        let cluster = self.lock();
        if let Ok(partition) = cluster.partition(at) {
            partition.read(from, i64::MAX, usize::MAX, &mut records);
        }
        records
    }

    /// The first offset, the last stable offset and the high watermark.
    pub fn offsets(&self, at: TopicPartition) -> Result<(i64, i64, i64), Failure> {
        let cluster = self.lock();
        let partition = cluster.partition(at)?;
        Ok((partition.first(), partition.stable_end(), partition.end()))
    }

    /// The group's committed offset, whatever is open.
    pub fn committed_offset(&self, group: &str, at: TopicPartition) -> Option<i64> {
        self.lock().groups.get(group).and_then(|group| group.committed_now(at))
    }

    /// Whether the group is between rebalances.
    pub fn is_stable(&self, group: &str) -> bool {
        self.lock().groups.get(group).is_none_or(|group| group.is_stable())
    }

    /// Compacts a compacted topic as far as the log cleaner could: tombstones, aborted records and markers go.
    pub fn compact(&self, topic: Topic) {
        self.lock().compact(topic);
    }

    /// Deletes records of a partition below this offset, as retention does.
    pub fn truncate(&self, at: TopicPartition, before: i64) {
        self.lock().truncate(at, before);
    }

    /// Puts these faults in force.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Ends all faults and writes the markers that they held back.
    pub fn heal(&self) {
        let mut cluster = self.lock();
        cluster.faults.heal();
        cluster.settle();
    }

    fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
