//! The scenarios: what goes wrong, and how it shows in sensors and inspections.

use crate::event::EventTime;

use super::agenda::{Task, Visit, stage_yard};
use super::place::enterprise_at;
use super::plan::{Scenario, Story};
use super::profile::Ramp;
use super::{City, PlanError};

/// A gateway that says nothing for a while.
pub struct Silence {
    gateway: u32,
    from: EventTime,
    to: EventTime,
}

impl Silence {
    /// Whether a sensor behind this gateway is silent now.
    pub fn covers(&self, gateway: u32, at: EventTime) -> bool {
        gateway == self.gateway && at >= self.from && at < self.to
    }
}

/// A time of many readings.
pub struct Burst {
    from: EventTime,
    to: EventTime,
}

impl Burst {
    /// How many times as fast as usual readings come now.
    pub fn factor(&self, at: EventTime) -> f64 {
        if at >= self.from && at < self.to { BURST } else { 1.0 }
    }
}

const MINUTE_MS: i64 = 60_000;
/// How long the gateway is silent.
const SILENCE_MS: i64 = 40 * MINUTE_MS;
/// The typhoon's load: twenty times as many readings for ten minutes.
const BURST: f64 = 20.0;
const BURST_MS: i64 = 10 * MINUTE_MS;
/// 829,700 people called out by 242 warnings.
const CALLED_OUT: u32 = 3_429;

impl City {
    /// Puts a scenario on the script.
    pub(super) fn stage(&mut self, scenario: Scenario) -> Result<(), PlanError> {
        let from = self.plan.start.plus_ms(scenario.after_ms);
        match scenario.story {
            Story::GasLeak => {
                self.bend(Story::GasLeak, "hazardous_chemicals", "combustible_gas", 2, |nth| Ramp {
                    from_ms: from.ms + nth as i64 * 90_000,
                    rise_ms: 6 * MINUTE_MS,
                    hold_ms: 10 * MINUTE_MS,
                    fall_ms: 5 * MINUTE_MS,
                    peak: 0,
                })
            }
            Story::MineMethane => self.bend(Story::MineMethane, "mining", "methane", 3, |nth| Ramp {
                from_ms: from.ms + nth as i64 * 4 * MINUTE_MS,
                rise_ms: 30 * MINUTE_MS,
                hold_ms: 20 * MINUTE_MS,
                fall_ms: 15 * MINUTE_MS,
                peak: 0,
            }),
            Story::WorkshopCluster => {
                self.cluster(from);
                Ok(())
            }
            Story::SilentGateway => {
                // The chemical plant's second gateway, if it has one: the leak's detectors stay heard.
                let gateways = self.fleet.sensors.iter().map(|sensor| sensor.gateway);
                let gateway = gateways.max().unwrap_or(0).min(1);
                self.silence = Some(Silence { gateway, from, to: from.plus_ms(SILENCE_MS) });
                Ok(())
            }
            Story::Typhoon => {
                self.burst = Some(Burst { from, to: from.plus_ms(BURST_MS) });
                self.agenda.add(from, Task::CallOut(CALLED_OUT));
                self.bend(Story::Typhoon, "flood", "rainfall", usize::MAX, |_| Ramp {
                    from_ms: from.ms,
                    rise_ms: 60 * MINUTE_MS,
                    hold_ms: 120 * MINUTE_MS,
                    fall_ms: 180 * MINUTE_MS,
                    peak: 0,
                })
            }
        }
    }

    fn bend(
        &mut self,
        story: Story,
        sector: &'static str,
        quantity: &'static str,
        count: usize,
        ramp: impl Fn(usize) -> Ramp,
    ) -> Result<(), PlanError> {
        match self.fleet.script(sector, quantity, count, ramp) {
            0 => Err(PlanError::NoActor { story: story.name(), quantity, sector }),
            _ => Ok(()),
        }
    }

    /// Four tenants of one yard, a few minutes apart, each with one major hazard.
    fn cluster(&mut self, from: EventTime) {
        let (town, landlord) = stage_yard();
        for (nth, minutes) in [0, 4, 9, 13].into_iter().enumerate() {
            let mut who = enterprise_at(town, "small_workshops", 280 + nth as u64, &self.tallies);
            who.landlord = Some(landlord.clone());
            let visit = Visit { who, source: "station", majors: 1, generals: 1 + nth % 3 };
            self.agenda.add(from.plus_ms(minutes * MINUTE_MS), Task::Visit(Box::new(visit)));
        }
    }
}
