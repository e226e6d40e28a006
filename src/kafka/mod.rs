//! The shell around librdkafka: everything of hazstream that speaks to a Kafka broker.
//!
//! - [`client`]: how each librdkafka client is configured, and what things are called on the broker.
//! - [`log`]: [`KafkaLog`], one worker's member of the group, transactional producer and side reader.
//! - [`member`] (with [`group`], [`share`] and [`run`]), [`transaction`], [`reader`]: its three parts, one librdkafka client each.
//! - [`batch`]: the only file that calls librdkafka's C functions itself.
//! - [`verdict`]: which error means what to do.
//! - [`topics`]: `topics create` and `topics check`.
//! - [`history`]: a reader beside the group, for backtests.
//! - [`feed`]: a plain fast producer for the generator.
//!
//! Nothing here knows what an event, a tally or an alert is.

mod batch;
mod client;
mod context;
pub mod feed;
mod group;
mod history;
mod log;
mod member;
mod reader;
mod run;
mod share;
pub mod topics;
mod transaction;
mod verdict;

pub use client::{check_properties, transactional_id};
pub use history::History;
pub use log::KafkaLog;
