//! What a structure message defines: data structures with their components, codelists, dataflows.
//!
//! Codes are counted always and kept only when a file is to be checked against them, so that a registry's
//! whole content can be looked at in little memory.

use std::collections::{HashMap, HashSet};

use super::{
    constraints::Constraint,
    model::{OBS_VALUE, TIME_PERIOD},
    versions::{Versions, parted},
};
use crate::intake::Fault;

/// Codes kept of one structure message; the largest codelists in use have some 100,000.
const CODES_KEPT_MAX: usize = 1_000_000;
/// Definitions, components and dataflows kept of one message.
const ARTEFACTS_MAX: usize = 200_000;
/// Ids and names of all that is kept.
const NAMES_BYTES_MAX: usize = 64 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Dimension,
    Measure,
    Attribute,
}

#[derive(Clone, Debug)]
pub struct Component {
    pub id: String,
    pub role: Role,
    /// The codelist's `AGENCY:ID(VERSION)`; empty: not coded here.
    pub codelist: String,
    /// `AGENCY:SCHEME.CONCEPT`, whose own codelist is used where the component names none.
    pub concept: String,
    pub is_mandatory: bool,
    /// Its values are numbers.
    pub is_numeric: bool,
}

impl Component {
    pub fn new(id: &str, role: Role) -> Self {
        let (codelist, concept) = Default::default();
        Self { id: id.to_owned(), role, codelist, concept, is_mandatory: false, is_numeric: false }
    }

    /// `usage` since 3.0, `assignmentStatus` before.
    pub fn set_usage(&mut self, word: &str) {
        self.is_mandatory |= word.eq_ignore_ascii_case("mandatory");
    }

    pub fn set_type(&mut self, data_type: &str) {
        let numbers = ["BigInteger", "Integer", "Long", "Short", "Decimal", "Float", "Double", "Count"];
        self.is_numeric |= numbers.contains(&data_type);
    }
}

#[derive(Debug, Default)]
struct Codelist {
    codes: HashSet<String>,
    /// Not all of its codes are in the message.
    is_open: bool,
}

/// A data structure definition.
#[derive(Clone, Debug, Default)]
pub struct Dsd {
    /// `AGENCY:ID`
    pub name: String,
    /// Empty: 1.0, as the standard has it.
    pub version: String,
    pub components: Vec<Component>,
    /// In the order of the key.
    pub dimensions: Vec<String>,
    roles: HashMap<String, usize>,
}

impl Dsd {
    /// `AGENCY:ID(VERSION)`
    pub fn reference(&self) -> String {
        let version = if self.version.is_empty() { "1.0" } else { &self.version };
        format!("{}({version})", self.name)
    }

    pub fn component(&self, id: &str) -> Option<&Component> {
        self.roles.get(id).and_then(|n| self.components.get(*n))
    }

    pub fn role(&self, id: &str) -> Option<Role> {
        self.component(id).map(|c| c.role)
    }

    /// `OBS_VALUE`, or the only measure there is.
    pub fn primary_measure(&self) -> &str {
        let mut measures = self.components.iter().filter(|c| c.role == Role::Measure);
        let (first, second) = (measures.next(), measures.next());
        match (first, second) {
            (Some(only), None) => &only.id,
            _ => OBS_VALUE,
        }
    }

    fn add(&mut self, component: Component) {
        if component.id.is_empty() || self.roles.contains_key(&component.id) {
            return;
        }
        self.roles.insert(component.id.clone(), self.components.len());
        if component.role == Role::Dimension {
            self.dimensions.push(component.id.clone());
        }
        self.components.push(component);
    }
}

#[derive(Debug, Default)]
pub struct Catalogue {
    keeps_codes: bool,
    /// All codes of all codelists.
    pub codes: u64,
    kept: usize,
    artefacts: usize,
    names_bytes: usize,
    dsds: Vec<Dsd>,
    /// Where each is.
    places: Versions<usize>,
    /// Each with its definition's reference.
    dataflows: Versions<String>,
    codelists: Versions<Codelist>,
    /// `AGENCY:SCHEME.CONCEPT`, and its codelist.
    concepts: HashMap<String, String>,
    /// Of what may be, each with what it is attached to.
    constraints: Vec<Constraint>,
}

impl Catalogue {
    /// To check files against.
    pub fn keeping_codes() -> Self {
        Self { keeps_codes: true, ..Self::default() }
    }

    pub fn dsds(&self) -> &[Dsd] {
        &self.dsds
    }

