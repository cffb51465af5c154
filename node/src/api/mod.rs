//! The doors: node to node, and operator to node. Thin: decode, ask a room, encode.

pub mod accept;
pub mod exchange;
pub mod operator;
pub mod places;
pub mod refusals;
