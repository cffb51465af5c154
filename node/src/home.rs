//! A node's directory: configuration, keys, identity. Everything of it that is not the store's.
//!
//! ```text
//!   config.toml   identity.txt (public)   keys/{root,consent,node}.key (secret)
//!   ledger/ anchor tree index/ shelf/ partial/ reserve.bin lock node.sock       (see store)
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use ed25519_dalek::SigningKey;
use talanoa_proto::{
    charter::{Card, CharterFile},
    envelope::Envelope,
    id::{MemberCode, PublicKey},
    identity::{
        Delegation, Endpoint, Genesis, Identity, IdentityBody, IdentityEvent, KeySet, MemberKind, Role,
    },
};

use crate::{
    config::{self, Settings},
    keys,
    node::own_entry,
    store::{Batch, Layout, Store, disk::Disk, records::CharterAdopted, state::Member},
};

/// Long enough for an office with two people, short enough that a lost key ends by itself.
const DELEGATION_DAYS: u64 = 400;
const IDENTITY_FILE: &str = "identity.txt";

#[derive(Debug)]
pub struct Home {
    pub dir: PathBuf,
    pub settings: Settings,
    pub card: Card,
}

/// What `init` was asked for.
#[derive(Clone, Debug)]
pub struct Founding {
    pub code: MemberCode,
    pub name: String,
    pub kind: MemberKind,
    pub listen: Option<String>,
    /// Where the root key goes; otherwise it lies with the others.
    pub root_out: Option<PathBuf>,
    pub now: u64,
}

impl Home {
    pub fn open(dir: &Path) -> Result<Self> {
        let settings = Settings::load(dir)?;
        let path = dir.join(IDENTITY_FILE);
        let text = fs::read_to_string(&path).with_context(|| {
            format!("{} is not a node's directory: talanoa init --dir {}", dir.display(), dir.display())
        })?;
        let card = Card::from_text(&text).with_context(|| path.display().to_string())?;
        Ok(Self { dir: dir.to_owned(), settings, card })
    }

    pub fn layout(&self) -> Layout {
        Layout::new(&self.dir, self.settings.anchor_dir.clone())
    }

    pub fn key_path(&self, role: &str) -> PathBuf {
        key_path(&self.dir, role)
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.join("node.sock")
    }

    pub fn node_key(&self) -> Result<SigningKey> {
        Ok(keys::load(&self.key_path("node"))?)
    }

    /// Opens the store for an offline command; refuses while a node runs.
    pub fn open_store(&self) -> Result<Store> {
        self.open_store_with(self.node_key()?)
    }

    pub fn open_store_with(&self, key: SigningKey) -> Result<Store> {
        Ok(Store::open(&self.layout(), Disk::from_env(), self.card.identity.id(), key)?)
    }

    /// Makes a charter this node's own. The journal opens with who we are, so that what follows can be
    /// checked from its first entry on.
    pub async fn adopt(&self, charter: &CharterFile) -> Result<()> {
        charter.verify().context("charter.invalid")?;
        let me = self.card.identity.id();
        let mine = charter.cards.iter().find(|c| c.identity.id() == me);
        let mine = mine.with_context(|| {
            format!("{} of this directory is not in that charter", self.card.identity.code())
        })?;
        let store = self.open_store()?;
        if let Some(held) = store.view().federation() {
            bail!("this node already belongs to federation {held}");
        }
        let mut batch = Batch::of(CharterAdopted { file: charter.to_bytes().into() });
        // Keys may have changed since the card was sent: the chain goes on where that card ends.
        let chain = if self.card.chain.starts_with(&mine.chain) { &self.card.chain } else { &mine.chain };
        let own = chain.iter().chain(mine.endpoint.as_ref().map(|(_, envelope)| envelope));
        for envelope in own {
            batch.records.push(own_entry(envelope)?.0.into());
        }
        store.commit(batch).await?;
        store.close().await;
        Ok(())
    }

    /// Who we are as the journal has it; before there is a charter, as the identity file has it.
    pub fn card_in(&self, store: &Store) -> Card {
        let view = store.view();
        view.members.get(&view.me).map_or_else(|| self.card.clone(), Member::card)
    }

    /// The public copy of what the journal says. A crash in between leaves it old: the next start writes it.
    /// One that says more than the journal stays: then the ledger is an older copy.
    pub fn save_card(&self, card: &Card) -> Result<()> {
        if *card != self.card && card.chain.starts_with(&self.card.chain) {
            Disk::from_env().write_atomic(&self.dir.join(IDENTITY_FILE), card.to_text().as_bytes())?;
        }
        Ok(())
    }

