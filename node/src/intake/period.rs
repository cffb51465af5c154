//! SDMX time periods: which spellings are legal, and which of two begins first.

use time::{Date, Duration, Month, Weekday};

/// The longest legal spelling is a date with time, fraction and zone, and a duration.
const PERIOD_BYTES_MAX: usize = 64;

/// The start of a period in seconds since 1970 (UTC where no zone is named), or `None` when it is no SDMX period.
pub fn start(period: &str) -> Option<i64> {
    if period.len() > PERIOD_BYTES_MAX || !period.is_ascii() {
        return None;
    }
    let (from, length) = period.split_once('/').map_or((period, None), |(from, length)| (from, Some(length)));
    let (from, offset) = without_zone(from)?;
    let start = match length {
        Some(length) => date_time(from).filter(|_| is_duration(length)),
        None => date_time(from).or_else(|| reporting_period(from)),
    };
    Some(start? - offset)
}

/// Every spelling may end with `Z` or `+12:00`: what stands before it, and the seconds of the zone.
fn without_zone(text: &str) -> Option<(&str, i64)> {
    if let Some(local) = text.strip_suffix('Z') {
        return Some((local, 0));
    }
    let (local, zone) = text.split_at_checked(text.len().wrapping_sub("+12:00".len())).unwrap_or((text, ""));
    let Some((hours, minutes)) = zone.strip_prefix(['+', '-']).and_then(|z| z.split_once(':')) else {
        return Some((text, 0));
    };
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2).filter(|m| *m < 60)?);
    let offset = i64::from(hours * 60 + minutes) * 60;
    if offset > 14 * 3600 {
        return None;
    }
    Some((local, if zone.starts_with('-') { -offset } else { offset }))
}

/// `2001`, `2001-05`, `2001-05-06`, `2001-05-06T07:08:09.5`
fn date_time(text: &str) -> Option<i64> {
    let (date, clock) = text.split_once('T').map_or((text, None), |(date, clock)| (date, Some(clock)));
    let midnight = seconds(calendar_date(date)?);
    match clock {
        Some(clock) => clock_time(clock).filter(|_| date.len() == 10).map(|time| midnight + time),
        None => Some(midnight),
    }
}

fn calendar_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |m| digits(m, 2))?;
    let day = parts.next().map_or(Some(1), |d| digits(d, 2))?;
    if parts.next().is_some() {
        return None;
    }
    date(year, month, day)
}

/// `2001-A1`, `-S2`, `-T3`, `-Q4`, `-M12`, `-W53`, `-D366`
fn reporting_period(text: &str) -> Option<i64> {
    let (year, rest) = text.split_once('-')?;
    let (year, number) = (digits(year, 4)?, rest.get(1..)?);
    let part = |max: u32, months: u32| {
        let n = digits(number, 1).filter(|n| (1..=max).contains(n))?;
        date(year, (n - 1) * months + 1, 1)
    };
    // The standard writes W53 and D366 of any year: where it has none, that is where the next begins.
    let date = match rest.as_bytes().first()? {
        b'A' => part(1, 12),
        b'S' => part(2, 6),
        b'T' => part(3, 4),
        b'Q' => part(4, 3),
        b'M' => date(year, digits(number, 2)?, 1),
        b'W' => {
            let n = digits(number, 2).filter(|n| (1..=53).contains(n))?;
            let first = Date::from_iso_week_date(year as i32, 1, Weekday::Monday).ok()?;
            first.checked_add(Duration::weeks(i64::from(n) - 1))
        }
        b'D' => {
            let n = digits(number, 3).filter(|n| (1..=366).contains(n))?;
            date(year, 1, 1)?.checked_add(Duration::days(i64::from(n) - 1))
        }
        _ => None,
    };
    date.map(seconds)
}