    /// The definition that `AGENCY:ID(VERSION)` names, be it a definition's name or a dataflow's. Both may be
    /// called the same: `kind` says which is meant, as SDMX-CSV does.
    pub fn dsd_named(&self, kind: &str, structure: &str) -> Option<&Dsd> {
        let of_flow = || self.dataflows.meant(structure).and_then(|dsd| self.places.nearest(dsd));
        let of_dsd = || self.places.meant(structure);
        let place = if kind == "dataflow" { of_flow().or_else(of_dsd) } else { of_dsd().or_else(of_flow) };
        place.and_then(|n| self.dsds.get(*n))
    }

    /// The same, or the only one that can be meant: files are often written for a dataflow that is not beside
    /// it, or for another version.
    pub fn dsd_of(&self, kind: &str, structure: &str) -> Option<&Dsd> {
        let flow = || self.dataflows.nearest(structure).and_then(|dsd| self.places.nearest(dsd));
        let other = || self.places.nearest(structure).or_else(flow).and_then(|n| self.dsds.get(*n));
        self.dsd_named(kind, structure).or_else(other).or_else(|| {
            let mut useful = self.dsds.iter().filter(|d| !d.dimensions.is_empty());
            useful.next().filter(|_| useful.next().is_none())
        })
    }

    fn codelist_of<'c>(&'c self, component: &'c Component) -> Option<&'c str> {
        let by_concept = || self.concepts.get(&component.concept);
        Some(&component.codelist).filter(|c| !c.is_empty()).or_else(by_concept).map(String::as_str)
    }

    /// Its values are codes, wherever these are.
    pub fn is_coded(&self, component: &Component) -> bool {
        self.codelist_of(component).is_some()
    }

    /// `None`: not coded, or the codelist is not, or not as a whole, in the message.
    pub fn codes_of(&self, component: &Component) -> Option<&HashSet<String>> {
        let codelist = self.codelists.nearest(self.codelist_of(component)?)?;
        Some(&codelist.codes).filter(|codes| !codelist.is_open && !codes.is_empty())
    }

    /// A partial codelist, or one that extends another: what it lists is not all there is.
    pub fn open_codelist(&mut self, codelist: &str) -> Result<(), Fault> {
        self.count(codelist.len())?;
        self.codelists.get_or_insert(codelist).is_open = true;
        Ok(())
    }

    pub fn add_code(&mut self, codelist: &str, id: &str) -> Result<(), Fault> {
        self.codes += 1;
        if !self.keeps_codes {
            return Ok(());
        }
        self.kept += 1;
        if self.kept > CODES_KEPT_MAX {
            return Err(too_many("codes", CODES_KEPT_MAX));
        }
        self.charge(id.len())?;
        self.codelists.get_or_insert(codelist).codes.insert(id.to_owned());
        Ok(())
    }

    pub fn begin_dsd(&mut self, name: String, version: String) -> Result<(), Fault> {
        self.count(2 * (name.len() + version.len()))?;
        let dsd = Dsd { name, version, ..Dsd::default() };
        self.places.insert(&dsd.reference(), self.dsds.len());
        self.dsds.push(dsd);
        Ok(())
    }

    pub fn add_component(&mut self, component: Component) -> Result<(), Fault> {
        // The id stands in three places.
        self.count(3 * component.id.len() + component.codelist.len() + component.concept.len())?;
        if let Some(dsd) = self.dsds.last_mut() {
            dsd.add(component);
        }
        Ok(())
    }

    pub fn add_dataflow(&mut self, flow: String, dsd: String) -> Result<(), Fault> {
        self.count(flow.len() + dsd.len())?;
        self.dataflows.insert(&flow, dsd);
        Ok(())
    }

    pub fn add_concept(&mut self, concept: String, codelist: String) -> Result<(), Fault> {
        self.count(concept.len() + codelist.len())?;
        self.concepts.insert(concept, codelist);
        Ok(())
    }

    /// One more value of a constraint: it takes room as a code does.
    pub fn take_value(&mut self, value: &str) -> Result<(), Fault> {
        self.kept += usize::from(self.keeps_codes);
        if self.kept > CODES_KEPT_MAX {
            return Err(too_many("codes", CODES_KEPT_MAX));
        }
        self.charge(if self.keeps_codes { value.len() } else { 0 })
    }

    pub fn keeps_codes(&self) -> bool {
        self.keeps_codes
    }

