//! The walk through a table: each row becomes observations, and every fault is noted with its row.

use std::{borrow::Cow, io};

use csv::ByteRecord;

use super::{
    MappedObservation, Mapping, Summary, areas,
    columns::{Columns, From, Values},
    decimal::{self, NotDecimal},
    file::Dimension,
    read::Sink,
    rules::{Strangers, coded, no_period, refusal},
    sum::Sum,
};
use crate::intake::{Fault, Faults, Limits, Table, cell, coverage::Periods, keys::Keys};

pub struct Walk<'m> {
    mapping: &'m Mapping,
    columns: Columns<'m>,
    pub summary: Summary,
    periods: Periods,
    keys: Keys,
    strangers: Strangers,
    sum: Sum,
}

/// One row, as far as it is the same for all of its values.
struct Row<'r> {
    line: u64,
    dimensions: Vec<(&'r str, &'r str)>,
    attributes: Vec<(&'r str, &'r str)>,
    period: Option<Cow<'r, str>>,
}

impl<'m> Walk<'m> {
    pub fn new(mapping: &'m Mapping, columns: Columns<'m>, limits: &Limits, faults: Faults) -> Self {
        Self {
            mapping,
            columns,
            summary: Summary { faults, ..Summary::default() },
            periods: Periods::default(),
            keys: Keys::new(limits),
            strangers: Strangers::default(),
            sum: Sum::default(),
        }
    }

    pub fn row(&mut self, line: u64, cells: &ByteRecord, sink: &mut Sink) {
        if cells.iter().all(|c| c.trim_ascii().is_empty()) {
            return;
        }
        self.summary.data_rows += 1;
        self.name_formulas(line, cells);
        let Columns { named, all, .. } = self.columns;
        // Commas behind the last cell say nothing.
        let reach = cells.iter().rposition(|c| !c.trim_ascii().is_empty()).map_or(0, |n| n + 1);
        if self.is_footnote(text_at(cells, 0), reach) {
            self.note(line, "no cell but the first is filled, or it begins as a note: taken for one");
            return;
        }
        if cells.len() < named || reach > all {
            let message = format!("{} cells, the header has {all}; `notes` tells what are none", cells.len());
            self.summary.faults.push(Fault::error("csv.columns", message).at(line));
            return;
        }
        let (mapping, values) = (self.mapping, std::mem::take(&mut self.columns.values));
        if let Some(row) = self.common(line, cells, mapping, &values) {
            for column in &values {
                self.value(&row, column, text_at(cells, column.place), sink);
            }
            if values.is_empty() {
                self.hand_on(&row, &[], row.period.as_deref(), "", None, sink);
            }
        }
        self.columns.values = values;
    }

