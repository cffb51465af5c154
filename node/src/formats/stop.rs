//! Why a reader stopped before the end: the file's fault, or the disk's.

use std::io;

use super::model::Sink;
use crate::intake::Fault;

#[derive(Debug)]
pub enum Stop {
    Fault(Box<Fault>),
    Io(io::Error),
}

impl Stop {
    /// Names the line, if nobody did before.
    pub fn at(self, row: u64) -> Self {
        match self {
            Self::Fault(fault) if fault.row.is_none() && fault.offset.is_none() => {
                Self::Fault(Box::new(fault.at(row)))
            }
            other => other,
        }
    }

    pub fn tell(self, sink: &mut dyn Sink) {
        sink.fault(match self {
            Self::Fault(fault) => *fault,
            Self::Io(error) => Fault::error("file.io", format!("cannot read the file: {error}")),
        });
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
