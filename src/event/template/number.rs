//! Numbers of JSON in the subset where one division is correctly rounded.

/// Powers of ten, each exact in binary.
const TENS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// A number of JSON without exponent, below 2^53 as a whole and with at most 15 places, and where it ends. Both parts of
/// the division are exact, so it rounds once, as a correct parser does. Minus zero is the twin's.
#[inline]
pub(super) fn number(bytes: &[u8], at: usize) -> Option<(f64, usize)> {
    let negative = bytes.get(at) == Some(&b'-');
    let start = at + usize::from(negative);
    let (whole, point) = digits(bytes, start, 0)?;
    if point == start || (bytes[start] == b'0' && point > start + 1) {
        return None;
    }
    let (significand, end) = match bytes.get(point) {
        Some(b'.') => digits(bytes, point + 1, whole)?,
        _ => (whole, point),
    };
    let places = end.saturating_sub(point + 1);
    if end == point + 1 || significand >= 1 << 53 || (negative && significand == 0) {
        return None;
    }
    let size = significand as f64 / TENS.get(places)?;
    Some((if negative { -size } else { size }, end))
}

/// Appends the digits from `at` on to `value`; `None` where it would not fit 64 bits.
#[inline]
fn digits(bytes: &[u8], at: usize, mut value: u64) -> Option<(u64, usize)> {
    let mut end = at;
    while let Some(digit) = bytes.get(end).map(|byte| byte.wrapping_sub(b'0'))
        && digit < 10
    {
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
        end += 1;
    }
    Some((value, end))
}

/// Where an unsigned number of 64 bits ends.
#[inline]
pub(super) fn unsigned(bytes: &[u8], at: usize) -> Option<usize> {
    let (_, end) = digits(bytes, at, 0)?;
    (end == at + 1 || (end > at + 1 && bytes[at] != b'0')).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What serde_json reads in the whole text, if this reads the whole text too.
    fn check(text: &str) {
        let twin: Result<f64, _> = serde_json::from_str(text);
        match number(text.as_bytes(), 0) {
            Some((value, end)) if end == text.len() => {
                assert_eq!(Some(value.to_bits()), twin.ok().map(f64::to_bits), "{text}");
            }
            _ => {}
        }
        if unsigned(text.as_bytes(), 0) == Some(text.len()) {
            assert!(serde_json::from_str::<u64>(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn ordinary_numbers_are_read() {
        for (text, value) in
            [("0", 0.0), ("12.5", 12.5), ("-3.25", -3.25), ("9007199254740991", 9007199254740991.0)]
        {
            assert_eq!(number(text.as_bytes(), 0), Some((value, text.len())), "{text}");
        }
        for text in ["", "-", ".5", "1.", "01", "-0", "-0.0", "9007199254740993", "0.1234567890123456"] {
            assert_eq!(number(text.as_bytes(), 0), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_serde_json_reads(text in "-?[0-9]{1,18}(\\.[0-9]{1,16})?|[-+0-9.eE]{1,8}|[0-9]{17,21}") {
            check(&text);
        }
    }
}
