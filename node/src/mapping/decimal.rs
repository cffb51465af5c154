//! Numbers as people write them become one decimal spelling, digit by digit: never through a float, which
//! would change 2^63 + 1 and 0.1.

use std::borrow::Cow;

/// Digits on each side of the point: all that a double can hold, and more than anybody counts.
pub const DIGITS_MAX: usize = 360;

/// How a file writes numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locale {
    pub decimal: char,
    pub thousands: Option<char>,
    /// What may stand behind a number and says nothing that its column does not: `12 %`.
    pub suffix: Option<char>,
}

impl Default for Locale {
    fn default() -> Self {
        Self { decimal: '.', thousands: None, suffix: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotDecimal {
    /// `INF` in its spellings.
    Infinite,
    /// More digits than [`DIGITS_MAX`] on one side of the point.
    Range,
    Text,
}

/// `+1.234,50` → `1234.50`, `1e2` → `100`, `-0` → `0`. Zeros at the end stay: they say how exact it is.
pub fn normalise(written: &str, locale: &Locale) -> Result<String, NotDecimal> {
    let written = written.trim();
    let written = locale.suffix.and_then(|s| written.strip_suffix(s)).map_or(written, str::trim_end);
    let (negative, unsigned) = match written.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest),
        None => (false, written.strip_prefix('+').unwrap_or(written)),
    };
    if ["inf", "infinity", "∞"].iter().any(|i| unsigned.eq_ignore_ascii_case(i)) {
        return Err(NotDecimal::Infinite);
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once(locale.decimal).unwrap_or((mantissa, ""));
    let whole = ungrouped(whole, locale.thousands).ok_or(NotDecimal::Text)?;
    if whole.is_empty() && fraction.is_empty() || !is_digits(&whole) || !is_digits(fraction) {
        return Err(NotDecimal::Text);
    }
    let (whole, fraction) = shifted(whole.trim_start_matches('0'), fraction, exponent)?;
    let is_zero = whole.is_empty() && fraction.bytes().all(|b| b == b'0');
    let sign = if negative && !is_zero { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { &whole };
    Ok(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn exponent_of(text: &str) -> Result<i64, NotDecimal> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !is_digits(digits) {
        return Err(NotDecimal::Text);
    }
    text.parse().map_err(|_| NotDecimal::Range)
}

/// Moves the point. Nothing is allocated before the result is known to be short.
fn shifted(whole: &str, fraction: &str, exponent: i64) -> Result<(String, String), NotDecimal> {
    let range = |length: i64| if length <= DIGITS_MAX as i64 { Ok(()) } else { Err(NotDecimal::Range) };
    range(whole.len() as i64)?;
    range(fraction.len() as i64)?;
    if exponent == 0 {
        return Ok((whole.to_owned(), fraction.to_owned()));
    }
    let digits = format!("{whole}{fraction}");
    if digits.bytes().all(|b| b == b'0') {
        return Ok((String::new(), String::new()));
    }
    let point = (whole.len() as i64).saturating_add(exponent);
    range(point)?;
    range((digits.len() as i64).saturating_sub(point))?;
    // Zeros until the point lies inside the digits.
    let before = usize::try_from(-point).unwrap_or(0);
    let after = usize::try_from(point - digits.len() as i64).unwrap_or(0);
    let digits = format!("{}{digits}{}", "0".repeat(before), "0".repeat(after));
    let (whole, fraction) = digits.split_at_checked(point.max(0) as usize).ok_or(NotDecimal::Range)?;
    Ok((whole.trim_start_matches('0').to_owned(), fraction.to_owned()))
}

/// `1.234.567` and `12,34,567` without their separators. `None`: they do not stand where groups end.
fn ungrouped(whole: &str, thousands: Option<char>) -> Option<Cow<'_, str>> {
    let Some(separator) = thousands else { return Some(Cow::Borrowed(whole)) };
    // Where a blank is declared, typographers' blanks are meant as well.
    let is_separator = |c: char| c == separator || separator == ' ' && matches!(c, '\u{a0}' | '\u{202f}');
    if !whole.contains(is_separator) {
        return Some(Cow::Borrowed(whole));
    }
    let groups: Vec<&str> = whole.split(is_separator).collect();
    let (first, rest) = groups.split_first()?;
    let (last, middle) = rest.split_last()?;
    // South Asia groups by two above the thousands.
    let sound = (1..=3).contains(&first.len())
        && !first.starts_with('0')
        && last.len() == 3
        && (middle.iter().all(|g| g.len() == 3) || first.len() < 3 && middle.iter().all(|g| g.len() == 2));
    sound.then(|| Cow::Owned(groups.concat()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POINT: Locale = Locale { decimal: '.', thousands: None, suffix: None };

    fn read(written: &str, decimal: char, thousands: char) -> Result<String, NotDecimal> {
        normalise(written, &Locale { decimal, thousands: Some(thousands), suffix: None })
    }

    #[test]
    fn every_digit_is_kept() {
        for (written, normal) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0.0"),
            ("+007.50", "7.50"),
            (".5", "0.5"),
            ("1.", "1"),
            (" 12 ", "12"),
            ("1e2", "100"),
            ("1.50e1", "15.0"),
            ("12E-3", "0.012"),
            ("-1.5e-1", "-0.15"),
            ("0.00E+00", "0.00"),
            ("0e99999", "0"),
            ("9223372036854775808", "9223372036854775808"),
            ("-170141183460469231731687303715884105729", "-170141183460469231731687303715884105729"),
            ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
            ("\u{2212}3", "-3"),
        ] {
            assert_eq!(normalise(written, &POINT).as_deref(), Ok(normal), "{written}");
        }
        let large = normalise("1e308", &POINT).unwrap();
        assert_eq!(large.len(), 309);
    }

    #[test]
    fn what_is_no_number_is_told_apart() {
        for text in
            ["", ".", "-", "--1", "e5", "1e", "1e+", "0x1F", "1,234", "1 234", "NaN", "１", "1.2.3", "12%"]
        {
            assert_eq!(normalise(text, &POINT), Err(NotDecimal::Text), "{text}");
        }
        for text in ["INF", "-INF", "+inf", "Infinity"] {
            assert_eq!(normalise(text, &POINT), Err(NotDecimal::Infinite), "{text}");
        }
        for text in ["1e360", "1e-400", "1e9223372036854775807", "1e99999999999999999999", &"9".repeat(361)] {
            assert_eq!(normalise(text, &POINT), Err(NotDecimal::Range), "{text}");
        }
    }

    #[test]
    fn separators_stand_where_groups_end() {
        for (written, decimal, thousands, normal) in [
            ("1.234,50", ',', '.', "1234.50"),
            ("1,234,567.8", '.', ',', "1234567.8"),
            ("12,34,567", '.', ',', "1234567"),
            ("1 234\u{a0}567\u{202f}890", ',', ' ', "1234567890"),
            ("1'234.5", '.', '\'', "1234.5"),
            ("1234,5", ',', '.', "1234.5"),
        ] {
            assert_eq!(read(written, decimal, thousands).as_deref(), Ok(normal), "{written}");
        }
        for written in
            ["1,23", "1,2345", ",123", "1,,234", "0,123", "1234,567", "123,45,678", "1,234.5,6", "1,"]
        {
            assert_eq!(read(written, '.', ','), Err(NotDecimal::Text), "{written}");
        }
    }

    proptest! {
        #[test]
        fn the_normal_form_is_stable(text in "[-+]?[0-9]{0,20}([.][0-9]{0,20})?([eE][-+]?[0-9]{1,3})?", any in "\\PC{0,12}") {
            let _ = normalise(&any, &Locale { decimal: ',', thousands: Some('.') , suffix: None });
            if let Ok(normal) = normalise(&text, &POINT) {
                prop_assert_eq!(normalise(&normal, &POINT).unwrap(), normal.clone());
                let (a, b): (f64, f64) = (text.trim().parse().unwrap(), normal.parse().unwrap());
                prop_assert_eq!(a.abs(), b.abs());
            }
        }
    }
}
