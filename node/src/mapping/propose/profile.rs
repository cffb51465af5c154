//! What each column holds: one pass over the file, memory bounded by columns.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    io::Read,
};

use csv::ByteRecord;

use super::{LOCALES, Shape, sniff::undecodable};
use crate::{
    intake::{Fault, Faults, IntakeError, Limits, Refused, cell, period, records::Records},
    mapping::{
        decimal::{self, Locale},
        encoding::Decoded,
        file::YEARS,
        read::next,
        skip::SkipLines,
    },
};

/// Different values remembered of one column, and of all together.
const DISTINCT_MAX: usize = 400;
const DISTINCT_TOTAL_MAX: usize = 200_000;
/// A longer value is a text that nobody uses as a code.
const VALUE_BYTES_MAX: usize = 64;
/// Cells remembered as hashes, to find which columns tell rows apart.
const SAMPLE_CELLS_MAX: usize = 1 << 20;
const ODD_MAX: usize = 5;
/// What offices write where there is no value. `NA` is Namibia only in a column of areas.
const MISSING: [&str; 34] = [
    "..", "...", "…", "-", "--", "---", "–", "—", "NA", "N/A", "n/a", "#N/A", "n.a.", "n.d.", "n.d", "nd",
    "ND", "N/D", "n/d", "s.d.", "NaN", "nan", "x", "X", "c", ".", ":", "*", "NULL", "null", "None", "none",
    "#VALUE!", "#DIV/0!",
];

#[derive(Default)]
pub struct Column {
    pub name: String,
    pub empty: u64,
    /// Of these, in rows that have a number anywhere: others are notes below the table.
    pub empty_beside_numbers: u64,
    pub filled: u64,
    /// Cells that are numbers under each of [`LOCALES`].
    numbers: [u64; LOCALES.len()],
    /// Cells of these are whole numbers.
    whole: u64,
    /// Cells of these end with `%`; one of them.
    percents: u64,
    percent: Option<String>,
    /// One that is another number in another way of writing: `1.234`.
    pub ambiguous: Option<String>,
    pub periods: u64,
    pub years: u64,
    /// Known codes for missing values that are there.
    pub missing: BTreeMap<&'static str, u64>,
    /// Cells that are neither numbers nor known codes; some of them, to be shown.
    pub odd: u64,
    pub odd_values: BTreeSet<String>,
    pub distinct: HashSet<String>,
    /// There are more different values than are remembered.
    pub is_open: bool,
}

pub struct Profile {
    pub columns: Vec<Column>,
    pub rows: u64,
    /// Of the first rows: a hash of each cell. Notes are left out where other rows have numbers.
    pub sample: Vec<Vec<u64>>,
    sample_has_numbers: bool,
    distinct_left: usize,
}

pub fn profile(input: impl Read, shape: &Shape) -> Result<Profile, IntakeError> {
    let input = SkipLines::new(Decoded::new(input, shape.encoding), shape.skip_lines);
    let mut records = Records::cut_at(input, &Limits::default(), shape.delimiter, shape.skip_lines + 1);
    let mut faults = Faults::default();
    let Some((_, header)) = next(&mut records, &mut faults).map_err(undecodable)? else {
        if !faults.has_errors() {
            faults.push(Fault::error("table.empty", "there is no header"));
        }
        return Err(Refused { faults }.into());
    };
    let mut profile = Profile::new(header);
    while let Some((_, cells)) = next(&mut records, &mut faults).map_err(undecodable)? {
        profile.add(cells);
    }
    // What a reader would stumble over is not mapped either.
    if records.was_cut() || profile.rows == 0 {
        if profile.rows == 0 && !faults.has_errors() {
            faults.push(Fault::error("table.empty", "there is a header and no row below it"));
        }
        return Err(Refused { faults }.into());
    }
    Ok(profile)
}

impl Profile {
    fn new(header: &ByteRecord) -> Self {
        let column = |name: &[u8]| Column { name: cell::text(name).trim().to_owned(), ..Column::default() };
        let mut columns: Vec<Column> = header.iter().map(column).collect();
        // Commas at the end of a header name nothing.
        let named = columns.iter().rposition(|c| !c.name.is_empty()).map_or(0, |n| n + 1);
        columns.truncate(named);
        Self {
            columns,
            rows: 0,
            sample: Vec::new(),
            sample_has_numbers: false,
            distinct_left: DISTINCT_TOTAL_MAX,
        }
    }

    fn add(&mut self, cells: &ByteRecord) {
        if cells.iter().all(|c| c.trim_ascii().is_empty()) {
            return;
        }
        self.rows += 1;
        let mut has_numbers = false;
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            has_numbers |= column.add(cell::text(cell).trim(), &mut self.distinct_left);
        }
        for (column, cell) in self.columns.iter_mut().zip(cells).filter(|_| has_numbers) {
            column.empty_beside_numbers += u64::from(cell.trim_ascii().is_empty());
        }
        self.remember(cells, has_numbers);
    }

    fn remember(&mut self, cells: &ByteRecord, has_numbers: bool) {
        if has_numbers && !self.sample_has_numbers {
            self.sample.clear();
            self.sample_has_numbers = true;
        }
        let has_room = (self.sample.len() + 1) * self.columns.len() <= SAMPLE_CELLS_MAX;
        if has_numbers == self.sample_has_numbers && has_room {
            let places = 0..self.columns.len();
            self.sample.push(places.map(|n| hashed(cells.get(n).unwrap_or_default())).collect());
        }
    }

    pub fn named_twice(&self) -> BTreeSet<&str> {
        let mut seen = HashSet::new();
        let names = self.columns.iter().map(|c| c.name.as_str());
        names.filter(|name| !name.is_empty() && !seen.insert(*name)).collect()
    }

    pub fn column(&self, place: usize) -> Option<&Column> {
        self.columns.get(place)
    }

    /// The way of writing numbers that makes numbers of most columns, and then of most cells.
    pub fn locale(&self) -> Locale {
        let score = |n: usize| {
            let numeric = self.columns.iter().filter(|c| c.is_numeric_in(n)).count();
            (numeric, self.columns.iter().map(|c| c.numbers.get(n).copied().unwrap_or_default()).sum::<u64>())
        };
        // Of equals `max_by_key` takes the last.
        let best = (0..LOCALES.len()).rev().max_by_key(|n| score(*n)).unwrap_or_default();
        LOCALES.get(best).copied().unwrap_or_default()
    }
}

