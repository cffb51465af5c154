//! Where a component stands among the columns: asked for every cell, so mostly answered without a search.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
};

use super::shape::Role;

#[derive(Debug, Default)]
pub struct Places {
    order: Vec<(Role, String)>,
    by_id: BTreeMap<Role, HashMap<String, usize>>,
    /// Cells of most rows come in the order of the columns.
    next: Cell<usize>,
}

impl Places {
    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn find(&self, role: Role, id: &str) -> Option<usize> {
        let next = self.next.get();
        let at = match self.order.get(next) {
            Some((r, i)) if *r == role && i == id => next,
            _ => *self.by_id.get(&role)?.get(id)?,
        };
        self.next.set((at + 1) % self.order.len());
        Some(at)
    }

    pub fn add(&mut self, role: Role, id: &str) -> usize {
        let at = self.order.len();
        self.order.push((role, id.to_owned()));
        self.by_id.entry(role).or_default().insert(id.to_owned(), at);
        at
    }

    pub fn into_order(self) -> Vec<(Role, String)> {
        self.order
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_component_is_found_in_and_out_of_order() {
        let mut places = Places::default();
        assert_eq!(places.find(Role::Dimension, "A"), None);
        let added = [(Role::Dimension, "A"), (Role::Dimension, "B"), (Role::Attribute, "A")];
        added.iter().enumerate().for_each(|(n, (role, id))| assert_eq!(places.add(*role, id), n));
        for asked in [0, 1, 2, 0, 2, 1, 1] {
            let (role, id) = added[asked];
            assert_eq!(places.find(role, id), Some(asked));
        }
        assert_eq!(places.find(Role::Attribute, "B"), None);
    }
}
