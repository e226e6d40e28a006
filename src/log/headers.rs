//! A record's headers, looked at only by whoever needs them: to take them out of a record of Kafka costs more than to
//! decode a reading, and readings hardly ever have any.

use std::borrow::Cow;
use std::fmt;

/// A header's name and value.
pub type Header<'a> = (&'a str, &'a [u8]);

/// Who can be asked for headers: the record where it lies in the client of its log.
pub trait Ask {
    /// Every header in the record's order. One whose name is not UTF-8 is left out.
    fn headers(&self) -> Vec<Header<'_>>;
}

/// The headers of a record.
#[derive(Clone, Copy)]
pub enum Headers<'a> {
    /// These.
    Known(&'a [Header<'a>]),
    /// Those that this record tells when it is asked.
    Asked(&'a dyn Ask),
}

impl<'a> Headers<'a> {
    /// None.
    pub const NONE: Self = Headers::Known(&[]);

    /// Every header in the record's order.
    pub fn all(&self) -> Cow<'a, [Header<'a>]> {
        match *self {
            Headers::Known(headers) => Cow::Borrowed(headers),
            Headers::Asked(record) => Cow::Owned(record.headers()),
        }
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all().fmt(out)
    }
}
