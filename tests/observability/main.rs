//! Alert rules and dashboards on the real tools: promtool, Prometheus, Alertmanager, and Grafana's own schema.
//!
//! Without the tools the tests fail and say what to install; `HAZSTREAM_TEST_SKIP=observability:reason` leaves them out.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod dashboards;
mod files;
mod live;
mod rules;
#[path = "../support/skip.rs"]
mod skip;
mod stack;
mod tool;
