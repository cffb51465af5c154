//! What a single cell means under the mapping, or why it means nothing.

use std::collections::HashSet;

use super::{
    areas,
    decimal::{self, NotDecimal},
    file::Dimension,
};
use crate::intake::{Fault, Faults, cell};

/// Areas that are no countries, each told once: a region in a thousand rows is one thing to look at.
#[derive(Default)]
pub struct Strangers(HashSet<String>);

impl Strangers {
    const MAX: usize = 1000;
    const BYTES_MAX: usize = 256;

    /// Beyond what is remembered everyone is new.
    fn is_new(&mut self, written: &str) -> bool {
        if self.0.contains(written) {
            return false;
        }
        if self.0.len() < Self::MAX && written.len() <= Self::BYTES_MAX {
            self.0.insert(written.to_owned());
        }
        true
    }
}

/// What the mapping makes of a dimension's cell.
pub fn coded<'r>(
    dimension: &'r Dimension,
    written: &'r str,
    line: u64,
    strangers: &mut Strangers,
    faults: &mut Faults,
) -> Option<&'r str> {
    let id = &dimension.id;
    if written.is_empty() {
        faults.push(Fault::error("dimension.empty", format!("{id} is empty")).at(line));
        return None;
    }
    if let Some(scheme) = dimension.area {
        let area = areas::find(scheme, written);
        if area.is_none() && strangers.is_new(written) {
            let message = format!("{id} {} is no country; kept as written", cell::shown(written.as_bytes()));
            faults.push(Fault::warning("area.unknown", message).at(line));
        }
        return Some(area.map_or(written, |a| a.alpha2));
    }
    if dimension.codes.is_empty() {
        return Some(written);
    }
    let code = dimension.codes.get(written);
    if code.is_none() {
        let message =
            format!("{id} {} is not among the codes of the mapping", cell::shown(written.as_bytes()));
        faults.push(Fault::error("dimension.code", message).at(line));
    }
    code.map(String::as_str)
}

pub fn no_period(written: &str) -> Fault {
    let message = format!(
        "{} is no SDMX period; period.spelling and period.codes say how others are read",
        cell::shown(written.as_bytes())
    );
    Fault::error("period.illegal", message)
}

pub fn refusal(reason: NotDecimal, written: &str) -> Fault {
    let shown = cell::shown(written.as_bytes());
    match reason {
        NotDecimal::Infinite => {
            Fault::error("value.infinite", format!("{shown} is no number that can be published"))
        }
        NotDecimal::Range => {
            let max = decimal::DIGITS_MAX;
            Fault::error("value.range", format!("{shown} has more than {max} digits on a side of its point"))
        }
        NotDecimal::Text if written.is_empty() => {
            Fault::error("value.empty", "an empty value; if that means missing, add \"\" to missing")
        }
        NotDecimal::Text => {
            Fault::error("value.not_a_number", format!("{shown} is neither a number nor one of missing"))
        }
    }
}
