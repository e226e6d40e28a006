//! Towns and the enterprises in them. Enterprises are not stored: a town and a number make one, always the same.

use crate::taxonomy::{RegionLevel, Taxonomy};

use super::dice::Dice;
use super::totals::{CellIndex, Tallies};

/// Where things stand in the city.
pub struct Places {
    towns: Vec<(String, f64)>,
    sectors: Vec<(String, f64)>,
}

/// Somebody who can be inspected.
#[derive(Clone, Debug)]
pub struct Enterprise {
    /// 18 characters, like a unified social credit code, but of nobody.
    pub id: String,
    /// Its name, made up.
    pub name: String,
    /// Its town's code, nine digits (or one of no town, where somebody mistyped it).
    pub region: String,
    /// Its sector's code.
    pub sector: String,
    /// The yard it rents in, for small workshops.
    pub landlord: Option<String>,
    /// Its county and sector.
    pub cell: CellIndex,
}

/// A region code that belongs to no place: what a mistyped one looks like.
pub const NOWHERE: &str = "999999001";

/// 374,800 entities in 103 towns.
const ENTITIES_PER_TOWN: f64 = 3_639.0;
/// How towns differ in size.
const TOWN_SIGMA: f64 = 0.8;
/// Tenants in one yard.
const YARD: u64 = 40;

/// Shares of inspections by sector. Small workshops dominate; confined spaces (3,512 of 374,800 entities) and users of
/// hazardous chemicals (469) get their share of entities, weighted up because they are visited more often.
const SECTOR_SHARES: [(&str, f64); 12] = [
    ("small_workshops", 60.0),
    ("crowded_places", 8.0),
    ("industrial_fire", 7.0),
    ("gas", 4.0),
    ("construction", 4.0),
    ("hazardous_chemicals", 4.0),
    ("confined_space", 3.0),
    ("dust", 3.0),
    ("road_traffic", 3.0),
    ("fireworks", 1.5),
    ("mining", 1.5),
    ("steel", 1.0),
];

impl Places {
    /// The towns and sectors of a taxonomy, weighted by this seed.
    pub fn new(taxonomy: &Taxonomy, dice: &mut Dice) -> Self {
        let regions = &taxonomy.regions;
        let towns = regions.iter().filter(|id| regions.level(*id) == RegionLevel::Town);
        let towns = towns.map(|id| (regions.code(id).to_owned(), dice.log_normal(1.0, TOWN_SIGMA))).collect();
        let known = SECTOR_SHARES.iter().filter(|(code, _)| taxonomy.sectors.find(code).is_some());
        Places { towns, sectors: known.map(|(code, share)| ((*code).to_owned(), *share)).collect() }
    }

    /// A town whose code begins with `prefix`, by weight.
    pub fn town(&self, dice: &mut Dice, prefix: &str) -> &str {
        let within: Vec<(&str, f64)> = self
            .towns
            .iter()
            .filter(|(code, _)| code.starts_with(prefix))
            .map(|(code, weight)| (code.as_str(), *weight))
            .collect();
        dice.weighted(&within).copied().unwrap_or(NOWHERE)
    }

    /// Some enterprise, by the weights of towns and sectors.
    pub fn enterprise(&self, dice: &mut Dice, tallies: &Tallies) -> Enterprise {
        let Some((town, weight)) = self.towns.get(self.town_index(dice)) else {
            return enterprise_at(NOWHERE, "", 0, tallies);
        };
        let number = dice.below((ENTITIES_PER_TOWN * weight).max(1.0) as u64);
        // An enterprise's sector is its own: drawn from a stream that only its town and number name.
        let own = town.parse::<u64>().unwrap_or(0) << 24 | number;
        let sector = Dice::new(own, 0).weighted(&self.sectors).cloned().unwrap_or_default();
        enterprise_at(town, &sector, number, tallies)
    }

    fn town_index(&self, dice: &mut Dice) -> usize {
        let total: f64 = self.towns.iter().map(|(_, weight)| weight).sum();
        let mut left = dice.unit() * total;
        self.towns
            .iter()
            .position(|(_, weight)| {
                left -= weight;
                left < 0.0
            })
            .unwrap_or(0)
    }
}

/// The enterprise with this number in a town and sector.
pub fn enterprise_at(town: &str, sector: &str, number: u64, tallies: &Tallies) -> Enterprise {
    let county = town.get(..6).unwrap_or(town);
    let landlord = (sector == "small_workshops").then(|| yard(town, number / YARD));
    Enterprise {
        id: format!("91{county}MA{:02}{number:05}X", town.get(7..).unwrap_or("00")),
        name: format!("{number}号企业"),
        region: town.to_owned(),
        sector: sector.to_owned(),
        landlord,
        cell: tallies.cell(town, sector),
    }
}

/// The id of a town's factory yard.
pub fn yard(town: &str, number: u64) -> String {
    format!("LL-{town}-{number:03}")
}
