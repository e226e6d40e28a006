//! The stages of one item, in the order of event time, whatever order they arrive in.
//!
//! A stage becomes part of the history when a chain of allowed steps leads to it from the stage before and, where a later
//! one is known already, on to that. So what waits is tried together: of two stages missing in the middle neither fits
//! alone. If all stages of an item are legal in the order of their times, every order of arrival ends in the same history.

use crate::event::EventTime;
use crate::taxonomy::{Grade, Kind, StageId};

/// Longer histories lose their beginning.
pub const STEPS_MAX: usize = 32;

/// The stage, of hazards and orders, that replaces a deadline given before.
const EXTENDED: &str = "extended";

/// One stage reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// When, in event time.
    pub at: EventTime,
    /// The stage. Of two at the same moment, the one that the kind lists first comes first.
    pub stage: StageId,
    /// The deadline that its event gave.
    pub due: Option<EventTime>,
}

impl Step {
    const fn key(&self) -> (EventTime, StageId) {
        (self.at, self.stage)
    }
}

/// The stages that an item has reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// In the order of their times.
    pub steps: Vec<Step>,
    /// Whether the beginning was cut off: then nothing goes before the first step.
    pub cut: bool,
}

/// What rules a history.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'k> {
    /// The kind's stages.
    pub kind: &'k Kind,
    /// A hazard's grade.
    pub grade: Option<Grade>,
    /// Whether an item may begin at any stage, its beginning never seen.
    pub adopts: bool,
}

impl Rules<'_> {
    fn may_follow(&self, from: Option<StageId>, to: StageId) -> bool {
        self.kind.may_follow(from, to, self.grade) || (self.adopts && from.is_none())
    }
}

impl History {
    /// The present stage.
    pub fn last(&self) -> Option<&Step> {
        self.steps.last()
    }

    /// Which of the waiting steps now fit, in the order of their times, as indexes: for each gap of the history the longest
    /// chain that its neighbours allow.
    pub fn fitting(&self, rules: &Rules<'_>, waiting: &[Step]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..waiting.len()).collect();
        order.sort_by_key(|index| waiting[*index].key());
        let mut fitting = Vec::new();
        let mut rest = order.as_slice();
        while let Some(first) = rest.first() {
            let gap = self.place(&waiting[*first]);
            let (here, later) =
                rest.split_at(rest.iter().take_while(|index| self.place(&waiting[**index]) == gap).count());
            fitting.extend(self.longest_chain(rules, waiting, here, gap));
            rest = later;
        }
        fitting
    }

    /// Adds a step that fits.
    pub fn insert(&mut self, step: Step) {
        let place = self.place(&step);
        self.steps.insert(place, step);
        if self.steps.len() > STEPS_MAX {
            self.steps.remove(0);
            self.cut = true;
        }
    }

    /// Whether a neighbour of a step's place is at the same stage: it may only say again what is known.
    pub fn repeats(&self, step: &Step) -> bool {
        let place = self.place(step);
        let same = |neighbour: Option<&Step>| neighbour.is_some_and(|known| known.stage == step.stage);
        same(place.checked_sub(1).map(|before| &self.steps[before])) || same(self.steps.get(place))
    }

    /// An item's beginning, told again with an earlier time, takes that time. Returns whether it did.
    pub fn begin_earlier(&mut self, step: &Step) -> bool {
        match self.steps.first_mut() {
            Some(first) if first.stage == step.stage && step.at < first.at && !self.cut => {
                first.at = step.at;
                true
            }
            _ => false,
        }
    }

    /// The deadline in force. One that an event gave stands above those that stages start, and holds through later stages
    /// until another is given; an extension without one starts its own; a terminal stage ends it.
    pub fn due(&self, rules: &Rules<'_>) -> Option<EventTime> {
        let mut due = None;
        let mut given = false;
        for step in &self.steps {
            let stage = rules.kind.get(step.stage);
            if stage.terminal {
                (due, given) = (None, false);
            } else if step.due.is_some() {
                (due, given) = (step.due, true);
            } else if !given || stage.code == EXTENDED {
                due = stage.deadline_ms(rules.grade).map(|ms| step.at.plus_ms(ms));
                given = false;
            }
        }
        due
    }

