//! A table of which only the columns' names are known: areas and periods are taken where they are plain.
//!
//! It never guesses: one value that is no code, or no period, and the column says nothing.

use csv::ByteRecord;

use super::{
    Table, cell,
    coverage::{Areas, Periods},
};

const AREA_NAMES: [&str; 5] = ["ref_area", "geo", "iso3", "country", "area"];
const PERIOD_NAMES: [&str; 4] = ["time_period", "time", "year", "date"];

pub struct PlainCsv {
    observations: u64,
    areas: Vec<(usize, Areas)>,
    periods: Vec<(usize, Periods)>,
}

impl PlainCsv {
    pub fn new(header: &[String]) -> Self {
        Self { observations: 0, areas: columns(header, &AREA_NAMES), periods: columns(header, &PERIOD_NAMES) }
    }

    pub fn add(&mut self, cells: &ByteRecord) {
        self.observations += 1;
        self.areas.retain_mut(|(n, areas)| {
            let written = cell::text(&cells[*n]);
            let is_code =
                (2..=3).contains(&written.len()) && written.bytes().all(|b| b.is_ascii_alphabetic());
            areas.add(if is_code { &written } else { "" });
            is_code || written.is_empty()
        });
        self.periods.retain_mut(|(n, periods)| {
            let written = cell::text(&cells[*n]);
            written.is_empty() || periods.add(&written)
        });
    }

    pub fn tell(self, table: &mut Table) {
        table.observations = self.observations;
        if let Some((_, areas)) = self.areas.into_iter().find(|(_, areas)| !areas.is_empty()) {
            areas.tell(table);
        }
        if let Some((_, periods)) = self.periods.into_iter().find(|(_, periods)| !periods.is_empty()) {
            periods.tell(table);
        }
    }
}

/// The columns of these names, the most telling name first.
fn columns<T: Default>(header: &[String], names: &[&str]) -> Vec<(usize, T)> {
    let position = |name: &&str| header.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
    names.iter().filter_map(position).map(|n| (n, T::default())).collect()
}
