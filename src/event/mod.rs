//! Bytes → [`Event`] or [`Reject`]. Depends on taxonomy alone.
//!
//! The shapes are those of docs/wire.md (the contract, version 1). Texts are borrowed from the payload where JSON allows
//! it; regions, sectors, quantities, kinds and stages are resolved to dense indexes, so that no later part sees an
//! unknown one.

mod decoder;
mod envelope;
mod field;
mod json;
mod reject;
mod rfc3339;
mod shape;
mod template;
mod time;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod twins;

use std::borrow::Cow;

use crate::taxonomy::{ClauseId, Grade, KindId, Level, QuantityId, RegionId, SectorId, StageId};

pub use decoder::{DecodeSettings, Decoder};
pub use reject::{Reason, Reject};
pub use time::{EventTime, wire_time};

/// What every event of an input has.
#[derive(Clone, Debug, PartialEq)]
pub struct Head<'a> {
    /// The same for a re-sent message; at most 64 bytes.
    pub id: Cow<'a, str>,
    /// When it happened.
    pub time: EventTime,
    /// The region as dense index: the longest known prefix down to the cell level (town), or unknown.
    pub region: RegionId,
    /// The region's digits as sent, villages and grids included.
    pub region_code: Cow<'a, str>,
    /// The sector.
    pub sector: SectorId,
}

/// One sensor reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading<'a> {
    /// Id, time, region, sector.
    pub head: Head<'a>,
    /// The enterprise that owns the sensor.
    pub enterprise_id: Cow<'a, str>,
    /// The sensor.
    pub sensor_id: Cow<'a, str>,
    /// The gateway it reports through.
    pub gateway_id: Option<Cow<'a, str>>,
    /// What it measures; the unit has been checked.
    pub quantity: QuantityId,
    /// The value in the quantity's unit; `None` only when `quality` is bad.
    pub value: Option<f64>,
    /// How far the value may be trusted.
    pub quality: Quality,
}

/// How far a reading may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// Moves levels both ways.
    Good,
    /// May raise a level, not clear it.
    Uncertain,
    /// Counted, but not heard, and never moves a level.
    Bad,
}

/// Who inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum InspectionSource {
    Grid,
    Station,
    Department,
    OwnStaff,
    ThirdParty,
    Insurer,
}

/// One inspection, with the hazards it found.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection<'a> {
    /// Id, time, region, sector.
    pub head: Head<'a>,
    /// The enterprise inspected.
    pub enterprise_id: Cow<'a, str>,
    /// Who inspected.
    pub source: InspectionSource,
    /// The park or factory yard whose tenant was inspected.
    pub landlord_id: Option<Cow<'a, str>>,
    /// A text tag.
    pub campaign: Option<Cow<'a, str>>,
    /// What was found; may be empty.
    pub hazards: Vec<FoundHazard<'a>>,
}

/// A hazard as an inspection lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundHazard<'a> {
    /// The hazard's own id.
    pub hazard_id: Cow<'a, str>,
    /// General or major.
    pub grade: Grade,
    /// The clause of the hazard taxonomy.
    pub clause: Option<ClauseId>,
    /// The end of the day, in the configured zone, by which it must be mended.
    pub due: Option<EventTime>,
}

/// A stage of a hazard or of an item: the two inputs, one shape. A hazard is the built-in kind `hazard`.
#[derive(Clone, Debug, PartialEq)]
pub struct StageEvent<'a> {
    /// Id, time, region, sector.
    pub head: Head<'a>,
    /// The kind; the taxonomy's `hazard` for events of type `hazard`.
    pub kind: KindId,
    /// The hazard's or item's id.
    pub item_id: Cow<'a, str>,
    /// The stage reached.
    pub stage: StageId,
    /// The hazard's grade, when it is a hazard and says so.
    pub grade: Option<Grade>,
    /// Overrides the stage's deadline.
    pub due: Option<EventTime>,
    /// The enterprise concerned.
    pub enterprise_id: Option<Cow<'a, str>>,
    /// The item's level.
    pub level: Option<Level>,
    /// Who did it.
    pub by: Option<Cow<'a, str>>,
    /// The flat attributes, as sent (an object's text), with `listed_level` and `recheck` of hazards folded in.
    pub attributes: Attributes<'a>,
}

/// A fact that is only counted.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordEvent<'a> {
    /// Id, time, region, sector.
    pub head: Head<'a>,
    /// Free text: records need no declared kind.
    pub kind: Cow<'a, str>,
    /// The enterprise concerned.
    pub enterprise_id: Option<Cow<'a, str>>,
    /// The flat attributes.
    pub attributes: Attributes<'a>,
}

/// A flat object: values are text, number or boolean.
pub type Attributes<'a> = Vec<(Cow<'a, str>, Scalar<'a>)>;

/// A value of a flat object.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Scalar<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Flag(bool),
}

/// An officer's command about an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Command<'a> {
    /// The same for a re-sent message.
    pub id: Cow<'a, str>,
    /// When it was given.
    pub time: EventTime,
    /// What to do.
    pub action: Action,
    /// The alert it is for.
    pub alert_id: Cow<'a, str>,
    /// Who gave it.
    pub by: Option<Cow<'a, str>>,
    /// When an acknowledgement or silence ends.
    pub expires_at: Option<EventTime>,
    /// To whom an alert is assigned.
    pub assignee: Option<Cow<'a, str>>,
    /// Why.
    pub note: Option<Cow<'a, str>>,
}

/// What an officer can tell an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Action {
    Ack,
    Unack,
    Assign,
    Silence,
    Unsilence,
    Close,
}

/// An accepted event: valid by the contract and the taxonomy.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// From `hazard.sensors`.
    Reading(Reading<'a>),
    /// From `hazard.inspections`.
    Inspection(Box<Inspection<'a>>),
    /// From `hazard.inspections` (type `hazard`) or `hazard.items`.
    Stage(Box<StageEvent<'a>>),
    /// From `hazard.records`.
    Record(Box<RecordEvent<'a>>),
    /// From `hazard.commands`.
    Command(Box<Command<'a>>),
}
