//! When a city works: hours of the day, days of the week, seasons of the year.

use crate::event::EventTime;

/// Whether work follows the hours and days of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calendar {
    /// Officers work by day and on weekdays (9,040 of 6,104 inspections a day fall on a working day).
    #[default]
    Working,
    /// Every hour is like every other.
    Flat,
}

/// Shaoxing keeps UTC+8 all year.
pub const OFFSET_MS: i64 = 8 * HOUR_MS;
pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// Share of a day's inspections by hour of the local day; the peak hour holds 15 %.
const HOURS: [f64; 24] = [
    0.0, 0.0, 0.0, 0.0, 0.0, 0.002, 0.01, 0.03, 0.10, 0.15, 0.13, 0.06, 0.03, 0.06, 0.12, 0.13, 0.10, 0.05,
    0.015, 0.008, 0.004, 0.001, 0.0, 0.0,
];
const WEEKDAY: f64 = 1.36;
const WEEKEND: f64 = 0.10;

impl Calendar {
    /// How much work is done at this moment, 1 being the mean over a week.
    pub fn activity(self, at: EventTime) -> f64 {
        if self == Calendar::Flat {
            return 1.0;
        }
        let local_ms = at.ms + OFFSET_MS;
        let hour = local_ms.rem_euclid(DAY_MS) / HOUR_MS;
        // 1970-01-01 was a Thursday: day 2 of the epoch was a Saturday.
        let weekend = matches!(local_ms.div_euclid(DAY_MS).rem_euclid(7), 2 | 3);
        HOURS[hour as usize] * 24.0 * if weekend { WEEKEND } else { WEEKDAY }
    }

    /// The most that [`Calendar::activity`] can be.
    pub fn peak(self) -> f64 {
        match self {
            Calendar::Flat => 1.0,
            Calendar::Working => 0.15 * 24.0 * WEEKDAY,
        }
    }
}

/// The part of the day, in quarters of an hour from local midnight: 0 to 95.
pub fn quarter(at: EventTime) -> usize {
    ((at.ms + OFFSET_MS).rem_euclid(DAY_MS) / (HOUR_MS / 4)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_of_work_has_a_mean_of_one_and_never_exceeds_its_peak() {
        let hours = (0..7 * 24).map(|hour| Calendar::Working.activity(EventTime::from_ms(hour * HOUR_MS)));
        let (sum, most) =
            hours.fold((0.0, 0.0f64), |(sum, most), activity| (sum + activity, most.max(activity)));
        assert!((sum / 168.0 - 1.0).abs() < 0.01, "{}", sum / 168.0);
        assert!((most - Calendar::Working.peak()).abs() < 1e-9);
    }

    #[test]
    fn sunday_is_quieter_than_monday() {
        let monday = EventTime::from_ms(1_795_395_600_000); // 2026-11-23T09:00+08:00
        assert!(Calendar::Working.activity(monday) > 4.0);
        assert!(Calendar::Working.activity(monday.plus_ms(-DAY_MS)) < 0.5);
    }
}
