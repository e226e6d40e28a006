//! A change of rules, at its place in the log.
//!
//! An alert keeps its id, for that is made of its subject and the rule's name. What becomes of those that stand:
//!
//! - the rule is gone, or no longer watches what the alert is about: it resolves, reason `rule_gone`;
//! - the rule is another one now: the alert stands as it did, under the new text, reason `rule_changed`, and falls back when
//!   it would by the new text: a count by the event clock, a signal's by the next one;
//! - the rule is the same: nothing happens.
//!
//! A rule that is new, or another one now, is judged by what is known: counts and coverage at once, from the window ends
//! that are still open; single subjects by the next signal, for only what alerts of them is kept here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::AssessTask;
use super::announced::Announcement;
use super::cells::Cells;
use super::count::ActiveWatch;
use super::draft::labels;
use super::judge::Judge;
use super::rule::{Condition, Rule, Silent};
use crate::event::EventTime;
use crate::log::Output;
use crate::warn::{Alert, Cue, Evidence, Reason, Status};

impl AssessTask {
    /// Judges by the announced rules from here on.
    pub fn switch(&mut self, announced: &Announcement, offset: i64, out: &mut Vec<Output>) {
        self.next_offset = offset + 1;
        self.clock_changed = true;
        let before = self.in_force.take(announced.clone(), &self.settings.windows);
        let rules = Arc::clone(self.in_force.rules());
        self.cells.watch(&rules);
        self.active.clear();
        let cells: Vec<u32> = self.cells.iter().map(|(_, cell)| cell).collect();
        cells.iter().for_each(|&cell| self.resume_watches(cell));
        let (settings, taxonomy) = (Arc::clone(&self.settings), Arc::clone(&self.taxonomy));
        let told = (&*settings, &*taxonomy, rules.as_slice());
        let kept = (&mut self.book, &mut self.active);
        let mut judge = Judge::new(told, kept, &self.clock, Evidence::default(), out);
        judge.settle(&self.cells, &before);
        let known = |rule: &Rule| before.iter().any(|old| old.name == rule.name && old.hash == rule.hash);
        for index in (0..rules.len()).filter(|&index| !known(&rules[index])) {
            judge.anew(index, &mut self.cells, &cells);
        }
    }
}

impl Judge<'_> {
    /// Lets every alert that stands follow its rule, or go with it.
    fn settle(&mut self, cells: &Cells, before: &[Rule]) {
        let watched: BTreeMap<String, ActiveWatch> =
            self.active.iter().map(|&active| (self.id_of(cells, active), active)).collect();
        for id in self.book.standing() {
            let Some(alert) = self.book.get(&id) else { continue };
            let rules = self.rules;
            let rule = rules.iter().find(|rule| rule.name == alert.rule);
            if rule.is_some_and(|rule| rule.hash == alert.rule_hash) {
                continue;
            }
            let at = self.now().max(alert.starts_at);
            let active = watched.get(&id).copied();
            let old = before.iter().find(|old| old.name == alert.rule);
            match rule.filter(|rule| active.is_some() || concerns(old, rule, alert)) {
                Some(rule) => self.follow(cells, &id, rule, active, at),
                None => {
                    let step = self.step(Cue::Clear, Reason::RuleGone, at);
                    self.book.move_by(&id, step, |_| {}, self.out);
                }
            }
        }
    }

    /// An alert under the new text of its rule.
    fn follow(&mut self, cells: &Cells, id: &str, rule: &Rule, active: Option<ActiveWatch>, at: EventTime) {
        let drafted = active.map(|active| self.drafted(cells, active));
        let edit = |known: &mut Alert| {
            known.rule_hash.clone_from(&rule.hash);
            known.level = rule.level.unwrap_or(known.level);
            known.labels = labels(rule, known.level, &known.region, &known.sector);
            if let Some(Alert { window, value, threshold, as_of, annotations, .. }) = drafted {
                (known.window, known.value, known.threshold) = (window, value, threshold);
                (known.as_of, known.annotations) = (as_of, annotations);
            }
        };
        let step = self.step(Cue::Fire, Reason::RuleChanged, at);
        self.book.amend(id, step.clone(), edit, self.out);
        let pending = self.book.get(id).is_some_and(|alert| alert.status == Status::Pending);
        if pending && rule.for_ms == 0 {
            self.book.move_by(id, step, |_| {}, self.out);
        }
    }

    /// Judges by rule `index` what it was never judged by.
    fn anew(&mut self, index: usize, cells: &mut Cells, all: &[u32]) {
        match &self.rules[index].condition {
            Condition::Count { measure, .. } => {
                let Some(measure) = cells.measures().iter().position(|known| known == measure) else {
                    return;
                };
                all.iter().for_each(|&cell| self.count_anew(index, cells, (cell, measure)));
            }
            Condition::NoData(Silent::Cell(_)) => {
                for &cell in all.iter().filter(|&&cell| cells.get(cell).heard_expected().is_some()) {
                    self.cell_silence(index, cells, cell);
                }
            }
            Condition::Event { .. }
            | Condition::SensorLevel { .. }
            | Condition::NoData(Silent::Sensor | Silent::Gateway) => {}
        }
    }
}

/// Whether a rule about single subjects, or about coverage, still watches what it watched when it raised this alert.
/// Where that cannot be known it does: an alert too many can be closed, one too few is never seen.
fn concerns(old: Option<&Rule>, new: &Rule, alert: &Alert) -> bool {
    let Some(old) = old else { return !matches!(new.condition, Condition::Count { .. }) };
    match (&old.condition, &new.condition) {
        (Condition::Event { on, kind, .. }, Condition::Event { on: on_now, kind: kind_now, .. }) => {
            (on, kind) == (on_now, kind_now)
        }
        (Condition::SensorLevel { quantity, .. }, Condition::SensorLevel { at_least, quantity: now }) => {
            // Without a level of its own the alert has the sensor's.
            let reaches = old.level.is_some() || alert.level >= *at_least;
            reaches && (quantity == now || quantity.is_none() || now.is_none())
        }
        (Condition::NoData(Silent::Cell(_)), Condition::NoData(Silent::Cell(cells))) => {
            cells.contains(&alert.region, &alert.sector)
        }
        (Condition::NoData(was), Condition::NoData(now)) => was == now,
        (
            Condition::Count { .. }
            | Condition::Event { .. }
            | Condition::SensorLevel { .. }
            | Condition::NoData(_),
            _,
        ) => false,
    }
}
