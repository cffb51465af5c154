//! Which columns are needed to tell the rows of a table apart.

use std::collections::HashSet;

use super::{
    profile::Profile,
    roles::{PeriodRole, Roles},
};

/// A column is a dimension if rows cannot be told apart without it.
pub struct Keys<'p> {
    profile: &'p Profile,
    of_row: Vec<u64>,
    pub taken: Vec<usize>,
}

impl<'p> Keys<'p> {
    pub fn new(profile: &'p Profile, roles: &Roles) -> Self {
        let mut keys = Self { profile, of_row: vec![0; profile.sample.len()], taken: Vec::new() };
        if let Some((place, _)) = roles.area {
            keys.of_row = keys.with(place);
        }
        if let Some(PeriodRole::Column(place) | PeriodRole::Spelt(place, _)) = &roles.period {
            keys.of_row = keys.with(*place);
        }
        keys
    }

    fn with(&self, place: usize) -> Vec<u64> {
        let cells = self.profile.sample.iter().map(|row| row.get(place).copied().unwrap_or_default());
        // Any mixing will do that does not cancel itself out.
        let mix = |(key, cell): (&u64, u64)| key.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ cell;
        self.of_row.iter().zip(cells).map(mix).collect()
    }

    pub fn different(&self) -> usize {
        self.of_row.iter().collect::<HashSet<_>>().len()
    }

    /// Taken when it tells rows apart; one of a known name also when it is the same in all of them.
    pub fn offer(&mut self, place: usize, is_known: bool) {
        let Some(column) = self.profile.column(place) else { return };
        let (rows, before) = (self.of_row.len(), self.different());
        // One row in two hundred may well be a second survey of the same year.
        let enough = before + rows / 200 >= rows;
        if column.empty_beside_numbers > 0
            || column.is_open
            || self.taken.contains(&place)
            || enough && !is_known
        {
            return;
        }
        let with = self.with(place);
        let after = with.iter().collect::<HashSet<_>>().len();
        if after > before + rows / 100 || is_known && (column.is_constant() || after > before) {
            self.of_row = with;
            self.taken.push(place);
        }
    }
}
