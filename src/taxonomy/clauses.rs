//! Clauses of the criteria for major hazards (重大事故隐患判定标准), by standard.

use super::ClauseId;
use super::SectorId;
use super::codes::Codes;
use super::document::Node;
use super::fields::Fields;
use super::limits::BASES;
use super::problem::{Problem, Problems, choose};
use super::quantities::Basis;
use super::sectors::Sectors;

/// One clause by which a hazard is major.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// `<standard>-<section>-<item>`, such as `KS-2022-U-31`.
    pub code: String,
    /// The standard's code, such as `KS-2022`.
    pub standard: String,
    /// A short Chinese title.
    pub name_zh: String,
    /// A short English title.
    pub name_en: String,
    /// The sector it is written for.
    pub sector: SectorId,
    /// The document it stands in.
    pub source: String,
    /// How sure the title and number are.
    pub basis: Basis,
}

/// Every clause.
#[derive(Clone, Debug)]
pub struct Clauses {
    list: Vec<Clause>,
    codes: Codes,
}

impl Clauses {
    /// The clause with this code.
    pub fn find(&self, code: &str) -> Option<ClauseId> {
        self.codes.find(code).map(ClauseId)
    }

    /// Its code, titles, sector and source.
    pub fn get(&self, id: ClauseId) -> &Clause {
        &self.list[usize::from(id.0)]
    }

    /// How many clauses; ids are below this.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Every clause, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = ClauseId> + use<> {
        (0..self.list.len() as u16).map(ClauseId)
    }

    /// Reads and checks the whole file; every mistake is told at once. Without `sectors` (their file has mistakes of its
    /// own) the sectors that standards name are not checked.
    pub(super) fn read(file: &str, text: &str, sectors: Option<&Sectors>) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::of(file);
        let mut all = Clauses { list: Vec::new(), codes: Codes::default() };
        let mut standards = Codes::default();
        let node = Node::read(text, &mut problems);
        let top = node.as_ref().and_then(|node| Fields::of(node, &["standards"], &mut problems));
        for entry in top.map_or(&[][..], |top| top.required_list("standards", &mut problems)) {
            all.read_standard(entry, sectors, &mut standards, &mut problems);
        }
        if problems.is_empty() { Ok(all) } else { Err(problems.into_vec()) }
    }

    fn read_standard(
        &mut self,
        entry: &Node,
        sectors: Option<&Sectors>,
        standards: &mut Codes,
        problems: &mut Problems,
    ) {
        let Some(fields) = Fields::of(entry, &["code", "source", "sector", "clauses"], problems) else {
            return;
        };
        let standard = fields.required_text("code", problems);
        let source = fields.required_text("source", problems);
        if let Some(standard) = standard
            && check_code(standard.line, standard.value, problems)
        {
            standards.add(standard.line, standard.value, usize::from(u16::MAX), problems);
        }
        let sector = fields.required_text("sector", problems).and_then(|sector| {
            let sectors = sectors?;
            let found = sectors.find(sector.value);
            if found.is_none() {
                problems.add(
                    sector.line,
                    sector.value,
                    "unknown sector",
                    choose(sector.value, sectors.known()),
                );
            }
            found
        });
        for entry in fields.required_list("clauses", problems) {
            let Some(fields) = Fields::of(entry, &["code", "zh", "en", "basis"], problems) else { continue };
            let code = fields.required_text("code", problems);
            let name_zh = fields.required_text("zh", problems);
            let name_en = fields.required_text("en", problems);
            let basis = fields.required_word("basis", &BASES, problems);
            let Some(code) = code.filter(|code| check_code(code.line, code.value, problems)) else {
                continue;
            };
            let standard = standard.map_or("", |standard| standard.value);
            if !standard.is_empty()
                && !code.value.strip_prefix(standard).is_some_and(|item| item.starts_with('-'))
            {
                let remedy = format!("begin it with `{standard}-`");
                problems.add(code.line, code.value, "the clause does not begin with its standard", remedy);
            }
            if self.codes.add(code.line, code.value, usize::from(u16::MAX), problems) {
                self.list.push(Clause {
                    code: code.value.to_owned(),
                    standard: standard.to_owned(),
                    name_zh: name_zh.map_or("", |name| name.value).to_owned(),
                    name_en: name_en.map_or("", |name| name.value).to_owned(),
                    sector: sector.unwrap_or(Sectors::ALL),
                    source: source.map_or("", |source| source.value).to_owned(),
                    basis: basis.unwrap_or(Basis::Known),
                });
            }
        }
    }
}

fn check_code(line: u32, code: &str, problems: &mut Problems) -> bool {
    let good = code.split('-').all(|part| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    }) && code.len() <= 64;
    if !good {
        problems.add(
            line,
            code,
            "not the code of a clause",
            "use A–Z and 0–9, joined by hyphens, such as WH-2017-12",
        );
    }
    good
}
