//! What judging needs at hand while one tally is applied.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::Settings;
use super::cells::Cells;
use super::clock::EventClock;
use super::count::ActiveWatch;
use super::rule::Rule;
use crate::event::EventTime;
use crate::log::Output;
use crate::taxonomy::Taxonomy;
use crate::warn::{Book, Cue, Evidence, Reason, Step};

/// The rules, the alert book, and the time and offsets of the tally at hand.
pub struct Judge<'a> {
    /// The rules.
    pub rules: &'a [Rule],
    /// For names.
    pub taxonomy: &'a Taxonomy,
    /// For times.
    pub zone: &'a TimeZone,
    /// The alerts.
    pub book: &'a mut Book,
    /// The count rules' episodes under way.
    pub active: &'a mut BTreeSet<ActiveWatch>,
    /// Where alerts go.
    pub out: &'a mut Vec<Output>,
    /// Where the events of this tally stand.
    pub evidence: Evidence,
    /// The clock carried by the log.
    pub clock: EventTime,
    /// The event clock after this tally.
    pub event_clock: EventTime,
    /// The name of the commands topic, for dead letters.
    pub commands_topic: &'a str,
    /// Below this share of its expected sensors a cell is unknown.
    pub coverage_min: f64,
}

impl<'a> Judge<'a> {
    /// A judge by these rules, over what the task keeps of alerts, at the clocks' present moments.
    pub fn new(
        (settings, taxonomy, rules): (&'a Settings, &'a Taxonomy, &'a [Rule]),
        (book, active): (&'a mut Book, &'a mut BTreeSet<ActiveWatch>),
        clock: &EventClock,
        evidence: Evidence,
        out: &'a mut Vec<Output>,
    ) -> Self {
        Judge {
            rules,
            taxonomy,
            zone: &settings.zone,
            book,
            active,
            out,
            evidence,
            clock: clock.clock,
            event_clock: clock.event_clock,
            commands_topic: &settings.commands_topic,
            coverage_min: settings.coverage_min,
        }
    }

    /// A step at this tally's clock.
    pub fn step(&self, cue: Cue, reason: Reason, at: EventTime) -> Step {
        Step { cue, reason, at, clock: self.clock, note: None, until: None }
    }

    /// The event clock; before every input has been heard it tells no moment that could be written down, and the log's
    /// own clock stands in.
    pub fn now(&self) -> EventTime {
        if self.event_clock > EventTime::MIN { self.event_clock } else { self.clock }
    }

    /// Whether a cell hears enough of its sensors to be believed when it is quiet.
    pub fn covered(&self, cells: &Cells, cell: u32) -> bool {
        cells.get(cell).covered(self.coverage_min)
    }
}
