//! What every format is read into: observations of data sets, handed on one by one and never gathered.
//!
//! Names are those of the SDMX information model. Everything is borrowed from the reader's own buffers, so
//! a reader's memory is that of one series and one observation.

use super::structure::Dsd;
use crate::intake::Fault;

/// Components of one key, attributes of one element, cells of one row.
pub const COLUMNS_MAX: usize = 10_000;
/// One record, one element, one observation: what must be held at once.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// Elements or brackets inside each other. The standard's own messages need 20.
pub const DEPTH_MAX: usize = 64;
/// The time dimension has one name in all versions.
pub const TIME_PERIOD: &str = "TIME_PERIOD";
/// The primary measure's, where no structure says otherwise.
pub const OBS_VALUE: &str = "OBS_VALUE";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Data,
    Structure,
    Metadata,
    /// A service's answer that says why there is none.
    Error,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Structure => "structure",
            Self::Metadata => "metadata",
            Self::Error => "error",
        }
    }
}

/// What a file says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// For example `SDMX-ML GenericData`.
    pub format: String,
    pub version: String,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Append,
    Replace,
    Merge,
    Information,
    /// What is named is to be removed: never data.
    Delete,
}

impl Action {
    /// A word of SDMX-ML and SDMX-JSON, or a letter of SDMX-CSV.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "Append" | "A" => Self::Append,
            "Replace" | "R" => Self::Replace,
            "Merge" | "M" => Self::Merge,
            "Information" | "I" => Self::Information,
            "Delete" | "D" => Self::Delete,
            _ => return None,
        })
    }

    /// As SDMX-CSV writes it.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Append => "A",
            Self::Replace => "R",
            Self::Merge => "M",
            Self::Information => "I",
            Self::Delete => "D",
        }
    }
}

/// The beginning of a data set.
#[derive(Clone, Copy, Debug)]
pub struct DataSet<'a> {
    /// `dataflow`, `datastructure` or `dataprovision`, as SDMX-CSV names them; empty where the file does not tell.
    pub kind: &'a str,
    /// For example `ECB:EXR(1.0)`, as the file writes it; may be empty.
    pub structure: &'a str,
    /// The definition given beside the file.
    pub dsd: Option<&'a Dsd>,
    /// In the order of the key, if the file or the definition tells; else they are learnt from the keys.
    pub dimensions: &'a [String],
    /// The file does not tell dimensions from attributes, and no definition was given: the key is presumed
    /// from the order in which the standard writes components.
    pub is_presumed: bool,
    /// There is a place for the primary measure. Without one each observation counts all the same.
    pub has_measure: bool,
    pub action: Action,
}

#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// Line of the file, the first is 1.
    pub row: u64,
    pub action: Action,
    /// All of its dimensions, the time dimension too.
    pub key: &'a Pairs,
    pub time: Option<&'a str>,
    /// The primary measure as the file writes it, with a decimal point. `None`: not given.
    pub value: Option<&'a str>,
    /// The others that its definition, or the message, calls measures; written as the first one is.
    pub measures: &'a Pairs,
    /// All that hold for it. A component of several values is there as often as it has values.
    pub attributes: &'a Pairs,
}

/// Where a reader pours what it reads. The inspection is one, the intake that publishes another, derived tables a third.
pub trait Sink {
    fn message(&mut self, message: Message);
    fn data_set(&mut self, data_set: &DataSet<'_>);
    /// A series begins; it may have no observation.
    fn series(&mut self, key: &Pairs, action: Action);
    fn observation(&mut self, observation: &Observation<'_>);
    fn fault(&mut self, fault: Fault);
}

/// Ids and values in one piece of memory, used again for every observation.
#[derive(Debug, Default)]
pub struct Pairs {
    text: String,
    /// Where each id and each value ends.
    ends: Vec<(usize, usize)>,
}

impl Pairs {
    pub fn push(&mut self, id: &str, value: &str) -> Result<(), Fault> {
        if self.ends.len() >= COLUMNS_MAX {
            let message = format!("more than {COLUMNS_MAX} components in one place; reading stopped here");
            return Err(Fault::error("record.columns", message));
        }
        if self.text.len() + id.len() + value.len() > RECORD_BYTES_MAX {
            let message = format!("more than {RECORD_BYTES_MAX} bytes in one record; reading stopped here");
            return Err(Fault::error("record.bytes", message));
        }
        self.text.push_str(id);
        let id_end = self.text.len();
        self.text.push_str(value);
        self.ends.push((id_end, self.text.len()));
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// What they take of memory, about.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<(usize, usize)>() + size_of::<Self>()
    }

    pub fn clear(&mut self) {
        self.truncate(0);
    }

    pub fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        self.text.truncate(self.ends.last().map_or(0, |(_, end)| *end));
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let begin = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        let part = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
        begin.zip(&self.ends).map(move |(begin, (id, value))| (part(begin, *id), part(*id, *value)))
    }

    pub fn get(&self, id: &str) -> Option<&str> {
        self.iter().find(|(i, _)| *i == id).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_keep_what_was_pushed_and_forget_what_was_cut() {
        let mut pairs = Pairs::default();
        pairs.push("FREQ", "A").unwrap();
        pairs.push("é", "").unwrap();
        pairs.push("SEX", "F").unwrap();
        assert_eq!(pairs.iter().collect::<Vec<_>>(), [("FREQ", "A"), ("é", ""), ("SEX", "F")]);
        pairs.truncate(1);
        pairs.push("AGE", "Y0T4").unwrap();
        assert_eq!((pairs.len(), pairs.get("AGE"), pairs.get("SEX")), (2, Some("Y0T4"), None));
        pairs.clear();
        assert!(pairs.is_empty());
    }

    #[test]
    fn pairs_are_bounded() {
        let mut pairs = Pairs::default();
        assert_eq!(pairs.push("A", &"x".repeat(RECORD_BYTES_MAX)).unwrap_err().code, "record.bytes");
        (0..COLUMNS_MAX).for_each(|_| pairs.push("A", "").unwrap());
        assert_eq!(pairs.push("A", "").unwrap_err().code, "record.columns");
    }
}
