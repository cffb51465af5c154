//! SDMX-CSV 1.0 and 2.0 as most services write it: cut by commas, one value a cell, one observation a row, its key in the columns before the measure.
//!
//! 1.0 begins with `DATAFLOW`, whose cells name a dataflow; 2.0 with `STRUCTURE,STRUCTURE_ID`.
//!
//! Without a structure the dimensions are what stands before `OBS_VALUE`, and `TIME_PERIOD`. Rows that
//! delete are not observations and are never shown as data.

use std::{borrow::Cow, collections::BTreeSet, io};

use csv::ByteRecord;
use talanoa_proto::limits;

use super::{
    Limits, Table, cell,
    coverage::{Areas, Periods},
    fault::{Fault, Faults},
    keys::Keys,
};

/// All structures of one file; a release has room for those of several files.
const STRUCTURES_BYTES_MAX: usize = limits::TEXT_BYTES_MAX / 2;

/// Which column is what.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    version: Version,
    /// Cells may be `ID: Name`.
    labels: bool,
    /// Without it every row is an `I`.
    action: Option<usize>,
    key: Vec<usize>,
    value: Option<usize>,
    area: Option<usize>,
    time: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

impl Version {
    /// Columns that name the structure; in 1.0 one cell says it all.
    fn structure_columns(self) -> &'static [usize] {
        match self {
            Self::V1 => &[0],
            Self::V2 => &[0, 1],
        }
    }
}

/// `Ok(None)`: another format. `Err`: SDMX-CSV of a kind that is not read yet, never to be taken for plain CSV.
pub fn recognise(header: &[String]) -> Result<Option<Layout>, &'static str> {
    let first = header.first().map(String::as_str).unwrap_or_default();
    match id(first) {
        "STRUCTURE" => {}
        "DATAFLOW" => return Ok(Some(version_1(header))),
        _ => return Ok(None),
    }
    let ids: Vec<&str> = header.iter().map(|h| id(h)).collect();
    match ids.get(1..3) {
        Some(["STRUCTURE_ID", _]) => {}
        _ => return Err("the columns of SDMX-CSV 2.0 begin with STRUCTURE,STRUCTURE_ID,ACTION"),
    }
    let find = |name: &str| ids.iter().position(|i| *i == name);
    let action = find("ACTION");
    if action.is_some_and(|n| n != 2) {
        return Err("the columns of SDMX-CSV 2.0 begin with STRUCTURE,STRUCTURE_ID,ACTION");
    }
    let (value, time) = (find("OBS_VALUE"), find("TIME_PERIOD"));
    let mut key: Vec<usize> = (action.map_or(2, |_| 3)..value.unwrap_or_default()).collect();
    if !key.is_empty() {
        key.extend(time.filter(|n| !key.contains(n)));
    }
    let (version, labels) = (Version::V2, header.iter().any(|h| h.contains(": ")));
    Ok(Some(Layout { version, labels, action, key, value, area: find("REF_AREA"), time }))
}

/// `DATAFLOW`, dimensions, `OBS_VALUE`, attributes; without the measure nothing says where the key ends.
fn version_1(header: &[String]) -> Layout {
    let find = |name: &str| header.iter().position(|h| id(h) == name);
    let (value, time) = (find("OBS_VALUE"), find("TIME_PERIOD"));
    let mut key: Vec<usize> = (1..value.unwrap_or_default()).collect();
    if !key.is_empty() {
        key.extend(time.filter(|n| !key.contains(n)));
    }
    let labels = header.iter().any(|h| h.contains(": "));
    Layout { version: Version::V1, labels, action: None, key, value, area: find("REF_AREA"), time }
}

/// `ID: Name` carries a label beside the id; the id is what counts.
pub fn id(cell: &str) -> &str {
    cell.split_once(": ").map_or(cell, |(id, _)| id)
}

pub struct SdmxCsv {
    layout: Layout,
    observations: u64,
    areas: Areas,
    periods: Periods,
    keys: Keys,
    structures: BTreeSet<String>,
    structures_bytes: usize,
    /// Cells 0 and 1 of the last row found sound: most files repeat them in every row.
    last_structure: [Vec<u8>; 2],
}

impl SdmxCsv {
    pub fn new(layout: Layout, limits: &Limits) -> Self {
        Self {
            layout,
            observations: 0,
            areas: Areas::default(),
            periods: Periods::default(),
            keys: Keys::new(limits),
            structures: BTreeSet::new(),
            structures_bytes: 0,
            last_structure: [Vec::new(), Vec::new()],
        }
    }

    pub fn version(&self) -> Version {
        self.layout.version
    }

