//! The guarantees of README.md, each by a test of its name: properties against the naive oracle and scripts, on the real
//! workers and tasks over the memory log.
//!
//! tests/simulation holds the same against crashes at any moment, tests/kafka against a real Kafka.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod account;
mod city;
mod counting;
mod limits;
#[path = "../oracle/mod.rs"]
mod oracle;
mod restart;
mod rules;
mod time;

/// Rules of every kind, small enough for a few events.
const RULES: &str = r#"
  - {name: found, event: {kind: hazard, grade: major}, level: orange, summary: "{subject}", summary_zh: "{subject}"}
  - {name: busy, count: {measure: readings, window: 1m, region: county, sector: all}, threshold: 3, clear: 2, level: yellow,
     summary: "{value}", summary_zh: "{value}"}
  - {name: rounds, count: {measure: inspections, window: 1m, region: county, sector: all}, threshold: 3, clear: 2, level: blue,
     summary: "{value}", summary_zh: "{value}"}
  - {name: red, level_at_least: red, summary: "{value}", summary_zh: "{value}"}
  - {name: silent, no_data: {of: sensor}, level: yellow, summary: "{subject}", summary_zh: "{subject}"}
  - {name: overdue, event: {kind: order_task, is: overdue}, level: yellow, summary: "{subject}", summary_zh: "{subject}"}
  - {name: early, event: {kind: confined_space, is: early, stages: [entered]}, level: red, summary: "{subject}",
     summary_zh: "{subject}"}
"#;
