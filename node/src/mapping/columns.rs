//! The mapping meets a header: every name becomes a place, or a fault that says which name is not there.

use std::collections::{BTreeSet, HashMap};

use super::file::{Figures, Mapping, Period, Source};
use crate::intake::{Fault, Faults, cell};

/// Where a value of a row comes from.
#[derive(Clone, Copy)]
pub enum From<'m> {
    Cell(usize),
    Constant(&'m str),
}

/// One column of values, and what is the same in all of them.
pub struct Values<'m> {
    pub place: usize,
    pub dimensions: &'m [(String, String)],
    /// In wide tables.
    pub period: Option<String>,
}

pub struct Columns<'m> {
    /// The header without nameless columns at its end, and with them.
    pub named: usize,
    pub all: usize,
    pub dimensions: Vec<From<'m>>,
    pub period: Option<From<'m>>,
    /// Empty: rows have no value.
    pub values: Vec<Values<'m>>,
    pub attributes: Vec<From<'m>>,
}

impl<'m> Columns<'m> {
    pub fn find(mapping: &'m Mapping, header: &[String], line: u64, faults: &mut Faults) -> Option<Self> {
        let mut places = Places::new(header);
        let dimensions = mapping.dimensions.iter().map(|d| places.of(&d.source)).collect();
        let attributes = mapping.attributes.iter().map(|a| places.of(&a.source)).collect();
        let period = mapping.period.as_ref().and_then(|p| p.source.as_ref()).map(|s| places.of(s));
        let values = places.values(mapping, header);
        let named = header.iter().rposition(|name| !name.trim().is_empty()).map_or(0, |n| n + 1);
        if places.faults.is_empty() {
            return Some(Self { named, all: header.len(), dimensions, period, values, attributes });
        }
        for message in places.faults {
            faults.push(Fault::error("mapping.column", message).at(line));
        }
        None
    }
}

struct Places<'h> {
    /// Place, and whether the name is there twice.
    of_name: HashMap<&'h str, (usize, bool)>,
    /// Of every name at once: the mapping is corrected once.
    faults: BTreeSet<String>,
}

impl<'h> Places<'h> {
    fn new(header: &'h [String]) -> Self {
        let mut of_name = HashMap::new();
        for (place, name) in header.iter().enumerate() {
            of_name.entry(name.trim()).and_modify(|(_, twice)| *twice = true).or_insert((place, false));
        }
        Self { of_name, faults: BTreeSet::new() }
    }

    fn values<'m>(&mut self, mapping: &'m Mapping, header: &[String]) -> Vec<Values<'m>> {
        let mut values: Vec<Values> = Vec::new();
        for measure in &mapping.measures {
            let dimensions = &measure.dimensions;
            let pattern = match &measure.figures {
                Figures::Wide(pattern) => pattern,
                Figures::Column(name) => {
                    values.push(Values { place: self.named(name), dimensions, period: None });
                    continue;
                }
            };
            let Some(Period { writing, .. }) = &mapping.period else { continue };
            let mut periods = BTreeSet::new();
            for (place, name) in header.iter().enumerate() {
                let Some(period) = pattern.period_of(name.trim(), writing) else { continue };
                if !periods.insert(period.clone().into_owned()) {
                    self.faults.insert(format!("two columns have the values of {period}"));
                }
                values.push(Values { place, dimensions, period: Some(period.into_owned()) });
            }
            if periods.is_empty() {
                let shown = cell::shown(measure.figures.name().as_bytes());
                self.faults.insert(format!("no column has a period where {shown} has its *"));
            }
        }
        values
    }

    fn of<'m>(&mut self, source: &'m Source) -> From<'m> {
        match source {
            Source::Column(name) => From::Cell(self.named(name)),
            Source::Constant(value) => From::Constant(value),
        }
    }

    /// Any place, where there is a fault.
    fn named(&mut self, name: &str) -> usize {
        let shown = cell::shown(name.as_bytes());
        let fault = match self.of_name.get(name) {
            Some((place, false)) => return *place,
            Some((_, true)) => format!("the header names {shown} twice"),
            None => format!("the header has no column {shown}"),
        };
        self.faults.insert(fault);
        0
    }
}
