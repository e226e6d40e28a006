//! `hazstream check`: settings, taxonomy and rules, without touching Kafka.

use super::exit::Stop;
use super::{Context, print};
use crate::config::{Settings, duration_text};

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Say nothing when all is well
    #[arg(long, short)]
    quiet: bool,
}

/// Names every mistake at once; none: says what the settings amount to.
///
/// # Errors
/// Every mistake, with exit code 2.
pub fn run(args: &Args, context: &Context) -> Result<(), Stop> {
    let settings = context.settings()?;
    if !args.quiet {
        print::out(summary(&settings));
    }
    Ok(())
}

fn summary(settings: &Settings) -> String {
    let windows: Vec<String> =
        settings.windows.iter().map(|w| format!("{} every {}", w.name, duration_text(w.slide_ms))).collect();
    let inputs: Vec<&str> = settings.kafka.inputs.iter().map(|input| input.name()).collect();
    format!(
        "settings: group {} at {}, inputs {}\nwindows:  {}",
        settings.kafka.group,
        settings.kafka.bootstrap_servers,
        inputs.join(", "),
        windows.join(", ")
    )
}
