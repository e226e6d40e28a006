//! The rules: each is right by promtool, tested to fire and to be silent, and has a runbook.

use std::collections::BTreeSet;

use serde_json::Value;

use super::files::{RULES, known_names, listed, metric_names, rules, yaml};
use super::tool::{left_out, root, succeed};

fn alerts() -> BTreeSet<String> {
    rules().iter().filter_map(|rule| rule["alert"].as_str().map(str::to_owned)).collect()
}

#[test]
fn promtool_finds_each_alert_firing_where_it_must_and_silent_where_it_must() {
    if left_out() {
        return;
    }
    succeed("promtool", &["check", "rules", RULES]);
    let tests = listed("tests/prometheus", ".yaml");
    let mut arguments = vec!["test", "rules"];
    arguments.extend(tests.iter().map(|file| file.to_str().unwrap()));
    succeed("promtool", &arguments);
}

#[test]
fn every_rule_is_tested_for_firing_and_for_silence() {
    let (mut fires, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for file in listed("tests/prometheus", ".yaml") {
        for test in yaml(&file)["tests"].as_array().unwrap() {
            for asked in test["promql_expr_test"].as_array().unwrap() {
                let expr = asked["expr"].as_str().unwrap();
                let alert = expr.split('"').nth(1).unwrap().to_owned();
                let samples = asked["exp_samples"].as_array().unwrap();
                if samples.is_empty() {
                    silent.insert(alert)
                } else {
                    fires.insert(alert)
                };
            }
        }
    }
    assert_eq!(fires, alerts(), "alerts with a test in which they fire");
    assert_eq!(silent, alerts(), "alerts with a test in which they are silent");
}

#[test]
fn every_metric_in_the_rules_is_in_the_programs_table_or_recorded() {
    let known = known_names();
    let used: BTreeSet<String> =
        rules().iter().flat_map(|rule| metric_names(rule["expr"].as_str().unwrap())).collect();
    let unknown: Vec<_> = used.difference(&known).collect();
    assert!(used.len() > 20 && unknown.is_empty(), "{RULES} names what nobody makes: {unknown:?}");
}

#[test]
fn every_alert_says_how_bad_it_is_in_two_languages_and_has_a_runbook() {
    const SECTIONS: [&str; 4] = ["## What it means", "## How to look", "## What to do", "## What not to do"];
    for rule in rules().iter().filter(|rule| rule["alert"].is_string()) {
        let alert = rule["alert"].as_str().unwrap();
        let said = |key: &str| rule["annotations"][key].as_str().unwrap_or_default().to_owned();
        let severity = rule["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("critical" | "warning")), "{alert}: severity {severity:?}");
        assert!(!said("summary").is_empty() && !said("description").is_empty(), "{alert}");
        assert!(!said("summary_zh").is_ascii(), "{alert}: no Chinese summary");
        let page = format!("docs/runbooks/{alert}.md");
        assert_eq!(said("runbook_url"), page);
        let text = std::fs::read_to_string(root().join(&page)).unwrap_or_default();
        for section in SECTIONS {
            assert!(text.contains(section), "{page}: no section {section:?}");
        }
    }
    let pages: BTreeSet<String> = listed("docs/runbooks", ".md")
        .iter()
        .map(|page| page.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(pages, alerts(), "runbooks and alerts");
}

/// A rule file is data: a mistyped key would be passed over.
#[test]
fn rules_have_no_key_that_prometheus_does_not_know() {
    let known = BTreeSet::from(["alert", "record", "expr", "for", "labels", "annotations"]);
    for rule in rules() {
        let Value::Object(rule) = rule else { panic!("a rule is a map") };
        let unknown: Vec<_> = rule.keys().filter(|key| !known.contains(key.as_str())).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
