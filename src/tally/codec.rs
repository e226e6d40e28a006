//! The stored form of a record: a format version, then postcard. Of a tally, and of whatever else a task keeps.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{Count, SliceCounts, Tally};
use crate::event::EventTime;

/// The version of a tally. In version 1 each count named its slice.
const VERSION: u8 = 3;

/// The newest version of any record of the tallies log that this program reads. Version 2 are announcements of rules
/// ([`assess::Announcement`](crate::assess::Announcement)), which lie among the tallies.
pub const NEWEST: u8 = VERSION;

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
    encode_sized(version, record, 0)
}

/// The stored form of a record of about so many bytes: room for them is made at once.
pub fn encode_sized<T: Serialize + ?Sized>(version: u8, record: &T, bytes: usize) -> Vec<u8> {
    let mut stored = Vec::with_capacity(bytes);
    stored.push(version);
    postcard::to_extend(record, stored).expect("a stored record holds nothing that postcard lacks")
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
        let counts = self.counts.iter().map(|slice| 8 + 4 * slice.counts.len()).sum::<usize>();
        encode_sized(VERSION, self, 64 + 32 * self.cells.len() + counts)
    }

    /// Reads a stored form.
    pub fn decode(stored: &[u8]) -> Result<Tally, StateError> {
        let what = || "a tally".to_owned();
        match stored.first() {
            Some(1) => decode::<FirstTally>(stored, 1..=1, NEWEST, what).map(Tally::from),
            _ => decode(stored, VERSION..=VERSION, NEWEST, what),
        }
    }
}

/// What version 1 held.
type FirstTally = Tally<Vec<FirstCount>>;

#[derive(Deserialize)]
struct FirstCount {
    cell: u16,
    measure: u16,
    slice: EventTime,
    count: u32,
}

impl From<FirstTally> for Tally {
    fn from(first: FirstTally) -> Tally {
        let slices = first.counts.chunk_by(|one, next| one.slice == next.slice).map(|counts| SliceCounts {
            slice: counts[0].slice,
            counts: counts
                .iter()
                .map(|&FirstCount { cell, measure, count, .. }| Count { cell, measure, count })
                .collect(),
        });
        Tally {
            counts: slices.collect(),
            input: first.input,
            partition: first.partition,
            partitions: first.partitions,
            offsets: first.offsets,
            clock: first.clock,
            frontier: first.frontier,
            watermark: first.watermark,
            idle: first.idle,
            cells: first.cells,
            measures: first.measures,
            coverage: first.coverage,
            signals: first.signals,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Input;
    use crate::tally::Cell;

    fn tally<C>(counts: C) -> Tally<C> {
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
            counts,
            coverage: Vec::new(),
            signals: Vec::new(),
        }
    }

    fn counted() -> Tally {
        let slice = |ms, counts: &[u32]| SliceCounts {
            slice: EventTime::from_ms(ms),
            counts: counts.iter().map(|&count| Count { cell: 0, measure: 0, count }).collect(),
        };
        tally(vec![slice(0, &[7, 8]), slice(10_000, &[9])])
    }

    #[test]
    fn a_tally_is_read_as_it_was_written() {
        assert_eq!(Tally::decode(&counted().encode()), Ok(counted()));
    }

    #[test]
    fn a_tally_of_the_first_version_is_read_as_what_it_says() {
        // As written there: cell, measure, slice, count.
        let first = tally(vec![(0_u16, 0_u16, 0_i64, 7_u32), (0, 0, 0, 8), (0, 0, 10_000, 9)]);
        assert_eq!(Tally::decode(&encode(1, &first)), Ok(counted()));
    }

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let mut stored = counted().encode();
        stored[0] = NEWEST + 1;
        assert_eq!(Tally::decode(&stored), Err(StateError::Newer { version: NEWEST + 1 }));
        assert!(matches!(Tally::decode(&[]), Err(StateError::Damaged { .. })));
        assert!(matches!(Tally::decode(&[1, 255]), Err(StateError::Damaged { .. })));
    }
}