fn hashed(cell: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    cell.hash(&mut hasher);
    hasher.finish()
}

impl Column {
    /// Whether it is a number, in whatever way of writing.
    fn add(&mut self, written: &str, distinct_left: &mut usize) -> bool {
        if written.is_empty() {
            self.empty += 1;
            return false;
        }
        self.filled += 1;
        self.periods += u64::from(period::start(written).is_some());
        self.years += u64::from(is_year(written));
        let is_number = self.count_numbers(written);
        if !is_number {
            match MISSING.iter().find(|m| **m == written) {
                Some(code) => *self.missing.entry(code).or_default() += 1,
                None => self.note_odd(written),
            }
        }
        self.note_distinct(written, distinct_left);
        is_number
    }

    fn note_distinct(&mut self, written: &str, distinct_left: &mut usize) {
        if self.is_open || self.distinct.contains(written) {
            return;
        }
        if written.len() > VALUE_BYTES_MAX || self.distinct.len() >= DISTINCT_MAX || *distinct_left == 0 {
            self.is_open = true;
            return;
        }
        *distinct_left -= 1;
        self.distinct.insert(written.to_owned());
    }

    fn count_numbers(&mut self, written: &str) -> bool {
        let number = written.strip_suffix('%').map_or(written, str::trim_end);
        // Most texts are no number in any way, and that is told by their letters.
        let may_be = number.len() <= 2 * decimal::DIGITS_MAX
            && number.bytes().any(|b| b.is_ascii_digit())
            && number.chars().all(|c| c.is_ascii_digit() || "+-−.,' \u{a0}\u{202f}eE".contains(c));
        if !may_be {
            return false;
        }
        let mut read: Option<String> = None;
        for (count, locale) in self.numbers.iter_mut().zip(&LOCALES) {
            let Ok(normal) = decimal::normalise(number, locale) else { continue };
            *count += 1;
            if read.as_ref().is_some_and(|first| *first != normal) && self.ambiguous.is_none() {
                self.ambiguous = Some(written.to_owned());
            }
            read.get_or_insert(normal);
        }
        self.whole += u64::from(written.bytes().all(|b| b.is_ascii_digit()));
        if read.is_some() && number.len() < written.len() {
            self.percents += 1;
            self.percent.get_or_insert_with(|| written.to_owned());
        }
        read.is_some()
    }

    fn note_odd(&mut self, written: &str) {
        self.odd += 1;
        if self.odd_values.len() <= ODD_MAX && written.len() <= VALUE_BYTES_MAX {
            self.odd_values.insert(written.to_owned());
        }
    }

    fn is_numeric_in(&self, locale: usize) -> bool {
        let numbers = self.numbers.get(locale).copied().unwrap_or_default();
        let missing: u64 = self.missing.values().sum();
        let others = self.filled.saturating_sub(numbers + missing);
        // A few marks among many numbers are marks of missing values; more of them, and it is a text.
        let few = others * 20 <= numbers && self.odd_values.len() <= ODD_MAX
            || others * 4 <= numbers && self.odd_values.len() <= 2;
        numbers > 0 && others == self.odd && few
    }

    pub fn has_percents(&self) -> bool {
        self.percents > 0
    }

    /// `12%` among numbers without it: a twelfth, or twelve.
    pub fn mixed_percent(&self, locale: &Locale) -> Option<&str> {
        self.percent.as_deref().filter(|_| self.percents < self.numbers_in(locale))
    }

    pub fn numbers_in(&self, locale: &Locale) -> u64 {
        let place = LOCALES.iter().position(|l| l == locale);
        place.and_then(|n| self.numbers.get(n)).copied().unwrap_or_default()
    }

    /// Enough for a column that is called the value.
    pub fn is_mostly_numeric(&self, locale: &Locale) -> bool {
        let numbers = self.numbers_in(locale);
        let missing: u64 = self.missing.values().sum();
        numbers > 0 && 2 * numbers >= self.filled.saturating_sub(missing)
    }

    /// There are more odd values than those that are remembered.
    pub fn has_more_odd_values(&self) -> bool {
        self.odd_values.len() > ODD_MAX
    }

    /// Whole numbers, apart from a `100+` or two.
    pub fn is_whole(&self) -> bool {
        self.whole + self.odd == self.filled && !self.is_open
    }

    pub fn is_numeric(&self, locale: &Locale) -> bool {
        LOCALES.iter().position(|l| l == locale).is_some_and(|n| self.is_numeric_in(n))
    }

    /// The same in all rows that have it.
    pub fn is_constant(&self) -> bool {
        !self.is_open && self.distinct.len() == 1
    }
}

pub fn is_year(text: &str) -> bool {
    text.len() == 4 && text.parse::<u32>().is_ok_and(|year| YEARS.contains(&year)) && !text.starts_with('+')
}
