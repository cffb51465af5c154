//! A keeper that needs nothing but a folder: for applications, notebooks, pipelines.
//!
//! ```text
//!   <root>/FJ/feed             what Fiji said, one checksummed record a step; a torn tail is cut
//!   <root>/FJ/partial/…        files on their way
//!   <root>/FJ/CHILD_DEATHS@1/  files and provenance.json: `talanoa verify` reads it
//! ```
//!
//! A revocation with purge removes folder and record. Copies that the application made elsewhere are its
//! own to remove.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use prost::Message;
use sha2::{Digest, Sha256};
use talanoa_proto::{
    charter::CharterFile,
    chunk::VerifiedChunk,
    entry::Declared,
    grant::Action,
    id::{Commitment, MemberCode, MemberId, ObjectId},
    release::Release,
    trusted::{TrustedPeer, VerifiedEntry},
    wire::{self, Cursor},
};

use crate::{
    error::KeepError,
    keeper::{Memory, Partial, Shelf, Step, Wanted},
    provenance::{self, Proven, Provenance},
};

const STEP_BYTES_MAX: u32 = 64 << 20;

pub struct Directory {
    root: PathBuf,
    charter: CharterFile,
    reader: MemberId,
    peers: Mutex<BTreeMap<MemberId, Peer>>,
}

struct Peer {
    code: MemberCode,
    trusted: TrustedPeer,
    cursor: Cursor,
    releases: BTreeMap<Commitment, (Proven, Release)>,
    grants: BTreeMap<ObjectId, Proven>,
    terms: BTreeMap<[u8; 32], String>,
    /// Grants that were revoked with purge.
    purged: Vec<ObjectId>,
    chain: Vec<Bytes>,
    /// Length of the whole records in `feed`: what follows is a torn tail.
    feed_bytes: u64,
}

/// What one step leaves on disk.
#[derive(Clone, PartialEq, Message)]
struct Kept {
    #[prost(bytes = "bytes", tag = "1")]
    note: Bytes,
    #[prost(message, repeated, tag = "2")]
    entries: Vec<wire::Entry>,
    #[prost(message, optional, tag = "3")]
    cursor: Option<Cursor>,
}

impl Directory {
    /// `reader` is the member in whose name the application reads.
    pub fn open(root: impl Into<PathBuf>, charter: CharterFile, reader: MemberId) -> Result<Self, KeepError> {
        charter.verify().map_err(|e| KeepError::Refused(e.to_string()))?;
        let directory = Self { root: root.into(), charter, reader, peers: Mutex::default() };
        fs::create_dir_all(&directory.root)?;
        Ok(directory)
    }

