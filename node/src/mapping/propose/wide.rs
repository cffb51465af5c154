//! Wide tables: columns whose names differ by a period only.

use std::collections::BTreeMap;

use super::profile::{Profile, is_year};
use crate::mapping::{
    decimal::Locale,
    file::Pattern,
    writing::{Spelling, Writing},
};

/// A longer name says more than a period: it is looked at from each of its digits on.
const NAME_BYTES_MAX: usize = 255;

/// Columns of values under one pattern each, all with periods that are written in the same way.
pub struct Wide {
    pub groups: Vec<(String, Vec<usize>)>,
    pub spelling: Option<Spelling>,
}

impl Wide {
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.groups.iter().flat_map(|(_, places)| places.iter().copied())
    }
}

/// The groups of number columns whose names differ by a period only; the largest decides that there are any.
pub fn wide(profile: &Profile, locale: &Locale, free: &[usize]) -> Option<Wide> {
    let has_numbers =
        |places: &[usize]| places.iter().any(|n| profile.column(*n).is_some_and(|c| c.is_numeric(locale)));
    let mut patterns: BTreeMap<(String, Option<Spelling>), usize> = BTreeMap::new();
    for place in free {
        let Some(column) = profile.column(*place) else { continue };
        if !column.is_numeric(locale) && column.odd > 0 {
            continue;
        }
        if let Some(pattern) = pattern_of(&column.name) {
            *patterns.entry(pattern).or_default() += 1;
        }
    }
    let ((first, spelling), columns) = patterns.iter().max_by_key(|(_, columns)| **columns)?;
    // Two years in brackets may be two editions of one figure.
    let enough = if first == "*" { 2 } else { 3 };
    if *columns < enough {
        return None;
    }
    let writing = Writing { spelling: *spelling, ..Writing::default() };
    let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
    for ((text, _), _) in patterns.iter().filter(|((_, s), columns)| s == spelling && **columns > 1) {
        // As a reader finds them: it does not know which are numbers.
        let pattern = Pattern::new(text)?;
        let fits =
            |n: &usize| profile.column(*n).is_some_and(|c| pattern.period_of(&c.name, &writing).is_some());
        let places: Vec<usize> = free.iter().copied().filter(fits).collect();
        if has_numbers(&places) {
            groups.push((text.clone(), places));
        }
    }
    let is_there = groups.iter().any(|(text, _)| text == first);
    is_there.then_some(Wide { groups, spelling: *spelling })
}

/// `value_2000` → `value_*`, and how the period is written.
fn pattern_of(name: &str) -> Option<(String, Option<Spelling>)> {
    if name.contains('*') || name.len() > NAME_BYTES_MAX {
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
            let Some(period) = name.get(start..start + length) else { continue };
            let Some(spelling) = spelling_of(period) else { continue };
            let pattern = name.replace(period, "*");
            let writing = Writing { spelling, ..Writing::default() };
            let found = Pattern::new(&pattern)?.period_of(name, &writing) == writing.read(period);
            let digit_after =
                name.get(start + length..).is_some_and(|a| a.starts_with(|c: char| c.is_ascii_digit()));
            if found && !digit_after {
                return Some((pattern, spelling));
            }
        }
    }
    None
}

/// Of names that say it themselves. `None`: no period.
fn spelling_of(period: &str) -> Option<Option<Spelling>> {
    let ways = [None, Some(Spelling::Quarter), Some(Spelling::Month)];
    ways.into_iter()
        .find(|spelling| Writing { spelling: *spelling, ..Writing::default() }.read(period).is_some())
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
            ("2018_M", Some("*_M")),
            ("2018Q1", Some("*")),
        ] {
            assert_eq!(pattern_of(name).map(|(pattern, _)| pattern).as_deref(), pattern, "{name}");
        }
        let endless = "x20009".repeat(50_000);
        assert_eq!(pattern_of(&endless), None);
    }
}
