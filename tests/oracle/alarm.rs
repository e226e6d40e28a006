//! Sensors: which level each is at, by its own readings in its own order.
//!
//! A limit is exceeded from the moment when values have been at its set point or beyond for the on-delay, until they have
//! been back behind the restore value for the off-delay. The sensor's level is the worst of what is exceeded; a rise to a
//! level is one onset of that level. A value holds until the next reading.

use std::collections::BTreeMap;

use super::accept::Reading;
use super::city::Limit;

#[derive(Default)]
pub struct Sensors {
    by_id: BTreeMap<String, Sensor>,
}

#[derive(Default)]
struct Sensor {
    newest_ms: Option<i64>,
    limits: Vec<(Limit, State)>,
    level: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Normal,
    Rising { since_ms: i64 },
    Exceeded,
    Falling { since_ms: i64 },
}

/// Sensors with their levels.
pub type SensorLevels = Vec<(String, String)>;
/// A level reached, and when.
pub type Onset = (String, i64);

const LEVELS: [&str; 5] = ["", "blue", "yellow", "orange", "red"];

impl Sensors {
    /// One reading: the levels that were reached since the one before, at most one of them by this reading itself.
    pub fn hear(&mut self, limits: Vec<Limit>, reading: &Reading, time_ms: i64) -> Vec<Onset> {
        let sensor = self.by_id.entry(reading.sensor_id.clone()).or_default();
        if sensor.limits.is_empty() {
            sensor.limits = limits.into_iter().map(|limit| (limit, State::Normal)).collect();
        }
        let Some(value) = reading.value.filter(|_| reading.quality != "bad") else { return Vec::new() };
        if sensor.newest_ms.is_some_and(|newest| time_ms <= newest) {
            return Vec::new();
        }
        sensor.newest_ms = Some(time_ms);
        let mut onsets = sensor.pass(time_ms);
        for (limit, state) in &mut sensor.limits {
            *state = after(*state, limit, value, reading.quality == "good", time_ms);
        }
        onsets.extend(sensor.look(time_ms));
        onsets
    }

    /// All time has passed: what was still being delayed, and the level of each sensor that is at one.
    #[allow(clippy::type_complexity, reason = "onsets by sensor, and levels by sensor")]
    pub fn end(self) -> (Vec<(String, Onset)>, SensorLevels) {
        let (mut onsets, mut levels) = (Vec::new(), Vec::new());
        for (id, mut sensor) in self.by_id {
            for onset in sensor.pass(i64::MAX) {
                onsets.push((id.clone(), onset));
            }
            if sensor.level > 0 {
                levels.push((id, LEVELS[sensor.level].to_owned()));
            }
        }
        (onsets, levels)
    }
}

impl Sensor {
    /// Time passes up to `now_ms` while the last value holds.
    fn pass(&mut self, now_ms: i64) -> Vec<Onset> {
        let due = |(limit, state): &(Limit, State)| match state {
            State::Rising { since_ms } => Some(since_ms + limit.on_delay_ms),
            State::Falling { since_ms } => Some(since_ms + limit.off_delay_ms),
            State::Normal | State::Exceeded => None,
        };
        let mut onsets = Vec::new();
        while let Some(next_ms) = self.limits.iter().filter_map(due).filter(|due| *due <= now_ms).min() {
            for entry in &mut self.limits {
                if due(entry) == Some(next_ms) {
                    let rises = matches!(entry.1, State::Rising { .. });
                    entry.1 = if rises { State::Exceeded } else { State::Normal };
                }
            }
            onsets.extend(self.look(next_ms));
        }
        onsets
    }

    fn look(&mut self, now_ms: i64) -> Option<Onset> {
        let exceeded =
            self.limits.iter().filter(|(_, state)| matches!(state, State::Exceeded | State::Falling { .. }));
        let level = exceeded.map(|(limit, _)| rank(&limit.level)).max().unwrap_or(0);
        let rises = level > self.level;
        self.level = level;
        rises.then(|| (LEVELS[level].to_owned(), now_ms))
    }
}

fn after(state: State, limit: &Limit, value: f64, is_good: bool, now_ms: i64) -> State {
    let (beyond, back) = match limit.is_high {
        true => (value >= limit.set_point, value < limit.restore),
        false => (value <= limit.set_point, value > limit.restore),
    };
    match state {
        State::Normal if beyond && limit.on_delay_ms == 0 => State::Exceeded,
        State::Normal if beyond => State::Rising { since_ms: now_ms },
        State::Rising { .. } if !beyond && is_good => State::Normal,
        State::Exceeded if back && is_good && limit.off_delay_ms == 0 => State::Normal,
        State::Exceeded if back && is_good => State::Falling { since_ms: now_ms },
        // A value inside the deadband ends the fall, unless it is uncertain: that neither raises nor clears.
        State::Falling { .. } if beyond || !back && is_good => State::Exceeded,
        State::Normal | State::Rising { .. } | State::Exceeded | State::Falling { .. } => state,
    }
}

fn rank(level: &str) -> usize {
    LEVELS.iter().position(|known| *known == level).expect("a level")
}
