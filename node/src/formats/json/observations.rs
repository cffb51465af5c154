//! One observation: an array of its measures and then its attributes, under the indexes of its key.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, MapAccess};
use serde_json::value::RawValue;

use super::{
    super::{
        levels::Levels,
        model::{OBS_VALUE, Observation, Pairs, TIME_PERIOD},
    },
    component::Component,
    data::Set,
    guard::Shared,
    walk::{Fields, Skip},
};
use crate::intake::{Fault, cell};

pub struct Observations<'x, 't, 'p, 'r> {
    pub set: &'x mut Set<'t, 'p, 'r>,
    /// What the data set and the series give of the key.
    pub len: usize,
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
        let sink = &mut *top.reading.sink;
        let mut lost = |id: &str, raw: &str, make: fn(&'static str, String) -> Fault| {
            let message =
                format!("the value {} of {id} is no place among its values", cell::shown(raw.as_bytes()));
            sink.fault(make("json.index", message).at(row));
        };
        let mut value: Option<String> = None;
        top.measures.clear();
        for (n, part) in parts.iter().take(measures).enumerate() {
            let measure = layout.measures.get(n);
            let id = measure.map_or(OBS_VALUE, |m| &m.id);
            each(part, measure, shared, &mut |text| match text {
                Text::Lost => {
                    lost(id, part.get(), Fault::error);
                    Ok(())
                }
                Text::Nothing => Ok(()),
                Text::Written(text) if primary == Some(n) => {
                    // Of several values none is the number.
                    value = Some(value.take().map_or_else(|| text.to_string(), |v| format!("{v};{text}")));
                    Ok(())
                }
                Text::Written(text) => top.measures.push(id, &text).map_err(|fault| shared.stop(fault)),
            })?;
        }
        top.levels.begin_observation();
        for (attribute, part) in layout.attributes.iter().zip(parts.iter().skip(measures)) {
            each(part, Some(attribute), shared, &mut |text| match text {
                // The number stays what it is, without a remark that nobody can look up.
                Text::Lost => {
                    lost(&cell::shown(attribute.id.as_bytes()), part.get(), Fault::warning);
                    Ok(())
                }
                Text::Written(text) => {
                    top.levels.push(&attribute.id, &text).map_err(|fault| shared.stop(fault))
                }
                Text::Nothing => Ok(()),
            })?;
        }
        let attributes = top.levels.nearest(&top.key).map_err(|fault| shared.stop(fault))?;
        top.reading.sink.observation(&Observation {
            row,
            action,
            key: &top.key,
            time: top.key.get(TIME_PERIOD),
            value: value.as_deref(),
            measures: &top.measures,
            attributes,
        });
        Ok(())
    }
}

/// Where attributes are put.
pub trait Attributes {
    fn take(&mut self, id: &str, value: &str) -> Result<(), Fault>;
}

impl Attributes for Pairs {
    fn take(&mut self, id: &str, value: &str) -> Result<(), Fault> {
        self.push(id, value)
    }
}

impl Attributes for Levels {
    fn take(&mut self, id: &str, value: &str) -> Result<(), Fault> {
        self.push(id, value)
    }
}

/// `[0, null, "x", [0, 1]]`: attributes of a data set or a series, in the order of their components.
pub fn attributes<'de, A: MapAccess<'de>>(
    shared: &Shared,
    components: &[Component],
    map: &mut A,
    to: &mut impl Attributes,
) -> Result<(), A::Error> {
    shared.hold();
    let raw = map.next_value::<Box<RawValue>>()?;
    shared.release();
    let parts: Option<Vec<&RawValue>> = serde_json::from_str(raw.get()).unwrap_or_default();
    for (component, part) in components.iter().zip(parts.unwrap_or_default()) {
        each(part, Some(component), shared, &mut |text| match text {
            Text::Written(text) => to.take(&component.id, &text).map_err(|fault| shared.stop(fault)),
            _ => Ok(()),
        })?;
    }
    Ok(())
}

/// The value, or each of an array of values.
fn each<'v, E: serde::de::Error>(
    part: &'v RawValue,
    component: Option<&'v Component>,
    shared: &Shared,
    take: &mut dyn FnMut(Text<'v>) -> Result<(), E>,
) -> Result<(), E> {
    let several: Option<Vec<&RawValue>> =
        if part.get().starts_with('[') { serde_json::from_str(part.get()).ok() } else { None };
    match several {
        None => take(text(part, component, shared)?),
        Some(several) => several.into_iter().try_for_each(|part| take(text(part, component, shared)?)),
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
