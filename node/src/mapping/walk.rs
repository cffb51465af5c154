//! The walk through a table: each row becomes observations, and every fault is noted with its row.

use std::io;

use csv::ByteRecord;

use super::{
    MappedObservation, Mapping, Summary,
    columns::{Columns, From, Values},
    decimal::{self, NotDecimal},
    file::Dimension,
    read::Sink,
    rules::{Strangers, coded, refusal},
    sum::Sum,
};
use crate::intake::{Fault, Faults, Limits, Table, cell, coverage::Periods, keys::Keys, period};

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
    period: Option<&'r str>,
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
        if cells.len() < named || cells.len() > all {
            let message = format!("{} cells, the header has {all}", cells.len());
            self.summary.faults.push(Fault::error("csv.columns", message).at(line));
            return;
        }
        let (mapping, values) = (self.mapping, std::mem::take(&mut self.columns.values));
        if let Some(row) = self.common(line, cells, mapping, &values) {
            for column in &values {
                self.value(&row, column, text_at(cells, column.place), sink);
            }
            if values.is_empty() {
                self.hand_on(&row, &[], row.period, "", None, sink);
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
            let message = format!("no {} and no value: taken for a note", dimension.id);
            self.summary.faults.push(Fault::warning("row.note", message).at(line));
            return None;
        }
        let mut placed = Vec::with_capacity(written.len());
        for (dimension, written) in mapping.dimensions.iter().zip(written) {
            let faults = &mut self.summary.faults;
            let code = coded(dimension, written, line, &mut self.strangers, faults)?;
            placed.push((dimension.id.as_str(), code));
        }
        if let Some(written) = period.filter(|p| period::start(p).is_none()) {
            let message = format!("{} is no SDMX period", cell::shown(written.as_bytes()));
            self.summary.faults.push(Fault::error("period.illegal", message).at(line));
            return None;
        }
        Some(Row { line, dimensions: placed, attributes, period })
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
        let period = column.period.as_deref().or(row.period);
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
