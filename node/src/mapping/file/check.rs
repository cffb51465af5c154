//! What TOML cannot say of a mapping file: which entries exclude each other, and what an id is.

use std::collections::BTreeSet;

use toml::Spanned;

use super::{
    Attribute, AttributeEntry, Dimension, DimensionEntry, Mapping, MappingError, MappingFile, Measure,
    MeasureEntry, Pattern, Period, PeriodEntry, Source,
};
use crate::{intake::period, mapping::decimal::Locale};

const ID_BYTES_MAX: usize = 255;
/// Names that SDMX gives to the period and to the value.
const RESERVED: [&str; 2] = ["TIME_PERIOD", "OBS_VALUE"];

pub fn check(text: &str, file: MappingFile) -> Result<Mapping, MappingError> {
    let mut check = Check { text, ids: BTreeSet::new() };
    let dimensions = all(file.dimension, |entry| check.dimension(entry))?;
    let period = file.period.map(|entry| check.period(entry)).transpose()?;
    let is_wide = matches!(period, Some(Period::Wide(_)));
    let measures = check.measures(file.measure, is_wide)?;
    let attributes = all(file.attribute, |entry| check.attribute(entry))?;
    let mapping = Mapping {
        delimiter: check.delimiter(file.delimiter.as_ref())?,
        encoding: file.encoding,
        skip_lines: u64::from(file.skip_lines),
        locale: check.locale(file.decimal.as_ref(), file.thousands.as_ref())?,
        missing: file.missing.unwrap_or_else(|| vec![String::new()]),
        dimensions,
        period,
        measures,
        attributes,
    };
    Ok(mapping)
}

fn all<E, T>(
    entries: Vec<Spanned<E>>,
    one: impl FnMut(Spanned<E>) -> Result<T, MappingError>,
) -> Result<Vec<T>, MappingError> {
    entries.into_iter().map(one).collect()
}

struct Check<'a> {
    text: &'a str,
    ids: BTreeSet<String>,
}

