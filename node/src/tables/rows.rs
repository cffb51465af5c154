//! Rows of any file that a release of kind table can hold, one by one.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::Path,
};

use super::{TableError, shape::Role, sound};
use crate::{
    formats::{
        self, Guide,
        model::{Action, DataSet, Message, OBS_VALUE, Observation, Pairs, Sink, TIME_PERIOD},
    },
    intake::{Fault, Faults, Limits, cell, records::Records},
};

const BUFFER_BYTES: usize = 256 * 1024;

/// One filled cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell<'a> {
    pub role: Role,
    pub id: &'a str,
    pub text: &'a str,
}

impl<'a> Cell<'a> {
    /// `None`: nothing was reported.
    pub fn value(&self) -> Option<&'a str> {
        let is_missing =
            self.text.is_empty() || self.role == Role::Measure && matches!(self.text, "NaN" | "#N/A");
        (!is_missing).then_some(self.text)
    }
}

/// Whoever is shown the rows.
pub trait Taker {
    /// Empty cells may be left out. What a file deletes is no row.
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError>;
}

/// A file that can be read again and again, and what says how.
pub struct Source<'a> {
    file: BufReader<File>,
    guide: Guide<'a>,
}

impl<'a> Source<'a> {
    pub fn open(path: &Path, guide: Guide<'a>) -> io::Result<Self> {
        Ok(Self { file: BufReader::with_capacity(BUFFER_BYTES, File::open(path)?), guide })
    }

    /// From the beginning to the end.
    pub fn read(&mut self, taker: &mut dyn Taker) -> Result<(), TableError> {
        let Self { file, guide } = self;
        file.rewind()?;
        let mut faults = Faults::default();
        let is_sdmx = formats::is_sdmx(file)?.unwrap_or_else(|fault| {
            // In a declared encoding the first bytes say little.
            if guide.mapping.is_none() {
                faults.push(fault);
            }
            false
        });
        sound(&faults)?;
        if !is_sdmx && guide.mapping.is_none() {
            plain(file, taker, &mut faults)?;
            return sound(&faults);
        }
        let (kind, structure) = (String::new(), String::new());
        let mut pour = Pour { taker, faults: &mut faults, kind, structure, stopped: None };
        formats::read_into(file, *guide, &mut pour)?;
        match pour.stopped.take() {
            Some(error) => Err(error),
            None => sound(&faults),
        }
    }
}

struct Pour<'a> {
    taker: &'a mut dyn Taker,
    faults: &'a mut Faults,
    kind: String,
    structure: String,
    /// The disk's error ends the writing; the reading then goes on without effect.
    stopped: Option<TableError>,
}

impl Sink for Pour<'_> {
    fn message(&mut self, _message: Message) {}

    fn data_set(&mut self, data_set: &DataSet<'_>) {
        data_set.kind.clone_into(&mut self.kind);
        data_set.structure.clone_into(&mut self.structure);
    }

    fn series(&mut self, _key: &Pairs, _action: Action) {}

    fn observation(&mut self, observation: &Observation<'_>) {
        if observation.action == Action::Delete || self.stopped.is_some() {
            return;
        }
        let structure = [("STRUCTURE", &self.kind), ("STRUCTURE_ID", &self.structure)];
        let structure = structure.map(|(id, text)| Cell { role: Role::Structure, id, text });
        let role = |id: &str| if id == TIME_PERIOD { Role::Time } else { Role::Dimension };
        let key = observation.key.iter().map(|(id, text)| Cell { role: role(id), id, text });
        let time = observation.time.filter(|_| observation.key.get(TIME_PERIOD).is_none());
        let time = time.map(|text| Cell { role: Role::Time, id: TIME_PERIOD, text });
        let text = observation.value.unwrap_or_default();
        let measure = Cell { role: Role::Measure, id: OBS_VALUE, text };
        let attributes = observation.attributes.iter();
        let attributes = attributes.map(|(id, text)| Cell { role: Role::Attribute, id, text });
        let cells: Vec<Cell<'_>> =
            structure.into_iter().chain(key).chain(time).chain([measure]).chain(attributes).collect();
        self.stopped = self.taker.row(&cells).err();
    }

    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }
}

fn plain(source: &mut impl Read, taker: &mut dyn Taker, faults: &mut Faults) -> Result<(), TableError> {
    let mut records = Records::new(source, &Limits::default());
    let Some((_, header)) = records.next(faults)? else {
        faults.push(Fault::error("table.empty", "there is no header"));
        return Ok(());
    };
    let header: Vec<String> = header.iter().map(|c| cell::text(c).into_owned()).collect();
    let mut is_empty = true;
    while let Some((_, record)) = records.next(faults)? {
        is_empty = false;
        let texts: Vec<_> = record.iter().map(cell::text).collect();
        let cells: Vec<Cell<'_>> =
            header.iter().zip(&texts).map(|(id, text)| Cell { role: Role::Plain, id, text }).collect();
        taker.row(&cells)?;
    }
    if is_empty {
        faults.push(Fault::error("table.empty", "there is no row below the first line"));
    }
    Ok(())
}
