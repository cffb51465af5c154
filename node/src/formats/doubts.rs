//! What is doubtful or wrong of observations, wherever they are poured: an inspection and a publication say
//! the same of one file.

use std::{collections::HashSet, io};

use super::{
    constraints::Constraint,
    model::{Action, DataSet, OBS_VALUE, Observation, Pairs, TIME_PERIOD},
    structure::{Catalogue, Component, Dsd, Role},
    value::{self, Value},
};
use crate::intake::{Fault, Limits, cell, keys::Keys, period};

/// Names told once each; a file with more strange ones says nothing new.
const TOLD_MAX: usize = 1000;

type Tell<'t> = &'t mut dyn FnMut(Fault);

pub struct Doubts<'a> {
    definitions: Option<&'a Catalogue>,
    /// Of the data set in hand.
    dsd: Option<&'a Dsd>,
    constraints: Vec<&'a Constraint>,
    data_set: Vec<u8>,
    /// Not where a header leaves open which columns are dimensions.
    has_key: bool,
    keys: Keys,
    told: HashSet<String>,
}

impl<'a> Doubts<'a> {
    pub fn new(definitions: Option<&'a Catalogue>, limits: &Limits) -> Self {
        let (dsd, constraints, data_set, told) = Default::default();
        Self { definitions, dsd, constraints, data_set, has_key: true, keys: Keys::new(limits), told }
    }

    pub fn data_set(&mut self, data_set: &DataSet<'_>, tell: Tell<'_>) {
        self.data_set.clear();
        self.data_set.extend_from_slice(data_set.kind.as_bytes());
        self.data_set.extend_from_slice(data_set.structure.as_bytes());
        let is_open = |ids: &[String]| data_set.is_presumed && ids == [TIME_PERIOD];
        self.has_key = !is_open(data_set.dimensions);
        let Some(definitions) = self.definitions else { return };
        self.dsd = definitions.dsd_of(data_set.kind, data_set.structure);
        let shown = cell::shown(data_set.structure.as_bytes());
        let Some(dsd) = self.dsd else {
            let message = format!("the structure given does not define {shown}: nothing was checked");
            return tell(Fault::error("structure.missing", message));
        };
        self.constraints = definitions.constraints_of(data_set.structure, dsd);
        if !data_set.structure.is_empty()
            && definitions.dsd_named(data_set.kind, data_set.structure).is_none()
        {
            let checked = dsd.reference();
            let message = format!("the structure given does not define {shown}: checked against {checked}");
            self.once(&message, tell, || Fault::warning("structure.other", message.clone()));
        }
    }

    /// Of one that is data.
    pub fn observation(&mut self, observation: &Observation<'_>, tell: Tell<'_>) {
        let Observation { row, key, measures, attributes, .. } = *observation;
        let texts = key.iter().chain(measures.iter()).chain(attributes.iter()).map(|(_, text)| text);
        for text in texts.chain(observation.value).filter(|text| cell::is_formula(text.as_bytes())) {
            let message = format!("{} would run in a spreadsheet", cell::shown(text.as_bytes()));
            tell(Fault::warning("cell.formula", message).at(row));
        }
        let time = observation.time.or_else(|| key.get(TIME_PERIOD)).filter(|time| !time.is_empty());
        if let Some(time) = time.filter(|time| period::start(time).is_none()) {
            let message = format!("{} is no SDMX time period", cell::shown(time.as_bytes()));
            tell(Fault::error("period.illegal", message).at(row));
        }
        if let (Some(definitions), Some(dsd)) = (self.definitions, self.dsd) {
            self.check(definitions, dsd, observation, tell);
        }
        self.check_measures(observation, tell);
        if self.has_key {
            let parts = key.iter().flat_map(|(id, value)| [id.as_bytes(), value.as_bytes()]);
            let parts = std::iter::once(self.data_set.as_slice()).chain(parts);
            self.keys.add(row, parts, &mut |found| tell(found.fault()));
        }
    }

