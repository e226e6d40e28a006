//! `hazstream topics`: makes the topics, or compares them with the settings.

use super::Context;
use super::exit::{Exit, Stop};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make the topics that are missing, with partitions, retention and compaction as set
    Create,
    /// Compare the topics with the settings; name every difference and its remedy (exit code 5)
    Check,
}

/// Runs it.
///
/// # Errors
/// With the exit code that says why.
pub fn run(args: &Args, context: &Context) -> Result<(), Stop> {
    let _settings = context.settings()?;
    match args.action {
        Action::Create => Err(Stop::new(Exit::Other, "`topics create` is not part of this build yet")),
        Action::Check => Err(Stop::new(Exit::Other, "`topics check` is not part of this build yet")),
    }
}
