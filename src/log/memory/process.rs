//! What happens inside a process's calls: fate, its membership, its fetching.

use super::Cluster;
use super::fault::{Call, Fortune, Moment};
use super::member::{MemoryLog, Transaction};
use super::partition::Stored;
use super::transaction::Producer;
use crate::log::{Change, Each, Failure, Headers, Record, TopicPartition, Verdict};

impl MemoryLog {
    /// One call, with what fate has in store for it.
    pub(super) fn call<T>(
        &mut self,
        call: Call,
        effect: impl FnOnce(&mut Self, &mut Cluster) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.call_torn(call, |log, cluster, _| effect(log, cluster))
    }

    /// The same for a call of two effects, which is told when only the first one happens.
    pub(super) fn call_torn<T>(
        &mut self,
        call: Call,
        effect: impl FnOnce(&mut Self, &mut Cluster, bool) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let broker = self.broker.clone();
        let mut cluster = broker.lock();
        let cluster = &mut *cluster;
        if self.lifeline.is_dead() {
            return Err(killed());
        }
        if let Some(member) = self.member {
            let now = cluster.clock;
            cluster.group(&self.group).touch(member, now);
        }
        cluster.settle();
        let fortune = cluster.faults.fortune(call);
        if let Some(moment) = self.lifeline.count_down() {
            match moment {
                Moment::Before => {}
                Moment::Between => drop(effect(self, cluster, true)),
                Moment::After => drop(effect(self, cluster, false)),
            }
            return Err(killed());
        }
        let injected = |verdict| Failure::new(verdict, format!("injected: {call:?} {fortune:?}"));
        let result = match fortune {
            Fortune::Sound => effect(self, cluster, false),
            Fortune::FailsBefore(verdict) => Err(injected(verdict)),
            Fortune::FailsBetween(verdict) => effect(self, cluster, true).and(Err(injected(verdict))),
            Fortune::FailsAfter(verdict) => effect(self, cluster, false).and(Err(injected(verdict))),
        };
        if let Err(failure) = &result {
            self.suffer(failure.verdict);
        }
        result
    }

    /// What a failure does to the producer, whatever the caller makes of it.
    fn suffer(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Retry | Verdict::Stop => {}
            Verdict::AbortAndRewind => self.transaction = Transaction::Doomed,
            Verdict::NewProducer => {
                self.producer = None;
                self.transaction = Transaction::None;
            }
        }
    }

    pub(super) fn producer(&self) -> Result<Producer, Failure> {
        self.producer.ok_or_else(|| Failure::new(Verdict::NewProducer, "there is no producer: renew"))
    }

    pub(super) fn set_paused(&mut self, partitions: &[TopicPartition], paused: bool) -> Result<(), Failure> {
        self.call(Call::Own, |log, _| {
            for partition in partitions {
                if let Some(reading) = log.reading.get_mut(partition) {
                    reading.paused = paused;
                }
            }
            Ok(())
        })
    }

    /// Joins where needed, takes part in the group's rounds and brings back what they decided.
    pub(super) fn heartbeat(&mut self, cluster: &mut Cluster) -> Vec<Change> {
        let clock = cluster.clock;
        let needless = cluster.faults.happens(cluster.faults.rebalances);
        if needless {
            cluster.group(&self.group).begin_round();
        }
        cluster.group(&self.group);
        let Cluster { layout, groups, .. } = cluster;
        let group = groups.get_mut(&self.group).expect("it was made a line ago");
        let member = *self.member.get_or_insert_with(|| group.join(&self.topics, clock));
        match group.poll(member, &layout.topics, clock) {
            Some((generation, changes)) => {
                self.generation = generation;
                for change in &changes {
                    if let Change::Assigned(partitions) = change {
                        self.owned.extend(partitions);
                    }
                }
                changes
            }
            None => {
                // Expired behind our back: everything was taken, and the next poll joins as someone new.
                self.member = None;
                self.reading.clear();
                vec![Change::Lost(std::mem::take(&mut self.owned).into_iter().collect())]
            }
        }
    }

    /// Reads on in the partitions that are not paused, in turn.
    pub(super) fn fetch(
        &mut self,
        cluster: &mut Cluster,
        max: usize,
        records: &mut Vec<Stored>,
        runs: &mut Vec<(TopicPartition, usize)>,
        changes: &mut Vec<Change>,
    ) -> Result<(), Failure> {
        let mut order: Vec<TopicPartition> =
            self.reading.iter().filter(|(_, reading)| !reading.paused).map(|(at, _)| *at).collect();
        if order.is_empty() {
            return Ok(());
        }
        let mut max = max.max(1);
        self.turn = (self.turn + 1) % order.len();
        if cluster.faults.happens(cluster.faults.short_polls) {
            self.turn = cluster.faults.pick(order.len());
            max = 1 + cluster.faults.pick(max);
        }
        order.rotate_left(self.turn);
        for at in order {
            let Some(reading) = self.reading.get_mut(&at) else { continue };
            let before = records.len();
            if before >= max {
                break;
            }
            reading.position = cluster.read(at, reading.position, i64::MAX, max - before, records)?;
            let count = records.len() - before;
            if count > 0 {
                runs.push((at, count));
                reading.told_end = false;
            }
            if !reading.told_end && reading.position >= cluster.partition(at)?.stable_end() {
                reading.told_end = true;
                changes.push(Change::AtEnd(at));
            }
        }
        Ok(())
    }
}

fn killed() -> Failure {
    Failure::new(Verdict::Stop, "this process was killed")
}

/// Lends the records out, run by run.
pub(super) fn hand_over(records: &[Stored], runs: &[(TopicPartition, usize)], each: Each<'_>) {
    let mut headers: Vec<(&str, &[u8])> = Vec::new();
    for stored in records {
        headers.extend(stored.payload.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())));
    }
    let mut headers = headers.as_slice();
    let mut stored = records.iter();
    let mut run = Vec::new();
    for &(at, count) in runs {
        run.clear();
        for stored in stored.by_ref().take(count) {
            let (own, rest) = headers.split_at(stored.payload.headers.len());
            headers = rest;
            run.push(Record {
                at,
                offset: stored.offset,
                arrival: stored.arrival,
                key: stored.payload.key.as_deref(),
                value: stored.payload.value.as_deref(),
                headers: Headers::Known(own),
            });
        }
        if !run.is_empty() {
            each(&run);
        }
    }
}
