//! The guest: follows a Talanoa node, verifies everything it is given and keeps what it may.
//!
//! A node follows its peers with this very library, and an application can do the same with a key that
//! a member delegated to it. Start with [`follow::follow`] (the corridor) and [`directory::Directory`],
//! a keeper that needs nothing but a folder; `examples/follow.rs` runs as it is.
//!
//! Verification cannot be forgotten: a [`Keeper`] is handed [`VerifiedEntry`] and
//! [`VerifiedChunk`](talanoa_proto::chunk::VerifiedChunk) only, and nothing else can make one.

pub mod directory;
pub mod error;
pub mod follow;
pub mod keeper;
pub mod provenance;
pub mod session;
pub mod tls;
pub mod transfer;
pub mod verify;

pub use error::{KeepError, PeerError};
pub use keeper::{Keeper, Memory, Shelf};
pub use talanoa_proto as proto;
pub use talanoa_proto::trusted::VerifiedEntry;
