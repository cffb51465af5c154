//! Objects and arrays as they pass: every key of an object once, values read by whoever wants them.

use std::{collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::guard::Shared;
use crate::intake::{Fault, cell};

/// Fewer keys are compared with each other, more are put into a set.
const COMPARED_MAX: usize = 16;
/// Keys that are remembered at once, of an object and of those around it: 18 bytes each.
pub const KEYS_MAX: usize = if cfg!(test) { 400 } else { 3_500_000 };

/// Who reads an object's fields.
pub trait Fields<'de> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Who reads an array's items; called until there is none.
pub trait Items<'de> {
    /// `false`: there was no more.
    fn item<A: SeqAccess<'de>>(&mut self, items: &mut A) -> Result<bool, A::Error>;
}

pub struct Object<'s, 'f, F>(pub &'s Shared, pub &'f mut F);
pub struct Array<'f, F>(pub &'f mut F);

impl<'de, F: Fields<'de>> DeserializeSeed<'de> for Object<'_, '_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: Fields<'de>> Visitor<'de> for Object<'_, '_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = Seen::default();
        while let Some(key) = map.next_key::<String>()? {
            seen.add(&key, self.0)?;
            self.1.field(&key, &mut map)?;
        }
        self.0.forget(seen.many.len());
        Ok(())
    }

    /// The standard: a field that is null is a field that is not there.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

impl<'de, F: Items<'de>> DeserializeSeed<'de> for Array<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: Items<'de>> Visitor<'de> for Array<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while self.0.item(&mut items)? {}
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A value nobody reads; its objects still have each key once.
pub struct Skip<'s>(pub &'s Shared);

impl<'de> DeserializeSeed<'de> for Skip<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let shared = self.0;
        Object(shared, &mut Skip(shared)).visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Skip(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

impl<'de> Fields<'de> for Skip<'_> {
    fn field<A: MapAccess<'de>>(&mut self, _: &str, map: &mut A) -> Result<(), A::Error> {
        map.next_value_seed(Skip(self.0))
    }
}

/// A string, or a number or truth as one; anything else is nothing.
#[derive(Debug, Default)]
pub struct Text(pub Option<String>);

impl<'de> serde::Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Some(text.to_owned())))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Text, E> {
        Ok(Text(Some(truth.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
        Ok(Text(Some(number.to_string())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text, E> {
        Ok(Text(Some(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Text, E> {
        Ok(Text(Some(number.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Text, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}

/// Keys of one object. A parser that lets the last of two equal keys win shows other data than one that
/// lets the first: such a file has no meaning.
#[derive(Default)]
pub struct Seen {
    few: Vec<String>,
    many: HashSet<u64>,
}

impl Seen {
    pub fn add<E: Error>(&mut self, key: &str, shared: &Shared) -> Result<(), E> {
        let is_new = if self.many.is_empty() && self.few.len() < COMPARED_MAX {
            let is_new = !self.few.iter().any(|k| k == key);
            self.few.push(key.to_owned());
            is_new
        } else {
            let Self { few, many } = self;
            // Remembered too: what an object forgets at its end is what it remembered.
            let before = many.len();
            many.extend(few.drain(..).map(|k| shared.hash(&k)).filter(|hash| shared.is_shared(*hash)));
            shared.remember(many.len() - before);
            let hash = shared.hash(key);
            match shared.is_shared(hash) {
                false => true,
                // Another pass over the file looks at these: see `data`.
                true if !shared.may_remember(KEYS_MAX) => {
                    shared.pass_over();
                    true
                }
                true => {
                    shared.remember(1);
                    many.insert(hash)
                }
            }
        };
        if is_new {
            return Ok(());
        }
        let message = format!("the key {} is twice in one object", cell::shown(key.as_bytes()));
        Err(shared.stop(Fault::error("json.duplicate", message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attack: many objects of a few keys each, every one of which gives room back that it never took.
    #[test]
    fn an_object_forgets_no_more_than_it_remembered() {
        let (shared, mut seen) = (Shared::default(), Seen::default());
        for n in 0..COMPARED_MAX + 4 {
            seen.add::<serde_json::Error>(&n.to_string(), &shared).unwrap();
        }
        assert_eq!(seen.many.len(), COMPARED_MAX + 4);
        assert!(!shared.may_remember(seen.many.len()));
    }
}
