//! The closed set of error codes, shared by every implementation (PROTOCOL.md section 10).
//!
//! A code is part of the contract: clients may act on it. It never carries private detail; the
//! sentence for people and the cause for the log are added where the error is shown.

use std::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $variant:ident = $text:literal, $retry:literal;)+) => {
        /// What went wrong, as a stable word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[doc = $doc])* $variant,)+ }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$variant,)+];

            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)+ }
            }

            /// Whether trying the same call again later can succeed without anybody changing anything.
            pub fn is_retryable(self) -> bool {
                match self { $(Code::$variant => $retry,)+ }
            }

            pub fn parse(text: &str) -> Option<Code> {
                match text { $($text => Some(Code::$variant),)+ _ => None }
            }
        }
    };
}

codes! {
    /// Bytes that are no canonical object of the claimed type.
    ObjectInvalid = "object.invalid", false;
    /// A critical extension or a version that this implementation does not know.
    ObjectUnsupported = "object.unsupported", false;
    /// A maximum of `limits.rs` was exceeded.
    LimitExceeded = "limit.exceeded", false;
    /// Too few valid signatures by the keys that may sign this object.
    SignatureInvalid = "signature.invalid", false;
    /// An identity chain that does not continue the one held.
    IdentityInvalid = "identity.invalid", false;
    /// A charter that is not signed by all that it lists, or names another federation.
    CharterInvalid = "charter.invalid", false;
    /// An object of another member, federation or epoch than the journal it came from.
    OriginMismatch = "origin.mismatch", false;
    /// Two signed heads of one journal that cannot both be true. Evidence: keep it.
    JournalFork = "journal.fork", false;
    /// A member holds a head of this node's own journal that the journal does not contain.
    JournalRolledBack = "journal.rolled_back", false;
    /// An inclusion or consistency proof that does not hold.
    JournalProof = "journal.proof", false;
    /// A number is missing between two releases that the grants show.
    JournalWithheld = "journal.withheld", false;
    /// The cursor is of another epoch or beyond the last step: take the catalogue.
    CursorOutOfRange = "cursor.out_of_range", false;
    /// A release that does not continue its dataset's chain.
    ReleaseInvalid = "release.invalid", false;
    /// A page or chunk that is not the one the manifest names.
    TransferCorrupt = "transfer.corrupt", true;
    /// Not available to the caller: hidden, ended, revoked, or never there. They look the same.
    NotFound = "not_found", false;
    /// The grant asks for something that this node does not enforce, or that the charter does not list.
    GrantUnsupported = "grant.unsupported", false;
    /// No grant, denial or receipt of that id, or more than one begins with that prefix.
    GrantUnknown = "grant.unknown", false;
    /// This machine's clock contradicts the highest time on record: nothing is given under grants.
    ClockSuspect = "clock.suspect", true;
    /// A receipt that does not match what was delivered.
    ReceiptInvalid = "receipt.invalid", false;
    /// The file was refused at publication; every fault is listed.
    IntakeRefused = "intake.refused", false;
    /// The peer's TLS refused us: our key is not on its list, or we are under denial there.
    PeerNotAdmitted = "peer.not_admitted", true;
    /// The peer could not be reached.
    PeerUnreachable = "peer.unreachable", true;
    /// The peer broke the protocol; what it sent was kept as evidence and nothing of it was accepted.
    PeerMisbehaved = "peer.misbehaved", false;
    /// The disk is full. Publishing stops, revoking still works.
    StorageFull = "storage.full", true;
    /// Stored bytes differ from what was acknowledged: run `talanoa fsck`.
    StorageDamaged = "storage.damaged", false;
    /// The node has no charter yet.
    NotReady = "node.not_ready", true;
    /// The node is stopping.
    Stopping = "node.stopping", true;
    /// A request that cannot be meant: wrong shape, unknown name.
    BadRequest = "request.invalid", false;
    /// A fault of this node, not of the caller. The log has the cause.
    Internal = "internal", true;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
