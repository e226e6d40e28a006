//! Items: stages in the order of their own times, whatever order they come in.
//!
//! An item is a walk through the stages of its kind. What has come is tried in every combination with what waits: the
//! largest one that makes a walk is taken. What makes none waits for its predecessor, and is refused when that never comes.

use std::collections::BTreeMap;

use super::city::Kind;

/// One stage that an item is said to have reached, and where its message stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub time_ms: i64,
    pub stage: usize,
    pub due_ms: Option<i64>,
    pub source: (&'static str, u32, i64),
}

/// What became of a stage that came.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It, and what had waited for it, took effect.
    Taken(Vec<Step>),
    /// It says again what is known.
    Known,
    /// It waits; whether it is worth a warning.
    Waits { early: bool },
    /// It came later than anybody waits for its predecessor.
    Refused,
}

#[derive(Default)]
struct Item {
    walk: Vec<Step>,
    waiting: Vec<Step>,
}

/// Items by kind and id.
#[derive(Default)]
pub struct Items {
    by_id: BTreeMap<(String, String), (Kind, Item)>,
}

impl Items {
    /// A stage of an item came when the partition's watermark had come so far.
    pub fn hear(&mut self, kind: &Kind, id: &str, step: Step, watermark_ms: i64, hold_ms: i64) -> Fate {
        let key = (kind.code.clone(), id.to_owned());
        let (kind, item) = self.by_id.entry(key).or_insert_with(|| (kind.clone(), Item::default()));
        let mut best: Vec<Step> = Vec::new();
        for chosen in 0..1_u32 << item.waiting.len() {
            let waiting = item.waiting.iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1);
            let mut taken: Vec<Step> = waiting.map(|(_, step)| step.clone()).collect();
            taken.push(step.clone());
            if taken.len() > best.len() && is_walk(kind, &item.walk, &taken) {
                best = taken;
            }
        }
        if !best.is_empty() {
            item.walk.extend(best.iter().cloned());
            item.walk.sort_by_key(|step| (step.time_ms, step.stage));
            item.waiting.retain(|waits| !best.contains(waits));
            return Fate::Taken(best);
        }
        if kind.stages[step.stage].is_start && item.walk.iter().any(|known| known.stage == step.stage) {
            return Fate::Known;
        }
        let again = says_again(&item.walk, &step);
        if step.time_ms + hold_ms < watermark_ms {
            return if again { Fate::Known } else { Fate::Refused };
        }
        item.waiting.push(step);
        Fate::Waits { early: !again }
    }

    /// Nothing more comes: what still waits, and whether it only said again what is known.
    pub fn waiting(&self) -> Vec<(Step, bool)> {
        let of_item = |(_, item): &(Kind, Item)| -> Vec<(Step, bool)> {
            item.waiting.iter().map(|step| (step.clone(), says_again(&item.walk, step))).collect()
        };
        self.by_id.values().flat_map(of_item).collect()
    }

    /// The deadline that each item has in the end: kind, id, when.
    pub fn deadlines(&self) -> Vec<(String, String, i64)> {
        let due = |((kind_code, id), (kind, item)): (&(String, String), &(Kind, Item))| {
            let mut due = None;
            let mut given = false;
            for step in &item.walk {
                let stage = &kind.stages[step.stage];
                if stage.is_terminal {
                    (due, given) = (None, false);
                } else if step.due_ms.is_some() {
                    (due, given) = (step.due_ms, true);
                } else if !given || stage.code == "extended" {
                    (due, given) = (stage.deadline_ms.map(|ms| step.time_ms + ms), false);
                }
            }
            due.map(|due| (kind_code.clone(), id.clone(), due))
        };
        self.by_id.iter().filter_map(due).collect()
    }
}

/// Whether a walk with these steps too leads from a start by allowed steps only.
fn is_walk(kind: &Kind, walk: &[Step], more: &[Step]) -> bool {
    let mut steps: Vec<&Step> = walk.iter().chain(more).collect();
    steps.sort_by_key(|step| (step.time_ms, step.stage));
    let allowed = |pair: &[&Step]| {
        let (from, to) = (&kind.stages[pair[0].stage], &kind.stages[pair[1].stage]);
        to.after.iter().any(|after| *after == from.code || after == "open" && !from.is_terminal)
    };
    kind.stages[steps[0].stage].is_start && steps.windows(2).all(allowed)
}

/// Whether a neighbour in time is at the same stage.
fn says_again(walk: &[Step], step: &Step) -> bool {
    let place =
        walk.iter().filter(|known| (known.time_ms, known.stage) <= (step.time_ms, step.stage)).count();
    let same = |known: Option<&Step>| known.is_some_and(|known| known.stage == step.stage);
    same(place.checked_sub(1).and_then(|before| walk.get(before))) || same(walk.get(place))
}
