//! The keys that an identity names: which of them may serve, and what each stands for.

use ed25519_dalek::SigningKey;
use talanoa_client::tls::fingerprint;
use talanoa_proto::{
    id::PublicKey,
    identity::{Delegation, Identity, Role},
};

use crate::clock::rfc3339;

/// Why a key may not serve for a member; what to do is in every sentence.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the node key {key} {why}. Put the right keys/node.key back; if it is lost, stop the node, move this one away and \
     make a new one with the root key: talanoa delegate --role node --key-out keys/node.key --until DATE --root FILE"
)]
pub struct Unfit {
    key: String,
    why: String,
}

/// A foreign or outdated key in the directory would sign entries that every peer refuses, for good: they stay
/// in the journal. So nothing is opened with it.
pub fn check_node_key(identity: &Identity, key: &SigningKey, now: u64) -> Result<(), Unfit> {
    let key = PublicKey::from(key.verifying_key());
    if identity.node_keys_at(now).contains(&key) {
        return Ok(());
    }
    let code = identity.code();
    let why = match identity.delegations().iter().find(|d| d.role == Role::Node && d.key == key) {
        None => format!("is not one that the identity of {code} delegates ({})", named(identity, Role::Node)),
        Some(d) if d.revoked().is_some() => format!("of {code} was revoked"),
        Some(d) => format!(
            "of {code} is delegated from {} until {}, and by this machine's clock it is {}",
            rfc3339(d.not_before),
            rfc3339(d.not_after),
            rfc3339(now)
        ),
    };
    Err(Unfit { key: fingerprint(&key.0), why })
}

/// Fingerprints of the keys of a role that are not revoked.
fn named(identity: &Identity, role: Role) -> String {
    let names: Vec<String> = standing(identity, role).map(|d| fingerprint(&d.key.0)).collect();
    names.join(", ")
}

/// Delegations of a role that are not revoked.
pub fn standing(identity: &Identity, role: Role) -> impl Iterator<Item = &Delegation> {
    identity.delegations().iter().filter(move |d| d.role == role && d.revoked().is_none())
}
