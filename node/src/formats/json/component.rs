//! Components of a data message: dimensions, measures and attributes, with the values that indexes mean.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{
    super::model::TIME_PERIOD,
    guard::Shared,
    walk::{Array, Fields, Items, Object, Skip, Text},
};
use crate::intake::Fault;

/// All values of all components of one file.
const VALUES_BYTES_MAX: usize = 32 << 20;
/// Components of one level.
const COMPONENTS_MAX: usize = super::super::model::COLUMNS_MAX;

#[derive(Debug, Default)]
pub struct Component {
    pub id: String,
    pub position: Option<u64>,
    pub is_time: bool,
    pub values: Values,
}

/// Many short texts in one piece of memory.
#[derive(Debug, Default)]
pub struct Values {
    text: String,
    ends: Vec<usize>,
}

impl Values {
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let begin = index.checked_sub(1).and_then(|n| self.ends.get(n)).copied().unwrap_or_default();
        self.text.get(begin..end)
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }
}

/// The components of one level, in the order that the parts of a key follow.
pub struct Components<'s> {
    shared: &'s Shared,
    pub all: Vec<Component>,
}

impl<'s> Components<'s> {
    pub fn new(shared: &'s Shared) -> Self {
        Self { shared, all: Vec::new() }
    }
}

impl<'de> Items<'de> for Components<'_> {
    fn item<A: SeqAccess<'de>>(&mut self, items: &mut A) -> Result<bool, A::Error> {
        let mut reader = ComponentReader { shared: self.shared, component: Component::default() };
        if items.next_element_seed(Object(self.shared, &mut reader))?.is_none() {
            return Ok(false);
        }
        if self.all.len() >= COMPONENTS_MAX {
            let message = format!("more than {COMPONENTS_MAX} components; reading stopped here");
            return Err(self.shared.stop(Fault::error("record.columns", message)));
        }
        spend(self.shared, reader.component.id.len() + size_of::<Component>())?;
        self.all.push(reader.component);
        Ok(true)
    }
}

/// What is kept of components costs its room, however many structures share it.
pub fn spend<E: Error>(shared: &Shared, bytes: usize) -> Result<(), E> {
    if shared.spend_values(bytes) <= VALUES_BYTES_MAX {
        return Ok(());
    }
    let message = format!("the components have more than {VALUES_BYTES_MAX} bytes of values");
    Err(shared.stop(Fault::error("json.values", message)))
}

struct ComponentReader<'s> {
    shared: &'s Shared,
    component: Component,
}

impl<'de> Fields<'de> for ComponentReader<'_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "id" => self.component.id = map.next_value::<Text>()?.0.unwrap_or_default(),
            "keyPosition" => {
                self.component.position = map.next_value::<Text>()?.0.and_then(|p| p.parse().ok());
            }
            "role" | "roles" => map.next_value_seed(Role(&mut self.component.is_time))?,
            "values" => {
                let mut reader = ValuesReader { shared: self.shared, values: &mut self.component.values };
                map.next_value_seed(Array(&mut reader))?;
            }
            _ => map.next_value_seed(Skip(self.shared))?,
        }
        Ok(())
    }
}

/// One role in 1.0, several since; that of the time dimension is the one that matters here.
struct Role<'t>(&'t mut bool);

impl<'de> DeserializeSeed<'de> for Role<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Role<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a role or several")
    }

    fn visit_str<E>(self, role: &str) -> Result<(), E> {
        *self.0 |= role == TIME_PERIOD;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(role) = items.next_element::<Text>()? {
            *self.0 |= role.0.as_deref() == Some(TIME_PERIOD);
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

struct ValuesReader<'s, 'v> {
    shared: &'s Shared,
    values: &'v mut Values,
}

impl<'de> Items<'de> for ValuesReader<'_, '_> {
    fn item<A: SeqAccess<'de>>(&mut self, items: &mut A) -> Result<bool, A::Error> {
        let Some(text) = items.next_element_seed(ValueSeed(self.shared))? else { return Ok(false) };
        // Each value costs its end too, however short it is.
        spend(self.shared, text.len() + size_of::<usize>())?;
        self.values.push(&text);
        Ok(true)
    }
}

/// `{"id": …}`, `{"value": …}`, or the value itself.
struct ValueSeed<'s>(&'s Shared);

struct ValueFields<'s> {
    shared: &'s Shared,
    id: Option<String>,
    value: Option<String>,
    name: Option<String>,
}

impl<'de> Fields<'de> for ValueFields<'_> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "id" => self.id = map.next_value::<Text>()?.0,
            "value" => self.value = map.next_value::<Text>()?.0,
            "name" => self.name = map.next_value::<Text>()?.0,
            _ => map.next_value_seed(Skip(self.shared))?,
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a component value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<String, A::Error> {
        let mut fields = ValueFields { shared: self.0, id: None, value: None, name: None };
        Object(self.0, &mut fields).visit_map(map)?;
        Ok(fields.id.or(fields.value).or(fields.name).unwrap_or_default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<String, A::Error> {
        Skip(self.0).visit_seq(items).map(|()| String::new())
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_bool<E>(self, truth: bool) -> Result<String, E> {
        Ok(truth.to_string())
    }

    fn visit_i64<E>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u64<E>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_f64<E>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }

    /// Its place stays, or all indexes behind it would mean something else.
    fn visit_unit<E: Error>(self) -> Result<String, E> {
        Ok(String::new())
    }
}
