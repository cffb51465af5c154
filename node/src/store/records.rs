//! What the ledger holds: one message per kind. Storage format of this program, never on the wire.
//!
//! Evolution: a new kind gets a new number; a field is added, never changed. A kind that is not known
//! stops the node at open, because a record that is skipped could be a consent taken back.

use bytes::Bytes;
use prost::Message;
use talanoa_proto::{
    entry::{self, Declared},
    id::{Commitment, MemberId},
    wire,
};

macro_rules! records {
    ($($number:literal $name:ident { $($body:tt)* })+) => {
        $(
            #[derive(Clone, PartialEq, Message)]
            pub struct $name { $($body)* }
        )+

        #[derive(Clone, Debug, PartialEq)]
        pub enum Record { $($name($name),)+ }

        impl Record {
            pub fn kind(&self) -> u8 {
                match self { $(Record::$name(_) => $number,)+ }
            }

            /// For people; empty for a kind that this version does not know.
            pub fn name(kind: u8) -> &'static str {
                match kind { $($number => stringify!($name),)+ _ => "" }
            }

            pub fn encode(&self) -> Vec<u8> {
                match self { $(Record::$name(r) => r.encode_to_vec(),)+ }
            }

            pub fn decode(kind: u8, payload: &[u8]) -> Result<Self, UnreadableRecord> {
                let unreadable = |_| UnreadableRecord { kind };
                match kind {
                    $($number => $name::decode(payload).map(Record::$name).map_err(unreadable),)+
                    _ => Err(UnreadableRecord { kind }),
                }
            }
        }

        $(impl From<$name> for Record {
            fn from(record: $name) -> Self { Record::$name(record) }
        })+
    };
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ledger record of kind {kind} cannot be read by this version: use the version that wrote it")]
pub struct UnreadableRecord {
    pub kind: u8,
}

records! {
    1 OwnEntry {
        #[prost(bytes = "bytes", tag = "1")] pub salt: Bytes,
        #[prost(bytes = "bytes", tag = "2")] pub envelope: Bytes,
    }
    // Verifies from its own bytes: the head under which it was proven lies beside it.
    2 ForeignEntry {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
        #[prost(uint64, tag = "2")] pub index: u64,
        #[prost(bytes = "bytes", tag = "3")] pub salt: Bytes,
        #[prost(bytes = "bytes", tag = "4")] pub envelope: Bytes,
        #[prost(bytes = "bytes", repeated, tag = "5")] pub inclusion: Vec<Bytes>,
        #[prost(bytes = "bytes", tag = "6")] pub note: Bytes,
    }
    3 PeerHead {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
        #[prost(bytes = "bytes", tag = "2")] pub note: Bytes,
    }
    4 PeerCursor {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
        #[prost(uint32, tag = "2")] pub epoch: u32,
        #[prost(uint64, tag = "3")] pub step: u64,
        #[prost(uint64, tag = "4")] pub after: u64,
    }
    // Genesis, signatures and everybody's card as they were when this node adopted it.
    5 CharterAdopted {
        #[prost(bytes = "bytes", tag = "1")] pub file: Bytes,
    }
    6 IdentityLearnt {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
        #[prost(bytes = "bytes", tag = "2")] pub event: Bytes,
    }
    7 EndpointLearnt {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
        #[prost(bytes = "bytes", tag = "2")] pub envelope: Bytes,
    }
    // Set by the operator; wins over what the peer's endpoint says.
    8 AddressSet {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
        #[prost(string, tag = "2")] pub address: String,
    }
    9 Followed {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
        #[prost(string, repeated, tag = "2")] pub datasets: Vec<String>,
        #[prost(bool, tag = "3")] pub offers_only: bool,
        // A member that carries it; empty: from its publisher.
        #[prost(bytes = "bytes", tag = "4")] pub via: Bytes,
        // Empty: the default one.
        #[prost(string, tag = "5")] pub purpose: String,
    }
    10 Unfollowed {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
    }
    // From here on these releases are gone for this node, whatever road they come by.
    11 Tombstone {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
        #[prost(bytes = "bytes", tag = "2")] pub revocation: Bytes,
        #[prost(bytes = "bytes", repeated, tag = "3")] pub grants: Vec<Bytes>,
        #[prost(message, repeated, tag = "4")] pub releases: Vec<Buried>,
    }
    12 ReceiptDelivered {
        #[prost(uint64, tag = "1")] pub index: u64,
        #[prost(uint64, tag = "2")] pub at: u64,
    }
    // Durable before the first byte of the transfer leaves.
    13 Access {
        #[prost(bytes = "bytes", tag = "1")] pub reader: Bytes,
        #[prost(bytes = "bytes", tag = "2")] pub release: Bytes,
        #[prost(bytes = "bytes", tag = "3")] pub grant: Bytes,
        #[prost(string, tag = "4")] pub purpose: String,
        #[prost(uint64, tag = "5")] pub started: u64,
        #[prost(uint32, tag = "6")] pub distribution: u32,
        #[prost(bytes = "bytes", tag = "7")] pub transfer: Bytes,
        // Id of the application key, where one read for its member.
        #[prost(bytes = "bytes", tag = "8")] pub application: Bytes,
        // Whose release it is, where this node carried it.
        #[prost(bytes = "bytes", tag = "9")] pub origin: Bytes,
    }
    14 AccessEnded {
        #[prost(bytes = "bytes", tag = "1")] pub transfer: Bytes,
        #[prost(uint64, tag = "2")] pub bytes: u64,
        #[prost(string, tag = "3")] pub outcome: String,
        #[prost(uint64, tag = "4")] pub at: u64,
    }
    // Written before the payload at that place is zeroed: a zeroed payload without one is rot.
    15 Erase {
        #[prost(bytes = "bytes", tag = "1")] pub position: Bytes,
        #[prost(string, tag = "2")] pub reason: String,
    }
    // A grant that began or ended by time: a feed step of its own.
    16 GrantEdge {
        #[prost(bytes = "bytes", tag = "1")] pub grant: Bytes,
        #[prost(bool, tag = "2")] pub ended: bool,
        #[prost(uint64, tag = "3")] pub at: u64,
    }
    17 Exported {
        #[prost(bytes = "bytes", tag = "1")] pub release: Bytes,
        #[prost(uint64, tag = "2")] pub at: u64,
    }
    18 Evidence {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
        #[prost(string, tag = "2")] pub what: String,
        #[prost(uint64, tag = "3")] pub at: u64,
    }
    // A receipt that a holder delivered to us, with its proof; checked before it was written.
    19 ReceiptTaken {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
        #[prost(uint64, tag = "2")] pub index: u64,
        #[prost(bytes = "bytes", tag = "3")] pub salt: Bytes,
        #[prost(bytes = "bytes", tag = "4")] pub envelope: Bytes,
        #[prost(bytes = "bytes", repeated, tag = "5")] pub inclusion: Vec<Bytes>,
        #[prost(bytes = "bytes", tag = "6")] pub note: Bytes,
        #[prost(uint64, tag = "7")] pub at: u64,
    }
    // A head that we signed and no longer have. From here on nothing is signed, restarts included.
    20 OwnHeadShown {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
        #[prost(bytes = "bytes", tag = "2")] pub note: Bytes,
        #[prost(uint64, tag = "3")] pub size: u64,
        #[prost(uint64, tag = "4")] pub at: u64,
    }
    // Time as it was accepted: it does not go below this again.
    21 ClockMark {
        #[prost(uint64, tag = "1")] pub at: u64,
    }
    // What a member brought us out of its journal, with its proof: an application key or its end, or a
    // statement of carriage; checked before it was written.
    22 EntryTaken {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
        #[prost(uint64, tag = "2")] pub index: u64,
        #[prost(bytes = "bytes", tag = "3")] pub salt: Bytes,
        #[prost(bytes = "bytes", tag = "4")] pub envelope: Bytes,
        #[prost(bytes = "bytes", repeated, tag = "5")] pub inclusion: Vec<Bytes>,
        #[prost(bytes = "bytes", tag = "6")] pub note: Bytes,
    }
    // That member has acknowledged such an entry of ours.
    23 EntryDelivered {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
        #[prost(uint64, tag = "2")] pub index: u64,
    }
    // A publisher was heard at that time: what it allowed us to carry is fresh.
    24 OriginHeard {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
        #[prost(uint64, tag = "2")] pub at: u64,
    }
    // A grant that was given to us ended by time, and copies may stay no longer.
    25 RetentionEnded {
        #[prost(bytes = "bytes", tag = "1")] pub member: Bytes,
        #[prost(bytes = "bytes", tag = "2")] pub grant: Bytes,
        #[prost(uint64, tag = "3")] pub purge_by: u64,
    }
}

