//! The second pass: observations, each as its indexes say.

use std::{
    borrow::Cow,
    io::{Read, Seek},
};

use serde::de::{IgnoredAny, MapAccess, SeqAccess};
use serde_json::value::RawValue;

use super::{
    super::{
        model::{Action, DataSet, Message, OBS_VALUE, Observation, Pairs, Sink, TIME_PERIOD},
        reading::Reading,
        stop::Stop,
    },
    component::Component,
    guard::Shared,
    outline::{Layout, Outline},
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
    let shares = if shared.unremembered() > 0 { 1 + all / (KEYS_MAX as u64 / 2) } else { 0 };
    for share in 0..shares {
        let shared = Shared::default();
        shared.set_share(shares, share);
        let mut found = Default::default();
        let mut deaf = Reading { definitions: None, found: &mut found, sink: &mut Deaf };
        run(input, &shared, outline, &mut deaf)?;
    }
    Ok(())
}

fn run(
    input: &mut (impl Read + Seek),
    shared: &Shared,
    outline: &Outline,
    reading: &mut Reading<'_>,
) -> Result<(), Stop> {
    let mut top =
        Top { shared, outline, reading, next: 0, key: Pairs::default(), attributes: Pairs::default() };
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

struct Top<'p, 'r> {
    shared: &'p Shared,
    outline: &'p Outline,
    reading: &'p mut Reading<'r>,
    /// The next data set's place.
    next: usize,
    key: Pairs,
    attributes: Pairs,
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
        let all = || layout.data_set.iter().chain(&layout.series).chain(&layout.observation);
        let mut placed: Vec<(u64, &str)> =
            all().map(|c| (c.position.unwrap_or(u64::MAX), c.id.as_str())).collect();
        // Equal places, and none, stay in the order of the message.
        placed.sort_by_key(|(position, _)| *position);
        let dimensions: Vec<String> = placed.into_iter().map(|(_, id)| id.to_owned()).collect();
        let dsd = self.reading.dsd_of(&layout.structure);
        let data_set = DataSet { structure: &layout.structure, dsd, dimensions: &dimensions, action };
        self.reading.sink.data_set(&data_set);
    }
}

struct Set<'t, 'p, 'r> {
    top: &'t mut Top<'p, 'r>,
    layout: &'t Layout,
    action: Action,
    /// It refers to a structure that is not in the message.
    is_lost: bool,
}

impl<'de> Fields<'de> for Set<'_, '_, '_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let shared = self.top.shared;
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
            "series" => map.next_value_seed(Object(shared, &mut AllSeries { set: self, len })),
            _ => map.next_value_seed(Object(shared, &mut Observations { set: self, len })),
        }
    }
}

impl Set<'_, '_, '_> {
    fn push<E: serde::de::Error>(&mut self, component: &Component, value: &str) -> Result<(), E> {
        let id = if component.is_time { TIME_PERIOD } else { &component.id };
        self.top.key.push(id, value).map_err(|fault| self.top.shared.stop(fault))
    }

    /// `0:2:1`, an index for each component of the level. `false`: one of them means nothing, which was told.
    fn push_key<E: serde::de::Error>(&mut self, level: &[Component], key: &str) -> Result<bool, E> {
        let mut parts = key.split(':');
        for component in level {
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
            Some(_) if !level.is_empty() => Ok(self.lose(key)),
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
        if !set.push_key(&layout.series, key)? {
            return map.next_value_seed(Skip(shared));
        }
        set.top.reading.sink.series(&set.top.key, set.action);
        let len = set.top.key.len();
        map.next_value_seed(Object(shared, &mut OneSeries(Observations { set, len })))
    }
}

struct OneSeries<'x, 't, 'p, 'r>(Observations<'x, 't, 'p, 'r>);

impl<'de> Fields<'de> for OneSeries<'_, '_, '_, '_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let shared = self.0.set.top.shared;
        match key {
            "observations" => map.next_value_seed(Object(shared, &mut self.0)),
            _ => map.next_value_seed(Skip(shared)),
        }
    }
}