    /// `cells` has as many cells as the header.
    pub fn add(&mut self, line: u64, cells: &ByteRecord, faults: &mut Faults) {
        self.note_structure(line, cells, faults);
        match self.layout.action.map_or(b"I".as_slice(), |n| &cells[n]) {
            b"D" => return,
            b"I" | b"A" | b"R" | b"M" => {}
            other => {
                let message = format!("ACTION {}; it is I, A, R, M or D", cell::shown(other));
                faults.push(Fault::error("sdmx.action", message).at(line));
            }
        }
        if let Some(area) = self.layout.area {
            self.areas.add(&self.layout.read(cells, area));
        }
        let written = self.layout.time.map(|n| self.layout.read(cells, n)).unwrap_or_default();
        if !written.is_empty() && !self.periods.add(&written) {
            let message = format!("{} is no SDMX time period", cell::shown(written.as_bytes()));
            faults.push(Fault::warning("period.illegal", message).at(line));
        }
        match self.layout.value.map(|n| self.layout.read(cells, n)) {
            Some(value) if value.is_empty() => {}
            Some(value) => {
                self.observations += 1;
                check_value(line, value.as_bytes(), faults);
            }
            // Other measures than OBS_VALUE: without a structure each row counts as one observation.
            None => self.observations += 1,
        }
        self.note_key(line, cells, faults);
    }

    pub fn tell(self, table: &mut Table, faults: &mut Faults) -> io::Result<()> {
        table.observations = self.observations;
        table.structure = self.structures.into_iter().collect::<Vec<_>>().join(", ");
        self.areas.tell(table);
        self.periods.tell(table);
        self.keys.end(faults)
    }

    fn note_structure(&mut self, line: u64, cells: &ByteRecord, faults: &mut Faults) {
        // In 1.0 the kind goes without saying.
        let (kind, named) = match self.layout.version {
            Version::V1 => (b"dataflow".as_slice(), 0),
            Version::V2 => (&cells[0], 1),
        };
        if self.last_structure[0] == kind && self.last_structure[1] == cells[named] {
            return;
        }
        let structure = self.layout.read(cells, named);
        if !matches!(kind, b"dataflow" | b"datastructure" | b"dataprovision") || !is_structure_id(&structure)
        {
            let shown = format!("{} {}", cell::shown(kind), cell::shown(&cells[named]));
            let message = format!("{shown}; expected for example dataflow AGENCY:ID(1.0.0)");
            faults.push(Fault::error("sdmx.structure", message).at(line));
            return;
        }
        self.last_structure = [kind.to_vec(), cells[named].to_vec()];
        let name = format!("{} {structure}", cell::text(kind));
        let bytes = self.structures_bytes + name.len() + ", ".len();
        if self.structures.contains(&name) {
            return;
        }
        if bytes > STRUCTURES_BYTES_MAX {
            let message = format!("{name} is not listed: the file names more structures than a release can");
            faults.push(Fault::warning("sdmx.structures", message).at(line));
            return;
        }
        self.structures_bytes = bytes;
        self.structures.insert(name);
    }

    fn note_key(&mut self, line: u64, cells: &ByteRecord, faults: &mut Faults) {
        let Self { layout, keys, .. } = self;
        if layout.key.is_empty() {
            return;
        }
        let parts = layout.version.structure_columns().iter().chain(&layout.key).copied();
        keys.add(line, parts.map(|n| layout.id_bytes(&cells[n])), faults);
    }
}

impl Layout {
    fn read<'a>(&self, cells: &'a ByteRecord, n: usize) -> Cow<'a, str> {
        cell::text(self.id_bytes(&cells[n]))
    }

    fn id_bytes<'a>(&self, cell: &'a [u8]) -> &'a [u8] {
        let end = if self.labels { cell.windows(2).position(|w| w == b": ") } else { None };
        &cell[..end.unwrap_or(cell.len())]
    }
}

fn check_value(line: u64, value: &[u8], faults: &mut Faults) {
    if cell::is_number(value) || value == b"NaN" {
        return;
    }
    let shown = cell::shown(value);
    faults.push(if cell::is_infinite(value) {
        Fault::error("value.infinite", format!("{shown} is no number that can be published")).at(line)
    } else {
        Fault::warning("value.not_a_number", format!("{shown} is not a number")).at(line)
    });
}

/// `AGENCY:ID(VERSION)`
fn is_structure_id(text: &str) -> bool {
    let made_of = |part: &str, more: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let sound = || {
        let (agency, rest) = text.split_once(':')?;
        let (id, version) = rest.strip_suffix(')')?.split_once('(')?;
        Some(made_of(agency, "._-") && made_of(id, "_-@$") && made_of(version, ".-+*~"))
    };
    text.len() <= limits::NAME_BYTES_MAX && sound().unwrap_or(false)
}
