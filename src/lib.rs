//! hazstream: events of a city's safety inspections and sensors go in at one end of Kafka; sliding-window counts and
//! major-hazard alerts come out at the other, once each.
//!
//! The map, from the pure core outwards:
//!
//! - [`taxonomy`]: regions, sectors, quantities and limits, kinds and stages, measures: what the city is made of, as data.
//! - [`event`]: bytes → [`event::Event`] or [`event::Reject`]. Depends on taxonomy.
//! - [`tally`]: what collect tells assess: counts, coverage, signals, and time itself. Depends on taxonomy.
//! - [`collect`]: the collect task (信息收集): one per input partition. Depends on event, taxonomy, tally.
//! - [`assess`]: the assess task (分析研判): slices, windows, rules. Depends on tally, taxonomy, warn.
//! - [`warn`]: the alert book (预警提示): alerts and their life. Depends on tally.
//! - [`log`]: `enum Log { Kafka, Memory }`, the memory log, and what both must know of Kafka.
//! - [`worker`]: the step function that drives tasks over a log: restore, transactions, rebalance, recovery.
//! - [`kafka`]: the shell around librdkafka. [`http`]: the shell around axum. They never name each other.
//! - [`city`]: a living city that makes events, for `generate` and `demo`.
//! - [`config`], [`logging`], [`cli`]: settings, logs, the commands.
//! - [`observer`]: where workers' reports and committed outputs go: [`metrics`] and [`view`], the read model.
//!
//! The pure parts know no clock, thread, socket, file, log line or metric: values in, values out.

pub mod assess;
pub mod city;
pub mod cli;
pub mod collect;
pub mod config;
pub mod event;
pub mod http;
pub mod kafka;
pub mod log;
pub mod logging;
pub mod metrics;
pub mod observer;
pub mod tally;
pub mod taxonomy;
pub mod view;
pub mod warn;
pub mod worker;
