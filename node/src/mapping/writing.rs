//! How a file writes its periods where it does not write them as SDMX does.
//!
//! A spelling is named by an example of it. What reads in two ways, such as `01/02/2018`, is read as the mapping
//! says; nothing is guessed from the values.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;

use crate::intake::period;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Spelling {
    /// → `2018-Q1`
    #[serde(rename = "2018Q1")]
    Quarter,
    /// → `2018-01`
    #[serde(rename = "2018M01")]
    Month,
    /// → `2018-01`
    #[serde(rename = "2018/01")]
    SlashedMonth,
    /// → `2018-01`
    #[serde(rename = "Jan 2018")]
    NamedMonth,
    /// → `2018`
    #[serde(rename = "2018.0")]
    WholeYear,
    /// → `2018-07`, the month in which that part of the year lies
    #[serde(rename = "2018.5")]
    PartOfYear,
    /// → `2018-12-31`
    #[serde(rename = "31/12/2018")]
    DayFirst,
    /// → `2018-12-31`
    #[serde(rename = "12/31/2018")]
    MonthFirst,
}

impl Spelling {
    /// The narrower of two that fit the same comes first.
    pub const ALL: [Self; 8] = [
        Self::Quarter,
        Self::Month,
        Self::SlashedMonth,
        Self::NamedMonth,
        Self::WholeYear,
        Self::PartOfYear,
        Self::DayFirst,
        Self::MonthFirst,
    ];

    /// As the mapping file names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quarter => "2018Q1",
            Self::Month => "2018M01",
            Self::SlashedMonth => "2018/01",
            Self::NamedMonth => "Jan 2018",
            Self::WholeYear => "2018.0",
            Self::PartOfYear => "2018.5",
            Self::DayFirst => "31/12/2018",
            Self::MonthFirst => "12/31/2018",
        }
    }

    /// Those in which all of these are periods and not all are SDMX periods as they stand.
    pub fn fitting<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Vec<Self> {
        if texts.clone().all(|text| period::start(text).is_some()) {
            return Vec::new();
        }
        let fits = |spelling: &Self| {
            let writing = Writing::of(*spelling);
            texts.clone().all(|text| writing.read(text).is_some())
        };
        let are_years = texts.clone().all(is_financial_year);
        Self::ALL.into_iter().filter(|s| !(are_years && *s == Self::SlashedMonth)).filter(fits).collect()
    }

    /// Whether what is found is legal is asked of all in the same place.
    fn read(self, written: &str) -> Option<String> {
        let with_year = |mark: char| written.split_once(mark).filter(|(year, _)| is_digits(year, 4));
        match self {
            Self::Quarter => with_year('Q').map(|(year, quarter)| format!("{year}-Q{quarter}")),
            Self::Month => with_year('M').map(|(year, month)| format!("{year}-{month:0>2}")),
            Self::SlashedMonth => with_year('/').map(|(year, month)| format!("{year}-{month:0>2}")),
            Self::NamedMonth => {
                let (name, year) = written.split_once([' ', '-', '.']).filter(|(_, y)| is_digits(y, 4))?;
                Some(format!("{year}-{:02}", month_of(name)?))
            }
            Self::WholeYear => with_year('.')
                .filter(|(_, part)| !part.is_empty() && part.bytes().all(|b| b == b'0'))
                .map(|(year, _)| year.to_owned()),
            Self::PartOfYear => {
                let (year, part) = with_year('.')?;
                Some(format!("{year}-{:02}", month_at(part)?))
            }
            Self::DayFirst | Self::MonthFirst => {
                let mut parts = written.split(['/', '.']);
                let (first, second, year) = (parts.next()?, parts.next()?, parts.next()?);
                let (day, month) = if self == Self::DayFirst { (first, second) } else { (second, first) };
                parts.next().is_none().then(|| format!("{year}-{month:0>2}-{day:0>2}"))
            }
        }
    }
}

/// `2010/11` is a year and the next; `2010/12` is none but a month.
fn is_financial_year(text: &str) -> bool {
    let next = |year: &str| year.parse::<u32>().ok().map(|year| format!("{:02}", (year + 1) % 100));
    text.split_once('/')
        .is_some_and(|(year, other)| is_digits(year, 4) && next(year).as_deref() == Some(other))
}

fn is_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_digit())
}

/// `Jan` or `January`, in any case.
fn month_of(name: &str) -> Option<usize> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let name = name.to_ascii_lowercase();
    let is = |month: &&str| name == **month || month.get(..3) == Some(name.as_str());
    Some(MONTHS.iter().position(is)? + 1)
}

