//! What sensors measure, in which unit, and the limits at which a value becomes an alarm.

use serde::{Deserialize, Serialize};

use super::codes::Codes;
use super::document::Node;
use super::fields::{At, Fields};
use super::limits;
use super::problem::{Problem, Problems, choose};
use super::sectors::Sectors;
use super::{Level, QuantityId, SectorId};

/// What a sensor measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// Its code on the wire.
    pub code: String,
    /// The one unit in which it is sent.
    pub unit: String,
    /// Its Chinese name.
    pub name_zh: String,
    /// Its English name.
    pub name_en: String,
    /// A sensor that is not heard for so long is silent.
    pub no_data_after_ms: i64,
}

/// The side of a limit: high, high-high, low, low-low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Side {
    H,
    HH,
    L,
    LL,
}

impl Side {
    /// `H`, `HH`, `L` or `LL`.
    pub const fn code(self) -> &'static str {
        match self {
            Side::H => "H",
            Side::HH => "HH",
            Side::L => "L",
            Side::LL => "LL",
        }
    }

    /// Whether values above the set point are the bad ones.
    pub const fn is_high(self) -> bool {
        matches!(self, Side::H | Side::HH)
    }
}

/// How sure a number or text of the taxonomy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Read in the source that is named.
    Cited,
    /// Known to stand in the source that is named, but not read there again.
    Known,
    /// No standard fixes it: a default to be replaced by the plant's own design value.
    Design,
}

impl Basis {
    /// The word for it in the files.
    pub const fn code(self) -> &'static str {
        match self {
            Basis::Cited => "cited",
            Basis::Known => "known",
            Basis::Design => "design",
        }
    }
}

/// An alarm set point.
///
/// On the high sides it is reached when value ≥ `set_point` for `on_delay_ms`, and left when value < `set_point` −
/// `deadband` for `off_delay_ms`; on the low sides the other way round.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Which side it guards.
    pub side: Side,
    /// In the quantity's unit.
    pub set_point: f64,
    /// The level of the alarm.
    pub level: Level,
    /// How far the value must come back before the alarm ends, in the quantity's unit, ≥ 0.
    pub deadband: f64,
    /// How long the set point must be reached before the alarm begins.
    pub on_delay_ms: i64,
    /// How long the value must be back before the alarm ends.
    pub off_delay_ms: i64,
    /// The standard and clause, or why this value.
    pub source: String,
    /// How sure it is.
    pub basis: Basis,
}

/// Every quantity and its limits.
#[derive(Clone, Debug)]
pub struct Quantities {
    list: Vec<Quantity>,
    codes: Codes,
    /// Distinct limit lists; `of[quantity × sectors + sector]` names the one that holds there.
    lists: Vec<Vec<Limit>>,
    of: Vec<u16>,
    sectors: usize,
}

impl Quantities {
    /// The quantity with this code.
    pub fn find(&self, code: &str) -> Option<QuantityId> {
        self.codes.find(code).map(|index| QuantityId(index as u8))
    }

    /// Code, unit, names, no-data time.
    pub fn get(&self, id: QuantityId) -> &Quantity {
        &self.list[usize::from(id.0)]
    }

    /// The limits of a quantity in a sector, from the most to the least severe on each side, high sides first: those of
    /// the sector itself, or else of its nearest parent that has any, or else the general ones.
    pub fn limits(&self, quantity: QuantityId, sector: SectorId) -> &[Limit] {
        let list = self.of[usize::from(quantity.0) * self.sectors + usize::from(sector.0)];
        &self.lists[usize::from(list)]
    }

