//! The index: finds, never decides. The only file that names sled.
//!
//! A pure function of the ledger; deleting it is a supported operation. It holds hashes, numbers and
//! positions, never a title, a code or a value. What it returns is read again from ledger or shelf,
//! hash-checked and passed through `may`: a wrong index can hide a release, never show one.
//!
//! ```text
//!   m                               how many ledger records are applied
//!   e index                         own entry → ledger position
//!   c commitment                    own release → journal index
//!   d dataset number                own release → journal index
//!   s audience step                 feed step → what it may show to that audience
//!   f member index                  foreign entry → ledger position
//!   k commitment                    foreign release → member, index
//!   h member dataset number         foreign release → index
//!   a commitment reader record      access → ledger position
//!   t record                        access by time → ledger position
//!   x transfer                      end of an access → ledger position
//! ```

use std::{fs, path::Path};

use sha2::{Digest, Sha256};
use talanoa_proto::{
    entry::Declared,
    grant::Grantee,
    id::{Commitment, DatasetId, MemberId, ObjectId},
};

use crate::store::{StoreError, ledger::Position, records::Record, state::State};

/// Memory for pages; the index of a million entries is a few times larger.
const CACHE_BYTES: u64 = 8 << 20;

#[derive(Clone, Debug)]
pub struct Index {
    db: sled::Db,
}

/// Who may be shown what a step made visible. A dataset's audience is found through its readers' grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience<'a> {
    Everyone,
    Member(MemberId),
    Circle(ObjectId),
    Dataset(&'a DatasetId),
    /// Whoever carries for us: consent that others were given, and lost.
    Relays,
}

impl Audience<'_> {
    fn of(grantee: &Grantee) -> Self {
        match grantee {
            Grantee::Member(member) => Self::Member(*member),
            Grantee::Circle(circle) => Self::Circle(*circle),
            Grantee::AllMembers => Self::Everyone,
        }
    }
}

/// What a step may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shows {
    Entry(u64),
    /// A grant began: everything that it covers.
    Grant(ObjectId),
}

