//! The keys that an identity names: which of them may serve, and how its chain goes on.

use ed25519_dalek::SigningKey;
use talanoa_client::tls::fingerprint;
use talanoa_proto::{
    envelope::Envelope,
    id::PublicKey,
    identity::{Delegation, Endpoint, Identity, IdentityBody, IdentityEvent, Role},
};

use crate::{
    clock::rfc3339,
    node::own_entry,
    problem::Problem,
    store::{records::Record, state::EPOCH},
};

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

/// What goes into the journal with an event of the own identity. `size` is the journal's, `key` the one with which
/// this node serves, if there is one.
pub fn entries(
    identity: &Identity,
    endpoint: Option<&Endpoint>,
    event: &Envelope,
    size: u64,
    key: Option<&SigningKey>,
) -> Result<Vec<Record>, Problem> {
    let mut next = identity.clone();
    next.extend(event)?;
    let mut entries = vec![own_entry(event)?.0.into()];
    let IdentityBody::RevokeKey { key: revoked, cutoff } = event.object::<IdentityEvent>()?.body else {
        return Ok(entries);
    };
    // Below it everything stands, at it and behind it nothing does.
    if cutoff != (EPOCH, size) {
        return Err(Problem::bad_request("the journal has gone on meanwhile: try again"));
    }
    if !identity.delegations().iter().any(|d| d.role == Role::Node && d.key == revoked) {
        return Ok(entries);
    }
    let serving = key.filter(|k| next.keys(Role::Node, cutoff).contains(&k.verifying_key().into()));
    let serving = serving.ok_or_else(|| {
        Problem::bad_request("without that key this node could not serve").advise(
            "talanoa delegate --role node makes a new one: put it at keys/node.key, start the node, then revoke",
        )
    })?;
    // An address counts under a key that is not revoked: it is said again.
    if let Some(held) = endpoint {
        let again = Envelope::seal(&Endpoint { seq: held.seq + 1, ..held.clone() }, serving);
        entries.push(own_entry(&again)?.0.into());
    }
    Ok(entries)
}

/// How many officers must sign once `key` has the role too. `asked` is what was typed.
pub fn threshold(
    identity: &Identity,
    role: Role,
    key: &PublicKey,
    asked: Option<usize>,
) -> Result<usize, String> {
    let present = if role == Role::Consent { identity.threshold(role) } else { 1 };
    let wanted = asked.unwrap_or(present);
    let keys = standing(identity, role).filter(|d| d.key != *key).count() + 1;
    if role != Role::Consent && wanted != 1 {
        return Err("one machine holds one node key: only consent can need several".into());
    }
    match wanted {
        0 => Err("a threshold of 0 would let nobody's word count for everybody's: at least 1".into()),
        // What stands already is kept: after a revocation fewer keys may be left than must sign.
        n if n > keys && asked.is_some() => Err(format!(
            "{n} officers could not sign: with this one there are {keys} consent keys. Delegate the keys first"
        )),
        n => Ok(n),
    }
}
