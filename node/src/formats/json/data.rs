//! The second pass: observations, each as its indexes say.

use std::io::{Read, Seek};

use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use super::{
    super::{
        groups::Groups,
        model::{Action, DataSet, Message, Observation, Pairs, Sink, TIME_PERIOD},
        reading::Reading,
        stop::Stop,
    },
    component::Component,
    guard::Shared,
    layout::Layout,
    observations::{Observations, attributes},
    outline::Outline,
    pass,
    walk::{Array, Fields, Items, KEYS_MAX, Object, Skip},
};
use crate::intake::{Fault, cell};

pub fn read(
    input: &mut (impl Read + Seek),
    outline: &Outline,
    reading: &mut Reading<'_>,
) -> Result<(), Stop> {
    let shared = Shared::default();
    run(input, &shared, outline, reading)?;
    // More keys than can be remembered: equal ones are looked for in shares, one share a pass.
    let all = shared.unremembered() + KEYS_MAX as u64;
    let shares = if shared.unremembered() > 0 { 1 + all / (KEYS_MAX as u64 / 10 * 8) } else { 0 };
    for share in 0..shares {
        let shared = shared.of_share(shares, share);
        let mut found = Default::default();
        let mut deaf = Reading { definitions: None, found: &mut found, sink: &mut Deaf };
        run(input, &shared, outline, &mut deaf)?;
        if shared.unremembered() > 0 {
            return Err(Fault::error("json.keys", "too many keys to tell whether they differ").into());
        }
    }
    Ok(())
}

fn run(
    input: &mut (impl Read + Seek),
    shared: &Shared,
    outline: &Outline,
    reading: &mut Reading<'_>,
) -> Result<(), Stop> {
    let mut top = Top {
        shared,
        outline,
        reading,
        next: 0,
        key: Pairs::default(),
        attributes: Pairs::default(),
        groups: Groups::default(),
    };
    pass(input, shared, Object(shared, &mut top))
}

/// Hears nothing: the observations were told before.
struct Deaf;

impl Sink for Deaf {
    fn message(&mut self, _: Message) {}
    fn data_set(&mut self, _: &DataSet<'_>) {}
    fn series(&mut self, _: &Pairs, _: Action) {}
    fn observation(&mut self, _: &Observation<'_>) {}
    fn fault(&mut self, _: Fault) {}
}

pub struct Top<'p, 'r> {
    pub shared: &'p Shared,
    outline: &'p Outline,
    pub reading: &'p mut Reading<'r>,
    /// The next data set's place.
    next: usize,
    pub key: Pairs,
    pub attributes: Pairs,
    /// Of the data set in hand.
    pub groups: Groups,
}

impl<'de> Fields<'de> for Top<'_, '_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "data" => map.next_value_seed(Object(self.shared, self)),
            "dataSets" => map.next_value_seed(Array(self)),
            _ => map.next_value::<IgnoredAny>().map(|_| ()),
        }
    }
}

impl<'de> Items<'de> for Top<'_, '_> {
    fn item<A: SeqAccess<'de>>(&mut self, items: &mut A) -> Result<bool, A::Error> {
        let (action, place) = self.outline.data_sets.get(self.next).copied().unwrap_or((Action::Delete, 0));
        let layouts = &self.outline.layouts;
        let nothing = Layout::default();
        let layout = layouts.get(place).unwrap_or(&nothing);
        let is_told = self.next < self.outline.data_sets.len();
        self.next += 1;
        self.attributes.clear();
        self.groups = Groups::default();
        let is_lost = is_told && place >= layouts.len();
        if is_told {
            self.begin(action, layout);
        }
        let shared = self.shared;
        let mut set = Set { top: self, layout, action, is_lost };
        Ok(items.next_element_seed(Object(shared, &mut set))?.is_some())
    }
}

impl Top<'_, '_> {
    fn begin(&mut self, action: Action, layout: &Layout) {
        let dimensions: Vec<String> = layout.dimensions().into_iter().map(|c| c.id.clone()).collect();
        let dsd = self.reading.dsd_of(&layout.structure);
        let data_set = DataSet {
            kind: "",
            has_measure: layout.measure_count() > 0,
            structure: &layout.structure,
            dsd,
            dimensions: &dimensions,
            is_presumed: false,
            action,
        };
        self.reading.sink.data_set(&data_set);
    }
}

pub struct Set<'t, 'p, 'r> {
    pub top: &'t mut Top<'p, 'r>,
    pub layout: &'t Layout,
    pub action: Action,
    /// It refers to a structure that is not in the message.
    is_lost: bool,
}

