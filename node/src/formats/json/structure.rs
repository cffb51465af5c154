//! Structure messages: codelists, definitions and dataflows; every other artefact is passed over.

use serde::de::{MapAccess, SeqAccess};

use super::{
    super::structure::{self, Catalogue, Component, Role},
    guard::Shared,
    walk::{Array, Fields, Items, Object, Skip, Text},
};
use crate::intake::Fault;

/// The codes of one codelist that are held until its id is known, and their ids.
const CODES_HELD_MAX: usize = 1_000_000;
const CODES_BYTES_MAX: usize = 32 << 20;

/// The fields of `data` in a structure message.
pub struct Artefacts<'s, 'c> {
    pub shared: &'s Shared,
    pub found: &'c mut Catalogue,
}

impl Artefacts<'_, '_> {
    pub fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let Self { shared, found } = self;
        match key {
            _ if key.to_ascii_lowercase().ends_with("codelists") && !key.starts_with("hierarchical") => {
                map.next_value_seed(Array(&mut Each { shared, found, what: What::Codelist }))
            }
            "dataStructures" => map.next_value_seed(Array(&mut Each { shared, found, what: What::Dsd })),
            "conceptSchemes" => {
                map.next_value_seed(Array(&mut Each { shared, found, what: What::ConceptScheme }))
            }
            "dataflows" => map.next_value_seed(Array(&mut Each { shared, found, what: What::Dataflow })),
            _ => map.next_value_seed(Skip(shared)),
        }
    }
}

#[derive(Clone, Copy)]
enum What {
    Codelist,
    Dsd,
    Dataflow,
    ConceptScheme,
}

struct Each<'s, 'c> {
    shared: &'s Shared,
    found: &'c mut Catalogue,
    what: What,
}

impl<'de> Items<'de> for Each<'_, '_> {
    fn item<A: SeqAccess<'de>>(&mut self, items: &mut A) -> Result<bool, A::Error> {
        let mut artefact = Artefact::new(self.shared);
        if items.next_element_seed(Object(self.shared, &mut artefact))?.is_none() {
            return Ok(false);
        }
        let name = format!("{}:{}", artefact.agency, artefact.id);
        let versioned = match artefact.version.as_str() {
            "" => name.clone(),
            version => format!("{name}({version})"),
        };
        let told = match self.what {
            What::Codelist => {
                let open = if artefact.is_open { self.found.open_codelist(&versioned) } else { Ok(()) };
                open.and_then(|()| {
                    artefact.codes.iter().try_for_each(|code| self.found.add_code(&versioned, code))
                })
            }
            What::Dataflow => self.found.add_dataflow(versioned, structure::of_urn(&artefact.structure)),
            What::ConceptScheme => {
                let mut coded = artefact.components.into_iter().filter(|c| !c.codelist.is_empty());
                coded.try_for_each(|c| self.found.add_concept(format!("{name}.{}", c.id), c.codelist))
            }
            What::Dsd => self
                .found
                .begin_dsd(name, artefact.version)
                .and_then(|()| artefact.components.into_iter().try_for_each(|c| self.found.add_component(c))),
        };
        told.map_err(|fault| self.shared.stop(fault))?;
        Ok(true)
    }
}

/// Whatever it is: its fields tell, in any order.
struct Artefact<'s> {
    shared: &'s Shared,
    agency: String,
    id: String,
    version: String,
    structure: String,
    /// A codelist of which only a part is here.
    is_open: bool,
    codes: Vec<String>,
    components: Vec<Component>,
}

impl<'s> Artefact<'s> {
    fn new(shared: &'s Shared) -> Self {
        let (agency, id, version, structure) = Default::default();
        Self {
            shared,
            agency,
            id,
            version,
            structure,
            is_open: false,
            codes: Vec::new(),
            components: Vec::new(),
        }
    }
}

impl<'de> Fields<'de> for Artefact<'_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let shared = self.shared;
        match key {
            "agencyID" => self.agency = map.next_value::<Text>()?.0.unwrap_or_default(),
            "id" => self.id = map.next_value::<Text>()?.0.unwrap_or_default(),
            "version" => self.version = map.next_value::<Text>()?.0.unwrap_or_default(),
            "structure" => self.structure = map.next_value::<Text>()?.0.unwrap_or_default(),
            "isPartial" => self.is_open |= map.next_value::<Text>()?.0.as_deref() == Some("true"),
            "codelistExtensions" => {
                self.is_open = true;
                map.next_value_seed(Skip(shared))?;
            }
            "codes" | "geoFeatureSetCodes" | "geoGridCodes" => {
                map.next_value_seed(Array(&mut Codes { shared, all: &mut self.codes, bytes: 0 }))?;
            }
            "concepts" => {
                let mut list =
                    ComponentList { shared, role: Role::Attribute, only_coded: true, all: Vec::new() };
                map.next_value_seed(Array(&mut list))?;
                self.components = list.all;
            }
            "dataStructureComponents" => {
                map.next_value_seed(Object(shared, &mut Parts(shared, &mut self.components)))?
            }
            _ => map.next_value_seed(Skip(shared))?,
        }
        Ok(())
    }
}

