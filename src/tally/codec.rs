//! The stored form of a record: a format version, then postcard. Of a tally, and of whatever else a task keeps.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::Tally;

/// The version of a tally.
const VERSION: u8 = 1;

/// The newest version of any stored record that this program reads. Version 2 are announcements of rules
/// ([`assess::Announcement`](crate::assess::Announcement)), which lie among the tallies.
pub const NEWEST: u8 = 2;

/// A stored record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A newer hazstream wrote it.
    #[error(
        "a stored record has format version {version}, newer than this program's {NEWEST}: run the newer program"
    )]
    Newer {
        /// The record's version.
        version: u8,
    },
    /// It is not what its key says.
    #[error("a stored record is damaged: {what}")]
    Damaged {
        /// Which one.
        what: String,
    },
}

/// The stored form of a record.
pub fn encode<T: Serialize>(version: u8, record: &T) -> Vec<u8> {
    postcard::to_extend(record, vec![version]).expect("a stored record holds nothing that postcard lacks")
}

/// What stands behind the version of a stored form, if that is one of `reads`; `what` names the record in the error.
///
/// # Errors
/// When a program newer than `newest` wrote it, or it is damaged.
pub fn body(
    stored: &[u8],
    reads: RangeInclusive<u8>,
    newest: u8,
    what: impl FnOnce() -> String,
) -> Result<&[u8], StateError> {
    match stored.split_first() {
        Some((version, body)) if reads.contains(version) => Ok(body),
        Some((&version, _)) if version > newest => Err(StateError::Newer { version }),
        _ => Err(StateError::Damaged { what: what() }),
    }
}

/// The record of a stored form, under the same conditions.
///
/// # Errors
/// When a program newer than `newest` wrote it, or it is damaged.
pub fn decode<'s, T: Deserialize<'s>>(
    stored: &'s [u8],
    reads: RangeInclusive<u8>,
    newest: u8,
    what: impl Fn() -> String,
) -> Result<T, StateError> {
    let body = body(stored, reads, newest, &what)?;
    postcard::from_bytes(body).map_err(|_| StateError::Damaged { what: what() })
}

impl Tally {
    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, self)
    }

    /// Reads a stored form.
    pub fn decode(stored: &[u8]) -> Result<Tally, StateError> {
        decode(stored, VERSION..=VERSION, NEWEST, || "a tally".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventTime;
    use crate::log::Input;
    use crate::tally::{Cell, Count};

    fn tally() -> Tally {
        Tally {
            input: Input::Sensors,
            partition: 3,
            partitions: 8,
            offsets: (10, 20),
            clock: EventTime::from_ms(5),
            frontier: EventTime::from_ms(4),
            watermark: EventTime::from_ms(-1),
            idle: false,
            cells: vec![Cell { region: "330604".into(), sector: "all".into() }],
            measures: vec!["readings".into()],
            counts: vec![Count { cell: 0, measure: 0, slice: EventTime::from_ms(0), count: 7 }],
            coverage: Vec::new(),
            signals: Vec::new(),
        }
    }

    #[test]
    fn a_tally_is_read_as_it_was_written() {
        assert_eq!(Tally::decode(&tally().encode()), Ok(tally()));
    }

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let mut stored = tally().encode();
        stored[0] = NEWEST + 1;
        assert_eq!(Tally::decode(&stored), Err(StateError::Newer { version: NEWEST + 1 }));
        assert!(matches!(Tally::decode(&[]), Err(StateError::Damaged { .. })));
        assert!(matches!(Tally::decode(&[1, 255]), Err(StateError::Damaged { .. })));
    }
}
