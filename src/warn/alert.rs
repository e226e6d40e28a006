//! An alert as it stands on the wire (`hazard.alerts`), and its events (`hazard.alert-events`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::life::Status;
use crate::event::EventTime;
use crate::event::wire_time;
use crate::log::Input;
use crate::tally::Subject;
use crate::taxonomy::Level;

/// The state of one alert: the value of `hazard.alerts`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Hex of hash(subject), then hex of hash(rule).
    pub id: String,
    /// The rule's name.
    pub rule: String,
    /// Which text of the rule.
    pub rule_hash: String,
    /// Where it stands.
    pub status: Status,
    /// How bad.
    pub level: Level,
    /// Region code.
    pub region: String,
    /// Sector code.
    pub sector: String,
    /// What it is about.
    pub subject: SubjectRef,
    /// The window's name, for counts.
    pub window: Option<String>,
    /// The number that crossed.
    pub value: f64,
    /// What it was held against.
    pub threshold: f64,
    /// The window end, or the moment, to which `value` belongs.
    #[serde(with = "wire_time")]
    pub as_of: EventTime,
    /// The end of the earliest window that crossed; for other subjects the moment it began.
    #[serde(with = "wire_time")]
    pub starts_at: EventTime,
    /// When it was over.
    #[serde(with = "wire_time::option")]
    pub ends_at: Option<EventTime>,
    /// The clock carried by the log when this state was reached.
    #[serde(with = "wire_time")]
    pub updated_at: EventTime,
    /// The officer who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// The officer or team that has it.
    pub assigned_to: Option<String>,
    /// The step of escalation; `none` at first.
    pub escalation: String,
    /// The next deadline of its handling.
    pub deadline: Option<Deadline>,
    /// Labels for routing.
    pub labels: BTreeMap<String, String>,
    /// Summaries in both languages.
    pub annotations: BTreeMap<String, String>,
    /// The numbers and offsets behind it.
    pub evidence: Evidence,
}

/// What an alert is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectRef {
    /// `cell`, `sensor`, `hazard`, `item`, `enterprise`, `landlord` or `gateway`.
    pub kind: String,
    /// Its id; a cell is named by region and sector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl From<&Subject> for SubjectRef {
    fn from(subject: &Subject) -> Self {
        SubjectRef { kind: subject.kind().into(), id: subject.id().map(str::to_owned) }
    }
}

/// A deadline of an alert's handling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// When.
    #[serde(with = "wire_time")]
    pub at: EventTime,
    /// For what: `feedback`, `due`, …
    pub kind: String,
}

/// Where in the inputs the decisive events stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The input that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Input>,
    /// Its partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<u32>,
    /// First offset, and last + 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offsets: Option<(i64, i64)>,
    /// The enterprise concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enterprise_id: Option<String>,
}

/// Why an alert moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The count reached the threshold, or the condition began.
    Crossed,
    /// It held for the rule's `for`.
    Sustained,
    /// It no longer holds.
    Cleared,
    /// It stopped before the rule's `for` was over.
    Lapsed,
    /// A late event showed that it had held.
    Late,
    /// Its sources are silent.
    SourcesSilent,
    /// Its sources are heard again, and it still holds.
    SourcesHeard,
    /// It became better or worse.
    LevelChanged,
    /// A stage that seemed missing turned up with an earlier time.
    Withdrawn,
    /// An officer said so.
    Command,
    /// An acknowledgement ran out.
    Expired,
    /// A command that does not apply; nothing changed.
    Refused,
    /// Its rule was changed, and it still holds, or holds for long enough now.
    RuleChanged,
    /// Its rule is gone, or no longer concerns it.
    RuleGone,
}

impl Reason {
    /// Every member, in the order of the contract.
    pub const ALL: [Reason; 14] = [
        Reason::Crossed,
        Reason::Sustained,
        Reason::Cleared,
        Reason::Lapsed,
        Reason::Late,
        Reason::SourcesSilent,
        Reason::SourcesHeard,
        Reason::LevelChanged,
        Reason::Withdrawn,
        Reason::Command,
        Reason::Expired,
        Reason::Refused,
        Reason::RuleChanged,
        Reason::RuleGone,
    ];
}

/// One step of an alert's life: the value of `hazard.alert-events` is the alert plus these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertEvent {
    /// The alert after the step.
    #[serde(flatten)]
    pub alert: Alert,
    /// The step.
    pub transition: Transition,
    /// Counts this alert's events from 1, without a gap.
    pub seq: u64,
}

/// From where to where, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// The status before; `None` at first.
    pub from: Option<Status>,
    /// The status after.
    pub to: Status,
    /// Why.
    pub reason: Reason,
    /// The event time of the step.
    #[serde(with = "wire_time")]
    pub at: EventTime,
    /// A late event showed another episode, before the one under way: when that was over.
    #[serde(default, with = "wire_time::option", skip_serializing_if = "Option::is_none")]
    pub until: Option<EventTime>,
    /// For a person: who commanded, why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The id of the alert that `rule_hash` raises about `subject`.
pub fn alert_id(subject: &Subject, rule_hash: u64) -> String {
    format!("{:016x}{rule_hash:016x}", subject.hash())
}
