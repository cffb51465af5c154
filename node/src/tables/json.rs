//! One array of objects; numbers as they are written, so that no digit is lost.

use std::{
    fs::File,
    io::{BufWriter, Write},
};

use super::{
    TableError, Written, finish,
    rows::{Cell, Source, Taker},
    shape::{Kind, Shape},
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

impl Taker for Objects<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError> {
        let values = self.shape.values(cells);
        self.out.write_all(if self.rows == 0 { b"\n{" } else { b",\n{" })?;
        self.rows += 1;
        for (n, (column, value)) in self.shape.columns.iter().zip(values).enumerate() {
            if n > 0 {
                self.out.write_all(b",")?;
            }
            serde_json::to_writer(&mut self.out, &column.id).map_err(std::io::Error::from)?;
            self.out.write_all(b":")?;
            match value {
                None => self.out.write_all(b"null")?,
                Some(mark) if column.kind == Kind::Boolean => self.out.write_all(mark.as_bytes())?,
                Some(number) if column.kind != Kind::Text && is_json_number(number) => {
                    self.out.write_all(number.as_bytes())?;
                }
                Some(number) if column.kind != Kind::Text => {
                    // `.5` and `+3` are numbers in SDMX and none in JSON.
                    let number = number.parse::<f64>().unwrap_or_default();
                    serde_json::to_writer(&mut self.out, &number).map_err(std::io::Error::from)?;
                }
                Some(text) => serde_json::to_writer(&mut self.out, text).map_err(std::io::Error::from)?,
            }
        }
        Ok(self.out.write_all(b"}")?)
    }
}

/// RFC 8259, section 6.
fn is_json_number(text: &str) -> bool {
    serde_json::from_str::<serde_json::Number>(text).is_ok() && !text.starts_with(char::is_whitespace)
}
