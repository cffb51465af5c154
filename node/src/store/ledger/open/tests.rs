use std::fs;

use super::*;

const HEAD: JournalHead = JournalHead { epoch: 1, size: 0, root: [0; 32] };

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> (Self, Ledger) {
        let home = Self(tempfile::tempdir().unwrap());
        let ledger = Ledger::create(Disk::default(), &home.ledger(), home.0.path()).unwrap();
        (home, ledger)
    }

    fn ledger(&self) -> std::path::PathBuf {
        self.0.path().join("ledger")
    }

    fn segment(&self, n: u32) -> std::path::PathBuf {
        self.ledger().join(segment_name(n))
    }

    fn open(&self) -> Result<(Ledger, Opened, Vec<Vec<u8>>), LedgerError> {
        let mut payloads = Vec::new();
        let (ledger, opened) = Ledger::open(Disk::default(), &self.ledger(), self.0.path(), &mut |v| {
            payloads.push(match v.payload {
                Payload::Intact(p) => p.to_vec(),
                Payload::Zeroed => b"erased".to_vec(),
                Payload::Rotten(_) => b"rotten".to_vec(),
            });
            Ok(())
        })?;
        Ok((ledger, opened, payloads))
    }
}

fn batch(payloads: &[&str]) -> Vec<(u8, Vec<u8>)> {
    payloads.iter().map(|p| (1, p.as_bytes().to_vec())).collect()
}

#[test]
fn records_read_back_in_order_and_by_position() {
    let (home, mut ledger) = Home::new();
    let mut positions = ledger.append(&batch(&["a", "bb", ""])).unwrap();
    ledger.anchor(HEAD).unwrap();
    positions.extend(ledger.append(&batch(&["ccc"])).unwrap());
    assert_eq!(positions.iter().map(|p| p.0).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(ledger.reader().read(positions[1].1).unwrap(), (1, b"bb".to_vec()));
    let (ledger, opened, payloads) = home.open().unwrap();
    assert_eq!(payloads, [&b"a"[..], b"bb", b"", b"ccc"]);
    assert_eq!(opened, Opened { unanchored: 1, ..Opened::default() });
    assert_eq!(ledger.anchored().incarnation, 1);
}

#[test]
fn every_cut_of_the_tail_keeps_what_is_acknowledged() {
    let (home, mut ledger) = Home::new();
    ledger.append(&batch(&["kept", "kept too"])).unwrap();
    ledger.anchor(HEAD).unwrap();
    let acknowledged = ledger.anchored().offset;
    ledger.append(&batch(&["tail", "tail end"])).unwrap();
    let whole = fs::read(home.segment(0)).unwrap();
    for bytes in 0..whole.len() {
        fs::write(home.segment(0), &whole[..bytes]).unwrap();
        let outcome = home.open();
        if (bytes as u64) < acknowledged {
            assert!(matches!(outcome, Err(LedgerError::Damaged { .. })), "{bytes}");
            assert_eq!(fs::read(home.segment(0)).unwrap(), &whole[..bytes], "nothing is changed");
        } else {
            assert!(outcome.unwrap().2.starts_with(&[b"kept".to_vec(), b"kept too".to_vec()]));
        }
    }
}

#[test]
fn every_flipped_byte_is_named_or_cut_and_never_believed() {
    let (home, mut ledger) = Home::new();
    let first = ledger.append(&batch(&["kept", "kept too"])).unwrap();
    ledger.anchor(HEAD).unwrap();
    let acknowledged = ledger.anchored().offset as usize;
    ledger.append(&batch(&["tail"])).unwrap();
    let whole = fs::read(home.segment(0)).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        fs::write(home.segment(0), &flipped).unwrap();
        match home.open() {
            Err(LedgerError::Damaged { .. }) => assert!(at < acknowledged, "{at}"),
            Ok((_, opened, payloads)) if at < acknowledged => {
                assert_eq!(opened.rotten.len(), 1, "{at}");
                let rotten = payloads.iter().position(|p| p == b"rotten").unwrap();
                assert!(first[rotten].1.offset < at as u64);
                assert_eq!(fs::read(home.segment(0)).unwrap().len(), flipped.len(), "never cut");
            }
            Ok((_, opened, _)) => assert!(opened.cut.is_some(), "{at}"),
            Err(other) => panic!("{at}: {other}"),
        }
    }
}

