//! `StructureSpecificData`: the attributes of `Series` and `Obs` are the components.
//!
//! Which of them are dimensions only the definition can tell. Without it those of a series are taken for
//! its key, and those of a flat observation up to the time dimension: the order the standard writes.

use std::io::Read;

use super::{
    super::{
        levels::Levels,
        model::{Action, Pairs, RECORD_BYTES_MAX, TIME_PERIOD},
        reading::Reading,
        stop::Stop,
        structure::{PresumedKey, Role},
    },
    data::{Body, observed_dimension},
    header,
    pull::{Token, Xml},
};
use crate::intake::Fault;

/// Of a data set's element, where its writer left out the prefix of SDMX.
const OF_SDMX: [&str; 10] = [
    "structureRef",
    "action",
    "setID",
    "dataScope",
    "validFromDate",
    "validToDate",
    "publicationYear",
    "publicationPeriod",
    "reportingBeginDate",
    "reportingEndDate",
];

/// After the data set's [`Token::Open`], to its end.
pub fn read<R: Read>(xml: &mut Xml<R>, reading: &mut Reading<'_>, body: &mut Body<'_>) -> Result<(), Stop> {
    let action = body.action;
    loop {
        match xml.next()? {
            Token::Open => match xml.name.as_str() {
                "Series" => series(xml, reading, body)?,
                "Obs" => {
                    body.key.clear();
                    body.levels.begin_series();
                    observation(xml, reading, body, false)?;
                }
                "Group" => group(xml, reading, body)?,
                _ => xml.skip()?,
            },
            Token::Close | Token::End => return Ok(()),
            Token::Text => {}
        }
        body.action = action;
    }
}

/// Attributes of several series. Without a definition their own keys tell which components are dimensions.
fn group<R: Read>(xml: &mut Xml<R>, reading: &mut Reading<'_>, body: &mut Body<'_>) -> Result<(), Stop> {
    let row = xml.row;
    let (mut key, mut rest) = (Pairs::default(), Pairs::default());
    for (id, value) in components(&xml.attributes) {
        let is_dimension = body.dsd.is_some_and(|dsd| dsd.role(id) == Some(Role::Dimension));
        let part = if is_dimension { &mut key } else { &mut rest };
        part.push(id, value).map_err(|fault| Stop::from(fault).at(row))?;
    }
    loop {
        match xml.next()? {
            Token::Open if xml.name == "Comp" => each_value(xml, &mut |id, value| rest.push(id, &value))?,
            Token::Open => xml.skip()?,
            Token::Close | Token::End => break,
            Token::Text => {}
        }
    }
    let told = match body.dsd {
        Some(_) => body.levels.groups.add(&key, rest),
        None => body.levels.groups.add_unsorted(rest),
    };
    told.into_iter().for_each(|fault| reading.sink.fault(fault.at(row)));
    Ok(())
}

fn series<R: Read>(xml: &mut Xml<R>, reading: &mut Reading<'_>, body: &mut Body<'_>) -> Result<(), Stop> {
    body.key.clear();
    body.levels.begin_series();
    let of_series = body.action;
    body.action = own_action(xml)?.unwrap_or(of_series);
    body.sort(xml, |body, _, id| match body.dsd {
        Some(dsd) => dsd.role(id).unwrap_or(Role::Attribute),
        None => Role::Dimension,
    })?;
    reading.sink.series(&body.key, body.action);
    body.levels.end_series();
    let (key, action) = (body.key.len(), body.action);
    loop {
        match xml.next()? {
            Token::Open if xml.name == "Obs" => {
                body.key.truncate(key);
                body.levels.begin_observation();
                observation(xml, reading, body, true)?;
                body.action = action;
            }
            Token::Open if xml.name == "Comp" => {
                body.levels.begin_observation();
                body.complex(xml)?;
                body.levels.end_series();
            }
            Token::Open => xml.skip()?,
            Token::Close | Token::End => return Ok(()),
            Token::Text => {}
        }
    }
}

