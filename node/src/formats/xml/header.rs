//! The header of a message: which structures its data sets use, and which dimension is at the observation.

use std::io::Read;

use super::{
    super::{model::Action, stop::Stop, structure},
    pull::{Token, Xml},
};
use crate::intake::{Fault, cell};

/// Structures one header may name.
const STRUCTURES_MAX: usize = 10_000;
/// All names of one of them.
const STRUCTURE_BYTES_MAX: usize = 4096;

#[derive(Debug, Default)]
pub struct Header {
    structures: Vec<Structure>,
    /// For all data sets that say nothing themselves.
    pub action: Option<Action>,
}

#[derive(Clone, Debug, Default)]
pub struct Structure {
    id: String,
    /// As SDMX-CSV calls it; empty: not said.
    pub kind: &'static str,
    /// `AGENCY:ID` or `AGENCY:ID(VERSION)`
    pub artefact: String,
    /// `TIME_PERIOD`, `AllDimensions`, or the dimension of a cross-section; empty: not said.
    pub at_observation: String,
}

impl Header {
    /// The one that a data set refers to; the only one where it refers to none.
    pub fn structure(&self, reference: Option<&str>) -> Structure {
        let named = self.structures.iter().find(|s| Some(s.id.as_str()) == reference);
        let only = || if self.structures.len() == 1 { self.structures.first() } else { None };
        named.or_else(only).cloned().unwrap_or_default()
    }

    /// After the header's [`Token::Open`], to its end.
    pub fn read<R: Read>(xml: &mut Xml<R>) -> Result<Self, Stop> {
        let mut header = Self::default();
        loop {
            match xml.next()? {
                Token::Open if xml.name == "Structure" => {
                    let structure = Structure::read(xml)?;
                    if header.structures.len() < STRUCTURES_MAX {
                        header.structures.push(structure);
                    }
                }
                Token::Open if xml.name == "DataSetAction" => {
                    let row = xml.row;
                    header.action = Some(action(&xml.inner_text()?).map_err(|stop| stop.at(row))?);
                }
                Token::Open => xml.skip()?,
                Token::Close | Token::End => return Ok(header),
                Token::Text => {}
            }
        }
    }
}

impl Structure {
    fn read<R: Read>(xml: &mut Xml<R>) -> Result<Self, Stop> {
        let attribute = |local: &str| xml.attribute(local).unwrap_or_default().to_owned();
        let (id, at_observation) = (attribute("structureID"), attribute("dimensionAtObservation"));
        let (mut artefact, mut kind, mut depth) = (String::new(), "", 1);
        while depth > 0 {
            match xml.next()? {
                Token::Open if xml.name == "Ref" && artefact.is_empty() => {
                    artefact = versioned(xml);
                    depth += 1;
                }
                Token::Open => {
                    kind = if kind.is_empty() { kind_of(xml.name.as_str()) } else { kind };
                    depth += 1;
                }
                Token::Close => depth -= 1,
                // In 3.0 the reference is text, in 2.1 it may be inside of <URN>.
                Token::Text if artefact.is_empty() && xml.text.trim().starts_with("urn:") => {
                    artefact = structure::of_urn(xml.text.trim());
                    kind = structure::kind_of_urn(xml.text.trim());
                }
                Token::Text => {}
                Token::End => break,
            }
        }
        if id.len() + artefact.len() + at_observation.len() > STRUCTURE_BYTES_MAX {
            return Err(Stop::from(Fault::error("xml.header", "a structure has an absurd name")).at(xml.row));
        }
        Ok(Self { id, kind, artefact, at_observation })
    }
}

/// What a word asks for; nobody can say what an unknown one wants, so it is not taken for data.
pub fn action(word: &str) -> Result<Action, Stop> {
    Action::parse(word).ok_or_else(|| {
        let shown = cell::shown(word.as_bytes());
        let message = format!("the action {shown} is none of Append, Replace, Merge, Information, Delete");
        Fault::error("sdmx.action", message).into()
    })
}

/// As SDMX-CSV calls what a header refers to; 2.1 spells the agreement in two ways.
fn kind_of(element: &str) -> &'static str {
    match element {
        "Structure" => "datastructure",
        "StructureUsage" => "dataflow",
        "ProvisionAgreement" | "ProvisionAgrement" => "dataprovision",
        _ => "",
    }
}

/// `AGENCY:ID(VERSION)` of an element, where it has a version.
pub fn versioned<R: Read>(xml: &Xml<R>) -> String {
    let version = xml.attribute("version").filter(|v| !v.is_empty());
    version.map_or_else(|| reference(xml), |v| format!("{}({v})", reference(xml)))
}

/// `AGENCY:ID` of it.
pub fn reference<R: Read>(xml: &Xml<R>) -> String {
    let part = |local: &str| xml.attribute(local).unwrap_or_default();
    format!("{}:{}", part("agencyID"), part("id"))
}
