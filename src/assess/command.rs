//! Officers' commands: each is answered by an alert event, or goes to the rejects. None is ignored.

use super::judge::Judge;
use crate::event::{Action, Reason as RejectReason};
use crate::log::{Output, Topic};
use crate::tally::{Signal, Subject, What};
use crate::warn::{Cue, Reason, Step};

impl Judge<'_> {
    /// Carries out one command, or refuses it with a reason.
    pub fn command(&mut self, signal: &Signal) {
        let What::Command { id: _, action, by, expires_at, assignee, note, original } = &signal.what else {
            return;
        };
        let Subject::Alert(alert_id) = &signal.subject else { return };
        if self.book.get(alert_id).is_none() {
            self.reject(signal, alert_id, original);
            return;
        }
        let who = by.clone().unwrap_or_else(|| "unknown".into());
        let said = note.as_ref().map_or_else(|| who.clone(), |note| format!("{who}: {note}"));
        let step = |cue| Step {
            cue,
            reason: Reason::Command,
            at: signal.at,
            clock: self.clock,
            note: Some(said.clone()),
            until: None,
        };
        let done = match action {
            Action::Ack => {
                let officer = who.clone();
                let done = self.book.move_by(
                    alert_id,
                    step(Cue::Ack),
                    |alert| alert.acknowledged_by = Some(officer),
                    self.out,
                );
                if let (true, Some(at)) = (done, expires_at) {
                    self.book.expire_ack_at(alert_id, *at);
                }
                done
            }
            Action::Unack => {
                self.book.move_by(alert_id, step(Cue::Unack), |alert| alert.acknowledged_by = None, self.out)
            }
            Action::Close => self.book.move_by(alert_id, step(Cue::Close), |_| {}, self.out),
            Action::Assign => {
                let to = assignee.clone().or_else(|| by.clone());
                self.book.amend(alert_id, step(Cue::Ack), |alert| alert.assigned_to = to, self.out);
                true
            }
            Action::Silence | Action::Unsilence => false,
        };
        if !done {
            let note = match action {
                Action::Silence | Action::Unsilence => "silences are not supported by this version",
                Action::Ack => "only a firing alert can be acknowledged",
                Action::Unack => "only an acknowledged alert can be taken back",
                Action::Close => "only an open alert can be closed",
                Action::Assign => "it cannot be assigned",
            };
            let refused = Step { reason: Reason::Refused, note: Some(note.into()), ..step(Cue::Ack) };
            self.book.amend(alert_id, refused, |_| {}, self.out);
        }
    }

    fn reject(&mut self, signal: &Signal, alert_id: &str, original: &[u8]) {
        let text = |s: String| s.into_bytes();
        self.out.push(Output {
            topic: Topic::Rejects,
            partition: None,
            key: alert_id.as_bytes().to_vec(),
            value: Some(original.to_vec()),
            headers: vec![
                ("reason", text(RejectReason::UnknownAlert.code().into())),
                ("detail", text(format!("no alert has the id {alert_id:?}"))),
                ("source_topic", text(self.commands_topic.to_owned())),
                ("source_partition", text(self.evidence.partition.unwrap_or(0).to_string())),
                ("source_offset", text(signal.offset.unwrap_or(-1).to_string())),
                ("time", text(self.clock.to_string())),
            ],
        });
    }
}
