//! `hazstream backtest`: the same tasks as in `run`, driven from a record as fast as they go.
//!
//! From events, all tasks are driven, by the record's own clock: a line arrives when it says so, or else when it happened.
//! From stored tallies, only the assess tasks are, and what they tell is held against what was sent. Either way the
//! tasks are shown no other time, so a backtest answers what would have been sent, and when.

mod archive;
mod line;
mod replay;
mod source;
mod stored;
mod tally;
mod trial;
mod verify;

use std::path::PathBuf;

use super::exit::{Exit, Stop};
use super::generate::duration;
use super::{Context, print, story};
use crate::config::Settings;
use crate::warn::AlertEvent;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES, group = clap::ArgGroup::new("record").required(true))]
pub struct Args {
    /// Events, one a line, in the order in which they arrived: as `generate` and `import` write them
    /// ({"topic","key","arrival","value"}), or bare ones; `-` reads standard input
    #[arg(long, value_name = "FILE", group = "record")]
    input: Option<PathBuf>,
    /// Stored tallies: `kafka` reads hazard.tallies from the first that is kept to the end as it is now, anything else
    /// is a file that --export wrote. What comes out is compared with hazard.alert-events
    #[arg(long, value_name = "kafka|FILE", group = "record")]
    from: Option<PathBuf>,
    /// With --from kafka: write the tallies and the alert events that were sent to this file, and judge nothing
    #[arg(long, value_name = "FILE", requires = "from")]
    export: Option<PathBuf>,
    /// Judge by these rules throughout, instead of those of the settings and, with --from, those that were in force
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Of events, what arrives within this much time is handled together
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    step: i64,
    /// Print the alerts' steps as they stand in hazard.alert-events, one JSON object a line, and nothing else
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  A day of the made-up city:
    hazstream generate --for 24h --scenario gas_leak | hazstream backtest --input -
  A mine's record under rules of its own:
    hazstream import mine-violations record.csv > mine.jsonl
    hazstream backtest --config examples/mine.yaml --input mine.jsonl
  What other rules would have sent since the oldest tally that Kafka keeps (exit code 8: something else):
    hazstream backtest --config city.yaml --from kafka --rules stricter.yaml
  The same, away from Kafka:
    hazstream backtest --config city.yaml --from kafka --export october.jsonl
    hazstream backtest --config city.yaml --from october.jsonl --rules stricter.yaml
";

const HOUR_MS: i64 = 3_600_000;

/// Runs it.
///
/// # Errors
/// With the exit code that says why; a line that cannot be read is named.
pub fn run(args: &Args, context: &Context) -> Result<(), Stop> {
    let (mut settings, _log) = context.settings_and_log()?;
    if args.rules.is_some() {
        settings.rules_file.clone_from(&args.rules);
    }
    // Nobody reads the windows of a backtest: alerts are judged at every step all the same.
    settings.emit = crate::config::Emit::Latest;
    settings.emit_every_ms = settings.emit_every_ms.max(HOUR_MS);
    match (&args.input, &args.from) {
        (Some(input), _) => replay::run(args, input, &settings),
        (None, Some(from)) => stored::run(args, from, &settings),
        (None, None) => unreachable!("the command line asks for one of them"),
    }
}

fn print_event(event: &AlertEvent, json: bool, settings: &Settings) -> Result<(), Stop> {
    let read = if json {
        print::out(serde_json::to_string(event).map_err(|error| Stop::new(Exit::Other, error))?)
    } else {
        print::out(story::lines(event, &settings.time.zone))
    };
    if read { Ok(()) } else { Err(Stop::new(Exit::Other, "nobody reads any more")) }
}