struct Observations<'x, 't, 'p, 'r> {
    set: &'x mut Set<'t, 'p, 'r>,
    /// What the data set and the series give of the key.
    len: usize,
}

impl<'de> Fields<'de> for Observations<'_, '_, '_, '_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let shared = self.set.top.shared;
        let row = shared.line();
        self.set.top.key.truncate(self.len);
        if !self.set.push_key(&self.set.layout.observation, key)? {
            return map.next_value_seed(Skip(shared));
        }
        shared.hold();
        let raw = map.next_value::<Box<RawValue>>()?;
        shared.release();
        let parts: Option<Vec<&RawValue>> = serde_json::from_str(raw.get()).unwrap_or_default();
        if parts.is_none() && raw.get() != "null" {
            let message = "an observation is no array of its values";
            return Err(shared.stop(Fault::error("json.observation", message).at(row)));
        }
        self.emit(row, &parts.unwrap_or_default())
    }
}

impl Observations<'_, '_, '_, '_> {
    /// First all measures, then the attributes.
    fn emit<E: serde::de::Error>(&mut self, row: u64, parts: &[&RawValue]) -> Result<(), E> {
        let (layout, action, shared) = (self.set.layout, self.set.action, self.set.top.shared);
        let measures = layout.measures.len().max(1);
        let primary = match layout.measures.len() {
            0 | 1 => Some(0),
            _ => layout.measures.iter().position(|m| m.id == OBS_VALUE),
        };
        let top = &mut *self.set.top;
        let mut lost = |id: &str, raw: &str, make: fn(&'static str, String) -> Fault| {
            let message =
                format!("the value {} of {id} is no place among its values", cell::shown(raw.as_bytes()));
            top.reading.sink.fault(make("json.index", message).at(row));
        };
        let mut value = None;
        if let Some((n, part)) = primary.and_then(|n| parts.get(n).map(|part| (n, part))) {
            match text(part, layout.measures.get(n), shared)? {
                Text::Lost => lost(OBS_VALUE, part.get(), Fault::error),
                Text::Written(text) => value = Some(text),
                Text::Nothing => {}
            }
        }
        top.attributes.clear();
        for (attribute, part) in layout.attributes.iter().zip(parts.iter().skip(measures)) {
            match text(part, Some(attribute), shared)? {
                // The number stays what it is, without a remark that nobody can look up.
                Text::Lost => lost(&cell::shown(attribute.id.as_bytes()), part.get(), Fault::warning),
                Text::Written(text) => {
                    top.attributes.push(&attribute.id, &text).map_err(|fault| shared.stop(fault))?;
                }
                Text::Nothing => {}
            }
        }
        top.reading.sink.observation(&Observation {
            row,
            action,
            key: &top.key,
            time: top.key.get(TIME_PERIOD),
            value: value.as_deref(),
            attributes: &top.attributes,
        });
        Ok(())
    }
}

enum Text<'v> {
    Nothing,
    Written(Cow<'v, str>),
    /// A place among the component's values where there is none.
    Lost,
}

/// As it is written, number by number: a double would lose the digits of a large one. Where the component
/// lists its values, a number is a place among them.
fn text<'v, E: serde::de::Error>(
    part: &'v RawValue,
    component: Option<&'v Component>,
    shared: &Shared,
) -> Result<Text<'v>, E> {
    let raw = part.get();
    Ok(match raw.as_bytes().first() {
        Some(b'n') => Text::Nothing,
        Some(b'"') => serde_json::from_str(raw).map_or(Text::Nothing, |text| Text::Written(Cow::Owned(text))),
        Some(b'{' | b'[') => {
            let mut inner = serde_json::Deserializer::from_str(raw);
            serde::de::DeserializeSeed::deserialize(Skip(shared), &mut inner).map_err(E::custom)?;
            Text::Written(Cow::Borrowed(raw))
        }
        _ => match component.map(|c| &c.values).filter(|v| !v.is_empty()) {
            None => Text::Written(Cow::Borrowed(raw)),
            Some(values) => {
                let value = raw.parse().ok().and_then(|n| values.get(n));
                value.map_or(Text::Lost, |value| Text::Written(Cow::Borrowed(value)))
            }
        },
    })
}
