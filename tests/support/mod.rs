//! What integration tests share: a real Kafka, and the real binary.

pub mod broker;
