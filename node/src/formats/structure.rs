//! What a structure message defines: data structures with their components, codelists, dataflows.
//!
//! Codes are counted always and kept only when a file is to be checked against them, so that a registry's
//! whole content can be looked at in little memory.

use std::collections::{HashMap, HashSet};

use super::model::{OBS_VALUE, Observation, TIME_PERIOD};
use crate::intake::{Fault, cell};

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
    /// The codelist's `AGENCY:ID`; empty: not coded here.
    pub codelist: String,
    /// `AGENCY:SCHEME.CONCEPT`, whose own codelist is used where the component names none.
    pub concept: String,
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
    /// Where each is, by its name.
    places: HashMap<String, usize>,
    /// A dataflow's `AGENCY:ID`, and its definition's.
    dataflows: HashMap<String, String>,
    codelists: HashMap<String, HashSet<String>>,
    /// Of these not all codes are in the message.
    open_codelists: HashSet<String>,
    /// `AGENCY:SCHEME.CONCEPT`, and its codelist.
    concepts: HashMap<String, String>,
}

impl Catalogue {
    /// To check files against.
    pub fn keeping_codes() -> Self {
        Self { keeps_codes: true, ..Self::default() }
    }

    pub fn dsds(&self) -> &[Dsd] {
        &self.dsds
    }

    /// The definition that `AGENCY:ID(VERSION)` means, be it a definition's name or a dataflow's. Where there
    /// is but one definition it is meant: files are often written for a dataflow that is not beside it.
    pub fn dsd_of(&self, structure: &str) -> Option<&Dsd> {
        let name = unversioned(structure);
        let of_flow = || self.dataflows.get(name).and_then(|dsd| self.places.get(dsd));
        let named = self.places.get(name).or_else(of_flow).and_then(|n| self.dsds.get(*n));
        named.or_else(|| {
            let mut useful = self.dsds.iter().filter(|d| !d.dimensions.is_empty());
            useful.next().filter(|_| useful.next().is_none())
        })
    }

    /// What of an observation is not as its definition says.
    pub fn check(&self, dsd: &Dsd, observation: &Observation<'_>, tell: &mut dyn FnMut(Fault)) {
        let Observation { row, key, attributes, .. } = *observation;
        for dimension in dsd.dimensions.iter().filter(|d| key.get(d).is_none()) {
            let message = format!("the dimension {dimension} is missing");
            tell(Fault::error("dimension.missing", message).at(row));
        }
        let parts = key.iter().map(|(id, value)| (id, value, true));
        for (id, value, in_key) in parts.chain(attributes.iter().map(|(id, value)| (id, value, false))) {
            if let Some(fault) = self.doubt(dsd, id, value, in_key) {
                tell(fault.at(row));
            }
        }
    }

    fn doubt(&self, dsd: &Dsd, id: &str, value: &str, in_key: bool) -> Option<Fault> {
        let Some(component) = dsd.component(id) else {
            let shown = cell::shown(id.as_bytes());
            return Some(match in_key {
                true => Fault::error("component.unknown", format!("{shown} is no dimension of {}", dsd.name)),
                false => {
                    Fault::warning("component.unknown", format!("{shown} is not defined in {}", dsd.name))
                }
            });
        };
        let codes = self.codes_of(component);
        if value.is_empty() || codes.is_none_or(|codes| codes.contains(value)) {
            return None;
        }
        let message = format!("{} is no code of {id}", cell::shown(value.as_bytes()));
        Some(match component.role {
            Role::Dimension => Fault::error("code.unknown", message),
            _ => Fault::warning("code.unknown", message),
        })
    }

    /// `None`: not coded, or the codelist is not, or not as a whole, in the message.
    pub fn codes_of(&self, component: &Component) -> Option<&HashSet<String>> {
        let by_concept = || self.concepts.get(&component.concept);
        let codelist = Some(&component.codelist).filter(|c| !c.is_empty()).or_else(by_concept)?;
        if self.open_codelists.contains(codelist) {
            return None;
        }
        self.codelists.get(codelist).filter(|codes| !codes.is_empty())
    }

    /// A partial codelist, or one that extends another: what it lists is not all there is.
    pub fn open_codelist(&mut self, codelist: &str) -> Result<(), Fault> {
        self.count(codelist.len())?;
        self.open_codelists.insert(codelist.to_owned());
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
        match self.codelists.get_mut(codelist) {
            Some(codes) => {
                codes.insert(id.to_owned());
            }
            None => {
                self.codelists.insert(codelist.to_owned(), HashSet::from([id.to_owned()]));
            }
        }
        Ok(())
    }

    pub fn begin_dsd(&mut self, name: String, version: String) -> Result<(), Fault> {
        self.count(2 * name.len() + version.len())?;
        self.places.insert(name.clone(), self.dsds.len());
        self.dsds.push(Dsd { name, version, ..Dsd::default() });
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
        self.dataflows.insert(flow, dsd);
        Ok(())
    }

