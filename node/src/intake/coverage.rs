//! Which periods and areas the rows of a table cover. Memory stays bounded whatever the file says.

use std::collections::BTreeSet;

use talanoa_proto::limits;

use super::{Table, period};

#[derive(Debug, Default)]
pub struct Periods {
    /// Start, and the period as it is written.
    first: Option<(i64, String)>,
    last: Option<(i64, String)>,
}

impl Periods {
    /// `false`: no legal period, and nothing changed. 1990 and 1990-01 begin together: the text decides, so that
    /// the order of rows and files does not.
    pub fn add(&mut self, written: &str) -> bool {
        let Some(start) = period::start(written) else { return false };
        let this = (start, written);
        if self.first.as_ref().is_none_or(|(start, text)| this < (*start, text)) {
            self.first = Some((start, written.to_owned()));
        }
        if self.last.as_ref().is_none_or(|(start, text)| this > (*start, text)) {
            self.last = Some((start, written.to_owned()));
        }
        true
    }

    pub fn first(&self) -> Option<&str> {
        self.first.as_ref().map(|(_, written)| written.as_str())
    }

    pub fn last(&self) -> Option<&str> {
        self.last.as_ref().map(|(_, written)| written.as_str())
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
    fn of_periods_that_begin_together_the_order_does_not_decide() {
        for order in [["2001-Q1", "2001"], ["2001", "2001-Q1"]] {
            let mut periods = Periods::default();
            assert!(order.iter().all(|p| periods.add(p)) && !periods.add("2000-Q5"));
            assert_eq!((periods.first(), periods.last()), (Some("2001"), Some("2001-Q1")));
        }
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
