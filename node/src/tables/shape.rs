//! The first reading: which columns there are, in which order, and what each can be typed as.

use std::{borrow::Cow, collections::HashSet, path::Path};

use super::{
    TableError,
    places::Places,
    rows::{Cell, Source, Taker},
};
use crate::{
    formats::model::TIME_PERIOD,
    intake::{
        Limits, cell,
        keys::{self, Keys},
    },
    mapping::decimal::{Locale, normalise},
};

/// The column that marks them.
const MARK: &str = "REPEATED_KEY";
/// Rows that are marked; a file with more says the same again and again.
const REPEATED_MAX: usize = 4_000_000;
/// As many columns as any reader takes.
const COLUMNS_MAX: usize = 10_000;
/// A double holds every decimal of so many digits.
const EXACT_DIGITS_MAX: usize = 15;
/// As long as it is not too small or too large for any.
const EXACT_BYTES_MAX: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Kind and id of the structure, in that order; only where the file names one.
    Structure,
    /// What is to be done with the row, as SDMX-CSV says it: no column of any other form.
    Action,
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
    /// Every value is the shortest spelling of its double, but for zeros at the end and the exponent: none is
    /// changed.
    Double,
    Text,
    Boolean,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub id: String,
    /// The id, or where two roles share one, a name that is not yet taken.
    pub name: String,
    pub role: Role,
    pub kind: Kind,
    /// Some row has several values.
    pub is_many: bool,
}

/// What a row says of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Given<'c> {
    #[default]
    Nothing,
    One(&'c str),
    Many(Vec<&'c str>),
}

impl<'c> Given<'c> {
    fn add(&mut self, text: &'c str) {
        *self = match std::mem::take(self) {
            Self::Nothing => Self::One(text),
            Self::One(first) => Self::Many(vec![first, text]),
            Self::Many(mut all) => {
                all.push(text);
                Self::Many(all)
            }
        };
    }

    /// Several values as one text for people.
    pub fn joined(&self) -> Option<Cow<'c, str>> {
        match self {
            Self::Nothing => None,
            Self::One(text) => Some(Cow::Borrowed(text)),
            Self::Many(all) => Some(Cow::Owned(all.join("; "))),
        }
    }
}

#[derive(Debug)]
pub struct Shape {
    pub columns: Vec<Column>,
    places: Places,
    /// Rows with the key of an earlier one, in order; the first is 1.
    repeated: Vec<u64>,
    /// A row does not say of which structure it is.
    pub is_unnamed: bool,
}

impl Shape {
    /// `dir` has room for the keys that do not fit into memory.
    pub fn of(source: &mut Source<'_>, dir: &Path) -> Result<Self, TableError> {
        let limits = Limits { spill_dir: Some(dir.to_owned()), ..Limits::default() };
        let (places, guesses, repeated) = Default::default();
        let keys = Keys::new(&limits);
        let mut found = Found { places, guesses, rows: 0, keys, repeated, is_unnamed: false };
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

    /// A row's values, each in the place of its column, without those that say that there is none.
    pub fn values<'c>(&self, cells: &[Cell<'c>]) -> Vec<Given<'c>> {
        self.given(cells, |cell| cell.value())
    }

    /// A row's texts, as they are written.
    pub fn texts<'c>(&self, cells: &[Cell<'c>]) -> Vec<Given<'c>> {
        self.given(cells, |cell| Some(cell.text).filter(|text| !text.is_empty()))
    }

    fn given<'c>(&self, cells: &[Cell<'c>], of: impl Fn(&Cell<'c>) -> Option<&'c str>) -> Vec<Given<'c>> {
        let mut given = vec![Given::Nothing; self.columns.len()];
        for cell in cells {
            if let (Some(place), Some(text)) = (self.place(cell.role, cell.id), of(cell)) {
                given[place].add(text);
            }
        }
        given
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
    has_value: bool,
    is_many: bool,
    /// That had a cell; 0: none.
    last_row: u64,
}

struct Found {
    places: Places,
    guesses: Vec<Guess>,
    rows: u64,
    keys: Keys,
    repeated: Vec<u64>,
    is_unnamed: bool,
}

