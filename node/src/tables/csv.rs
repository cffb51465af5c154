//! CSV for people, and SDMX-CSV 2.0 for tools.

use std::{fs::File, io::BufWriter};

use super::{
    TableError, Written, finish,
    rows::{Cell, Source, Taker},
    shape::{Column, Given, Role, Shape},
};
use crate::intake::cell;

/// Between several values of one cell, in SDMX-CSV.
const SUB: char = ';';

pub fn write(shape: &Shape, source: &mut Source<'_>, out: BufWriter<File>) -> Result<Written, TableError> {
    let header = shape.columns.iter().map(|c| shown(&c.name)).collect();
    pour(shape, source, out, header, |shape, cells| {
        shape.texts(cells).iter().map(|given| shown(&given.joined().unwrap_or_default())).collect()
    })
}

/// Each row with its own action. Where a file does not say what kind of structure it names, it is a dataflow:
/// what services name.
pub fn write_sdmx(
    shape: &Shape,
    source: &mut Source<'_>,
    out: BufWriter<File>,
) -> Result<Written, TableError> {
    let components = || shape.columns.iter().filter(|c| is_component(c));
    let first =
        if components().any(|c| c.is_many) { format!("STRUCTURE[{SUB}]") } else { "STRUCTURE".into() };
    let named = components().map(|c| if c.is_many { format!("{}[]", c.name) } else { c.name.clone() });
    let header = [first, "STRUCTURE_ID".into(), "ACTION".into()].into_iter().chain(named).collect();
    pour(shape, source, out, header, |shape, cells| {
        let of = |role, id| cells.iter().find(|c| c.role == role && c.id == id).map_or("", |c| c.text);
        let kind = Some(of(Role::Structure, "STRUCTURE")).filter(|kind| !kind.is_empty());
        let first =
            [kind.unwrap_or("dataflow"), of(Role::Structure, "STRUCTURE_ID"), of(Role::Action, "ACTION")];
        let given = shape.columns.iter().zip(shape.texts(cells)).filter(|(column, _)| is_component(column));
        first
            .into_iter()
            .map(str::to_owned)
            .chain(given.map(|(column, given)| sdmx_cell(column, &given)))
            .collect()
    })
}

fn is_component(column: &Column) -> bool {
    !matches!(column.role, Role::Structure | Role::Mark)
}

/// One of several values stands in quotes where it holds what cuts them.
fn sdmx_cell(column: &Column, given: &Given<'_>) -> String {
    let values = match given {
        Given::Nothing => return String::new(),
        Given::One(text) if !column.is_many => return (*text).to_owned(),
        Given::One(text) => std::slice::from_ref(text),
        Given::Many(all) => all.as_slice(),
    };
    let quoted = |value: &&str| match value.contains(SUB) || value.starts_with('"') {
        true => format!("\"{}\"", value.replace('"', "\"\"")),
        false => (*value).to_owned(),
    };
    values.iter().map(quoted).collect::<Vec<_>>().join(&SUB.to_string())
}

fn pour(
    shape: &Shape,
    source: &mut Source<'_>,
    out: BufWriter<File>,
    header: Vec<String>,
    line: fn(&Shape, &[Cell<'_>]) -> Vec<String>,
) -> Result<Written, TableError> {
    let mut writer = csv_writer(out);
    writer.write_record(header).map_err(io)?;
    let mut lines = Lines { shape, writer: &mut writer, line, rows: 0 };
    source.read(&mut shape.marked(&mut lines))?;
    let rows = lines.rows;
    finish(writer.into_inner().map_err(|e| e.into_error())?)?;
    Ok(Written { rows, repeated: shape.repeated() })
}

struct Lines<'a> {
    shape: &'a Shape,
    writer: &'a mut ::csv::Writer<BufWriter<File>>,
    line: fn(&Shape, &[Cell<'_>]) -> Vec<String>,
    rows: u64,
}

impl Taker for Lines<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError> {
        self.rows += 1;
        self.writer.write_record((self.line)(self.shape, cells)).map_err(io)
    }
}

/// Attack: a cell that a spreadsheet runs. The apostrophe makes it text; the signed file keeps what it says.
fn shown(text: &str) -> String {
    if cell::is_formula(text.as_bytes()) { format!("'{text}") } else { text.to_owned() }
}

fn csv_writer(out: BufWriter<File>) -> ::csv::Writer<BufWriter<File>> {
    ::csv::WriterBuilder::new().flexible(false).from_writer(out)
}

fn io(error: ::csv::Error) -> TableError {
    TableError::Io(error.into())
}
