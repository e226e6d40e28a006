//! The commands. Each has its own file with its arguments and a `run`; this one has the frame around them.

pub mod backtest;
pub mod check;
pub mod clock;
pub mod demo;
pub mod exit;
pub mod found;
pub mod generate;
pub mod health;
pub mod import;
pub mod in_memory;
pub mod limits_file;
pub mod pipeline;
pub mod print;
pub mod rules_file;
pub mod run;
pub mod stopping;
pub mod story;
pub mod topics;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::{Draft, Settings};
use crate::kafka;
use crate::logging::{self, LogControl};
use exit::{Exit, Stop};

/// What the command line says.
#[derive(Debug, Parser)]
#[command(name = "hazstream", version, about = ABOUT, long_about = LONG_ABOUT, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    context: Context,
    #[command(subcommand)]
    command: Command,
}

/// What every command is given.
#[derive(Debug, clap::Args)]
pub struct Context {
    /// Settings in YAML. Every one can also come from the environment, which goes before the file; see
    /// docs/configuration.md. Without a file the defaults hold.
    #[arg(long, global = true, value_name = "FILE", env = "HAZSTREAM_CONFIG")]
    pub config: Option<PathBuf>,
}

impl Context {
    /// The settings from file and environment.
    ///
    /// # Errors
    /// Every mistake, with exit code 2.
    pub fn settings(&self) -> Result<Settings, Stop> {
        Ok(self.draft().finish()?)
    }

    /// The settings as far as they could be read, with what is wrong with them.
    pub fn draft(&self) -> Draft {
        let mut draft = Draft::load(self.config.as_deref(), std::env::vars_os().filter_map(as_text));
        // librdkafka knows its own properties; each line is "setting: what is wrong: remedy".
        for wrong in kafka::check_properties(&draft.settings.kafka).err().unwrap_or_default() {
            let (key, rest) = wrong.split_once(": ").unwrap_or(("kafka.properties", &wrong));
            let (message, remedy) =
                rest.rsplit_once(": ").unwrap_or((rest, "see librdkafka's list of properties"));
            draft.wrong(key, format!("{key}: {message}"), remedy);
        }
        draft
    }

    /// The settings, and logging as they say.
    ///
    /// # Errors
    /// Every mistake in the settings.
    pub fn settings_and_log(&self) -> Result<(Settings, LogControl), Stop> {
        let settings = self.settings()?;
        let control = logging::start(settings.log_format, &settings.log_level)
            .map_err(|error| Stop::new(Exit::Other, error))?;
        Ok((settings, control))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read events from Kafka, write window counts and alerts, until told to stop
    Run(run::Args),
    /// Watch a living city on the in-memory log: no Kafka, nothing to set up
    Demo(demo::Args),
    /// Check settings, taxonomy and rules without touching Kafka; name every mistake at once
    Check(check::Args),
    /// Make the topics, or compare them with the settings
    Topics(topics::Args),
    /// Ask a running process whether it is ready, and if not, why
    Health(health::Args),
    /// Write events of a made-up city, the same for the same seed, to standard output or Kafka
    Generate(generate::Args),
    /// Drive the same tasks from a file of events and print the alerts with dates
    Backtest(backtest::Args),
    /// Turn a real record into events that backtest reads
    Import(import::Args),
}

const ABOUT: &str =
    "Sliding-window counts and major-hazard alerts from inspection and sensor events on Kafka, exactly once";

const LONG_ABOUT: &str = "\
hazstream reads a city's inspection events (人查) and sensor readings (机测) from Kafka,
keeps sliding-window counts of them by region and sector, raises major-hazard alerts
(重大事故隐患), and follows each alert and each hazard until it is closed. Counts and
alerts are written back to Kafka, once each, through kill -9.

信息收集 collect  →  分析研判 assess  →  预警提示 warn";

const EXAMPLES: &str = "\
Examples:
  A living city for half a minute, no Kafka:
    hazstream demo --for 30s
  Every mistake in settings, taxonomy and rules at once:
    hazstream check --config city.yaml
  Make the topics, then the real thing; SIGTERM drains and leaves the group:
    hazstream topics create --config city.yaml
    hazstream run --config city.yaml
  Any setting from the environment:
    HAZSTREAM_KAFKA_BOOTSTRAP_SERVERS=kafka:9092 hazstream run
  What is burning now, and a closer look at the log without a restart:
    curl localhost:8080/api/v1/alerts
    curl -X PUT -d debug localhost:8080/-/log-level
";

/// Parses the arguments, runs the command, and says with which code to end.
pub fn main() -> ExitCode {
    // Ends the process itself for --help (0) and for wrong arguments (2).
    let matches = command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            print::err(&stop.message);
            ExitCode::from(stop.exit.code())
        }
    }
}

impl Cli {
    fn run(self) -> Result<(), Stop> {
        match self.command {
            Command::Run(args) => run::run(&args, &self.context),
            Command::Demo(args) => demo::run(&args, &self.context),
            Command::Check(args) => check::run(&args, &self.context),
            Command::Topics(args) => topics::run(&args, &self.context),
            Command::Health(args) => health::run(&args, &self.context),
            Command::Generate(args) => generate::run(&args, &self.context),
            Command::Backtest(args) => backtest::run(&args, &self.context),
            Command::Import(args) => import::run(&args, &self.context),
        }
    }
}

/// The whole command line, with examples and exit codes at the foot of its help.
pub fn command() -> clap::Command {
    let mut foot = format!("{EXAMPLES}\nExit codes:\n  0  done\n");
    for (exit, meaning) in Exit::ALL {
        foot.push_str(&format!("  {}  {meaning}\n", exit.code()));
    }
    Cli::command().after_long_help(foot).after_help("--help tells more, with examples and exit codes.")
}

fn as_text((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn help_names_every_command_and_exit_code() {
        let help = command().render_long_help().to_string();
        for name in
            ["run", "demo", "check", "topics", "health", "generate", "backtest", "import", "HAZSTREAM_CONFIG"]
        {
            assert!(help.contains(name), "{name}");
        }
        for (exit, meaning) in Exit::ALL {
            assert!(help.contains(&format!("{}  {}", exit.code(), &meaning[..20])), "{exit:?}\n{help}");
        }
    }

    #[test]
    fn the_settings_file_may_stand_before_or_behind_the_command() {
        for line in ["hazstream run --config a.yaml", "hazstream --config a.yaml run"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.context.config, Some(PathBuf::from("a.yaml")), "{line}");
        }
    }
}
