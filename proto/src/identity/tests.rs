use ed25519_dalek::SigningKey;

use super::*;

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn set(keys: &[u8], threshold: usize) -> KeySet {
    let mut keys: Vec<PublicKey> = keys.iter().map(|&n| key(n).verifying_key().into()).collect();
    keys.sort();
    KeySet { keys, threshold }
}

fn found(root: KeySet, signers: &[u8]) -> Result<Identity, IdentityError> {
    let genesis = Genesis {
        code: "FJ".parse().unwrap(),
        name: "Fiji Bureau of Statistics".into(),
        kind: MemberKind::Country,
        root,
        created_at: 1,
    };
    let mut envelope = Envelope::unsigned(&IdentityEvent::genesis(genesis));
    signers.iter().for_each(|&n| envelope.add_signature(&key(n)));
    Identity::found(&envelope)
}

fn next(identity: &Identity, body: IdentityBody, signers: &[u8]) -> Envelope {
    let mut envelope = Envelope::unsigned(&IdentityEvent::next(identity, body));
    signers.iter().for_each(|&n| envelope.add_signature(&key(n)));
    envelope
}

fn delegate(role: Role, n: u8) -> IdentityBody {
    IdentityBody::Delegate(Delegation::new(role, key(n).verifying_key().into(), 10, 20))
}

#[test]
fn a_genesis_needs_the_threshold_of_its_own_roots() {
    assert!(found(set(&[1, 2, 3], 2), &[1, 2]).is_ok());
    assert!(found(set(&[1, 2, 3], 2), &[1]).is_err());
    assert!(found(set(&[1, 2, 3], 2), &[1, 4]).is_err());
}

#[test]
fn events_are_taken_exactly_in_order_and_from_roots_alone() {
    let mut identity = found(set(&[1], 1), &[1]).unwrap();
    let first = next(&identity, delegate(Role::Node, 5), &[1]);
    let mut by_node = identity.clone();
    by_node.extend(&first).unwrap();
    let second = next(&by_node, delegate(Role::Consent, 6), &[1]);
    let forged = next(&by_node, delegate(Role::Consent, 7), &[5]);

    assert!(matches!(identity.extend(&second), Err(IdentityError::Sequence { expected: 1, actual: 2 })));
    identity.extend(&first).unwrap();
    assert!(identity.extend(&first).is_err(), "replay");
    assert!(
        matches!(identity.extend(&forged), Err(IdentityError::Envelope(_))),
        "a node key delegates nobody"
    );
    identity.extend(&second).unwrap();
    assert_eq!(identity.seq(), 2);
}

#[test]
fn a_root_rotation_needs_old_and_new() {
    let identity = found(set(&[1, 2], 2), &[1, 2]).unwrap();
    let rotate = |signers: &[u8]| {
        let mut i = identity.clone();
        i.extend(&next(&identity, IdentityBody::RotateRoot(set(&[3], 1)), signers)).map(|()| i)
    };
    assert!(rotate(&[1, 2]).is_err());
    assert!(rotate(&[3]).is_err());
    assert_eq!(rotate(&[1, 2, 3]).unwrap().root(), &set(&[3], 1));
}

#[test]
fn a_revoked_key_counts_below_its_cutoff_and_never_admits() {
    let mut identity = found(set(&[1], 1), &[1]).unwrap();
    identity.extend(&next(&identity.clone(), delegate(Role::Node, 5), &[1])).unwrap();
    let node: PublicKey = key(5).verifying_key().into();
    assert_eq!(identity.node_keys_at(10), [node]);
    assert_eq!(identity.node_keys_at(9), []);
    assert_eq!(identity.node_keys_at(20), []);
    let revoke = IdentityBody::RevokeKey { key: node, cutoff: (1, 7) };
    identity.extend(&next(&identity.clone(), revoke, &[1])).unwrap();
    assert_eq!(identity.keys(Role::Node, (1, 6)), [node]);
    assert_eq!(identity.keys(Role::Node, (1, 7)), []);
    assert_eq!(identity.node_keys_at(15), []);
    let again = next(&identity, delegate(Role::Node, 5), &[1]);
    assert_eq!(identity.extend(&again), Err(IdentityError::Revoked { seq: 3 }));
}

#[test]
fn another_member_or_another_chain_does_not_continue_this_one() {
    let fiji = found(set(&[1], 1), &[1]).unwrap();
    let mut other = found(set(&[2], 1), &[2]).unwrap();
    assert_eq!(
        other.extend(&next(&fiji, delegate(Role::Node, 5), &[1])),
        Err(IdentityError::Broken { seq: 1 })
    );
}
