//! What can be told about a filter before any event: names, functions and words that do not exist.
//!
//! A misspelt word would not fail at run time. It would count nothing, for ever, and nobody would notice.

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::fact::{FactSource, QUALITIES};
use super::kinds::Kinds;
use super::limits::LEVELS;
use super::problem::{Problems, choose};
use super::quantities::Quantities;

/// The functions that a filter may call.
const FUNCTIONS: [&str; 7] = ["contains", "double", "endsWith", "int", "size", "startsWith", "string"];

const GRADES: [&str; 2] = ["general", "major"];

/// The inspection sources of the contract.
const INSPECTORS: [&str; 6] = ["grid", "station", "department", "self", "third_party", "insurer"];

/// The words of the other files; `None` where that file has mistakes of its own.
pub(super) struct Words<'t> {
    pub kinds: Option<&'t Kinds>,
    pub quantities: Option<&'t Quantities>,
}

impl<'t> Words<'t> {
    /// Every word that `name` can take; `None` when its words are not a closed set.
    fn of(&self, name: &str, source: FactSource) -> Option<Vec<&'t str>> {
        let kinds = |own: bool| {
            let kinds = self.kinds?;
            // Hazards are counted by `from: hazard`: an item is never one.
            Some(kinds.iter().filter(move |id| (*id == Kinds::HAZARD) == own).map(|id| kinds.get(id)))
        };
        let words = match (name, source) {
            ("level", _) => LEVELS.iter().map(|(word, _)| *word).collect(),
            ("quality", _) => QUALITIES.iter().map(|(word, _)| *word).collect(),
            ("grade", _) => GRADES.to_vec(),
            ("source", _) => INSPECTORS.to_vec(),
            ("quantity", _) => self.quantities?.known().collect(),
            ("kind", FactSource::Item) => kinds(false)?.map(|kind| kind.code.as_str()).collect(),
            ("stage", _) => {
                let own = kinds(source == FactSource::Hazard)?;
                let mut stages: Vec<&str> =
                    own.flat_map(|kind| &kind.stages).map(|stage| stage.code.as_str()).collect();
                stages.sort_unstable();
                stages.dedup();
                stages
            }
            _ => return None,
        };
        Some(words)
    }
}

/// Tells what does not exist; true when there is nothing to tell.
pub(super) fn check(
    expression: &IdedExpr,
    source: FactSource,
    words: &Words<'_>,
    line: u32,
    problems: &mut Problems,
) -> bool {
    let mut walk = Walk { source, words, bound: Vec::new(), found: Vec::new() };
    walk.expression(&expression.expr);
    let good = walk.found.is_empty();
    for (value, message, remedy) in walk.found {
        problems.add(line, value, message, remedy);
    }
    good
}

struct Walk<'w> {
    source: FactSource,
    words: &'w Words<'w>,
    /// Names that `exists`, `all`, … bind in what is being walked.
    bound: Vec<String>,
    found: Vec<(String, String, String)>,
}

impl Walk<'_> {
    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::Ident(name) => self.name(name),
            Expr::Call(call) => self.call(call),
            Expr::Select(select) => self.expression(&select.operand.expr),
            Expr::List(list) => list.elements.iter().for_each(|one| self.expression(&one.expr)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(one) => one.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Comprehension(over) => {
                self.expression(&over.iter_range.expr);
                self.expression(&over.accu_init.expr);
                let depth = self.bound.len();
                self.bound
                    .extend([&over.iter_var, &over.accu_var].into_iter().chain(&over.iter_var2).cloned());
                for part in [&over.loop_cond, &over.loop_step, &over.result] {
                    self.expression(&part.expr);
                }
                self.bound.truncate(depth);
            }
            Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    fn entry(&mut self, entry: &EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.expression(&field.value.expr),
            EntryExpr::MapEntry(pair) => {
                self.expression(&pair.key.expr);
                self.expression(&pair.value.expr);
            }
        }
    }

    fn name(&mut self, name: &str) {
        let names = self.source.names();
        if names.contains(&name) || self.bound.iter().any(|bound| bound == name) {
            return;
        }
        let message = format!("`{}` facts have no such name", self.source.code());
        self.found.push((name.to_owned(), message, choose(name, names.iter().copied())));
    }

    fn call(&mut self, call: &CallExpr) {
        let named = call.func_name.starts_with(|first: char| first.is_ascii_alphabetic());
        if named && !FUNCTIONS.contains(&call.func_name.as_str()) {
            let remedy = choose(&call.func_name, FUNCTIONS);
            self.found.push((call.func_name.clone(), "a filter has no such function".to_owned(), remedy));
        }
        if let [left, right] = call.args.as_slice() {
            match call.func_name.as_str() {
                operators::EQUALS | operators::NOT_EQUALS => {
                    self.compared(&left.expr, &right.expr);
                    self.compared(&right.expr, &left.expr);
                }
                operators::IN => {
                    if let Expr::List(list) = &right.expr {
                        list.elements.iter().for_each(|one| self.compared(&left.expr, &one.expr));
                    }
                }
                _ => {}
            }
        }
        call.target.iter().for_each(|target| self.expression(&target.expr));
        call.args.iter().for_each(|arg| self.expression(&arg.expr));
    }

    /// `name == "word"`: the word must be one that the name can take; empty means absent.
    fn compared(&mut self, name: &Expr, word: &Expr) {
        let (Expr::Ident(name), Expr::Literal(LiteralValue::String(word))) = (name, word) else { return };
        let Some(known) = self.words.of(name, self.source) else { return };
        let word = word.inner();
        if !word.is_empty() && !known.contains(&word) {
            self.found.push((word.to_owned(), format!("`{name}` is never this word"), choose(word, known)));
        }
    }
}
