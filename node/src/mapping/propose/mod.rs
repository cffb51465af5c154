//! Looks at a table and proposes a mapping for it, with a comment for whatever was found.
//!
//! A proposal is a guess that a person reads: what is doubtful is said, and nothing is published from here.
//! The file is read three times as a stream; memory is bounded by columns, never by rows.

mod keys;
mod profile;
mod roles;
mod sniff;
mod spelling;
mod wide;
mod write;

use std::io::{self, Read};

use super::{Encoding, decimal::Locale};
use crate::intake::{Fault, Faults, IntakeError, Refused, cell};

/// How often a file is read, and each time from its beginning.
pub type Opener<'a> = dyn FnMut() -> io::Result<Box<dyn Read>> + 'a;

/// How a file is cut into cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    encoding: Encoding,
    delimiter: u8,
    skip_lines: u64,
}

/// The text of a mapping file. `name` is the file's: it may tell the year.
pub fn propose(open: &mut Opener, name: &str) -> Result<String, IntakeError> {
    let shape = sniff::shape(open)?;
    let profile = profile::profile(open()?, &shape)?;
    let twice = profile.named_twice();
    if !twice.is_empty() {
        let mut faults = Faults::default();
        for name in twice {
            let shown = cell::shown(name.as_bytes());
            let message = format!(
                "the header names {shown} twice, and no mapping can tell one from the other: rename one"
            );
            faults.push(Fault::error("csv.header", message).at(shape.skip_lines + 1));
        }
        return Err(Refused { faults }.into());
    }
    let locale = profile.locale();
    let roles = roles::assign(&profile, &locale, name);
    Ok(write::toml(&shape, &profile, &locale, &roles))
}

/// The ways of writing numbers that are told apart; of two that fit as well the first is proposed.
const LOCALES: [Locale; 7] = [
    Locale { decimal: '.', thousands: None, suffix: None },
    Locale { decimal: '.', thousands: Some(','), suffix: None },
    Locale { decimal: ',', thousands: None, suffix: None },
    Locale { decimal: ',', thousands: Some('.'), suffix: None },
    Locale { decimal: '.', thousands: Some(' '), suffix: None },
    Locale { decimal: ',', thousands: Some(' '), suffix: None },
    Locale { decimal: '.', thousands: Some('\''), suffix: None },
];
