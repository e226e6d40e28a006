//! A consumer group by the classic protocol with cooperative rebalancing.
//!
//! A rebalance is a round: every member joins (when it polls), then all are told the new generation. What has to move is
//! first given up by its owner, whose release starts the next round, and only that one hands it on. Committed offsets
//! live here as well, with those that an open transaction carries.

use std::collections::{BTreeMap, BTreeSet};

use super::partition::ProducerId;
use crate::event::EventTime;
use crate::log::{Change, Failure, Topic, TopicPartition, Verdict};

/// A member as the coordinator numbers it: a process that joins again is a new member.
pub(super) type MemberId = u64;

struct Member {
    topics: Vec<Topic>,
    owned: BTreeSet<TopicPartition>,
    /// Told to give these up; not yet done.
    revoking: BTreeSet<TopicPartition>,
    /// Joined the round that is under way.
    joined: bool,
    /// What it has not been told yet.
    inbox: Vec<Change>,
    /// Its last sign of life.
    seen: EventTime,
}

#[derive(Default)]
pub(super) struct Group {
    generation: u32,
    /// A round is under way.
    rebalancing: bool,
    members: BTreeMap<MemberId, Member>,
    last_member: MemberId,
    offsets: BTreeMap<TopicPartition, i64>,
    pending: BTreeMap<ProducerId, BTreeMap<TopicPartition, i64>>,
}

impl Group {
    /// A new member; it takes part from its next poll on.
    pub(super) fn join(&mut self, topics: &[Topic], now: EventTime) -> MemberId {
        self.last_member += 1;
        self.members.insert(
            self.last_member,
            Member {
                topics: topics.to_vec(),
                owned: BTreeSet::new(),
                revoking: BTreeSet::new(),
                joined: false,
                inbox: Vec::new(),
                seen: now,
            },
        );
        self.begin_round();
        self.last_member
    }

    /// A sign of life, as the client's heartbeat thread gives it.
    pub(super) fn touch(&mut self, id: MemberId, now: EventTime) {
        if let Some(member) = self.members.get_mut(&id) {
            member.seen = now;
        }
    }

    /// The member polls: it joins the round, if one is under way, and hears what was decided, with the generation.
    /// `None`: the group no longer knows it.
    pub(super) fn poll(
        &mut self,
        id: MemberId,
        layout: &BTreeMap<Topic, u32>,
        now: EventTime,
    ) -> Option<(u32, Vec<Change>)> {
        let rebalancing = self.rebalancing;
        let member = self.members.get_mut(&id)?;
        member.seen = now;
        if rebalancing && member.inbox.is_empty() && member.revoking.is_empty() {
            member.joined = true;
        }
        self.end_round(layout);
        let member = self.members.get_mut(&id)?;
        Some((self.generation, std::mem::take(&mut member.inbox)))
    }

