//! Event time: the only notion of time below the shell.

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
}
