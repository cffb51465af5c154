//! What can go wrong with a peer, by whose fault it is.

use talanoa_proto::{Code, chunk::ChunkError, trusted::EntryError};
use tonic_types::StatusExt;

/// A fault in keeping: our own disk or memory, never the peer.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error("could not keep what was received: {0}")]
    Io(#[from] std::io::Error),
    #[error("what is kept here is damaged: {0}")]
    Damaged(String),
    #[error("{0}")]
    Refused(String),
}

#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// Nobody answers there, or the way is cut.
    #[error("peer not reached at {address}: {cause}")]
    Unreachable { address: String, cause: String },
    /// The peer closed during or right after the handshake: our key is not on its list, or under denial there.
    #[error(
        "peer.not_admitted: {address} closed the connection. Most likely our node key {ours} is not admitted there, \
         or it does not hold the key {theirs} that its identity names"
    )]
    NotAdmitted { address: String, ours: String, theirs: String },
    /// The peer said no, with its code.
    #[error("{code}: {message}")]
    Refused { code: Code, message: String },
    /// The peer sent what it must not: whose fault it is stays on record.
    #[error("peer misbehaved: {0}")]
    Misbehaved(#[from] EntryError),
    #[error("peer sent damaged data: {0}")]
    Corrupt(#[from] ChunkError),
    #[error("peer broke the protocol: {0}")]
    Protocol(&'static str),
    #[error("the stream ended before it was complete: the rest is fetched on the next try")]
    Truncated,
    #[error(transparent)]
    Keep(#[from] KeepError),
}

impl PeerError {
    pub fn code(&self) -> Code {
        match self {
            Self::Unreachable { .. } | Self::Truncated => Code::PeerUnreachable,
            Self::NotAdmitted { .. } => Code::PeerNotAdmitted,
            Self::Refused { code, .. } => *code,
            Self::Misbehaved(cause) => cause.code(),
            Self::Corrupt(_) => Code::TransferCorrupt,
            Self::Protocol(_) => Code::PeerMisbehaved,
            Self::Keep(_) => Code::Internal,
        }
    }

    /// The text without the code, for those who show the code themselves.
    pub fn sentence(&self) -> String {
        let text = match self {
            Self::Refused { message, .. } => return format!("the peer answered: {message}"),
            other => other.to_string(),
        };
        let code = format!("{}: ", self.code());
        text.strip_prefix(&code).map(str::to_owned).unwrap_or(text)
    }

    /// Whether the peer proved itself wrong, so that dialling it again soon serves nothing.
    pub fn is_misbehaviour(&self) -> bool {
        matches!(self, Self::Misbehaved(_) | Self::Protocol(_))
    }
}

impl From<tonic::Status> for PeerError {
    fn from(status: tonic::Status) -> Self {
        let code = status.get_details_error_info().and_then(|info| Code::parse(&info.reason));
        match (code, status.code()) {
            (Some(code), _) => Self::Refused { code, message: status.message().to_owned() },
            (None, tonic::Code::NotFound) => {
                Self::Refused { code: Code::NotFound, message: status.message().to_owned() }
            }
            (None, _) => Self::Unreachable {
                address: "the open connection".into(),
                cause: status.message().to_owned(),
            },
        }
    }
}
