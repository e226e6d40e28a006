//! A mistake in a file, told so that whoever wrote it can mend it: where, what, and what to do.

use std::fmt;

/// One mistake in one of the files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, as it was named to the loader.
    pub file: String,
    /// The line, counted from 1; 0 when the file as a whole is meant.
    pub line: u32,
    /// The offending value as written; empty when something is absent.
    pub value: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.message)?;
        if !self.value.is_empty() {
            write!(f, " (found {:?})", self.value)?;
        }
        write!(f, ": {}", self.remedy)
    }
}

/// Collects the problems of one file; the checks go on after each, so that all are told at once.
#[derive(Debug)]
pub struct Problems {
    file: String,
    found: Vec<Problem>,
}

impl Problems {
    /// None so far in `file`.
    pub fn of(file: impl Into<String>) -> Self {
        Problems { file: file.into(), found: Vec::new() }
    }

    /// One more.
    pub fn add(
        &mut self,
        line: u32,
        value: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.found.push(Problem {
            file: self.file.clone(),
            line,
            value: value.into(),
            message: message.into(),
            remedy: remedy.into(),
        });
    }

    /// How many so far.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All of them, in the order of the file; one that an alias repeats is told once.
    pub fn into_vec(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| problem.line);
        let mut seen = std::collections::BTreeSet::new();
        self.found.retain(|problem| seen.insert(problem.clone()));
        self.found
    }
}

/// The known word that was probably meant by `word`, if one is near enough.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance * 3 <= candidate.len().max(word.len()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A remedy for an unknown word: the nearest known one, or the list of them.
pub fn choose<'k>(word: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> String {
    if let Some(candidate) = nearest(word, known.clone()) {
        return format!("write `{candidate}`, if that is meant");
    }
    let all: Vec<&str> = known.into_iter().collect();
    match all.len() {
        0 => "none is defined yet".to_owned(),
        1..=24 => format!("use one of {}", all.join(", ")),
        more => format!("use one of {}, … ({more} in all)", all[..24].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_says_where_what_and_what_to_do() {
        let mut problems = Problems::of("config/taxonomy/sectors.yaml");
        problems.add(12, "minning", "the parent is not a sector", "write `mining`, if that is meant");
        problems.add(0, "", "the file cannot be read", "restore it");
        let told: Vec<String> = problems.into_vec().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "config/taxonomy/sectors.yaml: the file cannot be read: restore it",
                "config/taxonomy/sectors.yaml:12: the parent is not a sector (found \"minning\"): write `mining`, if that is meant",
            ]
        );
    }

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        let known = ["set_point", "deadband", "on_delay"];
        assert_eq!(nearest("setpoint", known), Some("set_point"));
        assert_eq!(nearest("dedaband", known), Some("deadband"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(choose("colour", known), "use one of set_point, deadband, on_delay");
    }
}
