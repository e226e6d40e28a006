//! Sectors (行业领域) and their parents; `all` stands above every one.

use super::SectorId;
use super::codes::Codes;
use super::document::Node;
use super::fields::Fields;
use super::problem::{Problem, Problems, choose};

/// Every sector.
#[derive(Clone, Debug)]
pub struct Sectors {
    list: Vec<Sector>,
    codes: Codes,
}

#[derive(Clone, Debug)]
pub(super) struct Sector {
    pub code: String,
    pub name_zh: String,
    pub name_en: String,
    /// Itself first, then its parents, `all` last.
    pub ancestors: Vec<SectorId>,
}

impl Sectors {
    /// The sum over all sectors; its code is `all`.
    pub const ALL: SectorId = SectorId(0);

    /// The sector with this code.
    pub fn find(&self, code: &str) -> Option<SectorId> {
        self.codes.find(code).map(SectorId)
    }

    /// The sector itself, then its parents, [`Self::ALL`] last.
    pub fn ancestors(&self, id: SectorId) -> &[SectorId] {
        &self.sector(id).ancestors
    }

    /// Its code.
    pub fn code(&self, id: SectorId) -> &str {
        &self.sector(id).code
    }

    /// Its Chinese name.
    pub fn name_zh(&self, id: SectorId) -> &str {
        &self.sector(id).name_zh
    }

    /// Its English name.
    pub fn name_en(&self, id: SectorId) -> &str {
        &self.sector(id).name_en
    }

    /// How many sectors, `all` included; ids are below this.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Never true: `all` is always there.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Every sector, `all` first, then in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = SectorId> + use<> {
        (0..self.list.len() as u16).map(SectorId)
    }

    /// Every code but `all`, for suggestions.
    pub(super) fn known(&self) -> impl Iterator<Item = &str> + Clone {
        self.list[1..].iter().map(|sector| sector.code.as_str())
    }

    pub(super) fn sector(&self, id: SectorId) -> &Sector {
        &self.list[usize::from(id.0)]
    }

    /// Reads and checks the whole file; every mistake is told at once.
    pub(super) fn read(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::of(file);
        let mut codes = Codes::default();
        codes.add(0, "all", 1, &mut problems);
        let mut list = vec![Sector {
            code: "all".to_owned(),
            name_zh: "全部领域".to_owned(),
            name_en: "All sectors".to_owned(),
            ancestors: vec![Self::ALL],
        }];
        let mut parents: Vec<Option<(u32, String)>> = vec![None];
        let node = Node::read(text, &mut problems);
        let top = node.as_ref().and_then(|node| Fields::of(node, &["sectors"], &mut problems));
        for entry in top.map_or(&[][..], |top| top.required_list("sectors", &mut problems)) {
            let Some(fields) = Fields::of(entry, &["code", "parent", "zh", "en"], &mut problems) else {
                continue;
            };
            let code = fields.required_code("code", &mut problems);
            let name_zh = fields.required_text("zh", &mut problems);
            let name_en = fields.required_text("en", &mut problems);
            let parent = fields.text("parent", &mut problems);
            // Without its names it still is a parent to others: the file is refused anyway, with its true mistakes only.
            let Some(code) = code else { continue };
            if !codes.add(code.line, code.value, usize::from(u16::MAX), &mut problems) {
                continue;
            }
            parents.push(parent.map(|parent| (parent.line, parent.value.to_owned())));
            list.push(Sector {
                code: code.value.to_owned(),
                name_zh: name_zh.map_or("", |name| name.value).to_owned(),
                name_en: name_en.map_or("", |name| name.value).to_owned(),
                ancestors: Vec::new(),
            });
        }
        resolve(&mut list, &parents, &codes, &mut problems);
        if problems.is_empty() { Ok(Sectors { list, codes }) } else { Err(problems.into_vec()) }
    }
}

fn resolve(list: &mut [Sector], parents: &[Option<(u32, String)>], codes: &Codes, problems: &mut Problems) {
    let above: Vec<Option<u16>> = parents
        .iter()
        .map(|parent| {
            let (line, code) = parent.as_ref()?;
            let found = codes.find(code);
            if found.is_none() {
                let known: Vec<&str> = list[1..].iter().map(|sector| sector.code.as_str()).collect();
                problems.add(*line, code, "the parent is not a sector", choose(code, known));
            }
            found
        })
        .collect();
    for index in 1..list.len() {
        let mut ancestors = Vec::new();
        let mut next = Some(index as u16);
        while let Some(at) = next {
            if ancestors.contains(&SectorId(at)) {
                if usize::from(at) == index {
                    let (line, code) = parents[index].as_ref().map_or((0, ""), |(line, code)| (*line, code));
                    let message = format!("the parents of `{}` lead back to itself", list[index].code);
                    problems.add(line, code, message, "remove one `parent` of the circle");
                }
                break;
            }
            ancestors.push(SectorId(at));
            next = above[usize::from(at)];
        }
        if ancestors.last() != Some(&Sectors::ALL) {
            ancestors.push(Sectors::ALL);
        }
        list[index].ancestors = ancestors;
    }
}
