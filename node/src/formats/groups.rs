//! Attributes that a message gives once for all observations whose key has certain values.
//!
//! They stand before the observations, so they are kept: the one thing that grows with a file, and bounded.

use std::collections::HashMap;

use super::model::Pairs;
use crate::intake::Fault;

/// Beyond that what groups say is told to be left out.
const BYTES_MAX: usize = 32 << 20;
/// Kinds of groups: the dimensions that their keys name.
const KINDS_MAX: usize = 64;

#[derive(Debug, Default)]
pub struct Groups {
    kinds: Vec<Kind>,
    attributes: Vec<Pairs>,
    /// Dimensions and attributes together, until the first key tells which are which.
    unsorted: Vec<Pairs>,
    bytes: usize,
    is_full: bool,
}

#[derive(Debug)]
struct Kind {
    dimensions: Vec<String>,
    /// Values in their order, and where the attributes are.
    places: HashMap<String, usize>,
}

impl Groups {
    /// Empty, with the room that these leave.
    pub fn within_the_same(&self) -> Self {
        Self { bytes: self.bytes, is_full: self.is_full, ..Self::default() }
    }

    /// The attributes of all observations whose key has what `key` has. `Some`: there is no more room, said once.
    #[must_use]
    pub fn add(&mut self, key: &Pairs, attributes: Pairs) -> Option<Fault> {
        if key.is_empty() || attributes.is_empty() {
            return None;
        }
        let dimensions = || key.iter().map(|(id, _)| id);
        let kind = match self.kinds.iter().position(|k| dimensions().eq(k.dimensions.iter())) {
            Some(kind) => kind,
            None if self.kinds.len() >= KINDS_MAX => return self.fill(),
            None => {
                let dimensions = dimensions().map(str::to_owned).collect();
                self.kinds.push(Kind { dimensions, places: HashMap::new() });
                self.kinds.len() - 1
            }
        };
        let values: String = key.iter().flat_map(|(_, value)| [value, "\0"]).collect();
        if !self.has_room(values.len() + attributes.bytes()) {
            return self.fill();
        }
        self.kinds[kind].places.insert(values, self.attributes.len());
        self.attributes.push(attributes);
        None
    }

    /// A group whose components are not yet told apart.
    #[must_use]
    pub fn add_unsorted(&mut self, components: Pairs) -> Option<Fault> {
        // Sorted later it takes as much again.
        if !self.has_room(2 * components.bytes()) {
            return self.fill();
        }
        self.unsorted.push(components);
        None
    }

    /// Puts to `attributes` what the groups of `key` say: of one component what the first of them says.
    pub fn attach(&mut self, key: &Pairs, attributes: &mut Pairs) -> Result<(), Fault> {
        self.sort(key)?;
        let mut values = String::new();
        for Kind { dimensions, places } in &self.kinds {
            values.clear();
            for value in dimensions.iter().map_while(|id| key.get(id)) {
                values.push_str(value);
                values.push('\0');
            }
            let Some(given) = places.get(&values).and_then(|n| self.attributes.get(*n)) else { continue };
            let before = attributes.len();
            for (id, value) in given.iter() {
                if !attributes.iter().take(before).any(|(said, _)| said == id) {
                    attributes.push(id, value)?;
                }
            }
        }
        Ok(())
    }

    /// What a key of the file names is a dimension.
    fn sort(&mut self, key: &Pairs) -> Result<(), Fault> {
        for components in std::mem::take(&mut self.unsorted) {
            let (mut of_key, mut rest) = (Pairs::default(), Pairs::default());
            for (id, value) in components.iter() {
                let part = if key.get(id).is_some() { &mut of_key } else { &mut rest };
                part.push(id, value)?;
            }
            self.bytes = self.bytes.saturating_sub(2 * components.bytes());
            let _ = self.add(&of_key, rest);
        }
        Ok(())
    }

    fn has_room(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.bytes <= BYTES_MAX
    }

    fn fill(&mut self) -> Option<Fault> {
        let message =
            "the file says more of groups of series than can be kept: their attributes are left out";
        let is_first = !std::mem::replace(&mut self.is_full, true);
        is_first.then(|| Fault::warning("groups.limit", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(all: &[(&str, &str)]) -> Pairs {
        let mut pairs = Pairs::default();
        all.iter().for_each(|(id, value)| pairs.push(id, value).unwrap());
        pairs
    }

    fn attached(groups: &mut Groups, key: &[(&str, &str)], own: &[(&str, &str)]) -> String {
        let mut attributes = pairs(own);
        groups.attach(&pairs(key), &mut attributes).unwrap();
        attributes.iter().map(|(id, value)| format!("{id}={value} ")).collect()
    }

    #[test]
    fn a_group_says_what_its_observations_do_not_say_themselves() {
        let mut groups = Groups::default();
        assert!(
            groups.add(&pairs(&[("A", "1"), ("B", "2")]), pairs(&[("T", "one two"), ("U", "u")])).is_none()
        );
        assert!(groups.add(&pairs(&[("A", "1")]), pairs(&[("V", "one")])).is_none());
        assert!(groups.add(&pairs(&[]), pairs(&[("W", "of nothing")])).is_none());
        assert_eq!(attached(&mut groups, &[("B", "2"), ("A", "1"), ("C", "3")], &[]), "T=one two U=u V=one ");
        assert_eq!(
            attached(&mut groups, &[("A", "1"), ("B", "2")], &[("U", "own")]),
            "U=own T=one two V=one "
        );
        assert_eq!(attached(&mut groups, &[("A", "1"), ("B", "3")], &[]), "V=one ");
        assert_eq!(attached(&mut groups, &[("A", "12"), ("C", "3")], &[]), "");
    }

    #[test]
    fn the_first_key_tells_dimensions_from_attributes() {
        let mut groups = Groups::default();
        for of in ["1", "2"] {
            assert!(groups.add_unsorted(pairs(&[("A", of), ("TITLE", of)])).is_none());
        }
        assert!(groups.add_unsorted(pairs(&[("TITLE", "of nothing")])).is_none());
        assert_eq!(attached(&mut groups, &[("A", "2"), ("B", "x")], &[]), "TITLE=2 ");
        assert_eq!(attached(&mut groups, &[("A", "1"), ("B", "x")], &[]), "TITLE=1 ");
    }

    #[test]
    fn what_is_kept_is_bounded_and_said_once() {
        let mut groups = Groups::default();
        let mut said = 0;
        for n in 0..40 {
            let title = "x".repeat(1 << 20);
            let attributes = pairs(&[("T", &title[..title.len() - 100])]);
            said += usize::from(groups.add(&pairs(&[("A", &n.to_string())]), attributes).is_some());
        }
        assert_eq!(said, 1);
        assert!(attached(&mut groups, &[("A", "0")], &[]).len() > 1000);
        assert_eq!(attached(&mut groups, &[("A", "39")], &[]), "");
    }
}
