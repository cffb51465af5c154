//! Cutting a file by content, once, while it is hashed. What a chunk list is, is `proto::chunk`'s law.

use std::{fs::File, io, path::Path};

use fastcdc::v2020::StreamCDC;
use sha2::{Digest, Sha256};
use talanoa_proto::{
    chunk::{CHUNK_BYTES_AVG, CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, ChunkEntry, FASTCDC_16K, PageWriter},
    limits,
};

use crate::store::disk::DiskFile;

/// What a manifest says of a file's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    pub bytes: u64,
    pub sha256: [u8; 32],
    pub chunking: &'static str,
    pub chunk_root: [u8; 32],
}

/// Reads the file once and writes its pages beside it: length, list, pages.
pub fn cut(path: &Path, pages_file: &DiskFile) -> io::Result<Cut> {
    let [min, avg, max] = [CHUNK_BYTES_MIN, CHUNK_BYTES_AVG, CHUNK_BYTES_MAX].map(|n| n as usize);
    let mut sha256 = Sha256::new();
    let mut writer = PageWriter::default();
    let mut pages = Vec::new();
    for chunk in StreamCDC::new(File::open(path)?, min, avg, max) {
        let chunk = chunk.map_err(io::Error::from)?;
        sha256.update(&chunk.data);
        pages.extend(writer.push(ChunkEntry::of(&chunk.data)).into_iter().flatten());
    }
    let bytes = writer.bytes;
    let (last, list) = writer.finish();
    pages.extend(last.into_iter().flatten());
    if list.len() > limits::PAGES_MAX || bytes > limits::DISTRIBUTION_BYTES_MAX {
        return Err(io::Error::other(format!("a file of {bytes} bytes is too large to publish: split it")));
    }
    let length = (list.bytes().len() as u32).to_be_bytes();
    let content = [&length, list.bytes().as_ref(), &pages].concat();
    pages_file
        .write_at(&content, 0)
        .and_then(|()| pages_file.sync())
        .map_err(|e| io::Error::new(e.source.kind(), e))?;
    Ok(Cut { bytes, sha256: sha256.finalize().into(), chunking: FASTCDC_16K, chunk_root: list.root() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::disk::Disk;

    /// The cut is part of the protocol: these hashes must never change.
    #[test]
    fn the_cut_of_a_known_file_is_fixed() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = 1u32;
        let bytes: Vec<u8> = (0..300_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let path = dir.path().join("0");
        std::fs::write(&path, &bytes).unwrap();
        let pages = Disk::default().open(&dir.path().join("0.pages")).unwrap();
        let cut = cut(&path, &pages).unwrap();
        assert_eq!(cut.bytes, 300_000);
        assert_eq!(hex::encode(cut.chunk_root), VECTOR);
    }

    const VECTOR: &str = "5a18534bc669a38e41469f191a6e43412c26a2c6ee9474cd7338dc97c385826f";
}
