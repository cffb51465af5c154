//! CSV for people, and SDMX-CSV 2.0 for tools.

use std::{fs::File, io::BufWriter};

use super::{
    TableError, Written, finish,
    rows::{Cell, Source, Taker},
    shape::{Column, Role, Shape},
};
use crate::intake::cell;

pub fn write(shape: &Shape, source: &mut Source<'_>, out: BufWriter<File>) -> Result<Written, TableError> {
    let columns = shape.columns.iter().map(|c| c.id.as_str());
    pour(shape, source, out, columns.collect(), |_, _| Vec::new(), true)
}

/// Every row is information. Where a file does not say what kind of structure it names, it is a dataflow: what
/// services name.
pub fn write_sdmx(
    shape: &Shape,
    source: &mut Source<'_>,
    out: BufWriter<File>,
) -> Result<Written, TableError> {
    let is_component = |c: &&Column| !matches!(c.role, Role::Structure | Role::Mark);
    let components = shape.columns.iter().filter(is_component).map(|c| c.id.as_str());
    let header = ["STRUCTURE", "STRUCTURE_ID", "ACTION"].into_iter().chain(components).collect();
    let first = |shape: &Shape, texts: &[String]| {
        let text = |id| shape.place(Role::Structure, id).map(|n| texts[n].clone()).unwrap_or_default();
        let kind = Some(text("STRUCTURE")).filter(|kind| !kind.is_empty());
        vec![kind.unwrap_or_else(|| "dataflow".to_owned()), text("STRUCTURE_ID"), "I".to_owned()]
    };
    pour(shape, source, out, header, first, false)
}

fn pour(
    shape: &Shape,
    source: &mut Source<'_>,
    out: BufWriter<File>,
    header: Vec<&str>,
    first: impl Fn(&Shape, &[String]) -> Vec<String>,
    for_people: bool,
) -> Result<Written, TableError> {
    let mut writer = csv_writer(out);
    writer.write_record(header.iter().map(|name| shown(name, for_people))).map_err(io)?;
    let mut lines = Lines {
        shape,
        writer: &mut writer,
        first,
        for_people,
        rows: 0,
        texts: vec![String::new(); shape.columns.len()],
    };
    source.read(&mut shape.marked(&mut lines))?;
    let rows = lines.rows;
    finish(writer.into_inner().map_err(|e| e.into_error())?)?;
    Ok(Written { rows, repeated: shape.repeated() })
}

struct Lines<'a, F> {
    shape: &'a Shape,
    writer: &'a mut ::csv::Writer<BufWriter<File>>,
    first: F,
    for_people: bool,
    rows: u64,
    texts: Vec<String>,
}

impl<F: Fn(&Shape, &[String]) -> Vec<String>> Taker for Lines<'_, F> {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError> {
        self.rows += 1;
        self.texts.iter_mut().for_each(String::clear);
        for cell in cells {
            if let Some(place) = self.shape.place(cell.role, cell.id) {
                self.texts[place].push_str(cell.text);
            }
        }
        let first = (self.first)(self.shape, &self.texts);
        let is_first = |c: &Column| matches!(c.role, Role::Structure | Role::Mark) && !first.is_empty();
        let rest = self.shape.columns.iter().zip(&self.texts).filter(|(c, _)| !is_first(c)).map(|(_, t)| t);
        let cells = first.iter().chain(rest).map(|text| shown(text, self.for_people));
        self.writer.write_record(cells).map_err(io)
    }
}

/// Attack: a cell that a spreadsheet runs. The apostrophe makes it text; the signed file keeps what it says.
fn shown(text: &str, for_people: bool) -> String {
    if for_people && cell::is_formula(text.as_bytes()) { format!("'{text}") } else { text.to_owned() }
}

fn csv_writer(out: BufWriter<File>) -> ::csv::Writer<BufWriter<File>> {
    ::csv::WriterBuilder::new().flexible(false).from_writer(out)
}

fn io(error: ::csv::Error) -> TableError {
    TableError::Io(error.into())
}
