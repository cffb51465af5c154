//! SDMX-CSV 2.0: one observation a row, its key in the columns before the measure.
//!
//! Without a structure the dimensions are what stands before `OBS_VALUE`. Rows that delete are not
//! observations and are never shown as data.

use std::collections::{BTreeSet, HashMap};

use csv::ByteRecord;
use talanoa_proto::limits;

use super::{
    Table,
    csv::{Rows, is_number, text, widen},
    fault::{Fault, Faults},
    period,
};

/// Keys remembered for finding duplicates: 16 bytes and a row each.
const KEYS_MAX: usize = 20_000_000;

pub enum Recognised {
    Yes(Box<SdmxCsv>),
    No,
    /// SDMX-CSV of a kind that is not read yet; a fault says so.
    NotYet,
}

pub fn recognise(header: &[String], faults: &mut Faults) -> Recognised {
    let first = header.first().map(String::as_str).unwrap_or_default();
    let not_yet = |faults: &mut Faults, message: &str| {
        faults.push(Fault::error("sdmx.unsupported", message).at(1));
        Recognised::NotYet
    };
    if first.starts_with("STRUCTURE;") || first.starts_with("STRUCTURE[") || first.starts_with("DATAFLOW;") {
        return not_yet(
            faults,
            "SDMX-CSV with ';' or several values a cell is not read yet: export it with ','",
        );
    }
    if id(first) == "DATAFLOW" {
        return not_yet(faults, "SDMX-CSV 1.0 is not read yet: export it as SDMX-CSV 2.0");
    }
    if id(first) != "STRUCTURE" {
        return Recognised::No;
    }
    let ids: Vec<&str> = header.iter().map(|h| id(h)).collect();
    if ids.get(1) != Some(&"STRUCTURE_ID") || ids.get(2) != Some(&"ACTION") {
        return not_yet(faults, "the columns of SDMX-CSV 2.0 begin with STRUCTURE,STRUCTURE_ID,ACTION");
    }
    let find = |name: &str| ids.iter().position(|i| *i == name);
    let value = find("OBS_VALUE");
    Recognised::Yes(Box::new(SdmxCsv {
        key: (3..value.unwrap_or(3)).collect(),
        value,
        area: find("REF_AREA"),
        time: find("TIME_PERIOD"),
        areas: BTreeSet::new(),
        structures: BTreeSet::new(),
        edges: [None, None],
        keys: HashMap::new(),
        keys_unchecked: false,
    }))
}

/// `ID: Name` columns carry labels beside ids; the id is what counts.
fn id(cell: &str) -> &str {
    cell.split_once(": ").map_or(cell, |(id, _)| id)
}

pub struct SdmxCsv {
    key: Vec<usize>,
    value: Option<usize>,
    area: Option<usize>,
    time: Option<usize>,
    areas: BTreeSet<String>,
    structures: BTreeSet<String>,
    edges: [Option<String>; 2],
    keys: HashMap<[u8; 16], u64>,
    keys_unchecked: bool,
}

impl Rows for SdmxCsv {
    fn row(&mut self, line: u64, cells: &ByteRecord, table: &mut Table, faults: &mut Faults) {
        self.structure(line, cells, faults);
        match &cells[2] {
            b"D" => return,
            b"I" | b"A" | b"R" | b"M" | b"" => {}
            other => {
                let message = format!("ACTION {:?}; it is I, A, R, M or D", text(other));
                faults.push(Fault::error("sdmx.action", message).at(line));
                return;
            }
        }
        self.duplicate(line, cells, faults);
        match self.value.map(|n| &cells[n]) {
            Some([]) => {}
            Some(value) => {
                table.observations += 1;
                measure(line, value, faults);
            }
            // Other measures than OBS_VALUE: without a structure each row counts as one observation.
            None => table.observations += 1,
        }
        if let Some(area) = self.area.map(|n| text(&cells[n])).filter(|a| !a.is_empty())
            && self.areas.len() < limits::AREAS_MAX
        {
            self.areas.insert(id(&area).to_owned());
        }
        if let Some(written) = self.time.map(|n| text(&cells[n])).filter(|t| !t.is_empty()) {
            match period::start(id(&written)) {
                Some(start) => widen(table, &mut self.edges, id(&written), start),
                None => faults.push(
                    Fault::warning("period.illegal", format!("{written:?} is no SDMX period")).at(line),
                ),
            }
        }
    }

    fn finish(self: Box<Self>, table: &mut Table) {
        table.areas = self.areas.into_iter().collect();
        table.structure = self.structures.into_iter().collect::<Vec<_>>().join(", ");
    }
}

impl SdmxCsv {
    fn structure(&mut self, line: u64, cells: &ByteRecord, faults: &mut Faults) {
        let (kind, structure) = (text(&cells[0]), text(&cells[1]));
        let known = matches!(&*kind, "dataflow" | "datastructure" | "dataprovision");
        if !known || !is_structure_id(id(&structure)) {
            let message = format!("{kind:?} {structure:?}; expected for example dataflow AGENCY:ID(1.0.0)");
            faults.push(Fault::error("sdmx.structure", message).at(line));
        } else if self.structures.len() < 16 {
            self.structures.insert(format!("{kind} {}", id(&structure)));
        }
    }

    /// Both rows stay: a country may have two surveys of one year. A 128-bit hash stands for the key.
    fn duplicate(&mut self, line: u64, cells: &ByteRecord, faults: &mut Faults) {
        if self.key.is_empty() {
            return;
        }
        if self.keys.len() == KEYS_MAX {
            if !self.keys_unchecked {
                self.keys_unchecked = true;
                let message =
                    format!("more than {KEYS_MAX} rows: duplicate keys were looked for above this row only");
                faults.push(Fault::warning("key.unchecked", message).at(line));
            }
            return;
        }
        let mut hash = blake3::Hasher::new();
        for cell in [1].iter().chain(&self.key).map(|&n| &cells[n]) {
            hash.update(&(cell.len() as u64).to_be_bytes());
            hash.update(cell);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&hash.finalize().as_bytes()[..16]);
        match self.keys.entry(key) {
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(line);
            }
            std::collections::hash_map::Entry::Occupied(first) => {
                let message = format!("the same key as row {}; both are kept", first.get());
                faults.push(Fault::warning("key.duplicate", message).at(line));
            }
        }
    }
}

fn measure(line: u64, value: &[u8], faults: &mut Faults) {
    if is_number(value) || value == b"NaN" {
        return;
    }
    let shown: String = text(value).chars().take(40).collect();
    let bare = shown.trim_start_matches(['+', '-']).to_ascii_lowercase();
    if bare == "inf" || bare == "infinity" || shown.parse::<f64>().is_ok_and(|v| v.is_infinite()) {
        faults.push(
            Fault::error("value.infinite", format!("{shown:?} is no number that can be published")).at(line),
        );
    } else {
        faults.push(Fault::warning("value.not_a_number", format!("{shown:?} is not a number")).at(line));
    }
}

/// `AGENCY:ID(VERSION)`
fn is_structure_id(text: &str) -> bool {
    let part =
        |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || "._-@$+*~".contains(c));
    let split = || {
        let (agency, rest) = text.split_once(':')?;
        let (id, version) = rest.strip_suffix(')')?.split_once('(')?;
        Some(part(agency) && part(id) && part(version))
    };
    split().unwrap_or(false)
}
