//! The only place that reads the wall clock; everything below is handed the time.

use std::time::UNIX_EPOCH;

use crate::event::EventTime;

/// The time of day by this machine.
#[allow(clippy::disallowed_methods, reason = "the shell is where time enters")]
pub fn now() -> EventTime {
    let ms = match std::time::SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        // A machine that believes to live before 1970.
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    };
    EventTime::from_ms(ms)
}
