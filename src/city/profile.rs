//! What sensors measure when all is well, and how far they go when it is not.

use crate::taxonomy::{Limit, Side, Taxonomy};

/// A quantity's normal behaviour, in thousandths of its unit. The noise stays well inside the limits' deadbands, so that a
/// normal sensor neither raises an alarm nor chatters about one.
pub struct Normal {
    /// The quantity's code.
    pub quantity: &'static str,
    /// Sensors' means lie between these.
    pub base: (i64, i64),
    /// How far the day's rhythm carries a sensor from its mean.
    pub swing: i64,
    /// How far noise carries one reading from the rhythm, at most.
    pub noise: i64,
    /// The smallest difference that the instrument shows.
    pub step: i64,
    /// Whether its trouble lies below (true) or above.
    pub fears_low: bool,
}

const fn normal(quantity: &'static str, base: (i64, i64), swing: i64, noise: i64, step: i64) -> Normal {
    Normal { quantity, base, swing, noise, step, fears_low: false }
}

const fn low(quantity: &'static str, base: (i64, i64), swing: i64, noise: i64, step: i64) -> Normal {
    Normal { quantity, base, swing, noise, step, fears_low: true }
}

/// Normal behaviour by quantity: figures of ordinary plants, chosen to lie below (or above) the shipped limits.
pub const NORMALS: [Normal; 14] = [
    normal("combustible_gas", (1_000, 5_000), 800, 700, 100),
    normal("toxic_gas", (300, 1_500), 300, 200, 10),
    low("oxygen", (20_700, 20_950), 60, 60, 10),
    normal("methane", (80, 260), 50, 30, 10),
    normal("carbon_monoxide", (2_000, 7_000), 1_500, 800, 100),
    normal("pressure", (300, 600), 40, 15, 1),
    normal("temperature", (20_000, 32_000), 4_000, 600, 100),
    normal("level", (2_000, 4_000), 300, 40, 10),
    low("flow", (90_000, 110_000), 6_000, 1_500, 100),
    normal("displacement", (200, 2_000), 100, 150, 10),
    low("phreatic_line", (9_000, 12_000), 100, 50, 10),
    low("dry_beach", (120_000, 180_000), 500, 300, 100),
    normal("rainfall", (0, 0), 0, 0, 100),
    normal("dust_pressure_difference", (700_000, 1_000_000), 60_000, 30_000, 1_000),
];

/// How far a value goes in trouble, in thousandths of the unit; read from the limits, so that other limits make other
/// troubles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Past the first limit only.
    pub mild: i64,
    /// Past them all.
    pub severe: i64,
}

/// How far `normal`'s quantity goes in a sector; `None` where no limit is set on its side.
pub fn reach(taxonomy: &Taxonomy, normal: &Normal, sector: &str) -> Option<Reach> {
    let quantity = taxonomy.quantities.find(normal.quantity)?;
    let limits = taxonomy.quantities.limits(quantity, taxonomy.sectors.find(sector)?);
    let sign = if normal.fears_low { -1.0 } else { 1.0 };
    let feared = |limit: &&Limit| matches!(limit.side, Side::L | Side::LL) == normal.fears_low;
    // Measured in the direction of the trouble, so that the first is always the nearest.
    let mut points: Vec<f64> = limits.iter().filter(feared).map(|limit| sign * limit.set_point).collect();
    points.sort_by(f64::total_cmp);
    let (first, last) = (*points.first()?, *points.last()?);
    let next = points.iter().copied().find(|point| *point > first);
    let margin = 0.1 * first.abs().max(0.1);
    let mild = first + next.map_or(margin, |next| margin.min(0.4 * (next - first)));
    let severe = last + 0.1 * last.abs().max(0.1);
    let milli = |value: f64| (sign * value * 1_000.0).round() as i64;
    Some(Reach { mild: milli(mild), severe: milli(severe) })
}

/// The way from normal to trouble and back: rise, stay, fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ramp {
    /// When it begins to rise, in ms since the epoch.
    pub from_ms: i64,
    /// How long it rises.
    pub rise_ms: i64,
    /// How long it stays.
    pub hold_ms: i64,
    /// How long it falls.
    pub fall_ms: i64,
    /// Where it stays, in thousandths of the unit.
    pub peak: i64,
}

impl Ramp {
    /// When it is over.
    pub fn end_ms(&self) -> i64 {
        self.from_ms + self.rise_ms + self.hold_ms + self.fall_ms
    }

    /// The value at this time, given what it would be without the ramp.
    pub fn bend(&self, at_ms: i64, value: i64) -> i64 {
        let into = at_ms - self.from_ms;
        let left = self.end_ms() - at_ms;
        if into < 0 || left < 0 {
            return value;
        }
        let share =
            (into as f64 / self.rise_ms.max(1) as f64).min(left as f64 / self.fall_ms.max(1) as f64).min(1.0);
        value + ((self.peak - value) as f64 * share) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_values_keep_clear_of_every_shipped_limit() {
        let taxonomy = Taxonomy::shipped();
        for normal in &NORMALS {
            let quantity = taxonomy.quantities.find(normal.quantity).unwrap();
            for sector in taxonomy.sectors.iter() {
                for limit in taxonomy.quantities.limits(quantity, sector) {
                    let (least, most) = (
                        normal.base.0 - normal.swing - normal.noise,
                        normal.base.1 + normal.swing + normal.noise,
                    );
                    let (clear_below, clear_above) = (
                        (limit.set_point - limit.deadband) * 1_000.0 > most as f64,
                        (limit.set_point + limit.deadband) * 1_000.0 < least as f64,
                    );
                    let clear =
                        if matches!(limit.side, Side::H | Side::HH) { clear_below } else { clear_above };
                    assert!(
                        clear,
                        "{} {:?} at {} in {}",
                        normal.quantity,
                        limit.side,
                        limit.set_point,
                        taxonomy.sectors.code(sector)
                    );
                }
            }
        }
    }

    #[test]
    fn a_ramp_rises_stays_and_falls() {
        let ramp = Ramp { from_ms: 1_000, rise_ms: 100, hold_ms: 50, fall_ms: 200, peak: 500 };
        let values: Vec<i64> =
            [999, 1_050, 1_100, 1_150, 1_250, 1_350, 1_351].iter().map(|at| ramp.bend(*at, 100)).collect();
        assert_eq!(values, [100, 300, 500, 500, 300, 100, 100]);
    }
}
