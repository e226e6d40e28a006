//! The cluster: topics, groups, transactions and its own clock, as one value behind one lock.

use std::collections::BTreeMap;

use super::fault::Faults;
use super::group::Group;
use super::partition::{Partition, Payload, Stored};
use super::transaction::{Coordinator, Marker, Place};
use crate::event::EventTime;
use crate::log::{Failure, Topic, TopicPartition, Verdict};

/// Which topics a memory log has, and its times.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Topics and their partitions.
    pub topics: BTreeMap<Topic, u32>,
    /// A member that gives no sign of life for so long is out, in milliseconds.
    pub session_ms: i64,
    /// A transaction open for longer is aborted and its producer fenced, in milliseconds.
    pub transaction_timeout_ms: i64,
    /// About how many records a partition keeps before it is cleaned: compacted, or cut where every group has read it.
    /// `None` keeps everything.
    pub retained: Option<usize>,
}

impl Layout {
    /// Every topic with so many partitions, everything kept.
    pub fn all(partitions: u32) -> Self {
        Layout {
            topics: Topic::ALL.into_iter().map(|topic| (topic, partitions)).collect(),
            session_ms: 10_000,
            transaction_timeout_ms: 10_000,
            retained: None,
        }
    }
}

pub(super) struct Cluster {
    pub(super) layout: Layout,
    pub(super) clock: EventTime,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) coordinator: Coordinator,
    pub(super) faults: Faults,
    partitions: BTreeMap<TopicPartition, Partition>,
}

impl Cluster {
    pub(super) fn new(layout: Layout) -> Self {
        let partitions = layout
            .topics
            .iter()
            .flat_map(|(&topic, &count)| (0..count).map(move |partition| TopicPartition { topic, partition }))
            .map(|at| (at, Partition::default()))
            .collect();
        Cluster {
            layout,
            clock: EventTime::default(),
            groups: BTreeMap::new(),
            coordinator: Coordinator::default(),
            faults: Faults::default(),
            partitions,
        }
    }

    /// The cluster's clock moves on: sessions and transactions expire. It never goes back.
    pub(super) fn advance(&mut self, clock: EventTime) {
        self.clock = self.clock.max(clock);
        for group in self.groups.values_mut() {
            group.expire(self.clock, self.layout.session_ms);
        }
        self.coordinator.expire(self.clock, self.layout.transaction_timeout_ms);
        self.settle();
    }

    pub(super) fn group(&mut self, name: &str) -> &mut Group {
        if !self.groups.contains_key(name) {
            self.groups.insert(name.to_owned(), Group::default());
        }
        self.groups.get_mut(name).expect("it was put there a line ago")
    }

    pub(super) fn partition(&self, at: TopicPartition) -> Result<&Partition, Failure> {
        self.partitions.get(&at).ok_or_else(|| no_such_partition(at))
    }

    /// A record outside any transaction.
    pub(super) fn append(
        &mut self,
        at: TopicPartition,
        payload: Payload,
        arrival: EventTime,
    ) -> Result<i64, Failure> {
        let partition = self.partitions.get_mut(&at).ok_or_else(|| no_such_partition(at))?;
        let offset = partition.append(payload, arrival, None);
        self.clean(at);
        Ok(offset)
    }

    /// A record within the transaction of this producer.
    pub(super) fn append_open(
        &mut self,
        at: TopicPartition,
        payload: Payload,
        transactional_id: &str,
        producer: u64,
    ) -> Result<(), Failure> {
        let clock = self.clock;
        let partition = self.partitions.get_mut(&at).ok_or_else(|| no_such_partition(at))?;
        partition.append(payload, clock, Some(producer));
        self.coordinator.touch(transactional_id, Place::Partition(at), clock);
        Ok(())
    }

    /// Committed records from `from` on to before `to`; the next position. Fails when `from` was deleted already.
    pub(super) fn read(
        &self,
        at: TopicPartition,
        from: i64,
        to: i64,
        max: usize,
        into: &mut Vec<Stored>,
    ) -> Result<i64, Failure> {
        let partition = self.partition(at)?;
        if from < partition.first() {
            let message = format!(
                "{} {} begins at offset {}, {from} is wanted: retention deleted what was not yet processed",
                at.topic.name(),
                at.partition,
                partition.first()
            );
            return Err(Failure::new(Verdict::Stop, message));
        }
        Ok(partition.read(from, to, max, into))
    }

    /// Every marker of this producer, before anything else of it.
    pub(super) fn finish(&mut self, producer: u64) {
        if self.coordinator.is_ending(producer) {
            for marker in self.coordinator.take_markers(Some(producer)) {
                self.write(marker);
            }
        }
    }

    /// Writes the markers that are due: all of them, unless faults make them late; then one or none, of any producer.
    pub(super) fn settle(&mut self) {
        if self.faults.late_markers == 0 {
            for marker in self.coordinator.take_markers(None) {
                self.write(marker);
            }
            return;
        }
        while self.coordinator.markers() > 0 && !self.faults.happens(self.faults.late_markers) {
            let at = self.faults.pick(self.coordinator.markers());
            let marker = self.coordinator.take_marker(at);
            self.write(marker);
        }
    }

    /// What the log cleaner does to a compacted topic; other topics are left alone.
    pub(super) fn compact(&mut self, topic: Topic) {
        if !is_compacted(topic) {
            return;
        }
        for (at, partition) in &mut self.partitions {
            if at.topic == topic {
                partition.compact();
            }
        }
    }

    /// What retention does: deletes records below this offset.
    pub(super) fn truncate(&mut self, at: TopicPartition, before: i64) {
        if let Some(partition) = self.partitions.get_mut(&at) {
            partition.truncate(before);
        }
    }

    fn write(&mut self, marker: Marker) {
        match marker.place {
            Place::Partition(at) => {
                let clock = self.clock;
                if let Some(partition) = self.partitions.get_mut(&at) {
                    partition.mark(marker.producer, marker.commit, clock);
                }
                self.clean(at);
            }
            Place::Offsets(group) => self.group(&group).mark(marker.producer, marker.commit),
        }
    }

    /// Keeps a partition near the retained number of records: at twice that it is compacted, or cut to that number, but
    /// never beyond what a group has still to read.
    fn clean(&mut self, at: TopicPartition) {
        let Some(retained) = self.layout.retained else { return };
        let Some(partition) = self.partitions.get_mut(&at) else { return };
        if !partition.is_to_be_cleaned(retained) {
            return;
        }
        if is_compacted(at.topic) {
            partition.compact();
            return;
        }
        let read = self.groups.values().filter_map(|group| group.committed_now(at)).min();
        let consumed = matches!(at.topic, Topic::Input(_) | Topic::Tallies);
        let limit = if consumed { read.unwrap_or(0) } else { i64::MAX };
        partition.truncate((partition.end() - retained as i64).min(limit));
    }
}

/// Topics of which only the newest record of each key is kept.
fn is_compacted(topic: Topic) -> bool {
    matches!(topic, Topic::State | Topic::Windows | Topic::Alerts)
}

fn no_such_partition(at: TopicPartition) -> Failure {
    Failure::new(Verdict::Stop, format!("{} has no partition {}", at.topic.name(), at.partition))
}