    /// Keys that are the same far from each other. `Err`: the disk failed.
    pub fn end(self, tell: Tell<'_>) -> io::Result<()> {
        self.keys.end(&mut |found| tell(found.fault()))
    }

    fn check_measures(&mut self, observation: &Observation<'_>, tell: Tell<'_>) {
        let primary = self.dsd.map_or(OBS_VALUE, Dsd::primary_measure);
        let given = observation.value.map(|value| (primary, value));
        for (id, written) in observation.measures.iter().chain(given) {
            let read = value::read(written);
            let Some(mut fault) = read.doubt(written) else { continue };
            if read == Value::Text && self.dsd.and_then(|dsd| dsd.component(id)).is_some_and(|m| m.is_numeric)
            {
                let shown = cell::shown(written.as_bytes());
                fault = Fault::error(fault.code, format!("{shown} is not a number, and {id} is one"));
            }
            tell(fault.at(observation.row));
        }
        if observation.value.is_none() && !observation.measures.is_empty() {
            let named = |all: &Pairs| all.iter().map(|(id, _)| id.to_owned()).collect::<Vec<_>>().join(", ");
            self.once("measure.several", tell, || {
                let names = named(observation.measures);
                let message = format!("the measures are {names}, and none is {OBS_VALUE}: no sum is told");
                Fault::warning("measure.several", message)
            });
        }
    }

    /// What is not as the definition says.
    fn check(&mut self, definitions: &Catalogue, dsd: &Dsd, observation: &Observation<'_>, tell: Tell<'_>) {
        let Observation { row, key, attributes, .. } = *observation;
        for dimension in dsd.dimensions.iter().filter(|d| key.get(d).is_none()) {
            let message = format!("the dimension {dimension} is missing");
            tell(Fault::error("dimension.missing", message).at(row));
        }
        for message in self.constraints.iter().filter_map(|c| c.excludes(key, attributes)) {
            tell(Fault::error("constraint.excluded", message).at(row));
        }
        // Whoever merges or appends may give a part.
        let is_whole = matches!(observation.action, Action::Information | Action::Replace);
        let mandatory = |c: &&Component| c.is_mandatory && c.role == Role::Attribute;
        for component in dsd.components.iter().filter(mandatory).filter(|_| is_whole) {
            if attributes.get(&component.id).is_none() {
                let message = format!("the attribute {} is mandatory, and not given", component.id);
                tell(Fault::warning("attribute.missing", message).at(row));
            }
        }
        for (id, value) in key.iter() {
            match dsd.component(id) {
                Some(component) => {
                    code(definitions, component, value).into_iter().for_each(|f| tell(f.at(row)))
                }
                None => {
                    let message = format!("{} is no dimension of {}", cell::shown(id.as_bytes()), dsd.name);
                    tell(Fault::error("component.unknown", message).at(row));
                }
            }
        }
        for (id, value) in attributes.iter() {
            match dsd.component(id) {
                Some(component) => {
                    code(definitions, component, value).into_iter().for_each(|f| tell(f.at(row)))
                }
                None => self.once(id, tell, || {
                    let message = format!("{} is not defined in {}", cell::shown(id.as_bytes()), dsd.name);
                    Fault::warning("component.unknown", message).at(row)
                }),
            }
        }
    }

    fn once(&mut self, what: &str, tell: Tell<'_>, fault: impl FnOnce() -> Fault) {
        if self.told.len() < TOLD_MAX && !self.told.contains(what) {
            self.told.insert(what.to_owned());
            tell(fault());
        }
    }
}

fn code(definitions: &Catalogue, component: &Component, value: &str) -> Option<Fault> {
    // Left out, or missing on purpose.
    let is_given = !matches!(value, "" | "#N/A" | "NaN");
    let codes = definitions.codes_of(component).filter(|_| is_given)?;
    if codes.contains(value) {
        return None;
    }
    let message = format!("{} is no code of {}", cell::shown(value.as_bytes()), component.id);
    Some(match component.role {
        Role::Dimension => Fault::error("code.unknown", message),
        _ => Fault::warning("code.unknown", message),
    })
}
