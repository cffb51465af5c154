//! What every reader is given: where to pour, and what is known beforehand.

use super::{
    model::Sink,
    structure::{Catalogue, Dsd},
};

pub struct Reading<'a> {
    /// Given beside the file.
    pub definitions: Option<&'a Catalogue>,
    /// Filled by a structure message.
    pub found: &'a mut Catalogue,
    pub sink: &'a mut dyn Sink,
}

impl<'a> Reading<'a> {
    pub fn dsd_of(&self, kind: &str, structure: &str) -> Option<&'a Dsd> {
        self.definitions.and_then(|d| d.dsd_of(kind, structure))
    }
}
