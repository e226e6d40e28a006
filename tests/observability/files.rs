//! The files under test: rules, their tests, dashboards, and the metrics that they may name.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use super::tool::root;

/// The alert and recording rules.
pub const RULES: &str = "helm/hazstream/files/rules/hazstream.rules.yaml";

/// The files with this ending in a folder, sorted.
pub fn listed(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.to_str().unwrap().ends_with(ending));
    files.sort();
    assert!(!files.is_empty(), "{folder} has no {ending}");
    files
}

/// A YAML file as plain values.
pub fn yaml(file: &std::path::Path) -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Every rule, in order.
pub fn rules() -> Vec<Value> {
    let file = yaml(&root().join(RULES));
    let groups = file["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

/// The names of our metrics in an expression, those of recording rules included.
pub fn metric_names(expr: &str) -> BTreeSet<String> {
    let quoted = expr.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let words = quoted.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    words
        .filter(|word| ["hazstream_", "hazstream:", "hazard_"].iter().any(|begin| word.starts_with(begin)))
        .map(str::to_owned)
        .collect()
}

/// The names that an expression may use: the program's metrics, with the endings of histograms, and what rules record.
pub fn known_names() -> BTreeSet<String> {
    let mut known: BTreeSet<String> = BTreeSet::new();
    for row in hazstream::metrics::rows() {
        match row.kind {
            hazstream::metrics::Kind::Histogram(_) => {
                known.extend(["bucket", "sum", "count"].map(|end| format!("{}_{end}", row.name)));
            }
            hazstream::metrics::Kind::Counter | hazstream::metrics::Kind::Gauge => {
                known.insert(row.name.to_owned());
            }
        }
    }
    known.extend(rules().iter().filter_map(|rule| rule["record"].as_str().map(str::to_owned)));
    known
}