    /// Folder of a release that is complete here.
    pub fn release_dir(&self, release: &Commitment) -> Option<PathBuf> {
        let peers = self.lock();
        let (peer, (_, manifest)) = peers.values().find_map(|p| p.releases.get(release).map(|r| (p, r)))?;
        Some(self.root.join(peer.code.as_str()).join(folder_name(manifest))).filter(|dir| dir.exists())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<MemberId, Peer>> {
        self.peers.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn load(&self, member: MemberId) -> Result<Peer, KeepError> {
        let card = self.charter.cards.iter().find(|c| c.identity.id() == member);
        let card = card.ok_or_else(|| KeepError::Refused(format!("{member} is not in the charter")))?;
        let mut peer = Peer {
            code: card.identity.code().clone(),
            trusted: TrustedPeer::new(self.reader, self.charter.federation(), 1, card.identity.clone()),
            cursor: Cursor { epoch: 1, step: 0, after: 0 },
            releases: BTreeMap::new(),
            grants: BTreeMap::new(),
            terms: BTreeMap::new(),
            purged: Vec::new(),
            chain: card.chain.iter().map(|e| e.to_bytes()).collect(),
            feed_bytes: 0,
        };
        let path = self.feed(&peer.code);
        if path.exists() {
            for kept in read_feed(&path)? {
                peer.fold(&kept)?;
                peer.feed_bytes += frame(&kept).len() as u64;
            }
            self.purge(&mut peer)?;
        }
        Ok(peer)
    }

    fn feed(&self, code: &MemberCode) -> PathBuf {
        self.root.join(code.as_str()).join("feed")
    }

    fn partial_dir(&self, release: &Commitment) -> Result<PathBuf, KeepError> {
        let peers = self.lock();
        let peer = peers.values().find(|p| p.releases.contains_key(release));
        let peer = peer.ok_or_else(|| KeepError::Refused("a release that nobody offered".into()))?;
        Ok(self.root.join(peer.code.as_str()).join("partial").join(release.to_string()))
    }

    /// Erases what purged grants were about and none in force lets us hold: the folder first, then the record of it.
    /// A crash before its end is made good when the peer is loaded again.
    fn purge(&self, peer: &mut Peer) -> Result<(), KeepError> {
        let goes = |r: &Release| {
            peer.trusted.was_given(r, &peer.purged) && !peer.trusted.lets_hold(r, unix_seconds())
        };
        let gone: Vec<Commitment> = peer
            .releases
            .iter()
            .filter(|(_, (_, release))| goes(release))
            .map(|(commitment, _)| *commitment)
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        let home = self.root.join(peer.code.as_str());
        for commitment in &gone {
            let Some((_, release)) = peer.releases.remove(commitment) else { continue };
            remove_if_there(&home.join(folder_name(&release)))?;
            remove_if_there(&home.join("partial").join(commitment.to_string()))?;
        }
        let path = self.feed(&peer.code);
        let mut kept = read_feed(&path)?;
        for step in &mut kept {
            step.entries.retain(|e| !commitment_of(e).is_some_and(|c| gone.contains(&c)));
        }
        peer.feed_bytes = rewrite_feed(&path, &kept)?;
        Ok(())
    }

    fn provenance(&self, peer: &Peer, proven: &Proven, release: &Release) -> Result<Provenance, KeepError> {
        let grant = peer.trusted.grant_for(release, unix_seconds()).and_then(|id| peer.grants.get(&id));
        let file = |d: &talanoa_proto::release::Distribution| provenance::File {
            name: d.name.clone(),
            bytes: d.bytes,
            sha256: hex::encode(d.sha256),
        };
        Ok(Provenance {
            format: provenance::FORMAT.to_owned(),
            reference: format!("{}/{}@{}", peer.code, release.dataset, release.number),
            charter: provenance::Blob(self.charter.to_bytes().into()),
            identity: peer.chain.iter().map(|e| provenance::Blob(e.clone())).collect(),
            release: proven.clone(),
            terms: peer.terms_of(release),
            grant: grant.cloned(),
            files: release.distributions.iter().map(file).collect(),
        })
    }
}

impl Peer {
    /// Applies what was verified before it was written; here only the state is rebuilt.
    fn fold(&mut self, kept: &Kept) -> Result<(), KeepError> {
        let damaged = |e: talanoa_proto::trusted::EntryError| KeepError::Damaged(e.to_string());
        // A step without a cursor was carried by another member: it does not move our head of the journal.
        let carried = match kept.cursor {
            None => Some(self.trusted.carried_head(&kept.note).map_err(damaged)?),
            Some(_) if kept.note.is_empty() => None,
            Some(_) => {
                self.trusted.restore_head(&kept.note);
                None
            }
        };
        for entry in &kept.entries {
            let verified = match &carried {
                Some(head) => self.trusted.verify_under(head, entry),
                None => self.trusted.verify(entry),
            };
            let verified = verified.map_err(damaged)?;
            // A gap or a grant that has ended since was judged when it came.
            let _ = self.trusted.accept(&verified);
            self.remember(&verified, &kept.note);
        }
        self.cursor = kept.cursor.unwrap_or(self.cursor);
        Ok(())
    }

    fn terms_of(&self, release: &Release) -> Option<String> {
        let grant = self.trusted.consent().get(&self.trusted.grant_for(release, unix_seconds())?)?;
        self.terms.get(&grant.obligations.terms_sha256?).cloned()
    }

    fn remember(&mut self, entry: &VerifiedEntry, note: &[u8]) {
        let proven = Proven::new(entry.index(), entry.salt(), entry.envelope(), entry.inclusion(), note);
        match entry.declared() {
            Declared::Release(release) => {
                self.releases.insert(entry.commitment(), (proven, (**release).clone()));
            }
            Declared::Grant(id, _) => {
                self.grants.insert(*id, proven);
            }
            Declared::Terms(terms) => {
                self.terms.insert(terms.hash(), terms.text.clone());
            }
            Declared::Revocation(_, r) if r.purge => self.purged.extend(&r.grants),
            Declared::Identity(event) if event.seq as usize == self.chain.len() => {
                self.chain.push(entry.envelope().clone());
            }
            _ => {}
        }
    }
}

impl Memory for Directory {
    async fn recall(&self, member: MemberId) -> Result<(TrustedPeer, Cursor), KeepError> {
        let peer = self.load(member)?;
        let recalled = (peer.trusted.clone(), peer.cursor);
        self.lock().insert(member, peer);
        Ok(recalled)
    }

    async fn commit(&self, member: MemberId, step: Step) -> Result<(), KeepError> {
        let mut peers = self.lock();
        let peer = peers.get_mut(&member).ok_or_else(|| KeepError::Refused("recall comes first".into()))?;
        let entry = |v: &VerifiedEntry| wire::Entry {
            index: v.index(),
            salt: v.salt().to_vec().into(),
            envelope: v.envelope().clone(),
            inclusion: v.inclusion().iter().map(|h| h.to_vec().into()).collect(),
        };
        let kept = Kept {
            note: step.head.into(),
            entries: step.entries.iter().map(|(v, _)| entry(v)).collect(),
            cursor: step.cursor,
        };
        let path = self.feed(&peer.code);
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        peer.feed_bytes = append(&path, peer.feed_bytes, &kept)?;
        peer.fold(&kept)?;
        self.purge(peer)
    }

    async fn wanted(&self, member: MemberId) -> Result<Vec<Wanted>, KeepError> {
        let peers = self.lock();
        let Some(peer) = peers.get(&member) else { return Ok(Vec::new()) };
        let mut wanted = Vec::new();
        for (commitment, (_, release)) in &peer.releases {
            let home = self.root.join(peer.code.as_str()).join(folder_name(release));
            let Some(grant) = peer.trusted.grant_for(release, unix_seconds()) else { continue };
            let reads = peer.trusted.consent().get(&grant).is_some_and(|g| g.actions.contains(&Action::Read));
            if reads && !home.exists() {
                wanted.push(Wanted { commitment: *commitment, release: release.clone(), grant });
            }
        }
        Ok(wanted)
    }

    async fn evidence(&self, member: MemberId, what: String) {
        let path = self.root.join("evidence.txt");
        let line = format!("{member} {what}\n");
        let written = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut f| f.write_all(line.as_bytes()));
        if let Err(error) = written {
            tracing::warn!(%error, "evidence not written");
        }
    }
}

impl Shelf for Directory {
    type Partial = PartialFile;

