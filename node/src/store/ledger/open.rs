//! Opening a ledger: every record is read and judged; a torn tail is cut, rot never.

use std::{fs::File, io::Read, path::Path};

use talanoa_proto::merkle::Hash;

use crate::store::{
    anchor::{self, Anchor, Anchored, JournalHead},
    disk::Disk,
    ledger::{
        HEADER_BYTES, Header, Ledger, LedgerError, PAYLOAD_BYTES_MAX, Payload, Position, segment_name,
        segments,
    },
};

/// A record as the walk meets it.
#[derive(Debug)]
pub struct Visit<'a> {
    pub number: u64,
    pub at: Position,
    pub kind: u8,
    pub payload: Payload<'a>,
}

/// What opening found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// (segment, offset) behind which a torn tail was cut.
    pub cut: Option<(u32, u64)>,
    /// Records before the anchor whose payload is damaged: quarantined, never cut.
    pub rotten: Vec<u64>,
    /// Whole records beyond the anchor: kept, they were under way when the process ended.
    pub unanchored: u64,
}

/// Where a walk ended, and why.
#[derive(Debug)]
pub struct Walk {
    pub records: u64,
    pub chain: Hash,
    pub segment: u32,
    pub offset: u64,
    /// Why it did not reach the end of the files.
    pub broken: Option<&'static str>,
    /// Chain value when `anchored.records` records had been read.
    pub chain_at_anchor: Option<Hash>,
}

impl Ledger {
    /// A new, empty ledger.
    pub fn create(disk: Disk, dir: &Path, anchor_dir: &Path) -> Result<Self, LedgerError> {
        disk.create_dir(dir)?;
        disk.create_dir(anchor_dir)?;
        let file = disk.open(&dir.join(segment_name(0)))?;
        let journal = JournalHead { epoch: 1, size: 0, root: talanoa_proto::merkle::empty_root() };
        let (incarnation, write, records, segment, offset, chain) = (0, 0, 0, 0, 0, [0; 32]);
        let anchored = Anchored { incarnation, write, records, segment, offset, chain, journal };
        let anchor = Anchor::open(&disk, anchor_dir)?;
        anchor.write(&anchored)?;
        let (dir, segment_bytes_max) = (dir.to_owned(), disk.segment_bytes_max());
        Ok(Self {
            disk,
            dir,
            anchor,
            anchored,
            segment,
            file,
            offset,
            records,
            chain,
            segment_bytes_max,
            poisoned: false,
        })
    }

