//! Codes → dense indexes: one small table for every list of the taxonomy.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::problem::Problems;

/// Codes and their indexes. The table is fixed once loaded and never walked, so no order leaks out of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Codes {
    indexes: HashMap<Box<str>, u16, FixedState>,
    lines: Vec<u32>,
}

impl Codes {
    /// Gives `code` the next index; false, and a problem, when it stands twice or is one too many.
    pub fn add(&mut self, line: u32, code: &str, most: usize, problems: &mut Problems) -> bool {
        if let Some(first) = self.indexes.get(code).map(|index| self.lines[usize::from(*index)]) {
            let remedy = "delete one of them, or give it another code";
            let message = if first == 0 {
                "the code is built in".to_owned()
            } else {
                format!("the code stands at line {first} already")
            };
            problems.add(line, code, message, remedy);
            return false;
        }
        if self.lines.len() == most {
            problems.add(line, code, format!("more than {most} entries"), "remove some");
            return false;
        }
        self.indexes.insert(code.into(), self.lines.len() as u16);
        self.lines.push(line);
        true
    }

    /// The index of `code`.
    pub fn find(&self, code: &str) -> Option<u16> {
        self.indexes.get(code).copied()
    }
}
