//! What TOML cannot say of a mapping file: which entries exclude each other, and what an id is.

use std::collections::BTreeSet;

use toml::Spanned;

use super::{
    Attribute, AttributeEntry, Dimension, DimensionEntry, Figures, Mapping, MappingError, MappingFile,
    Measure, MeasureEntry, Pattern, Period, PeriodEntry, Source,
};
use crate::{
    intake::period,
    mapping::{decimal::Locale, writing::Writing},
};

const ID_BYTES_MAX: usize = 255;
/// Names that SDMX gives to the period and to the value.
const RESERVED: [&str; 2] = ["TIME_PERIOD", "OBS_VALUE"];

pub fn check(text: &str, file: MappingFile) -> Result<Mapping, MappingError> {
    let mut check = Check { text, ids: BTreeSet::new() };
    let dimensions = all(file.dimension, |entry| check.dimension(entry))?;
    if file.notes.iter().any(|note| note.trim().is_empty()) {
        return Err(MappingError {
            field: "notes".into(),
            ..MappingError::whole("each row would begin with \"\"")
        });
    }
    let is_wide = file.measure.iter().any(|m| m.get_ref().wide.is_some());
    let (period, pattern) = check.period(file.period, is_wide)?;
    let measures = check.measures(file.measure, pattern)?;
    let attributes = all(file.attribute, |entry| check.attribute(entry))?;
    let mapping = Mapping {
        delimiter: check.delimiter(file.delimiter.as_ref())?,
        encoding: file.encoding,
        skip_lines: u64::from(file.skip_lines),
        locale: check.locale(file.decimal.as_ref(), file.thousands.as_ref(), file.suffix.as_ref())?,
        missing: file.missing.unwrap_or_else(|| vec![String::new()]),
        notes: file.notes,
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

    /// The pattern of `period.wide` is short for a measure of it. `is_wide`: the measures have theirs.
    fn period(
        &self,
        entry: Option<Spanned<PeriodEntry>>,
        is_wide: bool,
    ) -> Result<(Option<Period>, Option<Pattern>), MappingError> {
        let Some(entry) = entry else {
            let in_names = Period { source: None, writing: Writing::default() };
            return Ok((is_wide.then_some(in_names), None));
        };
        let at = entry.span().start;
        let PeriodEntry { column, constant, wide, spelling, codes } = entry.into_inner();
        if let Some((written, code)) = codes.iter().find(|(_, code)| period::start(code).is_none()) {
            let message = format!("{written:?} stands for {code:?}, which is no SDMX period");
            return Err(self.fault(at, "period.codes", message));
        }
        if constant.is_some() && (spelling.is_some() || !codes.is_empty()) {
            return Err(self.fault(at, "period.constant", "is written as it shall be"));
        }
        let writing = Writing { spelling, codes };
        let (source, pattern) = match (column, constant, wide) {
            (Some(column), None, None) if !is_wide => (Some(Source::Column(column.trim().to_owned())), None),
            (None, Some(constant), None) if !is_wide => {
                if period::start(&constant).is_none() {
                    let message = format!("{constant:?} is no SDMX period, such as 2018, 2018-Q1 or 2018-05");
                    return Err(self.fault(at, "period.constant", message));
                }
                (Some(Source::Constant(constant)), None)
            }
            (None, None, Some(wide)) if !is_wide => (None, Some(self.pattern(at, "period.wide", &wide)?)),
            (None, None, None) if is_wide => (None, None),
            _ if is_wide => {
                return Err(self.fault(at, "period", "stands in the names that measure.wide fits"));
            }
            _ => return Err(self.fault(at, "period", "has one of column, constant and wide")),
        };
        Ok((Some(Period { source, writing }), pattern))
    }

    fn pattern(&self, at: usize, field: &str, wide: &str) -> Result<Pattern, MappingError> {
        let missing = || self.fault(at, field, format!("{wide:?} has no * where the period stands"));
        Pattern::new(wide.trim()).ok_or_else(missing)
    }

    fn measures(
        &mut self,
        entries: Vec<Spanned<MeasureEntry>>,
        pattern: Option<Pattern>,
    ) -> Result<Vec<Measure>, MappingError> {
        if let Some(pattern) = pattern {
            let Some(first) = entries.first() else {
                return Ok(vec![Measure { figures: Figures::Wide(pattern), dimensions: Vec::new() }]);
            };
            let message = "with period.wide the columns of the periods are the measure";
            return Err(self.fault(first.span().start, "measure", message));
        }
        let mut measures: Vec<Measure> = Vec::new();
        let mut columns = BTreeSet::new();
        for entry in entries {
            let at = entry.span().start;
            let MeasureEntry { column, wide, dimensions } = entry.into_inner();
            let figures = match (column, wide) {
                (Some(column), None) => Figures::Column(column.trim().to_owned()),
                (None, Some(wide)) => Figures::Wide(self.pattern(at, "measure.wide", &wide)?),
                _ => return Err(self.fault(at, "measure", "has either column or wide")),
            };
            let is_like = |first: &Measure| {
                matches!(first.figures, Figures::Wide(_)) == matches!(figures, Figures::Wide(_))
            };
            if !measures.first().is_none_or(is_like) {
                return Err(self.fault(at, "measure", "either all measures have wide, or none has"));
            }
            let name = figures.name().to_owned();
            if !columns.insert(name.clone()) {
                return Err(self.fault(at, "measure.column", format!("{name:?} is there twice")));
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
            measures.push(Measure { figures, dimensions });
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
            first.figures.name(),
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
        suffix: Option<&Spanned<String>>,
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
        if let Some(typed) = suffix {
            let mut chars = typed.get_ref().chars();
            locale.suffix = match (chars.next(), chars.next()) {
                (Some(c @ ('%' | '‰')), None) => Some(c),
                _ => return Err(self.fault(typed.span().start, "suffix", "is \"%\" or \"‰\"")),
            };
        }
        Ok(locale)
    }
}
