//! Hazards and items: the stages that each has reached, those that wait, and deadlines.
//!
//! A hazard is an item of the built-in kind. It begins where it is first seen (its beginning may never have been sent) and
//! counts once for each stage; any other item must begin at a start of its kind, and counts for each step. A stage that
//! does not fit is held, its bytes kept, until its predecessor comes or the lateness allowed is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cell::CellId;
use super::history::{History, Rules, Step};
use super::hold::Held;
use super::intern::Names;
use super::item_tell::kind_code;
use super::world::{Fate, World};
use crate::event::{Decoder, Event, EventTime, FoundHazard, Inspection, Reason, StageEvent};
use crate::log::Record;
use crate::tally::{Subject, What};
use crate::taxonomy::{ClauseId, Fact, FactSource, Grade, KindId, Kinds, Level, Taxonomy};

/// What is known of one item.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub kind: KindId,
    pub place: CellId,
    pub enterprise: Option<Box<str>>,
    /// A hazard's grade, and the time of the event that said so.
    pub grade: Option<(EventTime, Grade)>,
    pub level: Option<Level>,
    pub clause: Option<ClauseId>,
    pub history: History,
    /// Bit n: it counted for stage n.
    pub counted: u64,
    /// The deadline that was told to have passed.
    pub overdue: Option<EventTime>,
    /// The offsets of its stages that wait.
    pub waiting: Vec<i64>,
    pub wake: EventTime,
    pub dirty: bool,
}

impl Item {
    pub(super) fn new(kind: KindId, place: CellId) -> Self {
        Item {
            kind,
            place,
            enterprise: None,
            grade: None,
            level: None,
            clause: None,
            history: History::default(),
            counted: 0,
            overdue: None,
            waiting: Vec::new(),
            wake: EventTime::MIN,
            dirty: false,
        }
    }

    pub(super) fn rules<'t>(&self, taxonomy: &'t Taxonomy) -> Rules<'t> {
        Rules {
            kind: taxonomy.kinds.get(self.kind),
            grade: self.grade.map(|(_, grade)| grade),
            adopts: self.kind == Kinds::HAZARD,
        }
    }

    pub(super) fn is_open(&self, taxonomy: &Taxonomy) -> bool {
        let kind = taxonomy.kinds.get(self.kind);
        self.history.last().is_some_and(|last| !kind.get(last.stage).terminal)
    }

    pub(super) fn subject(&self, name: &str, taxonomy: &Taxonomy) -> Subject {
        let id = name.split_once('|').map_or(name, |(_, id)| id).to_owned();
        if self.kind == Kinds::HAZARD {
            Subject::Hazard(id)
        } else {
            Subject::Item { kind: taxonomy.kinds.get(self.kind).code.clone(), id }
        }
    }
}

/// A stage as an event tells it: of an item, or of a hazard in an inspection's list.
pub(super) struct Told<'e> {
    pub step: Step,
    grade: Option<Grade>,
    level: Option<Level>,
    clause: Option<ClauseId>,
    pub enterprise: Option<&'e str>,
    place: CellId,
    pub offset: i64,
    attributes: &'e [(std::borrow::Cow<'e, str>, crate::event::Scalar<'e>)],
}

/// The items of one task.
#[derive(Default)]
pub struct Items {
    /// `kind|id`.
    pub(super) names: Names,
    pub(super) table: Vec<Item>,
    pub(super) held: BTreeMap<i64, Held>,
    pub(super) dirty: Vec<u32>,
    pub(super) gone: Vec<String>,
    /// Offsets that began or ended to be held since the last flush.
    pub(super) held_changed: Vec<i64>,
    name: String,
}

impl Items {
    /// How many items are remembered.
    pub fn count(&self) -> usize {
        self.names.count()
    }

    /// How many stages wait.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// An inspection's hazards, each a stage `found`. Either all take effect or, where there is no room, none.
    pub fn inspect(&mut self, inspection: &Inspection<'_>, offset: i64, world: &mut World) -> Fate {
        let mut new: Vec<&str> = inspection
            .hazards
            .iter()
            .map(|hazard| &*hazard.hazard_id)
            .filter(|id| self.find(Kinds::HAZARD, id, world).is_none())
            .collect();
        new.sort_unstable();
        new.dedup();
        if self.count() + new.len() > world.settings.subjects_max {
            world.numbers.limit("subjects_max", 1);
            return Fate::rejected(Reason::OverLimit, "hazards: no room for another hazard (subjects_max)");
        }
        for hazard in &inspection.hazards {
            self.find_hazard(hazard, inspection, offset, world);
        }
        Fate::Counted
    }

