//! The house: rooms in the order in which a release walks through them.

pub mod intake;
pub mod store;
