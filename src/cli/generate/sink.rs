//! Where generated messages go: standard output or Kafka.

use std::io::Write;
use std::time::Duration;

use super::Target;
use super::line::Lines;
use crate::city::Message;
use crate::cli::exit::{Exit, Stop};
use crate::cli::print;
use crate::config::Settings;
use crate::kafka::feed::Feed;
use crate::log::{Failure, Topic, Verdict};

/// Where messages go.
pub enum Sink {
    /// To standard output.
    Lines(Box<Lines>),
    /// To the input topics.
    Feed(Box<Feed>),
}

/// How long brokers may take nothing before that is an error.
const PATIENCE: Duration = Duration::from_secs(30);

impl Sink {
    /// Opens it.
    ///
    /// # Errors
    /// When librdkafka refuses the settings.
    pub fn open(target: Target, settings: &Settings) -> Result<Self, Stop> {
        match target {
            Target::Stdout => Ok(Sink::Lines(Box::new(Lines::new(print::bulk(), &settings.kafka)))),
            Target::Kafka => Ok(Sink::Feed(Box::new(Feed::new(&settings.kafka).map_err(stop)?))),
        }
    }

    /// Sends a message; on Kafka it is stamped with the time at which the city sends it. False when nobody reads any more.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn send(&mut self, message: &Message<'_>) -> Result<bool, Stop> {
        match self {
            Sink::Lines(lines) => Ok(print::read_on(lines.write(message))?),
            Sink::Feed(feed) => {
                let (topic, stamp) = (Topic::Input(message.input), message.emission.ms);
                feed.send(topic, message.key, message.value, Some(stamp), PATIENCE).map_err(stop)?;
                Ok(true)
            }
        }
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// When something is not: the totals would then claim too much.
    pub fn finish(self, sent: u64) -> Result<(), Stop> {
        match self {
            Sink::Lines(mut lines) => Ok(print::read_on(lines.out.flush()).map(|_| ())?),
            Sink::Feed(mut feed) => {
                let delivered = feed.flush(PATIENCE);
                if delivered.written == sent {
                    return Ok(());
                }
                let why = delivered
                    .first_failure
                    .unwrap_or_else(|| "the brokers did not answer in time".to_owned());
                let written = delivered.written;
                Err(Stop::new(
                    Exit::Unreachable,
                    format!("only {written} of {sent} messages were written: {why}"),
                ))
            }
        }
    }
}

fn stop(failure: Failure) -> Stop {
    match failure.verdict {
        Verdict::Stop => Stop::new(Exit::Other, failure),
        _ => Stop::new(Exit::Unreachable, failure),
    }
}
