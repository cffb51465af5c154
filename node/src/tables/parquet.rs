//! Parquet: typed columns, compressed, with their provenance as metadata of the file.
//!
//! Memory is bounded by bytes, not by rows: a table may have thousands of columns, or texts of 30 KB.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufWriter},
    sync::Arc,
};

use ::parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
    },
};
use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder},
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::{
    Origin, TableError, Written, finish,
    rows::{Cell, Source, Taker},
    shape::{Column, Given, Kind, Shape},
};

/// Held in memory at once: what comes first.
const BATCH_ROWS: usize = 16_384;
const BATCH_BYTES: usize = if cfg!(test) { 1 << 16 } else { 8 << 20 };
const ROW_GROUP_ROWS: usize = 131_072;
const ROW_GROUP_BYTES: usize = if cfg!(test) { 1 << 19 } else { 64 << 20 };
/// Beyond that neither dictionaries nor an index of pages: for each column both take more than 100 KB before it
/// holds a value.
const INDEXED_COLUMNS_MAX: usize = 500;
/// Values for which a column has room before the first.
const ROOM: usize = 64;
/// What an empty cell takes.
const CELL_BYTES: usize = 9;

pub fn write(
    shape: &Shape,
    source: &mut Source<'_>,
    out: BufWriter<File>,
    origin: Origin<'_>,
) -> Result<Written, TableError> {
    // Where Arrow's readers look, and where all others do.
    let said: HashMap<String, String> =
        origin.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let fields: Vec<Field> = shape.columns.iter().map(field).collect();
    let schema: SchemaRef = Arc::new(Schema::new_with_metadata(fields, said));
    let metadata = origin.iter().map(|(name, value)| KeyValue::new((*name).to_owned(), value.clone()));
    let is_indexed = shape.columns.len() <= INDEXED_COLUMNS_MAX;
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(is_indexed)
        .set_statistics_enabled(if is_indexed { EnabledStatistics::Page } else { EnabledStatistics::Chunk })
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_key_value_metadata(Some(metadata.collect()))
        .set_created_by("talanoa".to_owned())
        .build();
    let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties)).map_err(other)?;
    let builders = shape.columns.iter().map(Builder::of).collect();
    let mut batches = Batches { shape, schema, writer, builders, pending: 0, pending_bytes: 0, rows: 0 };
    source.read(&mut shape.marked(&mut batches))?;
    batches.hand_on()?;
    let rows = batches.rows;
    finish(batches.writer.into_inner().map_err(other)?)?;
    Ok(Written { rows, repeated: shape.repeated() })
}

fn field(column: &Column) -> Field {
    let kind = match column.kind {
        Kind::Integer => DataType::Int64,
        Kind::Double => DataType::Float64,
        Kind::Text => DataType::Utf8,
        Kind::Boolean => DataType::Boolean,
    };
    Field::new(&column.name, kind, true)
}

enum Builder {
    Integer(Int64Builder),
    Double(Float64Builder),
    Text(StringBuilder),
    Boolean(BooleanBuilder),
}

impl Builder {
    fn of(column: &Column) -> Self {
        match column.kind {
            Kind::Integer => Self::Integer(Int64Builder::with_capacity(ROOM)),
            Kind::Double => Self::Double(Float64Builder::with_capacity(ROOM)),
            Kind::Text => Self::Text(StringBuilder::with_capacity(ROOM, ROOM)),
            Kind::Boolean => Self::Boolean(BooleanBuilder::with_capacity(ROOM)),
        }
    }

    /// Several values are one text, as in the CSV for people.
    fn push(&mut self, given: &Given<'_>) {
        let joined = given.joined();
        let value = joined.as_deref();
        match self {
            Self::Integer(builder) => builder.append_option(value.and_then(|v| v.parse().ok())),
            Self::Double(builder) => builder.append_option(value.and_then(|v| v.parse().ok())),
            Self::Text(builder) => builder.append_option(value),
            Self::Boolean(builder) => builder.append_option(value.map(|v| v == "true")),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
        }
    }
}

struct Batches<'a> {
    shape: &'a Shape,
    schema: SchemaRef,
    writer: ArrowWriter<BufWriter<File>>,
    builders: Vec<Builder>,
    pending: usize,
    pending_bytes: usize,
    rows: u64,
}

impl Batches<'_> {
    fn hand_on(&mut self) -> Result<(), TableError> {
        if self.pending == 0 {
            return Ok(());
        }
        (self.pending, self.pending_bytes) = (0, 0);
        let columns = self.builders.iter_mut().map(Builder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(other)?;
        self.writer.write(&batch).map_err(other)?;
        if self.writer.memory_size() > ROW_GROUP_BYTES {
            self.writer.flush().map_err(other)?;
        }
        Ok(())
    }
}

impl Taker for Batches<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError> {
        let values = self.shape.values(cells);
        self.builders.iter_mut().zip(&values).for_each(|(builder, given)| builder.push(given));
        self.rows += 1;
        self.pending += 1;
        self.pending_bytes += cells.iter().map(|c| c.text.len()).sum::<usize>() + CELL_BYTES * values.len();
        if self.pending == BATCH_ROWS || self.pending_bytes >= BATCH_BYTES { self.hand_on() } else { Ok(()) }
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> TableError {
    TableError::Io(io::Error::other(error))
}
