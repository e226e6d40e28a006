//! What every librdkafka client does with its log lines and errors.

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

/// The context of a client that has nothing to say but log lines.
pub(super) struct Plain;

impl ClientContext for Plain {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ConsumerContext for Plain {}

/// Passes one of librdkafka's log lines on. It puts no secrets into them.
pub(super) fn log_line(level: RDKafkaLogLevel, facility: &str, line: &str) {
    use RDKafkaLogLevel::{Alert, Critical, Debug, Emerg, Error, Info, Notice, Warning};
    match level {
        Emerg | Alert | Critical | Error => tracing::error!(target: "librdkafka", facility, "{line}"),
        Warning => tracing::warn!(target: "librdkafka", facility, "{line}"),
        Notice | Info => tracing::info!(target: "librdkafka", facility, "{line}"),
        Debug => tracing::debug!(target: "librdkafka", facility, "{line}"),
    }
}

/// Passes an error of the client as a whole on; the calls that it spoils return their own failures.
pub(super) fn log_error(error: &KafkaError, reason: &str) {
    tracing::warn!(target: "librdkafka", "{error}: {reason}");
}
