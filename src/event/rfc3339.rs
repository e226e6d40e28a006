//! Time texts: RFC 3339 with an offset, and dates that stand for the end of their day.
//!
//! A reader remembers the date and the offset of the last text, since neighbours in a log nearly always share them; what
//! is left is the clock, eight bytes read at once. A leap second (`23:59:60` in UTC, the only place where one can stand)
//! is the last millisecond before it, so that no event falls into the next day.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::EventTime;

/// What a time must look like, for the detail of a reject.
pub(super) const TIME_EXPECTED: &str =
    "an RFC 3339 time with an offset between 1970-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z";
/// What a date must look like, for the detail of a reject.
pub(super) const DATE_EXPECTED: &str = "a date YYYY-MM-DD between 1970-01-02 and 9999-12-28";

/// The last millisecond of the year 9999 in UTC.
const LAST_MS: i64 = 253_402_300_799_999;
const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// Reads times, remembering the last date and offset.
#[derive(Clone, Debug)]
pub(super) struct TimeReader {
    date: [u8; 10],
    offset: [u8; 6],
    /// Bytes of `offset` in use: 1 for `Z`, 6 for `+hh:mm`, 0 before the first text.
    offset_len: usize,
    /// Midnight of `date` at `offset`.
    midnight_ms: i64,
}

impl TimeReader {
    /// A reader that remembers nothing yet.
    pub(super) fn new() -> Self {
        TimeReader { date: [0; 10], offset: [0; 6], offset_len: 0, midnight_ms: 0 }
    }

    /// The moment that the text names; `None` where it is not what [`TIME_EXPECTED`] says.
    pub(super) fn read(&mut self, text: &str) -> Option<EventTime> {
        let bytes = text.as_bytes();
        match self.recall(bytes) {
            Some(time) => Some(time),
            None => self.learn(bytes),
        }
    }

    /// The quick way: the same date and offset as last time, and none or three digits of fraction.
    #[inline]
    fn recall(&self, bytes: &[u8]) -> Option<EventTime> {
        let (date, rest) = bytes.split_first_chunk::<10>()?;
        let (clock, rest) = rest.split_first_chunk::<9>()?;
        if self.offset_len == 0 || *date != self.date || clock[0] != b'T' {
            return None;
        }
        let clock_ms = clock_ms(&clock[1..])?;
        let (fraction_ms, rest) = match rest {
            [b'.', a, b, c, rest @ ..] if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => {
                (i64::from(*a - b'0') * 100 + i64::from(*b - b'0') * 10 + i64::from(*c - b'0'), rest)
            }
            rest => (0, rest),
        };
        if rest != &self.offset[..self.offset_len] {
            return None;
        }
        bounded(self.midnight_ms + clock_ms + fraction_ms)
    }

    /// The whole grammar; what it reads is remembered.
    fn learn(&mut self, bytes: &[u8]) -> Option<EventTime> {
        let (date, rest) = bytes.split_first_chunk::<10>()?;
        let [b'T' | b't', rest @ ..] = rest else { return None };
        let (clock, rest) = rest.split_first_chunk::<8>()?;
        let (fraction_ms, offset) = fraction(rest)?;
        let midnight_ms = days_since_epoch(date)? * DAY_MS - offset_minutes(offset)? * MINUTE_MS;
        let ms = match clock_ms(clock) {
            Some(clock_ms) => midnight_ms + clock_ms + fraction_ms,
            None => leap_second_ms(midnight_ms, clock)?,
        };
        let time = bounded(ms)?;
        self.date = *date;
        self.offset[..offset.len()].copy_from_slice(offset);
        self.offset_len = offset.len();
        self.midnight_ms = midnight_ms;
        Some(time)
    }
}

/// The last millisecond of the day that a date text names, in `zone`; `None` where it is not what [`DATE_EXPECTED`] says.
pub(super) fn end_of_day(text: &str, zone: &TimeZone) -> Option<EventTime> {
    let date: &[u8; 10] = text.as_bytes().try_into().ok()?;
    days_since_epoch(date)?;
    let next = text.parse::<Date>().ok()?.tomorrow().ok()?;
    let start = zone.to_timestamp(next.at(0, 0, 0, 0)).ok()?;
    bounded(start.as_millisecond() - 1)
}

fn bounded(ms: i64) -> Option<EventTime> {
    (0..=LAST_MS).contains(&ms).then_some(EventTime { ms })
}

/// `HH:MM:SS` as milliseconds since midnight, all eight bytes at once.
#[inline]
fn clock_ms(text: &[u8]) -> Option<i64> {
    let word = u64::from_le_bytes(text.try_into().ok()?);
    // Digits become 0 to 9 and colons 0; whatever exceeds 9 sets its high bit by the addition or has it already.
    let digits = word ^ u64::from_le_bytes(*b"00:00:00");
    let above_nine = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    if above_nine != 0 || digits & 0x0000_ff00_00ff_0000 != 0 {
        return None;
    }
    let pairs = digits * 10 + (digits >> 8);
    let pair = |byte: u32| ((pairs >> (8 * byte)) & 0xff) as i64;
    let (hours, minutes, seconds) = (pair(0), pair(3), pair(6));
    (hours < 24 && minutes < 60 && seconds < 60).then(|| ((hours * 60 + minutes) * 60 + seconds) * 1_000)
}

