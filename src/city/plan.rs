//! What a city shall do: size, rate, faults and scenarios. The same plan gives the same bytes.

use crate::event::EventTime;
use crate::log::Input;

use super::calendar::Calendar;

/// What [`City`](super::City) is built from.
#[derive(Clone, Debug, PartialEq)]
pub struct CityPlan {
    /// The same seed (and the same rest of the plan) gives the same bytes.
    pub seed: u64,
    /// The event time at which the city begins.
    pub start: EventTime,
    /// How many messages it sends, repeated and invalid ones included; `None`: no end.
    pub events: Option<u64>,
    /// The event time at which nothing new happens any more; `None`: no end.
    pub until: Option<EventTime>,
    /// The inputs that it writes to; what would go to another is left unsaid.
    pub inputs: Vec<Input>,
    /// How many sensors it has; 0: inspections, items and records only.
    pub sensors: u32,
    /// Readings per second of event time, all sensors together.
    pub rate: f64,
    /// Inspections per day, on average over a week; items and records keep their proportion to it.
    pub inspections_per_day: f64,
    /// Share of messages that are emitted up to [`CityPlan::DISORDER_MS`] after their time, out of order.
    pub disorder_share: f64,
    /// Share of messages that are sent a second time, up to [`CityPlan::REPEAT_MS`] after the first.
    pub duplicate_share: f64,
    /// Share of messages that are emitted one to six hours late.
    pub late_share: f64,
    /// Share of readings that are invalid, by one of the kinds in [`super::Fault`].
    pub bad_share: f64,
    /// Share of sites and inspections whose region code is none of the city's.
    pub unknown_region_share: f64,
    /// Whether work follows the hours and days of the week.
    pub calendar: Calendar,
    /// What goes wrong, and when.
    pub scenarios: Vec<Scenario>,
}

impl CityPlan {
    /// The longest delay, in milliseconds, of a message that is merely out of order.
    pub const DISORDER_MS: u64 = 5_000;
    /// The longest time, in milliseconds, after which a message is sent again: well inside the default
    /// duplicate horizon of ten minutes.
    pub const REPEAT_MS: u64 = 60_000;
    /// The shortest and longest delay of a late message, in milliseconds.
    pub const LATE_MS: (u64, u64) = (3_600_000, 6 * 3_600_000);
}

impl Default for CityPlan {
    /// The bureau's own load (2024: 1,672,400 inspections in 274 days) and the national system's mean of one reading per
    /// point in 47.5 s, here for 5,000 points; shares as suggested for test data.
    fn default() -> Self {
        CityPlan {
            seed: 1,
            start: EventTime::from_ms(1_795_395_600_000), // 2026-11-23T09:00:00+08:00, a Monday
            events: None,
            until: None,
            inputs: Input::ALL.to_vec(),
            sensors: 5_000,
            rate: 105.0,
            inspections_per_day: 6_104.0,
            disorder_share: 0.03,
            duplicate_share: 0.01,
            late_share: 0.02,
            bad_share: 0.0,
            unknown_region_share: 0.002,
            calendar: Calendar::Working,
            scenarios: Vec::new(),
        }
    }
}

/// Something that goes wrong, on a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// Two gas detectors of a chemical plant rise above every set point and fall back.
    GasLeak,
    /// The methane of a mine climbs for half an hour.
    MineMethane,
    /// Four inspections in one factory yard of small workshops each find a major hazard.
    WorkshopCluster,
    /// A gateway with all its sensors goes silent, and comes back after forty minutes.
    SilentGateway,
    /// Readings come twenty times as fast for ten minutes, rain climbs, and thousands are called out.
    Typhoon,
}

impl Story {
    /// Every story, with its name on the command line and its default moment after the start.
    pub const ALL: [(Story, &'static str, i64); 5] = [
        (Story::GasLeak, "gas_leak", 4 * MINUTE_MS),
        (Story::WorkshopCluster, "workshop_cluster", 6 * MINUTE_MS),
        (Story::SilentGateway, "silent_gateway", 8 * MINUTE_MS),
        (Story::MineMethane, "mine_methane", 12 * MINUTE_MS),
        (Story::Typhoon, "typhoon", 30 * MINUTE_MS),
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        Story::ALL.iter().find(|(story, ..)| *story == self).map_or("", |(_, name, _)| name)
    }
}

/// A story and when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// What happens.
    pub story: Story,
    /// Milliseconds after the city's start.
    pub after_ms: i64,
}

impl Scenario {
    /// The four stories of the demo, each beginning within the first quarter of an hour.
    pub fn demo() -> Vec<Scenario> {
        let stories = Story::ALL.iter().filter(|(story, ..)| *story != Story::Typhoon);
        stories.map(|&(story, _, after_ms)| Scenario { story, after_ms }).collect()
    }
}

const MINUTE_MS: i64 = 60_000;
