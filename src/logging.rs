//! Log lines by tracing: text for people, JSON for machines, a level that changes at run time.
//!
//! They go to standard error: standard output belongs to what a command prints.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::config::LogFormat;

/// Changes which lines are written while the program runs (`PUT /-/log-level`).
#[derive(Clone, Debug)]
pub struct LogControl {
    handle: reload::Handle<EnvFilter, Registry>,
}

/// Why logging could not be started or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The directives are not a filter.
    #[error(
        "\"{0}\" is not a log filter: write error, warn, info, debug or trace, or per module: info,hazstream::kafka=debug"
    )]
    Filter(String),
    /// Logging was started before, or is gone.
    #[error("logging cannot be changed: {0}")]
    State(String),
}

/// Starts logging for the whole process.
///
/// # Errors
/// If the level is no filter, or logging was started before.
pub fn start(format: LogFormat, level: &str) -> Result<LogControl, LogError> {
    let (filter, handle) = reload::Layer::new(filter(level)?);
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
        }
        LogFormat::Text => {
            let ansi = std::io::stderr().is_terminal();
            registry.with(fmt::layer().with_ansi(ansi).with_writer(std::io::stderr)).try_init()
        }
    };
    started.map_err(|error| LogError::State(error.to_string()))?;
    Ok(LogControl { handle })
}

impl LogControl {
    /// Control over a filter that writes nowhere; for tests of what is built on it.
    pub fn detached(level: &str) -> Result<(Self, impl Sized), LogError> {
        let (layer, handle) = reload::Layer::<EnvFilter, Registry>::new(filter(level)?);
        Ok((LogControl { handle }, layer))
    }

    /// The directives in force.
    ///
    /// # Errors
    /// If logging is gone.
    pub fn level(&self) -> Result<String, LogError> {
        self.handle.with_current(ToString::to_string).map_err(|error| LogError::State(error.to_string()))
    }

    /// Puts other directives in force: a level, or `info,hazstream::kafka=debug`.
    ///
    /// # Errors
    /// If they are no filter; the old ones stay.
    pub fn set(&self, level: &str) -> Result<(), LogError> {
        self.handle.reload(filter(level)?).map_err(|error| LogError::State(error.to_string()))
    }
}

fn filter(level: &str) -> Result<EnvFilter, LogError> {
    let level = crate::config::log_filter(level).map_err(|_| LogError::Filter(level.to_owned()))?;
    EnvFilter::builder().parse(&level).map_err(|_| LogError::Filter(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_changes_while_running_and_nonsense_leaves_it() {
        let (control, _layer) = LogControl::detached("info").unwrap();
        control.set("debug").unwrap();
        assert!(control.set("louder").is_err());
        assert_eq!(control.level().unwrap(), "debug");
    }
}
