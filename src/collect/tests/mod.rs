//! The task as a whole: records in, tallies, state and dead letters out.

mod count;
mod same;
pub mod script;