    /// Reads everything, hands each record to `visit`, and is ready to append.
    pub fn open(
        disk: Disk,
        dir: &Path,
        anchor_dir: &Path,
        visit: &mut dyn FnMut(Visit<'_>) -> Result<(), LedgerError>,
    ) -> Result<(Self, Opened), LedgerError> {
        let missing = || LedgerError::Anchor { path: anchor_dir.join(anchor::FILE_NAME) };
        let mut anchored = anchor::newest(anchor::read(anchor_dir)?).ok_or_else(missing)?;
        let mut opened = Opened::default();
        let walk = walk(dir, &anchored, &mut |v| {
            if matches!(v.payload, Payload::Rotten(_)) && v.number < anchored.records {
                opened.rotten.push(v.number);
            }
            visit(v)
        })?;
        let damaged = |what| {
            let segment = segment_name(walk.segment);
            LedgerError::Damaged { segment, offset: walk.offset, what }
        };
        if walk.records < anchored.records {
            return Err(damaged(walk.broken.unwrap_or("acknowledged records are missing")));
        }
        if walk.chain_at_anchor != Some(anchored.chain) {
            return Err(damaged("the chain does not lead to the anchored value"));
        }
        opened.unanchored = walk.records - anchored.records;
        let file = disk.open(&dir.join(segment_name(walk.segment)))?;
        if walk.broken.is_some() {
            // At or after the anchored offset: nobody was told of it. Later segments first, so that a crash
            // in between leaves a tail that is cut again.
            for later in segments(dir)?.into_iter().filter(|&s| s > walk.segment).rev() {
                disk.remove_file(&dir.join(segment_name(later)))?;
            }
            file.set_len(walk.offset)?;
            file.sync()?;
            opened.cut = Some((walk.segment, walk.offset));
        }
        // Whole records beyond the anchor may never have been synced: the kernel read them to us from its
        // cache. They are about to be acknowledged.
        for segment in anchored.segment..=walk.segment {
            disk.open(&dir.join(segment_name(segment)))?.sync()?;
        }
        anchored.incarnation += 1;
        let anchor = Anchor::open(&disk, anchor_dir)?;
        // Both slots: should one rot, the other must not let an incarnation be used twice.
        for _ in 0..2 {
            anchored.write += 1;
            anchor.write(&anchored)?;
        }
        let segment_bytes_max = disk.segment_bytes_max();
        let ledger = Self {
            disk,
            dir: dir.to_owned(),
            anchor,
            anchored,
            segment: walk.segment,
            file,
            offset: walk.offset,
            records: walk.records,
            chain: walk.chain,
            segment_bytes_max,
            poisoned: false,
        };
        Ok((ledger, opened))
    }
}

/// Every record as if it were acknowledged: for looking for rot where the anchor has been judged already.
pub fn walk_all(
    dir: &Path,
    visit: &mut dyn FnMut(Visit<'_>) -> Result<(), LedgerError>,
) -> Result<Walk, LedgerError> {
    walk_up_to(dir, u64::MAX, visit)
}

/// Reads records until the end or the first that does not continue the chain. Changes nothing.
pub fn walk(
    dir: &Path,
    anchored: &Anchored,
    visit: &mut dyn FnMut(Visit<'_>) -> Result<(), LedgerError>,
) -> Result<Walk, LedgerError> {
    walk_up_to(dir, anchored.records, visit)
}

fn walk_up_to(
    dir: &Path,
    acknowledged: u64,
    visit: &mut dyn FnMut(Visit<'_>) -> Result<(), LedgerError>,
) -> Result<Walk, LedgerError> {
    let mut walk =
        Walk { records: 0, chain: [0; 32], segment: 0, offset: 0, broken: None, chain_at_anchor: None };
    let segments = segments(dir)?;
    for (n, &segment) in segments.iter().enumerate() {
        if segment as usize != n {
            walk.broken = Some("a segment file is missing");
            break;
        }
        (walk.segment, walk.offset) = (segment, 0);
        let mut file =
            std::io::BufReader::with_capacity(1 << 20, File::open(dir.join(segment_name(segment)))?);
        while walk.broken.is_none() {
            if walk.records == acknowledged {
                walk.chain_at_anchor = Some(walk.chain);
            }
            let mut header = [0; HEADER_BYTES];
            match fill(&mut file, &mut header)? {
                0 => break,
                HEADER_BYTES => walk.broken = next(&mut file, &header, &mut walk, acknowledged, visit)?,
                _ => walk.broken = Some("a header is cut short"),
            }
        }
        if walk.broken.is_some() {
            break;
        }
    }
    if walk.records == acknowledged {
        walk.chain_at_anchor = Some(walk.chain);
    }
    Ok(walk)
}

/// One record; says what is wrong when it does not continue the chain.
fn next(
    file: &mut impl Read,
    header: &[u8],
    walk: &mut Walk,
    acknowledged: u64,
    visit: &mut dyn FnMut(Visit<'_>) -> Result<(), LedgerError>,
) -> Result<Option<&'static str>, LedgerError> {
    let Some(header) = Header::decode(header) else { return Ok(Some("a header is damaged")) };
    if header.prev_chain != walk.chain || header.bytes as usize > PAYLOAD_BYTES_MAX {
        return Ok(Some("a header does not continue the chain"));
    }
    let mut payload = vec![0; header.bytes as usize];
    if fill(file, &mut payload)? != payload.len() {
        return Ok(Some("a payload is cut short"));
    }
    let judged = header.judge(&payload);
    // Beyond the anchor a payload that is not whole is a torn write; before it, it is rot or erasure.
    if !matches!(judged, Payload::Intact(_)) && walk.records >= acknowledged {
        return Ok(Some("a payload is torn"));
    }
    let at = Position { segment: walk.segment, offset: walk.offset, bytes: header.bytes };
    visit(Visit { number: walk.records, at, kind: header.kind, payload: judged })?;
    walk.records += 1;
    walk.offset += HEADER_BYTES as u64 + u64::from(header.bytes);
    walk.chain = header.chain();
    Ok(None)
}

/// Fills as much of `buffer` as the file has.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
