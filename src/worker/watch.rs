//! For how long each county was not watched: no task judged it in time, or its sources were silent.
//!
//! It stands beside an assess task and is no part of it: when a log was read is not told by the log. What it goes by is the
//! task's event clock as of each commit, held against the worker's clock at that commit; what it has counted lies in
//! `hazard.state`, and leaves in the same transaction. So an outage is counted by whoever comes after it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::event::EventTime;
use crate::tally::{StateError, codec};

/// The version of the stored form.
const VERSION: u8 = 1;
/// Standing still for as long as this is not yet an outage: a rebalance and a rolling restart are shorter.
pub const GRACE_MS: i64 = 30_000;
/// What was passed is written this often: after a kill, so much of watched time may be counted as not watched.
const WRITE_EVERY_MS: i64 = 1_000;

/// Time in which a county was not watched, in milliseconds since its first count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unwatched {
    /// No task committed, or what it had judged was too far behind.
    pub no_task_ms: i64,
    /// It was judged, but too few of its sources were heard.
    pub silent_ms: i64,
}

/// The counties of one tallies partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// The event clock is this far behind in good order.
    usual_age_ms: i64,
    kept: Kept,
    written: Option<Kept>,
}

/// What is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// Time before this is accounted for; `None` before the first commit.
    passed: Option<EventTime>,
    /// The event clock as of then; the first commit, while there is none.
    judged: EventTime,
    /// The counties whose sources were silent as of then.
    silent: BTreeSet<String>,
    counties: BTreeMap<String, Unwatched>,
}

impl Watch {
    /// One that has seen nothing, of a task whose event clock is `usual_age_ms` behind in good order.
    pub fn new(usual_age_ms: i64) -> Self {
        Watch { usual_age_ms, kept: Kept::default(), written: None }
    }

    /// A commit at `clock` of a task with this event clock; of each county, whether enough of its sources is heard.
    pub fn pass<'a>(
        &mut self,
        clock: EventTime,
        event_clock: EventTime,
        counties: impl IntoIterator<Item = (&'a str, bool)>,
    ) {
        let kept = &mut self.kept;
        let from = *kept.passed.get_or_insert_with(|| {
            kept.judged = clock;
            clock
        });
        let gap_ms = clock.since_ms(from);
        if gap_ms < 0 {
            return; // Another worker's clock was ahead: time is counted once.
        }
        let stood_still = gap_ms > GRACE_MS;
        let behind = from.since_ms(kept.judged) > self.usual_age_ms + GRACE_MS;
        for (county, unwatched) in &mut kept.counties {
            if stood_still || behind {
                unwatched.no_task_ms += gap_ms;
            } else if kept.silent.contains(county) {
                unwatched.silent_ms += gap_ms;
            }
        }
        kept.passed = Some(clock);
        kept.judged = kept.judged.max(event_clock);
        kept.silent.clear();
        for (county, heard) in counties {
            kept.counties.entry(county.to_owned()).or_default();
            if !heard {
                kept.silent.insert(county.to_owned());
            }
        }
    }

    /// What was counted, by county.
    pub fn counties(&self) -> &BTreeMap<String, Unwatched> {
        &self.kept.counties
    }

    /// The stored form, if it must be written now.
    pub fn take_due(&mut self) -> Option<Vec<u8>> {
        let kept = &self.kept;
        let passed_ms = |kept: &Kept| kept.passed.map_or(i64::MIN, |passed| passed.ms);
        let fresh = self.written.as_ref().is_some_and(|written| {
            passed_ms(kept) < passed_ms(written).saturating_add(WRITE_EVERY_MS)
                && written.counties == kept.counties
                && written.silent == kept.silent
        });
        if fresh {
            return None;
        }
        self.written = Some(kept.clone());
        Some(codec::encode(VERSION, kept))
    }

