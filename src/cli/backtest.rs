//! `hazstream backtest`: the tasks driven from a file of events.

mod line;

use super::Context;
use super::exit::{Exit, Stop};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
///
/// # Errors
/// With the exit code that says why.
pub fn run(_args: &Args, context: &Context) -> Result<(), Stop> {
    context.settings()?;
    Err(Stop::new(Exit::Other, "`backtest` is not part of this build yet"))
}
