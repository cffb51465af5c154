//! Which column is what: areas, periods, values, what tells rows apart, and what only describes them.

use std::collections::BTreeSet;

use super::{
    keys::Keys,
    profile::{Column, Profile, is_year},
    wide::{Wide, wide},
};
use crate::mapping::{
    areas::{self, Scheme},
    decimal::Locale,
    writing::Spelling,
};

const AREA_HINTS: [&str; 14] = [
    "geo", "area", "country", "iso", "code", "entity", "location", "pays", "pais", "nation", "m49",
    "economy", "territor", "state",
];
const PERIOD_NAMES: [&str; 9] =
    ["time_period", "time", "year", "period", "date", "annee", "année", "ano", "año"];
const VALUE_NAMES: [&str; 9] =
    ["obs_value", "value", "val", "valeur", "valor", "wert", "nilai", "figure", "observation"];
/// Names that tables of the region give to what their numbers are split by.
const DIMENSION_NAMES: [&str; 14] = [
    "freq",
    "indicator",
    "series",
    "sex",
    "gender",
    "age",
    "wealth",
    "wealth_quintile",
    "quintile",
    "residence",
    "urbanisation",
    "education",
    "disability",
    "unit_measure",
];

#[derive(Default)]
pub struct Roles {
    pub area: Option<(usize, Scheme)>,
    pub period: Option<PeriodRole>,
    pub measures: Vec<usize>,
    pub dimensions: Vec<usize>,
    pub attributes: Vec<usize>,
    /// Columns without a name.
    pub left_out: Vec<usize>,
    /// Rows of the sample, and how many of their keys are different.
    pub sampled: usize,
    pub keys: usize,
}

pub enum PeriodRole {
    Column(usize),
    /// In one of these spellings; of several, or of none, a person decides.
    Spelt(usize, Vec<Spelling>),
    Wide(Wide),
    /// From the name of the file.
    Named(String),
}

pub fn assign(profile: &Profile, locale: &Locale, file_name: &str) -> Roles {
    let named = |n: &usize| profile.column(*n).is_some_and(|c| !c.name.is_empty());
    let (mut free, left_out): (Vec<usize>, Vec<usize>) = (0..profile.columns.len()).partition(named);
    let mut roles = Roles { area: area(profile, &free), left_out, ..Roles::default() };
    free.retain(|n| roles.area.is_none_or(|(area, _)| area != *n));
    roles.period = period_of(profile, locale, &free, file_name);
    match &roles.period {
        Some(PeriodRole::Column(place) | PeriodRole::Spelt(place, _)) => free.retain(|n| n != place),
        Some(PeriodRole::Wide(wide)) => {
            let taken: BTreeSet<usize> = wide.places().collect();
            free.retain(|n| !taken.contains(n));
        }
        _ => {}
    }
    let numeric = |n: &usize| profile.column(*n).is_some_and(|c| c.is_numeric(locale));
    let named_value = free.iter().copied().find(|n| {
        is_named(profile, *n, &VALUE_NAMES) && profile.column(*n).is_some_and(|c| c.is_mostly_numeric(locale))
    });
    let others = free.iter().copied().filter(|n| Some(*n) != named_value);
    let (mut numbers, texts): (Vec<usize>, Vec<usize>) = others.partition(numeric);
    let mut keys = Keys::new(profile, &roles);
    // Names first, then texts, then whole numbers: a column of ages is one, a column of people is one too.
    let named = free.iter().copied().filter(|n| is_named(profile, *n, &DIMENSION_NAMES));
    named.for_each(|n| keys.offer(n, true));
    texts.iter().for_each(|n| keys.offer(*n, false));
    // Without a name for it the last column of numbers is the likeliest value.
    let last = numbers.last().copied().filter(|_| named_value.is_none());
    let codes = |n: &usize| Some(*n) != last && profile.column(*n).is_some_and(Column::is_whole);
    numbers.iter().copied().filter(codes).for_each(|n| keys.offer(n, false));
    (roles.sampled, roles.keys) = (profile.sample.len(), keys.different());
    roles.dimensions = keys.taken;
    roles.dimensions.sort_unstable();
    numbers.retain(|n| !roles.dimensions.contains(n));
    if !matches!(roles.period, Some(PeriodRole::Wide(_))) {
        roles.measures = match named_value {
            Some(value) => vec![value],
            None => measures(profile, &numbers),
        };
    }
    free.retain(|n| !roles.dimensions.contains(n) && !roles.measures.contains(n));
    roles.attributes = free;
    roles
}

fn is_named(profile: &Profile, place: usize, names: &[&str]) -> bool {
    // `[Sex]` is called sex as well.
    let plain = |c: &Column| c.name.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    profile.column(place).is_some_and(|c| names.contains(&plain(c).as_str()))
}

