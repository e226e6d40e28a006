//! Running the tools, and reading what they print.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Whether these tests are to be left out.
pub fn left_out() -> bool {
    super::skip::left_out("deploy")
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the chart.
pub fn chart(name: &str) -> PathBuf {
    root().join("helm/hazstream").join(name)
}

/// A file's text.
pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Where a tool is; the script has it first, if need be.
pub fn path(tool: &str) -> String {
    super::tools::path(tool, "deploy")
}

/// Runs helm in the repository.
pub fn helm(arguments: &[&str]) -> Output {
    Command::new(path("helm")).args(arguments).current_dir(root()).output().unwrap()
}

/// What the chart makes of an example and further `--set`s, as YAML.
pub fn rendered(release: &str, example: &str, sets: &[&str]) -> String {
    let values = format!("helm/hazstream/examples/{example}.yaml");
    let mut arguments =
        vec!["template", release, "helm/hazstream", "--namespace", "city", "--values", &values];
    for set in sets {
        arguments.extend(["--set", set]);
    }
    let output = helm(&arguments);
    assert!(output.status.success(), "{example}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The same as objects.
pub fn objects(release: &str, example: &str, sets: &[&str]) -> Vec<Value> {
    let text = rendered(release, example, sets);
    let documents = text.split("\n---\n").map(yaml);
    documents.filter(|object| !object.is_null()).collect()
}

/// One YAML document.
pub fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text.trim_start_matches("---\n"))
        .unwrap_or_else(|error| panic!("not YAML: {error}\n{text}"))
}

/// The object of this kind whose name ends so.
pub fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let fits = |object: &&Value| {
        object["kind"] == kind
            && object["metadata"]["name"].as_str().is_some_and(|found| found.ends_with(name))
    };
    objects.iter().find(fits).unwrap_or_else(|| panic!("no {kind} …{name}"))
}