/// Files round twelfths to a few digits: `.1666` is the beginning of March, and so is all less than a day before.
fn month_at(part: &str) -> Option<u64> {
    const ONE: u64 = 10_000;
    let digits = part.get(..part.len().min(4))?;
    if digits.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let ten_thousandths: u64 = format!("{digits:0<4}").parse().ok()?;
    Some(((ten_thousandths * 12 + ONE * 3 / 100) / ONE).min(11) + 1)
}

/// What the mapping says of periods that are not written as SDMX writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writing {
    pub spelling: Option<Spelling>,
    /// What is written, and the period it stands for. Others are read as if there were none.
    pub codes: BTreeMap<String, String>,
}

impl Writing {
    /// A spelling is one line of text; nobody writes a longer one.
    const BYTES_MAX: usize = 32;

    pub fn of(spelling: Spelling) -> Self {
        Self { spelling: Some(spelling), ..Self::default() }
    }

    /// The SDMX period that is meant. `None`: none.
    pub fn read<'w>(&'w self, written: &'w str) -> Option<Cow<'w, str>> {
        if let Some(code) = self.codes.get(written) {
            return Some(Cow::Borrowed(code));
        }
        if period::start(written).is_some() {
            return Some(Cow::Borrowed(written));
        }
        let spelling = self.spelling.filter(|_| written.len() <= Self::BYTES_MAX)?;
        spelling.read(written).filter(|period| period::start(period).is_some()).map(Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_reads_its_example_and_no_other_meaning() {
        let expected =
            ["2018-Q1", "2018-01", "2018-01", "2018-01", "2018", "2018-07", "2018-12-31", "2018-12-31"];
        for (spelling, period) in Spelling::ALL.into_iter().zip(expected) {
            let writing = Writing::of(spelling);
            assert_eq!(writing.read(spelling.name()).as_deref(), Some(period), "{spelling:?}");
            assert_eq!(writing.read("2018-05").as_deref(), Some("2018-05"), "what is SDMX is left alone");
        }
        for (spelling, written) in [
            (Spelling::Quarter, "2018Q5"),
            (Spelling::Month, "2018M13"),
            (Spelling::SlashedMonth, "2018/19"),
            (Spelling::NamedMonth, "Mag 2018"),
            (Spelling::WholeYear, "2018.5"),
            (Spelling::PartOfYear, "2018.x"),
            (Spelling::PartOfYear, "2018."),
            (Spelling::DayFirst, "12/31/2018"),
            (Spelling::MonthFirst, "31/12/2018"),
            (Spelling::DayFirst, "1/2/18"),
            (Spelling::DayFirst, "1/2/2018/3"),
        ] {
            assert_eq!(Writing::of(spelling).read(written), None, "{written}");
        }
        assert_eq!(Writing::of(Spelling::DayFirst).read("1/2/2018").as_deref(), Some("2018-02-01"));
        assert_eq!(Writing::of(Spelling::MonthFirst).read("1/2/2018").as_deref(), Some("2018-01-02"));
        assert_eq!(Writing::of(Spelling::NamedMonth).read("september-2018").as_deref(), Some("2018-09"));
    }

    #[test]
    fn what_fits_is_told_and_two_meanings_are_two() {
        let fitting = |texts: &[&str]| {
            Spelling::fitting(texts.iter().copied()).into_iter().map(Spelling::name).collect::<Vec<_>>()
        };
        assert_eq!(fitting(&["2018", "2019-Q1"]), [""; 0]);
        assert_eq!(fitting(&["2018Q1", "2019"]), ["2018Q1"]);
        assert_eq!(fitting(&["2018.0", "2019.0"]), ["2018.0", "2018.5"]);
        assert_eq!(fitting(&["31/12/2018", "01/02/2018"]), ["31/12/2018"]);
        assert_eq!(fitting(&["03/12/2018", "01/02/2018"]), ["31/12/2018", "12/31/2018"]);
        assert_eq!(fitting(&["2010/11", "2010/12"]), ["2018/01"]);
        assert_eq!(fitting(&["2010/11", "2011/12"]), [""; 0]);
        assert_eq!(fitting(&["2018-2019"]), [""; 0]);
    }

    #[test]
    fn parts_of_a_year_are_the_months_that_files_round() {
        let parts =
            ["0", "0834", "1666", "25", "3334", "4166", "5", "5834", "6667", "75", "8334", "9166", "9999"];
        let months: Vec<u64> = parts.iter().filter_map(|part| month_at(part)).collect();
        assert_eq!(months, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12]);
        assert_eq!(month_at("04"), Some(1));
    }
}
