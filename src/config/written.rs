//! What was written: settings as they stand in a file and in the environment, each with its place.

use std::collections::BTreeMap;

use super::problem::{Place, Problem, nearest};
use super::table::{self, ENV_PREFIX, ROWS};
use super::yaml::{Content, Node};

/// What was written, by the key of the setting: the environment's word goes before the file's.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spec {
    pub values: BTreeMap<&'static str, Node>,
}

impl Spec {
    /// Takes in a YAML file. Unknown and repeated keys are problems; the rest is taken in nevertheless.
    pub fn add_yaml(&mut self, path: &str, text: &str, problems: &mut Vec<Problem>) {
        let place = |line| Place::File { path: path.to_owned(), line };
        match Node::parse(text, &place) {
            Ok(root) => self.add_node("", root, problems),
            Err(error) => problems.push(Problem {
                place: place(error.line),
                message: format!("this is not YAML: {}", error.message),
                value: String::new(),
                remedy: "mend the line; indentation is by spaces, texts with \": \" or \"#\" need quotes"
                    .to_owned(),
            }),
        }
    }

    fn add_node(&mut self, key: &str, node: Node, problems: &mut Vec<Problem>) {
        if let Some(row) = table::find(key) {
            self.values.insert(row.key, node);
            return;
        }
        let entries = match node.content {
            Content::Nothing => return,
            Content::Map(entries) => entries,
            Content::Scalar(_) | Content::List(_) => {
                let name = if key.is_empty() { "the file" } else { key };
                problems.push(Problem {
                    place: node.place,
                    message: format!("{name} is not a group of settings"),
                    value: String::new(),
                    remedy: "write \"name: value\" lines under it".to_owned(),
                });
                return;
            }
        };
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in entries {
            let path = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
            if seen.contains(&name) {
                problems.push(Problem {
                    place: value.place.clone(),
                    message: format!("{path} stands twice"),
                    value: name,
                    remedy: "keep one of them".to_owned(),
                });
            } else if table::is_known(&path) {
                seen.push(name);
                self.add_node(&path, value, problems);
            } else {
                problems.push(unknown_key(&path, value.place));
            }
        }
    }

    /// Takes in variables of the environment; those that are not hazstream's are left alone.
    pub fn add_environment(
        &mut self,
        variables: impl Iterator<Item = (String, String)>,
        problems: &mut Vec<Problem>,
    ) {
        let mut variables: Vec<_> =
            variables.filter(|(name, value)| is_ours(name) && !value.is_empty()).collect();
        // Sorted, so that a map's single entries come after the map itself, and problems keep their order.
        variables.sort();
        for (name, value) in variables {
            let place = Place::Environment(name.clone());
            if let Some(row) = ROWS.iter().find(|row| row.env() == name) {
                match row.is_structured().then(|| Node::parse(&value, &|_| place.clone())) {
                    None => drop(self.values.insert(row.key, Node::scalar(place, &value))),
                    Some(Ok(node)) => drop(self.values.insert(row.key, node)),
                    Some(Err(error)) => problems.push(Problem {
                        place,
                        message: format!("{} is not YAML: {}", row.key, error.message),
                        value: String::new(),
                        remedy: format!("write it as in the file, on one line, for example {}", row.default),
                    }),
                }
            } else if let Some((row, entry)) = map_entry(&name) {
                self.add_entry(row.key, entry, Node::scalar(place, &value));
            } else {
                let names: Vec<String> = ROWS.iter().map(table::Row::env).collect();
                problems.push(Problem {
                    place,
                    message: "no setting has this name".to_owned(),
                    value: String::new(),
                    remedy: nearest_or_reference(&name, names.iter().map(String::as_str)),
                });
            }
        }
    }

    /// Sets one entry of a map: what the environment says of one property leaves the file's others alone.
    fn add_entry(&mut self, key: &'static str, entry: String, value: Node) {
        let map = self
            .values
            .entry(key)
            .or_insert_with(|| Node { place: value.place.clone(), content: Content::Map(Vec::new()) });
        if let Content::Map(entries) = &mut map.content {
            entries.retain(|(name, _)| *name != entry);
            entries.push((entry, value));
        } else {
            map.content = Content::Map(vec![(entry, value)]);
        }
    }
}

/// `HAZSTREAM_KAFKA_PROPERTIES_SASL_PASSWORD` is the entry `sasl.password` of the map `kafka.properties`.
fn map_entry(name: &str) -> Option<(&'static table::Row, String)> {
    ROWS.iter().filter(|row| row.is_map()).find_map(|row| {
        let entry = name.strip_prefix(&row.env())?.strip_prefix('_')?;
        Some((row, entry.to_ascii_lowercase().replace('_', ".")))
    })
}

/// Whether a variable is meant for the settings. `HAZSTREAM_CONFIG` names the file, `HAZSTREAM_TEST_*` steer the tests,
/// and Kubernetes puts addresses of every service into the environment, also of one that is called hazstream.
fn is_ours(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(ENV_PREFIX) else { return false };
    let of_kubernetes = rest.ends_with("SERVICE_HOST")
        || rest.contains("SERVICE_PORT")
        || rest.ends_with("PORT")
        || rest.contains("PORT_") && rest.contains("_TCP");
    let exact = ROWS.iter().any(|row| row.env() == name);
    exact || !(rest == "CONFIG" || rest.starts_with("TEST_") || of_kubernetes)
}

fn unknown_key(path: &str, place: Place) -> Problem {
    let (group, name) = path.rsplit_once('.').unwrap_or(("", path));
    // First among its neighbours; else the same name in another group.
    let elsewhere = ROWS.iter().map(|row| row.key).find(|key| key.rsplit('.').next() == Some(name));
    let remedy = match elsewhere {
        Some(key) => format!("did you mean \"{key}\"?"),
        None => nearest_or_reference(path, table::names_in(group).iter().map(String::as_str)),
    };
    Problem { place, message: "no setting has this name".to_owned(), value: path.to_owned(), remedy }
}

/// The nearest name; where none is near, a pointer to the list instead of eighty names.
fn nearest_or_reference<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let remedy = nearest(name, known);
    if remedy.starts_with("did") {
        remedy
    } else {
        "see docs/configuration.md for those there are".to_owned()
    }
}
