//! How the program ends: every exit code, and the error that carries one.

use std::fmt;

use crate::config::Problem;
use crate::log::{Cause, Failure};

/// What the process's exit code says to whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// None of the following.
    Other = 1,
    /// Settings, taxonomy, rules or arguments are wrong; each mistake is named.
    BadConfiguration = 2,
    /// No broker answered in time.
    Unreachable = 3,
    /// The broker refuses who we are or what we want.
    NotAuthorised = 4,
    /// Topics are missing, or not what the settings ask for.
    Topics = 5,
    /// The stored state is of a newer version, or of another group.
    ForeignState = 6,
    /// Another process uses our transactional id, again and again.
    Fenced = 7,
    /// A backtest's alert events are not those that were sent.
    Differs = 8,
}

impl Exit {
    /// Every code but 0, with what it means and what to do: the foot of `--help`.
    pub const ALL: [(Exit, &'static str); 8] = [
        (Exit::Other, "anything else; the message says what"),
        (Exit::BadConfiguration, "settings, taxonomy, rules or arguments are wrong: each mistake is named"),
        (Exit::Unreachable, "no broker answered: look at kafka.bootstrap_servers and the network"),
        (Exit::NotAuthorised, "the broker refuses: look at the credentials and the ACLs"),
        (Exit::Topics, "topics are missing or wrong: hazstream topics check names each remedy"),
        (Exit::ForeignState, "the stored state is of a newer version or of another group"),
        (Exit::Fenced, "another process runs under the same kafka.instance: give each its own"),
        (Exit::Differs, "backtest: its alert events are not those that were sent; the message counts how"),
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// The end of a command that failed.
#[derive(Debug)]
pub struct Stop {
    /// The exit code.
    pub exit: Exit,
    /// What a person reads: one line, or one per mistake.
    pub message: String,
}

impl Stop {
    /// A failure with its exit code.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Stop { exit, message: message.to_string() }
    }

    /// Wrong settings: one line for each, and how many.
    pub fn problems<P: fmt::Display>(problems: &[P]) -> Self {
        let mut message = String::new();
        for problem in problems {
            message.push_str(&format!("{problem}\n"));
        }
        let noun = if problems.len() == 1 { "mistake" } else { "mistakes" };
        message.push_str(&format!("{} {noun} in the configuration", problems.len()));
        Stop { exit: Exit::BadConfiguration, message }
    }
}

impl From<Vec<Problem>> for Stop {
    fn from(problems: Vec<Problem>) -> Self {
        Stop::problems(&problems)
    }
}

impl From<Vec<String>> for Stop {
    fn from(problems: Vec<String>) -> Self {
        Stop::problems(&problems)
    }
}

impl From<Failure> for Stop {
    /// What only a person can mend.
    fn from(failure: Failure) -> Self {
        let exit = match failure.cause {
            Cause::Other => Exit::Other,
            Cause::NotAuthorised => Exit::NotAuthorised,
            Cause::ForeignState => Exit::ForeignState,
            Cause::Fenced => Exit::Fenced,
            Cause::Topics => Exit::Topics,
        };
        Stop::new(exit, failure)
    }
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Stop::new(Exit::Other, format!("{error:#}"))
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Stop::new(Exit::Other, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_help() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|(exit, _)| exit.code()).collect();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn every_problem_gets_its_line() {
        let stop = Stop::problems(&["a.yaml:1: x", "a.yaml:2: y"]);
        assert_eq!(stop.message, "a.yaml:1: x\na.yaml:2: y\n2 mistakes in the configuration");
        assert_eq!(stop.exit.code(), 2);
    }
}
