//! A measure's filter: a CEL expression, compiled once, over the few names that its source has.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, ExecutionError, Program, Value};

use super::fact::{Fact, FactSource};
use super::fields::At;
use super::filter_check::{self, Words};
use super::problem::Problems;
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
    /// Compiles `when`. A syntax error, a name that facts of this source do not have, a word that its name never takes,
    /// and a result that is not true or false are problems.
    pub fn compile(
        when: At<&str>,
        source: FactSource,
        words: &Words<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
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
        if !filter_check::check(program.expression(), source, words, when.line, problems) {
            return None;
        }
        let remedy = "write an expression that is true or false for every event";
        match program.execute(&Self::scope(&Fact::of(source))) {
            // An attribute is there or not, event by event.
            Ok(Value::Bool(_)) | Err(ExecutionError::NoSuchKey(_)) => {}
            Ok(other) => {
                let message = format!("the filter yields a {}, not true or false", other.type_of());
                problems.add(when.line, when.value, message, remedy);
                return None;
            }
            Err(error) => {
                problems.add(
                    when.line,
                    when.value,
                    format!("the filter cannot be evaluated: {error}"),
                    remedy,
                );
                return None;
            }
        }
        Some(Filter { text: when.value.to_owned(), program })
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the names mean for one fact.
    pub fn scope<'c>(fact: &Fact<'_>) -> Context<'c, 'c> {
        let mut scope = Context::with_env(Arc::clone(&ENV));
        for name in fact.source.names() {
            match fact.text(name) {
                Some(text) => scope.add_variable_from_value(*name, text),
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
    let value = |scalar: &Scalar<'_>| match scalar {
        Scalar::Text(text) => Value::from(text.as_ref()),
        Scalar::Number(number) => Value::from(*number),
        Scalar::Flag(flag) => Value::from(*flag),
    };
    fact.attributes.iter().map(|(name, scalar)| (name.to_string(), value(scalar))).collect()
}
