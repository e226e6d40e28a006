//! What assess hears of an item: its stages and its deadlines; and when it is forgotten.

use super::history::Step;
use super::item::{Item, Items};
use super::timer::Wake;
use super::world::{Whereabouts, World};
use crate::event::EventTime;
use crate::tally::What;

impl Items {
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

    /// If a stage took effect behind the present one, tells the present one again: the last word about an item is where it
    /// stands.
    pub(super) fn tell_present(&mut self, index: u32, newest: &Step, world: &mut World) {
        let last = self.table[index as usize].history.last().copied();
        if let Some(last) = last.filter(|last| (last.at, last.stage) != (newest.at, newest.stage)) {
            self.tell_stage(index, &last, None, world);
        }
    }

    pub(super) fn tell_stage(&mut self, index: u32, step: &Step, offset: Option<i64>, world: &mut World) {
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

    pub(super) fn tell(&self, index: u32, at: EventTime, offset: Option<i64>, what: What, world: &mut World) {
        let item = &self.table[index as usize];
        let subject = item.subject(self.names.name(index), &world.taxonomy);
        let of = Whereabouts { place: item.place, enterprise: item.enterprise.as_deref() };
        world.signal(subject, of, at, offset, what);
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
}

pub(super) fn kind_code(item: &Item, world: &World) -> String {
    world.taxonomy.kinds.get(item.kind).code.clone()
}

pub(super) fn present_code(item: &Item, world: &World) -> String {
    let stage = |last: &Step| world.taxonomy.kinds.get(item.kind).get(last.stage).code.clone();
    item.history.last().map(stage).unwrap_or_default()
}

pub(super) fn present(item: &Item, world: &World) -> String {
    match present_code(item, world).as_str() {
        "" => "nothing: the item is not known".to_owned(),
        stage => format!("`{stage}`"),
    }
}