impl Found {
    fn place(&mut self, role: Role, id: &str) -> Result<usize, TableError> {
        if let Some(place) = self.places.find(role, id) {
            return Ok(place);
        }
        if self.places.len() >= COLUMNS_MAX {
            let message = format!("more than {COLUMNS_MAX} different components");
            return Err(TableError::NoTable(message));
        }
        let (has_value, is_many) = (false, false);
        self.guesses.push(Guess { is_integer: true, is_double: true, has_value, is_many, last_row: 0 });
        Ok(self.places.add(role, id))
    }

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
    fn dimensions(&mut self, ids: &[String]) {
        for id in ids {
            let role = if id == TIME_PERIOD { Role::Time } else { Role::Dimension };
            // Beyond the bound a row tells.
            let _ = self.place(role, id);
        }
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TableError> {
        self.note_key(cells)?;
        self.is_unnamed |=
            !cells.iter().any(|c| c.id == "STRUCTURE_ID" && c.role == Role::Structure && !c.text.is_empty());
        for cell in cells.iter().filter(|c| c.role != Role::Action) {
            let place = self.place(cell.role, cell.id)?;
            self.guesses[place].see(cell, self.rows);
        }
        Ok(())
    }
}

impl Guess {
    fn see(&mut self, cell: &Cell<'_>, row: u64) {
        self.is_many |= self.last_row == row;
        self.last_row = row;
        self.has_value |= cell.value().is_some();
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
    let digits = text.bytes().filter(u8::is_ascii_digit);
    let significant = digits.skip_while(|d| *d == b'0').count();
    let leads_with_zero = text
        .trim_start_matches('-')
        .strip_prefix('0')
        .is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()));
    if !cell::is_number(text.as_bytes()) || leads_with_zero {
        return false;
    }
    let is_short = significant <= EXACT_DIGITS_MAX && text.len() <= EXACT_BYTES_MAX;
    is_short && !text.contains(['e', 'E']) || comes_back(text)
}

fn comes_back(text: &str) -> bool {
    let plain = |text: &str| {
        let decimal = normalise(text, &Locale::default()).ok()?;
        let cut = |d: &str| d.trim_end_matches('0').trim_end_matches('.').to_owned();
        Some(if decimal.contains('.') { cut(&decimal) } else { decimal })
    };
    let back = text.parse::<f64>().ok().and_then(|double| plain(&double.to_string()));
    back.is_some() && back == plain(text)
}

impl Found {
    fn shape(mut self) -> Result<Shape, TableError> {
        let mut repeated = std::mem::take(&mut self.repeated);
        self.keys.end(&mut |found| note(&mut repeated, found))?;
        repeated.sort_unstable();
        let kind = |role: Role, guess: &Guess| match guess {
            Guess { is_many: true, .. } => Kind::Text,
            Guess { has_value: false, .. } if role == Role::Measure => Kind::Double,
            Guess { has_value: false, .. } => Kind::Text,
            Guess { is_integer: true, .. } => Kind::Integer,
            Guess { is_double: true, .. } => Kind::Double,
            _ => Kind::Text,
        };
        let found: Vec<((Role, String), Guess)> =
            self.places.into_order().into_iter().zip(self.guesses).filter(|(_, g)| g.last_row > 0).collect();
        let has_measure = found.iter().any(|((role, _), g)| *role == Role::Measure && g.has_value);
        let is_needed = |role: Role, guess: &Guess| match role {
            // Of a file that names no structure, and of a table without a primary measure.
            Role::Structure => guess.has_value,
            Role::Measure => guess.has_value || !has_measure,
            _ => true,
        };
        let found = found.into_iter().filter(|((role, _), guess)| is_needed(*role, guess));
        let mut columns: Vec<Column> = found
            .map(|((role, id), guess)| {
                let (kind, name) = (kind(role, &guess), id.clone());
                Column { id, name, role, kind, is_many: guess.is_many }
            })
            .collect();
        // Roles in the order of SDMX-CSV; within a role as the definition or the file has them.
        columns.sort_by_key(|c| c.role);
        if !repeated.is_empty() {
            let (id, name) = (MARK.to_owned(), MARK.to_owned());
            columns.push(Column { id, name, role: Role::Mark, kind: Kind::Boolean, is_many: false });
        }
        name_apart(&mut columns);
        let mut places = Places::default();
        for column in &columns {
            places.add(column.role, &column.id);
        }
        Ok(Shape { columns, places, repeated, is_unnamed: self.is_unnamed })
    }
}

/// Readers of tables look a column up by its name: `UNIT`, and the second of them `UNIT_2`.
fn name_apart(columns: &mut [Column]) {
    let mut taken: HashSet<String> = columns.iter().map(|c| c.id.clone()).collect();
    let mut seen = HashSet::new();
    for column in columns {
        if seen.insert(column.id.clone()) {
            continue;
        }
        let free = (2..).map(|n| format!("{}_{n}", column.id)).find(|name| !taken.contains(name));
        column.name = free.unwrap_or_default();
        taken.insert(column.name.clone());
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn what_a_double_would_change_stays_text() {
        let exact = ["0", "-0.5", "1e2", "123456789012345", "0.1", "100000", "1.50", "1.088295652173913"];
        for exact in exact.into_iter().chain(["1234567890.1234567", "5e-324", "1E+22"]) {
            assert!(is_exact(exact), "{exact}");
        }
        let other = ["", "x", "007", "-01", "9223372036854775809", "0.10000000000000001", "INF", "1,5"];
        let small = format!("0.{}1", "0".repeat(400));
        for other in other.into_iter().chain(["1e-400", "9007199254740993", "9223372036854775808", &small]) {
            assert!(!is_exact(other), "{other}");
        }
    }
}
