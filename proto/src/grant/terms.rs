//! The text that a grant may name.

use super::*;

/// What a grant asks of whoever reads; named by its hash, and travelling with every copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub origin: Origin,
    pub text: String,
}

impl Terms {
    /// What a grant names it by.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.text).into()
    }
}

impl Object for Terms {
    const TYPE: &'static str = "application/vnd.talanoa.terms.v1+protobuf";
    type Wire = wire::Terms;

    fn extensions(wire: &Self::Wire) -> &[wire::Extension] {
        &wire.extensions
    }

    fn from_wire(wire: Self::Wire) -> Result<Self, Invalid> {
        object::text("text", &wire.text, limits::TERMS_BYTES_MAX)?;
        if wire.text.is_empty() {
            return Err(Invalid::new("text", "is empty"));
        }
        let origin = Origin::from_wire(&wire.federation_id, &wire.member_id, wire.epoch)?;
        Ok(Self { origin, text: wire.text })
    }

    fn to_wire(&self) -> Self::Wire {
        wire::Terms {
            federation_id: self.origin.federation.to_bytes(),
            member_id: self.origin.member.to_bytes(),
            epoch: self.origin.epoch,
            text: self.text.clone(),
            extensions: Vec::new(),
        }
    }
}