/// The key and the levels of the body hold what the series gives.
fn observation<R: Read>(
    xml: &mut Xml<R>,
    reading: &mut Reading<'_>,
    body: &mut Body<'_>,
    in_series: bool,
) -> Result<(), Stop> {
    let row = xml.row;
    body.action = own_action(xml)?.unwrap_or(body.action);
    body.value = None;
    body.measures.clear();
    if let Some(dsd) = body.dsd {
        body.sort(xml, |_, _, id| dsd.role(id).unwrap_or(Role::Attribute))?;
    } else if in_series {
        body.sort(xml, |body, _, id| body.presumed_role(id))?;
    } else {
        let key = PresumedKey::of(components(&xml.attributes).map(|(id, _)| id));
        body.sort(xml, |body, n, id| match key.has(n, id) {
            true => Role::Dimension,
            false => body.presumed_role(id),
        })?;
    }
    // A cross-section with explicit measures: the type of the element is the measure dimension's value.
    if let Some(dimension) = observed_dimension(&body.at_observation).map(str::to_owned)
        && dimension != TIME_PERIOD
        && body.key.get(&dimension).is_none()
        && let Some(typed) = xml.attribute("type")
    {
        let value = typed.rsplit_once(':').map_or(typed, |(_, local)| local);
        body.key.push(&dimension, value)?;
    }
    loop {
        match xml.next()? {
            Token::Open if xml.name == "Comp" => body.complex(xml)?,
            Token::Open => xml.skip()?,
            Token::Close | Token::End => break,
            Token::Text => {}
        }
    }
    body.emit(row, reading)
}

impl Body<'_> {
    /// Puts each component where it belongs, by its place and its id.
    fn sort<R: Read>(&mut self, xml: &Xml<R>, role: impl Fn(&Self, usize, &str) -> Role) -> Result<(), Stop> {
        let stop = |fault| Stop::from(fault).at(xml.row);
        for (n, (id, value)) in components(&xml.attributes).enumerate() {
            match role(self, n, id) {
                Role::Dimension => self.key.push(id, value.trim()).map_err(stop)?,
                Role::Attribute => self.levels.push(id, value).map_err(stop)?,
                Role::Measure if id == self.primary_measure() => self.value = Some(value.to_owned()),
                Role::Measure => self.measures.push(id, value).map_err(stop)?,
            }
        }
        Ok(())
    }

    /// A component of several values, each a pair.
    fn complex<R: Read>(&mut self, xml: &mut Xml<R>) -> Result<(), Stop> {
        each_value(xml, &mut |id, value| match self.dsd.and_then(|dsd| dsd.role(id)) {
            _ if id == self.primary_measure() => match self.value.take() {
                None => {
                    self.value = Some(value);
                    Ok(())
                }
                // Of several values none is the number.
                Some(before) if before.len() + value.len() < RECORD_BYTES_MAX => {
                    self.value = Some(format!("{before};{value}"));
                    Ok(())
                }
                Some(_) => Err(Fault::error("record.bytes", "a measure is too long")),
            },
            Some(Role::Measure) => self.measures.push(id, &value),
            _ => self.levels.push(id, &value),
        })
    }

    fn presumed_role(&self, id: &str) -> Role {
        match id {
            _ if id == self.primary_measure() => Role::Measure,
            TIME_PERIOD => Role::Dimension,
            _ if observed_dimension(&self.at_observation) == Some(id) => Role::Dimension,
            _ => Role::Attribute,
        }
    }
}

/// `<Comp id="…"><Value>…</Value>…</Comp>`, since 3.0.
fn each_value<R: Read>(
    xml: &mut Xml<R>,
    take: &mut dyn FnMut(&str, String) -> Result<(), Fault>,
) -> Result<(), Stop> {
    let id = xml.attribute("id").unwrap_or_default().to_owned();
    loop {
        match xml.next()? {
            Token::Open if xml.name == "Value" => {
                let (row, value) = (xml.row, xml.inner_text()?);
                take(&id, value).map_err(|fault| Stop::from(fault).at(row))?;
            }
            Token::Open => xml.skip()?,
            Token::Close | Token::End => return Ok(()),
            Token::Text => {}
        }
    }
}

/// Since 3.0 a series and an observation may have an action of their own.
fn own_action<R: Read>(xml: &Xml<R>) -> Result<Option<Action>, Stop> {
    let prefixed = xml.attributes.iter().find(|(name, _)| name.ends_with(":action"));
    prefixed.map(|(_, word)| header::action(word)).transpose().map_err(|stop| stop.at(xml.row))
}

/// What the element of a data set gives: attributes of all its observations.
pub fn of_data_set<R: Read>(xml: &Xml<R>, levels: &mut Levels) -> Result<(), Stop> {
    for (id, value) in components(&xml.attributes).filter(|(id, _)| !OF_SDMX.contains(id)) {
        levels.push(id, value).map_err(|fault| Stop::from(fault).at(xml.row))?;
    }
    levels.end_data_set();
    Ok(())
}

/// Components have no prefix; what has one belongs to XML or to SDMX itself, and so does `type`.
fn components(attributes: &Pairs) -> impl Iterator<Item = (&str, &str)> {
    attributes.iter().filter(|(name, _)| !name.contains(':') && !matches!(*name, "xmlns" | "type"))
}