impl Check<'_> {
    fn fault(&self, offset: usize, field: &str, message: impl Into<String>) -> MappingError {
        MappingError::at(self.text, offset, field, message)
    }

    fn dimension(&mut self, entry: Spanned<DimensionEntry>) -> Result<Dimension, MappingError> {
        let at = entry.span().start;
        let DimensionEntry { id, column, constant, area, codes } = entry.into_inner();
        self.take_id(at, "dimension.id", &id)?;
        let source = self.source(at, "dimension", &id, column, constant)?;
        if area.is_some() && !codes.is_empty() {
            return Err(self.fault(
                at,
                "dimension.codes",
                format!("{id} has area, which is its list of codes"),
            ));
        }
        if matches!(source, Source::Constant(_)) && (area.is_some() || !codes.is_empty()) {
            let message = format!("{id} is a constant: write its code as it shall be");
            return Err(self.fault(at, "dimension.constant", message));
        }
        if codes.values().any(String::is_empty) {
            return Err(self.fault(at, "dimension.codes", format!("{id} has an empty code")));
        }
        Ok(Dimension { id, source, area, codes })
    }

    fn period(&self, entry: Spanned<PeriodEntry>) -> Result<Period, MappingError> {
        let at = entry.span().start;
        match entry.into_inner() {
            PeriodEntry { column: Some(column), constant: None, wide: None } => {
                Ok(Period::Of(Source::Column(column.trim().to_owned())))
            }
            PeriodEntry { column: None, constant: Some(constant), wide: None } => {
                if period::start(&constant).is_none() {
                    let message = format!("{constant:?} is no SDMX period, such as 2018, 2018-Q1 or 2018-05");
                    return Err(self.fault(at, "period.constant", message));
                }
                Ok(Period::Of(Source::Constant(constant)))
            }
            PeriodEntry { column: None, constant: None, wide: Some(wide) } => match Pattern::new(wide.trim())
            {
                Some(pattern) => Ok(Period::Wide(pattern)),
                None => {
                    Err(self.fault(at, "period.wide", format!("{wide:?} has no * where the period stands")))
                }
            },
            _ => Err(self.fault(at, "period", "has one of column, constant and wide")),
        }
    }

    fn measures(
        &mut self,
        entries: Vec<Spanned<MeasureEntry>>,
        is_wide: bool,
    ) -> Result<Vec<Measure>, MappingError> {
        if let Some(first) = entries.first().filter(|_| is_wide) {
            let message = "with period.wide the columns of the periods are the measure";
            return Err(self.fault(first.span().start, "measure", message));
        }
        let mut measures: Vec<Measure> = Vec::new();
        let mut columns = BTreeSet::new();
        for entry in entries {
            let at = entry.span().start;
            let MeasureEntry { column, dimensions } = entry.into_inner();
            let column = column.trim().to_owned();
            if !columns.insert(column.clone()) {
                return Err(self.fault(at, "measure.column", format!("{column:?} is there twice")));
            }
            let dimensions: Vec<(String, String)> = dimensions.into_iter().collect();
            if let Some((id, _)) = dimensions.iter().find(|(_, value)| value.is_empty()) {
                return Err(self.fault(at, "measure.dimensions", format!("{id} is empty")));
            }
            match measures.first() {
                None => {
                    for (id, _) in &dimensions {
                        self.take_id(at, "measure.dimensions", id)?;
                    }
                }
                Some(first) => self.same_ids(at, first, &dimensions)?,
            }
            measures.push(Measure { column, dimensions });
        }
        Ok(measures)
    }

    /// Several columns of values can only be told apart by a dimension.
    fn same_ids(
        &self,
        at: usize,
        first: &Measure,
        dimensions: &[(String, String)],
    ) -> Result<(), MappingError> {
        let same = first.dimensions.iter().map(|(id, _)| id).eq(dimensions.iter().map(|(id, _)| id));
        if same && !dimensions.is_empty() {
            return Ok(());
        }
        let message = format!(
            "several measures need the same dimensions each, for example {{ INDICATOR = \"…\" }}: {:?} has {:?}",
            first.column,
            first.dimensions.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>()
        );
        Err(self.fault(at, "measure.dimensions", message))
    }

    fn attribute(&mut self, entry: Spanned<AttributeEntry>) -> Result<Attribute, MappingError> {
        let at = entry.span().start;
        let AttributeEntry { id, column, constant } = entry.into_inner();
        self.take_id(at, "attribute.id", &id)?;
        let source = self.source(at, "attribute", &id, column, constant)?;
        Ok(Attribute { id, source })
    }

    fn source(
        &self,
        at: usize,
        entry: &str,
        id: &str,
        column: Option<String>,
        constant: Option<String>,
    ) -> Result<Source, MappingError> {
        match (column, constant) {
            (Some(column), None) => Ok(Source::Column(column.trim().to_owned())),
            (None, Some(constant)) if constant.is_empty() => {
                Err(self.fault(at, &format!("{entry}.constant"), format!("{id} is empty")))
            }
            (None, Some(constant)) => Ok(Source::Constant(constant)),
            _ => Err(self.fault(at, entry, format!("{id} has either column or constant"))),
        }
    }

    fn take_id(&mut self, at: usize, field: &str, id: &str) -> Result<(), MappingError> {
        let starts_well = id.starts_with(|c: char| c.is_ascii_alphabetic());
        let made_well = id.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        let message = if !starts_well || !made_well || id.len() > ID_BYTES_MAX {
            format!("{id:?} is no SDMX id: a letter, then letters, digits, _ and -")
        } else if RESERVED.contains(&id) {
            format!("{id} is given by period and measure")
        } else if !self.ids.insert(id.to_owned()) {
            format!("{id} is there twice")
        } else {
            return Ok(());
        };
        Err(self.fault(at, field, message))
    }

    fn delimiter(&self, typed: Option<&Spanned<String>>) -> Result<u8, MappingError> {
        let Some(typed) = typed else { return Ok(b',') };
        match typed.get_ref().as_bytes() {
            [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n\0".contains(byte) => {
                Ok(*byte)
            }
            _ => Err(self.fault(
                typed.span().start,
                "delimiter",
                "is one character, such as \",\" \";\" \"\\t\"",
            )),
        }
    }

    fn locale(
        &self,
        decimal: Option<&Spanned<String>>,
        thousands: Option<&Spanned<String>>,
    ) -> Result<Locale, MappingError> {
        let mut locale = Locale::default();
        if let Some(typed) = decimal {
            locale.decimal = match typed.get_ref().as_str() {
                "." => '.',
                "," => ',',
                _ => return Err(self.fault(typed.span().start, "decimal", "is \".\" or \",\"")),
            };
        }
        if let Some(typed) = thousands {
            let at = typed.span().start;
            let mut chars = typed.get_ref().chars();
            let separator = match (chars.next(), chars.next()) {
                (Some(c @ (',' | '.' | ' ' | '\'' | '’' | '\u{a0}' | '\u{202f}')), None) => c,
                _ => return Err(self.fault(at, "thousands", "is one of , . ' and a blank")),
            };
            if separator == locale.decimal {
                return Err(self.fault(at, "thousands", "is the same as decimal"));
            }
            locale.thousands = Some(separator);
        }
        Ok(locale)
    }
}
