//! Rules about single subjects: an event, a sensor's level, silence.

use super::cells::Cells;
use super::draft::Draft;
use super::judge::Judge;
use super::rule::{Condition, EventKind, Rule, Silent};
use crate::event::EventTime;
use crate::tally::{Signal, Subject, What};
use crate::taxonomy::Level;
use crate::warn::{Alert, Cue, Deadline, Evidence, Reason, Status, alert_id};

impl<'a> Judge<'a> {
    /// Lets every rule that concerns it speak about one signal.
    pub fn signal(&mut self, signal: &Signal) {
        if let What::Command { .. } = signal.what {
            self.command(signal);
            return;
        }
        for index in 0..self.rules.len() {
            let rule = &self.rules[index];
            match &rule.condition {
                Condition::Count { .. } | Condition::NoData(Silent::Cell(_)) => {}
                Condition::Event { .. } => self.event(index, signal),
                Condition::SensorLevel { .. } => self.sensor(index, signal),
                Condition::NoData(Silent::Sensor) => self.silence(index, signal),
                Condition::NoData(Silent::Gateway) => {}
            }
        }
    }

    /// A gateway's sensors, over all input partitions.
    pub fn gateway(&mut self, signal: &Signal, heard: u32, expected: u32) {
        for index in 0..self.rules.len() {
            if self.rules[index].condition != Condition::NoData(Silent::Gateway) {
                continue;
            }
            let silent = heard == 0 && expected > 0;
            let (cue, reason) =
                if silent { (Cue::Fire, Reason::Crossed) } else { (Cue::Clear, Reason::Cleared) };
            let draft = self.about(index, signal, f64::from(heard), f64::from(expected));
            self.say(draft, cue, reason, signal.at);
        }
    }

    /// A cell's coverage has changed.
    pub fn coverage(&mut self, cells: &Cells, cell: u32) {
        for index in 0..self.rules.len() {
            self.cell_silence(index, cells, cell);
        }
    }

    /// What rule `index` says of a cell's coverage, if that is what it watches.
    pub fn cell_silence(&mut self, index: usize, cells: &Cells, cell: u32) {
        let rules = self.rules;
        let Condition::NoData(Silent::Cell(wanted)) = &rules[index].condition else { return };
        let key = cells.key(cell);
        if !wanted.contains(&key.region, &key.sector) {
            return;
        }
        let (heard, expected) = cells.get(cell).heard_expected().unwrap_or((0, 0));
        let covered = self.covered(cells, cell);
        let (cue, reason) =
            if covered { (Cue::Clear, Reason::Cleared) } else { (Cue::Fire, Reason::Crossed) };
        let at = self.now();
        let signal = Signal {
            subject: Subject::Cell(key.clone()),
            region: key.region.clone(),
            sector: key.sector.clone(),
            enterprise_id: None,
            at,
            offset: None,
            what: What::Heard,
        };
        let draft = self.about(index, &signal, f64::from(heard), f64::from(expected) * self.coverage_min);
        self.say(draft, cue, reason, at);
    }

    fn event(&mut self, index: usize, signal: &Signal) {
        let rules = self.rules;
        let Condition::Event { on, kind, stages, grade } = &rules[index].condition else { return };
        let listed = |stage: &String| stages.is_empty() || stages.contains(stage);
        let (cue, reason) = match (&signal.what, on) {
            (What::Stage { kind: k, .. } | What::Overdue { kind: k, .. }, _) if k != kind => return,
            (What::Held { kind: k, .. } | What::Unheld { kind: k, .. }, _) if k != kind => return,
            (What::Stage { terminal: true, .. }, _) => (Cue::Clear, Reason::Cleared),
            (What::Stage { stage, grade: g, .. }, EventKind::Stage) => {
                if !listed(stage) || grade.is_some() && g != grade {
                    return;
                }
                (Cue::Fire, Reason::Crossed)
            }
            // A later stage than the overdue one: somebody has moved it on.
            (What::Stage { .. }, EventKind::Overdue) => (Cue::Clear, Reason::Cleared),
            (What::Overdue { stage, .. }, EventKind::Overdue) if listed(stage) => {
                (Cue::Fire, Reason::Crossed)
            }
            (What::Held { stage, .. }, EventKind::Early) if listed(stage) => (Cue::Fire, Reason::Crossed),
            (What::Unheld { stage, legal: true, .. }, EventKind::Early) if listed(stage) => {
                (Cue::Clear, Reason::Withdrawn)
            }
            _ => return,
        };
        if cue == Cue::Clear {
            self.turn(index, signal, cue, reason);
            return;
        }
        let mut draft = self.about(index, signal, 1.0, 1.0);
        draft.deadline = match &signal.what {
            What::Stage { due: Some(due), .. } | What::Overdue { due, .. } => {
                Some(Deadline { at: *due, kind: "due".into() })
            }
            _ => None,
        };
        self.say(draft, cue, reason, signal.at);
    }

