//! The second pass: observations, each as its indexes say.

use std::{
    io::{Read, Seek},
    mem::take,
};

use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use super::{
    super::{
        levels::Levels,
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
    // Whatever stands behind what it is of is read before it.
    let mut gathered = Vec::new();
    if outline.has_late_attributes {
        gathered = run(input, &Shared::default(), outline, reading, Work::Gather)?;
    }
    let shared = Shared::default();
    let work = if outline.has_late_attributes { Work::Rest } else { Work::All };
    run_with(input, &shared, outline, reading, work, gathered)?;
    // More keys than can be remembered: equal ones are looked for in shares, one share a pass.
    let all = shared.unremembered() + KEYS_MAX as u64;
    let shares = if shared.unremembered() > 0 { 1 + all / (KEYS_MAX as u64 / 10 * 8) } else { 0 };
    for share in 0..shares {
        let shared = shared.of_share(shares, share);
        let mut found = Default::default();
        let mut deaf = Reading { definitions: None, found: &mut found, sink: &mut Deaf };
        run(input, &shared, outline, &mut deaf, Work::All)?;
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
    work: Work,
) -> Result<Vec<Levels>, Stop> {
    run_with(input, shared, outline, reading, work, Vec::new())
}

fn run_with(
    input: &mut (impl Read + Seek),
    shared: &Shared,
    outline: &Outline,
    reading: &mut Reading<'_>,
    work: Work,
    gathered: Vec<Levels>,
) -> Result<Vec<Levels>, Stop> {
    let mut top = Top {
        shared,
        outline,
        reading,
        work,
        gathered,
        next: 0,
        key: Pairs::default(),
        levels: Levels::default(),
        measures: Pairs::default(),
    };
    pass(input, shared, Object(shared, &mut top))?;
    if work == Work::Gather {
        top.keep_gathered();
    }
    Ok(top.gathered)
}

/// JSON has no order: attributes may stand behind the observations that they are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    All,
    /// Attributes of data sets, groups and series alone, and nothing is told.
    Gather,
    /// All but these, which were gathered.
    Rest,
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
    pub work: Work,
    /// Of each data set, what was gathered.
    gathered: Vec<Levels>,
    /// The next data set's place.
    next: usize,
    pub key: Pairs,
    /// Attributes of the data set in hand.
    pub levels: Levels,
    /// Beside the primary one.
    pub measures: Pairs,
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
        match self.work {
            Work::All => self.levels = Levels::default(),
            Work::Gather if self.next > 0 => self.keep_gathered(),
            Work::Gather => {}
            Work::Rest => self.levels = self.gathered.get_mut(self.next).map(take).unwrap_or_default(),
        }
        self.next += 1;
        let is_lost = is_told && place >= layouts.len();
        if is_told && self.work != Work::Gather {
            self.begin(action, layout);
        }
        let shared = self.shared;
        let mut set = Set { top: self, layout, action, is_lost };
        Ok(items.next_element_seed(Object(shared, &mut set))?.is_some())
    }
}

impl Top<'_, '_> {
    /// The next data set has the room that is left.
    fn keep_gathered(&mut self) {
        let next = self.levels.within_the_same();
        self.gathered.push(std::mem::replace(&mut self.levels, next));
    }

    fn begin(&mut self, action: Action, layout: &Layout) {
        let dimensions: Vec<String> = layout.dimensions().into_iter().map(|c| c.id.clone()).collect();
        let dsd = self.reading.dsd_of(layout.kind, &layout.structure);
        let data_set = DataSet {
            kind: layout.kind,
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
        let are_gathered = self.top.work == Work::Rest;
        if are_gathered && matches!(key, "attributes" | "dimensionGroupAttributes") {
            return map.next_value_seed(Skip(shared));
        }
        if key == "attributes" {
            self.top.levels.begin_data_set();
            attributes(shared, &self.layout.data_set_attributes, map, &mut self.top.levels)?;
            self.top.levels.end_data_set();
            return Ok(());
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
        let len = self.top.key.len();
        match key {
            "observations" if self.top.work == Work::Gather => map.next_value::<IgnoredAny>().map(|_| ()),
            "series" => map.next_value_seed(Object(shared, &mut AllSeries { set: self, len })),
            _ => {
                self.top.levels.begin_series();
                let mut flat = Observations { set: self, len, is_flat: true };
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

    fn gather_of_series<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        let Top { shared, key, levels, reading, .. } = &mut *self.top;
        let mut given = Pairs::default();
        attributes(shared, &self.layout.series_attributes, map, &mut given)?;
        let told = levels.late_series.add(key, given);
        told.into_iter().for_each(|fault| reading.sink.fault(fault.at(shared.line())));
        Ok(())
    }

    fn lose(&mut self, key: &str) -> bool {
        let shown = cell::shown(key.as_bytes());
        let message = format!("the key {shown} has an index that means nothing in the structure");
        let fault = Fault::error("json.index", message).at(self.top.shared.line());
        if self.top.work != Work::Gather {
            self.top.reading.sink.fault(fault);
        }
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
        let mut of_group = Pairs::default();
        attributes(shared, &self.set.layout.group_attributes, map, &mut of_group)?;
        let told = top.levels.groups.add(&of_key, of_group);
        told.into_iter().for_each(|fault| top.reading.sink.fault(fault.at(row)));
        Ok(())
    }
}

struct AllSeries<'x, 't, 'p, 'r> {
    set: &'x mut Set<'t, 'p, 'r>,
    /// What the data set gives of the key.
    len: usize,
}

impl<'de> Fields<'de> for AllSeries<'_, '_, '_, '_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let (shared, layout) = (self.set.top.shared, self.set.layout);
        let set = &mut *self.set;
        set.top.key.truncate(self.len);
        set.top.levels.begin_series();
        if !set.push_key(layout.series.iter(), key)? {
            return map.next_value_seed(Skip(shared));
        }
        if set.top.work != Work::Gather {
            set.top.reading.sink.series(&set.top.key, set.action);
        }
        let len = set.top.key.len();
        map.next_value_seed(Object(shared, &mut OneSeries(Observations { set, len, is_flat: false })))
    }
}

struct OneSeries<'x, 't, 'p, 'r>(Observations<'x, 't, 'p, 'r>);

impl<'de> Fields<'de> for OneSeries<'_, '_, '_, '_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let set = &mut *self.0.set;
        let (shared, work) = (set.top.shared, set.top.work);
        match (key, work) {
            ("attributes", Work::Gather) => set.gather_of_series(map),
            ("attributes", Work::All) => {
                set.top.levels.begin_series();
                attributes(shared, &set.layout.series_attributes, map, &mut set.top.levels)?;
                set.top.levels.end_series();
                Ok(())
            }
            ("observations", Work::Gather) => map.next_value::<IgnoredAny>().map(|_| ()),
            ("observations", _) => map.next_value_seed(Object(shared, &mut self.0)),
            _ => map.next_value_seed(Skip(shared)),
        }
    }
}
