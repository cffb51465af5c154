//! The second guard of JSON: depth and length, before serde_json sees a byte.
//!
//! It follows brackets and strings and nothing else; whether the text is JSON the parser says. What it
//! learns, and what a visitor wants to say besides serde's own error, goes through [`Shared`].

use std::{
    cell::{Cell, RefCell},
    collections::hash_map::RandomState,
    hash::BuildHasher,
    io::{self, Read},
};

use serde::de::Error;

use super::super::{
    model::{DEPTH_MAX, RECORD_BYTES_MAX},
    plain::Plain,
};
use crate::intake::Fault;

/// Between the guard below the parser and the visitors above it.
#[derive(Debug, Default)]
pub struct Shared {
    line: Cell<u64>,
    /// Bytes that the value in hand may still have; 0: no value is held.
    left: Cell<usize>,
    fault: RefCell<Option<Fault>>,
    /// Of keys, only those of this share are remembered: (so many shares, this one).
    share: (u64, u64),
    /// Keyed anew in every run: nobody can craft keys that collide.
    hasher: RandomState,
    /// Keys of the objects in hand.
    remembered: Cell<usize>,
    /// Keys that were not remembered for want of room.
    unremembered: Cell<u64>,
    /// Bytes of component values that are kept.
    values: Cell<usize>,
    /// A definition is written as only 2.x writes it.
    pub is_v2: Cell<bool>,
}

impl Shared {
    pub fn line(&self) -> u64 {
        self.line.get()
    }

    /// The next value is held as a whole; it may have so many bytes.
    pub fn hold(&self) {
        self.left.set(RECORD_BYTES_MAX);
    }

    pub fn release(&self) {
        self.left.set(0);
    }

    /// Ends the reading, because of this and not of what the parser will say.
    pub fn stop<E: Error>(&self, fault: Fault) -> E {
        self.note(fault);
        E::custom("stopped")
    }

    fn note(&self, fault: Fault) {
        let has_place = fault.row.is_some() || fault.offset.is_some();
        let fault = if has_place { fault } else { fault.at(self.line()) };
        self.fault.borrow_mut().get_or_insert(fault);
    }

    /// For another pass that remembers the keys of one share; whose share a key is, all passes agree on.
    pub fn of_share(&self, shares: u64, share: u64) -> Self {
        Self { share: (shares, share), hasher: self.hasher.clone(), ..Self::default() }
    }

    pub fn hash(&self, key: &str) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Whether a key of this hash is to be remembered.
    pub fn is_shared(&self, hash: u64) -> bool {
        let (shares, share) = self.share;
        shares < 2 || hash % shares == share
    }

    pub fn may_remember(&self, max: usize) -> bool {
        self.remembered.get() < max
    }

    pub fn remember(&self, keys: usize) {
        self.remembered.set(self.remembered.get() + keys);
    }

    pub fn forget(&self, keys: usize) {
        self.remembered.set(self.remembered.get().saturating_sub(keys));
    }

    pub fn unremembered(&self) -> u64 {
        self.unremembered.get()
    }

    pub fn pass_over(&self) {
        self.unremembered.set(self.unremembered.get() + 1);
    }

    /// All that was spent with this.
    pub fn spend_values(&self, bytes: usize) -> usize {
        self.values.set(self.values.get() + bytes);
        self.values.get()
    }

    pub fn take_fault(&self) -> Option<Fault> {
        self.fault.borrow_mut().take()
    }
}

pub struct Guard<'s, R: Read> {
    plain: Plain<R>,
    shared: &'s Shared,
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    /// Of the string or the number in hand.
    token_bytes: usize,
}

impl<'s, R: Read> Guard<'s, R> {
    pub fn new(input: R, shared: &'s Shared) -> Self {
        shared.line.set(1);
        Self {
            plain: Plain::new(input),
            shared,
            depth: 0,
            in_string: false,
            is_escaped: false,
            token_bytes: 0,
        }
    }

    #[inline]
    fn step(&mut self, byte: u8) -> Result<(), Fault> {
        self.token_bytes += 1;
        match (self.in_string, byte) {
            (true, _) if self.is_escaped => self.is_escaped = false,
            (true, b'\\') => self.is_escaped = true,
            (true, b'"') => self.in_string = false,
            (true, _) => {}
            (false, b'"') => {
                self.in_string = true;
                self.token_bytes = 0;
            }
            (false, b'{' | b'[') => {
                self.depth += 1;
                self.token_bytes = 0;
            }
            (false, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
            (false, b',' | b':' | b' ' | b'\t' | b'\r' | b'\n') => self.token_bytes = 0,
            (false, _) => {}
        }
        if self.depth > DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} brackets inside each other; reading stopped here");
            return Err(Fault::error("json.depth", message));
        }
        let left = self.shared.left.get();
        self.shared.left.set(left.saturating_sub(1));
        if self.token_bytes > RECORD_BYTES_MAX || left == 1 {
            let message = format!("a value is longer than {RECORD_BYTES_MAX} bytes; reading stopped here");
            return Err(Fault::error("record.bytes", message));
        }
        Ok(())
    }
}

impl<R: Read> Read for Guard<'_, R> {
    /// One byte, whatever is asked for: what is shared must be true to the byte.
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(place) = buffer.first_mut() else { return Ok(0) };
        let byte = match self.plain.next_byte() {
            Ok(Some(byte)) => byte,
            Ok(None) => return Ok(0),
            Err(error) => {
                self.plain.take_fault().into_iter().for_each(|fault| self.shared.note(fault));
                return Err(error);
            }
        };
        if let Err(fault) = self.step(byte) {
            self.shared.note(fault);
            return Err(io::ErrorKind::InvalidData.into());
        }
        *place = byte;
        self.shared.line.set(self.plain.line());
        Ok(1)
    }
}
