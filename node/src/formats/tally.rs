//! The inspection: counts and checks observations as they pass, and keeps none of them.

use std::collections::HashSet;

use talanoa_proto::limits;

use super::{
    doubts::Doubts,
    grouped::Grouped,
    model::{Action, DataSet, Message, Observation, Pairs, Sink, TIME_PERIOD},
    structure::Catalogue,
};
use crate::{
    intake::{Fault, Limits, cell, coverage::Periods},
    mapping::sum::Sum,
};

/// More dimensions than any definition has: the names are a file's, the memory is ours.
const DIMENSIONS_MAX: usize = 1000;

pub struct Tally<'a> {
    pub message: Option<Message>,
    pub observations: u64,
    /// Named by `Delete`: counted apart, never as data.
    pub deleted: u64,
    pub series: u64,
    pub data_sets: u64,
    pub dimensions: Vec<String>,
    pub are_presumed: bool,
    sum: Sum,
    numbers: u64,
    pub faults: Grouped,
    periods: Periods,
    doubts: Doubts<'a>,
    /// The data set in hand: its dimensions are known from the file or a definition, not from its keys.
    are_declared: bool,
    named: HashSet<String>,
}

impl<'a> Tally<'a> {
    /// Repeated keys are looked for as far as memory has room: a file that is only looked at is not written to
    /// the disk, and an answer comes soon. Publishing looks through all of it.
    pub fn new(definitions: Option<&'a Catalogue>) -> Self {
        let limits = Limits::default();
        Self {
            message: None,
            observations: 0,
            deleted: 0,
            series: 0,
            data_sets: 0,
            dimensions: Vec::new(),
            are_presumed: false,
            sum: Sum::default(),
            numbers: 0,
            faults: Grouped::default(),
            periods: Periods::default(),
            doubts: Doubts::new(definitions, &limits),
            are_declared: false,
            named: HashSet::new(),
        }
    }

    /// After the last observation. `Err`: the disk failed.
    pub fn end(&mut self) -> std::io::Result<()> {
        let doubts = std::mem::replace(&mut self.doubts, Doubts::new(None, &Limits::default()));
        doubts.end(&mut |fault| self.faults.push(fault))
    }

    /// Exactly. `None`: there was no number.
    pub fn total(&self) -> Option<String> {
        (self.numbers > 0).then(|| self.sum.clone().total())
    }

    pub fn period(&self) -> (Option<&str>, Option<&str>) {
        (self.periods.first(), self.periods.last())
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

    fn note_value(&mut self, written: &str) {
        if cell::is_number(written.as_bytes()) {
            self.sum.add_written(written);
            self.numbers += 1;
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
        self.doubts.data_set(data_set, &mut |fault| self.faults.push(fault));
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
        self.doubts.observation(observation, &mut |fault| self.faults.push(fault));
        if let Some(time) = observation.time.or_else(|| observation.key.get(TIME_PERIOD)) {
            self.periods.add(time); // of one that is none the doubts tell
        }
        if let Some(value) = observation.value {
            self.note_value(value);
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }
}
