//! Which records of a ledger are rotten now, read from the files themselves.

use std::{collections::BTreeSet, path::Path};

use crate::store::{
    ledger::{self, LedgerError, Payload, Position},
    records::{OwnEntry, Record},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotten {
    pub number: u64,
    pub at: Position,
    pub kind: u8,
    /// Where it stands in the journal, if it is an own entry.
    pub journal_index: Option<u64>,
}

/// Damaged payloads that no `Erase` explains. A damaged header is an error: behind it nothing is known.
pub fn rotten_records(dir: &Path) -> Result<Vec<Rotten>, LedgerError> {
    let own = Record::from(OwnEntry::default()).kind();
    let (mut rotten, mut to_be_erased, mut entries) = (Vec::new(), BTreeSet::new(), 0);
    // Without an anchor every record counts as acknowledged up to where the walk breaks.
    let whole = ledger::open::walk_all(dir, &mut |visit| {
        let journal_index = (visit.kind == own).then_some(entries);
        entries += u64::from(visit.kind == own);
        match visit.payload {
            Payload::Rotten(_) => {
                rotten.push(Rotten { number: visit.number, at: visit.at, kind: visit.kind, journal_index });
            }
            Payload::Intact(payload) => {
                if let Ok(Record::Erase(erase)) = Record::decode(visit.kind, payload) {
                    to_be_erased.extend(Position::from_bytes(&erase.position));
                }
            }
            Payload::Zeroed => {}
        }
        Ok(())
    })?;
    if let Some(what) = whole.broken {
        let segment = ledger::segment_name(whole.segment);
        return Err(LedgerError::Damaged { segment, offset: whole.offset, what });
    }
    rotten.retain(|r| !to_be_erased.contains(&r.at));
    Ok(rotten)
}
