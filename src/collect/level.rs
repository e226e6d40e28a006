//! A sensor's alarm level: limits with deadband, on-delay and off-delay, in event time.
//!
//! Each limit of the sensor's quantity is in one of four phases; the sensor's level is that of the most severe limit that
//! is active. Delays end by the clock: whoever owns an [`Alarm`] calls [`Alarm::settle`] before a newer value and when
//! the watermark passes [`Alarm::next_due`], and both give the same result, since a value holds until the next one.

use crate::event::EventTime;
use crate::taxonomy::{Level, Limit};

/// One limit, as an alarm needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// `H`, `HH`, `L` or `LL`.
    pub side: &'static str,
    /// Whether values above the set point are the bad ones.
    pub high: bool,
    /// In the quantity's unit.
    pub set_point: f64,
    /// The value at which it is still active, once it is; beyond it (strictly) the value is back.
    pub hold_point: f64,
    /// The level of the alarm.
    pub level: Level,
    /// How long the set point must be reached before the alarm begins.
    pub on_delay_ms: i64,
    /// How long the value must be back before the alarm ends.
    pub off_delay_ms: i64,
}

impl From<&Limit> for Bound {
    fn from(limit: &Limit) -> Self {
        let high = limit.side.is_high();
        Bound {
            side: limit.side.code(),
            high,
            set_point: limit.set_point,
            hold_point: if high {
                limit.set_point - limit.deadband
            } else {
                limit.set_point + limit.deadband
            },
            level: limit.level,
            on_delay_ms: limit.on_delay_ms,
            off_delay_ms: limit.off_delay_ms,
        }
    }
}

/// Where a value lies with respect to one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    /// At or past the set point.
    Beyond,
    /// Inside the deadband.
    Between,
    /// Past the deadband, on the normal side.
    Back,
}

impl Bound {
    fn zone(&self, value: f64) -> Zone {
        let (beyond, back) = if self.high {
            (value >= self.set_point, value < self.hold_point)
        } else {
            (value <= self.set_point, value > self.hold_point)
        };
        match (beyond, back) {
            (true, _) => Zone::Beyond,
            (false, true) => Zone::Back,
            (false, false) => Zone::Between,
        }
    }
}

/// The limits that hold for a quantity in a sector.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    bounds: Vec<Bound>,
    /// Values strictly between these two reach no set point.
    quiet: (f64, f64),
    /// A sensor that is not heard for so long is silent.
    pub no_data_after_ms: i64,
}

impl Profile {
    /// The profile of these limits.
    pub fn new(bounds: Vec<Bound>, no_data_after_ms: i64) -> Self {
        let low = bounds
            .iter()
            .filter(|bound| !bound.high)
            .map(|bound| bound.set_point)
            .fold(f64::NEG_INFINITY, f64::max);
        let high = bounds
            .iter()
            .filter(|bound| bound.high)
            .map(|bound| bound.set_point)
            .fold(f64::INFINITY, f64::min);
        Profile { bounds, quiet: (low, high), no_data_after_ms }
    }

    /// Whether a value reaches no set point: then a sensor without an [`Alarm`] needs none.
    pub fn is_quiet(&self, value: f64) -> bool {
        self.quiet.0 < value && value < self.quiet.1
    }

    /// The limits, in the order of their file.
    pub fn bounds(&self) -> &[Bound] {
        &self.bounds
    }
}

/// The phase of one limit of one sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not reached.
    Normal,
    /// Reached at this moment; the on-delay runs.
    Rising(EventTime),
    /// In alarm.
    Active,
    /// Back since this moment; the off-delay runs.
    Falling(EventTime),
}

impl Phase {
    const fn is_active(self) -> bool {
        matches!(self, Phase::Active | Phase::Falling(_))
    }

    /// The phase after a value in `zone` at `time`. A value that is not trusted may raise, not clear.
    fn after(self, zone: Zone, trusted: bool, time: EventTime) -> Phase {
        match (self, zone) {
            (Phase::Normal, Zone::Beyond) => Phase::Rising(time),
            (Phase::Normal, Zone::Between | Zone::Back) => Phase::Normal,
            (Phase::Rising(_), Zone::Beyond) => self,
            (Phase::Rising(_), Zone::Between | Zone::Back) if trusted => Phase::Normal,
            (Phase::Rising(_), Zone::Between | Zone::Back) => self,
            (Phase::Active, Zone::Beyond | Zone::Between) => Phase::Active,
            (Phase::Active, Zone::Back) if trusted => Phase::Falling(time),
            (Phase::Active, Zone::Back) => Phase::Active,
            (Phase::Falling(_), Zone::Beyond) => Phase::Active,
            (Phase::Falling(_), Zone::Between) if trusted => Phase::Active,
            (Phase::Falling(_), Zone::Between | Zone::Back) => self,
        }
    }

