//! The first reading: which columns there are, in which order, and what each can be typed as.

use std::path::Path;

use super::{
    TableError,
    places::Places,
    rows::{Cell, Source, Taker},
};
use crate::intake::{
    Limits, cell,
    keys::{self, Keys},
};

/// The column that marks them.
const MARK: &str = "REPEATED_KEY";
/// Rows that are marked; a file with more says the same again and again.
const REPEATED_MAX: usize = 4_000_000;
/// As many columns as any reader takes.
const COLUMNS_MAX: usize = 10_000;
/// A double holds every decimal of so many digits.
const EXACT_DIGITS_MAX: usize = 15;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Kind and id of the structure, in that order; only where the file names one.
    Structure,
    Dimension,
    Time,
    Measure,
    Attribute,
    /// A column of a plain table.
    Plain,
    /// Ours: whether the row has the key of an earlier one.
    Mark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Integer,
    /// Every value is a decimal that a double holds exactly as written.
    Double,
    Text,
    Boolean,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub id: String,
    pub role: Role,
    pub kind: Kind,
}

#[derive(Debug)]
pub struct Shape {
    pub columns: Vec<Column>,
    places: Places,
    /// Rows with the key of an earlier one, in order; the first is 1.
    repeated: Vec<u64>,
}

impl Shape {
    /// `dir` has room for the keys that do not fit into memory.
    pub fn of(source: &mut Source<'_>, dir: &Path) -> Result<Self, TableError> {
        let limits = Limits { spill_dir: Some(dir.to_owned()), ..Limits::default() };
        let (places, guesses, repeated) = (Places::default(), Vec::new(), Vec::new());
        let mut found = Found { places, guesses, rows: 0, keys: Keys::new(&limits), repeated };
        source.read(&mut found)?;
        found.shape()
    }

    pub fn repeated(&self) -> u64 {
        self.repeated.len() as u64
    }

    /// Shown to `inner` with their mark, where any row has one.
    pub fn marked<'a>(&'a self, inner: &'a mut dyn Taker) -> Marked<'a> {
        Marked { shape: self, inner, row: 0 }
    }

    pub fn is_sdmx(&self) -> bool {
        self.columns.iter().all(|c| c.role != Role::Plain)
    }

    /// A row's values, each in the place of its column.
    pub fn values<'c>(&self, cells: &[Cell<'c>]) -> Vec<Option<&'c str>> {
        let mut values = vec![None; self.columns.len()];
        for cell in cells {
            if let Some(place) = self.place(cell.role, cell.id) {
                values[place] = cell.value();
            }
        }
        values
    }

    pub fn place(&self, role: Role, id: &str) -> Option<usize> {
        self.places.find(role, id)
    }
}

/// What a column could still be.
#[derive(Clone, Copy, Debug)]
struct Guess {
    is_integer: bool,
    is_double: bool,
}

struct Found {
    places: Places,
    guesses: Vec<Guess>,
    rows: u64,
    keys: Keys,
    repeated: Vec<u64>,
}

impl Found {
    /// A plain table has no key.
    fn note_key(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError> {
        self.rows += 1;
        let is_key = |c: &&Cell<'_>| matches!(c.role, Role::Structure | Role::Dimension | Role::Time);
        if !cells.iter().any(|c| matches!(c.role, Role::Dimension)) {
            return Ok(());
        }
        let parts = cells.iter().filter(is_key).flat_map(|c| [c.id.as_bytes(), c.text.as_bytes()]);
        let repeated = &mut self.repeated;
        self.keys.add(self.rows, parts, &mut |found| note(repeated, found));
        if self.repeated.len() > REPEATED_MAX {
            return Err(TableError::NoTable(format!("more than {REPEATED_MAX} rows repeat a key")));
        }
        Ok(())
    }
}

fn note(repeated: &mut Vec<u64>, found: keys::Found) {
    if let keys::Found::Repeated { line, .. } = found {
        repeated.push(line);
    }
}

pub struct Marked<'a> {
    shape: &'a Shape,
    inner: &'a mut dyn Taker,
    row: u64,
}

impl Taker for Marked<'_> {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError> {
        self.row += 1;
        if self.shape.repeated.is_empty() {
            return self.inner.row(cells);
        }
        let is_repeated = self.shape.repeated.binary_search(&self.row).is_ok();
        let text = if is_repeated { "true" } else { "false" };
        let mark = Cell { role: Role::Mark, id: MARK, text };
        self.inner.row(&[cells, &[mark]].concat())
    }
}

impl Taker for Found {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError> {
        self.note_key(cells)?;
        for cell in cells {
            let place = match self.places.find(cell.role, cell.id) {
                Some(place) => place,
                None if self.places.len() >= COLUMNS_MAX => {
                    let message = format!("more than {COLUMNS_MAX} different components");
                    return Err(TableError::NoTable(message));
                }
                None => {
                    self.guesses.push(Guess { is_integer: true, is_double: true });
                    self.places.add(cell.role, cell.id)
                }
            };
            self.guesses[place].see(cell);
        }
        Ok(())
    }
}

impl Guess {
    fn see(&mut self, cell: &Cell<'_>) {
        // Codes look like numbers and are none: 007 is not 7.
        let may_be_number = matches!(cell.role, Role::Measure | Role::Plain);
        if !may_be_number {
            (self.is_integer, self.is_double) = (false, false);
            return;
        }
        let Some(text) = cell.value() else { return };
        self.is_integer &= text.parse::<i64>().is_ok_and(|n| n.to_string() == text);
        self.is_double &= is_exact(text);
    }
}

/// Whether a double says the same number; and, of a plain column, whether it is written as one.
fn is_exact(text: &str) -> bool {
    let digits = text.split(['e', 'E']).next().unwrap_or_default().bytes().filter(u8::is_ascii_digit);
    let digits: Vec<u8> = digits.skip_while(|d| *d == b'0').collect();
    let leads_with_zero = text
        .trim_start_matches('-')
        .strip_prefix('0')
        .is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()));
    cell::is_number(text.as_bytes()) && digits.len() <= EXACT_DIGITS_MAX && !leads_with_zero
}

impl Found {
    fn shape(mut self) -> Result<Shape, TableError> {
        let mut repeated = std::mem::take(&mut self.repeated);
        self.keys.end(&mut |found| note(&mut repeated, found))?;
        repeated.sort_unstable();
        let kind = |guess: &Guess| match guess {
            Guess { is_integer: true, .. } => Kind::Integer,
            Guess { is_double: true, .. } => Kind::Double,
            _ => Kind::Text,
        };
        let found = self.places.into_order().into_iter().zip(&self.guesses);
        let mut columns: Vec<Column> =
            found.map(|((role, id), guess)| Column { id, role, kind: kind(guess) }).collect();
        // Roles in the order of SDMX-CSV; within a role as the file showed them.
        columns.sort_by_key(|c| c.role);
        if !repeated.is_empty() {
            columns.push(Column { id: MARK.to_owned(), role: Role::Mark, kind: Kind::Boolean });
        }
        let mut places = Places::default();
        for column in &columns {
            places.add(column.role, &column.id);
        }
        Ok(Shape { columns, places, repeated })
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn what_a_double_would_change_stays_text() {
        for exact in ["0", "-0.5", "1e2", "123456789012345", "0.1", "100000"] {
            assert!(is_exact(exact), "{exact}");
        }
        for other in ["", "x", "007", "-01", "9223372036854775808", "1234567890.1234567", "INF", "1,5"] {
            assert!(!is_exact(other), "{other}");
        }
    }
}
