//! Against a real Kafka that these tests start themselves. One binary, one broker: each more would cost seconds.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod broker;
#[path = "../support/mod.rs"]
mod support;
