//! Commands about this member's own keys. Each is an event of the identity chain, signed with the root key in this
//! process, and goes into the journal of the running node, or of the stopped one: a lost node key must not be needed
//! for its own replacement.

use std::path::{Path, PathBuf};

use anyhow::Context;
use ed25519_dalek::SigningKey;
use serde_json::json;
use talanoa_client::tls::fingerprint;
use talanoa_proto::{
    charter::Card,
    envelope::Envelope,
    id::PublicKey,
    identity::{Delegation, Identity, IdentityBody, IdentityEvent, KeySet, Role},
};

use super::{
    exit::Failure,
    key_args::{self, Delegate, Roots},
    remote::{Outcome, Remote},
    render,
};
use crate::{
    clock::{Clock, SystemClock, rfc3339},
    home::Home,
    keyring, keys,
    store::{Batch, Store, state::EPOCH},
};

fn refused(message: impl Into<String>, advice: Option<&str>) -> Failure {
    Failure::Refused { message: message.into(), advice: advice.map(str::to_owned) }
}

/// Where the chain goes on.
enum Journal {
    Running(Remote),
    Stopped(Store),
}

/// The directory with its identity as the journal has it now.
struct Office {
    home: Home,
    journal: Journal,
    card: Card,
    /// Entries of the journal.
    size: u64,
}

impl Office {
    async fn open(dir: &Path) -> Result<Self, Failure> {
        let home = Home::open(dir)?;
        let (journal, card, size) = match Remote::connect(dir).await {
            Ok(mut node) => {
                let (card, size) = node.membership().await?;
                (Journal::Running(node), card, size)
            }
            Err(Failure::NotRunning) => {
                // Nobody is shown the head that this process signs: any key will do, and the node's may be lost.
                let store = home.open_store_with(keys::generate()?)?;
                let (card, size) = (home.card_in(&store), store.view().size);
                (Journal::Stopped(store), card, size)
            }
            Err(other) => return Err(other),
        };
        if home.card.chain.len() > card.chain.len() {
            return Err(refused(
                "identity.txt names keys that the journal does not know: this ledger is an older copy",
                Some("put the newest copy of the directory back"),
            ));
        }
        Ok(Self { home, journal, card, size })
    }

    fn identity(&self) -> &Identity {
        &self.card.identity
    }

    /// Signed, and judged as everybody will judge it: before anything is written.
    fn sign(&self, body: IdentityBody, roots: &Roots, new: &[SigningKey]) -> Result<Envelope, Failure> {
        let mut event = Envelope::unsigned(&IdentityEvent::next(self.identity(), body));
        let own = [self.home.key_path("root")];
        for path in if roots.root.is_empty() { &own[..] } else { &roots.root } {
            let key = keys::load(path).context("the root key is needed: --root FILE")?;
            if !self.identity().root().keys.contains(&key.verifying_key().into()) {
                let code = self.identity().code();
                return Err(refused(
                    format!("{} is no root key of {code}", path.display()),
                    Some("talanoa keys"),
                ));
            }
            event.add_signature(&key);
        }
        new.iter().for_each(|key| event.add_signature(key));
        self.identity().clone().extend(&event).map_err(anyhow::Error::from)?;
        Ok(event)
    }

    /// In the journal first, then in the public identity: a crash in between is mended by the next start.
    async fn journal(mut self, event: &Envelope) -> Outcome {
        let card = match &mut self.journal {
            Journal::Running(node) => {
                node.submit_signed(event, String::new()).await?;
                node.membership().await?.0
            }
            Journal::Stopped(store) => {
                let card = self.card.extended(event).map_err(anyhow::Error::from)?;
                let key = self.home.node_key().ok();
                let endpoint = self.card.endpoint.as_ref().map(|(endpoint, _)| endpoint);
                let records = keyring::entries(&self.card.identity, endpoint, event, self.size, key.as_ref())
                    .map_err(anyhow::Error::from)?;
                // Before there is a charter there is no journal: the identity file alone has the chain.
                let journaled = store.view().charter.is_some();
                if journaled {
                    store.commit(Batch { records, ..Batch::default() }).await.map_err(anyhow::Error::from)?;
                }
                let card = if journaled { self.home.card_in(store) } else { card };
                store.close().await;
                println!("{}", event.id());
                card
            }
        };
        self.home.save_card(&card)?;
        Ok(())
    }
}

pub async fn delegate(dir: &Path, typed: Delegate) -> Outcome {
    let office = Office::open(dir).await?;
    let role = match typed.role {
        key_args::Role::Consent => Role::Consent,
        key_args::Role::Node => Role::Node,
    };
    let key = keys::generate()?;
    let (public, now) = (PublicKey::from(key.verifying_key()), SystemClock::new().now());
    if typed.until <= now {
        return Err(Failure::Usage("--until is in the past".into()));
    }
    let before = office.identity().threshold(role);
    let threshold =
        keyring::threshold(office.identity(), role, &public, typed.threshold).map_err(Failure::Usage)?;
    // An hour back: a peer whose clock is a little behind must not refuse a fresh key.
    let delegation =
        Delegation::new(role, public, now.saturating_sub(3600), typed.until).with_threshold(threshold);
    let event = office.sign(IdentityBody::Delegate(delegation), &typed.roots, &[])?;
    keys::save(&typed.key_out, &key)?;
    let stopped = matches!(office.journal, Journal::Stopped(_));
    let size = office.size;
    office.journal(&event).await?;
    if role == Role::Consent && threshold != before {
        eprintln!("from now on {threshold} officers must sign, until now {before}");
    }
    eprintln!("secret key in {}; send the new card to the others: talanoa card", typed.key_out.display());
    if stopped && role == Role::Node {
        eprintln!(
            "members let the new key in when one of them has taken the card (talanoa peers import) and told the others. \
             If this directory comes from a backup: ask one what JOURNAL its `talanoa peers` shows; more than {size} \
             means that this copy is too old to serve"
        );
    }
    Ok(())
}

