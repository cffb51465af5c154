use super::*;

const SIZES: u64 = 130;

struct Log {
    stored: Vec<Hash>,
    leaves: Vec<Hash>,
    roots: Vec<Hash>,
}

fn log(size: u64) -> Log {
    let mut frontier = Frontier::default();
    let mut log = Log { stored: Vec::new(), leaves: Vec::new(), roots: vec![frontier.root()] };
    for n in 0..size {
        let leaf = leaf_hash(&n.to_be_bytes());
        log.leaves.push(leaf);
        log.stored.extend(frontier.append(leaf));
        log.roots.push(frontier.root());
    }
    log
}

impl Log {
    fn read(&self) -> impl FnMut(u64) -> Result<Hash, ()> + '_ {
        |position| self.stored.get(position as usize).copied().ok_or(())
    }
}

/// RFC 6962 §2.1, word for word.
fn definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
            node_hash(&definition(left), &definition(right))
        }
    }
}

#[test]
fn the_published_tree_has_the_published_roots() {
    let data =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::default();
    for (leaf, root) in data.iter().zip(roots) {
        frontier.append(leaf_hash(&hex::decode(leaf).unwrap()));
        assert_eq!(hex::encode(frontier.root()), root);
    }
}

#[test]
fn frontier_stored_layout_and_definition_agree() {
    let log = log(SIZES);
    for size in 0..=SIZES {
        let root = log.roots[size as usize];
        assert_eq!(root, definition(&log.leaves[..size as usize]));
        assert_eq!(root_at(size, &mut log.read()), Ok(root));
    }
    assert_eq!(log.stored.len() as u64, stored_count(SIZES));
    for (n, leaf) in log.leaves.iter().enumerate() {
        assert_eq!(log.stored[stored_position(0, n as u64) as usize], *leaf);
    }
}

#[test]
fn every_inclusion_proof_holds_and_no_altered_one_does() {
    let log = log(SIZES);
    for size in 1..=SIZES {
        let root = log.roots[size as usize];
        for index in 0..size {
            let leaf = &log.leaves[index as usize];
            let proof = inclusion_proof(index, size, &mut log.read()).unwrap();
            assert_eq!(verify_inclusion(index, size, leaf, &root, &proof), Ok(()), "{index} of {size}");
            let mut longer = proof.clone();
            longer.push([0; 32]);
            assert!(verify_inclusion(index, size, leaf, &root, &longer).is_err());
            for wrong in (0..=size).filter(|&wrong| wrong != index) {
                assert!(verify_inclusion(wrong, size, leaf, &root, &proof).is_err());
            }
            for n in 0..proof.len() {
                let mut altered = proof.clone();
                altered[n][0] ^= 1;
                assert!(verify_inclusion(index, size, leaf, &root, &altered).is_err());
                assert!(verify_inclusion(index, size, leaf, &root, &proof[..n]).is_err());
            }
        }
    }
}

#[test]
fn every_consistency_proof_holds_and_no_altered_one_does() {
    let log = log(SIZES);
    for new in 0..=SIZES {
        for old in 0..=new {
            let (old_root, new_root) = (&log.roots[old as usize], &log.roots[new as usize]);
            let proof = consistency_proof(old, new, &mut log.read()).unwrap();
            assert_eq!(verify_consistency(old, new, old_root, new_root, &proof), Ok(()), "{old} to {new}");
            let mut longer = proof.clone();
            longer.push([0; 32]);
            assert!(verify_consistency(old, new, old_root, new_root, &longer).is_err());
            for n in 0..proof.len() {
                let mut altered = proof.clone();
                altered[n][0] ^= 1;
                assert!(verify_consistency(old, new, old_root, new_root, &altered).is_err());
                assert!(verify_consistency(old, new, old_root, new_root, &proof[..n]).is_err());
            }
            if old > 0 && old < new {
                assert!(verify_consistency(old, new, &[7; 32], new_root, &proof).is_err());
                assert!(verify_consistency(old, new, old_root, &[7; 32], &proof).is_err());
            }
        }
    }
    assert!(verify_consistency(2, 1, &log.roots[2], &log.roots[1], &[]).is_err());
}

#[test]
fn a_proof_of_wrong_length_is_told_the_right_one() {
    let log = log(SIZES);
    for new in 1..=SIZES {
        for old in 1..new {
            let expected = consistency_proof(old, new, &mut log.read()).unwrap().len();
            for actual in (0..12).filter(|&n| n != expected) {
                let (old_root, new_root) = (&log.roots[old as usize], &log.roots[new as usize]);
                let verdict = verify_consistency(old, new, old_root, new_root, &vec![[0; 32]; actual]);
                assert_eq!(verdict, Err(ProofError::Length { expected, actual }), "{old} to {new}");
            }
        }
    }
}

#[test]
fn the_largest_sizes_are_judged_without_overflow() {
    let (end, zero) = (u64::MAX, [0; 32]);
    for proof in [vec![], vec![zero; 63], vec![zero; 64], vec![zero; 65], vec![zero; 66]] {
        for at in [0, 1, 1 << 63, (1 << 63) - 1, end - 1] {
            assert!(verify_inclusion(at, end, &zero, &zero, &proof).is_err());
            assert!(at == 0 || verify_consistency(at, end, &zero, &zero, &proof).is_err());
        }
    }
}