    /// When the running delay ends.
    fn due(self, bound: &Bound) -> Option<EventTime> {
        match self {
            Phase::Normal | Phase::Active => None,
            Phase::Rising(since) => Some(since.plus_ms(bound.on_delay_ms)),
            Phase::Falling(since) => Some(since.plus_ms(bound.off_delay_ms)),
        }
    }

    /// The phase once the running delay has ended.
    fn ended(self) -> Phase {
        match self {
            Phase::Normal | Phase::Falling(_) => Phase::Normal,
            Phase::Rising(_) | Phase::Active => Phase::Active,
        }
    }
}

/// The level of a sensor moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// When.
    pub at: EventTime,
    /// The limit that held the level before, as index into the profile's bounds.
    pub from: Option<usize>,
    /// The limit that holds it now; `None`: normal.
    pub to: Option<usize>,
}

impl Move {
    /// Whether this is the onset of the level reached: it is more severe than the one before. A fall from red to yellow is
    /// no onset of yellow.
    pub fn is_onset(&self, profile: &Profile) -> bool {
        match (self.from, self.to) {
            (None, Some(_)) => true,
            (Some(from), Some(to)) => profile.bounds[to].level > profile.bounds[from].level,
            (Some(_) | None, None) => false,
        }
    }
}

/// The phases of a sensor's limits. A sensor all of whose limits are normal has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    phases: Vec<Phase>,
}

impl Alarm {
    /// All normal.
    pub fn new(profile: &Profile) -> Self {
        Alarm { phases: vec![Phase::Normal; profile.bounds.len()] }
    }

    /// The limit that holds the level: the most severe active one, the first of several.
    pub fn holder(&self, profile: &Profile) -> Option<usize> {
        let mut holder: Option<usize> = None;
        for (index, phase) in self.phases.iter().enumerate() {
            if phase.is_active()
                && holder.is_none_or(|held| profile.bounds[index].level > profile.bounds[held].level)
            {
                holder = Some(index);
            }
        }
        holder
    }

    /// Whether every limit is normal.
    pub fn is_normal(&self) -> bool {
        self.phases.iter().all(|phase| *phase == Phase::Normal)
    }

    /// When the next delay ends.
    pub fn next_due(&self, profile: &Profile) -> Option<EventTime> {
        self.phases.iter().zip(&profile.bounds).filter_map(|(phase, bound)| phase.due(bound)).min()
    }

    /// Ends every delay that has run out by `now`, in the order of their ends.
    pub fn settle(&mut self, profile: &Profile, now: EventTime, moved: &mut dyn FnMut(Move)) {
        while let Some(due) = self.next_due(profile).filter(|due| *due <= now) {
            let from = self.holder(profile);
            for (phase, bound) in self.phases.iter_mut().zip(&profile.bounds) {
                if phase.due(bound) == Some(due) {
                    *phase = phase.ended();
                }
            }
            self.tell(profile, due, from, moved);
        }
    }

    /// A value newer than every one before.
    pub fn hear(
        &mut self,
        profile: &Profile,
        time: EventTime,
        value: f64,
        trusted: bool,
        moved: &mut dyn FnMut(Move),
    ) {
        self.settle(profile, time, moved);
        let from = self.holder(profile);
        for (phase, bound) in self.phases.iter_mut().zip(&profile.bounds) {
            *phase = phase.after(bound.zone(value), trusted, time);
            if phase.due(bound).is_some_and(|due| due <= time) {
                *phase = phase.ended();
            }
        }
        self.tell(profile, time, from, moved);
    }

    /// The phases that are not normal, each with its limit's index.
    pub fn phases(&self) -> impl Iterator<Item = (usize, Phase)> {
        self.phases.iter().copied().enumerate().filter(|(_, phase)| *phase != Phase::Normal)
    }

    /// Sets the phase of one limit, as a task's state remembers it.
    pub fn restore(&mut self, index: usize, phase: Phase) {
        self.phases[index] = phase;
    }

