//! What the constraints of a structure message allow of its data: cube regions, of which a key must lie in one
//! that is included and in none that is excluded.
//!
//! Constraints that tell what there is, and not what may be, say nothing about a file. Where a region names
//! values in a way that is not read here (time ranges, wildcards), that part of it allows everything.

use std::collections::HashSet;

use super::model::Pairs;
use crate::intake::cell;

#[derive(Debug, Default)]
pub struct Constraint {
    /// `AGENCY:ID(VERSION)`
    pub name: String,
    pub is_allowed: bool,
    /// References to dataflows and definitions.
    pub attached: Vec<String>,
    pub regions: Vec<Region>,
}

#[derive(Debug)]
pub struct Region {
    pub is_included: bool,
    pub keys: Vec<Key>,
}

/// The values of one component.
#[derive(Debug, Default)]
pub struct Key {
    pub id: String,
    pub is_included: bool,
    pub values: HashSet<String>,
    /// Not all of it is read.
    pub is_open: bool,
}

impl Constraint {
    /// In the key that was begun last.
    pub fn add_value(&mut self, value: &str) {
        if let Some(key) = self.regions.last_mut().and_then(|region| region.keys.last_mut()) {
            key.is_open |= value.contains('%');
            key.values.insert(value.to_owned());
        }
    }

    /// Why it does not allow an observation.
    pub fn excludes(&self, key: &Pairs, attributes: &Pairs) -> Option<String> {
        let value_of = |id: &str| key.get(id).or_else(|| attributes.get(id));
        let outside = |region: &Region| {
            let strange = region.keys.iter().find(|k| value_of(&k.id).is_some_and(|v| !k.has(v)))?;
            let value = cell::shown(value_of(&strange.id).unwrap_or_default().as_bytes());
            Some(format!("{value} of {} is not allowed by {}", strange.id, self.name))
        };
        // With a part that is not read it may exclude less than what is read of it.
        let may_exclude = |r: &&Region| !r.is_included && r.keys.iter().all(|k| !k.is_open);
        if self.regions.iter().filter(may_exclude).any(|region| outside(region).is_none()) {
            return Some(format!("the key lies where {} allows none", self.name));
        }
        let mut included = self.regions.iter().filter(|r| r.is_included).map(outside);
        let first = included.next()??;
        included.all(|outside| outside.is_some()).then_some(first)
    }
}

impl Key {
    fn has(&self, value: &str) -> bool {
        self.is_open || self.values.is_empty() || self.values.contains(value) == self.is_included
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(is_included: bool, keys: &[(&str, &[&str])]) -> Region {
        let key = |(id, values): &(&str, &[&str])| Key {
            id: (*id).to_owned(),
            is_included: true,
            values: values.iter().map(|v| (*v).to_owned()).collect(),
            is_open: false,
        };
        Region { is_included, keys: keys.iter().map(key).collect() }
    }

    #[test]
    fn a_key_lies_in_one_region_that_is_included_and_in_none_that_is_not() {
        let regions = vec![
            region(true, &[("AREA", &["FJ"]), ("SEX", &["F", "M"])]),
            region(true, &[("AREA", &["VU"])]),
            region(false, &[("AREA", &["VU"]), ("SEX", &["M"])]),
        ];
        let constraint = Constraint { name: "A:C(1.0)".into(), regions, ..Constraint::default() };
        let excluded = |area: &str, sex: &str| {
            let (mut key, mut attributes) = (Pairs::default(), Pairs::default());
            key.push("AREA", area).unwrap();
            attributes.push("SEX", sex).unwrap();
            constraint.excludes(&key, &attributes)
        };
        assert_eq!([excluded("FJ", "M"), excluded("VU", "F")], [None, None]);
        assert_eq!(excluded("WS", "F").unwrap(), "\"WS\" of AREA is not allowed by A:C(1.0)");
        assert_eq!(excluded("FJ", "_T").unwrap(), "\"_T\" of SEX is not allowed by A:C(1.0)");
        assert_eq!(excluded("VU", "M").unwrap(), "the key lies where A:C(1.0) allows none");
        assert_eq!(Constraint::default().excludes(&Pairs::default(), &Pairs::default()), None);
    }
}
