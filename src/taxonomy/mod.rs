//! What the city is made of, as data: regions, sectors, quantities and limits, hazard clauses, kinds and stages, measures.

use serde::{Deserialize, Serialize};

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