    /// The member gave these up, as it was told; the next round hands them on.
    pub(super) fn release(&mut self, id: MemberId, partitions: &[TopicPartition]) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let told = !member.revoking.is_empty();
        for partition in partitions {
            member.owned.remove(partition);
            member.revoking.remove(partition);
        }
        if told && member.revoking.is_empty() {
            self.begin_round();
        }
    }

    /// The member goes, by its own word or because its session expired.
    pub(super) fn remove(&mut self, id: MemberId) {
        if self.members.remove(&id).is_some() {
            self.begin_round();
        }
    }

    /// Removes whoever gave no sign of life for the session's time.
    pub(super) fn expire(&mut self, now: EventTime, session_ms: i64) {
        let silent: Vec<MemberId> = self
            .members
            .iter()
            .filter(|(_, member)| now.since_ms(member.seen) > session_ms)
            .map(|(id, _)| *id)
            .collect();
        for id in silent {
            self.remove(id);
        }
    }

    /// Starts a round without need, as a coordinator that moves does.
    pub(super) fn begin_round(&mut self) {
        self.rebalancing = true;
        for member in self.members.values_mut() {
            member.joined = false;
        }
    }

    /// Whether this member may commit in this generation.
    pub(super) fn check(&self, id: MemberId, generation: u32) -> Result<(), Failure> {
        if !self.members.contains_key(&id) {
            return Err(Failure::new(Verdict::AbortAndRewind, "the group does not know this member"));
        }
        if generation != self.generation {
            let message = format!("generation {generation} is over: the group is in {}", self.generation);
            return Err(Failure::new(Verdict::AbortAndRewind, message));
        }
        Ok(())
    }

    /// Offsets that a transaction carries: they hold once it is committed.
    pub(super) fn carry(&mut self, producer: ProducerId, offsets: &[(TopicPartition, i64)]) {
        self.pending.entry(producer).or_default().extend(offsets.iter().copied());
    }

    /// The marker of the transaction reached the group's offsets.
    pub(super) fn mark(&mut self, producer: ProducerId, commit: bool) {
        if let (Some(carried), true) = (self.pending.remove(&producer), commit) {
            self.offsets.extend(carried);
        }
    }

    /// The committed offset, stable: refused while an open transaction carries one for this partition.
    pub(super) fn committed(&self, partition: TopicPartition) -> Result<Option<i64>, Failure> {
        if self.pending.values().any(|carried| carried.contains_key(&partition)) {
            return Err(Failure::new(Verdict::Retry, "a transaction that is open carries this offset"));
        }
        Ok(self.offsets.get(&partition).copied())
    }

    /// The committed offset as a person may see it, whatever is open.
    pub(super) fn committed_now(&self, partition: TopicPartition) -> Option<i64> {
        self.offsets.get(&partition).copied()
    }

    /// Whether no round is under way and everyone heard of the last.
    pub(super) fn is_stable(&self) -> bool {
        !self.rebalancing && self.members.values().all(|member| member.inbox.is_empty())
    }

    /// Once all have joined: the new generation, what each keeps, gives up and gets.
    fn end_round(&mut self, layout: &BTreeMap<Topic, u32>) {
        if !self.rebalancing || self.members.values().any(|member| !member.joined) {
            return;
        }
        self.rebalancing = false;
        self.generation += 1;
        let target = self.share_out(layout);
        let held: BTreeSet<TopicPartition> =
            self.members.values().flat_map(|member| member.owned.iter().copied()).collect();
        for (id, member) in &mut self.members {
            let wanted = &target[id];
            member.joined = false;
            member.revoking = member.owned.difference(wanted).copied().collect();
            if !member.revoking.is_empty() {
                member.inbox.push(Change::Revoking(member.revoking.iter().copied().collect()));
            }
            // Told even when nothing is added: that is how a member learns that the round is over.
            let added: Vec<TopicPartition> = wanted.difference(&held).copied().collect();
            member.owned.extend(added.iter().copied());
            member.inbox.push(Change::Assigned(added));
        }
    }

    /// Sticky and even: everyone keeps up to an even share of what it has, the rest goes to whoever has least.
    fn share_out(&self, layout: &BTreeMap<Topic, u32>) -> BTreeMap<MemberId, BTreeSet<TopicPartition>> {
        let mut target: BTreeMap<MemberId, BTreeSet<TopicPartition>> =
            self.members.keys().map(|id| (*id, BTreeSet::new())).collect();
        for (&topic, &partitions) in layout {
            let readers: Vec<MemberId> = self
                .members
                .iter()
                .filter(|(_, member)| member.topics.contains(&topic))
                .map(|(id, _)| *id)
                .collect();
            if readers.is_empty() {
                continue;
            }
            let share = (partitions as usize).div_ceil(readers.len());
            let mut free = Vec::new();
            let mut counts: BTreeMap<MemberId, usize> = readers.iter().map(|id| (*id, 0)).collect();
            for partition in (0..partitions).map(|partition| TopicPartition { topic, partition }) {
                let owner = readers.iter().find(|id| self.members[*id].owned.contains(&partition));
                match owner {
                    Some(id) if counts[id] < share => {
                        *counts.entry(*id).or_default() += 1;
                        target.entry(*id).or_default().insert(partition);
                    }
                    _ => free.push(partition),
                }
            }
            for partition in free {
                // The least loaded of this topic, then of all topics, then the oldest member.
                let least = readers.iter().min_by_key(|id| (counts[*id], target[*id].len(), **id));
                if let Some(id) = least {
                    *counts.entry(*id).or_default() += 1;
                    target.entry(*id).or_default().insert(partition);
                }
            }
        }
        target
    }
}
