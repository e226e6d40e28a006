//! The step function that drives tasks over a log: restore, transactions, rebalance, recovery.

pub mod report;
