//! The first pass: what the message is and how its indexes are meant. Observations are passed over.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    super::{
        model::{Action, Kind},
        stop::Stop,
        structure::Catalogue,
    },
    errors::Errors,
    guard::Shared,
    layout::{Layout, LayoutReader},
    pass,
    structure::Artefacts,
    walk::{Array, Fields, Items, Object, Skip, Text},
};
use crate::intake::{Fault, cell};

/// Data sets, structures and errors of one message that are remembered.
pub const LISTED_MAX: usize = 100_000;

#[derive(Debug, Default)]
pub struct Outline {
    pub schema: String,
    /// `dataSets` stands beside the header: the layout before 1.0.
    pub is_bare: bool,
    pub has_structure_list: bool,
    /// As a definition in it is written.
    pub is_v2: bool,
    pub layouts: Vec<Layout>,
    /// Of each data set: what is to be done with it, and its place among the layouts.
    pub data_sets: Vec<(Action, usize)>,
    pub errors: Vec<String>,
    /// Attributes stand behind what they are of.
    pub has_late_attributes: bool,
    has_data: bool,
    has_metadata: bool,
    has_artefacts: bool,
}

impl Outline {
    pub fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self { has_data: true, .. } => Kind::Data,
            Self { has_metadata: true, .. } => Kind::Metadata,
            Self { has_artefacts: true, .. } => Kind::Structure,
            _ if !self.errors.is_empty() => Kind::Error,
            _ => return self.kind_of_nothing(),
        })
    }

    /// A message may be empty: then its schema says what it is empty of, or the structure of data not there.
    fn kind_of_nothing(&self) -> Option<Kind> {
        let name = self.schema.rsplit('/').next().unwrap_or_default();
        Some(match name.trim_end_matches(".json") {
            "sdmx-json-structure-schema" => Kind::Structure,
            "sdmx-json-metadata-schema" => Kind::Metadata,
            "sdmx-json-data-schema" => Kind::Data,
            _ if self.layouts.iter().any(|layout| !layout.dimensions().is_empty()) => Kind::Data,
            _ => return None,
        })
    }
}

pub fn read(
    input: &mut (impl std::io::Read + std::io::Seek),
    found: &mut Catalogue,
) -> Result<Outline, Stop> {
    let shared = Shared::default();
    let mut top = Top { shared: &shared, found, outline: Outline::default(), is_inside: false };
    let read = pass(input, &shared, Object(&shared, &mut top));
    let mut outline = top.outline;
    outline.is_v2 = shared.is_v2.get();
    read?;
    if shared.unremembered() > 0 {
        return Err(Fault::error("json.keys", "an object has millions of keys").into());
    }
    Ok(outline)
}

/// The message, and its `data`: before 1.0 they were one.
struct Top<'s, 'c> {
    shared: &'s Shared,
    found: &'c mut Catalogue,
    outline: Outline,
    is_inside: bool,
}

impl<'de> Fields<'de> for Top<'_, '_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let shared = self.shared;
        match key {
            "$schema" => self.outline.schema = map.next_value::<Text>()?.0.unwrap_or_default(),
            "meta" | "header" => map.next_value_seed(Object(shared, &mut Meta(shared, &mut self.outline)))?,
            "data" if !self.is_inside => {
                self.is_inside = true;
                map.next_value_seed(Object(shared, &mut *self))?;
                self.is_inside = false;
            }
            "dataSets" => {
                self.outline.has_data = true;
                self.outline.is_bare |= !self.is_inside;
                map.next_value_seed(Array(&mut DataSets(shared, &mut self.outline)))?;
            }
            "structure" => {
                let mut layout = LayoutReader::new(shared);
                map.next_value_seed(Object(shared, &mut layout))?;
                self.outline.layouts.push(layout.layout);
            }
            "structures" => map.next_value_seed(Structures(self))?,
            "metadataSets" | "metadatasets" => {
                self.outline.has_metadata = true;
                map.next_value_seed(Skip(shared))?;
            }
            "errors" => map.next_value_seed(Errors(shared, &mut self.outline.errors))?,
            _ if self.is_inside => {
                self.outline.has_artefacts = true;
                Artefacts { shared, found: self.found }.read(key, map)?;
            }
            _ => map.next_value_seed(Skip(shared))?,
        }
        Ok(())
    }
}

struct Meta<'s, 'o>(&'s Shared, &'o mut Outline);