    fn sensor(&mut self, index: usize, signal: &Signal) {
        let rules = self.rules;
        let Condition::SensorLevel { at_least, quantity: wanted } = &rules[index].condition else { return };
        match &signal.what {
            What::Level { quantity, level, value, set_point, .. } => {
                if wanted.as_ref().is_some_and(|wanted| wanted != quantity) {
                    return;
                }
                let reached = level.filter(|level| level >= at_least);
                let draft = self.about(index, signal, *value, *set_point);
                match reached {
                    Some(level) => self.sensor_fires(draft, level, signal.at),
                    None => self.say(draft, Cue::Clear, Reason::Cleared, signal.at),
                }
            }
            // A silent sensor's last level stands, but nobody knows: its alert must neither resolve nor pretend.
            What::Silent { .. } => {
                self.turn(index, signal, Cue::Blind, Reason::SourcesSilent);
            }
            What::Heard => {
                let id = alert_id(&signal.subject, self.rules[index].id_hash());
                if self.book.get(&id).is_none_or(|alert| alert.status != Status::Unknown) {
                    return;
                }
                self.turn(index, signal, Cue::Fire, Reason::SourcesHeard);
            }
            _ => {}
        }
    }

    fn sensor_fires(&mut self, draft: Draft<'_>, level: Level, at: EventTime) {
        let level = draft.rule.level.unwrap_or(level);
        let draft = Draft { level, ..draft };
        let id = draft.id();
        let standing = |alert: &&Alert| !matches!(alert.status, Status::Resolved | Status::Unknown);
        let before = self.book.get(&id).filter(standing).map(|alert| alert.level);
        let mut alert = draft.alert(self.taxonomy, self.zone, self.clock);
        if before.is_none_or(|before| before == level) {
            let step = self.step(Cue::Fire, Reason::Crossed, at);
            self.book.tell(alert, step, self.out);
            return;
        }
        let step = self.step(Cue::Fire, Reason::LevelChanged, at);
        let edit = |known: &mut Alert| {
            alert.starts_at = known.starts_at;
            known.level = alert.level;
            known.value = alert.value;
            known.threshold = alert.threshold;
            known.as_of = alert.as_of;
            known.labels = alert.labels;
            known.annotations = alert.annotations;
            known.evidence = alert.evidence;
        };
        self.book.amend(&id, step, edit, self.out);
    }

    fn silence(&mut self, index: usize, signal: &Signal) {
        match signal.what {
            What::Silent { .. } => {
                let draft = self.about(index, signal, 0.0, 1.0);
                self.say(draft, Cue::Fire, Reason::Crossed, signal.at);
            }
            What::Heard => self.turn(index, signal, Cue::Clear, Reason::Cleared),
            _ => {}
        }
    }

    fn say(&mut self, draft: Draft<'_>, cue: Cue, reason: Reason, at: EventTime) {
        // Most of what is said changes nothing, and an alert's texts are dear.
        if self.book.moves(&draft.id(), cue) {
            let alert = draft.alert(self.taxonomy, self.zone, self.clock);
            let step = self.step(cue, reason, at);
            self.book.tell(alert, step, self.out);
        }
    }

    /// Moves the alert of a signal's subject. What was said of it stands: that somebody closed a hazard, or that a sensor is
    /// heard, has no words for what was wrong.
    fn turn(&mut self, index: usize, signal: &Signal, cue: Cue, reason: Reason) {
        let id = alert_id(&signal.subject, self.rules[index].id_hash());
        let step = self.step(cue, reason, signal.at);
        self.book.move_by(&id, step, |_| {}, self.out);
    }

    /// The draft of what rule `index` says about a signal's subject.
    fn about<'r>(&self, index: usize, signal: &'r Signal, value: f64, threshold: f64) -> Draft<'r>
    where
        'a: 'r,
    {
        let rule: &'a Rule = &self.rules[index];
        Draft {
            rule,
            subject: signal.subject.clone(),
            region: &signal.region,
            sector: &signal.sector,
            level: rule.level.unwrap_or(Level::Yellow),
            window: None,
            value,
            threshold,
            as_of: signal.at,
            starts_at: signal.at,
            deadline: None,
            evidence: Evidence {
                offsets: signal.offset.map(|offset| (offset, offset + 1)).or(self.evidence.offsets),
                enterprise_id: signal.enterprise_id.clone(),
                ..self.evidence.clone()
            },
            what: Some(&signal.what),
        }
    }
}
