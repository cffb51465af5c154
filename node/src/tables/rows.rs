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
        structure::Dsd,
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
    /// Of the rows that follow, in the order of the key, where the file or its structure tells.
    fn dimensions(&mut self, _ids: &[String]) {}

    /// Empty cells may be left out, a component of several values has a cell for each. What a file deletes is
    /// no row.
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
        let is_read_there = formats::is_read_here(file, *guide)?.unwrap_or_else(|fault| {
            faults.push(fault);
            false
        });
        sound(&faults)?;
        if !is_read_there {
            plain(file, taker, &mut faults)?;
            return sound(&faults);
        }
        let (kind, structure, primary) = Default::default();
        let mut pour = Pour { taker, faults: &mut faults, kind, structure, primary, stopped: None };
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
    /// Its measure, as its definition calls it.
    primary: String,
    /// The disk's error ends the writing; the reading then goes on without effect.
    stopped: Option<TableError>,
}

impl Sink for Pour<'_> {
    fn message(&mut self, _message: Message) {}

    fn data_set(&mut self, data_set: &DataSet<'_>) {
        data_set.kind.clone_into(&mut self.kind);
        data_set.structure.clone_into(&mut self.structure);
        data_set.dsd.map_or(OBS_VALUE, Dsd::primary_measure).clone_into(&mut self.primary);
        // What names no structure was checked against the only one that is given.
        if let Some(dsd) = data_set.dsd.filter(|_| data_set.structure.is_empty()) {
            (self.kind, self.structure) = ("datastructure".to_owned(), dsd.reference());
        }
        self.taker.dimensions(data_set.dsd.map_or(data_set.dimensions, |dsd| &dsd.dimensions));
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
        let action = Cell { role: Role::Action, id: "ACTION", text: observation.action.letter() };
        let measure = Cell { role: Role::Measure, id: &self.primary, text };
        let measures = observation.measures.iter().map(|(id, text)| Cell { role: Role::Measure, id, text });
        let attributes = observation.attributes.iter();
        let attributes = attributes.map(|(id, text)| Cell { role: Role::Attribute, id, text });
        let key = structure.into_iter().chain([action]).chain(key).chain(time);
        let cells: Vec<Cell<'_>> = key.chain([measure]).chain(measures).chain(attributes).collect();
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
    while let Some((line, record)) = records.next(faults)? {
        if record.iter().all(<[u8]>::is_empty) {
            continue;
        }
        is_empty = false;
        if record.len() != header.len() {
            let message = format!("{} cells, the header has {}", record.len(), header.len());
            faults.push(Fault::error("csv.columns", message).at(line));
            return Ok(());
        }
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
