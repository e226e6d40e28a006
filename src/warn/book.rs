//! The alert book: every alert of one assess task, and what leaves the house when one moves.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::alert::{Alert, AlertEvent, Reason, Transition};
use super::life::{Cue, Status, next};
use crate::event::EventTime;
use crate::log::{Output, Topic};

/// The alerts of one task, by id.
#[derive(Clone, Debug, Default)]
pub struct Book {
    entries: BTreeMap<String, Entry>,
    /// Ids whose state must be written at the next commit.
    changed: BTreeSet<String>,
    /// Transitions since they were last asked for, by status reached.
    transitions: BTreeMap<&'static str, u64>,
    /// Acknowledgements that run out, in order of time.
    expiries: BTreeSet<(EventTime, String)>,
}

/// What the book keeps of one alert, resolved ones too: `seq` goes on through reopening.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    alert: Alert,
    seq: u64,
    /// When the acknowledgement runs out.
    ack_expires: Option<EventTime>,
}

/// One thing that befalls an alert.
#[derive(Clone, Debug)]
pub struct Step {
    /// What.
    pub cue: Cue,
    /// Why.
    pub reason: Reason,
    /// When, in event time.
    pub at: EventTime,
    /// The clock carried by the log.
    pub clock: EventTime,
    /// For a person.
    pub note: Option<String>,
    /// When it was over, if all of it lies in the past.
    pub until: Option<EventTime>,
}

impl Book {
    /// The alert of that id, whatever its status.
    pub fn get(&self, id: &str) -> Option<&Alert> {
        self.entries.get(id).map(|entry| &entry.alert)
    }

    /// Whether this cue would move the alert of that id, or open it.
    pub fn moves(&self, id: &str, cue: Cue) -> bool {
        let known = self.get(id);
        next(known.map(|alert| alert.status), cue, known.is_some_and(|alert| alert.acknowledged_by.is_some()))
            .is_some()
    }

    /// The ids of the alerts that are not over.
    pub fn standing(&self) -> Vec<String> {
        self.open().map(|entry| entry.alert.id.clone()).collect()
    }

