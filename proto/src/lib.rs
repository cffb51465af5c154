//! The treaty of Talanoa: what is true for every member, whoever wrote the software.
//!
//! `PROTOCOL.md` is the normative text; each module names its section. This crate is pure: bytes and
//! `now` come in, a verdict comes out. No socket, no file, no clock, no randomness, no task.
//!
//! ```text
//!   bytes ──shape──▶ Envelope ──▶ Object ──proof──▶ VerifiedEntry ──permission──▶ Permitted
//!          envelope.rs   identity, release, grant …    trusted.rs        consent.rs
//! ```
//!
//! Each door changes the type; the last two have private fields and one constructor, so a check that
//! is forgotten does not compile.

pub mod application;
pub mod armour;
pub mod canonical;
pub mod carriage;
pub mod charter;
pub mod checkpoint;
pub mod chunk;
pub mod circle;
pub mod consent;
pub mod entry;
pub mod envelope;
pub mod error;
pub mod grant;
pub mod id;
pub mod identity;
pub mod limits;
pub mod merkle;
pub mod object;
pub mod release;
pub mod trusted;

/// Generated from `talanoa/v1/*.proto`; a test regenerates and compares. Generated types stop at the
/// threshold: only translations and the two ends of a connection say `wire::`.
#[allow(clippy::all, unused_qualifications)]
#[rustfmt::skip]
pub mod wire {
    include!("wire/talanoa.v1.rs");
}

/// The definitions themselves, for gRPC reflection.
#[cfg(feature = "grpc")]
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("wire/talanoa.v1.binpb");

pub use error::Code;
