//! A mapped table as one more format: its observations in the model that all readers share.

use std::io::{self, Read};

use super::{MappedObservation, Mapping, read_within};
use crate::{
    formats::{
        model::{Action, DataSet, Kind, Message, Observation, Pairs, Sink, TIME_PERIOD},
        structure::{Catalogue, Dsd},
    },
    intake::{Fault, Faults, IntakeError, Limits},
};

/// `Err`: the file could not be read; what is wrong with it goes to the sink.
///
/// A plain table names no structure: with `definitions` that hold but one, it is of that one.
pub fn pour(
    input: impl Read,
    mapping: &Mapping,
    definitions: Option<&Catalogue>,
    sink: &mut dyn Sink,
) -> io::Result<()> {
    sink.message(Message { format: "CSV with a mapping".into(), version: String::new(), kind: Kind::Data });
    let dsd = definitions.and_then(|d| d.dsd_of("", ""));
    sink.data_set(&DataSet {
        kind: dsd.map_or("", |_| "datastructure"),
        structure: &dsd.map(Dsd::reference).unwrap_or_default(),
        dsd,
        dimensions: &mapping.dimension_ids(),
        is_presumed: false,
        has_measure: true,
        action: Action::Information,
    });
    let (mut key, mut attributes, measures) = (Pairs::default(), Pairs::default(), Pairs::default());
    let mut beyond: Option<Fault> = None;
    // Whoever is poured to looks for duplicates, where somebody does.
    let limits = Limits { keys_max: 0, ..Limits::default() };
    let mut hand_on = |mapped: &MappedObservation<'_>| {
        key.clear();
        attributes.clear();
        let time = mapped.period.map(|period| (TIME_PERIOD, period));
        let filled = mapped.dimensions.iter().copied().chain(time);
        let placed = filled.map(|(id, code)| key.push(id, code)).chain(
            mapped.attributes.iter().filter(|(_, t)| !t.is_empty()).map(|(id, t)| attributes.push(id, t)),
        );
        match placed.collect::<Result<(), Fault>>() {
            Ok(()) => sink.observation(&Observation {
                row: mapped.row,
                action: Action::Information,
                key: &key,
                time: mapped.period,
                value: mapped.value,
                measures: &measures,
                attributes: &attributes,
            }),
            Err(fault) => drop(beyond.get_or_insert_with(|| fault.at(mapped.row))),
        }
    };
    match read_within(input, mapping, &mut hand_on, &limits) {
        Ok(summary) => tell(summary.faults, sink),
        Err(IntakeError::Refused(refused)) => tell(refused.faults, sink),
        Err(IntakeError::Io(error)) => return Err(error),
    }
    beyond.into_iter().for_each(|fault| sink.fault(fault));
    Ok(())
}

fn tell(faults: Faults, sink: &mut dyn Sink) {
    faults.each(|fault| sink.fault(fault));
}