struct Codes<'s, 'l> {
    shared: &'s Shared,
    all: &'l mut Vec<String>,
    bytes: usize,
}

impl<'de> Items<'de> for Codes<'_, '_> {
    fn item<A: SeqAccess<'de>>(&mut self, items: &mut A) -> Result<bool, A::Error> {
        let mut code = ComponentReader::new(self.shared, Role::Attribute);
        if items.next_element_seed(Object(self.shared, &mut code))?.is_none() {
            return Ok(false);
        }
        self.bytes += code.component.id.len();
        if self.all.len() >= CODES_HELD_MAX || self.bytes > CODES_BYTES_MAX {
            let message = "one codelist has more codes than can be held; reading stopped here";
            return Err(self.shared.stop(Fault::error("structure.limit", message)));
        }
        self.all.push(code.component.id);
        Ok(true)
    }
}

/// `dimensionList`, `measureList` and `attributeList`, and the lists in them.
struct Parts<'s, 'l>(&'s Shared, &'l mut Vec<Component>);

impl<'de> Fields<'de> for Parts<'_, '_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let Self(shared, components) = self;
        shared.is_v2.set(shared.is_v2.get() || matches!(key, "timeDimension" | "measures"));
        let role = match key {
            "dimensionList" | "measureList" | "attributeList" => {
                return map.next_value_seed(Object(shared, &mut Parts(shared, components)));
            }
            "dimensions" | "measureDimensions" | "timeDimensions" => Role::Dimension,
            "measures" => Role::Measure,
            "attributes" => Role::Attribute,
            "timeDimension" | "primaryMeasure" => {
                let (role, id) = match key {
                    "timeDimension" => (Role::Dimension, "TIME_PERIOD"),
                    _ => (Role::Measure, "OBS_VALUE"),
                };
                let mut reader = ComponentReader::new(shared, role);
                id.clone_into(&mut reader.component.id);
                map.next_value_seed(Object(shared, &mut reader))?;
                components.push(reader.component);
                return Ok(());
            }
            _ => return map.next_value_seed(Skip(shared)),
        };
        let mut list = ComponentList { shared, role, only_coded: false, all: Vec::new() };
        map.next_value_seed(Array(&mut list))?;
        // The time dimension is the last of the key, wherever it stands in the object.
        let is_before = |c: &Component| c.role == Role::Dimension && c.id == "TIME_PERIOD";
        let at = components.iter().position(is_before).filter(|_| key == "dimensions");
        let at = at.unwrap_or(components.len());
        components.splice(at..at, list.all);
        Ok(())
    }
}

struct ComponentList<'s> {
    shared: &'s Shared,
    role: Role,
    only_coded: bool,
    all: Vec<Component>,
}

impl<'de> Items<'de> for ComponentList<'_> {
    fn item<A: SeqAccess<'de>>(&mut self, items: &mut A) -> Result<bool, A::Error> {
        let mut reader = ComponentReader::new(self.shared, self.role);
        if items.next_element_seed(Object(self.shared, &mut reader))?.is_none() {
            return Ok(false);
        }
        if self.only_coded && reader.component.codelist.is_empty() {
            return Ok(true);
        }
        if self.all.len() >= super::super::model::COLUMNS_MAX {
            return Err(self.shared.stop(Fault::error("structure.limit", "too many components")));
        }
        self.all.push(reader.component);
        Ok(true)
    }
}

struct ComponentReader<'s> {
    shared: &'s Shared,
    component: Component,
}

impl<'s> ComponentReader<'s> {
    fn new(shared: &'s Shared, role: Role) -> Self {
        Self { shared, component: Component::new("", role) }
    }
}

impl<'de> Fields<'de> for ComponentReader<'_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "id" => self.component.id = map.next_value::<Text>()?.0.unwrap_or_default(),
            "conceptIdentity" => {
                self.component.concept =
                    structure::concept_of_urn(&map.next_value::<Text>()?.0.unwrap_or_default());
            }
            // In it: `enumeration`, and `format` with its type.
            "localRepresentation" | "coreRepresentation" | "format" | "textFormat" => {
                map.next_value_seed(Object(self.shared, &mut *self))?
            }
            "usage" | "assignmentStatus" => {
                self.component.set_usage(&map.next_value::<Text>()?.0.unwrap_or_default());
            }
            "dataType" | "textType" => {
                self.component.set_type(&map.next_value::<Text>()?.0.unwrap_or_default());
            }
            "enumeration" => {
                self.component.codelist = structure::of_urn(&map.next_value::<Text>()?.0.unwrap_or_default());
            }
            _ => map.next_value_seed(Skip(self.shared))?,
        }
        Ok(())
    }
}