    /// How many quantities; ids are below this.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Every quantity, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = QuantityId> + use<> {
        (0..self.list.len() as u16).map(|index| QuantityId(index as u8))
    }

    /// Every code, for suggestions.
    pub(super) fn known(&self) -> impl Iterator<Item = &str> + Clone {
        self.list.iter().map(|quantity| quantity.code.as_str())
    }

    /// Reads and checks the whole file; every mistake is told at once. Without `sectors` (their file has mistakes of its
    /// own) the sectors that limits name are not checked.
    pub(super) fn read(file: &str, text: &str, sectors: Option<&Sectors>) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::of(file);
        let width = sectors.map_or(1, Sectors::len);
        let mut all = Quantities {
            list: vec![],
            codes: Codes::default(),
            lists: vec![vec![]],
            of: vec![],
            sectors: width,
        };
        let node = Node::read(text, &mut problems);
        let top = node.as_ref().and_then(|node| Fields::of(node, &["quantities"], &mut problems));
        for entry in top.map_or(&[][..], |top| top.required_list("quantities", &mut problems)) {
            all.read_one(entry, sectors, &mut problems);
        }
        if problems.is_empty() { Ok(all) } else { Err(problems.into_vec()) }
    }

    fn read_one(&mut self, entry: &Node, sectors: Option<&Sectors>, problems: &mut Problems) {
        let keys = ["code", "unit", "zh", "en", "no_data_after", "limits", "sectors"];
        let Some(fields) = Fields::of(entry, &keys, problems) else { return };
        let code = fields.required_code("code", problems);
        let unit = fields.required_text("unit", problems);
        let name_zh = fields.required_text("zh", problems);
        let name_en = fields.required_text("en", problems);
        let no_data_after = fields.required_duration_ms("no_data_after", problems);
        if let Some(At { line, value: 0 }) = no_data_after {
            problems.add(
                line,
                "0",
                "`no_data_after` is zero",
                "write how long a sensor may be silent, such as 5m",
            );
        }
        let added =
            code.is_some_and(|code| self.codes.add(code.line, code.value, usize::from(u8::MAX), problems));
        let row = self.of.len();
        let general = self.keep(limits::read(&fields, "limits", problems));
        let own = self.read_overrides(&fields, sectors, problems);
        if !added {
            return;
        }
        let text = |text: Option<At<&str>>| text.map_or("", |text| text.value).to_owned();
        self.list.push(Quantity {
            code: text(code),
            unit: text(unit),
            name_zh: text(name_zh),
            name_en: text(name_en),
            no_data_after_ms: no_data_after.map_or(0, |duration| duration.value),
        });
        self.of.resize(row + self.sectors, general);
        for sector in sectors.into_iter().flat_map(Sectors::iter) {
            let nearest = sectors
                .into_iter()
                .flat_map(|all| all.ancestors(sector))
                .find_map(|above| own.iter().find_map(|(sector, list)| (sector == above).then_some(*list)));
            self.of[row + usize::from(sector.0)] = nearest.unwrap_or(general);
        }
    }

    /// `sectors:` of one quantity: a sector, and the limits that stand there in place of the general ones.
    fn read_overrides(
        &mut self,
        fields: &Fields<'_>,
        sectors: Option<&Sectors>,
        problems: &mut Problems,
    ) -> Vec<(SectorId, u16)> {
        let mut own: Vec<(SectorId, u16)> = Vec::new();
        for entry in fields.list("sectors", problems) {
            let Some(fields) = Fields::of(entry, &["sector", "limits"], problems) else { continue };
            let sector = fields.required_text("sector", problems);
            let list = limits::read(&fields, "limits", problems);
            let list = self.keep(list);
            let (Some(sector), Some(sectors)) = (sector, sectors) else { continue };
            match sectors.find(sector.value) {
                None => {
                    problems.add(
                        sector.line,
                        sector.value,
                        "unknown sector",
                        choose(sector.value, sectors.known()),
                    );
                }
                Some(id) if own.iter().any(|(other, _)| *other == id) => {
                    let message = "the sector has limits of this quantity already";
                    problems.add(sector.line, sector.value, message, "put them into one list");
                }
                Some(id) => own.push((id, list)),
            }
        }
        own
    }

    fn keep(&mut self, limits: Vec<Limit>) -> u16 {
        if limits.is_empty() {
            return 0;
        }
        self.lists.push(limits);
        (self.lists.len() - 1) as u16
    }
}