    /// One line, wherever it may be overlooked: keys that widen lie where the node runs.
    pub fn key_warning(&self) -> Option<String> {
        let here: Vec<&str> = ["root", "consent"].into_iter().filter(|r| self.key_path(r).exists()).collect();
        if here.is_empty() {
            return None;
        }
        Some(format!(
            "root or consent keys ({}) lie on this machine, in {}: whoever takes it can widen consent. Move them to \
             another medium and name them with --key",
            here.join(", "),
            self.dir.join("keys").display()
        ))
    }

    /// Creates identity, keys and an empty ledger. Leaves nothing half done: what exists is refused.
    pub fn found(dir: &Path, founding: &Founding) -> Result<Self> {
        if dir.join(IDENTITY_FILE).exists() {
            bail!("{} already holds a node: choose another --dir", dir.display());
        }
        let path = dir.join(config::FILE_NAME);
        let written = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(e).with_context(|| path.display().to_string()),
        };
        let config = match &founding.listen {
            Some(listen) => config::with_listen(&written, listen)?,
            None => written.clone(),
        };
        let settings = Settings::parse(&config)?;
        let disk = Disk::from_env();
        let (root, consent, node) = (keys::generate()?, keys::generate()?, keys::generate()?);
        let card = found_identity(founding, &settings, &root, &consent, &node)?;
        disk.create_dir(dir)?;
        disk.create_dir(&dir.join("keys"))?;
        let root_path = founding.root_out.clone().unwrap_or_else(|| key_path(dir, "root"));
        let paths = [root_path, key_path(dir, "consent"), key_path(dir, "node")];
        let files: Vec<_> = paths.iter().map(PathBuf::as_path).zip([&root, &consent, &node]).collect();
        keys::save_all(&files)?;
        let founded = write_node(dir, &settings, Some(&*config).filter(|c| *c != written), &disk, &card);
        if founded.is_err() {
            // Without an identity they are keys of nobody, and would be in the way of the next try.
            paths.iter().for_each(|path| drop(fs::remove_file(path)));
        }
        founded?;
        Ok(Self { dir: dir.to_owned(), settings, card })
    }
}

/// `config` is absent where the file that is there says it all.
fn write_node(dir: &Path, settings: &Settings, config: Option<&str>, disk: &Disk, card: &Card) -> Result<()> {
    if let Some(config) = config {
        disk.write_atomic(&dir.join(config::FILE_NAME), config.as_bytes())?;
    }
    Store::create(&Layout::new(dir, settings.anchor_dir.clone()), disk)?;
    // Last: a directory without it is no node, and `init` may be run again after removing it.
    disk.write_atomic(&dir.join(IDENTITY_FILE), card.to_text().as_bytes())?;
    Ok(())
}

fn key_path(dir: &Path, role: &str) -> PathBuf {
    dir.join("keys").join(format!("{role}.key"))
}

fn found_identity(
    founding: &Founding,
    settings: &Settings,
    root: &SigningKey,
    consent: &SigningKey,
    node: &SigningKey,
) -> Result<Card> {
    let public = |key: &SigningKey| PublicKey::from(key.verifying_key());
    let genesis = Genesis {
        code: founding.code.clone(),
        name: founding.name.clone(),
        kind: founding.kind,
        root: KeySet { keys: vec![public(root)], threshold: 1 },
        created_at: founding.now,
    };
    let mut chain = vec![Envelope::seal(&IdentityEvent::genesis(genesis), root)];
    let mut identity = Identity::found(&chain[0])?;
    // An hour back: a peer whose clock is a little behind must not refuse a fresh key.
    let (from, until) = (founding.now.saturating_sub(3600), founding.now + DELEGATION_DAYS * 86_400);
    for (role, key) in [(Role::Node, node), (Role::Consent, consent)] {
        let body = IdentityBody::Delegate(Delegation::new(role, public(key), from, until));
        let event = Envelope::seal(&IdentityEvent::next(&identity, body), root);
        identity.extend(&event)?;
        chain.push(event);
    }
    let endpoint = Endpoint { member: identity.id(), addresses: settings.addresses.clone(), seq: 1 };
    Ok(Card::new(chain, Some(Envelope::seal(&endpoint, node)))?)
}