impl Index {
    /// Opens what is there; what cannot be opened is thrown away, since the ledger has it all.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let open =
            || sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(Some(500)).open();
        // sled can also panic on a damaged file: that is damage like any other.
        let db = match std::panic::catch_unwind(open) {
            Ok(Ok(db)) => db,
            damaged => {
                tracing::warn!(?damaged, "index cannot be opened: building it anew from the ledger");
                fs::remove_dir_all(dir).map_err(StoreError::index)?;
                open().map_err(StoreError::index)?
            }
        };
        Ok(Self { db })
    }

    /// Number of ledger records applied.
    pub fn applied(&self) -> u64 {
        self.db.get(b"m").ok().flatten().and_then(|v| number(&v)).unwrap_or(0)
    }

    pub fn clear(&self) -> Result<(), StoreError> {
        self.db.clear().map_err(StoreError::index)
    }

    pub fn apply(&self, batch: Changes, applied: u64) -> Result<(), StoreError> {
        let mut batch = batch.0;
        batch.insert(b"m", &applied.to_be_bytes());
        self.db.apply_batch(batch).map_err(StoreError::index)
    }

    pub fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map(|_| ()).map_err(StoreError::index)
    }

    pub fn own_entry(&self, index: u64) -> Option<Position> {
        self.position(&key(b'e', &[&index.to_be_bytes()]))
    }

    pub fn own_release(&self, commitment: &Commitment) -> Option<u64> {
        self.number(&key(b'c', &[&commitment.0]))
    }

    pub fn own_number(&self, dataset: &DatasetId, n: u64) -> Option<u64> {
        self.number(&key(b'd', &[&digest(dataset), &n.to_be_bytes()]))
    }

    /// Journal indexes of a dataset's own releases, in order of number.
    pub fn own_numbers(&self, dataset: &DatasetId) -> impl Iterator<Item = u64> + use<> {
        self.db.scan_prefix(key(b'd', &[&digest(dataset)])).values().filter_map(|v| number(&v.ok()?))
    }

    /// Steps after `after` that may show something to that audience, ascending.
    pub fn steps(&self, audience: Audience<'_>, after: u64) -> impl Iterator<Item = (u64, Shows)> + use<> {
        let prefix = audience_key(audience);
        let from = [prefix.as_slice(), &(after + 1).to_be_bytes()].concat();
        let to = [prefix.as_slice(), &[0xff; 9]].concat();
        self.db.range(from..to).filter_map(move |pair| {
            let (k, v) = pair.ok()?;
            Some((number(k.get(prefix.len()..)?)?, shows(&v)?))
        })
    }

    pub fn foreign_entry(&self, member: &MemberId, index: u64) -> Option<Position> {
        self.position(&key(b'f', &[&member.0, &index.to_be_bytes()]))
    }

    /// Everything of a member's journal that is here, ascending.
    pub fn foreign_entries(&self, member: &MemberId) -> impl Iterator<Item = u64> + use<> {
        let prefix = key(b'f', &[&member.0]);
        let keys = self.db.scan_prefix(&prefix).keys();
        keys.filter_map(move |k| number(k.ok()?.get(prefix.len()..)?))
    }

    pub fn foreign_release(&self, commitment: &Commitment) -> Option<(MemberId, u64)> {
        let value = self.get(&key(b'k', &[&commitment.0]))?;
        Some((MemberId::from_slice(value.get(..32)?).ok()?, number(value.get(32..)?)?))
    }

    pub fn foreign_number(&self, member: &MemberId, dataset: &DatasetId, n: u64) -> Option<u64> {
        self.number(&key(b'h', &[&member.0, &digest(dataset), &n.to_be_bytes()]))
    }

    /// Highest number of a dataset that the member offered, as (number, index).
    pub fn foreign_newest(&self, member: &MemberId, dataset: &DatasetId) -> Option<(u64, u64)> {
        let prefix = key(b'h', &[&member.0, &digest(dataset)]);
        let (k, v) = self.db.scan_prefix(&prefix).last()?.ok()?;
        Some((number(k.get(prefix.len()..)?)?, number(&v)?))
    }

    /// Journal indexes of everything that a member released to us.
    pub fn foreign_releases(&self, member: &MemberId) -> impl Iterator<Item = u64> + use<> {
        self.db.scan_prefix(key(b'h', &[&member.0])).values().filter_map(|v| number(&v.ok()?))
    }

    /// Accesses to one release, by reader.
    pub fn accesses(&self, release: &Commitment) -> impl Iterator<Item = (MemberId, Position)> + use<> {
        self.db.scan_prefix(key(b'a', &[&release.0])).filter_map(|pair| {
            let (k, v) = pair.ok()?;
            Some((MemberId::from_slice(k.get(33..65)?).ok()?, Position::from_bytes(&v)?))
        })
    }

    pub fn has_access(&self, release: &Commitment, reader: &MemberId) -> bool {
        self.db.scan_prefix(key(b'a', &[&release.0, &reader.0])).next().is_some()
    }

    /// Every access in order of time.
    pub fn accesses_by_time(&self) -> impl Iterator<Item = Position> + use<> {
        self.db.scan_prefix(b"t").values().filter_map(|v| Position::from_bytes(&v.ok()?))
    }

    pub fn access_end(&self, transfer: &[u8]) -> Option<Position> {
        self.position(&key(b'x', &[transfer]))
    }

    fn get(&self, key: &[u8]) -> Option<sled::IVec> {
        self.db.get(key).ok().flatten()
    }

    fn number(&self, key: &[u8]) -> Option<u64> {
        number(&self.get(key)?)
    }

    fn position(&self, key: &[u8]) -> Option<Position> {
        Position::from_bytes(&self.get(key)?)
    }
}

/// Changes of one group of records, applied at once.
#[derive(Default)]
pub struct Changes(sled::Batch);

