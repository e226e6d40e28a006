//! What the city is made of, as data: regions, sectors, quantities and limits, hazard clauses, kinds and stages, measures.
//!
//! Six files under config/taxonomy/ say it; [`Taxonomy::load`] reads them and tells every mistake at once. What was
//! written becomes dense indexes here, so that no later part sees a code that is not known. docs/taxonomy.md explains
//! the files.

mod canonical;
mod clauses;
mod codes;
pub(crate) mod document;
mod fact;
pub(crate) mod fields;
mod filter;
mod filter_check;
mod kinds;
mod limits;
mod load;
mod measures;
pub(crate) mod problem;
mod quantities;
mod region_rows;
mod regions;
mod sectors;
mod stages;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use clauses::{Clause, Clauses};
pub use fact::{Fact, FactSource};
pub use kinds::{Kind, Kinds, Stage};
pub use load::{FILES, SHIPPED};
pub use measures::Measures;
pub use problem::Problem;
pub use quantities::{Basis, Limit, Quantities, Quantity, Side};
pub use regions::{RegionLevel, Regions};
pub use sectors::Sectors;

/// Everything that the files say, resolved.
#[derive(Debug)]
pub struct Taxonomy {
    /// City, counties, towns.
    pub regions: Regions,
    /// Sectors and their parents.
    pub sectors: Sectors,
    /// Quantities, units, limits.
    pub quantities: Quantities,
    /// Clauses of the criteria for major hazards.
    pub clauses: Clauses,
    /// Kinds of items and their stages.
    pub kinds: Kinds,
    /// Named counts.
    pub measures: Measures,
}

/// Dense index of a region (city, county, town, or `unknown`), valid for one loaded taxonomy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionId(pub u16);
/// Dense index of a sector; 0 is `all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SectorId(pub u16);
/// Dense index of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuantityId(pub u8);
/// Dense index of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeasureId(pub u16);
/// Dense index of a kind of item; 0 is the built-in `hazard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindId(pub u16);
/// Dense index of a stage within its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageId(pub u8);
/// Dense index of a hazard clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClauseId(pub u16);

/// How bad: the four colours of China's warnings (突发事件应对法), ordered from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// IV 一般.
    Blue,
    /// III 较大.
    Yellow,
    /// II 重大.
    Orange,
    /// I 特别重大.
    Red,
}

/// A hazard's grade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// 一般隐患.
    General,
    /// 重大事故隐患.
    Major,
}

impl Level {
    /// The word for it on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Level::Blue => "blue",
            Level::Yellow => "yellow",
            Level::Orange => "orange",
            Level::Red => "red",
        }
    }

    /// Its colour in Chinese.
    pub const fn name_zh(self) -> &'static str {
        match self {
            Level::Blue => "蓝",
            Level::Yellow => "黄",
            Level::Orange => "橙",
            Level::Red => "红",
        }
    }
}

impl Grade {
    /// The word for it on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Grade::General => "general",
            Grade::Major => "major",
        }
    }
}
