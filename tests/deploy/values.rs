//! docs/operations/values.md is made from the comments in values.yaml.

use super::tool::{chart, read, root};

const HEAD: &str = "# Values of the chart\n\n\
    <!-- Made from the comments in helm/hazstream/values.yaml: `make docs` writes it anew. -->\n\n\
    What is not set here has the default. `values.schema.json` refuses unknown keys and wrong types; combinations that\n\
    cannot work are refused with what to do. Examples: [laptop](../../helm/hazstream/examples/laptop.yaml),\n\
    [city](../../helm/hazstream/examples/city.yaml), [city with SASL over TLS](../../helm/hazstream/examples/city-sasl-tls.yaml).\n\n\
    | Value | Default | Meaning |\n|---|---|---|\n";

/// `HAZSTREAM_TEST_WRITE=1 cargo test --test deploy` writes it anew.
#[test]
fn the_values_reference_is_that_of_the_comments() {
    let wanted = reference(&read(&chart("values.yaml")));
    let path = root().join("docs/operations/values.md");
    if std::env::var_os("HAZSTREAM_TEST_WRITE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &wanted).unwrap();
    }
    assert!(read(&path) == wanted, "{} is old: type `make docs`", path.display());
}

/// A row for each key that has a comment above it; a default that fills several lines is left to values.yaml.
fn reference(values: &str) -> String {
    let mut text = HEAD.to_owned();
    let mut path: Vec<(usize, &str)> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    let lines: Vec<&str> = values.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let trimmed = line.trim();
        if let Some(said) = trimmed.strip_prefix('#') {
            comment.push(said.trim());
            continue;
        }
        let Some((key, default)) = trimmed.split_once(':').filter(|_| !trimmed.starts_with('-')) else {
            comment.clear();
            continue;
        };
        path.retain(|(above, _)| *above < indent);
        path.push((indent, key));
        if !comment.is_empty() {
            let name: Vec<&str> = path.iter().map(|(_, name)| *name).collect();
            let next = lines.get(number + 1).map_or("", |next| next.trim());
            let default = match default.trim() {
                "" if next.starts_with('#') => String::new(),
                "" => "see values.yaml".to_owned(),
                "\"\"" => String::new(),
                plain => format!("`{plain}`"),
            };
            text.push_str(&format!(
                "| `{}` | {default} | {} |\n",
                name.join("."),
                comment.join(" ").replace('|', "\\|")
            ));
        }
        comment.clear();
    }
    text
}
