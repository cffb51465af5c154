//! What is wrong with a file: all of it, in the order of the file, bounded in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Faults kept one by one; the rest are counted.
const KEPT_MAX: usize = 1000;
/// Of these, places that only the rarer codes may take: a flood of one fault must not hide the others.
const KEPT_FOR_RARE: usize = 200;
/// Rows named of one sentence.
const ROWS_SHOWN_MAX: usize = 5;
/// Different sentences shown of one code before "and so many more".
const SHOWN_MAX: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Cannot be read as what it claims to be: refused.
    Error,
    /// Readable but doubtful: published, and listed in the manifest.
    Warning,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub severity: Severity,
    pub code: &'static str,
    /// Line of the file, the header is 1. `None`: the file as a whole.
    pub row: Option<u64>,
    /// Byte of the file, the first is 0; where no row can be told.
    pub offset: Option<u64>,
    pub message: String,
}

impl Fault {
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, row: None, offset: None, message: message.into() }
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    pub fn at(self, row: u64) -> Self {
        Self { row: Some(row), ..self }
    }

    pub fn at_byte(self, offset: u64) -> Self {
        Self { offset: Some(offset), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.severity == Severity::Error { "error" } else { "warning" };
        match self.row {
            Some(row) => write!(f, "{severity} {} in row {row}: {}", self.code, self.message),
            None => write!(f, "{severity} {}: {}", self.code, self.message),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    kept: Vec<Fault>,
    /// How often a sentence was said of a code, for as many as are shown.
    equal: BTreeMap<&'static str, BTreeMap<String, u64>>,
    counts: BTreeMap<&'static str, u64>,
    errors: u64,
}

impl Faults {
    pub fn push(&mut self, fault: Fault) {
        let count = self.counts.entry(fault.code).or_default();
        *count += 1;
        self.errors += u64::from(fault.severity == Severity::Error);
        let said = self.equal.entry(fault.code).or_default();
        if let Some(times) = said.get_mut(&fault.message) {
            *times += 1;
        } else if said.len() < SHOWN_MAX {
            said.insert(fault.message.clone(), 1);
        }
        let max = if *count <= SHOWN_MAX as u64 { KEPT_MAX } else { KEPT_MAX - KEPT_FOR_RARE };
        if self.kept.len() < max {
            self.kept.push(fault);
        }
    }

    /// In the order of the file, without those that are only counted.
    pub fn kept(&self) -> &[Fault] {
        &self.kept
    }

    /// All of them, also those that are only counted: equal ones in their words, the others without any.
    pub fn each(&self, mut tell: impl FnMut(Fault)) {
        self.kept.iter().for_each(|fault| tell(fault.clone()));
        for (code, count) in &self.counts {
            let kept = || self.kept.iter().filter(|f| f.code == *code);
            let mut left = count - kept().count() as u64;
            let Some(first) = kept().next() else { continue };
            for (message, times) in self.equal.get(code).into_iter().flatten() {
                let told = kept().filter(|f| f.message == *message);
                let like = told.clone().next().unwrap_or(first);
                let more = times - told.count() as u64;
                let again = Fault { message: message.clone(), row: None, offset: None, ..like.clone() };
                (0..more).for_each(|_| tell(again.clone()));
                left -= more;
            }
            let other = Fault { message: "and more".into(), row: None, offset: None, ..first.clone() };
            (0..left).for_each(|_| tell(other.clone()));
        }
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// (code, how often, message of the first), in order of code: what goes into a manifest.
    pub fn by_code(&self) -> Vec<(&'static str, u64, String)> {
        let first =
            |code| self.kept.iter().find(|f| f.code == code).map(ToString::to_string).unwrap_or_default();
        self.counts.iter().map(|(code, count)| (*code, *count, first(*code))).collect()
    }

    /// One line for what is said of one row or of many; the first row is named.
    pub fn lines(&self) -> Vec<String> {
        let mut shown: BTreeSet<(&str, &str)> = BTreeSet::new();
        let mut told: BTreeMap<&str, u64> = BTreeMap::new();
        let mut lines = Vec::new();
        for fault in &self.kept {
            let times = self.equal.get(fault.code).and_then(|said| said.get(&fault.message));
            let Some(times) = times.filter(|_| shown.insert((fault.code, &fault.message))) else { continue };
            *told.entry(fault.code).or_default() += times;
            lines.push(if *times == 1 { fault.to_string() } else { self.line(fault, *times) });
        }
        for (code, count) in &self.counts {
            let shown = told.get(code).copied().unwrap_or_default();
            if *count > shown {
                lines.push(format!("and {} more of {code}", grouped(count - shown)));
            }
        }
        lines
    }

    /// With the first rows: who corrects a file by hand looks for them.
    fn line(&self, fault: &Fault, times: u64) -> String {
        let equal = self.kept.iter().filter(|f| f.code == fault.code && f.message == fault.message);
        let rows: Vec<String> =
            equal.filter_map(|f| f.row).take(ROWS_SHOWN_MAX).map(|row| row.to_string()).collect();
        let severity = if fault.severity == Severity::Error { "error" } else { "warning" };
        let more =
            if times > rows.len() as u64 { format!(" ({} times)", grouped(times)) } else { String::new() };
        match rows.as_slice() {
            [] => format!("{severity} {}: {}{more}", fault.code, fault.message),
            rows => format!("{severity} {} in rows {}: {}{more}", fault.code, rows.join(", "), fault.message),
        }
    }

    pub fn promote_warnings(&mut self) {
        self.errors = self.total();
        self.kept.iter_mut().for_each(|f| f.severity = Severity::Error);
    }
}

/// 9980 as people read it: 9,980.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A file that was not taken, and every reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refused {
    pub faults: Faults,
}

impl Refused {
    pub fn of(fault: Fault) -> Self {
        let mut faults = Faults::default();
        faults.push(fault);
        Self { faults }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file was refused, nothing was published:")?;
        self.faults.lines().iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_fault_hides_no_other() {
        let mut faults = Faults::default();
        (1..=1_234_567).for_each(|row| faults.push(Fault::error("csv.columns", "1 cells").at(row)));
        faults.push(Fault::warning("cell.formula", "late").at(1_234_568));
        assert_eq!((faults.total(), faults.kept().len()), (1_234_568, 801));
        let lines = faults.lines();
        assert_eq!(
            lines,
            [
                "error csv.columns in rows 1, 2, 3, 4, 5: 1 cells (1,234,567 times)",
                "warning cell.formula in row 1234568: late"
            ]
        );
        assert_eq!(faults.by_code()[0], ("cell.formula", 1, lines[1].clone()));
        (1..=50).for_each(|n| faults.push(Fault::warning("code.unknown", format!("X{n}"))));
        assert_eq!(faults.lines().len(), 23);
        assert_eq!(faults.lines()[22], "and 30 more of code.unknown");
    }

    #[test]
    fn what_is_handed_on_is_counted_as_it_was() {
        let mut faults = Faults::default();
        (1..=10_000).for_each(|row| faults.push(Fault::error("value", "\"bad\"").at(row)));
        (1..=3_000).for_each(|n| faults.push(Fault::warning("code", format!("X{n}")).at(n)));
        let mut handed = Faults::default();
        faults.each(|fault| handed.push(fault));
        assert_eq!((handed.total(), handed.errors), (13_000, 10_000));
        assert_eq!(handed.lines(), faults.lines());
    }

    #[test]
    fn no_more_than_the_maximum_is_kept() {
        let mut faults = Faults::default();
        for code in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] {
            (0..1000).for_each(|_| faults.push(Fault::warning(code, "x")));
        }
        assert_eq!((faults.total(), faults.kept().len()), (12_000, KEPT_MAX));
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([1, 999, 1000, 1_234_567].map(grouped), ["1", "999", "1,000", "1,234,567"]);
    }
}
