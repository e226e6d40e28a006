//! The table of settings as documents: docs/configuration.md and config/hazstream.yaml.

use super::table::{ROWS, Row};

/// docs/configuration.md: every setting with its variable, default and meaning.
pub fn reference() -> String {
    let mut text = String::from(
        "# Configuration\n\n\
         <!-- Made from the table in src/config/table.rs: `HAZSTREAM_TEST_WRITE=1 cargo test --lib drift` writes it anew. -->\n\n\
         Settings come from a YAML file (`--config FILE`, or `HAZSTREAM_CONFIG`) and from the environment, which goes before\n\
         the file. Everything has a default; an empty variable is one that is not set. Durations are a number and a unit:\n\
         `100ms`, `10s`, `5m`, `1h`, `7d`. Lists and maps are written in a variable as in YAML, on one line:\n\
         `HAZSTREAM_WINDOWS=\"[10m/10s, 1h/1m]\"`. `hazstream check --config FILE` names every mistake at once.\n\n\
         | Setting | Variable | Takes | Default | Meaning |\n|---|---|---|---|---|\n",
    );
    for row in ROWS {
        let default = if row.default.is_empty() { String::new() } else { format!("`{}`", row.default) };
        let line =
            format!("| `{}` | `{}` | {} | {default} | {} |\n", row.key, row.env(), row.takes, row.meaning);
        text.push_str(&line);
    }
    text
}

/// config/hazstream.yaml: every default, written out and explained.
pub fn example() -> String {
    let mut text = String::from(
        "# hazstream: every setting with its default. Keep what you change and leave the rest out.\n\
         # Each can also come from the environment: kafka.bootstrap_servers is HAZSTREAM_KAFKA_BOOTSTRAP_SERVERS.\n\
         # `hazstream check --config FILE` names every mistake at once.\n",
    );
    let mut groups: Vec<&str> = Vec::new();
    for row in ROWS {
        let mut path: Vec<&str> = row.key.split('.').collect();
        let name = path.pop().unwrap_or_default();
        let shared = groups.iter().zip(&path).take_while(|(open, wanted)| open == wanted).count();
        if shared == 0 {
            text.push('\n');
        }
        for (depth, group) in path.iter().enumerate().skip(shared) {
            text.push_str(&format!("{}{group}:\n", "  ".repeat(depth)));
        }
        write_row(&mut text, row, name, &"  ".repeat(path.len()));
        groups = path;
    }
    text
}

fn write_row(text: &mut String, row: &Row, name: &str, indent: &str) {
    for line in wrapped(row.meaning, 110 - indent.len()) {
        text.push_str(&format!("{indent}# {line}\n"));
    }
    let default = if row.default.is_empty() { "\"\"" } else { row.default };
    text.push_str(&format!("{indent}{name}: {default}\n"));
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !lines[last].is_empty() {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}
