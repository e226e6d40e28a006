//! Against a real Kafka that these tests start themselves. One binary, one broker: each more would cost seconds.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "../support/acls.rs"]
mod acls;
mod backtest;
mod broker;
mod client;
mod deployment;
mod exactly_once;
mod faults;
mod generate;
mod group;
mod load;
mod log;
mod member;
#[path = "../oracle/mod.rs"]
mod oracle;
mod reload;
mod secure;
#[path = "../support/mod.rs"]
mod support;
mod topics;
#[path = "../support/totals.rs"]
mod totals;
mod truth;
