//! What hazard.windows and hazard.alerts hold, as it is shown: the shapes of the wire contract.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::event::EventTime;

/// The newest counts of one cell in one window: a record of `hazard.windows`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WindowRecord {
    /// Region code: city, county or town, or `unknown`.
    #[schema(example = "330604")]
    pub region: String,
    /// Sector code, or `all`.
    #[schema(example = "hazardous_chemicals")]
    pub sector: String,
    /// The window's configured name.
    #[schema(example = "1h")]
    pub window: String,
    /// How far the window moves at a time.
    #[schema(example = "1m")]
    pub slide: String,
    /// The end of the newest slice: the window covers [as_of − size, as_of). RFC 3339.
    #[schema(example = "2026-11-23T02:16:00Z")]
    pub as_of: String,
    /// No on-time event before this is still to come: final, late events apart, when it is not before as_of. RFC 3339.
    #[schema(example = "2026-11-23T02:15:20Z")]
    pub complete_to: Option<String>,
    /// Sensors heard and expected; null where none is expected.
    pub coverage: Option<Coverage>,
    /// How many of each measure.
    pub counts: BTreeMap<String, i64>,
}

/// Sensors heard within their no-data time, and sensors expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct Coverage {
    #[schema(example = 118)]
    pub heard: u64,
    #[schema(example = 120)]
    pub expected: u64,
}

impl Coverage {
    /// Heard ÷ expected; `None` where no sensor is expected.
    pub fn ratio(self) -> Option<f64> {
        (self.expected > 0).then(|| self.heard as f64 / self.expected as f64)
    }
}

/// The newest state of one alert: a record of `hazard.alerts`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertRecord {
    /// hex(hash(subject)) followed by hex(hash(rule)).
    pub id: String,
    /// The rule that raised it.
    #[schema(example = "major_hazard_cluster")]
    pub rule: String,
    /// `pending`, `firing`, `acknowledged`, `resolved` or `unknown` (its sources are silent).
    #[schema(example = "firing")]
    pub status: String,
    /// `red`, `orange`, `yellow` or `blue`.
    #[schema(example = "orange")]
    pub level: String,
    /// Region code.
    #[serde(default)]
    #[schema(example = "330604")]
    pub region: Option<String>,
    /// Sector code.
    #[serde(default)]
    #[schema(example = "hazardous_chemicals")]
    pub sector: Option<String>,
    /// Everything else of the contract: subject, window, value, threshold, times, labels, annotations, evidence.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

impl AlertRecord {
    /// When it began, if the record says so.
    pub fn starts_at(&self) -> Option<EventTime> {
        let stamp: jiff::Timestamp = self.rest.get("starts_at")?.as_str()?.parse().ok()?;
        Some(EventTime::from_ms(stamp.as_millisecond()))
    }
}

/// A region as the taxonomy has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct Region {
    /// `330600` city, `330604` county, `330604104` town, or `unknown`.
    #[schema(example = "330604")]
    pub code: String,
    /// `city`, `county`, `town` or `unknown`.
    #[schema(example = "county")]
    pub level: String,
    /// The region that holds it today.
    #[schema(example = "330600")]
    pub parent: Option<String>,
    /// 中文名.
    #[schema(example = "上虞区")]
    pub name_zh: String,
    /// English name.
    #[schema(example = "Shangyu District")]
    pub name_en: String,
}