#[test]
fn an_erased_payload_leaves_the_chain_whole() {
    let (home, mut ledger) = Home::new();
    let positions = ledger.append(&batch(&["secret", "open"])).unwrap();
    ledger.anchor(HEAD).unwrap();
    ledger.erase(positions[0].1).unwrap();
    assert!(matches!(ledger.reader().read(positions[0].1), Err(crate::store::ledger::ReadError::Erased)));
    let (_, opened, payloads) = home.open().unwrap();
    assert_eq!((opened, payloads), (Opened::default(), vec![b"erased".to_vec(), b"open".to_vec()]));
    assert!(!fs::read(home.segment(0)).unwrap().windows(6).any(|w| w == b"secret"));
}

#[test]
fn an_erasure_needs_both_anchor_slots_and_a_place_that_is_a_record() {
    let (home, mut ledger) = Home::new();
    ledger.append(&batch(&["one"])).unwrap();
    ledger.anchor(HEAD).unwrap();
    let second = ledger.append(&batch(&["two"])).unwrap()[0].1;
    ledger.append(&batch(&["three"])).unwrap();
    ledger.anchor(HEAD).unwrap();
    ledger.erase(second).unwrap();
    // The newest slot rots: the other must cover the zeroed record, or it would be taken for a torn tail.
    let path = home.0.path().join(anchor::FILE_NAME);
    let sound = fs::read(&path).unwrap();
    for slot in [0, 4096] {
        let mut rotten = sound.clone();
        rotten[slot + 20] ^= 1;
        fs::write(&path, rotten).unwrap();
        let before = fs::read(home.segment(0)).unwrap();
        let (_, opened, payloads) = home.open().unwrap();
        assert_eq!((opened.cut, payloads.len()), (None, 3));
        assert_eq!(fs::read(home.segment(0)).unwrap(), before);
        fs::write(&path, &sound).unwrap();
    }
    let nowhere = Position { offset: second.offset + 1, ..second };
    assert!(matches!(ledger.erase(nowhere), Err(LedgerError::NoRecord { .. })));
    let elsewhere = Position { segment: 7, ..second };
    assert!(ledger.erase(elsewhere).is_err());
    assert!(!home.segment(7).exists());
}

#[test]
fn an_incarnation_is_used_once_even_when_a_slot_rots() {
    let (home, _) = Home::new();
    let first = home.open().unwrap().0.anchored().incarnation;
    let path = home.0.path().join(anchor::FILE_NAME);
    let sound = fs::read(&path).unwrap();
    for slot in [0, 4096] {
        let mut rotten = sound.clone();
        rotten[slot + 20] ^= 1;
        fs::write(&path, rotten).unwrap();
        assert!(home.open().unwrap().0.anchored().incarnation > first);
    }
}

#[test]
fn segments_roll_and_a_torn_later_one_is_cut() {
    let (home, mut ledger) = Home::new();
    ledger.segment_bytes_max = 200;
    for n in 0..10 {
        ledger.append(&batch(&[&format!("record {n}")])).unwrap();
        if n == 4 {
            ledger.anchor(HEAD).unwrap();
        }
    }
    assert_eq!(segments(&home.ledger()).unwrap(), [0, 1, 2, 3, 4]);
    let third = fs::read(home.segment(3)).unwrap();
    fs::write(home.segment(3), &third[..third.len() - 1]).unwrap();
    let (mut ledger, opened, payloads) = home.open().unwrap();
    assert_eq!(payloads.len(), 7);
    assert!(opened.cut.is_some());
    assert_eq!(segments(&home.ledger()).unwrap(), [0, 1, 2, 3]);
    ledger.append(&batch(&["after"])).unwrap();
    ledger.anchor(HEAD).unwrap();
    assert_eq!(home.open().unwrap().2.last().unwrap(), b"after");
}

#[test]
fn a_missing_anchor_is_named_and_nothing_is_started() {
    let (home, mut ledger) = Home::new();
    ledger.append(&batch(&["a"])).unwrap();
    ledger.anchor(HEAD).unwrap();
    fs::remove_file(home.0.path().join(anchor::FILE_NAME)).unwrap();
    assert!(matches!(home.open(), Err(LedgerError::Anchor { .. })));
}

#[test]
fn a_payload_has_a_greatest_size() {
    let (_home, mut ledger) = Home::new();
    assert!(ledger.append(&[(1, vec![0; PAYLOAD_BYTES_MAX])]).is_ok());
    assert!(matches!(
        ledger.append(&[(1, vec![0; PAYLOAD_BYTES_MAX + 1])]),
        Err(LedgerError::TooLarge { .. })
    ));
}
