//! What every librdkafka client does with its log lines and errors.
//!
//! A broker that is away makes librdkafka say so several times a second. Whoever waits for the broker says it once a minute
//! (`run`) or once (`topics`), with the reason that is kept here; librdkafka's own lines about it are left for debug. Its
//! other warnings are said once a minute each.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::verdict::{self, Step, is_forbidden};

/// A warning of one kind is said this often.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// The context of a client that has nothing to say but log lines.
#[derive(Default)]
pub(super) struct Plain {
    pub(super) heard: Heard,
}

impl ClientContext for Plain {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.heard.hear(&error, reason);
    }
}

impl ConsumerContext for Plain {}

/// What a client was last told of its connections. A call that they spoil says only that nobody answered.
#[derive(Default)]
pub(super) struct Heard {
    last: Mutex<Option<(Code, String)>>,
}

impl Heard {
    /// Keeps an error of the client as a whole; the calls that it spoils return their own failures.
    pub(super) fn hear(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
        if is_connection(code) || is_forbidden(code) {
            tracing::debug!(target: "librdkafka", "{error}: {reason}");
        } else {
            warn_now_and_then(&code.to_string(), &format!("{error}: {reason}"));
        }
        let mut last = self.lock();
        // That all brokers are away says less than why the last one is; and who was refused is cut off.
        let says_less = code == Code::AllBrokersDown
            || is_connection(code) && last.as_ref().is_some_and(|(before, _)| is_forbidden(*before));
        if !says_less {
            // How long librdkafka was in which state does not help a person.
            let reason = reason.split_once(" (after ").map_or(reason, |(reason, _)| reason);
            // What it says of a certificate depends on who hangs up first: at times it names no remedy.
            let is_mute = reason.contains("SSL routines") && !reason.contains("ssl.ca.location");
            let remedy = if is_mute { verdict::remedy(Step::Ask, Code::SSL) } else { "" };
            *last = Some((code, format!("{reason}{remedy}")));
        }
    }

    /// The brokers answer: what was heard before explains nothing any more.
    pub(super) fn forget(&self) {
        *self.lock() = None;
    }

    /// Why a call failed with this code, when it was for want of a connection and the reason was heard.
    pub(super) fn reason(&self, code: Code) -> Option<(Code, String)> {
        if is_connection(code) { self.lock().clone() } else { None }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Code, String)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the error is one of reaching brokers at all.
pub(super) const fn is_connection(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::SSL
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::NodeUpdate
    )
}

/// Passes one of librdkafka's log lines on. It puts no secrets into them.
pub(super) fn log_line(level: RDKafkaLogLevel, facility: &str, line: &str) {
    use RDKafkaLogLevel::{Alert, Critical, Debug, Emerg, Error, Info, Notice, Warning};
    match level {
        // Connections that failed, errors that the clients' contexts hear, and requests that timed out.
        _ if matches!(facility, "FAIL" | "ERROR" | "REQTMOUT") => {
            tracing::debug!(target: "librdkafka", facility, "{line}");
        }
        Emerg | Alert | Critical | Error | Warning => warn_now_and_then(facility, line),
        Notice | Info => tracing::info!(target: "librdkafka", facility, "{line}"),
        Debug => tracing::debug!(target: "librdkafka", facility, "{line}"),
    }
}

/// Warns, but of one kind once a minute; what comes between is counted, and shown at debug.
fn warn_now_and_then(kind: &str, line: &str) {
    static GATE: Mutex<Gate> = Mutex::new(Gate { kinds: BTreeMap::new() });
    let passed = GATE.lock().unwrap_or_else(PoisonError::into_inner).pass(kind, Instant::now());
    match passed {
        Some(0) => tracing::warn!(target: "librdkafka", kind, "{line}"),
        Some(more) => tracing::warn!(target: "librdkafka", kind, more, "{line}"),
        None => tracing::debug!(target: "librdkafka", kind, "{line}"),
    }
}

/// When each kind was last said, and how often it was not since. librdkafka has a few dozen kinds.
struct Gate {
    kinds: BTreeMap<String, (Instant, u64)>,
}

impl Gate {
    /// Whether it may be said now; if so, how often it was not before.
    fn pass(&mut self, kind: &str, now: Instant) -> Option<u64> {
        match self.kinds.get_mut(kind) {
            Some((said, more)) if now.duration_since(*said) < SAY_EVERY => {
                *more += 1;
                None
            }
            Some((said, more)) => {
                *said = now;
                Some(std::mem::take(more))
            }
            None => {
                self.kinds.insert(kind.to_owned(), (now, 0));
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_said_once_a_minute_and_the_rest_is_counted() {
        let mut gate = Gate { kinds: BTreeMap::new() };
        let begin = Instant::now();
        let at = |second| begin + Duration::from_secs(second);
        assert_eq!(gate.pass("GETPID", at(0)), Some(0));
        assert_eq!(gate.pass("GETPID", at(1)), None);
        assert_eq!(gate.pass("TXNERR", at(1)), Some(0), "another kind has its own minute");
        assert_eq!(gate.pass("GETPID", at(59)), None);
        assert_eq!(gate.pass("GETPID", at(60)), Some(2));
        assert_eq!(gate.pass("GETPID", at(61)), None);
    }

    #[test]
    fn what_was_heard_explains_a_call_that_nobody_answered_until_somebody_does() {
        let heard = Heard::default();
        heard.hear(&KafkaError::Global(Code::Authentication), "wrong password");
        heard.hear(&KafkaError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        let why = Some((Code::Authentication, "wrong password".to_owned()));
        assert_eq!(heard.reason(Code::BrokerTransportFailure), why);
        assert_eq!(heard.reason(Code::TopicAuthorizationFailed), None, "that one speaks for itself");
        heard.forget();
        assert_eq!(heard.reason(Code::BrokerTransportFailure), None);
    }

    #[test]
    fn a_certificate_that_fails_is_told_with_its_remedy() {
        for said in
            ["error:0A000086:SSL routines::failed", "SSL routines::failed: verify that ssl.ca.location"]
        {
            let heard = Heard::default();
            heard.hear(&KafkaError::Global(Code::SSL), said);
            let (_, reason) = heard.reason(Code::BrokerTransportFailure).unwrap();
            assert_eq!(reason.matches("ssl.ca.location").count(), 1, "{reason}");
        }
    }
}
