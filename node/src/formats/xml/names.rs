//! Names, characters and namespaces, as XML and its namespaces allow them; quick-xml looks at none of them.

use std::collections::{HashMap, HashSet};

use talanoa_proto::limits;

use super::{
    super::{
        model::{Pairs, RECORD_BYTES_MAX},
        stop::Stop,
    },
    faults::syntax,
};
use crate::intake::{Fault, cell};

/// Fewer attributes are compared with each other, more are put into a set.
const COMPARED_MAX: usize = 32;

/// No id of the standard is so long; one of a megabyte is no name.
pub fn check_name(name: &str) -> Result<(), Stop> {
    if name.len() > limits::NAME_BYTES_MAX {
        let message = format!("the name {} is too long", cell::shown(name.as_bytes()));
        return Err(Fault::error("xml.name", message).into());
    }
    let (prefix, local) = name.split_once(':').unwrap_or(("x", name));
    if is_name(prefix) && is_name(local) {
        return Ok(());
    }
    Err(syntax(&format!("{} is no name", cell::shown(name.as_bytes()))))
}

fn is_name(part: &str) -> bool {
    let begins = |b: &u8| b.is_ascii_alphabetic() || *b == b'_' || !b.is_ascii();
    let bytes = part.as_bytes();
    bytes.first().is_some_and(begins)
        && bytes.iter().all(|b| begins(b) || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
}

/// A character that no document may have, as it is or as a number.
pub fn check_chars(text: &str) -> Result<(), Stop> {
    let is_doubtful = |b: &u8| *b < b' ' || *b == 0xef;
    if !text.as_bytes().iter().any(is_doubtful) {
        return Ok(());
    }
    let is_bad = |c: &char| {
        c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r' | '\x7f')
            || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    match text.chars().find(is_bad) {
        None => Ok(()),
        Some(bad) => Err(syntax(&format!("the character U+{:04X} may not be in XML", u32::from(bad)))),
    }
}

/// `xmlns:m="…"`: `m`; of `xmlns="…"` nothing.
fn declared(name: &str) -> Option<&str> {
    if name == "xmlns" { Some("") } else { name.strip_prefix("xmlns:") }
}

/// What the prefixes mean, for the elements in hand.
#[derive(Debug, Default)]
pub struct Namespaces {
    /// The last is the one that is meant.
    bound: HashMap<String, Vec<String>>,
    /// In the order in which they were declared, with the depth of their elements.
    declared: Vec<(usize, String)>,
    bytes: usize,
}

impl Namespaces {
    /// The attributes of an element that begins at this depth.
    pub fn enter(&mut self, depth: usize, attributes: &Pairs) -> Result<(), Stop> {
        for (name, uri) in attributes.iter() {
            let Some(prefix) = declared(name).filter(|prefix| !prefix.is_empty()) else { continue };
            self.bytes += 2 * prefix.len() + uri.len();
            if self.bytes > RECORD_BYTES_MAX {
                let message =
                    format!("more than {RECORD_BYTES_MAX} bytes of namespaces; reading stopped here");
                return Err(Fault::error("record.bytes", message).into());
            }
            if uri.is_empty() {
                return Err(syntax(&format!("the prefix {prefix} is bound to nothing")));
            }
            self.bound.entry(prefix.to_owned()).or_default().push(uri.to_owned());
            self.declared.push((depth, prefix.to_owned()));
        }
        Ok(())
    }

    /// The element that began at this depth has ended.
    pub fn leave(&mut self, depth: usize) {
        while let Some((_, prefix)) = self.declared.pop_if(|(of, _)| *of >= depth) {
            let uris = self.bound.get_mut(&prefix);
            let uri = uris.and_then(Vec::pop).unwrap_or_default();
            self.bytes = self.bytes.saturating_sub(2 * prefix.len() + uri.len());
        }
    }

    pub fn check_prefix(&self, prefix: &str) -> Result<(), Stop> {
        if prefix.is_empty() || self.meaning(prefix).is_some() {
            return Ok(());
        }
        Err(syntax(&format!("the prefix {} is bound to no namespace", cell::shown(prefix.as_bytes()))))
    }

    fn meaning(&self, prefix: &str) -> Option<&str> {
        match prefix {
            "xml" => Some("http://www.w3.org/XML/1998/namespace"),
            _ => self.bound.get(prefix).and_then(|uris| uris.last()).map(String::as_str),
        }
    }

    /// No attribute is there twice, neither as it is written nor as its prefix means it.
    pub fn check_attributes(&self, attributes: &Pairs) -> Result<(), Stop> {
        let mut prefixed = 0;
        for (prefix, _) in attributes.iter().filter_map(|(name, _)| name.split_once(':')) {
            if prefix != "xmlns" {
                self.check_prefix(prefix)?;
                prefixed += 1;
            }
        }
        let written = attributes.iter().map(|(name, _)| ("", name));
        let mut twice = second(attributes.len(), written);
        if prefixed > 1 && twice.is_none() {
            let meant = attributes.iter().filter_map(|(name, _)| name.split_once(':'));
            let meant = meant.map(|(prefix, local)| (self.meaning(prefix).unwrap_or(prefix), local));
            twice = second(attributes.len(), meant);
        }
        match twice {
            None => Ok(()),
            Some(name) => {
                let message = format!("the attribute {} is there twice", cell::shown(name.as_bytes()));
                Err(Fault::error("xml.duplicate", message).into())
            }
        }
    }
}

/// Of so many names about, with their namespaces, one that is not the first of its kind.
fn second<'n>(about: usize, mut names: impl Iterator<Item = (&'n str, &'n str)> + Clone) -> Option<&'n str> {
    let found = if about <= COMPARED_MAX {
        let all = names.clone();
        names
            .enumerate()
            .find(|(n, name)| all.clone().take(*n).any(|other| other == *name))
            .map(|(_, name)| name)
    } else {
        let mut seen = HashSet::new();
        names.find(|name| !seen.insert(*name))
    };
    found.map(|(_, local)| local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_characters_are_those_of_xml() {
        for good in ["a", "_a.b-c9", "m:Obs", "é:ü"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "9a", "-a", ".a", "a:", ":a", "a:b:c", "a\"b", "a<b", "a:9"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_chars("a\t\r\n é\u{fefe}\u{fffd}\u{10ffff}").is_ok());
        for bad in ["\u{1}", "a\u{8}", "\u{b}", "\u{1f}", "é\u{fffe}", "\u{ffff}"] {
            assert!(check_chars(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn prefixes_are_bound_inside_of_their_elements() {
        let pairs = |all: &[(&str, &str)]| {
            let mut pairs = Pairs::default();
            all.iter().for_each(|(id, value)| pairs.push(id, value).unwrap());
            pairs
        };
        let mut names = Namespaces::default();
        names.enter(1, &pairs(&[("xmlns:a", "x"), ("xmlns", "y"), ("b", "z")])).unwrap();
        names.enter(2, &pairs(&[("xmlns:a", "y"), ("xmlns:b", "y")])).unwrap();
        assert!(names.check_attributes(&pairs(&[("a:q", ""), ("b:r", ""), ("q", "")])).is_ok());
        assert!(names.check_attributes(&pairs(&[("a:q", ""), ("b:q", "")])).is_err());
        names.leave(2);
        assert_eq!((names.meaning("a"), names.meaning("b")), (Some("x"), None));
        assert!(names.check_prefix("xml").is_ok() && names.check_prefix("b").is_err());
        names.leave(1);
        assert_eq!((names.meaning("a"), names.bytes), (None, 0));
        assert!(names.enter(1, &pairs(&[("xmlns:a", "")])).is_err());
    }
}
