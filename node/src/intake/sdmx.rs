//! Observations on their way into a release: SDMX-ML, SDMX-JSON, SDMX-CSV in all its shapes, mapped tables.
//!
//! The readers of [`crate::formats`] pour observations in; here they are counted and checked, and none is
//! kept. A message that is no data, or that has no observation to show, is no table.

use std::{
    collections::BTreeSet,
    io::{self, Read, Seek},
};

use talanoa_proto::limits;

use super::{
    Format, Limits, Table, cell,
    coverage::{Areas, Periods},
    fault::{Fault, Faults},
};
use crate::formats::{
    self, Guide,
    doubts::Doubts,
    model::{Action, DataSet, Kind, Message, Observation, Pairs, Sink},
    structure::Catalogue,
};

/// All structures of one file; a release has room for those of several files.
const STRUCTURES_BYTES_MAX: usize = limits::TEXT_BYTES_MAX / 2;
/// Dimensions named of a structure that was inferred.
const INFERRED_MAX: usize = 64;
/// Columns told of; a file with more components is told as one with so many.
const COMPONENTS_MAX: usize = 10_000;

pub fn check(
    input: &mut (impl Read + Seek),
    guide: Guide<'_>,
    limits: &Limits,
    faults: &mut Faults,
) -> io::Result<(Format, Table)> {
    let mut arrival = Arrival::new(guide.structure, limits, faults);
    formats::read_into(input, guide, &mut arrival)?;
    arrival.tell()
}

struct Arrival<'a> {
    message: Option<Message>,
    rows: u64,
    observations: u64,
    deleted: u64,
    doubts: Doubts<'a>,
    /// Of the first data set, where no definition and no name of one is there.
    inferred: Vec<String>,
    has_measure: bool,
    components: BTreeSet<String>,
    areas: Areas,
    periods: Periods,
    structures: BTreeSet<String>,
    structures_bytes: usize,
    faults: &'a mut Faults,
}

impl<'a> Arrival<'a> {
    fn new(definitions: Option<&'a Catalogue>, limits: &Limits, faults: &'a mut Faults) -> Self {
        Self {
            message: None,
            rows: 0,
            observations: 0,
            deleted: 0,
            doubts: Doubts::new(definitions, limits),
            inferred: Vec::new(),
            has_measure: true,
            components: BTreeSet::new(),
            areas: Areas::default(),
            periods: Periods::default(),
            structures: BTreeSet::new(),
            structures_bytes: 0,
            faults,
        }
    }

    fn tell(self) -> io::Result<(Format, Table)> {
        let format = self.message.as_ref().map_or(Format::Opaque, format_of);
        let is_data = self.message.as_ref().is_some_and(|m| m.kind == Kind::Data);
        if is_data && self.rows == 0 && !self.faults.has_errors() {
            let message = match self.deleted {
                0 => "the message has no observation".to_owned(),
                n => format!("the message deletes {n} observations and has none: it is no table"),
            };
            self.faults.push(Fault::error("table.empty", message));
        }
        if self.deleted > 0 && self.rows > 0 {
            let message = format!(
                "{} observations are marked as deleted: they are published, and counted nowhere",
                self.deleted
            );
            self.faults.push(Fault::warning("sdmx.deleted", message));
        }
        let mut structure = self.structures.into_iter().collect::<Vec<_>>().join(", ");
        if structure.is_empty() && !self.inferred.is_empty() {
            structure = format!("inferred: {}", self.inferred.join(", "));
        }
        let mut table = Table {
            rows: self.rows,
            columns: self.components.len() as u64,
            observations: self.observations,
            structure,
            ..Table::default()
        };
        self.areas.tell(&mut table);
        self.periods.tell(&mut table);
        self.doubts.end(&mut |fault| self.faults.push(fault))?;
        Ok((format, table))
    }

    fn name_components(&mut self, pairs: &Pairs) {
        for (id, _) in pairs.iter() {
            if self.components.len() < COMPONENTS_MAX && !self.components.contains(id) {
                self.components.insert(id.to_owned());
            }
        }
    }
}

impl Sink for Arrival<'_> {
    fn message(&mut self, message: Message) {
        if message.kind != Kind::Data {
            let what = format!("this is a message of kind {}, not of data", message.kind.name());
            self.faults.push(Fault::error("sdmx.kind", what));
        }
        self.message = Some(message);
    }

    fn data_set(&mut self, data_set: &DataSet<'_>) {
        self.has_measure = data_set.has_measure;
        self.doubts.data_set(data_set, &mut |fault| self.faults.push(fault));
        let shown = cell::shown(data_set.structure.as_bytes());
        let name = format!("{} {}", data_set.kind, shown.trim_matches('"')).trim().to_owned();
        if data_set.structure.is_empty() || self.structures.contains(&name) {
            return;
        }
        let bytes = self.structures_bytes + name.len() + ", ".len();
        if bytes > STRUCTURES_BYTES_MAX {
            let message = format!("{name} is not listed: the file names more structures than a release can");
            self.faults.push(Fault::warning("sdmx.structures", message));
            return;
        }
        self.structures_bytes = bytes;
        self.structures.insert(name);
    }

    fn series(&mut self, _key: &Pairs, _action: Action) {}

    fn observation(&mut self, observation: &Observation<'_>) {
        let Observation { key, measures, attributes, value, .. } = *observation;
        if observation.action == Action::Delete {
            self.deleted += 1;
            return;
        }
        self.rows += 1;
        self.doubts.observation(observation, &mut |fault| self.faults.push(fault));
        if self.inferred.is_empty() {
            let ids = key.iter().map(|(id, _)| cell::shown(id.as_bytes()).trim_matches('"').to_owned());
            self.inferred = ids.take(INFERRED_MAX).collect();
        }
        self.name_components(key);
        self.name_components(measures);
        self.name_components(attributes);
        if let Some(area) = key.get("REF_AREA") {
            self.areas.add(area);
        }
        if let Some(time) = observation.time {
            self.periods.add(time);
        }
        let is_observed = value.is_some() || !measures.is_empty();
        self.observations += u64::from(!self.has_measure || is_observed);
        if value.is_some() {
            self.components.insert(formats::model::OBS_VALUE.to_owned());
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }
}

fn format_of(message: &Message) -> Format {
    let is =
        |name: &str, version: &str| message.format.starts_with(name) && message.version.starts_with(version);
    match message.format.as_str() {
        "SDMX-CSV" if message.version == "1.0" => Format::SdmxCsv1,
        "SDMX-CSV" => Format::SdmxCsv2,
        "SDMX-ML GenericData" if message.version == "2.1" => Format::SdmxMlGeneric,
        "SDMX-ML GenericTimeSeriesData" => Format::SdmxMlGenericTimeSeries,
        "SDMX-ML StructureSpecificData" if message.version == "2.1" => Format::SdmxMlSpecific,
        "SDMX-ML StructureSpecificTimeSeriesData" => Format::SdmxMlSpecificTimeSeries,
        _ if is("SDMX-ML", "3") => Format::SdmxMl3,
        _ if is("SDMX-JSON", "2") => Format::SdmxJson2,
        _ if is("SDMX-JSON", "") => Format::SdmxJson1,
        _ => Format::Csv,
    }
}