/// `07:08:09.5`, as seconds; `24:00:00` is the midnight that ends the day.
fn clock_time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut parts = clock.split(':').map(|part| digits(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let is_end = hour == 24 && minute == 0 && second == 0 && fraction.bytes().all(|b| b == b'0');
    let is_time = (hour < 24 || is_end) && minute < 60 && second < 60 && parts.next().is_none();
    is_time.then_some(i64::from(hour * 3600 + minute * 60 + second))
}

/// `P1Y2M3DT4H5M6.5S`, each part optional, at least one there.
fn is_duration(text: &str) -> bool {
    let Some(text) = text.strip_prefix('P') else { return false };
    let (days, clock) = text.split_once('T').map_or((text, None), |(days, clock)| (days, Some(clock)));
    let sound = |part: &str, units: &str| {
        let mut units = units.chars();
        let pieces: Vec<&str> = part.split_inclusive(|c: char| c.is_ascii_uppercase()).collect();
        pieces.iter().all(|piece| {
            let (number, unit) = piece.split_at(piece.len() - 1);
            let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
            let is_number = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
            let in_order = units.any(|u| unit.starts_with(u));
            in_order && is_number(whole) && is_number(fraction) && (unit == "S" || whole == number)
        })
    };
    sound(days, "YMD") && clock.map_or(!days.is_empty(), |clock| !clock.is_empty() && sound(clock, "HMS"))
}

fn date(year: u32, month: u32, day: u32) -> Option<Date> {
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(year as i32, month, day as u8).ok()
}

fn seconds(date: Date) -> i64 {
    date.midnight().assume_utc().unix_timestamp()
}

/// Exactly so many digits; at most four, so that every number fits its type.
fn digits(text: &str, length: usize) -> Option<u32> {
    let plain = text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn periods_begin_in_their_order() {
        let order = [
            "1999",
            "1999-D366x",
            "2000-S2",
            "2001",
            "2001-02",
            "2001-D060",
            "2001-Q2",
            "2001-M05",
            "2001-05-06",
            "2001-05-06T07:00:00",
            "2001-06-01/P1M",
            "2001-W26",
            "2001-T3",
            "2001-12-31T23:00:00-12:00",
            "2002-01-02",
        ];
        let starts: Vec<_> = order.iter().filter_map(|p| start(p)).collect();
        assert_eq!(starts.len(), order.len() - 1, "only 1999-D366x is illegal");
        assert!(starts.is_sorted(), "{starts:?}");
        for (a, b) in [
            ("2001", "2001-A1"),
            ("2001-01", "2001-Q1"),
            ("2001-D032", "2001-02-01"),
            ("2009-W01", "2008-12-29"),
            ("2001-W53", "2002-W01"),
            ("2003-D366", "2004-01-01"),
            ("2001-05-06T24:00:00", "2001-05-07"),
            ("2020Z", "2020"),
            ("2020-01Z", "2020-01"),
            ("2020-Q1Z", "2020-Q1"),
            ("2020-01-01+12:00", "2019-12-31T12:00:00"),
            ("2020-Q1+02:00", "2019-12-31T22:00:00"),
            ("2020-W53-05:00", "2020-12-28T05:00:00Z"),
            ("2020-05:00", "2020-01-01T05:00:00"),
            ("2020-01-01+01:00/P1Y", "2019-12-31T23:00:00"),
        ] {
            assert_eq!(start(a), start(b), "{a} {b}");
        }
        assert_eq!(start("2001-05-06T12:00:00+12:00"), start("2001-05-06T00:00:00Z"));
    }

    #[test]
    fn spellings_that_are_no_period_are_told_apart() {
        for good in [
            "0001",
            "2000-02-29",
            "2000-D366",
            "2009-W53",
            "2001-M12",
            "2001-05-06T07:08:09.25Z",
            "2001-01-01/P1Y",
            "2001-01-01T00:00:00/P1Y2M3DT4H5M6.5S",
            "2001-01-01/PT12H",
            "2003-D366",
            "2001-W53",
            "2020-05:00",
            "2020-01-01Z/P1Y",
            "2001-05-06T24:00:00.0+14:00",
        ] {
            assert!(start(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "99",
            "20011",
            "abcd",
            "-001",
            "2001-",
            "2001-0",
            "2001-00",
            "2001-13",
            "2001-02-29",
            "2001-02-30",
            "2001-05-06-07",
            "2001-D367",
            "2001-D000",
            "2001-D60",
            "2001-W54",
            "2001-W00",
            "2001-Q0",
            "2001-Q5",
            "2001-Q01",
            "2001-S3",
            "2001-T4",
            "2001-A2",
            "2001-M13",
            "2001-M1",
            "2001-X1",
            "2001Q1",
            "2001-q1",
            "2001T00:00:00",
            "2001-05-06T",
            "2001-05-06T7:00:00",
            "2001-05-06T25:00:00",
            "2001-05-06T07:00",
            "2001-05-06T07:00:00.",
            "2001-05-06T07:00:00+15:00",
            "2001-05-06T24:00:01",
            "2001-05-06T24:00:00.5",
            "2001-05-06T07:60:00",
            "2001-05-06T07:00:00:00",
            "2001ZZ",
            "2001+02:00Z",
            "2001+2:00",
            "2001+02:60",
            "Z",
            "+02:00",
            "2001-01-01/P1YZ",
            "2001-05-06T07:00:00Z5:00",
            "2001/2005",
            "2001-01-01/",
            "2001-01-01/P",
            "2001-01-01/P1",
            "2001-01-01/P1YT",
            "2001-01-01/P1D1Y",
            "2001-01-01/P1.5Y",
            "2001-Q1/P1Y",
            "２００１",
        ] {
            assert_eq!(start(bad), None, "{bad}");
        }
        assert_eq!(start(&format!("2001-05-06T07:00:00.{}", "0".repeat(1 << 20))), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9TZQWDAP:.+/-]{0,30}", any in "\\PC{0,12}") {
            start(&text);
            start(&any);
            start(&format!("2001-05-06T{text}"));
            start(&format!("2001-05-06/P{any}"));
        }
    }
}
