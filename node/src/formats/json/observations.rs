//! One observation: an array of its measures and then its attributes, under the indexes of its key.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, MapAccess};
use serde_json::value::RawValue;

use super::{
    super::model::{OBS_VALUE, Observation, TIME_PERIOD},
    component::Component,
    data::{Set, Top},
    guard::Shared,
    walk::{Fields, Skip},
};
use crate::intake::{Fault, cell};

pub struct Observations<'x, 't, 'p, 'r> {
    pub set: &'x mut Set<'t, 'p, 'r>,
    /// What the data set and the series give of the key, and of the attributes.
    pub len: usize,
    pub attributes: usize,
    /// Beside series, not in one: the keys are of both levels.
    pub is_flat: bool,
}

impl<'de> Fields<'de> for Observations<'_, '_, '_, '_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let shared = self.set.top.shared;
        let row = shared.line();
        self.set.top.key.truncate(self.len);
        let layout = self.set.layout;
        let series = if self.is_flat { layout.series.as_slice() } else { &[] };
        if !self.set.push_key(series.iter().chain(&layout.observation), key)? {
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
        let measures = layout.measure_count();
        let primary = match measures {
            0 => None,
            1 => Some(0),
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
        top.attributes.truncate(self.attributes);
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
        top.groups.attach(&top.key, &mut top.attributes).map_err(|fault| shared.stop(fault))?;
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

/// `[0, null, "x"]`: attributes of a data set or a series, in the order of their components.
pub fn attributes<'de, A: MapAccess<'de>>(
    top: &mut Top<'_, '_>,
    components: &[Component],
    map: &mut A,
) -> Result<(), A::Error> {
    let shared = top.shared;
    shared.hold();
    let raw = map.next_value::<Box<RawValue>>()?;
    shared.release();
    let parts: Option<Vec<&RawValue>> = serde_json::from_str(raw.get()).unwrap_or_default();
    for (component, part) in components.iter().zip(parts.unwrap_or_default()) {
        if let Text::Written(text) = text(part, Some(component), shared)? {
            top.attributes.push(&component.id, &text).map_err(|fault| shared.stop(fault))?;
        }
    }
    Ok(())
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
            Skip(shared).deserialize(&mut inner).map_err(E::custom)?;
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
