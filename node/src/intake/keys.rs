//! Finds rows of one key. Both rows stay: a country may have two surveys of one year.
//!
//! A 128-bit hash stands for the key, so that memory is bounded by rows and never by their cells; it is
//! cryptographic, so that nobody can craft a file whose different keys look equal.

use std::collections::{HashMap, hash_map::Entry};

use super::fault::{Fault, Faults};

pub struct Keys {
    first_seen: HashMap<[u8; 16], u64>,
    keys_max: usize,
    is_full: bool,
    /// The key in hand; kept for its memory alone.
    joined: Vec<u8>,
}

impl Keys {
    pub fn new(keys_max: usize) -> Self {
        Self { first_seen: HashMap::new(), keys_max, is_full: false, joined: Vec::new() }
    }

    pub fn add<'a>(&mut self, line: u64, parts: impl Iterator<Item = &'a [u8]>, faults: &mut Faults) {
        if self.is_full {
            return;
        }
        match self.first_seen.entry(digest(parts, &mut self.joined)) {
            Entry::Occupied(first) => {
                let message = format!("the same key as row {}; both are kept", first.get());
                faults.push(Fault::warning("key.duplicate", message).at(line));
                return;
            }
            Entry::Vacant(free) => free.insert(line),
        };
        if self.first_seen.len() > self.keys_max {
            self.is_full = true;
            self.first_seen = HashMap::new();
            let message =
                format!("more than {} keys: duplicates were looked for above this row only", self.keys_max);
            faults.push(Fault::warning("key.unchecked", message).at(line));
        }
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
    use super::*;

    #[test]
    fn a_key_is_its_parts_and_not_their_letters() {
        let (mut keys, mut faults) = (Keys::new(9), Faults::default());
        for (line, parts) in
            [["a", "bc"], ["ab", "c"], ["abc", ""], ["", "abc"], ["ab", "c"]].iter().enumerate()
        {
            keys.add(line as u64, parts.iter().map(|p| p.as_bytes()), &mut faults);
        }
        let found: Vec<_> = faults.kept().iter().map(|f| (f.row, f.message.as_str())).collect();
        assert_eq!(found, [(Some(4), "the same key as row 1; both are kept")]);
    }
}