    fn holds(&self, release: &Commitment, _: u32) -> bool {
        self.release_dir(release).is_some()
    }

    fn partial(&self, release: &Commitment, distribution: u32, _: u64) -> Result<PartialFile, KeepError> {
        let dir = self.partial_dir(release)?;
        fs::create_dir_all(&dir)?;
        let open = |name: String| {
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join(name))
        };
        Ok(PartialFile {
            data: open(distribution.to_string())?,
            pages: open(format!("{distribution}.pages"))?,
        })
    }

    fn keep(&self, release: &Commitment, _: u32) -> Result<(), KeepError> {
        let partial = self.partial_dir(release)?;
        let peers = self.lock();
        let found = peers.values().find_map(|p| p.releases.get(release).map(|r| (p, r)));
        let (peer, (proven, manifest)) =
            found.ok_or_else(|| KeepError::Refused("a release that nobody offered".into()))?;
        for (n, file) in manifest.distributions.iter().enumerate() {
            fs::rename(partial.join(n.to_string()), partial.join(&file.name))?;
            remove_if_there(&partial.join(format!("{n}.pages")))?;
        }
        let provenance = self.provenance(peer, proven, manifest)?;
        if let Some(terms) = provenance.terms_beside() {
            fs::write(partial.join(provenance::TERMS_FILE), terms)?;
            File::open(partial.join(provenance::TERMS_FILE))?.sync_all()?;
        }
        let json = serde_json::to_vec_pretty(&provenance).map_err(|e| KeepError::Damaged(e.to_string()))?;
        fs::write(partial.join(provenance::FILE_NAME), json)?;
        File::open(partial.join(provenance::FILE_NAME))?.sync_all()?;
        File::open(&partial)?.sync_all()?;
        let home = self.root.join(peer.code.as_str());
        // The one step that makes it visible. Crash before: fetched again from what is in `partial`.
        fs::rename(&partial, home.join(folder_name(manifest)))?;
        Ok(File::open(&home)?.sync_all()?)
    }
}

