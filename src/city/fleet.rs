//! The sensors: where they are, what they measure, and what each reads at a moment.

use std::sync::Arc;

use crate::event::EventTime;
use crate::taxonomy::Taxonomy;

use super::calendar::{DAY_MS, quarter};
use super::dice::Dice;
use super::place::{Enterprise, NOWHERE, Places, enterprise_at};
use super::profile::{NORMALS, Normal, Ramp, Reach, reach};
use super::totals::{CellIndex, Tallies};

/// One sensor, with everything of its messages that never changes already written.
pub struct Sensor {
    /// The message key.
    pub id: String,
    /// From the end of the time to the end of the quantity.
    pub middle: Box<[u8]>,
    /// From the end of the value to the beginning of the quality.
    pub unit: Arc<[u8]>,
    /// From the end of the sequence number to the end of the message.
    pub tail: Arc<[u8]>,
    /// Its county and sector.
    pub cell: CellIndex,
    /// Its gateway, as an index.
    pub gateway: u32,
    normal: &'static Normal,
    base: i64,
    phase: u8,
    reach: Option<Reach>,
    trouble: Option<Ramp>,
    scripted: Vec<Ramp>,
}

/// A kind of site that has sensors.
struct SiteKind {
    sector: &'static str,
    /// Share of all sensors.
    share: f64,
    /// Sensors at one site.
    size: usize,
    /// Share of the site's sensors by quantity.
    mix: &'static [(&'static str, f64)],
    /// Where such sites stand: code prefixes by weight.
    towns: &'static [(&'static str, f64)],
    /// The town of the first such site, on which the scenarios play.
    stage: &'static str,
}

/// Sites by kind: 60 points a chemical plant, 7 a dust collector's firm, as the bureau's and Suzhou's figures have it.
const SITES: [SiteKind; 6] = [
    SiteKind {
        sector: "hazardous_chemicals",
        share: 0.50,
        size: 60,
        mix: &[
            ("combustible_gas", 0.35),
            ("toxic_gas", 0.20),
            ("pressure", 0.15),
            ("temperature", 0.15),
            ("level", 0.10),
            ("oxygen", 0.05),
        ],
        towns: &[("330604", 0.5), ("330603", 0.3), ("3306", 0.2)],
        stage: "330604112",
    },
    SiteKind {
        sector: "mining",
        share: 0.15,
        size: 24,
        mix: &[
            ("methane", 0.30),
            ("carbon_monoxide", 0.20),
            ("displacement", 0.20),
            ("phreatic_line", 0.10),
            ("dry_beach", 0.10),
            ("rainfall", 0.10),
        ],
        towns: &[("330681", 0.4), ("330683", 0.3), ("330624", 0.3)],
        stage: "330681119",
    },
    SiteKind {
        sector: "small_workshops",
        share: 0.15,
        size: 4,
        mix: &[("combustible_gas", 0.5), ("temperature", 0.5)],
        towns: &[("3306", 1.0)],
        stage: "330681005",
    },
    SiteKind {
        sector: "dust",
        share: 0.08,
        size: 7,
        mix: &[("dust_pressure_difference", 0.6), ("temperature", 0.4)],
        towns: &[("3306", 1.0)],
        stage: "330602110",
    },
    SiteKind {
        sector: "steel",
        share: 0.06,
        size: 20,
        mix: &[("carbon_monoxide", 0.5), ("temperature", 0.3), ("flow", 0.2)],
        towns: &[("3306", 1.0)],
        stage: "330603009",
    },
    SiteKind {
        sector: "flood",
        share: 0.06,
        size: 2,
        mix: &[("rainfall", 0.7), ("level", 0.3)],
        towns: &[("3306", 1.0)],
        stage: "330624002",
    },
];

/// Sensors that report through one gateway.
const GATEWAY_SIZE: usize = 12;
/// Alarms per sensor and day where alarms are well managed (4,500 a day from 440,000 points).
const TROUBLES_PER_DAY: f64 = 0.0102;
const MINUTE_MS: i64 = 60_000;

/// All sensors of a city.
pub struct Fleet {
    /// In the order of their numbers.
    pub sensors: Vec<Sensor>,
    gateways: Vec<String>,
    wave: [i64; 96],
    dice: Dice,
}

impl Fleet {
    /// `size` sensors, spread over kinds of sites, sites and quantities by their shares.
    pub fn new(
        size: u32,
        start: EventTime,
        unknown_share: f64,
        taxonomy: &Taxonomy,
        places: &Places,
        tallies: &Tallies,
        mut dice: Dice,
    ) -> Self {
        let mut fleet =
            Fleet { sensors: Vec::new(), gateways: Vec::new(), wave: daily_wave(), dice: Dice::new(0, 0) };
        let kinds: Vec<&SiteKind> =
            SITES.iter().filter(|kind| taxonomy.sectors.find(kind.sector).is_some()).collect();
        let mut have = vec![0usize; kinds.len()];
        let mut sites = vec![0u64; kinds.len()];
        while fleet.sensors.len() < size as usize && !kinds.is_empty() {
            let lack = |at: usize| kinds[at].share * f64::from(size) - have[at] as f64;
            let at =
                (0..kinds.len()).max_by(|a, b| lack(*a).total_cmp(&lack(*b)).then(b.cmp(a))).unwrap_or(0);
            let kind = kinds[at];
            let town = if sites[at] == 0 {
                kind.stage
            } else if dice.chance(unknown_share) {
                NOWHERE
            } else {
                let prefix = dice.weighted(kind.towns).copied().unwrap_or("");
                places.town(&mut dice, prefix)
            };
            let site = enterprise_at(town, kind.sector, 90_000 + sites[at], tallies);
            let count = kind.size.min(size as usize - fleet.sensors.len());
            fleet.add_site(kind, &site, count, taxonomy, &mut dice);
            have[at] += count;
            sites[at] += 1;
        }
        for sensor in &mut fleet.sensors {
            sensor.trouble = next_trouble(sensor.reach, start.ms, &mut dice);
        }
        fleet.dice = dice;
        fleet
    }