    fn tell(&self, profile: &Profile, at: EventTime, from: Option<usize>, moved: &mut dyn FnMut(Move)) {
        let to = self.holder(profile);
        let side = |holder: Option<usize>| {
            holder.map(|index| (profile.bounds[index].level, profile.bounds[index].high))
        };
        if side(from) != side(to) {
            moved(Move { at, from, to });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H 25 blue, HH 50 red, L 5 yellow, LL 2 orange, each with a deadband of 1, delays in seconds.
    fn profile(on_delay_s: i64, off_delay_s: i64) -> Profile {
        let bound = |side: &'static str, high: bool, set_point: f64, level| Bound {
            side,
            high,
            set_point,
            hold_point: if high { set_point - 1.0 } else { set_point + 1.0 },
            level,
            on_delay_ms: on_delay_s * 1000,
            off_delay_ms: off_delay_s * 1000,
        };
        let bounds = vec![
            bound("HH", true, 50.0, Level::Red),
            bound("H", true, 25.0, Level::Blue),
            bound("LL", false, 2.0, Level::Orange),
            bound("L", false, 5.0, Level::Yellow),
        ];
        Profile::new(bounds, 60_000)
    }

    /// `26@1` is a good value, `26?@1` an uncertain one, `wm@9` the watermark; the answer names each move, an onset by `!`.
    fn run(profile: &Profile, steps: &str) -> String {
        let mut alarm = Alarm::new(profile);
        let mut told = Vec::new();
        for step in steps.split(' ') {
            let (what, second) = step.split_once('@').unwrap();
            let time = EventTime::from_ms(second.parse::<i64>().unwrap() * 1000);
            let mut tell = |moved: Move| {
                let level = moved.to.map_or("normal".to_owned(), |to| {
                    format!("{:?}", profile.bounds[to].level).to_lowercase()
                });
                let onset = if moved.is_onset(profile) { "!" } else { "" };
                told.push(format!("{level}{onset}@{}", moved.at.ms / 1000));
            };
            match what.strip_suffix('?') {
                None if what == "wm" => alarm.settle(profile, time, &mut tell),
                None => alarm.hear(profile, time, what.parse().unwrap(), true, &mut tell),
                Some(value) => alarm.hear(profile, time, value.parse().unwrap(), false, &mut tell),
            }
        }
        told.join(" ")
    }

    fn check(on_delay_s: i64, off_delay_s: i64, steps: &str, expected: &str) {
        assert_eq!(run(&profile(on_delay_s, off_delay_s), steps), expected, "{steps}");
    }

    #[test]
    fn a_level_is_reached_at_the_set_point_and_left_past_the_deadband() {
        check(0, 0, "10@0 24.9@1 25@2 24@3 23.9@4", "blue!@2 normal@4");
        check(0, 0, "10@0 5@1 6@2 6.1@3", "yellow!@1 normal@3");
    }

    #[test]
    fn a_jump_to_red_is_one_onset_of_red() {
        check(0, 0, "10@0 80@1 10@2", "red!@1 normal@2");
        check(0, 0, "10@0 0@1", "orange!@1");
    }

    #[test]
    fn climbing_is_an_onset_of_each_level_and_falling_back_of_none() {
        check(0, 0, "26@0 51@1 40@2 60@3 10@4", "blue!@0 red!@1 blue@2 red!@3 normal@4");
        check(0, 0, "26@0 4@1 10@2", "blue!@0 yellow!@1 normal@2");
    }

    #[test]
    fn a_value_inside_the_deadband_does_not_flap() {
        check(0, 0, "25@0 24.5@1 25@2 24.2@3 26@4", "blue!@0");
    }

    #[test]
    fn the_on_delay_ends_by_the_next_value_and_by_the_watermark_alike() {
        check(10, 0, "26@0 27@5 26@12", "blue!@10");
        check(10, 0, "26@0 27@5 wm@10", "blue!@10");
        check(10, 0, "26@0 27@5 10@10", "blue!@10 normal@10");
        check(10, 0, "26@0 27@5 10@9 wm@30", "");
        check(10, 0, "26@0 24.5@9 26@10 wm@19 wm@20", "blue!@20");
    }

    #[test]
    fn the_off_delay_ends_by_the_next_value_and_by_the_watermark_alike() {
        check(0, 10, "26@0 10@1 10@11", "blue!@0 normal@11");
        check(0, 10, "26@0 10@1 wm@11", "blue!@0 normal@11");
        check(0, 10, "26@0 10@1 24.5@9 10@12 wm@21 wm@22", "blue!@0 normal@22");
        check(0, 10, "26@0 10@1 26@5 wm@60", "blue!@0");
    }

    #[test]
    fn delays_that_end_together_are_one_move() {
        check(10, 0, "80@0 wm@60", "red!@10");
        check(0, 10, "80@0 1@1 wm@60", "red!@0 orange@11");
    }

    #[test]
    fn an_uncertain_value_may_raise_but_not_clear() {
        check(0, 0, "26?@0 10?@1 24.5?@2 51?@3 10?@4 10@5", "blue!@0 red!@3 normal@5");
        check(10, 0, "26@0 10?@5 wm@10", "blue!@10");
        check(0, 10, "26@0 10@1 24.5?@5 wm@11", "blue!@0 normal@11");
    }

    #[test]
    fn only_values_strictly_between_the_set_points_are_quiet() {
        let profile = profile(0, 0);
        for (value, quiet) in [(5.0, false), (5.1, true), (24.9, true), (25.0, false), (-1e9, false)] {
            assert_eq!(profile.is_quiet(value), quiet, "{value}");
        }
        assert!(Profile::new(vec![], 1).is_quiet(1e300));
    }
}