impl Changes {
    /// What one record adds. `state` is the state *after* the record was folded in.
    pub fn add(
        &mut self,
        seq: u64,
        at: Position,
        record: &Record,
        declared: Option<&Declared>,
        state: &State,
        index: &Index,
    ) {
        match record {
            Record::OwnEntry(_) => {
                let (Some(declared), Some(commitment)) = (declared, record.commitment()) else { return };
                let n = state.size - 1;
                self.put(key(b'e', &[&n.to_be_bytes()]), &at.to_bytes());
                self.own(n, commitment, declared, state, index);
            }
            Record::ForeignEntry(foreign) => {
                let (Ok(member), Some(commitment)) =
                    (MemberId::from_slice(&foreign.member), record.commitment())
                else {
                    return;
                };
                let number = foreign.index.to_be_bytes();
                self.put(key(b'f', &[&member.0, &number]), &at.to_bytes());
                if let Some(Declared::Circle(id, circle)) = declared {
                    self.circle_changed(circle.of(*id), state);
                }
                if let Some(Declared::Release(release)) = declared {
                    self.put(key(b'k', &[&commitment.0]), &[&member.0[..], &number].concat());
                    let n = release.number.to_be_bytes();
                    self.put(key(b'h', &[&member.0, &digest(&release.dataset), &n]), &number);
                }
            }
            Record::Tombstone(tombstone) => {
                // A later grant may bring the same release again: it then comes as if for the first time.
                for buried in &tombstone.releases {
                    self.0.remove(key(b'k', &[&buried.commitment]));
                    self.0.remove(key(b'f', &[&tombstone.member, &buried.index.to_be_bytes()]));
                }
            }
            Record::Access(access) => {
                let seq = seq.to_be_bytes();
                self.put(key(b'a', &[&access.release, &access.reader, &seq]), &at.to_bytes());
                self.put(key(b't', &[&seq]), &at.to_bytes());
            }
            Record::AccessEnded(end) => self.put(key(b'x', &[&end.transfer]), &at.to_bytes()),
            Record::GrantEdge(edge) if !edge.ended => {
                let Ok(id) = ObjectId::from_slice(&edge.grant) else { return };
                if let Some(grant) = state.consent.get(&id) {
                    self.step(Audience::of(&grant.grantee), state.step, Shows::Grant(id));
                }
            }
            _ => {}
        }
    }

    fn own(&mut self, n: u64, commitment: Commitment, declared: &Declared, state: &State, index: &Index) {
        let step = state.step;
        match declared {
            Declared::Identity(_) | Declared::Endpoint(_) => {
                self.step(Audience::Everyone, step, Shows::Entry(n))
            }
            Declared::Release(release) => {
                let number = release.number.to_be_bytes();
                self.put(key(b'c', &[&commitment.0]), &n.to_be_bytes());
                self.put(key(b'd', &[&digest(&release.dataset), &number]), &n.to_be_bytes());
                self.step(Audience::Dataset(&release.dataset), step, Shows::Entry(n));
            }
            Declared::Withdrawal(withdrawal) => {
                self.step(Audience::Dataset(&withdrawal.dataset), step, Shows::Entry(n));
                // Also to those who received it and whose grant has ended since.
                for (reader, _) in index.accesses(&withdrawal.commitment) {
                    self.step(Audience::Member(reader), step, Shows::Entry(n));
                }
            }
            Declared::Grant(_, grant) => {
                self.step(Audience::of(&grant.grantee), step, Shows::Entry(n));
                self.step(Audience::Relays, step, Shows::Entry(n));
            }
            Declared::Revocation(_, revocation) => {
                self.step(Audience::Relays, step, Shows::Entry(n));
                for id in &revocation.grants {
                    if let Some(grant) = state.consent.get(id) {
                        self.step(Audience::of(&grant.grantee), step, Shows::Entry(n));
                    }
                    // Also to those who received something and are no longer of the circle.
                    for reader in state.readers.get(id).into_iter().flatten() {
                        self.step(Audience::Member(*reader), step, Shows::Entry(n));
                    }
                }
            }
            Declared::Denial(..) => self.step(Audience::Relays, step, Shows::Entry(n)),
            Declared::LiftDenial(lift) => {
                self.step(Audience::Relays, step, Shows::Entry(n));
                self.lifted(lift, state);
            }
            Declared::Circle(id, circle) => {
                self.step(Audience::Everyone, step, Shows::Entry(n));
                self.circle_changed(circle.of(*id), state);
            }
            Declared::LeaveCircle(_) => self.step(Audience::Everyone, step, Shows::Entry(n)),
            // Terms come with the grant that names them.
            Declared::Terms(_)
            | Declared::Application(..)
            | Declared::EndApplication(_)
            | Declared::Carriage(_)
            | Declared::PurgeReceipt(..)
            | Declared::Unknown(_) => {}
        }
    }