impl EntryTaken {
    /// `None`: what should prove it is missing.
    pub fn of(member: MemberId, request: wire::DeliverRequest) -> Option<Self> {
        let (head, entry) = request.head.zip(request.entry)?;
        Some(Self {
            member: member.to_bytes(),
            index: entry.index,
            salt: entry.salt,
            envelope: entry.envelope,
            inclusion: entry.inclusion,
            note: head.checkpoint,
        })
    }
}

/// A release named in a tombstone: its index in the origin's journal, the bytes of its files here, and
/// where its manifest lies in this ledger.
#[derive(Clone, PartialEq, Message)]
pub struct Buried {
    #[prost(bytes = "bytes", tag = "1")]
    pub commitment: Bytes,
    #[prost(uint64, tag = "2")]
    pub index: u64,
    #[prost(uint64, tag = "3")]
    pub bytes: u64,
    #[prost(bytes = "bytes", tag = "4")]
    pub position: Bytes,
}

macro_rules! proven {
    ($record:expr) => {{
        let (member, index, salt, envelope) = ($record.member, $record.index, $record.salt, $record.envelope);
        let (inclusion, note) = ($record.inclusion, $record.note);
        Some(ForeignEntry { member, index, salt, envelope, inclusion, note })
    }};
}

impl Record {
    /// An entry of another member's journal that lies beside the head under which it was proven.
    pub fn proven(self) -> Option<ForeignEntry> {
        match self {
            Self::ForeignEntry(entry) => Some(entry),
            Self::ReceiptTaken(r) => proven!(r),
            Self::EntryTaken(r) => proven!(r),
            _ => None,
        }
    }

    /// Salt and envelope of the journal entry that a record carries, if it carries one.
    fn entry(&self) -> Option<(&Bytes, &Bytes)> {
        match self {
            Self::OwnEntry(r) => Some((&r.salt, &r.envelope)),
            Self::ForeignEntry(r) => Some((&r.salt, &r.envelope)),
            Self::ReceiptTaken(r) => Some((&r.salt, &r.envelope)),
            Self::EntryTaken(r) => Some((&r.salt, &r.envelope)),
            _ => None,
        }
    }

    /// What that entry says.
    pub fn declared(&self) -> Option<Declared> {
        Declared::parse(self.entry()?.1).ok()
    }

    /// What the tree of its journal holds of it.
    pub fn commitment(&self) -> Option<Commitment> {
        let (salt, envelope) = self.entry()?;
        Some(entry::commitment(&salt.as_ref().try_into().ok()?, envelope))
    }
}
