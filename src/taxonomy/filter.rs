//! A measure's filter: a CEL expression, compiled once, over the few names that its source has.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, Program, Value};

use super::document::At;
use super::measures::{Fact, FactSource};
use super::problem::{Problems, choose};
use super::{Grade, Level};
use crate::event::Scalar;

/// Shared by every evaluation: building it is the costly part of a context.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A compiled filter.
#[derive(Debug)]
pub(super) struct Filter {
    text: String,
    program: Program,
}

impl Filter {
    /// Compiles `when`; a syntax error, or a name that facts of this source do not have, is a problem.
    pub fn compile(when: At<&str>, source: FactSource, problems: &mut Problems) -> Option<Self> {
        let program = match Program::compile(when.value) {
            Ok(program) => program,
            Err(errors) => {
                let told = errors.errors.first().map_or_else(String::new, |error| error.msg.clone());
                problems.add(
                    when.line,
                    when.value,
                    format!("not a CEL expression: {told}"),
                    "mend the expression",
                );
                return None;
            }
        };
        let names = names(source);
        let mut unknown: Vec<String> = {
            let references = program.references();
            references
                .variables()
                .into_iter()
                .filter(|name| !names.contains(name))
                .map(str::to_owned)
                .collect()
        };
        unknown.sort_unstable();
        for name in &unknown {
            problems.add(when.line, name, "unknown name in the filter", choose(name, names.iter().copied()));
        }
        unknown.is_empty().then(|| Filter { text: when.value.to_owned(), program })
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the names mean for one fact.
    pub fn scope<'c>(fact: &Fact<'_>) -> Context<'c, 'c> {
        let mut scope = Context::with_env(Arc::clone(&ENV));
        let texts = [
            ("grade", fact.grade.map_or("", Grade::code)),
            ("stage", fact.stage.unwrap_or("")),
            ("kind", fact.kind.unwrap_or("")),
            ("level", fact.level.map_or("", Level::code)),
            ("quantity", fact.quantity.unwrap_or("")),
            ("source", fact.inspected_by.unwrap_or("")),
            ("campaign", fact.campaign.unwrap_or("")),
        ];
        for name in names(fact.source) {
            match texts.iter().find(|(text, _)| text == name) {
                Some((name, text)) => scope.add_variable_from_value(*name, *text),
                None => scope.add_variable_from_value(*name, attributes(fact)),
            }
        }
        scope
    }

    /// Whether the fact counts. What cannot be decided (an attribute that it does not have) does not count.
    pub fn holds(&self, scope: &Context<'_, '_>) -> bool {
        matches!(self.program.execute(scope), Ok(Value::Bool(true)))
    }
}

fn attributes(fact: &Fact<'_>) -> HashMap<String, Value> {
    fact.attributes
        .iter()
        .map(|(name, scalar)| {
            let value = match scalar {
                Scalar::Text(text) => Value::from(text.as_ref()),
                Scalar::Number(number) => Value::from(*number),
                Scalar::Flag(flag) => Value::from(*flag),
            };
            (name.to_string(), value)
        })
        .collect()
}

/// The names that a filter over facts of this source may use.
const fn names(source: FactSource) -> &'static [&'static str] {
    match source {
        FactSource::Reading => &[],
        FactSource::Alarm => &["level"],
        FactSource::Inspection => &["source", "campaign"],
        FactSource::Hazard => &["stage", "grade", "attributes"],
        FactSource::Item => &["kind", "stage", "level", "attributes"],
        FactSource::Record => &["kind", "attributes"],
    }
}