    /// Whoever is in it now is shown what its grants cover.
    fn circle_changed(&mut self, circle: ObjectId, state: &State) {
        for (id, grant) in state.consent.grants() {
            if grant.grantee == Grantee::Circle(circle) {
                self.step(Audience::Circle(circle), state.step, Shows::Grant(*id));
            }
        }
    }

    /// What a denial hid is shown again: to its subject, by way of the grants that it holds.
    fn lifted(&mut self, lift: &talanoa_proto::grant::LiftDenial, state: &State) {
        let subjects: Vec<_> =
            lift.denials.iter().filter_map(|id| state.consent.denial(id)).map(|d| d.subject).collect();
        for (id, grant) in state.consent.grants() {
            let touched = |s: &Option<MemberId>| s.is_none_or(|s| state.consent.reaches(&grant.grantee, s));
            if subjects.iter().any(touched) {
                self.step(Audience::of(&grant.grantee), state.step, Shows::Grant(*id));
            }
        }
    }

    fn step(&mut self, audience: Audience<'_>, step: u64, shows: Shows) {
        let value = match shows {
            Shows::Entry(n) => [&[0][..], &n.to_be_bytes()].concat(),
            Shows::Grant(id) => [&[1][..], &id.0].concat(),
        };
        let mut key = [audience_key(audience).as_slice(), &step.to_be_bytes()].concat();
        if let Shows::Grant(id) = shows {
            key.extend_from_slice(&id.0[..8]); // several grants can be shown again in one step
        }
        self.put(key, &value);
    }

    fn put(&mut self, key: Vec<u8>, value: &[u8]) {
        self.0.insert(key, value);
    }
}

fn shows(value: &[u8]) -> Option<Shows> {
    match value.split_first()? {
        (0, rest) => Some(Shows::Entry(number(rest)?)),
        (1, rest) => Some(Shows::Grant(ObjectId::from_slice(rest).ok()?)),
        _ => None,
    }
}

fn audience_key(audience: Audience<'_>) -> Vec<u8> {
    match audience {
        Audience::Everyone => key(b's', &[b"*"]),
        Audience::Member(member) => key(b's', &[b"m", &member.0]),
        Audience::Circle(circle) => key(b's', &[b"c", &circle.0]),
        Audience::Dataset(dataset) => key(b's', &[b"d", &digest(dataset)]),
        Audience::Relays => key(b's', &[b"r"]),
    }
}

fn key(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![tag];
    parts.iter().for_each(|p| key.extend_from_slice(p));
    key
}

/// Names stay out of the index: what is erased elsewhere must not survive here.
fn digest(dataset: &DatasetId) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&Sha256::digest(dataset.as_str())[..16]);
    short
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.get(..8)?.try_into().ok().map(u64::from_be_bytes)
}

/// For tests (feature `fault`): turns every pointer to another thing of its kind, as a damaged index would.
#[cfg(feature = "fault")]
pub fn scramble(dir: &Path) {
    let Ok(db) = sled::open(dir) else { return };
    for tag in *b"ecds" {
        let pairs: Vec<(sled::IVec, sled::IVec)> = db.scan_prefix([tag]).filter_map(Result::ok).collect();
        let turned = pairs.iter().map(|(_, v)| v.clone()).cycle().skip(1);
        for ((key, _), value) in pairs.iter().zip(turned) {
            let _ = db.insert(key, value);
        }
    }
    let _ = db.flush();
}
