//! Whether this node may sign a new head of its own journal.
//!
//! The likeliest way to sign two histories is not an attack: it is a backup that somebody restores. The
//! members who followed us hold heads that we signed, so they are asked before the first new signature.

use std::fmt;

use talanoa_proto::{checkpoint::Checkpoint, id::MemberId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    /// Members are being asked; commits of own entries wait.
    Waiting,
    /// A member holds a head of ours, and our journal contains it.
    Confirmed,
    /// No member that answered holds a head of ours: signed all the same, and said.
    Unconfirmed,
    /// A member holds a head that we signed and that our journal does not contain.
    Stopped(OwnHead),
}

/// A head of ours that a member showed us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnHead {
    pub member: MemberId,
    pub shown: Checkpoint,
    /// Size of our journal when it was shown.
    pub size: u64,
}

impl Signing {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting for peers",
            Self::Confirmed => "confirmed",
            Self::Unconfirmed => "unconfirmed",
            Self::Stopped(_) => "stopped",
        }
    }
}

impl fmt::Display for OwnHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, size) = (self.shown.size, self.size);
        if shown > size {
            write!(
                f,
                "a member holds our signed head of {shown} entries and this journal has {size}: this directory is an \
                 older copy"
            )
        } else {
            write!(
                f,
                "a member holds our signed head of {shown} entries with another root than this journal has: two \
                 copies of this node have signed"
            )
        }
    }
}
