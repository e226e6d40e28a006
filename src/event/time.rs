//! Event time: the only notion of time below the shell.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A moment in UTC, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventTime {
    /// Milliseconds since the Unix epoch; negative before 1970.
    pub ms: i64,
}

impl EventTime {
    /// Earlier than every event.
    pub const MIN: EventTime = EventTime { ms: i64::MIN };

    /// The moment `ms` milliseconds after the Unix epoch.
    pub const fn from_ms(ms: i64) -> Self {
        EventTime { ms }
    }

    /// This moment moved by `ms` milliseconds (negative: earlier), stopping at the ends of the range.
    pub const fn plus_ms(self, ms: i64) -> Self {
        EventTime { ms: self.ms.saturating_add(ms) }
    }

    /// Milliseconds from `earlier` to this moment, negative when this one is the earlier.
    pub const fn since_ms(self, earlier: EventTime) -> i64 {
        self.ms.saturating_sub(earlier.ms)
    }

    /// The start of the slice of `slide_ms` that holds this moment; slices are counted from the UTC epoch.
    pub const fn floor_to(self, slide_ms: i64) -> Self {
        EventTime { ms: self.ms.div_euclid(slide_ms).saturating_mul(slide_ms) }
    }

    /// As a person in this zone writes it: `2026-11-23 09:07:12`.
    pub fn shown(self, zone: &TimeZone) -> String {
        let stamp = jiff::Timestamp::from_millisecond(self.ms).unwrap_or_default();
        stamp.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
}

/// For serde's `with`: RFC 3339 in UTC, as on the wire (`2026-11-23T02:16:00Z`).
pub mod wire_time {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::EventTime;

    /// Writes a moment as text.
    pub fn serialize<S: Serializer>(time: &EventTime, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(time)
    }

    /// Reads a moment from text.
    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<EventTime, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
        let time: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(EventTime::from_ms(time.as_millisecond()))
    }

    /// The same for a moment that may be absent (`null`).
    pub mod option {
        use serde::{Deserialize, Deserializer, Serializer};

        use super::EventTime;

        #[derive(Deserialize)]
        struct Text(#[serde(with = "super")] EventTime);

        /// Writes a moment as text, or null.
        pub fn serialize<S: Serializer>(time: &Option<EventTime>, out: S) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => out.collect_str(time),
                None => out.serialize_none(),
            }
        }

        /// Reads a moment from text or null.
        pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<EventTime>, D::Error> {
            Ok(Option::<Text>::deserialize(input)?.map(|text| text.0))
        }
    }
}

impl std::fmt::Display for EventTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_millisecond(self.ms) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{} ms", self.ms),
        }
    }
}