    /// The gap in which a step belongs: the index that it would get.
    fn place(&self, step: &Step) -> usize {
        self.steps.partition_point(|known| known.key() <= step.key())
    }

    /// The longest chain of steps among `here` that leads from the stage before the gap to the one after it.
    fn longest_chain(&self, rules: &Rules<'_>, waiting: &[Step], here: &[usize], gap: usize) -> Vec<usize> {
        if gap == 0 && self.cut {
            return Vec::new();
        }
        let before = gap.checked_sub(1).map(|index| self.steps[index].stage);
        let after = self.steps.get(gap).map(|step| step.stage);
        // For each step: the length of the longest chain that ends with it (0: none does), and the step before it there.
        let mut chains: Vec<(usize, Option<usize>)> = Vec::with_capacity(here.len());
        for (index, step) in here.iter().map(|waits| waiting[*waits].stage).enumerate() {
            let mut best = (usize::from(rules.may_follow(before, step)), None);
            for (earlier, (length, _)) in chains.iter().enumerate() {
                if *length > 0
                    && *length + 1 > best.0
                    && rules.may_follow(Some(waiting[here[earlier]].stage), step)
                {
                    best = (length + 1, Some(earlier));
                }
            }
            chains.push(best);
            debug_assert_eq!(chains.len(), index + 1);
        }
        let mut end: Option<usize> = None;
        for (index, (length, _)) in chains.iter().enumerate() {
            let joins = after.is_none_or(|after| rules.may_follow(Some(waiting[here[index]].stage), after));
            if *length > 0 && joins && end.is_none_or(|end| *length > chains[end].0) {
                end = Some(index);
            }
        }
        let mut chain: Vec<usize> =
            std::iter::successors(end, |index| chains[*index].1).map(|index| here[index]).collect();
        chain.reverse();
        chain
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::collect::tests::script::TAXONOMY;
    use crate::taxonomy::Kinds;

    fn steps(kind: &Kind, text: &str) -> Vec<Step> {
        text.split_whitespace()
            .map(|word| {
                let (stage, second) = word.split_once('@').unwrap();
                let stage = kind.stage(stage).unwrap_or_else(|| panic!("no stage {stage}"));
                Step { at: EventTime::from_ms(second.parse::<i64>().unwrap() * 1000), stage, due: None }
            })
            .collect()
    }

    /// Lets the steps arrive one by one, each waiting until it fits; tells the history and what still waits.
    fn arrive(rules: &Rules<'_>, arriving: &[Step]) -> (String, String) {
        let mut history = History::default();
        let mut waiting: Vec<Step> = Vec::new();
        for step in arriving {
            waiting.push(*step);
            let fitting = history.fitting(rules, &waiting);
            fitting.iter().for_each(|index| history.insert(waiting[*index]));
            let mut index = 0;
            waiting.retain(|_| (!fitting.contains(&index), index += 1).0);
        }
        waiting.sort();
        let told = |steps: &[Step]| {
            let words =
                steps.iter().map(|step| format!("{}@{}", rules.kind.get(step.stage).code, step.at.ms / 1000));
            words.collect::<Vec<_>>().join(" ")
        };
        (told(&history.steps), told(&waiting))
    }

    fn check(kind: &str, grade: Option<Grade>, arriving: &str, expected: &str, waiting: &str) {
        let taxonomy = &*TAXONOMY;
        let id = taxonomy.kinds.find(kind).unwrap();
        let rules = Rules { kind: taxonomy.kinds.get(id), grade, adopts: id == Kinds::HAZARD };
        let answer = arrive(&rules, &steps(rules.kind, arriving));
        assert_eq!(answer, (expected.to_owned(), waiting.to_owned()), "{arriving}");
    }

    #[test]
    fn a_stage_waits_for_the_one_before_it() {
        check("order_supervision", None, "received@2", "", "received@2");
        check("order_supervision", None, "received@2 issued@1", "issued@1 received@2", "");
        check("order_supervision", None, "issued@1 closed@9 feedback@8", "issued@1", "feedback@8 closed@9");
    }

    #[test]
    fn a_stage_later_than_its_follower_never_fits() {
        check("order_supervision", None, "issued@5 received@2", "issued@5", "received@2");
    }

    #[test]
    fn a_hazard_whose_beginning_was_never_seen_begins_where_it_is() {
        check("hazard", None, "rectifying@5 closed@6", "rectifying@5 closed@6", "");
        check("hazard", None, "closed@6 found@1", "found@1 closed@6", "");
    }

    #[test]
    fn a_general_hazard_closes_from_anywhere_and_a_major_one_only_after_acceptance() {
        check("hazard", Some(Grade::General), "found@1 closed@2", "found@1 closed@2", "");
        check("hazard", Some(Grade::Major), "found@1 closed@2", "found@1", "closed@2");
    }

    #[test]
    fn stages_of_one_moment_stand_in_the_order_of_their_kind() {
        check("confined_space", None, "ventilated@5 permitted@5", "permitted@5 ventilated@5", "");
    }

    proptest! {
        #[test]
        fn every_order_of_arrival_ends_in_the_same_history(
            which in 0..3_usize,
            order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let taxonomy = &*TAXONOMY;
            let (kind, grade, life) = [
                ("hazard", Some(Grade::Major), "found@0 registered@1 rectifying@2 submitted@3 returned@4 rectifying@5 \
                    submitted@6 accepted@7 closed@8 rechecked@9"),
                ("order_supervision", None, "issued@0 received@1 feedback@2 returned@3 feedback@4 closed@5"),
                ("confined_space", None, "permitted@0 ventilated@1 tested@2 entered@3 retested@4 exited@5 closed@6"),
            ][which];
            let id = taxonomy.kinds.find(kind).unwrap();
            let rules = Rules { kind: taxonomy.kinds.get(id), grade, adopts: id == Kinds::HAZARD };
            let life_steps = steps(rules.kind, life);
            let arriving: Vec<Step> = order.iter().filter_map(|index| life_steps.get(*index)).copied().collect();
            let (history, waiting) = arrive(&rules, &arriving);
            prop_assert_eq!((history, waiting), (life.split_whitespace().collect::<Vec<_>>().join(" "), String::new()));
        }
    }

    #[test]
    fn a_beginning_told_again_takes_the_earlier_time() {
        let taxonomy = &*TAXONOMY;
        let kind = taxonomy.kinds.get(Kinds::HAZARD);
        let mut history = History { steps: steps(kind, "found@5 registered@7"), cut: false };
        let found = |second| steps(kind, &format!("found@{second}"))[0];
        assert!(history.repeats(&found(6)) && history.repeats(&found(2)));
        assert!(!history.repeats(&found(8)), "after the registration it is another matter");
        assert!(!history.begin_earlier(&found(6)));
        assert!(history.begin_earlier(&found(2)));
        assert_eq!(history.steps, steps(kind, "found@2 registered@7"));
    }

    #[test]
    fn a_deadline_given_holds_until_another_is_given_or_the_item_ends() {
        let taxonomy = &*TAXONOMY;
        let kind = taxonomy.kinds.get(Kinds::HAZARD);
        let rules = Rules { kind, grade: Some(Grade::General), adopts: true };
        let mut all = steps(kind, "found@0 registered@1 extended@2 closed@3 rebounded@4");
        let due = |all: &[Step], count: usize| {
            let due = History { steps: all[..count].to_vec(), cut: false }.due(&rules);
            due.map(|due| due.ms)
        };
        let days_15 = 15 * 86_400_000;
        let dues: Vec<_> = (1..=5).map(|count| due(&all, count)).collect();
        let by_stage =
            [Some(days_15), Some(days_15 + 1000), Some(days_15 + 2000), None, Some(days_15 + 4000)];
        assert_eq!(dues, by_stage, "none was given");
        all[0].due = Some(EventTime::from_ms(77));
        assert_eq!(due(&all, 2), Some(77), "the stage does not move the date that the inspector gave");
        assert_eq!(due(&all, 3), Some(days_15 + 2000), "the extension does");
        assert_eq!(due(&all, 5), Some(days_15 + 4000), "closing ended it");
    }
}
