//! What a follower needs from whoever keeps things: a memory of the peer, and a shelf for files.
//!
//! Two tenants each: a folder ([`crate::directory::Directory`]) and a node's ledger and shelves. Both
//! are handed verified types only.

use std::future::Future;

use talanoa_proto::{
    chunk::VerifiedChunk,
    id::{Commitment, MemberId, ObjectId},
    release::Release,
    trusted::{Finding, TrustedPeer, VerifiedEntry},
    wire::Cursor,
};

use crate::error::KeepError;

/// What one peer said so far, as far as it was made durable.
pub trait Memory: Send + Sync + 'static {
    /// The trusted state and the cursor from which to follow.
    fn recall(&self, peer: MemberId)
    -> impl Future<Output = Result<(TrustedPeer, Cursor), KeepError>> + Send;

    /// Makes one step of the feed durable, as a whole, before anything under it is shown to anybody.
    /// After a crash the step is received again: keeping is idempotent by commitment.
    fn commit(&self, peer: MemberId, step: Step) -> impl Future<Output = Result<(), KeepError>> + Send;

    /// Releases offered under a live grant to read, selected by the follower and not on the shelf.
    fn wanted(&self, peer: MemberId) -> impl Future<Output = Result<Vec<Wanted>, KeepError>> + Send;

    /// A peer proved itself wrong: what it sent is kept as evidence.
    fn evidence(&self, peer: MemberId, what: String) -> impl Future<Output = ()> + Send;
}

#[derive(Debug, Default)]
pub struct Step {
    /// The signed note of the head under which the entries were verified.
    pub head: Vec<u8>,
    pub entries: Vec<(VerifiedEntry, Finding)>,
    /// `None`: another member carried it.
    pub cursor: Option<Cursor>,
}

#[derive(Clone, Debug)]
pub struct Wanted {
    pub commitment: Commitment,
    pub release: Release,
    pub grant: ObjectId,
}

/// Where the files of a release come to rest.
pub trait Shelf: Send + Sync + 'static {
    type Partial: Partial;

    fn holds(&self, release: &Commitment, distribution: u32) -> bool;

    /// Opens what an earlier transfer left, or starts anew. `bytes` is the file's size in the manifest.
    fn partial(
        &self,
        release: &Commitment,
        distribution: u32,
        bytes: u64,
    ) -> Result<Self::Partial, KeepError>;

    /// Every file of the release is complete: makes it durable and visible, in one step.
    fn keep(&self, release: &Commitment, distributions: u32) -> Result<(), KeepError>;
}

/// One file on its way. Synchronous: called from a blocking thread.
pub trait Partial: Send + 'static {
    /// Page list and pages, end to end, as received and checked.
    fn read_pages(&mut self, offset: u64, bytes: usize) -> Result<Vec<u8>, KeepError>;
    fn write_pages(&mut self, offset: u64, bytes: &[u8]) -> Result<(), KeepError>;
    fn read(&mut self, offset: u64, bytes: usize) -> Result<Vec<u8>, KeepError>;
    fn write(&mut self, offset: u64, chunk: &VerifiedChunk) -> Result<(), KeepError>;
    /// Durable before [`Shelf::keep`].
    fn sync(&mut self) -> Result<(), KeepError>;
}

/// Both at once: what [`crate::follow::follow`] asks for.
pub trait Keeper: Memory + Shelf {}

impl<T: Memory + Shelf> Keeper for T {}
