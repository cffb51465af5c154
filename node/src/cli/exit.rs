//! How a command ends: one sentence for people, one number for scripts. Decided here and nowhere else.

use std::{fmt, io::ErrorKind};

use talanoa_proto::Code;
use tonic_types::StatusExt;

#[derive(Debug)]
pub enum Failure {
    /// 1: refused, or damaged.
    Refused { message: String, advice: Option<String> },
    /// 2: typed wrong.
    Usage(String),
    /// 3: the node has no charter yet.
    NotReady(String),
    /// 4: no node runs in this directory.
    NotRunning,
    /// 5: a peer was not reached, or did not let us in.
    Unreachable(String),
}

impl Failure {
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused { .. } => 1,
            Self::Usage(_) => 2,
            Self::NotReady(_) => 3,
            Self::NotRunning => 4,
            Self::Unreachable(_) => 5,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { message, advice: None } => write!(f, "talanoa: {message}"),
            Self::Refused { message, advice: Some(advice) } => write!(f, "talanoa: {message}\n  {advice}"),
            Self::Usage(message) | Self::Unreachable(message) => write!(f, "talanoa: {message}"),
            Self::NotReady(message) => write!(f, "talanoa: not ready: {message}"),
            Self::NotRunning => write!(f, "talanoa: not running: talanoa serve"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Failure>() {
            Ok(failure) => failure,
            Err(error) => Self::Refused { message: told_once(&error), advice: advice(&error) },
        }
    }
}

/// The causes in a line. Many an error names its cause itself.
fn told_once(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        match told.as_str() {
            "" => told = cause,
            said if said.ends_with(&cause) => {}
            _ => told = format!("{told}: {cause}"),
        }
    }
    told
}

fn advice(error: &anyhow::Error) -> Option<String> {
    let kind =
        error.chain().filter_map(|e| e.downcast_ref::<std::io::Error>()).map(std::io::Error::kind).last()?;
    let advice = match kind {
        ErrorKind::ReadOnlyFilesystem => {
            "the disk is mounted read-only: look for why (dmesg), then mount it writable"
        }
        ErrorKind::PermissionDenied => {
            "run it as the user to whom the directory belongs: sudo -u talanoa talanoa …"
        }
        ErrorKind::StorageFull => "the disk is full: free space",
        _ => return None,
    };
    Some(advice.to_owned())
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        anyhow::Error::from(error).into()
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        let info = status.get_details_error_info();
        let code = info.as_ref().and_then(|i| Code::parse(&i.reason));
        let advice = info.and_then(|i| i.metadata.get("advice").cloned());
        let sentence = match code {
            Some(code) => format!("{code}: {}", status.message()),
            None => status.message().to_owned(),
        };
        match code {
            Some(Code::NotReady) => Self::NotReady(advice.unwrap_or(sentence)),
            Some(Code::PeerUnreachable | Code::PeerNotAdmitted) => Self::Unreachable(sentence),
            Some(Code::Stopping) => Self::NotRunning,
            Some(_) => Self::Refused { message: sentence, advice },
            // No code: the words are the transport's, not the node's. The node has gone.
            None => Self::NotRunning,
        }
    }
}

impl From<crate::keys::KeyError> for Failure {
    fn from(error: crate::keys::KeyError) -> Self {
        anyhow::Error::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;

    #[test]
    fn a_cause_is_told_once_and_with_what_to_do() {
        let path = std::path::PathBuf::from("/x");
        let source = std::io::Error::from(ErrorKind::ReadOnlyFilesystem);
        let disk = crate::store::disk::DiskError { operation: "create", path, source };
        let failure = Failure::from(anyhow::Error::from(disk).context("init"));
        let text = failure.to_string();
        assert_eq!(text.matches("read-only filesystem").count(), 1, "{text}");
        assert!(
            text.starts_with("talanoa: init: create /x: ") && text.contains("mount it writable"),
            "{text}"
        );
    }

    #[test]
    fn codes_become_exit_codes_and_advice_is_kept() {
        for (code, exit) in [
            (Code::NotReady, 3),
            (Code::PeerUnreachable, 5),
            (Code::PeerNotAdmitted, 5),
            (Code::IntakeRefused, 1),
            (Code::StorageFull, 1),
            (Code::NotFound, 1),
        ] {
            let status = tonic::Status::from(Problem::new(code, "x").advise("do this"));
            assert_eq!(Failure::from(status).exit_code(), exit, "{code}");
        }
        let refused = Failure::from(tonic::Status::from(Problem::bad_request("bad").advise("do this")));
        assert_eq!(refused.to_string(), "talanoa: request.invalid: bad\n  do this");
        assert_eq!(Failure::from(tonic::Status::unavailable("transport")).exit_code(), 4);
    }
}
