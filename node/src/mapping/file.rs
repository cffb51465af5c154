//! The mapping file: what was written in TOML becomes rules that hold. Every fault names its line and field.
//!
//! `deploy/mapping.example.toml` explains each key.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{Encoding, areas::Scheme, decimal::Locale};

mod check;
mod error;

pub use error::MappingError;

/// A mapping is typed by a person; a longer text is none.
const MAPPING_BYTES_MAX: usize = 4 << 20;

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
    missing: Option<Vec<String>>,
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MeasureEntry {
    column: String,
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
pub(super) enum Period {
    Of(Source),
    Wide(Pattern),
}

/// The ids are those of the first measure, in each measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Measure {
    pub column: String,
    pub dimensions: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub id: String,
    pub source: Source,
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

    pub fn parse(text: &str) -> Result<Self, MappingError> {
        if text.len() > MAPPING_BYTES_MAX {
            return Err(MappingError::whole(format!("longer than {MAPPING_BYTES_MAX} bytes")));
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

    /// What a header has in the place of `*`.
    pub fn period_in<'a>(&self, header: &'a str) -> Option<&'a str> {
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
