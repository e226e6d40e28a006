//! Which rules are to be in force: whoever runs the assess task of the first tallies partition says so, in a record to every
//! tallies partition, inside its own transaction. One at a time, once each, and after any crash it is known what was said.
//!
//! What this process found on its disk is a *proposal*. It is announced at once if nothing was announced yet, or if it has
//! stood there since later than what is announced did where that was found; otherwise only after it has differed for
//! [`PATIENCE_MS`]: a mount that lags behind the others' gets that time to catch up, and so does not bring old rules back
//! when the first partition moves to it. In the end the disk of its owner wins, whatever the clocks say.

use serde::{Deserialize, Serialize};

use super::task::Task;
use super::{Report, Worker};
use crate::assess::{Announcement, AssessTask, Rule, rules_hash};
use crate::event::EventTime;
use crate::log::{Output, Topic, TopicPartition};
use crate::tally::{StateError, codec};
use crate::worker::report::RulesReport;

/// How long rules that may be older must differ before they are announced all the same. Kubernetes brings a changed
/// ConfigMap into a pod within about two minutes.
pub const PATIENCE_MS: i64 = 180_000;

/// The partition whose owner announces.
const FIRST: TopicPartition = TopicPartition { topic: Topic::Tallies, partition: 0 };
/// The format version of what is kept: older programs read version 1 alone, and say so.
const VERSION: u8 = 2;
/// The kind of this record in `hazard.state`, beside those of the assess task.
pub const ANNOUNCED: &str = "announced";

/// Rules that were found where the settings say, and are valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    rules: Vec<Rule>,
    hash: String,
    since: EventTime,
}

impl Proposal {
    /// These rules, which have stood there since `since`.
    pub fn new(rules: Vec<Rule>, since: EventTime) -> Self {
        Proposal { hash: rules_hash(&rules), rules, since }
    }

    /// What [`rules_hash`] says of them.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

/// What was announced last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Last {
    number: u64,
    at: EventTime,
    hash: String,
}

/// What the owner of the first partition knows of announcements.
#[derive(Debug, Default)]
pub struct Announcer {
    last: Option<Last>,
    /// The hash of a proposal that may be older than what is announced, and since when it has differed.
    differs: Option<(String, EventTime)>,
}

impl Announcer {
    /// The number and moment of the announcement that is due at `clock`, if one is.
    fn due(&mut self, proposal: &Proposal, clock: EventTime) -> Option<(u64, EventTime)> {
        let Some(last) = &self.last else { return Some((1, proposal.since)) };
        if last.hash == proposal.hash {
            self.differs = None;
            return None;
        }
        if proposal.since > last.at {
            return Some((last.number + 1, proposal.since));
        }
        let known = self.differs.take().filter(|(hash, since)| *hash == proposal.hash && *since <= clock);
        let (_, since) = self.differs.insert(known.unwrap_or_else(|| (proposal.hash.clone(), clock)));
        (clock.since_ms(*since) >= PATIENCE_MS).then(|| (last.number + 1, clock.max(last.at)))
    }

    /// Takes the stored form back.
    ///
    /// # Errors
    /// When a newer program wrote it, or it is damaged.
    pub fn restore(&mut self, stored: &[u8]) -> Result<(), StateError> {
        let what = || "the last announcement of rules".into();
        self.last = Some(codec::decode(stored, VERSION..=VERSION, VERSION, what)?);
        Ok(())
    }
}

impl Worker {
    /// Tells the worker which rules were found last; it announces them when that is its to do.
    pub fn propose(&mut self, proposal: std::sync::Arc<Proposal>) {
        self.proposal = Some(proposal);
    }

