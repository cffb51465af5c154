//! Errors with two faces: a public sentence with its code, and a private cause for the log.
//!
//! The only place that knows gRPC status codes.

use std::collections::HashMap;

use talanoa_client::PeerError;
use talanoa_proto::{Code, envelope::EnvelopeError, id::InvalidId, object::ObjectError};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{intake::IntakeError, keys::KeyError, metrics, store::StoreError};

const DOMAIN: &str = "talanoa";
/// Every no to a reader is this one, letter for letter.
const NOT_FOUND: &str = "not available";

#[derive(Debug)]
pub struct Problem {
    pub code: Code,
    pub public: String,
    /// What to do next.
    pub advice: Option<String>,
}

impl Problem {
    pub fn new(code: Code, public: impl Into<String>) -> Self {
        Self { code, public: public.into(), advice: None }
    }

    pub fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    pub fn bad_request(public: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, public)
    }

    /// Our own fault: the cause goes to the log, the caller learns that it was not theirs.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(Code::Internal, "this node failed; its log says why")
    }

    pub fn not_ready() -> Self {
        Self::new(Code::NotReady, "this node has no charter yet").advise("talanoa charter adopt FILE")
    }

    /// Hidden, ended, revoked, or never there: the reader is told the same of all.
    pub fn not_found() -> tonic::Status {
        metrics::count_refusal(Code::NotFound);
        tonic::Status::with_error_details(
            tonic::Code::NotFound,
            NOT_FOUND,
            ErrorDetails::with_error_info(Code::NotFound.as_str(), DOMAIN, HashMap::new()),
        )
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.public)
    }
}

impl std::error::Error for Problem {}

impl From<Problem> for tonic::Status {
    fn from(problem: Problem) -> Self {
        metrics::count_refusal(problem.code);
        let status = match problem.code {
            Code::NotFound | Code::GrantUnknown => tonic::Code::NotFound,
            Code::NotReady | Code::JournalRolledBack => tonic::Code::FailedPrecondition,
            Code::CursorOutOfRange => tonic::Code::OutOfRange,
            Code::StorageFull | Code::LimitExceeded => tonic::Code::ResourceExhausted,
            Code::Stopping | Code::PeerUnreachable | Code::PeerNotAdmitted => tonic::Code::Unavailable,
            Code::Internal | Code::StorageDamaged => tonic::Code::Internal,
            _ => tonic::Code::InvalidArgument,
        };
        let metadata = problem.advice.map(|a| HashMap::from([("advice".to_owned(), a)])).unwrap_or_default();
        let details = ErrorDetails::with_error_info(problem.code.as_str(), DOMAIN, metadata);
        tonic::Status::with_error_details(status, problem.public, details)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::Full => Code::StorageFull,
            StoreError::Stopping => Code::Stopping,
            StoreError::RolledBack(_) => {
                return Self::new(Code::JournalRolledBack, error.to_string()).advise(
                    "stop the node and put back the newest copy of its directory; deploy/OPERATING.md, \"An older copy\"",
                );
            }
            StoreError::Disk(ref e) if e.is_full() => Code::StorageFull,
            _ => return Self::internal(error),
        };
        Self::new(code, error.to_string())
    }
}

impl From<talanoa_proto::identity::IdentityError> for Problem {
    fn from(error: talanoa_proto::identity::IdentityError) -> Self {
        Self::new(Code::IdentityInvalid, error.to_string())
    }
}

impl From<crate::store::disk::DiskError> for Problem {
    fn from(error: crate::store::disk::DiskError) -> Self {
        if error.is_full() { StoreError::Full.into() } else { Self::internal(error) }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Refused(refused) => Self::new(Code::IntakeRefused, refused.to_string()),
            IntakeError::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                StoreError::Full.into()
            }
            IntakeError::Io(error) => Self::internal(error),
        }
    }
}

impl From<PeerError> for Problem {
    fn from(error: PeerError) -> Self {
        Self::new(error.code(), error.sentence())
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        Self::internal(error)
    }
}

impl From<EnvelopeError> for Problem {
    fn from(error: EnvelopeError) -> Self {
        let code = match error {
            EnvelopeError::TooLarge { .. } => Code::LimitExceeded,
            EnvelopeError::TooFew { .. } | EnvelopeError::Wrong(_) => Code::SignatureInvalid,
            _ => Code::ObjectInvalid,
        };
        Self::new(code, error.to_string())
    }
}

impl From<ObjectError> for Problem {
    fn from(error: ObjectError) -> Self {
        let code = match error {
            ObjectError::UnknownCriticalExtension(_) => Code::ObjectUnsupported,
            _ => Code::ObjectInvalid,
        };
        Self::new(code, error.to_string())
    }
}

impl From<InvalidId> for Problem {
    fn from(error: InvalidId) -> Self {
        Self::bad_request(error.to_string())
    }
}
