//! What a backtest's alerts amount to: per rule and year, how often it fired and for how long it stood.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::event::EventTime;
use crate::warn::{AlertEvent, Status};

/// Everything that fired.
#[derive(Default)]
pub struct Tally {
    rules: BTreeMap<String, BTreeMap<String, Year>>,
    /// Since when an alert stands, by its id.
    standing: BTreeMap<String, (String, EventTime)>,
}

#[derive(Default)]
struct Year {
    fired: u64,
    first: Option<EventTime>,
}

impl Tally {
    /// Takes in one step of an alert.
    pub fn add(&mut self, event: &AlertEvent, zone: &TimeZone) {
        // The day on which it was known, not the end of the window that crossed.
        let (alert, at) = (&event.alert, event.alert.updated_at);
        let from = event.transition.from;
        match event.transition.to {
            Status::Firing if matches!(from, None | Some(Status::Pending | Status::Resolved)) => {
                let year = at.shown(zone)[..4].to_owned();
                let year = self.rules.entry(alert.rule.clone()).or_default().entry(year).or_default();
                year.fired += 1;
                year.first = Some(year.first.map_or(at, |first| first.min(at)));
                self.standing.insert(alert.id.clone(), (alert.rule.clone(), at));
            }
            Status::Resolved => {
                self.standing.remove(&alert.id);
            }
            Status::Firing | Status::Pending | Status::Acknowledged | Status::Unknown => {}
        }
    }

    /// A table for a person.
    pub fn summary(&self, zone: &TimeZone) -> String {
        if self.rules.is_empty() {
            return "no rule fired".to_owned();
        }
        let mut text = String::from("\nrule                              year  fired  first on\n");
        for (rule, years) in &self.rules {
            for (year, told) in years {
                let first = told.first.map(|at| at.shown(zone)).unwrap_or_default();
                text.push_str(&format!("{rule:<32}  {year}  {:>5}  {first}\n", told.fired));
            }
        }
        for (rule, since) in self.standing.values() {
            text.push_str(&format!("still standing at the end: {rule} since {}\n", since.shown(zone)));
        }
        text.trim_end().to_owned()
    }
}
