//! The transaction coordinator: who may write under a transactional id, and what its open transaction has touched.
//!
//! A transaction is decided first and marked afterwards, partition by partition; until its last marker stands, the next
//! one of the same producer has to wait. A transactional id that initialises again gets a higher epoch: the old producer
//! is fenced and its transaction aborted.

use std::collections::{BTreeMap, BTreeSet};

use super::partition::ProducerId;
use crate::event::EventTime;
use crate::log::{Failure, TopicPartition, Verdict};

/// A producer as the coordinator knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Producer {
    pub(super) id: ProducerId,
    pub(super) epoch: u32,
}

/// Where the marker of a decided transaction has still to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Partition(TopicPartition),
    Offsets(String),
}

/// One marker to be written.
pub(super) struct Marker {
    pub(super) producer: ProducerId,
    pub(super) commit: bool,
    pub(super) place: Place,
}

struct Open {
    since: EventTime,
    partitions: BTreeSet<TopicPartition>,
    groups: BTreeSet<String>,
}

struct Transactional {
    producer: Producer,
    open: Option<Open>,
}

#[derive(Default)]
pub(super) struct Coordinator {
    by_id: BTreeMap<String, Transactional>,
    /// Decided, not yet written, in the order of the decisions.
    markers: Vec<Marker>,
}

impl Coordinator {
    /// A new epoch for this id: the old producer is fenced, its open transaction aborted.
    pub(super) fn initialise(&mut self, transactional_id: &str) -> Producer {
        let next = self.by_id.len() as ProducerId + 1;
        let entry = self
            .by_id
            .entry(transactional_id.to_owned())
            .or_insert_with(|| Transactional { producer: Producer { id: next, epoch: 0 }, open: None });
        entry.producer.epoch += 1;
        let producer = entry.producer;
        if let Some(open) = entry.open.take() {
            self.decide(producer.id, open, false);
        }
        producer
    }

    /// Whether the producer is still the newest of its id.
    pub(super) fn check(&self, transactional_id: &str, producer: Producer) -> Result<(), Failure> {
        match self.by_id.get(transactional_id) {
            Some(entry) if entry.producer == producer => Ok(()),
            _ => Err(Failure::new(
                Verdict::NewProducer,
                format!("a newer producer uses the transactional id {transactional_id}"),
            )),
        }
    }

    /// The transaction, opened by its first write, touches this partition or carries offsets of this group.
    pub(super) fn touch(&mut self, transactional_id: &str, place: Place, now: EventTime) {
        let Some(entry) = self.by_id.get_mut(transactional_id) else { return };
        let open = entry.open.get_or_insert_with(|| Open {
            since: now,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
        });
        match place {
            Place::Partition(partition) => drop(open.partitions.insert(partition)),
            Place::Offsets(group) => drop(open.groups.insert(group)),
        }
    }

    /// Decides the open transaction, if there is one.
    pub(super) fn end(&mut self, transactional_id: &str, commit: bool) {
        let Some(entry) = self.by_id.get_mut(transactional_id) else { return };
        let producer = entry.producer.id;
        if let Some(open) = entry.open.take() {
            self.decide(producer, open, commit);
        }
    }

    /// Aborts what has been open longer than `timeout_ms`; its producer is fenced, as the broker does.
    pub(super) fn expire(&mut self, now: EventTime, timeout_ms: i64) {
        let expired: Vec<String> = self
            .by_id
            .iter()
            .filter(|(_, entry)| {
                entry.open.as_ref().is_some_and(|open| now.since_ms(open.since) > timeout_ms)
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in expired {
            self.initialise(&id);
        }
    }

    /// Whether markers of this producer are still to be written.
    pub(super) fn is_ending(&self, producer: ProducerId) -> bool {
        self.markers.iter().any(|marker| marker.producer == producer)
    }

    /// How many markers are still to be written.
    pub(super) fn markers(&self) -> usize {
        self.markers.len()
    }

    /// Takes the marker at this place in the queue to write it.
    pub(super) fn take_marker(&mut self, at: usize) -> Marker {
        self.markers.remove(at)
    }

    /// Takes every marker of this producer, or of all.
    pub(super) fn take_markers(&mut self, producer: Option<ProducerId>) -> Vec<Marker> {
        let (taken, left) = std::mem::take(&mut self.markers)
            .into_iter()
            .partition(|marker| producer.is_none_or(|id| id == marker.producer));
        self.markers = left;
        taken
    }

    fn decide(&mut self, producer: ProducerId, open: Open, commit: bool) {
        let partitions = open.partitions.into_iter().map(Place::Partition);
        let groups = open.groups.into_iter().map(Place::Offsets);
        let places = partitions.chain(groups);
        self.markers.extend(places.map(|place| Marker { producer, commit, place }));
    }
}
