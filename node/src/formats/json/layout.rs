//! What a data message says of its components: at which level each is given, and which structure they are of.

use serde::de::{MapAccess, SeqAccess};

use super::{
    super::structure,
    component::{Component, Components, spend},
    guard::Shared,
    walk::{Array, Fields, Items, Object, Skip, Text},
};

#[derive(Debug, Default)]
pub struct Layout {
    /// `AGENCY:ID`, where a link names it.
    pub structure: String,
    pub data_set: Vec<Component>,
    pub series: Vec<Component>,
    pub observation: Vec<Component>,
    pub measures: Vec<Component>,
    /// Of observations.
    pub attributes: Vec<Component>,
    pub series_attributes: Vec<Component>,
    pub data_set_attributes: Vec<Component>,
}

pub struct LayoutReader<'s> {
    shared: &'s Shared,
    pub layout: Layout,
}

impl<'s> LayoutReader<'s> {
    pub fn new(shared: &'s Shared) -> Self {
        Self { shared, layout: Layout::default() }
    }
}

impl<'de> Fields<'de> for LayoutReader<'_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let shared = self.shared;
        let levels = || Levels { shared, data_set: Vec::new(), series: Vec::new(), observation: Vec::new() };
        match key {
            "dimensions" => {
                let mut levels = levels();
                map.next_value_seed(Object(shared, &mut levels))?;
                self.layout.data_set = levels.data_set;
                self.layout.series = levels.series;
                self.layout.observation = levels.observation;
            }
            "measures" => {
                let mut levels = levels();
                map.next_value_seed(Object(shared, &mut levels))?;
                self.layout.measures = levels.observation;
            }
            "attributes" => {
                let mut levels = levels();
                map.next_value_seed(Object(shared, &mut levels))?;
                self.layout.data_set_attributes = levels.data_set;
                self.layout.series_attributes = levels.series;
                self.layout.attributes = levels.observation;
            }
            "links" => map.next_value_seed(Array(&mut Links(shared, &mut self.layout.structure)))?,
            _ => map.next_value_seed(Skip(shared))?,
        }
        Ok(())
    }
}

/// Components by the level at which they are given.
struct Levels<'s> {
    shared: &'s Shared,
    data_set: Vec<Component>,
    series: Vec<Component>,
    observation: Vec<Component>,
}

impl<'de> Fields<'de> for Levels<'_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let mut components = Components::new(self.shared);
        let level = match key {
            "dataSet" => &mut self.data_set,
            "series" => &mut self.series,
            "observation" => &mut self.observation,
            _ => return map.next_value_seed(Skip(self.shared)),
        };
        map.next_value_seed(Array(&mut components))?;
        *level = components.all;
        Ok(())
    }
}

/// A link to the dataflow or the definition names the structure.
struct Links<'s, 'n>(&'s Shared, &'n mut String);

impl<'de> Items<'de> for Links<'_, '_> {
    fn item<A: SeqAccess<'de>>(&mut self, items: &mut A) -> Result<bool, A::Error> {
        let mut link = Link { shared: self.0, urn: String::new(), rel: String::new() };
        if items.next_element_seed(Object(self.0, &mut link))?.is_none() {
            return Ok(false);
        }
        if self.1.is_empty() && matches!(link.rel.as_str(), "dataflow" | "datastructure") {
            *self.1 = structure::of_urn(&link.urn);
            spend(self.0, self.1.len())?;
        }
        Ok(true)
    }
}

struct Link<'s> {
    shared: &'s Shared,
    urn: String,
    rel: String,
}

impl<'de> Fields<'de> for Link<'_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "urn" => self.urn = map.next_value::<Text>()?.0.unwrap_or_default(),
            "rel" => self.rel = map.next_value::<Text>()?.0.unwrap_or_default(),
            _ => map.next_value_seed(Skip(self.shared))?,
        }
        Ok(())
    }
}
