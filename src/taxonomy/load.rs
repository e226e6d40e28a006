//! Files → [`Taxonomy`]: every mistake of every file at once.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::Taxonomy;
use super::canonical::{text, text_without_limits};
use super::clauses::Clauses;
use super::kinds::Kinds;
use super::measures::Measures;
use super::problem::Problem;
use super::quantities::Quantities;
use super::region_rows;
use super::sectors::Sectors;

/// The files of a taxonomy, in the order in which they are told of.
pub const FILES: [&str; 6] =
    ["regions.csv", "sectors.yaml", "quantities.yaml", "clauses.yaml", "kinds.yaml", "measures.yaml"];

/// Their texts as they are shipped.
pub const SHIPPED: [&str; 6] = [
    include_str!("../../config/taxonomy/regions.csv"),
    include_str!("../../config/taxonomy/sectors.yaml"),
    include_str!("../../config/taxonomy/quantities.yaml"),
    include_str!("../../config/taxonomy/clauses.yaml"),
    include_str!("../../config/taxonomy/kinds.yaml"),
    include_str!("../../config/taxonomy/measures.yaml"),
];

impl Taxonomy {
    /// Shaoxing's, as it is shipped in config/taxonomy/.
    pub fn shipped() -> Self {
        let names = FILES.map(|name| format!("config/taxonomy/{name}"));
        match Self::read(names.each_ref().map(String::as_str), SHIPPED) {
            Ok(taxonomy) => taxonomy,
            // A test holds that it has none; whoever changes a shipped file reads them all here.
            Err(problems) => {
                let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
                panic!("the shipped taxonomy has mistakes:\n{}", told.join("\n"))
            }
        }
    }

    /// Reads the six files of `dir`.
    pub fn load(dir: &Path) -> Result<Self, Vec<Problem>> {
        let paths = FILES.map(|name| dir.join(name));
        let names = paths.each_ref().map(|path| path.display().to_string());
        let mut unreadable = Vec::new();
        let texts = [0, 1, 2, 3, 4, 5].map(|index| {
            std::fs::read_to_string(&paths[index]).unwrap_or_else(|error| {
                unreadable.push(Problem {
                    file: names[index].clone(),
                    line: 0,
                    value: String::new(),
                    message: format!("cannot be read: {error}"),
                    remedy: format!("put it there; config/taxonomy/{} is a complete one", FILES[index]),
                });
                String::new()
            })
        });
        let read = Self::read(names.each_ref().map(String::as_str), texts.each_ref().map(String::as_str));
        match read {
            Ok(taxonomy) => Ok(taxonomy),
            Err(problems) => {
                let known = |problem: &Problem| unreadable.iter().any(|other| other.file == problem.file);
                let rest: Vec<Problem> = problems.into_iter().filter(|problem| !known(problem)).collect();
                unreadable.extend(rest);
                Err(unreadable)
            }
        }
    }

    /// Reads the texts of the six files, named for the messages.
    pub fn read(names: [&str; 6], texts: [&str; 6]) -> Result<Self, Vec<Problem>> {
        let regions = region_rows::read(names[0], texts[0]);
        let sectors = Sectors::read(names[1], texts[1]);
        let quantities = Quantities::read(names[2], texts[2], sectors.as_ref().ok());
        let clauses = Clauses::read(names[3], texts[3], sectors.as_ref().ok());
        let kinds = Kinds::read(names[4], texts[4]);
        let measures = Measures::read(names[5], texts[5], kinds.as_ref().ok(), quantities.as_ref().ok());
        let mut problems = Vec::new();
        let regions = kept(regions, &mut problems);
        let sectors = kept(sectors, &mut problems);
        let quantities = kept(quantities, &mut problems);
        let clauses = kept(clauses, &mut problems);
        let kinds = kept(kinds, &mut problems);
        let measures = kept(measures, &mut problems);
        match (regions, sectors, quantities, clauses, kinds, measures) {
            (Some(regions), Some(sectors), Some(quantities), Some(clauses), Some(kinds), Some(measures)) => {
                Ok(Taxonomy { regions, sectors, quantities, clauses, kinds, measures })
            }
            _ => Err(problems),
        }
    }

    /// Whether the other differs in limits alone: then every index means the same in both.
    pub fn differs_in_limits_alone(&self, other: &Taxonomy) -> bool {
        text_without_limits(self) == text_without_limits(other)
    }

    /// SHA-256, in hex, of what the files mean: comments, spacing and the order of keys do not change it.
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(text(self).as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn kept<T>(read: Result<T, Vec<Problem>>, problems: &mut Vec<Problem>) -> Option<T> {
    read.map_err(|found| problems.extend(found)).ok()
}
