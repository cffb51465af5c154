//! Structure messages: the path of an element says what it is, whatever else the message holds.

use std::io::Read;

use super::{
    super::{
        constraints::{Constraint, Key, Region},
        model::DEPTH_MAX,
        reading::Reading,
        stop::Stop,
        structure::{self, Catalogue, Component, Role},
    },
    footer,
    header::{reference, versioned},
    pull::{Token, Xml},
};
use crate::intake::Fault;

/// After the root's [`Token::Open`], to its end.
pub fn read<R: Read>(xml: &mut Xml<R>, reading: &mut Reading<'_>) -> Result<(), Stop> {
    let mut walk = Walk { path: vec![xml.name.clone()], ..Walk::default() };
    let mut has_structures = false;
    while !walk.path.is_empty() {
        match xml.next()? {
            Token::Open if xml.name == "Footer" && walk.path.len() == 1 => {
                footer::read(xml, reading, has_structures)?;
            }
            Token::Open => {
                has_structures |= xml.name == "Structures" && walk.path.len() == 1;
                walk.open(xml, reading.found).map_err(|s| s.at(xml.row))?;
            }
            Token::Close => walk.close(reading.found).map_err(|s| s.at(xml.row))?,
            Token::Text => walk.text(&xml.text, reading.found).map_err(|s| s.at(xml.row))?,
            Token::End => break,
        }
    }
    Ok(())
}

/// Where in the message the reader is, and what it is gathering there.
#[derive(Default)]
struct Walk {
    path: Vec<String>,
    /// `AGENCY:ID(VERSION)` of the codelist around.
    codelist: String,
    component: Option<Component>,
    /// A dataflow's name, and its definition's.
    dataflow: Option<(String, String)>,
    /// `AGENCY:ID` of the concept scheme around.
    scheme: String,
    /// A concept's name, and its codelist's.
    concept: Option<(String, String)>,
    constraint: Option<Constraint>,
}

impl Walk {
    fn parent(&self) -> &str {
        self.path.last().map(String::as_str).unwrap_or_default()
    }

    fn open<R: Read>(&mut self, xml: &Xml<R>, found: &mut Catalogue) -> Result<(), Stop> {
        let id = xml.attribute("id").unwrap_or_default();
        let parent = self.parent();
        match (parent, xml.name.as_str()) {
            (lists, _) if lists.ends_with("Codelists") && xml.name.ends_with("Codelist") => {
                self.codelist = versioned(xml);
                if xml.attribute("isPartial") == Some("true") {
                    found.open_codelist(&self.codelist)?;
                }
            }
            (list, "CodelistExtension") if list.ends_with("Codelist") => {
                found.open_codelist(&self.codelist)?;
            }
            (list, "Code" | "GeoFeatureSetCode" | "GeoGridCode" | "GridCode")
                if list.ends_with("Codelist") =>
            {
                found.add_code(&self.codelist, id)?;
            }
            ("DataStructures", "DataStructure") => {
                found.begin_dsd(reference(xml), xml.attribute("version").unwrap_or_default().to_owned())?;
            }
            ("Dataflows", "Dataflow") => self.dataflow = Some((versioned(xml), String::new())),
            ("ConceptSchemes" | "Concepts", "ConceptScheme") => self.scheme = reference(xml),
            ("ConceptScheme", "Concept") => {
                self.concept = Some((format!("{}.{id}", self.scheme), String::new()));
            }
            (list, "ContentConstraint" | "DataConstraint") if list.ends_with("Constraints") => {
                let kind = xml.attribute("role").or(xml.attribute("type")).unwrap_or_default();
                let (name, is_allowed) = (versioned(xml), kind == "Allowed");
                self.constraint = Some(Constraint { name, is_allowed, ..Constraint::default() });
            }
            _ if self.constraint.is_some() => self.constrain(xml, found)?,
            _ => match role(parent, &xml.name) {
                Some(role) => {
                    let mut component = component(id, role, &xml.name);
                    for usage in ["usage", "assignmentStatus"] {
                        component.set_usage(xml.attribute(usage).unwrap_or_default());
                    }
                    self.component = Some(component);
                }
                None if xml.name == "TextFormat" && parent == "LocalRepresentation" => {
                    let data_type = xml.attribute("textType").unwrap_or_default();
                    self.component.iter_mut().for_each(|component| component.set_type(data_type));
                }
                None => self.refer(xml),
            },
        }
        self.path.push(xml.name.clone());
        if self.path.len() > DEPTH_MAX {
            return Err(Fault::error("xml.depth", "too many elements inside each other").into());
        }
        Ok(())
    }

