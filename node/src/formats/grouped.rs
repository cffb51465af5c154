//! Faults of one file: equal ones are one line with a count, whatever their number.

use std::collections::HashMap;

use crate::intake::{Fault, Severity};

/// Different sentences kept of one code; what comes after them is only counted.
const LINES_PER_CODE_MAX: usize = 20;

#[derive(Debug, Default)]
pub struct Grouped {
    groups: Vec<(Fault, u64)>,
    /// By code and sentence.
    places: HashMap<(&'static str, String), usize>,
    /// Groups of a code, and faults of it that are only counted.
    codes: Vec<(&'static str, usize, u64)>,
    errors: u64,
    total: u64,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub row: Option<u64>,
    pub code: &'static str,
    pub message: String,
    pub severity: Severity,
}

impl Grouped {
    pub fn push(&mut self, fault: Fault) {
        self.total += 1;
        self.errors += u64::from(fault.severity == Severity::Error);
        let key = (fault.code, fault.message.clone());
        if let Some((_, count)) = self.places.get(&key).and_then(|n| self.groups.get_mut(*n)) {
            *count += 1;
            return;
        }
        let known = self.codes.iter().position(|(code, ..)| *code == fault.code);
        let place = known.unwrap_or(self.codes.len());
        if known.is_none() {
            self.codes.push((fault.code, 0, 0));
        }
        let Some((_, groups, uncounted)) = self.codes.get_mut(place) else { return };
        if *groups < LINES_PER_CODE_MAX {
            *groups += 1;
            self.places.insert(key, self.groups.len());
            self.groups.push((fault, 1));
        } else {
            *uncounted += 1;
        }
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    /// One of each group.
    pub fn faults(&self) -> impl Iterator<Item = Fault> + '_ {
        self.groups.iter().map(|(fault, _)| fault.clone())
    }

    pub fn lines(&self) -> Vec<Line> {
        let line = |(fault, count): &(Fault, u64)| Line {
            row: fault.row,
            code: fault.code,
            message: match count {
                1 => fault.message.clone(),
                _ => format!("{} ({count} times)", fault.message),
            },
            severity: fault.severity,
        };
        let more = self.codes.iter().filter(|(.., more)| *more > 0).map(|(code, _, more)| Line {
            row: None,
            code,
            message: format!("and {more} more of this kind"),
            severity: Severity::Warning,
        });
        self.groups.iter().map(line).chain(more).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_equal_faults_are_one_line_and_hide_no_other() {
        let mut faults = Grouped::default();
        (1..=10_000).for_each(|row| faults.push(Fault::error("value.infinite", "INF").at(row)));
        (1..=50).for_each(|row| faults.push(Fault::warning("code.unknown", format!("X{row}")).at(row)));
        let lines = faults.lines();
        assert_eq!((faults.total(), lines.len()), (10_050, 22));
        assert_eq!((lines[0].row, lines[0].message.as_str()), (Some(1), "INF (10000 times)"));
        assert_eq!(lines[21].message, "and 30 more of this kind");
    }
}
