//! Measures: named counts, each over one source of facts, with a filter where not every fact counts.

use std::borrow::Cow;

use super::codes::Codes;
use super::document::{Fields, Node};
use super::filter::Filter;
use super::problem::{Problem, Problems};
use super::{Grade, Level, MeasureId};
use crate::event::Scalar;

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
    /// The word for it in the file.
    pub const fn code(self) -> &'static str {
        match self {
            FactSource::Reading => "reading",
            FactSource::Alarm => "alarm",
            FactSource::Inspection => "inspection",
            FactSource::Hazard => "hazard",
            FactSource::Item => "item",
            FactSource::Record => "record",
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
    /// Who inspected.
    pub inspected_by: Option<&'a str>,
    /// The campaign of an inspection.
    pub campaign: Option<&'a str>,
    /// The attributes of an item, hazard or record.
    pub attributes: &'a [(Cow<'a, str>, Scalar<'a>)],
}

impl Fact<'_> {
    /// A fact of which nothing is known but its source.
    pub const fn of(source: FactSource) -> Self {
        Fact {
            source,
            grade: None,
            stage: None,
            kind: None,
            level: None,
            quantity: None,
            inspected_by: None,
            campaign: None,
            attributes: &[],
        }
    }
}

/// Every measure.
#[derive(Debug)]
pub struct Measures {
    list: Vec<Measure>,
    codes: Codes,
    readings: Vec<MeasureId>,
    alarms: [Vec<MeasureId>; 4],
}

#[derive(Debug)]
pub(super) struct Measure {
    pub code: String,
    pub name_zh: String,
    pub name_en: String,
    pub source: FactSource,
    pub filter: Option<Filter>,
}

/// The measures of the contract's windows, which lead the file in this order.
pub const FIXED: [&str; 10] = [
    "inspections",
    "hazards_found_general",
    "hazards_found_major",
    "hazards_closed_general",
    "hazards_closed_major",
    "readings",
    "alarms_blue",
    "alarms_yellow",
    "alarms_orange",
    "alarms_red",
];

const SOURCES: [(&str, FactSource); 6] = [
    ("reading", FactSource::Reading),
    ("alarm", FactSource::Alarm),
    ("inspection", FactSource::Inspection),
    ("hazard", FactSource::Hazard),
    ("item", FactSource::Item),
    ("record", FactSource::Record),
];

impl Measures {
    /// The measure with this code.
    pub fn find(&self, code: &str) -> Option<MeasureId> {
        self.codes.find(code).map(MeasureId)
    }

    /// Its code.
    pub fn code(&self, id: MeasureId) -> &str {
        &self.measure(id).code
    }

    /// Its Chinese name.
    pub fn name_zh(&self, id: MeasureId) -> &str {
        &self.measure(id).name_zh
    }

    /// Its English name.
    pub fn name_en(&self, id: MeasureId) -> &str {
        &self.measure(id).name_en
    }

    /// How many measures; ids are below this.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Never true: the contract's ten are always there.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Every measure, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = MeasureId> + use<> {
        (0..self.list.len() as u16).map(MeasureId)
    }

    /// The measures that every reading counts for.
    pub fn readings(&self) -> &[MeasureId] {
        &self.readings
    }

    /// The measures that every onset of this level counts for.
    pub fn alarm(&self, level: Level) -> &[MeasureId] {
        &self.alarms[level as usize]
    }

    /// The measures that a fact counts for, in the order of the file.
    pub fn matching(&self, fact: &Fact<'_>) -> Vec<MeasureId> {
        let mut scope = None;
        self.iter()
            .filter(|id| {
                let measure = self.measure(*id);
                measure.source == fact.source
                    && measure
                        .filter
                        .as_ref()
                        .is_none_or(|filter| filter.holds(scope.get_or_insert_with(|| Filter::scope(fact))))
            })
            .collect()
    }

    pub(super) fn measure(&self, id: MeasureId) -> &Measure {
        &self.list[usize::from(id.0)]
    }

    /// Reads and checks the whole file; every mistake is told at once.
    pub(super) fn read(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::of(file);
        let mut all = Measures {
            list: Vec::new(),
            codes: Codes::default(),
            readings: Vec::new(),
            alarms: [const { Vec::new() }; 4],
        };
        let node = Node::read(text, &mut problems);
        let top = node.as_ref().and_then(|node| Fields::of(node, &["measures"], &mut problems));
        let entries = top.as_ref().map_or(&[][..], |top| top.required_list("measures", &mut problems));
        for entry in entries {
            all.read_one(entry, &mut problems);
        }
        for fixed in FIXED.iter().skip(entries.len()).filter(|_| top.is_some()) {
            problems.add(
                0,
                "",
                format!("the measure `{fixed}` is missing"),
                "add it: the contract's ten lead the file",
            );
        }
        if !problems.is_empty() {
            return Err(problems.into_vec());
        }
        all.readings = all.matching(&Fact::of(FactSource::Reading));
        for level in [Level::Blue, Level::Yellow, Level::Orange, Level::Red] {
            all.alarms[level as usize] =
                all.matching(&Fact { level: Some(level), ..Fact::of(FactSource::Alarm) });
        }
        Ok(all)
    }

    fn read_one(&mut self, entry: &Node, problems: &mut Problems) {
        let Some(fields) = Fields::of(entry, &["code", "zh", "en", "from", "when"], problems) else { return };
        let code = fields.required_code("code", problems);
        let name_zh = fields.required_text("zh", problems);
        let name_en = fields.required_text("en", problems);
        let source = fields.required_word("from", &SOURCES, problems);
        let when = fields.text("when", problems);
        let filter = when.and_then(|when| Filter::compile(when, source?, problems));
        let Some(code) = code else { return };
        if let Some(expected) = FIXED.get(self.list.len()).filter(|expected| **expected != code.value) {
            let message = format!("the measure in this place is `{expected}`");
            problems.add(code.line, code.value, message, "keep the contract's ten first, in their order");
        }
        if self.codes.add(code.line, code.value, usize::from(u16::MAX), problems) {
            self.list.push(Measure {
                code: code.value.to_owned(),
                name_zh: name_zh.map_or("", |name| name.value).to_owned(),
                name_en: name_en.map_or("", |name| name.value).to_owned(),
                source: source.unwrap_or(FactSource::Record),
                filter,
            });
        }
    }
}
