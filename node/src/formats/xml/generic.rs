//! `GenericData`: every value names its component, so that no definition is needed to read it.

use std::io::Read;

use super::{
    super::{
        model::{Pairs, TIME_PERIOD},
        reading::Reading,
        stop::Stop,
    },
    data::{Body, observed_dimension},
    pull::{Token, Xml},
};
use crate::intake::Fault;

/// After the data set's [`Token::Open`], to its end.
pub fn read<R: Read>(xml: &mut Xml<R>, reading: &mut Reading<'_>, body: &mut Body<'_>) -> Result<(), Stop> {
    loop {
        match xml.next()? {
            Token::Open => match xml.name.as_str() {
                "Series" => series(xml, reading, body)?,
                "Obs" => {
                    body.key.clear();
                    body.levels.begin_series();
                    observation(xml, reading, body)?;
                }
                "Attributes" => {
                    body.levels.begin_data_set();
                    values(xml, &mut |id, value| body.levels.push(id, value))?;
                    body.levels.end_data_set();
                }
                "Group" => group(xml, reading, body)?,
                _ => xml.skip()?,
            },
            Token::Close | Token::End => return Ok(()),
            Token::Text => {}
        }
    }
}

/// Attributes of several series.
fn group<R: Read>(xml: &mut Xml<R>, reading: &mut Reading<'_>, body: &mut Body<'_>) -> Result<(), Stop> {
    let row = xml.row;
    let (mut key, mut attributes) = (Pairs::default(), Pairs::default());
    loop {
        match xml.next()? {
            Token::Open => match xml.name.as_str() {
                "GroupKey" => values(xml, &mut |id, value| key.push(id, value))?,
                "Attributes" => values(xml, &mut |id, value| attributes.push(id, value))?,
                _ => xml.skip()?,
            },
            Token::Close | Token::End => break,
            Token::Text => {}
        }
    }
    let told = body.levels.groups.add(&key, attributes);
    told.into_iter().for_each(|fault| reading.sink.fault(fault.at(row)));
    Ok(())
}

fn series<R: Read>(xml: &mut Xml<R>, reading: &mut Reading<'_>, body: &mut Body<'_>) -> Result<(), Stop> {
    body.key.clear();
    body.levels.begin_series();
    let row = xml.row;
    let mut key = None;
    loop {
        match xml.next()? {
            Token::Open => match xml.name.as_str() {
                "SeriesKey" => {
                    body.key.clear();
                    values(xml, &mut |id, value| body.key.push(id, value))?;
                    key = Some(body.key.len());
                    reading.sink.series(&body.key, body.action);
                }
                "Attributes" => {
                    body.levels.begin_observation();
                    values(xml, &mut |id, value| body.levels.push(id, value))?;
                    body.levels.end_series();
                }
                "Obs" => {
                    body.key.truncate(key.unwrap_or_default());
                    body.levels.begin_observation();
                    observation(xml, reading, body)?;
                }
                _ => xml.skip()?,
            },
            Token::Close | Token::End => break,
            Token::Text => {}
        }
    }
    if key.is_none() {
        reading.sink.fault(Fault::error("xml.series", "a series without a key").at(row));
    }
    Ok(())
}

/// The key and the levels of the body hold what the series gives.
fn observation<R: Read>(
    xml: &mut Xml<R>,
    reading: &mut Reading<'_>,
    body: &mut Body<'_>,
) -> Result<(), Stop> {
    let row = xml.row;
    body.value = None;
    loop {
        match xml.next()? {
            Token::Open => match xml.name.as_str() {
                "ObsKey" => values(xml, &mut |id, value| body.key.push(id, value))?,
                "ObsDimension" => {
                    let id = xml
                        .attribute("id")
                        .or(observed_dimension(&body.at_observation))
                        .unwrap_or(TIME_PERIOD);
                    body.key.push(id, xml.attribute("value").unwrap_or_default().trim())?;
                    xml.skip()?;
                }
                "ObsValue" => {
                    body.value = xml.attribute("value").map(str::to_owned);
                    xml.skip()?;
                }
                "Attributes" => values(xml, &mut |id, value| body.levels.push(id, value))?,
                _ => xml.skip()?,
            },
            Token::Close | Token::End => break,
            Token::Text => {}
        }
    }
    body.emit(row, reading)
}

/// `<Value id="…" value="…"/>`, as many as there are.
fn values<R: Read>(
    xml: &mut Xml<R>,
    push: &mut dyn FnMut(&str, &str) -> Result<(), Fault>,
) -> Result<(), Stop> {
    loop {
        match xml.next()? {
            Token::Open => {
                if xml.name == "Value" {
                    let part = |local: &str| xml.attribute(local).unwrap_or_default();
                    if part("id").is_empty() {
                        let message = "a value that names no component";
                        return Err(Stop::from(Fault::error("xml.value", message)).at(xml.row));
                    }
                    push(part("id"), part("value")).map_err(|f| Stop::from(f).at(xml.row))?;
                }
                xml.skip()?;
            }
            Token::Close | Token::End => return Ok(()),
            Token::Text => {}
        }
    }
}
