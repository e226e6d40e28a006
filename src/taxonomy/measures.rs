//! Measures: named counts, each over one source of facts, with a filter where not every fact counts.

use super::codes::Codes;
use super::document::Node;
use super::fact::{Fact, FactSource, QUALITIES};
use super::fields::Fields;
use super::filter::Filter;
use super::filter_check::Words;
use super::kinds::Kinds;
use super::limits::LEVELS;
use super::problem::{Problem, Problems};
use super::quantities::Quantities;
use super::{Level, MeasureId, QuantityId};
use crate::event::Quality;

/// Every measure.
#[derive(Debug)]
pub struct Measures {
    list: Vec<Measure>,
    codes: Codes,
    /// By quantity × quality: what every reading would otherwise have to ask the filters.
    readings: Vec<Vec<MeasureId>>,
    /// By quantity × level.
    alarms: Vec<Vec<MeasureId>>,
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

    /// The measures that a reading counts for: all that a filter over readings can ask is known beforehand.
    pub fn reading(&self, quantity: QuantityId, quality: Quality) -> &[MeasureId] {
        &self.readings[usize::from(quantity.0) * QUALITIES.len() + quality as usize]
    }

    /// The measures that an onset counts for.
    pub fn alarm(&self, quantity: QuantityId, level: Level) -> &[MeasureId] {
        &self.alarms[usize::from(quantity.0) * LEVELS.len() + level as usize]
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

    /// Reads and checks the whole file; every mistake is told at once. Where `kinds` or `quantities` are `None` (their
    /// files have mistakes of their own) the words of filters are not checked against them.
    pub(super) fn read(
        file: &str,
        text: &str,
        kinds: Option<&Kinds>,
        quantities: Option<&Quantities>,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::of(file);
        let words = Words { kinds, quantities };
        let mut all =
            Measures { list: Vec::new(), codes: Codes::default(), readings: Vec::new(), alarms: Vec::new() };
        let node = Node::read(text, &mut problems);
        let top = node.as_ref().and_then(|node| Fields::of(node, &["measures"], &mut problems));
        let entries = top.as_ref().map_or(&[][..], |top| top.required_list("measures", &mut problems));
        for entry in entries {
            all.read_one(entry, &words, &mut problems);
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
        if let Some(quantities) = quantities {
            all.count_beforehand(quantities);
        }
        Ok(all)
    }

    fn count_beforehand(&mut self, quantities: &Quantities) {
        for quantity in quantities.known() {
            for (_, quality) in QUALITIES {
                let fact = Fact {
                    quantity: Some(quantity),
                    quality: Some(quality),
                    ..Fact::of(FactSource::Reading)
                };
                self.readings.push(self.matching(&fact));
            }
            for (_, level) in LEVELS {
                let fact =
                    Fact { quantity: Some(quantity), level: Some(level), ..Fact::of(FactSource::Alarm) };
                self.alarms.push(self.matching(&fact));
            }
        }
    }

    fn read_one(&mut self, entry: &Node, words: &Words<'_>, problems: &mut Problems) {
        let Some(fields) = Fields::of(entry, &["code", "zh", "en", "from", "when"], problems) else { return };
        let code = fields.required_code("code", problems);
        let name_zh = fields.required_text("zh", problems);
        let name_en = fields.required_text("en", problems);
        let source = fields.required_word("from", &FactSource::WORDS, problems);
        let when = fields.text("when", problems);
        let filter = when.and_then(|when| Filter::compile(when, source?, words, problems));
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
