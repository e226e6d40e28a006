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
use super::timer::Wake;
use super::world::{Fate, Whereabouts, World};
use crate::event::{Decoder, Event, EventTime, FoundHazard, Inspection, Reason, Reject, StageEvent};
use crate::log::Record;
use crate::tally::{Subject, What};
use crate::taxonomy::{ClauseId, Fact, FactSource, Grade, KindId, Kinds, Level, Taxonomy};

/// Stages of one item that may wait at once.
const WAITING_MAX: usize = 16;

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

    fn is_open(&self, taxonomy: &Taxonomy) -> bool {
        let kind = taxonomy.kinds.get(self.kind);
        self.history.last().is_some_and(|last| !kind.get(last.stage).terminal)
    }

    fn subject(&self, name: &str, taxonomy: &Taxonomy) -> Subject {
        let id = name.split_once('|').map_or(name, |(_, id)| id).to_owned();
        if self.kind == Kinds::HAZARD {
            Subject::Hazard(id)
        } else {
            Subject::Item { kind: taxonomy.kinds.get(self.kind).code.clone(), id }
        }
    }
}

/// A stage as an event tells it: of an item, or of a hazard in an inspection's list.
struct Told<'e> {
    step: Step,
    grade: Option<Grade>,
    level: Option<Level>,
    clause: Option<ClauseId>,
    enterprise: Option<&'e str>,
    place: CellId,
    offset: i64,
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
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// How many of them are open; counts them one by one.
    pub fn open(&self, taxonomy: &Taxonomy) -> usize {
        let live = |index: u32| self.names.find(self.names.name(index)) == Some(index);
        (0_u32..).zip(&self.table).filter(|(index, item)| item.is_open(taxonomy) && live(*index)).count()
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
        if self.len() + new.len() > world.settings.subjects_max {
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
        if known.is_none() && self.len() >= world.settings.subjects_max {
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

    /// The timer of a held stage came: its predecessor did not come. It is rejected, unless it only said something again.
    pub fn give_up(&mut self, offset: i64, at: EventTime, world: &mut World) {
        let Some(held) = self.held.get(&offset).filter(|held| held.until(world) <= at) else { return };
        let (index, told) = (held.item, !held.quiet);
        let item = &self.table[index as usize];
        let kind = world.taxonomy.kinds.get(item.kind);
        let stage = kind.get(held.step.stage).code.clone();
        let legal = item.history.repeats(&held.step);
        if legal {
            world.ledger.counted += 1;
        } else {
            let detail = format!("stage: `{stage}` may not follow {}", present(item, world));
            let reject = Reject { reason: Reason::IllegalTransition, detail };
            held.with_record(world.at, |record| world.reject(record, &reject));
        }
        world.ledger.held -= 1;
        if told || !legal {
            self.tell(index, at, None, What::Unheld { kind: kind_code(item, world), stage, legal }, world);
        }
        self.unhold(offset);
        self.set_timer(index, world);
        self.drop_if_empty(index);
    }

    /// The timer of an item came: its deadline, or its retirement.
    pub fn wake(&mut self, index: u32, at: EventTime, world: &mut World) {
        let Some(item) = self.table.get_mut(index as usize).filter(|item| item.wake == at) else { return };
        item.wake = EventTime::MIN;
        let due = item.history.due(&item.rules(&world.taxonomy));
        if let Some(due) = due.filter(|due| *due < at && item.overdue != Some(*due)) {
            item.overdue = Some(due);
            let stage = present_code(item, world);
            let what = What::Overdue { kind: kind_code(item, world), stage, due };
            self.mark(index);
            self.tell(index, due, None, what, world);
        }
        if self.retirement(index, world).is_some_and(|moment| moment <= at) {
            self.remove(index);
        } else {
            self.set_timer(index, world);
        }
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

    fn hold(&mut self, index: u32, told: &Told<'_>, record: &Record<'_>, world: &mut World) -> Fate {
        let item = &self.table[index as usize];
        let kind = world.taxonomy.kinds.get(item.kind);
        let stage = kind.get(told.step.stage).code.clone();
        // It may be one round of a cycle of which the rest has not come, or only say again what is known: that is no reason
        // to warn, and in the end it takes no effect.
        let repeats = item.history.repeats(&told.step);
        let until = told.step.at.plus_ms(world.settings.hold_for_ms + 1);
        if until <= world.clock.watermark() {
            if repeats {
                return Fate::Counted;
            }
            let detail = format!("stage: `{stage}` may not follow {}", present(item, world));
            return Fate::rejected(Reason::IllegalTransition, detail);
        }
        if self.held.len() >= world.settings.held_max || item.waiting.len() >= WAITING_MAX {
            world.numbers.limit("held_max", 1);
            let detail = "stage: no room to hold it until its predecessor comes (held_max)";
            return Fate::rejected(Reason::OverLimit, detail);
        }
        let what = What::Held { kind: kind.code.clone(), stage };
        let item = &mut self.table[index as usize];
        item.waiting.push(told.offset);
        if item.history.steps.is_empty() {
            item.enterprise = told.enterprise.map(Into::into);
        }
        self.held.insert(told.offset, Held::new(index, told.step, repeats, record));
        self.held_changed.push(told.offset);
        self.mark(index);
        world.timers.set(until, Wake::Held(told.offset));
        if !repeats {
            self.tell(index, told.step.at, Some(told.offset), what, world);
        }
        Fate::Held
    }

    pub(super) fn unhold(&mut self, offset: i64) {
        if let Some(held) = self.held.remove(&offset) {
            self.table[held.item as usize].waiting.retain(|waits| *waits != offset);
            self.held_changed.push(offset);
            self.mark(held.item);
        }
    }

    pub(super) fn drop_if_empty(&mut self, index: u32) {
        let item = &self.table[index as usize];
        if item.history.steps.is_empty() && item.waiting.is_empty() && item.counted == 0 {
            self.remove(index);
        }
    }

    pub(super) fn remove(&mut self, index: u32) {
        self.gone.push(self.names.name(index).to_owned());
        let item = &mut self.table[index as usize];
        item.dirty = false;
        item.wake = EventTime::MIN;
        item.history = History::default();
        self.names.remove(index);
    }

    /// When a closed item may be forgotten: nothing about it can be counted any more.
    fn retirement(&self, index: u32, world: &World) -> Option<EventTime> {
        let item = &self.table[index as usize];
        let last = item.history.last()?;
        let keep = world.settings.expected_for_ms.max(world.settings.longest_horizon_ms);
        let ended = !item.is_open(&world.taxonomy) && item.waiting.is_empty();
        ended.then(|| last.at.plus_ms(keep + 1))
    }

    pub(super) fn set_timer(&mut self, index: u32, world: &mut World) {
        let item = &self.table[index as usize];
        let due = item.history.due(&item.rules(&world.taxonomy)).filter(|due| item.overdue != Some(*due));
        let at = due.map(|due| due.plus_ms(1)).or_else(|| self.retirement(index, world));
        let item = &mut self.table[index as usize];
        if let Some(at) = at.filter(|at| item.wake != *at) {
            item.wake = at;
            world.timers.set(at, Wake::Item(index));
        }
    }

    fn mark(&mut self, index: u32) {
        let item = &mut self.table[index as usize];
        if !item.dirty {
            item.dirty = true;
            self.dirty.push(index);
        }
    }

    /// If a stage took effect behind the present one, tells the present one again: the last word about an item is where it
    /// stands.
    fn tell_present(&mut self, index: u32, newest: &Step, world: &mut World) {
        let last = self.table[index as usize].history.last().copied();
        if let Some(last) = last.filter(|last| (last.at, last.stage) != (newest.at, newest.stage)) {
            self.tell_stage(index, &last, None, world);
        }
    }

    fn tell_stage(&mut self, index: u32, step: &Step, offset: Option<i64>, world: &mut World) {
        let item = &self.table[index as usize];
        let stage = world.taxonomy.kinds.get(item.kind).get(step.stage);
        let what = What::Stage {
            kind: kind_code(item, world),
            stage: stage.code.clone(),
            grade: item.grade.map(|(_, grade)| grade),
            clause: item.clause.map(|clause| world.taxonomy.clauses.get(clause).code.clone()),
            level: item.level,
            due: item.history.due(&item.rules(&world.taxonomy)),
            terminal: stage.terminal,
        };
        self.tell(index, step.at, offset, what, world);
    }

    fn tell(&self, index: u32, at: EventTime, offset: Option<i64>, what: What, world: &mut World) {
        let item = &self.table[index as usize];
        let subject = item.subject(self.names.name(index), &world.taxonomy);
        let of = Whereabouts { place: item.place, enterprise: item.enterprise.as_deref() };
        world.signal(subject, of, at, offset, what);
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

fn kind_code(item: &Item, world: &World) -> String {
    world.taxonomy.kinds.get(item.kind).code.clone()
}

fn present_code(item: &Item, world: &World) -> String {
    let stage = |last: &Step| world.taxonomy.kinds.get(item.kind).get(last.stage).code.clone();
    item.history.last().map(stage).unwrap_or_default()
}

fn present(item: &Item, world: &World) -> String {
    match present_code(item, world).as_str() {
        "" => "nothing: the item is not known".to_owned(),
        stage => format!("`{stage}`"),
    }
}
