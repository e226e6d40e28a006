//! A member's share of the group: what it is given, what it gives back, what it loses, and how it leaves.

use std::collections::BTreeSet;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rdkafka::consumer::{Consumer, ConsumerGroupMetadata};

use crate::log::{Change, Failure, Topic, TopicPartition, Verdict};

use super::batch::member_id;
use super::group::Asked;
use super::member::Member;
use super::verdict::{self, Step};

/// How long leaving may take; a consumer that takes longer is left to itself.
const LEAVE_WITHIN: Duration = Duration::from_secs(4);

/// How long one look for the end of it takes.
const MOMENT: Duration = Duration::from_millis(10);

/// Why a member is one no longer, and must be replaced by a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expelled {
    /// The group gave it up without a word. librdkafka does not tell of a lost membership while a rebalance waits for its
    /// answer: it joins again under a new id and still counts the old share as its own, although others had it meanwhile.
    Missed,
    /// Another member has joined by the same name.
    Fenced,
}

impl Member {
    /// Takes in what the group asked since the last time.
    pub(super) fn serve_group(&mut self) {
        let asked = self.consumer.context().asked();
        for asked in asked {
            match asked {
                Asked::Give { partitions, lost: true } => self.lost(&partitions),
                _ if self.has_changed_identity() => {}
                Asked::Take(partitions) => self.asked_to_take(&partitions),
                Asked::Give { partitions, .. } => self.asked_to_give(&partitions),
            }
        }
        // Also what failed the last time.
        if let Err(failure) = self.answer() {
            self.trouble = Some(failure);
        }
        if self.expelled.is_some() && !self.owned.is_empty() {
            self.next.clear();
            self.changes.push(Change::Lost(std::mem::take(&mut self.owned).into_iter().collect()));
        }
    }

    /// The group is answered at once, so that what is read already goes on, and the group too, however long a restore takes;
    /// `assign` adds the new partitions later. An empty share is told of as well: the member is stable from now on.
    fn asked_to_take(&mut self, partitions: &[(String, i32)]) {
        let partitions = self.located(partitions);
        self.identity = member_id(&self.consumer);
        self.offered = true;
        self.owned.extend(&partitions);
        self.changes.push(Change::Assigned(partitions));
    }

    fn asked_to_give(&mut self, partitions: &[(String, i32)]) {
        let partitions = self.located(partitions);
        self.revoking = Some(partitions.iter().copied().collect());
        if !partitions.is_empty() {
            self.changes.push(Change::Revoking(partitions));
        }
    }

    /// What was lost belongs to another by now: it is given up at once.
    fn lost(&mut self, partitions: &[(String, i32)]) {
        let partitions = self.located(partitions);
        self.identity = None;
        self.revoking = Some(BTreeSet::new());
        self.give_up(&partitions);
        self.changes.push(Change::Lost(partitions));
    }

