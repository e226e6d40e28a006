//! Hazards and items in `hazard.state`: each is written when it changed; a held stage is a record of its own.

use serde::{Deserialize, Serialize};

use super::history::{History, STEPS_MAX, Step};
use super::hold::{Held, KeptRecord};
use super::item::{Item, Items};
use super::state::PlaceRecord;
use super::timer::Wake;
use super::world::World;
use crate::event::EventTime;
use crate::taxonomy::{Grade, Level};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct StepRecord {
    at: EventTime,
    stage: String,
    due: Option<EventTime>,
}

/// A hazard or item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ItemRecord {
    place: PlaceRecord,
    grade: Option<(EventTime, Grade)>,
    level: Option<Level>,
    clause: Option<String>,
    steps: Vec<StepRecord>,
    cut: bool,
    counted: Vec<String>,
    overdue: Option<EventTime>,
}

impl ItemRecord {
    pub fn new(item: &Item, world: &World) -> Self {
        let kind = world.taxonomy.kinds.get(item.kind);
        let steps = item.history.steps.iter().map(|step| StepRecord {
            at: step.at,
            stage: kind.get(step.stage).code.clone(),
            due: step.due,
        });
        let counted = kind.stages.iter().enumerate().filter(|(index, _)| item.counted >> index & 1 == 1);
        ItemRecord {
            place: PlaceRecord::new(item.place, item.enterprise.as_deref().unwrap_or(""), world),
            grade: item.grade,
            level: item.level,
            clause: item.clause.map(|clause| world.taxonomy.clauses.get(clause).code.clone()),
            steps: steps.collect(),
            cut: item.history.cut,
            counted: counted.map(|(_, stage)| stage.code.clone()).collect(),
            overdue: item.overdue,
        }
    }

    /// The item under the present taxonomy, without what waits; `None` where its kind is gone.
    pub fn resolve(self, name: &str, world: &World) -> Option<Item> {
        let (kind_code, _) = name.split_once('|')?;
        let kind_id = world.taxonomy.kinds.find(kind_code)?;
        let kind = world.taxonomy.kinds.get(kind_id);
        let mut item = Item::new(kind_id, self.place.cell(world));
        item.enterprise = (!self.place.enterprise.is_empty()).then(|| self.place.enterprise.into());
        item.grade = self.grade;
        item.level = self.level;
        item.clause = self.clause.and_then(|code| world.taxonomy.clauses.find(&code));
        let steps = self.steps.into_iter().filter_map(|step| {
            kind.stage(&step.stage).map(|stage| Step { at: step.at, stage, due: step.due })
        });
        item.history = History { steps: steps.take(STEPS_MAX).collect(), cut: self.cut };
        for stage in self.counted.iter().filter_map(|code| kind.stage(code)) {
            item.counted |= 1 << stage.0;
        }
        item.overdue = self.overdue;
        Some(item)
    }
}

/// A held stage, with the name of its item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct HeldRecord {
    pub item: String,
    pub place: PlaceRecord,
    step: StepRecord,
    quiet: bool,
    record: KeptRecord,
}

impl HeldRecord {
    pub fn new(name: &str, held: &Held, item: &Item, world: &World) -> Self {
        let stage = world.taxonomy.kinds.get(item.kind).get(held.step.stage).code.clone();
        HeldRecord {
            item: name.to_owned(),
            place: PlaceRecord::new(item.place, item.enterprise.as_deref().unwrap_or(""), world),
            step: StepRecord { at: held.step.at, stage, due: held.step.due },
            quiet: held.quiet,
            record: held.record.clone(),
        }
    }

    fn until(&self, world: &World) -> EventTime {
        self.step.at.plus_ms(world.settings.hold_for_ms + 1)
    }

    /// The same as a held stage of which only the record matters.
    fn orphan(&self, index: u32) -> Held {
        let step = Step { at: self.step.at, stage: crate::taxonomy::StageId(0), due: None };
        Held { item: index, step, quiet: self.quiet, record: self.record.clone() }
    }

    /// The held stage of item `index`; `None` where its kind or stage is gone.
    pub fn resolve(self, index: u32, item: &Item, world: &World) -> Option<Held> {
        let stage = world.taxonomy.kinds.get(item.kind).stage(&self.step.stage)?;
        let step = Step { at: self.step.at, stage, due: self.step.due };
        Some(Held { item: index, step, quiet: self.quiet, record: self.record })
    }
}

impl Items {
    /// Puts an item that the state remembers in its place.
    pub(super) fn restore(&mut self, name: &str, item: Item) {
        let index = self.names.intern(name);
        self.put(index, item);
    }

    /// Forgets an item whose record the state has deleted.
    pub(super) fn forget(&mut self, name: &str) {
        if let Some(index) = self.names.find(name) {
            self.table[index as usize].history = History::default();
            self.names.remove(index);
        }
    }

    /// Puts a held stage back; hands it out where its kind or stage is gone.
    pub(super) fn restore_held(&mut self, offset: i64, known: HeldRecord, world: &mut World) -> Option<Held> {
        let name = known.item.clone();
        let kind = name.split_once('|').and_then(|(kind, _)| world.taxonomy.kinds.find(kind));
        let index = match (self.names.find(&name), kind) {
            (Some(index), _) => index,
            (None, kind) => {
                let index = self.names.insert(&name);
                let kind = kind.unwrap_or(crate::taxonomy::Kinds::HAZARD);
                self.put(index, Item::new(kind, known.place.cell(world)));
                index
            }
        };
        let until = known.until(world);
        let orphan = known.orphan(index);
        match known.resolve(index, &self.table[index as usize], world).filter(|_| kind.is_some()) {
            Some(held) => {
                self.table[index as usize].waiting.push(offset);
                self.held.insert(offset, held);
                world.timers.set(until, Wake::Held(offset));
                None
            }
            None => {
                self.held_changed.push(offset);
                self.drop_if_empty(index);
                Some(orphan)
            }
        }
    }

    /// Sets every item's timer, once the state has been read.
    pub(super) fn resume(&mut self, world: &mut World) {
        for index in 0..self.table.len() as u32 {
            if self.names.find(self.names.name(index)) == Some(index) {
                self.set_timer(index, world);
            }
        }
    }

    /// Hands out the items whose records must be written.
    pub(super) fn take_written(&mut self, mut each: impl FnMut(&str, &Item)) {
        for index in std::mem::take(&mut self.dirty) {
            let item = &mut self.table[index as usize];
            if std::mem::take(&mut item.dirty) {
                each(self.names.name(index), &self.table[index as usize]);
            }
        }
    }

    /// Hands out the names of items whose records must be deleted.
    pub(super) fn take_gone(&mut self) -> Vec<String> {
        std::mem::take(&mut self.gone)
    }

    /// Hands out the offsets whose held records must be written or, where nothing is held, deleted.
    pub(super) fn take_held(&mut self, mut each: impl FnMut(i64, Option<(&str, &Held, &Item)>)) {
        let mut changed = std::mem::take(&mut self.held_changed);
        changed.sort_unstable();
        changed.dedup();
        for offset in changed {
            let held = self.held.get(&offset);
            each(
                offset,
                held.map(|held| (self.names.name(held.item), held, &self.table[held.item as usize])),
            );
        }
    }
}
