//! Takes settings out of what was written, one typed value at a time, and notes every problem on the way.

use std::collections::BTreeMap;

use super::problem::{Place, Problem, Wrong, nearest};
use super::table::{self, Row};
use super::written::Spec;
use super::yaml::{Content, Node};

/// Reads each setting of the table once. A value that is wrong becomes a problem, and its default is taken instead, so that
/// the other settings are looked at as well.
pub(super) struct Reader<'a> {
    spec: &'a Spec,
    pub problems: &'a mut Vec<Problem>,
    taken: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub fn new(spec: &'a Spec, problems: &'a mut Vec<Problem>) -> Self {
        Reader { spec, problems, taken: Vec::new() }
    }

    /// A setting with one value.
    pub fn scalar<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T, Wrong>) -> T {
        let row = self.row(key);
        if let Some(node) = self.written(row)
            && let Some(value) = scalar(key, node, &parse, self.problems)
        {
            return value;
        }
        parse(row.default)
            .unwrap_or_else(|wrong| unreachable!("the default of {key} is no {}", wrong.expected))
    }

    /// A setting that is one of a closed set of names.
    pub fn choice<T: Copy>(&mut self, key: &str, names: &[(&'static str, T)]) -> T {
        self.scalar(key, |text| super::value::one_of(text, names))
    }

    /// A setting with several values.
    pub fn list<T>(&mut self, key: &str, item: impl Fn(&Node, &mut Vec<Problem>) -> Option<T>) -> Vec<T> {
        let row = self.row(key);
        let default = default_node(row);
        let node = self.written(row).unwrap_or(&default);
        let items = match &node.content {
            Content::List(items) => items.as_slice(),
            Content::Nothing => &[],
            Content::Scalar(_) | Content::Map(_) => {
                self.problems.push(shape_problem(row, node, "a list"));
                &[]
            }
        };
        items.iter().filter_map(|node| item(node, self.problems)).collect()
    }

    /// A setting whose entries are named by whoever writes them. Values may be secrets: they never stand in a problem.
    pub fn texts(&mut self, key: &str) -> BTreeMap<String, String> {
        let row = self.row(key);
        let Some(node) = self.written(row) else { return BTreeMap::new() };
        let mut texts = BTreeMap::new();
        match &node.content {
            Content::Nothing => {}
            Content::Map(entries) => flatten("", entries, &mut texts, row, self.problems),
            Content::Scalar(_) | Content::List(_) => self.problems.push(shape_problem(row, node, "a map")),
        }
        texts
    }

    /// Notes a problem between settings at the place of one of them.
    pub fn problem(&mut self, key: &str, message: String, remedy: String) {
        let row = table::find(key);
        let place = row.and_then(|row| self.written(row)).map_or(Place::Default, |node| node.place.clone());
        self.problems.push(Problem { place, message, value: String::new(), remedy });
    }

    /// Whether somebody wrote this setting.
    pub fn is_written(&self, key: &str) -> bool {
        table::find(key).and_then(|row| self.written(row)).is_some()
    }

    /// The settings that were taken; a test holds them against the table.
    #[cfg(test)]
    pub fn taken(self) -> Vec<&'static str> {
        self.taken
    }

    fn row(&mut self, key: &str) -> &'static Row {
        let row = table::find(key).unwrap_or_else(|| unreachable!("{key} is not in the table of settings"));
        self.taken.push(row.key);
        row
    }

    fn written(&self, row: &Row) -> Option<&'a Node> {
        self.spec.values.get(row.key).filter(|node| node.content != Content::Nothing)
    }
}

/// Reads one value, wherever it stands.
pub(super) fn scalar<T>(
    name: &str,
    node: &Node,
    parse: impl Fn(&str) -> Result<T, Wrong>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let text = match &node.content {
        Content::Scalar(text) => text.as_str(),
        Content::Nothing => "",
        Content::List(_) | Content::Map(_) => {
            problems.push(Problem {
                place: node.place.clone(),
                message: format!("{name} takes one value"),
                value: String::new(),
                remedy: "write it behind the colon, on the same line".to_owned(),
            });
            return None;
        }
    };
    parse(text)
        .map_err(|wrong| {
            problems.push(Problem {
                place: node.place.clone(),
                message: format!("{name} is not {}", wrong.expected),
                value: text.to_owned(),
                remedy: wrong.remedy,
            });
        })
        .ok()
}

/// The entries of a map with fixed names; a name that is not among them is a problem.
pub(super) fn fields<'n, const N: usize>(
    name: &str,
    entries: &'n [(String, Node)],
    known: [&'static str; N],
    problems: &mut Vec<Problem>,
) -> [Option<&'n Node>; N] {
    let mut found = [None; N];
    for (key, node) in entries {
        match known.iter().position(|candidate| candidate == key) {
            Some(index) => found[index] = Some(node),
            None => problems.push(Problem {
                place: node.place.clone(),
                message: format!("{name} has no such field"),
                value: key.clone(),
                remedy: nearest(key, known.iter().copied()),
            }),
        }
    }
    found
}

fn default_node(row: &Row) -> Node {
    Node::parse(row.default, &|_| Place::Default)
        .unwrap_or_else(|error| unreachable!("the default of {} is no YAML: {}", row.key, error.message))
}

fn shape_problem(row: &Row, node: &Node, shape: &str) -> Problem {
    Problem {
        place: node.place.clone(),
        message: format!("{} is not {shape}", row.key),
        value: String::new(),
        remedy: format!("write it like its default: {}", row.default),
    }
}

/// `sasl: {username: x}` and `sasl.username: x` are the same property.
fn flatten(
    prefix: &str,
    entries: &[(String, Node)],
    texts: &mut BTreeMap<String, String>,
    row: &Row,
    problems: &mut Vec<Problem>,
) {
    for (name, node) in entries {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match &node.content {
            Content::Scalar(text) => drop(texts.insert(path, text.clone())),
            Content::Map(entries) => flatten(&path, entries, texts, row, problems),
            Content::Nothing | Content::List(_) => problems.push(Problem {
                place: node.place.clone(),
                message: format!("{}.{path} takes one text", row.key),
                value: String::new(),
                remedy: "write its value behind the colon; several in one text, with commas".to_owned(),
            }),
        }
    }
}