    fn give_up(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            if self.next.remove(at).is_some() {
                self.released.push(*at);
            }
            self.owned.remove(at);
            if let Some(revoking) = &mut self.revoking {
                revoking.remove(at);
            }
        }
    }

    /// Gives librdkafka every answer that is due. It takes the first unassignment as the answer for a whole revocation: so
    /// that one is made when the last of the revoked partitions has been released.
    fn answer(&mut self) -> Result<(), Failure> {
        let is_due = self.revoking.as_ref().map_or(!self.released.is_empty(), BTreeSet::is_empty);
        if !(self.offered || is_due) || self.has_changed_identity() {
            return Ok(());
        }
        self.stay_put(&self.offsets_read())?;
        let failure = |error| verdict::failure(Step::Assign, "", &error);
        if self.offered {
            self.consumer.incremental_assign(&self.names.list(&[])).map_err(failure)?;
            self.offered = false;
        }
        if is_due {
            self.consumer.incremental_unassign(&self.names.list(&self.released)).map_err(failure)?;
            self.released.clear();
            self.revoking = None;
        }
        Ok(())
    }

    fn has_changed_identity(&mut self) -> bool {
        if self.expelled.is_none() && self.identity.is_some() && self.identity != member_id(&self.consumer) {
            self.expelled = Some(Expelled::Missed);
        }
        self.expelled.is_some()
    }

    /// See [`crate::log::Log::assign`]. What is no longer this member's, or wanted back, is passed over.
    pub(super) fn assign(&mut self, at: &[(TopicPartition, i64)]) -> Result<(), Failure> {
        let at: Vec<_> = at.iter().filter(|(at, _)| self.keeps(at)).copied().collect();
        for (partition, _) in &at {
            let queue = if partition.topic == Topic::Tallies { &self.tallies } else { &self.inputs };
            let name = self.names.name(partition.topic);
            queue.take(name, partition.partition).ok_or_else(|| {
                Failure::new(Verdict::Retry, format!("{name}[{}] is not known yet", partition.partition))
            })?;
        }
        let list = self.names.list_at(&at)?;
        self.consumer
            .incremental_assign(&list)
            .map_err(|error| verdict::failure(Step::Assign, "", &error))?;
        self.next.extend(at);
        Ok(())
    }

    /// See [`crate::log::Log::release`].
    pub(super) fn release(&mut self, partitions: &[TopicPartition]) -> Result<(), Failure> {
        // What was lost is given up already. By the time the worker hears of it the group may have given it back, and that
        // share is not to be thrown away.
        let is_ours = |at: &TopicPartition| {
            self.next.contains_key(at) || self.revoking.as_ref().is_some_and(|revoking| revoking.contains(at))
        };
        let ours: Vec<_> = partitions.iter().copied().filter(is_ours).collect();
        self.give_up(&ours);
        self.answer()
    }

    /// The membership as it is at this moment; a member that has lost its partitions must not commit with it, since it may
    /// have joined again meanwhile.
    pub(super) fn metadata(&mut self) -> Result<ConsumerGroupMetadata, Failure> {
        let metadata = self.consumer.group_metadata();
        if self.consumer.assignment_lost() || self.has_changed_identity() {
            let message = "the group has given this member's partitions away";
            return Err(Failure::new(Verdict::AbortAndRewind, message));
        }
        metadata.ok_or_else(|| Failure::new(Verdict::AbortAndRewind, "this member is in no group"))
    }

    /// Leaves the group, and waits for it.
    pub(super) fn leave(self) -> Result<(), Failure> {
        let late = |_| {
            let message = "leaving the group takes long: the others will wait for the session to expire";
            Failure::new(Verdict::Retry, message)
        };
        self.close()?.recv_timeout(LEAVE_WITHIN).map_err(late)
    }

    /// Leaves the group in the background; the receiver hears when it is done. Everything is given up first, so that the
    /// close has nothing to wait for. It has a thread of its own because dropping a consumer can hang in librdkafka.
    ///
    /// The close of a static member would leave its share to nobody until the group misses it; unsubscribing leaves.
    pub(super) fn close(self) -> Result<Receiver<()>, Failure> {
        self.consumer.context().leave();
        let is_offer = |asked: &Asked| matches!(asked, Asked::Take(_));
        let offered = self.consumer.context().asked().iter().any(is_offer) || self.offered;
        let declined = if offered { self.consumer.incremental_assign(&self.names.list(&[])) } else { Ok(()) };
        let all: Vec<TopicPartition> = self.next.keys().chain(&self.released).copied().collect();
        let given_up = declined.and(self.consumer.incremental_unassign(&self.names.list(&all)));
        if let Err(error) = given_up {
            tracing::debug!("leaving the group: {error}");
        }
        self.consumer.unsubscribe();
        let (done, finished) = std::sync::mpsc::channel();
        let closing = std::thread::Builder::new().name("leave".into()).spawn(move || {
            let until = Instant::now() + LEAVE_WITHIN;
            while member_id(&self.consumer).is_some_and(|id| !id.is_empty()) && Instant::now() < until {
                self.consumer.poll(MOMENT);
            }
            drop(self);
            // Nobody may wait any more.
            done.send(()).ok();
        });
        match closing {
            Ok(_) => Ok(finished),
            Err(error) => Err(Failure::new(Verdict::Retry, format!("cannot leave the group: {error}"))),
        }
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

    fn keeps(&self, at: &TopicPartition) -> bool {
        self.owned.contains(at) && !self.revoking.as_ref().is_some_and(|revoking| revoking.contains(at))
    }
}
