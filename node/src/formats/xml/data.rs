//! What generic and structure-specific data have in common: data sets one after the other, then the footer.

use std::io::Read;

use super::{
    super::{
        levels::Levels,
        model::{Action, DataSet, Observation, Pairs, TIME_PERIOD},
        reading::Reading,
        stop::Stop,
        structure::Dsd,
    },
    footer, generic,
    header::{self, Header},
    pull::{Token, Xml},
    specific,
};
use crate::intake::{Fault, cell};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Generic,
    Specific,
}

/// The data set in hand, and the buffers that all its observations share.
pub struct Body<'a> {
    pub dsd: Option<&'a Dsd>,
    pub action: Action,
    /// `AllDimensions`: there are no series.
    pub at_observation: String,
    pub key: Pairs,
    /// Attributes.
    pub levels: Levels,
    pub value: Option<String>,
    /// Beside the primary one.
    pub measures: Pairs,
}

/// The time dimension, or the one that a cross-section varies; of a flat data set there is not one.
pub fn observed_dimension(at_observation: &str) -> Option<&str> {
    Some(at_observation).filter(|d| *d != "AllDimensions")
}

impl Body<'_> {
    pub fn primary_measure(&self) -> &str {
        self.dsd.map_or(super::super::model::OBS_VALUE, Dsd::primary_measure)
    }

    pub fn emit(&mut self, row: u64, reading: &mut Reading<'_>) -> Result<(), Stop> {
        let attributes = self.levels.nearest(&self.key).map_err(|fault| Stop::from(fault).at(row))?;
        reading.sink.observation(&Observation {
            row,
            action: self.action,
            time: self.key.get(TIME_PERIOD).map(str::trim),
            key: &self.key,
            value: self.value.as_deref().map(str::trim),
            measures: &self.measures,
            attributes,
        });
        Ok(())
    }
}

/// After the root's [`Token::Open`], to its end.
pub fn read<R: Read>(xml: &mut Xml<R>, reading: &mut Reading<'_>, layout: Layout) -> Result<(), Stop> {
    let mut header = Header::default();
    let mut data_sets = 0_u64;
    loop {
        match xml.next()? {
            Token::Open => match xml.name.as_str() {
                "Header" => header = Header::read(xml)?,
                "DataSet" => {
                    data_sets += 1;
                    data_set(xml, reading, &header, layout)?;
                }
                "Footer" => footer::read(xml, reading, data_sets > 0)?,
                other => {
                    let shown = cell::shown(other.as_bytes());
                    let message =
                        format!("{shown} is not read: a message has a header, data sets and a footer");
                    reading.sink.fault(Fault::error("xml.element", message).at(xml.row));
                    xml.skip()?;
                }
            },
            Token::Close | Token::End => return Ok(()),
            Token::Text => {}
        }
    }
}

fn data_set<R: Read>(
    xml: &mut Xml<R>,
    reading: &mut Reading<'_>,
    header: &Header,
    layout: Layout,
) -> Result<(), Stop> {
    let structure = header.structure(xml.attribute("structureRef"));
    let action = match xml.attribute("action") {
        None => header.action.unwrap_or(Action::Information),
        Some(word) => header::action(word).map_err(|stop| stop.at(xml.row))?,
    };
    let dsd = reading.dsd_of(structure.kind, &structure.artefact);
    let at_observation = match structure.at_observation.as_str() {
        "" => TIME_PERIOD.to_owned(),
        named => named.to_owned(),
    };
    let is_presumed = layout == Layout::Specific && dsd.is_none();
    let (kind, structure) = (structure.kind, structure.artefact.as_str());
    reading.sink.data_set(&DataSet {
        kind,
        structure,
        dsd,
        dimensions: &[],
        is_presumed,
        has_measure: true,
        action,
    });
    let mut levels = Levels::default();
    if layout == Layout::Specific {
        specific::of_data_set(xml, &mut levels)?;
    }
    let mut body = Body {
        dsd,
        action,
        at_observation,
        key: Pairs::default(),
        levels,
        value: None,
        measures: Pairs::default(),
    };
    match layout {
        Layout::Generic => generic::read(xml, reading, &mut body),
        Layout::Specific => specific::read(xml, reading, &mut body),
    }
}