impl<'de> Fields<'de> for Set<'_, '_, '_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let shared = self.top.shared;
        if key == "attributes" {
            // As the standard writes them: before what they are of.
            self.top.attributes.clear();
            return attributes(self.top, &self.layout.data_set_attributes, map);
        }
        if key == "dimensionGroupAttributes" {
            let dimensions = self.layout.dimensions();
            return map.next_value_seed(Object(shared, &mut AllGroups { set: self, dimensions }));
        }
        if !matches!(key, "series" | "observations") {
            return map.next_value::<IgnoredAny>().map(|_| ());
        }
        if self.is_lost {
            let message = "a data set refers to a structure that is not in the message";
            return Err(shared.stop(Fault::error("json.structure", message)));
        }
        self.top.key.clear();
        let layout = self.layout;
        for component in &layout.data_set {
            let value = component.values.get(0).unwrap_or_default();
            self.push(component, value)?;
        }
        let (len, attributes) = (self.top.key.len(), self.top.attributes.len());
        match key {
            "series" => map.next_value_seed(Object(shared, &mut AllSeries { set: self, len, attributes })),
            _ => {
                let mut flat = Observations { set: self, len, attributes, is_flat: true };
                map.next_value_seed(Object(shared, &mut flat))
            }
        }
    }
}

impl Set<'_, '_, '_> {
    fn push<E: serde::de::Error>(&mut self, component: &Component, value: &str) -> Result<(), E> {
        let id = if component.is_time { TIME_PERIOD } else { &component.id };
        self.top.key.push(id, value).map_err(|fault| self.top.shared.stop(fault))
    }

    /// `0:2:1`, an index for each component of the level. `false`: one of them means nothing, which was told.
    pub fn push_key<'l, E: serde::de::Error>(
        &mut self,
        level: impl Iterator<Item = &'l Component>,
        key: &str,
    ) -> Result<bool, E> {
        let (mut parts, mut is_empty) = (key.split(':'), true);
        for component in level {
            is_empty = false;
            let part = parts.next();
            let value = part.and_then(|p| p.parse().ok()).and_then(|n| component.values.get(n));
            match value {
                Some(value) => self.push(component, value)?,
                // What is deleted may be named by a part of its key.
                None if self.action == Action::Delete => {}
                None => return Ok(self.lose(key)),
            }
        }
        match parts.next() {
            Some(_) if !is_empty => Ok(self.lose(key)),
            _ => Ok(true),
        }
    }

    fn lose(&mut self, key: &str) -> bool {
        let shown = cell::shown(key.as_bytes());
        let message = format!("the key {shown} has an index that means nothing in the structure");
        let fault = Fault::error("json.index", message).at(self.top.shared.line());
        self.top.reading.sink.fault(fault);
        false
    }
}

/// `0::2`, an index for each dimension of the group and nothing for the others, with its attributes.
struct AllGroups<'x, 'l, 't, 'p, 'r> {
    set: &'x mut Set<'t, 'p, 'r>,
    dimensions: Vec<&'l Component>,
}

impl<'de> Fields<'de> for AllGroups<'_, '_, '_, '_, '_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let top = &mut *self.set.top;
        let (shared, row) = (top.shared, top.shared.line());
        let mut of_key = Pairs::default();
        for (component, part) in self.dimensions.iter().zip(key.split(':')) {
            let id = if component.is_time { TIME_PERIOD } else { &component.id };
            if let Some(value) = part.parse().ok().and_then(|n| component.values.get(n)) {
                of_key.push(id, value).map_err(|fault| shared.stop(fault))?;
            }
        }
        let of_data_set = std::mem::take(&mut top.attributes);
        attributes(top, &self.set.layout.group_attributes, map)?;
        let of_group = std::mem::replace(&mut top.attributes, of_data_set);
        let told = top.groups.add(&of_key, of_group);
        told.into_iter().for_each(|fault| top.reading.sink.fault(fault.at(row)));
        Ok(())
    }
}

struct AllSeries<'x, 't, 'p, 'r> {
    set: &'x mut Set<'t, 'p, 'r>,
    /// What the data set gives of the key, and of the attributes.
    len: usize,
    attributes: usize,
}

impl<'de> Fields<'de> for AllSeries<'_, '_, '_, '_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let (shared, layout) = (self.set.top.shared, self.set.layout);
        let set = &mut *self.set;
        set.top.key.truncate(self.len);
        set.top.attributes.truncate(self.attributes);
        if !set.push_key(layout.series.iter(), key)? {
            return map.next_value_seed(Skip(shared));
        }
        set.top.reading.sink.series(&set.top.key, set.action);
        let len = set.top.key.len();
        map.next_value_seed(Object(
            shared,
            &mut OneSeries(Observations { set, len, attributes: self.attributes, is_flat: false }),
        ))
    }
}

struct OneSeries<'x, 't, 'p, 'r>(Observations<'x, 't, 'p, 'r>);

impl<'de> Fields<'de> for OneSeries<'_, '_, '_, '_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let shared = self.0.set.top.shared;
        match key {
            "attributes" => {
                let layout = self.0.set.layout;
                attributes(self.0.set.top, &layout.series_attributes, map)?;
                self.0.attributes = self.0.set.top.attributes.len();
                Ok(())
            }
            "observations" => map.next_value_seed(Object(shared, &mut self.0)),
            _ => map.next_value_seed(Skip(shared)),
        }
    }
}
