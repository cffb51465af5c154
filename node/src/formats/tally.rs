//! The inspection: counts and checks observations as they pass, and keeps none of them.

use std::collections::HashSet;

use talanoa_proto::limits;

use super::{
    grouped::Grouped,
    model::{Action, DataSet, Message, Observation, Pairs, Sink, TIME_PERIOD},
    structure::{Catalogue, Dsd},
    value::{self, Sum, Value},
};
use crate::intake::{Fault, cell, period};

/// More dimensions than any definition has: the names are a file's, the memory is ours.
const DIMENSIONS_MAX: usize = 1000;

#[derive(Debug, Default)]
pub struct Tally<'a> {
    pub message: Option<Message>,
    pub observations: u64,
    /// Named by `Delete`: counted apart, never as data.
    pub deleted: u64,
    pub series: u64,
    pub data_sets: u64,
    pub dimensions: Vec<String>,
    pub are_presumed: bool,
    pub sum: Sum,
    pub faults: Grouped,
    /// Start, and the period as it is written.
    first: Option<(i64, String)>,
    last: Option<(i64, String)>,
    definitions: Option<&'a Catalogue>,
    /// Of the data set in hand.
    dsd: Option<&'a Dsd>,
    /// Its dimensions are known from the file or a definition, not from its keys.
    are_declared: bool,
    named: HashSet<String>,
}

impl<'a> Tally<'a> {
    pub fn new(definitions: Option<&'a Catalogue>) -> Self {
        Self { definitions, ..Self::default() }
    }

    pub fn period(&self) -> (Option<&str>, Option<&str>) {
        (self.first.as_ref().map(|(_, w)| w.as_str()), self.last.as_ref().map(|(_, w)| w.as_str()))
    }

    fn name_dimension(&mut self, id: &str) {
        if id.len() > limits::NAME_BYTES_MAX {
            let message = format!("the name {} is too long", cell::shown(id.as_bytes()));
            self.faults.push(Fault::error("component.name", message));
            return;
        }
        if self.named.len() < DIMENSIONS_MAX && !self.named.contains(id) {
            self.named.insert(id.to_owned());
            self.dimensions.push(id.to_owned());
        }
    }

    fn learn_dimensions(&mut self, key: &Pairs) {
        // Nearly every key has the ids of the one before.
        let is_known =
            || key.len() == self.dimensions.len() && key.iter().zip(&self.dimensions).all(|(k, d)| k.0 == d);
        if self.are_declared || is_known() {
            return;
        }
        for (id, _) in key.iter() {
            self.name_dimension(id);
        }
    }

    fn note_time(&mut self, row: u64, written: &str) {
        let Some(start) = period::start(written) else {
            let message = format!("{} is no SDMX time period", cell::shown(written.as_bytes()));
            self.faults.push(Fault::error("period.illegal", message).at(row));
            return;
        };
        // 1990 and 1990-01 begin together: the text decides, so that the order of rows does not.
        let this = (start, written);
        if self.first.as_ref().is_none_or(|(start, text)| this < (*start, text)) {
            self.first = Some((start, written.to_owned()));
        }
        if self.last.as_ref().is_none_or(|(start, text)| this > (*start, text)) {
            self.last = Some((start, written.to_owned()));
        }
    }

    fn note_value(&mut self, row: u64, written: &str) {
        match value::read(written) {
            Value::Number(number) => self.sum.add(number),
            other => other.doubt(written).into_iter().for_each(|fault| self.faults.push(fault.at(row))),
        }
    }
}

impl Sink for Tally<'_> {
    fn message(&mut self, message: Message) {
        self.message = Some(message);
    }

    fn data_set(&mut self, data_set: &DataSet<'_>) {
        self.data_sets += 1;
        self.are_presumed |= data_set.is_presumed;
        self.dsd = self.definitions.and_then(|d| d.dsd_of(data_set.structure));
        if self.definitions.is_some() && data_set.dsd.is_none() {
            let shown = cell::shown(data_set.structure.as_bytes());
            let message = format!("the structure given does not define {shown}: nothing was checked");
            self.faults.push(Fault::error("structure.missing", message));
        }
        let declared = match data_set.dsd {
            Some(dsd) => &dsd.dimensions,
            None => data_set.dimensions,
        };
        self.are_declared = !declared.is_empty();
        for id in declared {
            self.name_dimension(id);
        }
    }

    fn series(&mut self, key: &Pairs, action: Action) {
        if action == Action::Delete {
            return;
        }
        self.series += 1;
        self.learn_dimensions(key);
    }

    fn observation(&mut self, observation: &Observation<'_>) {
        if observation.action == Action::Delete {
            self.deleted += 1;
            return;
        }
        self.observations += 1;
        self.learn_dimensions(observation.key);
        if let (Some(definitions), Some(dsd)) = (self.definitions, self.dsd) {
            definitions.check(dsd, observation, &mut |fault| self.faults.push(fault));
        }
        if let Some(time) = observation.time.or_else(|| observation.key.get(TIME_PERIOD)) {
            self.note_time(observation.row, time);
        }
        if let Some(value) = observation.value {
            self.note_value(observation.row, value);
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }
}
