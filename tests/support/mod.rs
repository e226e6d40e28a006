//! What integration tests share: a real Kafka, the real binary, and what is left out on purpose.

pub mod broker;
pub mod disk;
pub mod skip;
