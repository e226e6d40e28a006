//! Kinds of items, their stages, which stage may follow which, and the deadlines that stages start.

use super::codes::Codes;
use super::document::Node;
use super::problem::{Problem, Problems};
use super::{Grade, KindId, StageId};

/// A kind of item: an order, a reported issue, a permit, …; or the built-in hazard.
#[derive(Clone, Debug, PartialEq)]
pub struct Kind {
    /// Its code on the wire.
    pub code: String,
    /// Its Chinese name.
    pub name_zh: String,
    /// Its English name.
    pub name_en: String,
    /// Its stages; at most 64.
    pub stages: Vec<Stage>,
}

/// A stage of a kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Its code on the wire.
    pub code: String,
    /// Its Chinese name.
    pub name_zh: String,
    /// Its English name.
    pub name_en: String,
    /// How long an item may stay here; `None`: as long as it likes. The event's `due` stands above it.
    pub deadline_ms: Option<i64>,
    /// The same for a major hazard, where it differs.
    pub deadline_major_ms: Option<i64>,
    /// Whether it ends the item: nothing is open or due any more. It may still be followed, as a recheck follows a closing.
    pub terminal: bool,
    /// Whether an item may begin here.
    pub start: bool,
    /// Bit n: may follow stage n.
    pub(super) after: u64,
    /// The same for a major hazard.
    pub(super) after_major: u64,
}

impl Stage {
    /// How long an item of this grade may stay here.
    pub fn deadline_ms(&self, grade: Option<Grade>) -> Option<i64> {
        match grade {
            Some(Grade::Major) => self.deadline_major_ms,
            Some(Grade::General) | None => self.deadline_ms,
        }
    }
}

impl Kind {
    /// The stage with this code.
    pub fn stage(&self, code: &str) -> Option<StageId> {
        // A dozen short texts: walking them costs less than hashing.
        self.stages.iter().position(|stage| stage.code == code).map(|index| StageId(index as u8))
    }

    /// The stage of an id.
    pub fn get(&self, id: StageId) -> &Stage {
        &self.stages[usize::from(id.0)]
    }

    /// Whether an item may begin at this stage.
    pub fn is_start(&self, stage: StageId) -> bool {
        self.get(stage).start
    }

    /// Whether `to` may follow `from` (`None`: nothing yet, so `to` must be a start). A hazard whose grade is unknown is
    /// judged as a general one.
    pub fn may_follow(&self, from: Option<StageId>, to: StageId, grade: Option<Grade>) -> bool {
        let stage = self.get(to);
        let Some(from) = from else { return stage.start };
        let after = match grade {
            Some(Grade::Major) => stage.after_major,
            Some(Grade::General) | None => stage.after,
        };
        after >> from.0 & 1 == 1
    }
}

/// Every kind.
#[derive(Clone, Debug)]
pub struct Kinds {
    list: Vec<Kind>,
    codes: Codes,
}

impl Kinds {
    /// The built-in kind `hazard`; it must be the first of the file.
    pub const HAZARD: KindId = KindId(0);

    /// The kind with this code.
    pub fn find(&self, code: &str) -> Option<KindId> {
        self.codes.find(code).map(KindId)
    }

    /// Its code, names and stages.
    pub fn get(&self, id: KindId) -> &Kind {
        &self.list[usize::from(id.0)]
    }

    /// How many kinds; ids are below this.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Never true: `hazard` is always there.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Every kind, `hazard` first, then in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = KindId> + use<> {
        (0..self.list.len() as u16).map(KindId)
    }

    /// Reads and checks the whole file; every mistake is told at once.
    pub(super) fn read(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::of(file);
        let node = Node::read(text, &mut problems);
        let (list, codes) = super::stages::read(node.as_ref(), &mut problems);
        if problems.is_empty() { Ok(Kinds { list, codes }) } else { Err(problems.into_vec()) }
    }
}