/// The column of which most values are countries; of equals the one with the plainest codes.
fn area(profile: &Profile, free: &[usize]) -> Option<(usize, Scheme)> {
    let mut best: Option<(u64, usize, Scheme)> = None;
    for (place, column) in free.iter().filter_map(|n| Some((*n, profile.column(*n)?))) {
        let name = column.name.to_lowercase();
        let hinted = AREA_HINTS.iter().any(|h| name.contains(h));
        for (bonus, scheme) in
            [(30, Scheme::Alpha3), (20, Scheme::Alpha2), (10, Scheme::M49), (0, Scheme::Name)]
        {
            let found = column.distinct.iter().filter(|v| areas::find(scheme, v).is_some()).count() as u64;
            // Small numbers, and words of two or three letters, are codes of anything.
            let trusted = hinted || found >= 5 && scheme != Scheme::M49 || scheme == Scheme::Name;
            let per_mille = |part: u64, whole: u64| 1000 * part / whole.max(1);
            let share = per_mille(found, column.distinct.len() as u64);
            // Of a row without an area no observation can be made.
            let gaps = column.empty_beside_numbers;
            let penalty = 2 * per_mille(gaps, profile.rows) + 50 * u64::from(gaps > 0);
            let score = (share + bonus).saturating_sub(penalty);
            if trusted && share >= 500 && best.is_none_or(|(most, ..)| score > most) {
                best = Some((score, place, scheme));
            }
        }
    }
    best.map(|(_, place, scheme)| (place, scheme))
}

fn period_of(profile: &Profile, locale: &Locale, free: &[usize], file_name: &str) -> Option<PeriodRole> {
    if let Some(wide) = wide(profile, locale, free) {
        return Some(PeriodRole::Wide(wide));
    }
    let is_period = |n: &usize| profile.column(*n).is_some_and(|c| c.filled > 0 && c.periods == c.filled);
    let named = |name: &&str| free.iter().copied().find(|n| is_period(n) && is_named(profile, *n, &[name]));
    let alike = |n: &usize| {
        let name = profile.column(*n).map(|c| c.name.to_lowercase()).unwrap_or_default();
        ["time", "year", "period", "date"].iter().any(|part| name.contains(part))
    };
    let years = |n: &usize| profile.column(*n).is_some_and(|c| c.empty == 0 && c.years == c.filled);
    let found = PERIOD_NAMES.iter().find_map(named);
    let found = found.or_else(|| free.iter().copied().find(|n| is_period(n) && alike(n)));
    let found = found.or_else(|| free.iter().copied().find(years));
    if let Some(place) = found {
        return Some(PeriodRole::Column(place));
    }
    // A column that is called so and is written in another way.
    let spelt = |n: usize| {
        let column = profile.column(n).filter(|_| is_named(profile, n, &PERIOD_NAMES) || alike(&n))?;
        let spellings = Spelling::fitting(column.distinct.iter().map(String::as_str));
        let are_dated =
            is_named(profile, n, &PERIOD_NAMES) && column.distinct.iter().all(|v| year_in(v).is_some());
        (!spellings.is_empty() || are_dated).then_some(PeriodRole::Spelt(n, spellings))
    };
    if let Some(spelt) = free.iter().copied().find_map(spelt) {
        return Some(spelt);
    }
    // A column that is called so, and mostly is it: the mapping says what the rest is.
    let mostly = |n: &usize| profile.column(*n).is_some_and(|c| 2 * c.periods > c.filled);
    let named = |n: &usize| mostly(n) && is_named(profile, *n, &PERIOD_NAMES);
    let found = free.iter().copied().find(named);
    found.map(PeriodRole::Column).or_else(|| year_in(file_name).map(PeriodRole::Named))
}

fn year_in(file_name: &str) -> Option<String> {
    let mut runs = file_name.split(|c: char| !c.is_ascii_digit());
    runs.rfind(|run| is_year(run)).map(str::to_owned)
}

/// Without a telling name: every column of numbers, unless it is the same number everywhere.
fn measures(profile: &Profile, numbers: &[usize]) -> Vec<usize> {
    let is_code = |c: &Column| {
        let m49 = c.distinct.iter().filter(|v| areas::find(Scheme::M49, v).is_some()).count();
        let name = c.name.to_lowercase();
        !c.is_open && m49 == c.distinct.len() && ["code", "numeric", "m49"].iter().any(|h| name.contains(h))
    };
    let varied = |n: &usize| {
        profile.column(*n).is_some_and(|c| (!c.is_constant() || numbers.len() == 1) && !is_code(c))
    };
    let measures: Vec<usize> = numbers.iter().copied().filter(varied).collect();
    if measures.is_empty() { numbers.to_vec() } else { measures }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_is_taken_from_a_file_name() {
        for (name, year) in [
            ("INFORM-2016.csv", Some("2016")),
            ("INFORM_Mid2018_v034.csv", Some("2018")),
            ("a2001-2005.csv", Some("2005")),
            ("table20161.csv", None),
        ] {
            assert_eq!(year_in(name).as_deref(), year, "{name}");
        }
    }
}