    /// A stage of a hazard or item, from this record.
    pub fn reach(
        &mut self,
        event: &StageEvent<'_>,
        record: &Record<'_>,
        decoder: &mut Decoder,
        world: &mut World,
    ) -> Fate {
        let known = self.find(event.kind, &event.item_id, world);
        if known.is_none() && self.count() >= world.settings.subjects_max {
            world.numbers.limit("subjects_max", 1);
            return Fate::rejected(Reason::OverLimit, "item_id: no room for another item (subjects_max)");
        }
        let told = told(event, record.offset, world);
        let index = known.unwrap_or_else(|| self.enter(event.kind, told.place));
        let fitting = self.fitting(index, &told, world);
        if fitting.contains(&None) {
            self.accept_all(index, &fitting, &told, decoder, world);
            return Fate::Counted;
        }
        if self.begins_again(index, &told, world) {
            return Fate::Counted;
        }
        let fate = self.hold(index, &told, record, world);
        self.drop_if_empty(index);
        fate
    }

    fn find(&mut self, kind: KindId, id: &str, world: &World) -> Option<u32> {
        self.name.clear();
        self.name.push_str(&world.taxonomy.kinds.get(kind).code);
        self.name.push('|');
        self.name.push_str(id);
        self.names.find(&self.name)
    }

    /// A new item under the name that was looked for last.
    fn enter(&mut self, kind: KindId, place: CellId) -> u32 {
        let index = self.names.insert(&self.name);
        self.put(index, Item::new(kind, place));
        index
    }

    pub(super) fn put(&mut self, index: u32, item: Item) {
        if index as usize == self.table.len() {
            self.table.push(item);
        } else {
            self.table[index as usize] = item;
        }
    }

    fn find_hazard(
        &mut self,
        hazard: &FoundHazard<'_>,
        inspection: &Inspection<'_>,
        offset: i64,
        world: &mut World,
    ) {
        let place = world.cells.at(inspection.head.region, inspection.head.sector);
        let index = self
            .find(Kinds::HAZARD, &hazard.hazard_id, world)
            .unwrap_or_else(|| self.enter(Kinds::HAZARD, place));
        let kind = world.taxonomy.kinds.get(Kinds::HAZARD);
        let Some(stage) = kind.stage("found") else { return };
        let told = Told {
            step: Step { at: inspection.head.time, stage, due: hazard.due },
            grade: Some(hazard.grade),
            level: None,
            clause: hazard.clause,
            enterprise: Some(&inspection.enterprise_id),
            place,
            offset,
            attributes: &[],
        };
        let item = &self.table[index as usize];
        let fits = item.history.fitting(&self.rules_with(index, &told, world), &[told.step]);
        if !fits.is_empty() || (item.counted >> stage.0 & 1 == 0 && !self.begins_again(index, &told, world)) {
            // An inspector's finding is never held: where it does not fit it is counted and told, and the history stays.
            self.accept(index, &told, !fits.is_empty(), world);
            self.tell_present(index, &told.step, world);
            self.set_timer(index, world);
        }
    }

    /// The rules under which a stage is judged: a grade that it tells itself, unless an event of a later time told another.
    fn rules_with<'t>(&self, index: u32, told: &Told<'_>, world: &'t World) -> Rules<'t> {
        let item = &self.table[index as usize];
        let mut rules = item.rules(&world.taxonomy);
        if let Some(grade) = told.grade
            && item.grade.is_none_or(|(since, _)| since <= told.step.at)
        {
            rules.grade = Some(grade);
        }
        rules
    }

    /// What fits now, in the order of event time: `None` is the stage just told, an offset one that waits.
    fn fitting(&self, index: u32, told: &Told<'_>, world: &World) -> Vec<Option<i64>> {
        let item = &self.table[index as usize];
        let mut waiting = vec![told.step];
        waiting.extend(item.waiting.iter().map(|offset| self.held[offset].step));
        let fitting = item.history.fitting(&self.rules_with(index, told, world), &waiting);
        fitting.into_iter().map(|at| at.checked_sub(1).map(|waits| item.waiting[waits])).collect()
    }

