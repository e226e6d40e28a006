//! An alert as a rule would have it: its labels, numbers and summaries.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::rule::Rule;
use super::words::{fill, words};
use crate::event::EventTime;
use crate::tally::{Subject, What};
use crate::taxonomy::{Level, Taxonomy};
use crate::warn::{Alert, Deadline, Evidence, Status, SubjectRef, alert_id};

/// What is known at the moment at which a rule speaks.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// The rule that speaks.
    pub rule: &'a Rule,
    /// About what.
    pub subject: Subject,
    /// Where: a region code.
    pub region: &'a str,
    /// In which sector: a code.
    pub sector: &'a str,
    /// How bad.
    pub level: Level,
    /// The window's name.
    pub window: Option<&'a str>,
    /// The number that crossed.
    pub value: f64,
    /// What it was held against.
    pub threshold: f64,
    /// To which moment the value belongs.
    pub as_of: EventTime,
    /// When it began.
    pub starts_at: EventTime,
    /// Deadline of its handling.
    pub deadline: Option<Deadline>,
    /// Offsets behind it.
    pub evidence: Evidence,
    /// What happened, for rules about single subjects.
    pub what: Option<&'a What>,
}

impl Draft<'_> {
    /// The id of the alert.
    pub fn id(&self) -> String {
        alert_id(&self.subject, self.rule.id_hash())
    }

    /// The alert as it would stand; the book decides its status.
    pub fn alert(&self, taxonomy: &Taxonomy, zone: &TimeZone, clock: EventTime) -> Alert {
        let labels = labels(self.rule, self.level, self.region, self.sector);
        let words = words(self, taxonomy, zone);
        let (summary, summary_zh) = fill((&self.rule.summary, &self.rule.summary_zh), &words);
        let annotations =
            BTreeMap::from([("summary".to_owned(), summary), ("summary_zh".to_owned(), summary_zh)]);
        Alert {
            id: self.id(),
            rule: self.rule.name.clone(),
            rule_hash: self.rule.hash.clone(),
            status: Status::Pending,
            level: self.level,
            region: self.region.into(),
            sector: self.sector.into(),
            subject: SubjectRef::from(&self.subject),
            window: self.window.map(str::to_owned),
            value: self.value,
            threshold: self.threshold,
            as_of: self.as_of,
            starts_at: self.starts_at,
            ends_at: None,
            updated_at: clock,
            acknowledged_by: None,
            assigned_to: None,
            escalation: "none".into(),
            deadline: self.deadline.clone(),
            labels,
            annotations,
            evidence: self.evidence.clone(),
        }
    }
}

/// The rule's own labels, and those that every alert has.
pub fn labels(rule: &Rule, level: Level, region: &str, sector: &str) -> BTreeMap<String, String> {
    let mut labels = rule.labels.clone();
    labels.insert("alertname".into(), rule.name.clone());
    labels.insert("level".into(), level.code().into());
    labels.insert("severity".into(), severity(level).into());
    labels.insert("region".into(), region.into());
    labels.insert("sector".into(), sector.into());
    labels
}

/// The severity label that Alertmanager's users expect.
const fn severity(level: Level) -> &'static str {
    match level {
        Level::Blue => "info",
        Level::Yellow => "warning",
        Level::Orange => "error",
        Level::Red => "critical",
    }
}
