//! What a service says beside or instead of data.

use std::fmt;

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Value, value::RawValue};

use super::{
    guard::Shared,
    outline::LISTED_MAX,
    walk::{Array, Items},
};

/// A list of errors; some services write a single one without its list.
pub struct Errors<'s, 'o>(pub &'s Shared, pub &'o mut Vec<String>);

impl<'de> DeserializeSeed<'de> for Errors<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Errors<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("errors")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, items: A) -> Result<(), A::Error> {
        Array(&mut self).visit_seq(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.0.hold();
        let error = Value::deserialize(MapAccessDeserializer::new(map))?;
        self.0.release();
        say(self.1, &error);
        Ok(())
    }

    fn visit_str<E>(self, error: &str) -> Result<(), E> {
        say(self.1, &error.into());
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

impl<'de> Items<'de> for Errors<'_, '_> {
    fn item<A: SeqAccess<'de>>(&mut self, items: &mut A) -> Result<bool, A::Error> {
        self.0.hold();
        let Some(raw) = items.next_element::<Box<RawValue>>()? else { return Ok(false) };
        self.0.release();
        say(self.1, &serde_json::from_str(raw.get()).unwrap_or(Value::Null));
        Ok(true)
    }
}

fn say(all: &mut Vec<String>, error: &Value) {
    let plain = |v: &Value| v.as_str().map(str::to_owned).or_else(|| v.as_u64().map(|n| n.to_string()));
    let parts = ["code", "status", "title", "message", "detail"].iter().filter_map(|k| error.get(k));
    let parts: Vec<String> = parts.chain([error]).filter_map(plain).collect();
    let said: String = parts.join(" ").chars().filter(|c| !c.is_control()).take(500).collect();
    if all.len() < LISTED_MAX {
        all.push(if said.is_empty() { "an error that says nothing".to_owned() } else { said });
    }
}