    /// `None`: the row is not placed anywhere, and that is noted.
    fn common<'r>(
        &mut self,
        line: u64,
        cells: &'r ByteRecord,
        mapping: &'r Mapping,
        values: &[Values],
    ) -> Option<Row<'r>>
    where
        'm: 'r,
    {
        let Columns { dimensions, attributes, period, .. } = &self.columns;
        let taken = |from: &From<'r>| match from {
            From::Cell(place) => text_at(cells, *place),
            From::Constant(value) => value,
        };
        let written: Vec<&str> = dimensions.iter().map(taken).collect();
        let attributes =
            mapping.attributes.iter().map(|a| a.id.as_str()).zip(attributes.iter().map(taken)).collect();
        let period = period.as_ref().map(taken);
        if let Some(dimension) = self.is_note(cells, &written, values) {
            self.note(line, format!("no {} and no value: taken for a note", dimension.id));
            return None;
        }
        let mut placed = Vec::with_capacity(written.len());
        for (dimension, written) in mapping.dimensions.iter().zip(written) {
            let faults = &mut self.summary.faults;
            let code = coded(dimension, written, line, &mut self.strangers, faults)?;
            placed.push((dimension.id.as_str(), code));
        }
        let writing = mapping.period.as_ref().map(|p| &p.writing);
        let period = match period.zip(writing) {
            None => None,
            Some((written, writing)) => match writing.read(written) {
                Some(period) => Some(period),
                None => {
                    self.summary.faults.push(no_period(written).at(line));
                    return None;
                }
            },
        };
        Some(Row { line, dimensions: placed, attributes, period })
    }

    fn note(&mut self, line: u64, message: impl Into<String>) {
        self.summary.faults.push(Fault::warning("row.note", message).at(line));
    }

    /// A line of text below a table, with or without the commas of a row. A country of which nothing is known
    /// is none: what the first cell is known to be decides.
    fn is_footnote(&self, first: &str, reach: usize) -> bool {
        if self.mapping.notes.iter().any(|note| first.starts_with(note.as_str())) {
            return true;
        }
        let Columns { named, dimensions, period, values, .. } = &self.columns;
        let is_first = |from: &From| matches!(from, From::Cell(0));
        let of_first = dimensions.iter().zip(&self.mapping.dimensions).filter(|(from, _)| is_first(from));
        let is_known = |dimension: &Dimension| {
            dimension.codes.contains_key(first)
                || dimension.area.is_some_and(|scheme| areas::find(scheme, first).is_some())
        };
        let has_meaning = period.as_ref().is_some_and(is_first)
            || values.iter().any(|v| v.place == 0)
            || of_first.into_iter().any(|(_, dimension)| is_known(dimension));
        reach == 1 && *named > 1 && !values.is_empty() && !has_meaning
    }

    /// A row below a table that fills a cell or two: the dimension that it lacks.
    fn is_note(&self, cells: &ByteRecord, written: &[&str], values: &[Values]) -> Option<&'m Dimension> {
        let has_no_value =
            !values.is_empty() && values.iter().all(|v| self.is_missing(text_at(cells, v.place)));
        let mut unplaced = self.mapping.dimensions.iter().zip(written).filter(|(_, w)| w.is_empty());
        unplaced.next().filter(|_| has_no_value).map(|(dimension, _)| dimension)
    }

    fn is_missing(&self, written: &str) -> bool {
        self.mapping.missing.iter().any(|m| m == written)
    }

    fn value(&mut self, row: &Row, column: &Values, written: &str, sink: &mut Sink) {
        let period = column.period.as_deref().or(row.period.as_deref());
        if self.is_missing(written) {
            self.hand_on(row, column.dimensions, period, written, None, sink);
            return;
        }
        match decimal::normalise(written, &self.mapping.locale) {
            Ok(value) => self.hand_on(row, column.dimensions, period, written, Some(&value), sink),
            Err(reason) => self.summary.faults.push(refusal(reason, written).at(row.line)),
        }
    }

    fn hand_on(
        &mut self,
        row: &Row,
        of_column: &[(String, String)],
        period: Option<&str>,
        written: &str,
        value: Option<&str>,
        sink: &mut Sink,
    ) {
        let of_row = row.dimensions.iter().map(|(id, value)| (*id, *value));
        let of_column = of_column.iter().map(|(id, value)| (id.as_str(), value.as_str()));
        let dimensions: Vec<(&str, &str)> = of_row.chain(of_column).collect();
        match value {
            None => self.summary.missing += 1,
            Some(value) => {
                self.summary.observations += 1;
                self.sum.add(value);
                let key = dimensions.iter().map(|(_, value)| value.as_bytes());
                let key = key.chain(period.iter().map(|p| p.as_bytes()));
                let faults = &mut self.summary.faults;
                self.keys.add(row.line, key, &mut |found| faults.push(found.fault()));
                if let Some(period) = period {
                    self.periods.add(period);
                }
            }
        }
        let attributes = &row.attributes;
        sink(&MappedObservation {
            row: row.line,
            dimensions: &dimensions,
            period,
            written,
            value,
            attributes,
        });
    }

    /// Handed on as they are, and named. A number of this file is none, whatever a spreadsheet makes of it.
    fn name_formulas(&mut self, line: u64, cells: &ByteRecord) {
        for cell in cells.iter().filter(|c| cell::is_formula(c)) {
            let written = cell::text(cell);
            let number = decimal::normalise(&written, &self.mapping.locale);
            let harmless = number != Err(NotDecimal::Text) || self.is_missing(written.trim());
            if !harmless {
                let message = format!("{} would run in a spreadsheet", cell::shown(cell));
                self.summary.faults.push(Fault::warning("cell.formula", message).at(line));
            }
        }
    }

    pub fn end(mut self, was_cut: bool) -> io::Result<Summary> {
        let faults = &mut self.summary.faults;
        self.keys.end(&mut |found| faults.push(found.fault()))?;
        if self.summary.data_rows == 0 && !was_cut && !self.summary.faults.has_errors() {
            let fault = Fault::error("table.empty", "there is a header and no row below it");
            self.summary.faults.push(fault);
        }
        let mut table = Table::default();
        self.periods.tell(&mut table);
        let Table { period_first, period_last, .. } = table;
        Ok(Summary { period_first, period_last, sum: self.sum.total(), ..self.summary })
    }
}

fn text_at(cells: &ByteRecord, place: usize) -> &str {
    // The reader of records has checked that it is UTF-8.
    cells.get(place).and_then(|c| std::str::from_utf8(c).ok()).unwrap_or_default().trim()
}
