//! A fact that measures may count, as the parts that know it tell it.

use std::borrow::Cow;

use super::{Grade, Level};
use crate::event::{Quality, Scalar};

/// What a measure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactSource {
    /// An accepted reading.
    Reading,
    /// A sensor that reached a level: one onset.
    Alarm,
    /// An inspection.
    Inspection,
    /// A hazard that reached a stage.
    Hazard,
    /// An item that reached a stage.
    Item,
    /// A record.
    Record,
}

impl FactSource {
    /// Every source and the word for it in the measures file.
    pub(super) const WORDS: [(&str, FactSource); 6] = [
        ("reading", FactSource::Reading),
        ("alarm", FactSource::Alarm),
        ("inspection", FactSource::Inspection),
        ("hazard", FactSource::Hazard),
        ("item", FactSource::Item),
        ("record", FactSource::Record),
    ];

    /// The word for it in the measures file.
    pub const fn code(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    /// The names that a filter over facts of this source may use.
    pub(super) const fn names(self) -> &'static [&'static str] {
        match self {
            FactSource::Reading => &["quantity", "quality"],
            FactSource::Alarm => &["quantity", "level"],
            FactSource::Inspection => &["source", "campaign"],
            FactSource::Hazard => &["stage", "grade", "attributes"],
            FactSource::Item => &["kind", "stage", "level", "attributes"],
            FactSource::Record => &["kind", "attributes"],
        }
    }
}

/// Something that may count. Absent texts are empty in filters.
#[derive(Clone, Copy, Debug)]
pub struct Fact<'a> {
    /// What it is.
    pub source: FactSource,
    /// A hazard's grade.
    pub grade: Option<Grade>,
    /// The stage reached by a hazard or an item.
    pub stage: Option<&'a str>,
    /// The kind of an item or record.
    pub kind: Option<&'a str>,
    /// The level of an alarm or an item.
    pub level: Option<Level>,
    /// The quantity of a reading or an alarm.
    pub quantity: Option<&'a str>,
    /// The quality of a reading.
    pub quality: Option<Quality>,
    /// Who inspected: the `source` of an inspection on the wire.
    pub inspected_by: Option<&'a str>,
    /// The campaign of an inspection.
    pub campaign: Option<&'a str>,
    /// The attributes of an item, hazard or record.
    pub attributes: &'a [(Cow<'a, str>, Scalar<'a>)],
}

impl<'a> Fact<'a> {
    /// A fact of which nothing is known but its source.
    pub const fn of(source: FactSource) -> Self {
        Fact {
            source,
            grade: None,
            stage: None,
            kind: None,
            level: None,
            quantity: None,
            quality: None,
            inspected_by: None,
            campaign: None,
            attributes: &[],
        }
    }

    /// The text that `name` stands for in a filter; `None` for `attributes`.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let text = match name {
            "grade" => self.grade.map(Grade::code),
            "stage" => self.stage,
            "kind" => self.kind,
            "level" => self.level.map(Level::code),
            "quantity" => self.quantity,
            "quality" => self.quality.map(quality_code),
            "source" => self.inspected_by,
            "campaign" => self.campaign,
            _ => return None,
        };
        Some(text.unwrap_or(""))
    }
}

/// The qualities of the contract and their words.
pub(super) const QUALITIES: [(&str, Quality); 3] =
    [("good", Quality::Good), ("uncertain", Quality::Uncertain), ("bad", Quality::Bad)];

fn quality_code(quality: Quality) -> &'static str {
    QUALITIES[quality as usize].0
}
