//! Wide tables: columns whose names differ by a period only.

use std::collections::BTreeMap;

use super::profile::{Profile, is_year};
use crate::{
    intake::period,
    mapping::{decimal::Locale, file::Pattern},
};

/// The largest group of number columns whose names differ by a period only.
pub fn wide(profile: &Profile, locale: &Locale, free: &[usize]) -> Option<(String, Vec<usize>)> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for place in free {
        let Some(column) = profile.column(*place) else { continue };
        if !column.is_numeric(locale) && column.odd > 0 {
            continue;
        }
        if let Some(pattern) = pattern_of(&column.name) {
            groups.entry(pattern).or_default().push(*place);
        }
    }
    let (pattern, places) = groups.into_iter().max_by_key(|(_, places)| places.len())?;
    let has_numbers = places.iter().any(|n| profile.column(*n).is_some_and(|c| c.is_numeric(locale)));
    // Two years in brackets may be two editions of one figure.
    let enough = if pattern == "*" { 2 } else { 3 };
    (places.len() >= enough && has_numbers).then_some((pattern, places))
}

/// `value_2000` → `value_*`
fn pattern_of(name: &str) -> Option<String> {
    if name.contains('*') {
        return None;
    }
    let starts = name.char_indices().map(|(n, _)| n);
    for start in starts {
        let digit_before = name.get(..start).is_some_and(|b| b.ends_with(|c: char| c.is_ascii_digit()));
        if digit_before || !name.get(start..start + 4).is_some_and(is_year) {
            continue;
        }
        // The longest that is a period: 2001-Q1 before 2001.
        for length in (4..=10).rev() {
            let Some(period) = name.get(start..start + length).filter(|p| period::start(p).is_some()) else {
                continue;
            };
            let pattern = name.replace(period, "*");
            let found = Pattern::new(&pattern)?.period_in(name) == Some(period);
            let digit_after =
                name.get(start + length..).is_some_and(|a| a.starts_with(|c: char| c.is_ascii_digit()));
            if found && !digit_after {
                return Some(pattern);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_in_names_of_columns_become_patterns() {
        for (name, pattern) in [
            ("2000", Some("*")),
            ("value_2000", Some("value_*")),
            ("2000 [YR2000]", Some("* [YR*]")),
            ("2001-Q1", Some("*")),
            ("Y2000F", Some("Y*F")),
            ("v12000", None),
            ("20001", None),
            ("year", None),
            ("é2000", Some("é*")),
        ] {
            assert_eq!(pattern_of(name).as_deref(), pattern, "{name}");
        }
    }
}
