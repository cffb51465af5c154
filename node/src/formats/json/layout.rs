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
    /// `AGENCY:ID(VERSION)`, where a link names it, and what kind of structure it is.
    pub structure: String,
    pub kind: &'static str,
    pub data_set: Vec<Component>,
    pub series: Vec<Component>,
    pub observation: Vec<Component>,
    pub measures: Vec<Component>,
    /// Since 2.0 a message lists its measures, and may have none; before, there was one without a list.
    pub lists_measures: bool,
    /// Of observations.
    pub attributes: Vec<Component>,
    pub series_attributes: Vec<Component>,
    pub data_set_attributes: Vec<Component>,
    pub group_attributes: Vec<Component>,
}

impl Layout {
    /// So many parts of an observation come before its attributes.
    pub fn measure_count(&self) -> usize {
        if self.lists_measures { self.measures.len() } else { 1 }
    }

    /// All of them, in the order of the key. Equal places, and none, stay in the order of the message.
    pub fn dimensions(&self) -> Vec<&Component> {
        let mut all: Vec<&Component> =
            self.data_set.iter().chain(&self.series).chain(&self.observation).collect();
        all.sort_by_key(|c| c.position.unwrap_or(u64::MAX));
        all
    }
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
        match key {
            "dimensions" => {
                let mut levels = Levels::new(shared);
                map.next_value_seed(Object(shared, &mut levels))?;
                self.layout.data_set = levels.data_set;
                self.layout.series = levels.series;
                self.layout.observation = levels.observation;
            }
            "measures" => {
                let mut levels = Levels::new(shared);
                map.next_value_seed(Object(shared, &mut levels))?;
                self.layout.measures = levels.observation;
                self.layout.lists_measures = levels.has_observation;
            }
            "attributes" => {
                let mut levels = Levels::new(shared);
                map.next_value_seed(Object(shared, &mut levels))?;
                self.layout.data_set_attributes = levels.data_set;
                self.layout.series_attributes = levels.series;
                self.layout.attributes = levels.observation;
                self.layout.group_attributes = levels.groups;
            }
            "links" => map.next_value_seed(Array(&mut Links(shared, &mut self.layout)))?,
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
    has_observation: bool,
    groups: Vec<Component>,
}

impl<'s> Levels<'s> {
    fn new(shared: &'s Shared) -> Self {
        let (data_set, series, observation, has_observation, groups) = Default::default();
        Self { shared, data_set, series, observation, has_observation, groups }
    }
}

impl<'de> Fields<'de> for Levels<'_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let mut components = Components::new(self.shared);
        let level = match key {
            "dataSet" => &mut self.data_set,
            "series" => &mut self.series,
            "observation" => {
                self.has_observation = true;
                &mut self.observation
            }
            "dimensionGroup" => &mut self.groups,
            _ => return map.next_value_seed(Skip(self.shared)),
        };
        map.next_value_seed(Array(&mut components))?;
        *level = components.all;
        Ok(())
    }
}

/// A link to the dataflow or the definition names the structure.
struct Links<'s, 'l>(&'s Shared, &'l mut Layout);

impl<'de> Items<'de> for Links<'_, '_> {
    fn item<A: SeqAccess<'de>>(&mut self, items: &mut A) -> Result<bool, A::Error> {
        let mut link = Link { shared: self.0, urn: String::new(), rel: String::new() };
        if items.next_element_seed(Object(self.0, &mut link))?.is_none() {
            return Ok(false);
        }
        let kind = match link.rel.as_str() {
            "dataflow" => "dataflow",
            "datastructure" => "datastructure",
            "provisionagreement" => "dataprovision",
            _ => return Ok(true),
        };
        if self.1.structure.is_empty() {
            self.1.structure = structure::of_urn(&link.urn);
            // The URN knows it better than the word beside it.
            let of_urn = structure::kind_of_urn(&link.urn);
            self.1.kind = if of_urn.is_empty() { kind } else { of_urn };
            spend(self.0, self.1.structure.len())?;
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
