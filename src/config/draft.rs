//! Settings on the way to being resolved: read, but perhaps wrong.

use std::path::Path;

use super::Settings;
use super::problem::{Place, Problem};
use super::reader::Reader;
use super::written::Spec;

/// Settings as far as they could be read, and what is wrong with them: whoever checks more adds to it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// With the default in the place of each value that is wrong.
    pub settings: Settings,
    problems: Vec<Problem>,
    spec: Spec,
}

impl Draft {
    /// Reads `file`, where one is given, and the variables of the environment, which go before the file.
    pub fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Self {
        let Some(path) = file else { return Draft::read(None, environment) };
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Draft::read(Some((&name, &text)), environment),
            Err(error) => {
                let mut draft = Draft::read(None, environment);
                draft.problems.push(Problem {
                    place: Place::File { path: name, line: 0 },
                    message: format!("the settings file cannot be read: {error}"),
                    value: String::new(),
                    remedy: "name a file that exists and is UTF-8, or leave --config out for the defaults"
                        .to_owned(),
                });
                draft
            }
        }
    }

    /// Reads a file's name and text, and variables.
    pub fn read(file: Option<(&str, &str)>, environment: impl Iterator<Item = (String, String)>) -> Self {
        let mut problems = Vec::new();
        let mut spec = Spec::default();
        if let Some((name, text)) = file {
            spec.add_yaml(name, text, &mut problems);
        }
        spec.add_environment(environment, &mut problems);
        let settings = Settings::read(&mut Reader::new(&spec, &mut problems));
        Draft { settings, problems, spec }
    }

    /// Notes a problem with the setting `key`, at the place where it was written.
    pub fn wrong(&mut self, key: &str, message: impl Into<String>, remedy: impl Into<String>) {
        Reader::new(&self.spec, &mut self.problems).problem(key, message.into(), remedy.into());
    }

    /// What is wrong, in the order of the file and then of the variables' names.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        problems.sort();
        problems.dedup();
        problems
    }

    /// The settings.
    ///
    /// # Errors
    /// Every problem.
    pub fn finish(self) -> Result<Settings, Vec<Problem>> {
        if self.problems.is_empty() { Ok(self.settings) } else { Err(self.problems()) }
    }
}