    fn accept_all(
        &mut self,
        index: u32,
        fitting: &[Option<i64>],
        told_now: &Told<'_>,
        decoder: &mut Decoder,
        world: &mut World,
    ) {
        let mut newest = told_now.step;
        for waiting in fitting {
            let Some(offset) = waiting else {
                self.accept(index, told_now, true, world);
                newest = told_now.step;
                continue;
            };
            let held = self.held[offset].clone();
            newest = held.step;
            held.with_record(world.at, |record| match decoder.decode(record) {
                Ok(Event::Stage(event)) => {
                    let item = &self.table[index as usize];
                    let stage = world.taxonomy.kinds.get(item.kind).get(event.stage).code.clone();
                    let what = What::Unheld { kind: kind_code(item, world), stage, legal: true };
                    if !held.quiet {
                        self.tell(index, held.step.at, Some(*offset), what, world);
                    }
                    let released = told(&event, *offset, world);
                    self.accept(index, &released, true, world);
                    world.ledger.counted += 1;
                }
                // Only a taxonomy that changed in the meantime refuses what was once accepted.
                Ok(_) => {}
                Err(reject) => world.reject(record, &reject),
            });
            world.ledger.held -= 1;
            self.unhold(*offset);
        }
        self.tell_present(index, &newest, world);
        self.set_timer(index, world);
    }

    /// Lets a stage take effect: history, counts, signal.
    fn accept(&mut self, index: u32, told: &Told<'_>, into_history: bool, world: &mut World) {
        self.mark(index);
        let item = &mut self.table[index as usize];
        let taxonomy = Arc::clone(&world.taxonomy);
        let kind = taxonomy.kinds.get(item.kind);
        let stage = kind.get(told.step.stage);
        if item.history.steps.is_empty() && !stage.start {
            world.numbers.adopted += 1;
        }
        if let Some(grade) = told.grade
            && item.grade.is_none_or(|(since, _)| since <= told.step.at)
        {
            item.grade = Some((told.step.at, grade));
        }
        item.place = told.place;
        item.level = told.level.or(item.level);
        item.clause = told.clause.or(item.clause);
        if let Some(enterprise) = told.enterprise.filter(|id| item.enterprise.as_deref() != Some(*id)) {
            item.enterprise = Some(enterprise.into());
        }
        if into_history {
            item.history.insert(told.step);
        }
        let bit = 1 << told.step.stage.0;
        let is_hazard = item.kind == Kinds::HAZARD;
        if !is_hazard || item.counted & bit == 0 {
            let fact = Fact {
                grade: is_hazard.then(|| {
                    // As its stages are judged: a hazard is general until somebody says that it is major.
                    told.grade.or(item.grade.map(|(_, grade)| grade)).unwrap_or(Grade::General)
                }),
                stage: Some(&stage.code),
                kind: Some(&kind.code),
                level: told.level,
                attributes: told.attributes,
                ..Fact::of(if is_hazard { FactSource::Hazard } else { FactSource::Item })
            };
            world.count_fact(&fact, told.place, told.step.at);
        }
        item.counted |= bit;
        self.tell_stage(index, &told.step, Some(told.offset), world);
    }

    /// Whether the stage is a beginning that is known: an item begins once, however often that is told.
    fn begins_again(&mut self, index: u32, told: &Told<'_>, world: &World) -> bool {
        let item = &mut self.table[index as usize];
        let start = world.taxonomy.kinds.get(item.kind).is_start(told.step.stage);
        if !start || item.counted >> told.step.stage.0 & 1 == 0 {
            return false;
        }
        if item.history.begin_earlier(&told.step) {
            self.mark(index);
        }
        true
    }

    pub(super) fn mark(&mut self, index: u32) {
        let item = &mut self.table[index as usize];
        if !item.dirty {
            item.dirty = true;
            self.dirty.push(index);
        }
    }
}

fn told<'e>(event: &'e StageEvent<'_>, offset: i64, world: &World) -> Told<'e> {
    Told {
        step: Step { at: event.head.time, stage: event.stage, due: event.due },
        grade: event.grade,
        level: event.level,
        clause: None,
        enterprise: event.enterprise_id.as_deref(),
        place: world.cells.at(event.head.region, event.head.sector),
        offset,
        attributes: &event.attributes,
    }
}
