//! The stored form of a tally: a format version, then postcard.

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

impl Tally {
    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![VERSION]).expect("a tally holds nothing that postcard lacks")
    }

    /// Reads a stored form.
    pub fn decode(stored: &[u8]) -> Result<Tally, StateError> {
        let damaged = || StateError::Damaged { what: "a tally".into() };
        match stored.split_first() {
            Some((&VERSION, body)) => postcard::from_bytes(body).map_err(|_| damaged()),
            Some((&version, _)) if version > NEWEST => Err(StateError::Newer { version }),
            _ => Err(damaged()),
        }
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
