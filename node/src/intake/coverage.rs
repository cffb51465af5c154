//! Which periods and areas the rows of a table cover. Memory stays bounded whatever the file says.

use std::collections::BTreeSet;

use talanoa_proto::limits;

use super::{Table, period};

#[derive(Default)]
pub struct Periods {
    /// Start, and the period as it is written.
    first: Option<(i64, String)>,
    last: Option<(i64, String)>,
}

impl Periods {
    /// `false`: no legal period, and nothing changed.
    pub fn add(&mut self, written: &str) -> bool {
        let Some(start) = period::start(written) else { return false };
        if self.first.as_ref().is_none_or(|(first, _)| start < *first) {
            self.first = Some((start, written.to_owned()));
        }
        if self.last.as_ref().is_none_or(|(last, _)| start > *last) {
            self.last = Some((start, written.to_owned()));
        }
        true
    }

    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub fn tell(self, table: &mut Table) {
        table.period_first = self.first.map(|(_, written)| written);
        table.period_last = self.last.map(|(_, written)| written);
    }
}

#[derive(Default)]
pub struct Areas(BTreeSet<String>);

impl Areas {
    pub fn add(&mut self, written: &str) {
        // What no release could name is not collected either.
        let nameable = !written.is_empty()
            && written.len() <= limits::NAME_BYTES_MAX
            && !written.chars().any(char::is_control);
        if nameable && self.0.len() < limits::AREAS_MAX && !self.0.contains(written) {
            self.0.insert(written.to_owned());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn tell(self, table: &mut Table) {
        table.areas = self.0.into_iter().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_periods_that_begin_together_the_first_written_is_told() {
        let (mut periods, mut table) = (Periods::default(), Table::default());
        assert!(periods.add("2001-Q1") && periods.add("2001") && !periods.add("2000-Q5"));
        periods.tell(&mut table);
        assert_eq!(table.period_first.as_deref(), Some("2001-Q1"));
        assert_eq!(table.period_last.as_deref(), Some("2001-Q1"));
    }

    #[test]
    fn areas_that_no_release_could_name_are_not_collected() {
        let (mut areas, mut table) = (Areas::default(), Table::default());
        let long = "A".repeat(limits::NAME_BYTES_MAX);
        for area in ["VUT", "FJI", "VUT", "", "A\nB", &long, &format!("{long}A")] {
            areas.add(area);
        }
        (0..2 * limits::AREAS_MAX).for_each(|n| areas.add(&format!("Z{n}")));
        areas.tell(&mut table);
        assert_eq!(table.areas.len(), limits::AREAS_MAX);
        assert_eq!(table.areas[..2], [long, "FJI".to_owned()]);
    }
}