    fn open(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|entry| entry.alert.status != Status::Resolved)
    }

    /// The record of each alert that is not over, as it stands.
    pub fn records(&self) -> Vec<Output> {
        self.open().map(|entry| output(Topic::Alerts, &entry.alert, entry.seq, &entry.alert)).collect()
    }

    /// Lets `step` befall the alert that `draft` describes. If it opens (a new or resolved alert), the draft becomes the
    /// alert; otherwise the alert goes its way and takes the draft's numbers. Returns whether it moved.
    pub fn tell(&mut self, draft: Alert, step: Step, out: &mut Vec<Output>) -> bool {
        let known = self.entries.get(&draft.id);
        let from = known.map(|entry| entry.alert.status);
        let acknowledged = known.is_some_and(|entry| entry.alert.acknowledged_by.is_some());
        let Some(to) = next(from, step.cue, acknowledged) else { return false };
        let id = draft.id.clone();
        let opens = matches!(from, None | Some(Status::Resolved));
        let seq = known.map_or(0, |entry| entry.seq);
        let mut alert = match known {
            Some(entry) if !opens => Alert {
                value: draft.value,
                as_of: draft.as_of,
                starts_at: entry.alert.starts_at.min(draft.starts_at),
                level: draft.level,
                annotations: draft.annotations,
                ..entry.alert.clone()
            },
            _ => draft,
        };
        alert.status = to;
        alert.ends_at = (to == Status::Resolved).then_some(step.at);
        alert.updated_at = step.clock;
        let ack_expires = known.filter(|_| !opens).and_then(|entry| entry.ack_expires);
        self.entries.insert(id.clone(), Entry { alert, seq, ack_expires });
        self.write(&id, from, to, step, out);
        true
    }

    /// Edits an open alert without moving it (a worse level, an earlier start, a refused command), and tells so.
    pub fn amend(&mut self, id: &str, step: Step, edit: impl FnOnce(&mut Alert), out: &mut Vec<Output>) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        let status = entry.alert.status;
        edit(&mut entry.alert);
        entry.alert.updated_at = step.clock;
        self.write(id, Some(status), status, step, out);
    }

    /// Moves an alert by an officer's or the clock's cue, with an edit. Returns whether it moved.
    pub fn move_by(
        &mut self,
        id: &str,
        step: Step,
        edit: impl FnOnce(&mut Alert),
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(entry) = self.entries.get_mut(id) else { return false };
        let from = entry.alert.status;
        let Some(to) = next(Some(from), step.cue, entry.alert.acknowledged_by.is_some()) else {
            return false;
        };
        edit(&mut entry.alert);
        entry.alert.status = to;
        entry.alert.ends_at = (to == Status::Resolved).then_some(step.at);
        entry.alert.updated_at = step.clock;
        self.write(id, Some(from), to, step, out);
        true
    }

    /// Lets the acknowledgement of an alert run out at `at`.
    pub fn expire_ack_at(&mut self, id: &str, at: EventTime) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.ack_expires = Some(at);
            self.expiries.insert((at, id.to_owned()));
            self.changed.insert(id.to_owned());
        }
    }

    /// Takes back the acknowledgements that have run out by `event_clock`.
    pub fn expire(&mut self, event_clock: EventTime, clock: EventTime, out: &mut Vec<Output>) {
        while let Some((at, id)) = self.expiries.first().filter(|(at, _)| *at <= event_clock).cloned() {
            self.expiries.pop_first();
            let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.ack_expires == Some(at)) else {
                continue;
            };
            entry.ack_expires = None;
            let step = Step { cue: Cue::Unack, reason: Reason::Expired, at, clock, note: None, until: None };
            if entry.alert.status == Status::Unknown {
                // Its sources are silent: when they are heard and it still holds, somebody must be told again.
                self.amend(&id, step, |alert| alert.acknowledged_by = None, out);
            } else {
                self.move_by(&id, step, |alert| alert.acknowledged_by = None, out);
            }
        }
    }

    /// Transitions since the last call, by status reached.
    pub fn take_transitions(&mut self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut self.transitions)
    }

    /// The ids and stored forms of what changed since the last call.
    pub fn take_changed(&mut self) -> Vec<(String, Vec<u8>)> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .into_iter()
            .map(|id| {
                let stored =
                    serde_json::to_vec(&self.entries[&id]).expect("an alert has no value that JSON lacks");
                (id, stored)
            })
            .collect()
    }

    /// Forgets what changed since the last call.
    pub fn forget_changes(&mut self) {
        self.changed.clear();
        self.transitions.clear();
    }

    /// Takes an alert back from its stored form.
    pub fn restore(&mut self, stored: &[u8]) -> Result<(), serde_json::Error> {
        let entry: Entry = serde_json::from_slice(stored)?;
        let id = entry.alert.id.clone();
        if let Some(at) = self.entries.get(&id).and_then(|older| older.ack_expires) {
            self.expiries.remove(&(at, id.clone()));
        }
        if let Some(at) = entry.ack_expires {
            self.expiries.insert((at, id.clone()));
        }
        self.entries.insert(id, entry);
        Ok(())
    }

    fn write(&mut self, id: &str, from: Option<Status>, to: Status, step: Step, out: &mut Vec<Output>) {
        let entry = self.entries.get_mut(id).expect("only called for an alert in the book");
        entry.seq += 1;
        if from != Some(to) {
            *self.transitions.entry(to.code()).or_insert(0) += 1;
        }
        let event = AlertEvent {
            alert: entry.alert.clone(),
            transition: Transition {
                from,
                to,
                reason: step.reason,
                at: step.at,
                until: step.until,
                note: step.note,
            },
            seq: entry.seq,
        };
        out.push(output(Topic::Alerts, &event.alert, event.seq, &event.alert));
        out.push(output(Topic::AlertEvents, &event.alert, event.seq, &event));
        self.changed.insert(id.to_owned());
    }
}

fn output(topic: Topic, alert: &Alert, seq: u64, value: &impl Serialize) -> Output {
    let text = |s: &str| s.as_bytes().to_vec();
    Output {
        topic,
        partition: None,
        key: text(&alert.id),
        value: Some(serde_json::to_vec(value).expect("an alert has no value that JSON lacks")),
        headers: vec![
            ("content-type", text("application/json")),
            ("ce_specversion", text("1.0")),
            ("ce_id", text(&format!("{}-{seq}", alert.id))),
            ("ce_source", text(&format!("/hazstream/rules/{}", alert.rule))),
            ("ce_type", text("hazstream.alert")),
            ("ce_subject", text(&alert.id)),
            ("ce_time", text(&alert.updated_at.to_string())),
        ],
    }
}
