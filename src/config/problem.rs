//! A mistake in the settings, with all that is needed to mend it.

use std::fmt;

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a file, at a line counted from 1.
    File {
        /// As it was given on the command line.
        path: String,
        /// From 1; 0 when the file as a whole is meant.
        line: u64,
    },
    /// In this environment variable.
    Environment(String),
    /// Nowhere: the built-in default.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { path, line: 0 } => write!(f, "{path}"),
            Place::File { path, line } => write!(f, "{path}:{line}"),
            Place::Environment(name) => write!(f, "{name}"),
            Place::Default => write!(f, "built-in default"),
        }
    }
}

/// One mistake in what was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong, naming the setting.
    pub message: String,
    /// The value found; empty where there is none, or where it may be a secret.
    pub value: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        if !self.value.is_empty() {
            write!(f, " (found \"{}\")", self.value)?;
        }
        write!(f, ": {}", self.remedy)
    }
}

/// What is wrong with one value, before it is known where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What was expected, as the end of the sentence "this is not …".
    pub expected: String,
    /// What to write instead.
    pub remedy: String,
}

impl Wrong {
    /// "not `expected`", and what to write.
    pub fn new(expected: impl Into<String>, remedy: impl Into<String>) -> Self {
        Wrong { expected: expected.into(), remedy: remedy.into() }
    }
}

/// The remedy for a name that is none of `known`: the nearest one, or the list where it is short.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let best = known
        .clone()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min();
    match best {
        Some((_, candidate)) => format!("did you mean \"{candidate}\"?"),
        None => format!("use one of {}", known.collect::<Vec<_>>().join(", ")),
    }
}