    /// Takes the stored form back.
    ///
    /// # Errors
    /// If a newer program wrote it, or it is damaged.
    pub fn restore(&mut self, stored: &[u8]) -> Result<(), StateError> {
        let what = || "the unwatched time of an assess task".into();
        let kept: Kept = codec::decode(stored, VERSION..=VERSION, VERSION, what)?;
        self.written = Some(kept.clone());
        self.kept = kept;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL_S: i64 = 40;

    fn at(s: i64) -> EventTime {
        EventTime::from_ms(s * 1000)
    }

    /// One commit a second over `seconds`, the event clock `age` behind; `heard` of its one county.
    fn run(watch: &mut Watch, seconds: std::ops::RangeInclusive<i64>, age: i64, heard: bool) {
        for s in seconds {
            watch.pass(at(s), at(s - age), [("330604", heard)]);
        }
    }

    fn counted_s(watch: &Watch) -> (i64, i64) {
        let counted = watch.counties()["330604"];
        assert_eq!((counted.no_task_ms % 1000, counted.silent_ms % 1000), (0, 0));
        (counted.no_task_ms / 1000, counted.silent_ms / 1000)
    }

    /// What is left of it after a kill: its last stored form.
    fn killed(mut watch: Watch) -> Watch {
        let mut next = Watch::new(USUAL_S * 1000);
        let stored = watch.take_due().or_else(|| watch.written.as_ref().map(stored_form));
        next.restore(&stored.unwrap()).unwrap();
        next
    }

    fn stored_form(kept: &Kept) -> Vec<u8> {
        postcard::to_extend(kept, vec![VERSION]).unwrap()
    }

    #[test]
    fn unwatched_time_survives_a_restart_and_grows_by_exactly_the_outage() {
        let mut watch = Watch::new(USUAL_S * 1000);
        run(&mut watch, 0..=100, USUAL_S, true);
        assert_eq!(counted_s(&watch), (0, 0));
        let mut watch = killed(watch);
        run(&mut watch, 700..=800, USUAL_S, true);
        assert_eq!(counted_s(&watch), (600, 0));
        let watch = killed(watch);
        assert_eq!(counted_s(&watch), (600, 0));
    }

    #[test]
    fn a_restart_within_the_grace_is_no_outage() {
        let mut watch = Watch::new(USUAL_S * 1000);
        run(&mut watch, 0..=100, USUAL_S, true);
        let mut watch = killed(watch);
        run(&mut watch, 130..=140, USUAL_S, true);
        assert_eq!(counted_s(&watch), (0, 0));
    }

    #[test]
    fn a_task_that_runs_but_is_behind_does_not_watch() {
        let mut watch = Watch::new(USUAL_S * 1000);
        run(&mut watch, 0..=100, USUAL_S, true);
        run(&mut watch, 101..=150, 600, true);
        assert_eq!(counted_s(&watch), (19, 0), "judged up to 60 s: more than 70 s ago from 131 s on");
        run(&mut watch, 151..=200, USUAL_S, true);
        assert_eq!(counted_s(&watch), (20, 0), "it caught up at 151 s");
    }

    #[test]
    fn an_event_clock_that_never_begins_counts_after_the_grace() {
        let mut watch = Watch::new(USUAL_S * 1000);
        for s in 0..=100 {
            watch.pass(at(s), EventTime::MIN, [("330604", true)]);
        }
        assert_eq!(counted_s(&watch), (29, 0));
    }

    #[test]
    fn silent_sources_count_apart_from_outages() {
        let mut watch = Watch::new(USUAL_S * 1000);
        run(&mut watch, 0..=10, USUAL_S, true);
        run(&mut watch, 11..=20, USUAL_S, false);
        run(&mut watch, 21..=30, USUAL_S, true);
        assert_eq!(counted_s(&watch), (0, 10));
        run(&mut watch, 31..=31, USUAL_S, false);
        run(&mut watch, 91..=91, USUAL_S, true);
        assert_eq!(counted_s(&watch), (60, 10), "while nobody looks, nobody knows whether they were silent");
    }

    #[test]
    fn a_clock_behind_another_workers_counts_nothing_twice() {
        let mut watch = Watch::new(USUAL_S * 1000);
        run(&mut watch, 0..=100, USUAL_S, false);
        run(&mut watch, 90..=110, USUAL_S, false);
        assert_eq!(counted_s(&watch), (0, 110));
    }

    #[test]
    fn it_is_written_once_a_second_and_when_something_was_counted() {
        let mut watch = Watch::new(USUAL_S * 1000);
        watch.pass(EventTime::from_ms(0), at(-40), [("330604", true)]);
        assert!(watch.take_due().is_some());
        watch.pass(EventTime::from_ms(999), at(-40), [("330604", true)]);
        assert_eq!(watch.take_due(), None);
        watch.pass(EventTime::from_ms(1_000), at(-40), [("330604", true)]);
        assert!(watch.take_due().is_some());
        assert_eq!(watch.restore(&[9]), Err(StateError::Newer { version: 9 }));
    }
}