    /// A region of a constraint, the values of a component in it, and what it is attached to.
    fn constrain<R: Read>(&mut self, xml: &Xml<R>, found: &mut Catalogue) -> Result<(), Stop> {
        let parent = self.path.last().map(String::as_str).unwrap_or_default();
        let Some(constraint) = &mut self.constraint else { return Ok(()) };
        let is_included = xml.attribute("include") != Some("false");
        match (parent, xml.name.as_str()) {
            ("ContentConstraint" | "DataConstraint", "CubeRegion") => {
                found.take_value("")?;
                constraint.regions.push(Region { is_included, keys: Vec::new() });
            }
            ("CubeRegion", "KeyValue" | "Attribute" | "Component") => {
                let id = xml.attribute("id").unwrap_or_default().to_owned();
                found.take_value(&id)?;
                let key = Key { id, is_included, ..Key::default() };
                if let Some(region) = constraint.regions.last_mut() {
                    region.keys.push(key);
                }
            }
            ("KeyValue" | "Attribute" | "Component", "TimeRange") => {
                let key = constraint.regions.last_mut().and_then(|region| region.keys.last_mut());
                key.into_iter().for_each(|key| key.is_open = true);
            }
            ("Dataflow" | "DataStructure", "Ref") => {
                let reference = versioned(xml);
                found.take_value(&reference)?;
                constraint.attached.push(reference);
            }
            _ => {}
        }
        Ok(())
    }

    /// `<Ref …/>`, as 2.1 refers.
    fn refer<R: Read>(&mut self, xml: &Xml<R>) {
        if xml.name != "Ref" {
            return;
        }
        let part = |local: &str| xml.attribute(local).unwrap_or_default();
        match self.parent() {
            "ConceptIdentity" => {
                let scheme = format!("{}:{}", part("agencyID"), part("maintainableParentID"));
                self.set_concept(&format!("{scheme}.{}", part("id")), part("id"));
            }
            // A measure dimension is enumerated by concepts, not by codes.
            "Enumeration" if part("class") != "ConceptScheme" => self.set_codelist(&versioned(xml)),
            "Structure" => self.set_definition(&versioned(xml)),
            _ => {}
        }
    }

    /// URNs as text: in 3.x in place of `<Ref>`, in 2.1 inside of `<URN>`.
    fn text(&mut self, text: &str, found: &mut Catalogue) -> Result<(), Stop> {
        let urn = text.trim();
        if let Some(constraint) = self.constraint.as_mut().filter(|_| !urn.is_empty()) {
            let attached = structure::of_urn(urn);
            match self.path.last().map(String::as_str) {
                Some("Value") if found.keeps_codes() => {
                    found.take_value(urn)?;
                    constraint.add_value(urn);
                }
                Some("Dataflow" | "DataStructure" | "URN") if !attached.is_empty() => {
                    found.take_value(&attached)?;
                    constraint.attached.push(attached);
                }
                _ => {}
            }
            return Ok(());
        }
        if !urn.starts_with("urn:") {
            return Ok(());
        }
        let mut above = self.path.iter().rev().map(String::as_str).filter(|name| *name != "URN");
        match above.next() {
            Some("ConceptIdentity") => {
                self.set_concept(&structure::concept_of_urn(urn), structure::item_of_urn(urn))
            }
            Some("Enumeration") if !urn.contains(".ConceptScheme=") => {
                self.set_codelist(&structure::of_urn(urn));
            }
            Some("Structure") => self.set_definition(&structure::of_urn(urn)),
            _ => {}
        }
        Ok(())
    }

    fn set_concept(&mut self, concept: &str, id: &str) {
        if let Some(component) = &mut self.component {
            component.concept = concept.to_owned();
            // In 2.1 a component without an id is called as its concept.
            if component.id.is_empty() {
                component.id = id.to_owned();
            }
        }
    }

    fn set_codelist(&mut self, codelist: &str) {
        match (&mut self.component, &mut self.concept) {
            (Some(component), _) => component.codelist = codelist.to_owned(),
            (None, Some((_, of_concept))) => *of_concept = codelist.to_owned(),
            (None, None) => {}
        }
    }

    fn set_definition(&mut self, definition: &str) {
        if let Some((_, dsd)) = &mut self.dataflow {
            *dsd = definition.to_owned();
        }
    }

    fn close(&mut self, found: &mut Catalogue) -> Result<(), Stop> {
        let name = self.path.pop().unwrap_or_default();
        match name.as_str() {
            _ if role(self.parent(), &name).is_some() => {
                if let Some(component) = self.component.take() {
                    found.add_component(component)?;
                }
            }
            "ContentConstraint" | "DataConstraint" => {
                if let Some(constraint) = self.constraint.take() {
                    found.add_constraint(constraint)?;
                }
            }
            "Dataflow" => {
                if let Some((flow, dsd)) = self.dataflow.take() {
                    found.add_dataflow(flow, dsd)?;
                }
            }
            "Concept" if self.parent() == "ConceptScheme" => {
                if let Some((concept, codelist)) = self.concept.take().filter(|(_, list)| !list.is_empty()) {
                    found.add_concept(concept, codelist)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn role(parent: &str, name: &str) -> Option<Role> {
    match (parent, name) {
        ("DimensionList", "Dimension" | "TimeDimension" | "MeasureDimension") => Some(Role::Dimension),
        ("MeasureList", "PrimaryMeasure" | "Measure") => Some(Role::Measure),
        ("AttributeList", "Attribute" | "ReportingYearStartDay") => Some(Role::Attribute),
        _ => None,
    }
}

fn component(id: &str, role: Role, name: &str) -> Component {
    // The time dimension and the primary measure have one name, even where it is left out.
    let id = match (id, name) {
        ("", "TimeDimension") => "TIME_PERIOD",
        ("", "PrimaryMeasure") => "OBS_VALUE",
        (id, _) => id,
    };
    Component::new(id, role)
}
