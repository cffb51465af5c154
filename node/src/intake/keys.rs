//! Finds rows of one key. Both rows stay: a country may have two surveys of one year.
//!
//! A 128-bit hash stands for the key, so that memory is bounded by rows and never by their cells; it is
//! cryptographic, so that nobody can craft a file whose different keys look equal. More keys than memory may
//! take go to a file in runs ([`super::runs`]), where there is a place for one.

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
};

use super::{Limits, fault::Fault, runs::Runs};

/// What is found, at its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Repeated {
        first: u64,
        line: u64,
    },
    /// No room is left: from here on nothing is found.
    Unchecked {
        line: u64,
        keys_max: usize,
    },
}

impl Found {
    pub fn fault(self) -> Fault {
        match self {
            Self::Repeated { first, line } => {
                let message = format!("the same key as row {first}; both are kept");
                Fault::warning("key.duplicate", message).at(line)
            }
            Self::Unchecked { line, keys_max } => {
                let message =
                    format!("more than {keys_max} keys: duplicates were looked for above this row only");
                Fault::warning("key.unchecked", message).at(line)
            }
        }
    }
}

pub struct Keys {
    first_seen: HashMap<[u8; 16], u64>,
    keys_max: usize,
    /// `None`: nowhere to go, or given up.
    runs: Option<Runs>,
    is_off: bool,
    failed: Option<io::Error>,
    /// The key in hand; kept for its memory alone.
    joined: Vec<u8>,
}

impl Keys {
    /// Of no key at all where `keys_max` is 0: somebody else looks.
    pub fn new(limits: &Limits) -> Self {
        Self {
            first_seen: HashMap::new(),
            keys_max: limits.keys_max,
            runs: limits.spill_dir.clone().map(Runs::new),
            is_off: limits.keys_max == 0,
            failed: None,
            joined: Vec::new(),
        }
    }

    pub fn add<'a>(&mut self, line: u64, parts: impl Iterator<Item = &'a [u8]>, tell: &mut dyn FnMut(Found)) {
        if self.is_off {
            return;
        }
        match self.first_seen.entry(digest(parts, &mut self.joined)) {
            Entry::Occupied(first) => {
                tell(Found::Repeated { first: *first.get(), line });
                return;
            }
            Entry::Vacant(free) => free.insert(line),
        };
        if self.first_seen.len() > self.keys_max {
            self.make_room(line, tell);
        }
    }

    fn make_room(&mut self, line: u64, tell: &mut dyn FnMut(Found)) {
        if let Some(runs) = &mut self.runs {
            let written = runs.write(self.first_seen.drain());
            self.is_off = written.is_err();
            self.failed = written.err();
            return;
        }
        self.is_off = true;
        self.first_seen = HashMap::new();
        tell(Found::Unchecked { line, keys_max: self.keys_max });
    }

    /// Tells of keys that are the same in different runs. `Err`: the disk failed.
    pub fn end(mut self, tell: &mut dyn FnMut(Found)) -> io::Result<()> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let Some(mut runs) = self.runs.filter(|runs| !runs.is_empty()) else { return Ok(()) };
        runs.write(self.first_seen.drain())?;
        runs.merge(|first, line| tell(Found::Repeated { first, line }))
    }
}

fn digest<'a>(parts: impl Iterator<Item = &'a [u8]>, joined: &mut Vec<u8>) -> [u8; 16] {
    joined.clear();
    for part in parts {
        // With its length, or "a","bc" and "ab","c" were one key.
        joined.extend_from_slice(&(part.len() as u64).to_be_bytes());
        joined.extend_from_slice(part);
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&blake3::hash(joined).as_bytes()[..16]);
    digest
}

#[cfg(test)]
mod tests {
    use super::{super::fault::Faults, *};

    fn found(limits: &Limits, keys: &[&[&str]]) -> Vec<(u64, String)> {
        let (mut seen, mut faults) = (Keys::new(limits), Faults::default());
        for (line, parts) in keys.iter().enumerate() {
            seen.add(line as u64, parts.iter().map(|p| p.as_bytes()), &mut |found| {
                faults.push(found.fault())
            });
        }
        seen.end(&mut |found| faults.push(found.fault())).unwrap();
        let mut found: Vec<_> =
            faults.kept().iter().map(|f| (f.row.unwrap(), format!("{} {}", f.code, f.message))).collect();
        found.sort();
        found
    }

    #[test]
    fn a_key_is_its_parts_and_not_their_letters() {
        let limits = Limits { keys_max: 9, ..Limits::default() };
        let keys = found(&limits, &[&["a", "bc"], &["ab", "c"], &["abc", ""], &["", "abc"], &["ab", "c"]]);
        assert_eq!(keys, [(4, "key.duplicate the same key as row 1; both are kept".to_owned())]);
    }

    #[test]
    fn keys_that_do_not_fit_into_memory_are_looked_for_on_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let keys: Vec<String> = (0..50).map(|n| (n % 20).to_string()).collect();
        let parts: Vec<[&str; 1]> = keys.iter().map(|k| [k.as_str()]).collect();
        let parts: Vec<&[&str]> = parts.iter().map(|p| p.as_slice()).collect();
        let roomy = found(&Limits { keys_max: 100, ..Limits::default() }, &parts);
        assert_eq!(roomy.len(), 30);
        for keys_max in [1, 2, 3, 7, 19, 20, 49] {
            let limits = Limits { keys_max, spill_dir: Some(dir.path().to_owned()), ..Limits::default() };
            assert_eq!(found(&limits, &parts), roomy, "{keys_max} in memory");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "no file remains");
        let unchecked = found(&Limits { keys_max: 3, ..Limits::default() }, &parts);
        assert!(unchecked[0].1.starts_with("key.unchecked"), "{unchecked:?}");
        assert!(found(&Limits { keys_max: 0, ..Limits::default() }, &parts).is_empty());
    }
}
