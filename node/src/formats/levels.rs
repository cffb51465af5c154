//! Attributes are given to a data set, to a group of series, to a series, to an observation: of one component
//! what stands nearer to the observation holds, and all of its values there.

use std::collections::HashMap;

use super::{groups::Groups, model::Pairs};
use crate::intake::Fault;

/// Fewer are compared with each other, more are put into a map.
const COMPARED_MAX: usize = 32;

#[derive(Debug, Default)]
pub struct Levels {
    /// Of the data set, then of the series, then of the observation.
    given: Pairs,
    /// Where each of the first two ends.
    of_data_set: usize,
    of_series: usize,
    pub groups: Groups,
    /// What a message says of series behind their observations.
    pub late_series: Groups,
    of_groups: Pairs,
    nearest: Pairs,
}

impl Levels {
    /// Empty, with the room for groups that these leave.
    pub fn within_the_same(&self) -> Self {
        let (groups, late_series) = (self.groups.within_the_same(), self.late_series.within_the_same());
        Self { groups, late_series, ..Self::default() }
    }

    pub fn push(&mut self, id: &str, value: &str) -> Result<(), Fault> {
        self.given.push(id, value)
    }

    /// What is pushed from here on is of the data set, until [`Self::end_data_set`].
    pub fn begin_data_set(&mut self) {
        self.given.clear();
        (self.of_data_set, self.of_series) = (0, 0);
    }

    pub fn end_data_set(&mut self) {
        self.of_data_set = self.given.len();
        self.of_series = self.of_data_set;
    }

    /// What is pushed from here on is of the series, until [`Self::end_series`].
    pub fn begin_series(&mut self) {
        self.given.truncate(self.of_data_set);
        self.of_series = self.of_data_set;
    }

    pub fn end_series(&mut self) {
        self.of_series = self.given.len();
    }

    /// What is pushed from here on is of the observation.
    pub fn begin_observation(&mut self) {
        self.given.truncate(self.of_series);
    }

    /// What holds for the observation of this key.
    pub fn nearest(&mut self, key: &Pairs) -> Result<&Pairs, Fault> {
        let (data_set, series, all) = (self.of_data_set, self.of_series, self.given.len());
        self.of_groups.clear();
        self.late_series.attach(key, &mut self.of_groups)?;
        self.groups.attach(key, &mut self.of_groups)?;
        let is_one_level = series == 0 || series == all && (data_set == 0 || data_set == series);
        if is_one_level && self.of_groups.is_empty() {
            return Ok(&self.given);
        }
        let names: Vec<&str> = self.given.iter().map(|(id, _)| id).collect();
        let last: Option<HashMap<&str, usize>> =
            (all > COMPARED_MAX).then(|| names.iter().enumerate().map(|(n, id)| (*id, n)).collect());
        let is_given_from = |from: usize, id: &str| match &last {
            Some(last) => last.get(id).is_some_and(|n| *n >= from),
            None => names.get(from..).is_some_and(|nearer| nearer.contains(&id)),
        };
        self.nearest.clear();
        for (n, (id, value)) in self.given.iter().enumerate() {
            let end = [data_set, series, all].into_iter().find(|end| n < *end).unwrap_or(all);
            let is_hidden = is_given_from(end, id) || n < data_set && self.of_groups.get(id).is_some();
            if !is_hidden {
                self.nearest.push(id, value)?;
            }
        }
        for (id, value) in self.of_groups.iter().filter(|(id, _)| !is_given_from(data_set, id)) {
            self.nearest.push(id, value)?;
        }
        Ok(&self.nearest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(levels: &mut Levels, all: &[(&str, &str)]) {
        all.iter().for_each(|(id, value)| levels.push(id, value).unwrap());
    }

    #[test]
    fn of_two_levels_the_nearer_holds_with_all_of_its_values() {
        let (mut levels, mut key, mut of_group) = (Levels::default(), Pairs::default(), Pairs::default());
        key.push("A", "1").unwrap();
        ["G", "D"].iter().for_each(|id| of_group.push(id, "group").unwrap());
        push(&mut levels, &[("S", "data set"), ("O", "data set"), ("D", "data set"), ("E", "data set")]);
        levels.end_data_set();
        assert!(levels.groups.add(&key, of_group).is_none());
        levels.begin_series();
        push(&mut levels, &[("S", "one"), ("S", "two"), ("G", "series"), ("O", "series")]);
        levels.end_series();
        levels.begin_observation();
        push(&mut levels, &[("O", "own")]);
        let nearest = |levels: &mut Levels| {
            let all = levels.nearest(&key).unwrap().iter();
            all.map(|(id, value)| format!("{id}={value} ")).collect::<String>()
        };
        let expected = "E=data set S=one S=two G=series O=own D=group ";
        assert_eq!(nearest(&mut levels), expected);
        // As many components as are no longer compared one by one.
        let many: Vec<String> = (0..100).map(|n| format!("N{n}")).collect();
        many.iter().for_each(|id| levels.push(id, "").unwrap());
        assert!(nearest(&mut levels).starts_with("E=data set S=one S=two G=series O=own N0= "));
        levels.begin_series();
        levels.end_series();
        assert_eq!(nearest(&mut levels), "S=data set O=data set E=data set G=group D=group ");
    }
}
