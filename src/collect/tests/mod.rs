//! The task as a whole: records in, tallies, state and dead letters out.

mod count;
mod item;
mod refuse;
mod same;
pub mod script;
mod sensor;
mod silence;
mod taxonomy;
mod time;
