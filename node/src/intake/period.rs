//! SDMX time periods: which spellings are legal, and which of two begins first.

use time::{Date, Month, PrimitiveDateTime, Time, Weekday};

/// The longest legal spelling is a date with time, fraction and zone, and a duration.
const PERIOD_BYTES_MAX: usize = 64;

/// The start of a period in seconds since 1970 (UTC where no zone is named), or `None` when it is no SDMX period.
pub fn start(period: &str) -> Option<i64> {
    if period.len() > PERIOD_BYTES_MAX || !period.is_ascii() {
        return None;
    }
    match period.split_once('/') {
        Some((from, length)) => date_time(from).filter(|_| is_duration(length)),
        None => date_time(period).or_else(|| reporting_period(period)),
    }
}

/// `2001`, `2001-05`, `2001-05-06`, `2001-05-06T07:08:09.5+12:00`
fn date_time(text: &str) -> Option<i64> {
    if let Some((date, clock)) = text.split_once('T') {
        let (time, offset) = clock_time(clock)?;
        return Some(seconds(calendar_date(date).filter(|_| date.len() == 10)?, time) - offset);
    }
    Some(seconds(calendar_date(text)?, Time::MIDNIGHT))
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
    let date = match rest.as_bytes().first()? {
        b'A' => part(1, 12),
        b'S' => part(2, 6),
        b'T' => part(3, 4),
        b'Q' => part(4, 3),
        b'M' => date(year, digits(number, 2)?, 1),
        b'W' => Date::from_iso_week_date(year as i32, digits(number, 2)? as u8, Weekday::Monday).ok(),
        b'D' => Date::from_ordinal_date(year as i32, digits(number, 3)? as u16).ok(),
        _ => None,
    };
    Some(seconds(date?, Time::MIDNIGHT))
}

/// `07:08:09.5+12:00`: the time, and the seconds of its zone.
fn clock_time(text: &str) -> Option<(Time, i64)> {
    let zone_at = text.find(['Z', '+', '-']).unwrap_or(text.len());
    let (clock, zone) = text.split_at(zone_at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let pair = |at: usize| digits(clock.get(at..at + 2)?, 2);
    let colons = clock.len() == 8 && clock.get(2..3) == Some(":") && clock.get(5..6) == Some(":");
    let time = Time::from_hms(pair(0)? as u8, pair(3)? as u8, pair(6)? as u8).ok().filter(|_| colons)?;
    let offset = match zone {
        "" | "Z" => 0,
        _ => {
            let (hours, minutes) = zone[1..].split_once(':')?;
            let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2).filter(|m| *m < 60)?);
            let offset = i64::from(hours * 60 + minutes) * 60;
            if offset > 14 * 3600 || zone.starts_with('Z') {
                return None;
            }
            if zone.starts_with('-') { -offset } else { offset }
        }
    };
    Some((time, offset))
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

fn seconds(date: Date, time: Time) -> i64 {
    PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp()
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
            "2001-D366",
            "2001-D000",
            "2001-D60",
            "2001-W53",
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