pub async fn revoke(dir: &Path, key: &str, roots: &Roots) -> Outcome {
    let office = Office::open(dir).await?;
    let found = named(office.identity(), key)?;
    let (role, key) = (found.role, found.key);
    if found.revoked().is_some() {
        return Err(refused(format!("key {} is revoked already", fingerprint(&key.0)), None));
    }
    let event = office.sign(IdentityBody::RevokeKey { key, cutoff: (EPOCH, office.size) }, roots, &[])?;
    let needed = office.identity().threshold(role);
    let left = keyring::standing(office.identity(), role).filter(|d| d.key != key).count();
    office.journal(&event).await?;
    eprintln!("key {} counts for nothing that comes from now on", fingerprint(&key.0));
    if role == Role::Consent {
        eprintln!(
            "what it granted before is in force still: talanoa grants, and revoke what you did not give"
        );
        if left < needed {
            eprintln!(
                "{needed} officers must sign and {left} consent keys are left: talanoa delegate --role consent"
            );
        }
    }
    eprintln!("send the new card to the others: talanoa card");
    Ok(())
}

pub async fn rotate_root(
    dir: &Path,
    key_out: &[PathBuf],
    threshold: Option<usize>,
    roots: &Roots,
) -> Outcome {
    let office = Office::open(dir).await?;
    let fresh = key_out.iter().map(|_| keys::generate()).collect::<Result<Vec<_>, _>>()?;
    let mut public: Vec<PublicKey> = fresh.iter().map(|key| key.verifying_key().into()).collect();
    public.sort();
    let threshold = threshold.unwrap_or(office.identity().root().threshold);
    if threshold > public.len() {
        let keys = public.len();
        return Err(Failure::Usage(format!(
            "{threshold} of {keys} root keys could not sign: --key-out, --threshold"
        )));
    }
    let event = office.sign(IdentityBody::RotateRoot(KeySet { keys: public, threshold }), roots, &fresh)?;
    keys::save_all(&key_out.iter().map(PathBuf::as_path).zip(&fresh).collect::<Vec<_>>())?;
    office.journal(&event).await?;
    eprintln!("the old root keys sign nothing any more; send the new card to the others: talanoa card");
    Ok(())
}

/// A key that has a role, by its file or by its fingerprint.
fn named<'a>(identity: &'a Identity, key: &str) -> Result<&'a Delegation, Failure> {
    let path = Path::new(key);
    let digits = match path.is_file() {
        true => hex::encode(keys::load(path)?.verifying_key().to_bytes()),
        false => key.replace('-', "").to_lowercase(),
    };
    let is_named = |public: &PublicKey| digits.len() >= 8 && hex::encode(public.0).starts_with(&digits);
    let mut found = identity.delegations().iter().filter(|d| is_named(&d.key));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            Err(refused("several keys begin with these digits: give more", Some("talanoa keys")))
        }
        (None, _) if identity.root().keys.iter().any(is_named) => {
            Err(refused("that is a root key: it ends when it is replaced", Some("talanoa keys rotate-root")))
        }
        (None, _) => Err(refused(format!("no key of {} is {key}", identity.code()), Some("talanoa keys"))),
    }
}

/// Read from the public identity: needs no node.
pub fn list(dir: &Path, json: bool) -> Outcome {
    let home = Home::open(dir)?;
    let (identity, now) = (&home.card.identity, SystemClock::new().now());
    let root = identity.root();
    let root_row = |key: &PublicKey| {
        json!({
            "role": "root", "fingerprint": fingerprint(&key.0), "state": "counts", "must_sign": root.threshold,
            "from": null, "until": null, "key": hex::encode(key.0),
        })
    };
    let row = |d: &Delegation| {
        let state = match d.revoked() {
            Some((_, index)) => format!("revoked from journal entry {index} on"),
            None if d.role == Role::Node && !(d.not_before..d.not_after).contains(&now) => {
                "not admitted now".into()
            }
            None => "counts".to_owned(),
        };
        json!({
            "role": match d.role { Role::Consent => "consent", Role::Node => "node", Role::Witness => "witness" },
            "fingerprint": fingerprint(&d.key.0), "state": state, "must_sign": identity.threshold(d.role),
            "from": rfc3339(d.not_before), "until": rfc3339(d.not_after), "key": hex::encode(d.key.0),
        })
    };
    let rows: Vec<_> = root.keys.iter().map(root_row).chain(identity.delegations().iter().map(row)).collect();
    match json {
        true => println!("{}", serde_json::Value::from(rows)),
        false => print!("{}", render::table("keys", &rows)),
    }
    Ok(())
}
