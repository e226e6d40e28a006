//! The dashboards: by Grafana's own schema, in both languages, with reasons, and naming only what exists.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::files::{known_names, listed, metric_names};
use super::tool::{left_out, root, run, succeed};

const FOLDER: &str = "helm/hazstream/files/dashboards";
/// What the types are taken from, in exact versions.
const PACKAGES: [&str; 2] = ["@grafana/schema@13.2.3", "typescript@5.9.3"];

/// One query of a panel.
#[derive(Clone)]
pub struct Query {
    panel: String,
    expr: String,
}

impl std::fmt::Display for Query {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.panel, self.expr)
    }
}

impl Query {
    /// The expression with every variable resolved.
    pub fn resolved(&self, rate_interval: &str) -> String {
        let variables = [
            ("$__rate_interval", rate_interval),
            ("$job", ".*"),
            ("$region", ".*"),
            ("$sector", "all"),
            ("$window", "24h"),
            ("$measure", "hazards_found"),
        ];
        let expr = variables.iter().fold(self.expr.clone(), |expr, (name, value)| expr.replace(name, value));
        assert!(!expr.contains('$'), "{self}: a variable that this test does not know");
        expr
    }
}

fn dashboards() -> Vec<(String, Value)> {
    let read = |file: &Path| serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let name = |file: &Path| file.file_stem().unwrap().to_str().unwrap().to_owned();
    listed(FOLDER, ".json").iter().map(|file| (name(file), read(file))).collect()
}

fn panels() -> Vec<(String, Value)> {
    let panels = |(name, dashboard): (String, Value)| {
        let panels = dashboard["panels"].as_array().unwrap().clone();
        panels.into_iter().map(move |panel| (format!("{name}: {}", panel["title"]), panel))
    };
    dashboards().into_iter().flat_map(panels).collect()
}

/// Every query of every panel.
pub fn queries() -> Vec<Query> {
    let of_panel = |(panel, value): (String, Value)| {
        let targets = value["targets"].as_array().unwrap().clone();
        targets.into_iter().map(move |target| Query {
            panel: panel.clone(),
            expr: target["expr"].as_str().unwrap().to_owned(),
        })
    };
    panels().into_iter().flat_map(of_panel).collect()
}

#[test]
fn the_files_are_those_that_their_description_makes() {
    if !left_out() {
        succeed("scripts/dashboards", &["--check"]);
    }
}

#[test]
fn every_metric_in_the_dashboards_is_in_the_programs_table() {
    let known = known_names();
    for query in queries() {
        let names = metric_names(&query.expr);
        let unknown: Vec<_> = names.difference(&known).collect();
        assert!(!names.is_empty() && unknown.is_empty(), "{query}: {unknown:?}");
    }
}

#[test]
fn every_panel_has_both_languages_a_description_and_runbooks_that_exist() {
    let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    assert_eq!(dashboards().len(), 3);
    for (name, panel) in panels() {
        let said = |key: &str| panel[key].as_str().unwrap_or_default().to_owned();
        let title = said("title");
        assert!(chinese(&title) && title.chars().any(|c| c.is_ascii_alphabetic()), "{name}");
        assert!(said("description").len() > 20, "{name}: no description");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{name}: no unit");
        for link in panel["links"].as_array().into_iter().flatten() {
            let page = link["url"].as_str().unwrap().replace("${runbooks}", "docs/runbooks");
            assert!(root().join(&page).exists(), "{name}: {page}");
        }
    }
    let uids: BTreeSet<String> = dashboards().iter().map(|(_, made)| made["uid"].to_string()).collect();
    assert_eq!(uids.len(), 3);
    for (name, made) in dashboards() {
        let links: Vec<_> =
            made["links"].as_array().unwrap().iter().map(|link| link["type"].clone()).collect();
        assert_eq!(links, ["dashboards", "link"], "{name}: to the other dashboards and to the runbooks");
        assert!(chinese(made["title"].as_str().unwrap()), "{name}");
    }
}

#[test]
fn grafanas_schema_takes_the_dashboards_and_refuses_a_mistake() {
    if left_out() {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("grafana");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("package.json"), "{\"name\": \"check\", \"private\": true}\n").unwrap();
    let prefix = folder.to_str().unwrap();
    if !folder.join("node_modules/.bin/tsc").exists() || !folder.join("node_modules/@grafana/schema").exists()
    {
        let options = ["install", "--no-audit", "--no-fund", "--silent", "--prefix", prefix];
        succeed("npm", &[&options[..], &PACKAGES[..]].concat());
    }
    // JSON has the values of enums, not their names.
    let import = "import type { Dashboard } from '@grafana/schema';\n\
        type Plain<T> = T extends string ? `${T}` : T extends number ? number : T extends (infer U)[] ? Plain<U>[]\n\
        : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;\n";
    let typed: Vec<String> = dashboards()
        .iter()
        .enumerate()
        .map(|(at, (_, made))| format!("export const d{at}: Plain<Dashboard> = {made};\n"))
        .collect();
    let mistaken = typed.concat().replacen("\"title\":", "\"titel\":", 1);
    std::fs::write(folder.join("right.ts"), format!("{import}{}", typed.concat())).unwrap();
    std::fs::write(folder.join("wrong.ts"), format!("{import}{mistaken}")).unwrap();
    let tsc = folder.join("node_modules/.bin/tsc").display().to_string();
    let check = |file: &str| {
        let file = folder.join(file).display().to_string();
        let options =
            "--noEmit --strict --skipLibCheck --moduleResolution bundler --module esnext --target es2022";
        run(&tsc, &[options.split(' ').collect(), vec![file.as_str()]].concat())
    };
    let right = check("right.ts");
    assert!(right.status.success(), "{}", String::from_utf8_lossy(&right.stdout));
    let wrong = String::from_utf8_lossy(&check("wrong.ts").stdout).into_owned();
    assert!(wrong.contains("titel"), "a mistyped key must be found: {wrong}");
}
