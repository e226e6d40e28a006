//! `hazstream demo`: the pipeline on the in-memory log, with a living city as its source.

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
    Err(Stop::new(Exit::Other, "`demo` is not part of this build yet"))
}
