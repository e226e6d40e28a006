//! The texts that settings are written in: durations, sizes, counts, ratios, names.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use jiff::tz::TimeZone;

use super::problem::{Wrong, nearest};

/// Units of durations, in milliseconds, largest first.
const DURATION_UNITS: [(&str, i64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
/// Units of sizes, in bytes.
const SIZE_UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A duration ≥ 0 in milliseconds: a whole number and a unit, or several in a row (`1h30m`); a bare `0` is welcome.
pub fn duration_ms(text: &str) -> Result<i64, Wrong> {
    let wrong = || Wrong::new("a duration", "write a number and a unit: 100ms, 10s, 5m, 1h, 7d");
    if text == "0" {
        return Ok(0);
    }
    let mut rest = text;
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let number: i64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = &rest[digits..digits + letters];
        let (_, ms) = DURATION_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        total = number.checked_mul(*ms).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        rest = &rest[digits + letters..];
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}

/// A duration of at least a millisecond.
pub fn positive_duration_ms(text: &str) -> Result<i64, Wrong> {
    match duration_ms(text)? {
        0 => Err(Wrong::new("longer than nothing", "write a duration of at least 1ms")),
        ms => Ok(ms),
    }
}

/// How a duration is written: the largest unit that divides it.
pub fn duration_text(ms: i64) -> String {
    let whole = DURATION_UNITS.iter().find(|(_, unit)| ms != 0 && ms % unit == 0);
    whole.map_or_else(|| format!("{ms}ms"), |(name, unit)| format!("{}{name}", ms / unit))
}

/// A size in bytes: `64KiB`, `1MiB`, or a bare number of bytes.
pub fn size_bytes(text: &str) -> Result<usize, Wrong> {
    let wrong = || Wrong::new("a size", "write a number of bytes, or a number and KiB, MiB or GiB: 64KiB");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit = match text[digits..].trim_start() {
        "" => 1,
        name => SIZE_UNITS.iter().find(|(unit, _)| *unit == name).ok_or_else(wrong)?.1,
    };
    number.checked_mul(unit).and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(wrong)
}

/// A whole number of at least 1.
pub fn count<T: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, Wrong> {
    let wrong = || Wrong::new("a count", "write a whole number of at least 1");
    text.parse().ok().filter(|number| *number >= T::from(1)).ok_or_else(wrong)
}

/// A whole number, 0 included.
pub fn number<T: FromStr>(text: &str) -> Result<T, Wrong> {
    text.parse().map_err(|_| Wrong::new("a number", "write a whole number of at least 0"))
}

/// A share between 0 and 1: `0.95` or `95%`.
pub fn ratio(text: &str) -> Result<f64, Wrong> {
    let parsed = match text.strip_suffix('%') {
        Some(percent) => percent.trim_end().parse::<f64>().map(|value| value / 100.0),
        None => text.parse::<f64>(),
    };
    parsed
        .ok()
        .filter(|value| (0.0..=1.0).contains(value))
        .ok_or_else(|| Wrong::new("a share", "write a number from 0 to 1, or a percentage: 0.95, 95%"))
}

/// An address to listen on.
pub fn address(text: &str) -> Result<SocketAddr, Wrong> {
    text.parse()
        .map_err(|_| Wrong::new("an address", "write IP:PORT: 0.0.0.0:8080, 127.0.0.1:9090, [::]:8080"))
}

/// A time zone of the IANA database.
pub fn zone(text: &str) -> Result<TimeZone, Wrong> {
    TimeZone::get(text).map_err(|_| {
        Wrong::new("a time zone", "write a name of the IANA database: Asia/Shanghai, UTC, Europe/Berlin")
    })
}

/// Any text but the empty one.
pub fn text(text: &str) -> Result<String, Wrong> {
    if text.is_empty() {
        Err(Wrong::new("a text", "write at least one character"))
    } else {
        Ok(text.to_owned())
    }
}

/// A name as Kafka takes it for a member of a group that keeps its place (KIP-345).
pub fn name(text: &str) -> Result<String, Wrong> {
    // 249 together: a member's name is group, instance and number, each behind a hyphen.
    const LENGTH_MAX: usize = 120;
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if text.is_empty() || text.len() > LENGTH_MAX || !text.bytes().all(is_legal) {
        Err(Wrong::new("a name", "write 1 to 120 of the letters a-z and A-Z, digits, '.', '_' and '-'"))
    } else {
        Ok(text.to_owned())
    }
}

/// A name, or nothing.
pub fn optional_name(text: &str) -> Result<Option<String>, Wrong> {
    if text.is_empty() { Ok(None) } else { name(text).map(Some) }
}

/// Any text at all.
pub fn any_text(text: &str) -> Result<String, Wrong> {
    Ok(text.to_owned())
}

/// Which log lines are written: a level, or directives per module.
pub fn log_filter(text: &str) -> Result<String, Wrong> {
    let wrong = || {
        Wrong::new(
            "a log filter",
            "write error, warn, info, debug or trace, or per module: info,hazstream::kafka=debug",
        )
    };
    tracing_subscriber::EnvFilter::builder().parse(text).map_err(|_| wrong())?;
    // EnvFilter takes a bare word that is no level for the name of a module; nobody means that.
    let level = |word: &str| word.parse::<tracing::level_filters::LevelFilter>().is_ok();
    let fits = text.split(',').all(|part| level(part.rsplit('=').next().unwrap_or_default()));
    if fits { Ok(text.to_owned()) } else { Err(wrong()) }
}

/// A text, or nothing.
pub fn optional_text(text: &str) -> Result<Option<String>, Wrong> {
    Ok(if text.is_empty() { None } else { Some(text.to_owned()) })
}

/// A path, or nothing for what is shipped.
pub fn optional_path(text: &str) -> Result<Option<PathBuf>, Wrong> {
    Ok(if text.is_empty() { None } else { Some(PathBuf::from(text)) })
}

/// One of a closed set of names.
pub fn one_of<T: Copy>(text: &str, names: &[(&'static str, T)]) -> Result<T, Wrong> {
    let found = names.iter().find(|(name, _)| *name == text);
    found
        .map(|(_, value)| *value)
        .ok_or_else(|| Wrong::new("a name known here", nearest(text, names.iter().map(|(name, _)| *name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, ms) in [
            ("0", Some(0)),
            ("100ms", Some(100)),
            ("10s", Some(10_000)),
            ("1h30m", Some(5_400_000)),
            ("30d", Some(2_592_000_000)),
            ("", None),
            ("10", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("10 s", None),
            ("5min", None),
            ("1秒", None),
            ("9223372036854775807d", None),
        ] {
            assert_eq!(duration_ms(text).ok(), ms, "{text:?}");
        }
        for ms in [0, 1, 100, 90_000, 604_800_000] {
            assert_eq!(duration_ms(&duration_text(ms)), Ok(ms));
        }
    }

    #[test]
    fn sizes_are_bytes_or_binary_multiples() {
        for (text, bytes) in [
            ("65536", Some(65536)),
            ("64KiB", Some(65536)),
            ("2 MiB", Some(2 << 20)),
            ("64KB", None),
            ("", None),
        ] {
            assert_eq!(size_bytes(text).ok(), bytes, "{text:?}");
        }
    }

    #[test]
    fn shares_are_numbers_or_percentages_up_to_one() {
        for (text, share) in [
            ("0.95", Some(0.95)),
            ("95%", Some(0.95)),
            ("0", Some(0.0)),
            ("1.01", None),
            ("NaN", None),
            ("x", None),
        ] {
            assert_eq!(ratio(text).ok(), share, "{text:?}");
        }
    }
}