    /// Writes the announcement that is due.
    pub(super) fn announce(&mut self, clock: EventTime) {
        let Some(proposal) = &self.proposal else { return };
        let Some(Task::Assess(_, beside)) = self.tasks.get_mut(&FIRST) else { return };
        let announcer = &mut beside.announcer;
        let Some((number, at)) = announcer.due(proposal, clock) else { return };
        let stored = Announcement::new(number, at, &proposal.rules, &self.plan.assess.windows).encode();
        for partition in 0..self.plan.tallies_partitions {
            self.out.push(Output {
                topic: Topic::Tallies,
                partition: Some(partition),
                key: b"rules".to_vec(),
                value: Some(stored.clone()),
                headers: Vec::new(),
            });
        }
        let last = Last { number, at, hash: proposal.hash.clone() };
        let value = codec::encode(VERSION, &last);
        let key = format!("{}|{ANNOUNCED}|", AssessTask::state_name(FIRST.partition)).into_bytes();
        self.out.push(Output {
            topic: Topic::State,
            partition: None,
            key,
            value: Some(value),
            headers: Vec::new(),
        });
        *announcer = Announcer { last: Some(last), differs: None };
    }

    /// Says which rules are in force, when that has changed.
    pub(super) fn tell_rules(&mut self) {
        let in_force = self.tasks.values().filter_map(Task::in_force);
        let number = |announced: Option<&Announcement>| announced.map_or(0, |announced| announced.number);
        let newest = in_force.max_by_key(|rules| number(rules.announced()));
        let report = RulesReport {
            worker: self.index,
            number: newest.map_or(0, |rules| number(rules.announced())),
            hash: newest.map(|rules| rules.hash().to_owned()),
            aside: newest.map_or_else(Vec::new, |rules| rules.aside().to_vec()),
        };
        if self.rules_told.as_ref() != Some(&report) {
            self.rules_told = Some(report.clone());
            self.tell(Report::Rules(report));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(name: &str, since_s: i64) -> Proposal {
        Proposal { rules: Vec::new(), hash: name.into(), since: EventTime::from_ms(since_s * 1000) }
    }

    fn announcer(name: &str, at_s: i64) -> Announcer {
        let last = Last { number: 1, at: EventTime::from_ms(at_s * 1000), hash: name.into() };
        Announcer { last: Some(last), differs: None }
    }

    /// The number that is announced, if one is.
    fn due(announcer: &mut Announcer, proposal: &Proposal, clock_s: i64) -> Option<u64> {
        announcer.due(proposal, EventTime::from_ms(clock_s * 1000)).map(|(number, _)| number)
    }

    #[test]
    fn the_first_rules_and_newer_ones_are_announced_at_once() {
        assert_eq!(due(&mut Announcer::default(), &proposal("a", 5), 10), Some(1));
        assert_eq!(due(&mut announcer("a", 5), &proposal("a", 9), 10), None, "they are in force");
        assert_eq!(due(&mut announcer("a", 5), &proposal("b", 9), 10), Some(2));
    }

    #[test]
    fn a_mount_that_lags_does_not_bring_old_rules_back_but_the_owners_disk_wins_in_the_end() {
        let (mut owner, old) = (announcer("new", 50), proposal("old", 5));
        let patience_s = PATIENCE_MS / 1000;
        assert_eq!(due(&mut owner, &old, 60), None);
        assert_eq!(due(&mut owner, &proposal("new", 61), 62), None, "it has caught up");
        assert_eq!(due(&mut owner, &old, 70), None);
        assert_eq!(due(&mut owner, &old, 70 + patience_s - 1), None, "differing is counted anew");
        let announced = owner.due(&old, EventTime::from_ms((70 + patience_s) * 1000));
        // As of now, so that whoever had found the others before then does not bring them back at once.
        assert_eq!(announced, Some((2, EventTime::from_ms((70 + patience_s) * 1000))));
    }

    #[test]
    fn what_was_announced_is_read_back_and_a_newer_form_is_refused() {
        let last = Last { number: 3, at: EventTime::from_ms(7), hash: "a".into() };
        let mut stored = postcard::to_extend(&last, vec![VERSION]).unwrap();
        let mut announcer = Announcer::default();
        announcer.restore(&stored).unwrap();
        assert_eq!(announcer.last, Some(last));
        stored[0] = VERSION + 1;
        assert_eq!(announcer.restore(&stored), Err(StateError::Newer { version: VERSION + 1 }));
        assert!(announcer.restore(&[]).is_err());
    }
}
