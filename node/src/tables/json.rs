//! One array of objects; numbers as they are written, so that no digit is lost; several values are a list.

use std::{
    fs::File,
    io::{BufWriter, Write},
};

use super::{
    TableError, Written, finish,
    rows::{Cell, Source, Taker},
    shape::{Given, Kind, Shape},
};

pub fn write(shape: &Shape, source: &mut Source<'_>, out: BufWriter<File>) -> Result<Written, TableError> {
    let mut objects = Objects { shape, out, rows: 0 };
    objects.out.write_all(b"[")?;
    source.read(&mut shape.marked(&mut objects))?;
    objects.out.write_all(b"\n]\n")?;
    finish(objects.out)?;
    Ok(Written { rows: objects.rows, repeated: shape.repeated() })
}

struct Objects<'a> {
    shape: &'a Shape,
    out: BufWriter<File>,
    rows: u64,
}

impl Objects<'_> {
    fn value(&mut self, kind: Kind, value: &str) -> std::io::Result<()> {
        match kind {
            Kind::Text => serde_json::to_writer(&mut self.out, value).map_err(std::io::Error::from),
            Kind::Boolean => self.out.write_all(value.as_bytes()),
            _ if is_json_number(value) => self.out.write_all(value.as_bytes()),
            _ => {
                // `.5` and `+3` are numbers in SDMX and none in JSON.
                let number = value.parse::<f64>().unwrap_or_default();
                serde_json::to_writer(&mut self.out, &number).map_err(std::io::Error::from)
            }
        }
    }
}

impl Taker for Objects<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError> {
        let values = self.shape.values(cells);
        self.out.write_all(if self.rows == 0 { b"\n{" } else { b",\n{" })?;
        self.rows += 1;
        for (n, (column, value)) in self.shape.columns.iter().zip(values).enumerate() {
            if n > 0 {
                self.out.write_all(b",")?;
            }
            serde_json::to_writer(&mut self.out, &column.name).map_err(std::io::Error::from)?;
            self.out.write_all(b":")?;
            match value {
                Given::Nothing => self.out.write_all(b"null")?,
                Given::One(value) => self.value(column.kind, value)?,
                Given::Many(values) => {
                    serde_json::to_writer(&mut self.out, &values).map_err(std::io::Error::from)?;
                }
            }
        }
        Ok(self.out.write_all(b"}")?)
    }
}

/// RFC 8259, section 6.
fn is_json_number(text: &str) -> bool {
    serde_json::from_str::<serde_json::Number>(text).is_ok() && !text.starts_with(char::is_whitespace)
}
