//! The mapping file: what was written in TOML becomes rules that hold. Every fault names its line and field.
//!
//! `deploy/mapping.example.toml` explains each key.

use std::{borrow::Cow, collections::BTreeMap, io::Read, ops::RangeInclusive};

use serde::Deserialize;
use toml::Spanned;

use super::{
    Encoding,
    areas::Scheme,
    decimal::Locale,
    writing::{Spelling, Writing},
};

mod check;
mod error;

pub use error::MappingError;

/// A mapping is typed by a person; a longer text is none.
const MAPPING_BYTES_MAX: usize = 4 << 20;

/// Of which columns and files are called.
pub(super) const YEARS: RangeInclusive<u32> = 1800..=2150;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingFile {
    delimiter: Option<Spanned<String>>,
    #[serde(default)]
    encoding: Encoding,
    #[serde(default)]
    skip_lines: u32,
    decimal: Option<Spanned<String>>,
    thousands: Option<Spanned<String>>,
    suffix: Option<Spanned<String>>,
    missing: Option<Vec<String>>,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    dimension: Vec<Spanned<DimensionEntry>>,
    period: Option<Spanned<PeriodEntry>>,
    #[serde(default)]
    measure: Vec<Spanned<MeasureEntry>>,
    #[serde(default)]
    attribute: Vec<Spanned<AttributeEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DimensionEntry {
    id: String,
    column: Option<String>,
    constant: Option<String>,
    area: Option<Scheme>,
    #[serde(default)]
    codes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeriodEntry {
    column: Option<String>,
    constant: Option<String>,
    wide: Option<String>,
    spelling: Option<Spelling>,
    #[serde(default)]
    codes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MeasureEntry {
    column: Option<String>,
    wide: Option<String>,
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeEntry {
    id: String,
    column: Option<String>,
    constant: Option<String>,
}

/// Rules that do not contradict each other. Only [`Mapping::parse`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub(super) delimiter: u8,
    pub(super) encoding: Encoding,
    pub(super) skip_lines: u64,
    pub(super) locale: Locale,
    pub(super) missing: Vec<String>,
    /// With which the first cell of a row begins that is none of the table's.
    pub(super) notes: Vec<String>,
    pub(super) dimensions: Vec<Dimension>,
    pub(super) period: Option<Period>,
    pub(super) measures: Vec<Measure>,
    pub(super) attributes: Vec<Attribute>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Column(String),
    Constant(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dimension {
    pub id: String,
    pub source: Source,
    pub area: Option<Scheme>,
    /// Empty: as written.
    pub codes: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Period {
    /// `None`: it stands in the names of the columns of values.
    pub source: Option<Source>,
    pub writing: Writing,
}

/// The ids are those of the first measure, in each measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Measure {
    pub figures: Figures,
    pub dimensions: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Figures {
    Column(String),
    /// Every column whose name has a period in the place of `*`.
    Wide(Pattern),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub id: String,
    pub source: Source,
}

impl Figures {
    pub fn name(&self) -> &str {
        match self {
            Self::Column(name) | Self::Wide(Pattern(name)) => name,
        }
    }
}

impl Mapping {
    /// In the order of the key; the period last.
    pub fn dimension_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.dimensions.iter().map(|d| d.id.clone()).collect();
        for (id, _) in self.measures.iter().flat_map(|m| &m.dimensions) {
            if !ids.contains(id) {
                ids.push(id.clone());
            }
        }
        ids.extend(self.period.as_ref().map(|_| crate::formats::model::TIME_PERIOD.to_owned()));
        ids
    }

    /// Reads no more of it than a mapping may be long: what is given as one may be a table of any size.
    pub fn load(input: impl Read) -> Result<Self, MappingError> {
        let mut bytes = Vec::new();
        let read = input.take(MAPPING_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|e| MappingError::whole(format!("cannot be read: {e}")))?;
        if bytes.len() > MAPPING_BYTES_MAX {
            return Err(MappingError::too_long());
        }
        let text = String::from_utf8(bytes).map_err(|_| MappingError::whole("is not UTF-8"))?;
        Self::parse(&text)
    }

    pub fn parse(text: &str) -> Result<Self, MappingError> {
        if text.len() > MAPPING_BYTES_MAX {
            return Err(MappingError::too_long());
        }
        let file: MappingFile = toml::from_str(text).map_err(|e| MappingError::of_toml(text, &e))?;
        check::check(text, file)
    }
}

/// `value_*`, `* [YR*]`: each `*` stands for the same period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(String);

impl Pattern {
    /// `None`: there is no `*`.
    pub fn new(text: &str) -> Option<Self> {
        text.contains('*').then(|| Self(text.to_owned()))
    }

    /// The period of a column of values, if its name has one. Only a year of our times makes a number a year:
    /// `i1990` of the pattern `i*` is one, `i1500` is not.
    pub fn period_of<'a>(&self, header: &'a str, writing: &'a Writing) -> Option<Cow<'a, str>> {
        let period = writing.read(self.period_in(header)?)?;
        let year: u32 = period.get(..4)?.parse().ok()?;
        YEARS.contains(&year).then_some(period)
    }

    /// What a header has in the place of `*`.
    fn period_in<'a>(&self, header: &'a str) -> Option<&'a str> {
        let stars = self.0.matches('*').count();
        let plain = self.0.len().checked_sub(stars)?;
        let length = header.len().checked_sub(plain)?.checked_div(stars)?;
        let start = self.0.find('*')?;
        let period = header.get(start..start.checked_add(length)?)?;
        (!period.is_empty() && self.0.replace('*', period) == header).then_some(period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_mapping() {
        let text = include_str!("../../../deploy/mapping.example.toml");
        let mapping = Mapping::parse(text).unwrap();
        assert_eq!((mapping.dimensions.len(), mapping.measures.len(), mapping.attributes.len()), (3, 2, 2));
    }

    #[test]
    fn a_pattern_finds_the_period_in_a_header() {
        for (pattern, header, period) in [
            ("*", "2000", Some("2000")),
            ("value_*", "value_2000-Q1", Some("2000-Q1")),
            ("* [YR*]", "2001 [YR2001]", Some("2001")),
            ("* [YR*]", "2001 [YR2002]", None),
            ("Y*F", "Y2000", None),
            ("Y*", "Y", None),
            ("é*", "é2000", Some("2000")),
            ("é*", "ée", Some("e")),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().period_in(header), period, "{pattern} {header}");
        }
        assert_eq!(Pattern::new("2000"), None);
    }
}