impl<'de> Fields<'de> for Meta<'_, '_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "schema" => self.1.schema = map.next_value::<Text>()?.0.unwrap_or_default(),
            _ => map.next_value_seed(Skip(self.0))?,
        }
        Ok(())
    }
}

/// In a data message of 2.x the list of layouts; in drafts of structure messages an object of artefacts.
struct Structures<'t, 's, 'c>(&'t mut Top<'s, 'c>);

impl<'de> DeserializeSeed<'de> for Structures<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Structures<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("structures")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        self.0.outline.has_structure_list = true;
        Array(&mut Layouts(self.0.shared, &mut self.0.outline)).visit_seq(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let was_inside = std::mem::replace(&mut self.0.is_inside, true);
        Object(self.0.shared, &mut *self.0).visit_map(map)?;
        self.0.is_inside = was_inside;
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

struct Layouts<'s, 'o>(&'s Shared, &'o mut Outline);

impl<'de> Items<'de> for Layouts<'_, '_> {
    fn item<A: SeqAccess<'de>>(&mut self, items: &mut A) -> Result<bool, A::Error> {
        let mut reader = LayoutReader::new(self.0);
        if items.next_element_seed(Object(self.0, &mut reader))?.is_none() {
            return Ok(false);
        }
        listed(self.1.layouts.len(), "structures", self.0)?;
        self.1.layouts.push(reader.layout);
        Ok(true)
    }
}

fn listed<E: serde::de::Error>(len: usize, what: &str, shared: &Shared) -> Result<(), E> {
    match len < LISTED_MAX {
        true => Ok(()),
        false => Err(shared.stop(Fault::error("json.limit", format!("more than {LISTED_MAX} {what}")))),
    }
}

struct DataSets<'s, 'o>(&'s Shared, &'o mut Outline);

impl<'de> Items<'de> for DataSets<'_, '_> {
    fn item<A: SeqAccess<'de>>(&mut self, items: &mut A) -> Result<bool, A::Error> {
        let action = Action::Information;
        let mut head = DataSetHead { shared: self.0, action, layout: 0, has_begun: false, is_late: false };
        if items.next_element_seed(Object(self.0, &mut head))?.is_none() {
            return Ok(false);
        }
        listed(self.1.data_sets.len(), "data sets", self.0)?;
        self.1.has_late_attributes |= head.is_late;
        self.1.data_sets.push((head.action, head.layout));
        Ok(true)
    }
}

/// Its action may stand behind its observations, and must be known before them.
struct DataSetHead<'s> {
    shared: &'s Shared,
    action: Action,
    layout: usize,
    /// Its observations stood before.
    has_begun: bool,
    is_late: bool,
}

impl<'de> Fields<'de> for DataSetHead<'_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "action" => {
                let word = map.next_value::<Text>()?.0.unwrap_or_else(|| "Information".to_owned());
                self.action = Action::parse(&word).ok_or_else(|| {
                    let shown = cell::shown(word.as_bytes());
                    let known = "Append, Replace, Merge, Information, Delete";
                    let message = format!("the action {shown} is none of {known}");
                    self.shared.stop(Fault::error("sdmx.action", message))
                })?;
            }
            "structure" => {
                self.layout = map.next_value::<Text>()?.0.and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
            }
            // The second pass looks into these.
            "observations" => {
                self.has_begun = true;
                map.next_value::<IgnoredAny>()?;
            }
            "series" => {
                self.has_begun = true;
                map.next_value_seed(SeriesHeads { is_late: &mut self.is_late, is_one: false })?;
            }
            "attributes" | "dimensionGroupAttributes" => {
                self.is_late |= self.has_begun;
                map.next_value_seed(Skip(self.shared))?;
            }
            _ => map.next_value_seed(Skip(self.shared))?,
        }
        Ok(())
    }
}

/// All series of a data set, or one: whether its attributes stand behind its observations. That each key is
/// there once the second pass sees.
struct SeriesHeads<'o> {
    is_late: &'o mut bool,
    is_one: bool,
}

impl<'de> DeserializeSeed<'de> for SeriesHeads<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for SeriesHeads<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("series")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut has_begun = false;
        while let Some(key) = map.next_key::<String>()? {
            if !self.is_one {
                map.next_value_seed(SeriesHeads { is_late: self.is_late, is_one: true })?;
                continue;
            }
            *self.is_late |= has_begun && key == "attributes";
            has_begun |= key == "observations";
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