    pub fn add_constraint(&mut self, constraint: Constraint) -> Result<(), Fault> {
        self.count(constraint.name.len())?;
        if self.keeps_codes && constraint.is_allowed {
            self.constraints.push(constraint);
        }
        Ok(())
    }

    /// Those of a data set that names a structure and is checked against a definition.
    pub fn constraints_of(&self, structure: &str, dsd: &Dsd) -> Vec<&Constraint> {
        let named = parted(structure).0;
        let is_meant = |reference: &String| {
            let name = parted(reference).0;
            name == named
                || self
                    .places
                    .nearest(reference)
                    .and_then(|n| self.dsds.get(*n))
                    .is_some_and(|d| std::ptr::eq(d, dsd))
        };
        self.constraints.iter().filter(|c| c.attached.iter().any(is_meant)).collect()
    }

    /// Of all definitions, each once.
    pub fn dimensions(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let all = self.dsds.iter().flat_map(|d| &d.dimensions);
        all.filter(|d| seen.insert(d.as_str())).cloned().collect()
    }

    fn count(&mut self, names_bytes: usize) -> Result<(), Fault> {
        self.artefacts += 1;
        if self.artefacts > ARTEFACTS_MAX {
            return Err(too_many("definitions", ARTEFACTS_MAX));
        }
        self.charge(names_bytes)
    }

    fn charge(&mut self, bytes: usize) -> Result<(), Fault> {
        self.names_bytes += bytes;
        match self.names_bytes <= NAMES_BYTES_MAX {
            true => Ok(()),
            false => Err(too_many("bytes of names", NAMES_BYTES_MAX)),
        }
    }
}

fn too_many(what: &str, max: usize) -> Fault {
    Fault::error("structure.limit", format!("more than {max} {what}; reading stopped here"))
}

/// `urn:sdmx:…Codelist=AGENCY:ID(1.0)`: `AGENCY:ID(1.0)`.
pub fn of_urn(urn: &str) -> String {
    let Some((_, reference)) = urn.split_once('=') else { return String::new() };
    let end = reference.find(')').map_or(reference.len(), |n| n + 1);
    reference.get(..end).unwrap_or_default().trim().to_owned()
}

/// `urn:sdmx:…Concept=AGENCY:SCHEME(1.0).CONCEPT`: `AGENCY:SCHEME.CONCEPT`.
pub fn concept_of_urn(urn: &str) -> String {
    let Some((_, reference)) = urn.split_once('=') else { return String::new() };
    let item = reference.split_once(')').map_or("", |(_, item)| item);
    format!("{}{}", parted(reference).0, item.trim())
}

/// What SDMX-CSV calls an artefact of this URN: `datastructure`, `dataflow` or `dataprovision`.
pub fn kind_of_urn(urn: &str) -> &'static str {
    let class = urn.split_once('=').and_then(|(class, _)| class.rsplit('.').next());
    match class {
        Some("DataStructure") => "datastructure",
        Some("Dataflow") => "dataflow",
        Some("ProvisionAgreement") => "dataprovision",
        _ => "",
    }
}

/// What stands behind the last `.` of a component's URN.
pub fn item_of_urn(urn: &str) -> &str {
    urn.rsplit_once(").").map_or("", |(_, item)| item.trim())
}

/// Where no definition is given: what stands before the time dimension, or else before the measure, is the
/// key, and so is the time dimension wherever it stands: so the standard orders what it writes.
#[derive(Clone, Copy, Debug)]
pub struct PresumedKey {
    end: usize,
}

impl PresumedKey {
    /// Of ids in the order of the file.
    pub fn of<'i>(ids: impl Iterator<Item = &'i str>) -> Self {
        let (mut time, mut value) = (None, None);
        for (n, id) in ids.enumerate() {
            match id {
                TIME_PERIOD => time = time.or(Some(n)),
                OBS_VALUE => value = value.or(Some(n)),
                _ => {}
            }
        }
        let end = match (time, value) {
            (Some(time), Some(value)) if 0 < time && time < value => time,
            (_, Some(value)) => value,
            (Some(time), None) => time,
            (None, None) => 0,
        };
        Self { end }
    }

    /// Whether the n-th id is of the key.
    pub fn has(self, n: usize, id: &str) -> bool {
        // A column such as `LAST UPDATE` is no component: an id has no spaces.
        let is_id = || id.chars().all(|c| c.is_ascii_alphanumeric() || "_@$-.".contains(c));
        id == TIME_PERIOD || n < self.end && is_id()
    }
}

#[cfg(test)]
mod tests;
