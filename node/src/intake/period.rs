//! SDMX time periods: which spellings are legal, and which of two begins first.

/// The start of a period as text that sorts, or `None` when it is no SDMX period.
pub fn start(period: &str) -> Option<String> {
    let (first, _) = period.split_once('/').unwrap_or((period, ""));
    let (date, time) = first.split_once('T').filter(|(d, _)| d.len() == 10).unwrap_or((first, ""));
    if !time.is_empty() && !is_time(time) {
        return None;
    }
    let mut parts = date.splitn(2, '-');
    let year = digits(parts.next()?, 4)?;
    let rest = parts.next();
    let (month, day) = match rest {
        None => (1, 1),
        Some(rest) => month_and_day(rest)?,
    };
    Some(format!("{year:04}-{month:02}-{day:02}T{time}"))
}

fn month_and_day(rest: &str) -> Option<(u32, u32)> {
    let code = rest.chars().next()?;
    if code.is_ascii_digit() {
        return match rest.split_once('-') {
            None => Some((in_range(rest, 2, 12)?, 1)),
            Some((month, day)) => Some((in_range(month, 2, 12)?, in_range(day, 2, 31)?)),
        };
    }
    let number = rest.get(1..)?;
    match code {
        'A' => Some((in_range(number, 1, 1)?, 1)),
        'S' => Some((in_range(number, 1, 2)? * 6 - 5, 1)),
        'T' => Some((in_range(number, 1, 3)? * 4 - 3, 1)),
        'Q' => Some((in_range(number, 1, 4)? * 3 - 2, 1)),
        'M' => Some((in_range(number, 2, 12)?, 1)),
        // Weeks and days of the year, close enough for an order of starts.
        'W' => Some(day_of_year((in_range(number, 2, 53)? - 1) * 7)),
        'D' => Some(day_of_year(in_range(number, 3, 366)? - 1)),
        _ => None,
    }
}

fn day_of_year(day: u32) -> (u32, u32) {
    (day / 31 + 1, day % 31 + 1)
}

fn in_range(text: &str, length: usize, max: u32) -> Option<u32> {
    digits(text, length).filter(|n| (1..=max).contains(n))
}

fn digits(text: &str, length: usize) -> Option<u32> {
    let plain = text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn is_time(time: &str) -> bool {
    time.bytes().all(|b| b.is_ascii_digit() || b":.Z+-".contains(&b))
        && time.as_bytes().first().is_some_and(u8::is_ascii_digit)
}