    fn add_site(
        &mut self,
        kind: &SiteKind,
        site: &Enterprise,
        count: usize,
        taxonomy: &Taxonomy,
        dice: &mut Dice,
    ) {
        let mut have = vec![0usize; kind.mix.len()];
        for nth in 0..count {
            if nth % GATEWAY_SIZE == 0 {
                self.gateways.push(format!("GW-{:06}", self.gateways.len()));
            }
            let lack = |at: usize| kind.mix[at].1 * (nth + 1) as f64 - have[at] as f64;
            let at =
                (0..kind.mix.len()).max_by(|a, b| lack(*a).total_cmp(&lack(*b)).then(b.cmp(a))).unwrap_or(0);
            have[at] += 1;
            let Some(normal) = NORMALS.iter().find(|normal| normal.quantity == kind.mix[at].0) else {
                continue;
            };
            let sensor = self.sensor(normal, site, taxonomy, dice);
            self.sensors.push(sensor);
        }
    }

    fn sensor(
        &self,
        normal: &'static Normal,
        site: &Enterprise,
        taxonomy: &Taxonomy,
        dice: &mut Dice,
    ) -> Sensor {
        let id = format!("SX-{:07}", self.sensors.len());
        let middle = format!(
            "\",\"region\":\"{}\",\"sector\":\"{}\",\"enterprise_id\":\"{}\",\"sensor_id\":\"{id}\",\"quantity\":\"{}\"",
            site.region, site.sector, site.id, normal.quantity
        );
        let quantity = taxonomy.quantities.find(normal.quantity);
        let unit = quantity.map_or("", |quantity| taxonomy.quantities.get(quantity).unit.as_str());
        let gateway = self.gateways.len().saturating_sub(1);
        let steps = (normal.base.1 - normal.base.0) / normal.step;
        Sensor {
            id,
            middle: middle.into_bytes().into(),
            unit: format!(",\"unit\":\"{unit}\",\"quality\":\"").into_bytes().into(),
            tail: format!(",\"gateway_id\":\"{}\"}}", self.gateways[gateway]).into_bytes().into(),
            cell: site.cell,
            gateway: gateway as u32,
            normal,
            base: normal.base.0 + normal.step * dice.below(steps as u64 + 1) as i64,
            phase: dice.below(8) as u8,
            reach: reach(taxonomy, normal, &site.sector),
            trouble: None,
            scripted: Vec::new(),
        }
    }

    /// What a sensor reads now, in thousandths of its unit; `chance` is 20 random bits.
    pub fn read(&mut self, sensor: u32, at: EventTime, chance: u64) -> i64 {
        let sensor = &mut self.sensors[sensor as usize];
        let normal = sensor.normal;
        let rhythm = normal.swing * self.wave[(quarter(at) + usize::from(sensor.phase)) % 96] / 1_024;
        // Two uniform numbers make a triangle from −1,023 to 1,023.
        let noise = normal.noise * ((chance & 1_023) as i64 - (chance >> 10 & 1_023) as i64) / 1_024;
        let mut value = sensor.base + rhythm + noise;
        if let Some(ramp) = sensor.trouble
            && at.ms >= ramp.from_ms
        {
            value = ramp.bend(at.ms, value);
            if at.ms > ramp.end_ms() {
                sensor.trouble = next_trouble(sensor.reach, at.ms, &mut self.dice);
            }
        }
        for ramp in &sensor.scripted {
            value = ramp.bend(at.ms, value);
        }
        value / normal.step * normal.step
    }

    /// Lets the first `count` sensors of a quantity in a sector go past every limit; tells how many there are.
    pub fn script(
        &mut self,
        sector: &str,
        quantity: &str,
        count: usize,
        ramp: impl Fn(usize) -> Ramp,
    ) -> usize {
        let wanted = format!("\"sector\":\"{sector}\"");
        let affected = self.sensors.iter_mut().filter(|sensor| {
            sensor.normal.quantity == quantity && String::from_utf8_lossy(&sensor.middle).contains(&wanted)
        });
        let mut scripted = 0;
        for (nth, sensor) in affected.take(count).enumerate() {
            let peak = sensor.reach.map_or(sensor.base, |reach| reach.severe);
            sensor.scripted.push(Ramp { peak, ..ramp(nth) });
            scripted += 1;
        }
        scripted
    }
}

/// One day as a sine in 1,024ths, lowest at four in the morning.
fn daily_wave() -> [i64; 96] {
    std::array::from_fn(|quarter| {
        let turn = (quarter as f64 / 4.0 - 10.0) / 24.0 * std::f64::consts::TAU;
        (turn.sin() * 1_024.0).round() as i64
    })
}

/// The next time that a sensor goes a little past its first limit, for a few minutes.
fn next_trouble(reach: Option<Reach>, after_ms: i64, dice: &mut Dice) -> Option<Ramp> {
    let wait_ms = dice.gap(DAY_MS as f64 / TROUBLES_PER_DAY) as i64;
    let hold_ms = (2 + dice.below(8) as i64) * MINUTE_MS;
    let peak = reach?.mild;
    Some(Ramp { from_ms: after_ms + wait_ms, rise_ms: 2 * MINUTE_MS, hold_ms, fall_ms: 2 * MINUTE_MS, peak })
}