    pub fn add_concept(&mut self, concept: String, codelist: String) -> Result<(), Fault> {
        self.count(concept.len() + codelist.len())?;
        self.concepts.insert(concept, codelist);
        Ok(())
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

/// `AGENCY:ID(1.0)` without its version: `*` and `+` make versions hard to compare, ids are enough.
pub fn unversioned(structure: &str) -> &str {
    structure.split_once('(').map_or(structure, |(name, _)| name).trim()
}

/// `urn:sdmx:…Codelist=AGENCY:ID(1.0).ITEM`: `AGENCY:ID`, and `.ITEM` behind it where there is one.
pub fn of_urn(urn: &str) -> String {
    let Some((_, reference)) = urn.split_once('=') else { return String::new() };
    let item = reference.split_once(')').map_or("", |(_, item)| item);
    format!("{}{}", unversioned(reference), item.trim())
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
mod tests {
    use super::*;

    fn component(id: &str, role: Role) -> Component {
        Component { id: id.into(), role, codelist: "A:CL".into(), concept: String::new() }
    }

    #[test]
    fn a_definition_is_found_by_its_name_its_flow_or_alone() {
        let mut catalogue = Catalogue::keeping_codes();
        catalogue.begin_dsd("A:ONE".into(), "2.1".into()).unwrap();
        catalogue.add_component(component("FREQ", Role::Dimension)).unwrap();
        assert_eq!(catalogue.dsd_of("X:ANY(1.0)").unwrap().reference(), "A:ONE(2.1)");
        catalogue.begin_dsd("A:TWO".into(), String::new()).unwrap();
        catalogue.add_component(component("SEX", Role::Dimension)).unwrap();
        catalogue.add_dataflow("A:FLOW".into(), "A:TWO".into()).unwrap();
        assert_eq!(catalogue.dsd_of("A:ONE(2.0)").unwrap().name, "A:ONE");
        assert_eq!(catalogue.dsd_of("A:FLOW(1.0+)").unwrap().reference(), "A:TWO(1.0)");
        assert!(catalogue.dsd_of("X:ANY(1.0)").is_none());
    }

    #[test]
    fn codes_are_counted_always_and_kept_when_asked() {
        let (mut kept, mut counted) = (Catalogue::keeping_codes(), Catalogue::default());
        for catalogue in [&mut kept, &mut counted] {
            catalogue.add_code("A:CL", "F").unwrap();
        }
        let sex = component("SEX", Role::Dimension);
        assert!(kept.codes_of(&sex).unwrap().contains("F"));
        assert!(counted.codes_of(&sex).is_none());
        assert_eq!((kept.codes, counted.codes), (1, 1));
    }

    #[test]
    fn urns_are_cut_where_the_standard_cuts_them() {
        assert_eq!(of_urn("urn:sdmx:org.sdmx.infomodel.codelist.Codelist=ECB:CL_FREQ(1.0+)"), "ECB:CL_FREQ");
        let concept = "urn:sdmx:org.sdmx.infomodel.conceptscheme.Concept=ECB:C(1.0).FREQ";
        assert_eq!((of_urn(concept).as_str(), item_of_urn(concept)), ("ECB:C.FREQ", "FREQ"));
        assert_eq!((of_urn("x"), item_of_urn("x")), (String::new(), ""));
    }

    #[test]
    fn a_key_is_presumed_from_the_order_of_columns() {
        let cases: [(&[&str], &[&str]); 7] = [
            (&["FREQ", "TIME_PERIOD", "OBS_STATUS", "OBS_VALUE"], &["FREQ", "TIME_PERIOD"]),
            (&["FREQ", "SEX", "OBS_VALUE", "TIME_PERIOD"], &["FREQ", "SEX", "TIME_PERIOD"]),
            (&["TIME_PERIOD", "SEX", "OBS_VALUE"], &["TIME_PERIOD", "SEX"]),
            (&["DIM_1", "DIM_2", "OBS_VALUE", "ATTR"], &["DIM_1", "DIM_2"]),
            (&["LAST UPDATE", "geo", "TIME_PERIOD", "OBS_VALUE"], &["geo", "TIME_PERIOD"]),
            (&["OBS_VALUE", "SEX", "TIME_PERIOD"], &["TIME_PERIOD"]),
            (&["M1", "M2", "ATTR"], &[]),
        ];
        for (ids, expected) in cases {
            let presumed = PresumedKey::of(ids.iter().copied());
            let key = ids.iter().enumerate().filter(|(n, id)| presumed.has(*n, id)).map(|(_, id)| *id);
            assert_eq!(key.collect::<Vec<_>>(), expected, "{ids:?}");
        }
    }
}
