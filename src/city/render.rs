//! A city's messages as JSON, written by hand into a buffer that is used again: a reading costs copies, not formatting.

use std::fmt::Write as _;

use crate::event::{EventTime, Reason};

use super::calendar::{DAY_MS, OFFSET_MS};
use super::fleet::Sensor;

/// Something wrong with a message, each with the one reason for which a consumer rejects it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Cut off in the middle.
    Truncated,
    /// No bytes at all.
    Empty,
    /// No sensor id.
    MissingField,
    /// A unit that is not the quantity's.
    Unit,
    /// A sector that no taxonomy lists.
    Sector,
    /// A time without an offset.
    Time,
    /// A clock two days ahead.
    Clock,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 7] = [
        Fault::Truncated,
        Fault::Empty,
        Fault::MissingField,
        Fault::Unit,
        Fault::Sector,
        Fault::Time,
        Fault::Clock,
    ];

    /// Why a consumer rejects it.
    pub fn reason(self) -> Reason {
        match self {
            Fault::Truncated => Reason::Malformed,
            Fault::Empty => Reason::EmptyValue,
            Fault::MissingField => Reason::MissingField,
            Fault::Unit => Reason::UnitMismatch,
            Fault::Sector => Reason::UnknownSector,
            Fault::Time => Reason::BadTime,
            Fault::Clock => Reason::ClockAhead,
        }
    }
}

/// What changes from one reading of a sensor to the next.
pub struct Figures {
    pub id: Id,
    pub time: EventTime,
    pub seq: u64,
    pub milli: i64,
    pub quality: &'static str,
}

/// Writes one reading over the buffer's old content.
pub fn reading(out: &mut Vec<u8>, clock: &mut ClockFace, sensor: &Sensor, figures: &Figures) {
    out.clear();
    out.extend_from_slice(b"{\"type\":\"reading\",\"id\":\"");
    out.extend_from_slice(&figures.id.0);
    out.extend_from_slice(b"\",\"time\":\"");
    out.extend_from_slice(clock.show(figures.time));
    out.extend_from_slice(&sensor.middle);
    if figures.quality != "bad" {
        out.extend_from_slice(b",\"value\":");
        decimal(out, figures.milli);
    }
    out.extend_from_slice(&sensor.unit);
    out.extend_from_slice(figures.quality.as_bytes());
    out.extend_from_slice(b"\",\"seq\":");
    unsigned(out, figures.seq);
    out.extend_from_slice(&sensor.tail);
}

/// Puts a fault into a message that was right until now.
pub fn spoil(out: &mut Vec<u8>, fault: Fault, time: EventTime) {
    match fault {
        Fault::Empty => out.clear(),
        Fault::Truncated => out.truncate(out.len() / 2),
        Fault::MissingField => replace(out, "\"sensor_id\"", "\"sensor\""),
        Fault::Unit => replace(out, "\"unit\":\"", "\"unit\":\"x"),
        Fault::Sector => replace(out, "\"sector\":\"", "\"sector\":\"x"),
        Fault::Time => replace(out, "+08:00\"", "\""),
        Fault::Clock => {
            let (now, ahead) = (show_time(time), show_time(time.plus_ms(2 * DAY_MS)));
            replace(out, &now, &ahead);
        }
    }
}

fn replace(out: &mut Vec<u8>, old: &str, new: &str) {
    let text = String::from_utf8_lossy(out).replacen(old, new, 1);
    out.clear();
    out.extend_from_slice(text.as_bytes());
}

/// An event's id: the run in eight hexadecimal digits, then the message's number in twelve decimal ones.
pub struct Id(pub [u8; 20]);

impl Id {
    /// The id of one message of one run.
    pub fn new(run: u32, serial: u64) -> Self {
        let mut id = [b'0'; 20];
        for (at, digit) in id[..8].iter_mut().enumerate() {
            *digit = b"0123456789ABCDEF"[(run >> (28 - 4 * at) & 15) as usize];
        }
        let mut rest = serial;
        for digit in id[8..].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        Id(id)
    }
}

/// A moment as local RFC 3339 text; remembers the minute it last wrote, because the next message is mostly of the same.
pub struct ClockFace {
    minute: i64,
    text: [u8; 29],
}