/// Splits what follows the seconds into the fraction, cut to milliseconds, and the offset.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.', rest @ ..] = rest else { return Some((0, rest)) };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, offset) = rest.split_at(count);
    if digits.is_empty() {
        return None;
    }
    let ms = [100, 10, 1].iter().zip(digits).map(|(unit, digit)| unit * i64::from(digit - b'0')).sum();
    Some((ms, offset))
}

fn offset_minutes(text: &[u8]) -> Option<i64> {
    match text {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let size = (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
            Some(if *sign == b'-' { -size } else { size })
        }
        _ => None,
    }
}

/// `23:59:60` in UTC is the last millisecond before midnight; any other second 60 is no time.
fn leap_second_ms(midnight_ms: i64, clock: &[u8; 8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', b'6', b'0'] = clock else { return None };
    let last_second = clock_ms(&[*h1, *h2, b':', *m1, *m2, b':', b'5', b'9'])?;
    let next = midnight_ms + last_second + 1_000;
    (next % DAY_MS == 0).then_some(next - 1)
}

/// Days from 1970-01-01 to a civil date of the proleptic Gregorian calendar.
fn days_since_epoch(text: &[u8; 10]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    let (year, month, day) = (number(&[*y1, *y2, *y3, *y4])?, number(&[*m1, *m2])?, number(&[*d1, *d2])?);
    let date =
        Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let epoch = jiff::civil::date(1970, 1, 1);
    Some(i64::from(epoch.until(date).ok()?.get_days()))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<i64> {
        TimeReader::new().read(text).map(|time| time.ms)
    }

    #[test]
    fn times_with_an_offset_become_utc_milliseconds() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T08:00:00+08:00", 0),
            ("2026-11-23T10:15:00.250+08:00", 1_795_400_100_250),
            ("2026-11-23T02:15:00.2509999Z", 1_795_400_100_250),
            ("2026-11-23t02:15:00.25z", 1_795_400_100_250),
            ("2024-02-29T00:00:00-00:00", 1_709_164_800_000),
            ("9999-12-31T23:59:59.999Z", LAST_MS),
        ] {
            assert_eq!(read(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn texts_that_are_no_time_of_the_contract_are_refused() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T10:15:00",
            "2026-11-23 10:15:00Z",
            "2026-11-23T10:15Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T10:60:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-23T10:15:00.Z",
            "2026-11-23T10:15:00,5Z",
            "2026-11-23T10:15:00+0800",
            "2026-11-23T10:15:00+24:00",
            "2026-11-23T10:15:00+08:00 ",
            "99999-11-23T10:15:00Z",
            "+2026-11-23T10:15:00Z",
            "1969-12-31T23:59:59.999Z",
            "1970-01-01T00:00:00+08:00",
            "9999-12-31T23:59:59-08:00",
            "2026-11-23T10:15:0\u{0660}Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_leap_second_is_the_last_millisecond_before_it() {
        let last = Some(1_483_228_799_999);
        assert_eq!(read("2016-12-31T23:59:60Z"), last);
        assert_eq!(read("2017-01-01T07:59:60.5+08:00"), last);
        assert_eq!(read("2016-12-31T22:59:60Z"), None);
        assert_eq!(read("2016-12-31T23:59:61Z"), None);
    }

    #[test]
    fn a_due_date_is_the_end_of_its_day_in_the_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let midnight = read("2026-12-04T00:00:00+08:00").unwrap();
        assert_eq!(end_of_day("2026-12-03", &zone).map(|time| time.ms), Some(midnight - 1));
        for text in
            ["2026-12-3", "2026-02-30", "20261203", "2026-12-03T00:00:00Z", "9999-12-31", "1969-12-31"]
        {
            assert_eq!(end_of_day(text, &zone), None, "{text}");
        }
    }

    proptest! {
        /// What is remembered never changes what is read: the same texts, each by a reader that knows nothing.
        #[test]
        fn a_remembered_date_changes_nothing(
            texts in prop::collection::vec(
                "(1970-01-01|2026-11-2[0-9]|9999-12-31)[Tt](0[0-9]|23|1[0-9:]|24):[0-6][0-9]:([0-5][0-9]|60)(\\.[0-9]{1,4}|\\.|)(Z|z|\\+08:00|-08:00|\\+08|)",
                1..20,
            )
        ) {
            let mut reader = TimeReader::new();
            for text in &texts {
                prop_assert_eq!(reader.read(text), TimeReader::new().read(text), "{}", text);
            }
        }
    }
}
