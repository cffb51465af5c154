use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::*;

const TABLE: &[u8] = b"geo,year,value\nFJ,2001,1.5\nVU,2001,2\n";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    zip_with(entries, CompressionMethod::Deflated)
}

fn zip_with(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Wrapping and content, or the message of the refusal.
fn read(bytes: &[u8], limits: &Limits) -> Result<(Wrapping, Vec<u8>), String> {
    let mut opened = open_in(Cursor::new(bytes), limits).map_err(|e| e.to_string())?;
    let mut content = Vec::new();
    opened.read_to_end(&mut content).map_err(|e| e.to_string())?;
    Ok((opened.wrapping(), content))
}

fn refused(bytes: &[u8]) -> String {
    read(bytes, &Limits::default()).expect_err("refused")
}

#[test]
fn the_content_is_the_same_in_every_wrapping() {
    for (bytes, wrapping) in [
        (TABLE.to_vec(), Wrapping::Plain),
        (Vec::new(), Wrapping::Plain),
        (gzip(TABLE), Wrapping::Gzip),
        ([gzip(&TABLE[..20]), gzip(&TABLE[20..])].concat(), Wrapping::Gzip),
        (zip(&[("a/b.csv", TABLE)]), Wrapping::Zip),
        (zip_with(&[("b.csv", TABLE)], CompressionMethod::Stored), Wrapping::Zip),
        (zip(&[("a/", b""), ("a/b.csv", TABLE), ("__MACOSX/a/._b.csv", b"x")]), Wrapping::Zip),
    ] {
        let expected = if bytes.is_empty() { Vec::new() } else { TABLE.to_vec() };
        assert_eq!(read(&bytes, &Limits::default()), Ok((wrapping, expected)));
    }
    let opened = open_in(Cursor::new(zip(&[("b.csv", TABLE)])), &Limits::default()).unwrap();
    assert_eq!(opened.entry(), Some("b.csv"));
}

#[test]
fn a_pipe_is_refused_before_anybody_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), dir.path()] {
        assert!(matches!(open(path, &Limits::default()), Err(ContainerError::NoFile)));
    }
}

#[test]
fn bombs_stop_early() {
    let zeros = vec![b'0'; 64 << 20];
    for bomb in [gzip(&zeros), zip(&[("b.csv", &zeros)])] {
        assert!(bomb.len() < 100_000);
        assert_eq!(refused(&bomb), "expands to more than 200 times its size: a decompression bomb");
        let mut opened = open_in(Cursor::new(&bomb), &Limits::default()).unwrap();
        let (mut block, mut read) = ([0; 4096], 0);
        while let Ok(n) = opened.read(&mut block) {
            read += n;
        }
        assert!(read < 8 << 20, "{read}");
    }
}

#[test]
fn limits_hold_one_above_and_one_below() {
    let limits = Limits { expanded_bytes_max: TABLE.len() as u64, ..Limits::default() };
    for bytes in [TABLE.to_vec(), gzip(TABLE), zip(&[("b.csv", TABLE)])] {
        assert!(read(&bytes, &limits).is_ok());
        let limits = Limits { expanded_bytes_max: limits.expanded_bytes_max - 1, ..limits };
        assert_eq!(read(&bytes, &limits), Err("expands to more than 36 bytes".into()));
        let packed_bytes_max = bytes.len() as u64;
        assert!(read(&bytes, &Limits { packed_bytes_max, ..Limits::default() }).is_ok());
        assert!(
            read(&bytes, &Limits { packed_bytes_max: packed_bytes_max - 1, ..Limits::default() }).is_err()
        );
    }
}

#[test]
fn archives_in_archives_are_refused() {
    let (gz, zipped) = (gzip(TABLE), zip(&[("b.csv", TABLE)]));
    for (bytes, inner) in [
        (gzip(&gz), "a gzip file"),
        (gzip(&zipped), "a zip archive"),
        (zip(&[("b.csv", &gz)]), "a gzip file"),
        (zip(&[("b.csv", &zipped)]), "a zip archive"),
        (gzip(&[vec![0; 257], b"ustar\0".to_vec()].concat()), "a tar archive"),
    ] {
        assert_eq!(refused(&bytes), format!("an archive inside an archive: {inner}"));
    }
    assert!(refused(b"BZh91AY&SY").contains("a bzip2 file"));
    assert!(read(b"BZh,year\n", &Limits::default()).is_ok());
}

#[test]
fn entries_that_leave_the_folder_are_refused() {
    for name in ["../b.csv", "a/../../b.csv", "/etc/b.csv", "..\\b.csv", "C:\\b.csv"] {
        // The writer mends such names; whoever attacks does not use it.
        let plain: String = "x".repeat(name.len());
        let bytes = replaced(&zip(&[(&plain, TABLE)]), plain.as_bytes(), name.as_bytes());
        assert!(refused(&bytes).contains("would leave the folder"), "{name}");
    }
}

#[test]
fn other_archives_are_refused_with_the_reason() {
    assert_eq!(refused(&zip(&[])), "the archive has 0 files, and one is expected");
    assert_eq!(refused(&zip(&[("a", b"1"), ("b", b"2")])), "the archive has 2 files, and one is expected");
    let workbook = zip(&[("[Content_Types].xml", b"<a/>"), ("xl/workbook.xml", b"<a/>")]);
    assert_eq!(refused(&workbook), "an Excel workbook; save the sheet as CSV UTF-8");
    let mut encrypted = zip(&[("b.csv", TABLE)]);
    // Bit 0 of the flags, in the entry and in the directory.
    encrypted[6] |= 1;
    let directory = encrypted.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    encrypted[directory + 8] |= 1;
    assert_eq!(refused(&encrypted), "the archive is encrypted");
}

#[test]
fn a_directory_without_end_is_not_kept_in_memory() {
    let names: Vec<String> = (0..30_000).map(|n| format!("{n:0>200}")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let bytes = zip_with(&entries, CompressionMethod::Stored);
    assert_eq!(refused(&bytes), "the archive's directory takes more than 4194304 bytes to read");
    let no_archive = [b"PK\x03\x04".to_vec(), vec![0; 16 << 20]].concat();
    read(&no_archive, &Limits::default()).unwrap_err();
}

#[test]
fn damage_is_noticed() {
    let stored = zip_with(&[("b.csv", TABLE)], CompressionMethod::Stored);
    assert!(refused(&replaced(&stored, b"FJ,2001", b"FJ,2002")).contains("the checksum differs"));
    let gz = gzip(TABLE);
    assert!(read(&gz[..gz.len() - 9], &Limits::default()).is_err());
    assert!(read(&stored[..stored.len() - 9], &Limits::default()).is_err());
    assert!(read(&[&gz, &b"trailing"[..]].concat(), &Limits::default()).is_err());
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    while let Some(n) = bytes.windows(from.len()).position(|w| w == from) {
        bytes[n..n + to.len()].copy_from_slice(to);
    }
    bytes
}

proptest! {
    #[test]
    fn no_damage_makes_it_panic(kind in 0usize..4, at in 0usize..400, bits in 1u8.., cut in 0usize..400) {
        let stored = zip_with(&[("b.csv", TABLE)], CompressionMethod::Stored);
        let kinds = [gzip(TABLE), zip(&[("b.csv", TABLE)]), stored, TABLE.to_vec()];
        let mut bytes = kinds[kind].clone();
        let length = bytes.len();
        bytes[at % length] ^= bits;
        let _ = read(&bytes, &Limits::default());
        let _ = read(&bytes[..cut % length], &Limits::default());
    }
}
