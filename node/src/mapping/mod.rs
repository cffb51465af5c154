//! A plain table under a mapping file: rows become observations with dimensions, period and attributes.
//!
//! Streaming, so that memory does not grow with the file. Nothing is guessed here: `talanoa map` proposes
//! ([`propose`]), a person reads and corrects, and this room does what the mapping says. Values are kept as
//! written beside their decimal spelling, and never pass through a float.

pub mod areas;
mod columns;
pub(crate) mod decimal;
mod encoding;
mod file;
pub mod infer;
mod pour;
pub mod propose;
mod read;
mod rules;
mod skip;
pub(crate) mod sum;
mod walk;
mod writing;

pub(crate) use encoding::Decoded;
pub use encoding::Encoding;
pub use file::{Mapping, MappingError};
pub use pour::pour;
pub use read::{read, read_within};

use crate::intake::Faults;

/// One value with all that says what it is. Borrowed from the row in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedObservation<'a> {
    /// Line of the file, the first is 1.
    pub row: u64,
    /// (id, value) in the order of the mapping file; areas as alpha-2.
    pub dimensions: &'a [(&'a str, &'a str)],
    pub period: Option<&'a str>,
    /// The cell as it is, without blanks around it.
    pub written: &'a str,
    /// As a decimal: `1234.50`. `None`: missing, `written` says in which way.
    pub value: Option<&'a str>,
    pub attributes: &'a [(&'a str, &'a str)],
}

/// What a whole file held. Counts are exact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records below the header that are not blank.
    pub data_rows: u64,
    /// With a value.
    pub observations: u64,
    /// Without one: empty, or one of the missing codes.
    pub missing: u64,
    /// As written; ordered by the start of the period.
    pub period_first: Option<String>,
    pub period_last: Option<String>,
    /// Of all values, exactly.
    pub sum: String,
    /// With errors among them the file is not what the mapping says; what was wrong was not handed on.
    pub faults: Faults,
}

#[cfg(test)]
mod tests;