impl Default for ClockFace {
    fn default() -> Self {
        ClockFace { minute: i64::MIN, text: *b"1970-01-01T00:00:00.000+08:00" }
    }
}

impl ClockFace {
    /// `2026-11-23T10:15:00.250+08:00`.
    pub fn show(&mut self, time: EventTime) -> &[u8] {
        let local_ms = time.ms + OFFSET_MS;
        let minute = local_ms.div_euclid(60_000);
        if minute != self.minute {
            self.minute = minute;
            self.text[..16].copy_from_slice(&minute_text(minute));
        }
        let ms = local_ms.rem_euclid(60_000);
        digits(&mut self.text[17..19], ms / 1_000);
        digits(&mut self.text[20..23], ms % 1_000);
        &self.text
    }
}

/// A moment as local RFC 3339 text.
pub fn show_time(time: EventTime) -> String {
    String::from_utf8_lossy(ClockFace::default().show(time)).into_owned()
}

/// A moment's local date, `2026-11-23`.
pub fn show_date(time: EventTime) -> String {
    show_time(time).split('T').next().unwrap_or_default().to_owned()
}

fn minute_text(minute: i64) -> [u8; 16] {
    let mut text = *b"1970-01-01T00:00";
    let (year, month, day) = civil(minute.div_euclid(24 * 60));
    digits(&mut text[0..4], year);
    digits(&mut text[5..7], month);
    digits(&mut text[8..10], day);
    digits(&mut text[11..13], minute.rem_euclid(24 * 60) / 60);
    digits(&mut text[14..16], minute.rem_euclid(60));
    text
}

/// Days since the epoch → year, month, day, by Howard Hinnant's `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn digits(out: &mut [u8], number: i64) {
    let mut rest = number;
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// Thousandths as the shortest decimal: 12500 → `12.5`.
fn decimal(out: &mut Vec<u8>, milli: i64) {
    if milli < 0 {
        out.push(b'-');
    }
    let size = milli.unsigned_abs();
    unsigned(out, size / 1_000);
    let mut part = [0; 3];
    digits(&mut part, (size % 1_000) as i64);
    let shown = part.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    if shown > 0 {
        out.push(b'.');
        out.extend_from_slice(&part[..shown]);
    }
}

fn unsigned(out: &mut Vec<u8>, number: u64) {
    let mut text = [0; 20];
    let mut at = text.len();
    let mut rest = number;
    loop {
        at -= 1;
        text[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
}

/// A JSON object written field by field, for the messages that are rare enough not to need more.
pub struct Object {
    text: String,
}

impl Object {
    pub fn new(kind: &str) -> Self {
        Object { text: format!("{{\"type\":\"{kind}\"") }
    }

    /// Adds a text; our own names need escaping nowhere but for quotes and backslashes.
    pub fn text(mut self, name: &str, value: &str) -> Self {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        write!(self.text, ",\"{name}\":\"{value}\"").expect("writing to a String cannot fail");
        self
    }

    /// Adds what is JSON already.
    pub fn raw(mut self, name: &str, value: &str) -> Self {
        write!(self.text, ",\"{name}\":{value}").expect("writing to a String cannot fail");
        self
    }

    pub fn end(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_another_library_writes_them() {
        let mut clock = ClockFace::default();
        for ms in [0, 951_782_399_999, 1_709_164_800_001, 1_795_395_600_000, 4_102_444_799_999] {
            let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
            let expected = jiff::Timestamp::from_millisecond(ms).unwrap().to_zoned_datetime(zone);
            let expected = expected.strftime("%Y-%m-%dT%H:%M:%S.%3f%:z").to_string();
            assert_eq!(clock.show(EventTime::from_ms(ms)), expected.as_bytes());
        }
    }

    #[test]
    fn thousandths_are_written_as_the_shortest_decimal() {
        let cases =
            [(0, "0"), (12_500, "12.5"), (-300, "-0.3"), (1_000, "1"), (7, "0.007"), (-1_040, "-1.04")];
        for (milli, expected) in cases {
            let mut out = Vec::new();
            decimal(&mut out, milli);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }

    #[test]
    fn ids_differ_by_run_and_by_message() {
        assert_eq!(&Id::new(0xDEAD_BEEF, 42).0, b"DEADBEEF000000000042");
    }
}