/// A file and its pages, by position.
pub struct PartialFile {
    data: File,
    pages: File,
}

impl Partial for PartialFile {
    fn read_pages(&mut self, offset: u64, bytes: usize) -> Result<Vec<u8>, KeepError> {
        read_at(&mut self.pages, offset, bytes)
    }

    fn write_pages(&mut self, offset: u64, bytes: &[u8]) -> Result<(), KeepError> {
        self.pages.seek(SeekFrom::Start(offset))?;
        Ok(self.pages.write_all(bytes)?)
    }

    fn read(&mut self, offset: u64, bytes: usize) -> Result<Vec<u8>, KeepError> {
        read_at(&mut self.data, offset, bytes)
    }

    fn write(&mut self, offset: u64, chunk: &VerifiedChunk) -> Result<(), KeepError> {
        self.data.seek(SeekFrom::Start(offset))?;
        Ok(self.data.write_all(chunk.bytes())?)
    }

    fn sync(&mut self) -> Result<(), KeepError> {
        self.pages.sync_all()?;
        Ok(self.data.sync_all()?)
    }
}

/// Up to `bytes`; less at the end of the file.
fn read_at(file: &mut File, offset: u64, bytes: usize) -> Result<Vec<u8>, KeepError> {
    file.seek(SeekFrom::Start(offset))?;
    let mut buffer = Vec::with_capacity(bytes);
    file.take(bytes as u64).read_to_end(&mut buffer)?;
    Ok(buffer)
}

fn folder_name(release: &Release) -> String {
    format!("{}@{}", release.dataset, release.number)
}

fn commitment_of(entry: &wire::Entry) -> Option<Commitment> {
    let salt = entry.salt.as_ref().try_into().ok()?;
    Some(talanoa_proto::entry::commitment(&salt, &entry.envelope))
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn frame(kept: &Kept) -> Vec<u8> {
    let payload = kept.encode_to_vec();
    let length = (payload.len() as u32).to_be_bytes();
    [&length[..], &Sha256::digest(&payload)[..], &payload].concat()
}

fn append(path: &Path, sound: u64, kept: &Kept) -> Result<u64, KeepError> {
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.set_len(sound)?;
    file.seek(SeekFrom::Start(sound))?;
    let record = frame(kept);
    file.write_all(&record)?;
    file.sync_all()?;
    Ok(sound + record.len() as u64)
}

/// Every whole record; a torn tail is what a crash left of a step that was never acknowledged.
fn read_feed(path: &Path) -> Result<Vec<Kept>, KeepError> {
    let bytes = Bytes::from(fs::read(path)?);
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(head) = bytes.get(at..at + 36) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let end = at + 36 + length as usize;
        let Some(payload) = bytes.get(at + 36..end).filter(|_| length <= STEP_BYTES_MAX) else { break };
        if Sha256::digest(payload)[..] != head[4..] {
            break;
        }
        kept.push(Kept::decode(payload).map_err(|e| KeepError::Damaged(e.to_string()))?);
        at = end;
    }
    Ok(kept)
}

fn rewrite_feed(path: &Path, kept: &[Kept]) -> Result<u64, KeepError> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    let mut bytes = 0;
    for step in kept {
        let record = frame(step);
        file.write_all(&record)?;
        bytes += record.len() as u64;
    }
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    Ok(bytes)
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
