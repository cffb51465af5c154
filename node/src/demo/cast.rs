//! The players: three nodes in one process, each with a directory, keys and a port of its own.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use ed25519_dalek::SigningKey;
use talanoa_client::provenance;
use talanoa_proto::{
    charter::{Charter, CharterEvent, CharterFile, CharterMember, PURPOSES, THEMES},
    envelope::Envelope,
    identity::MemberKind,
    release::{Description, ReleaseKind},
};

use crate::{
    app::App,
    clock::{Clock, SystemClock},
    fsck::{self, Report},
    get::Gotten,
    guides::Named,
    home::{Founding, Home},
    keys,
    node::Node,
    publish::{self, Publication},
};

const MARKER: &str = ".talanoa-demo";

pub struct Actor {
    home: Home,
    app: App,
    consent: SigningKey,
}

/// An empty place. Only a directory that an earlier demo made is cleared.
pub fn prepare(dir: &Path) -> Result<()> {
    if dir.join(MARKER).exists() {
        fs::remove_dir_all(dir).with_context(|| dir.display().to_string())?;
    } else if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty and was not made by a demo: choose another --dir", dir.display());
    }
    fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    Ok(fs::write(dir.join(MARKER), "made by talanoa demo; may be deleted\n")?)
}

pub async fn cast(dir: &Path) -> Result<[Actor; 3]> {
    let players = [
        ("FJ", "Fiji Bureau of Statistics", MemberKind::Country),
        ("SPC", "Pacific Community", MemberKind::Body),
        ("VU", "Vanuatu Bureau of Statistics", MemberKind::Country),
    ];
    // All ports are taken at once, so that no two nodes are given the same.
    let taken = players.map(|_| TcpListener::bind("127.0.0.1:0"));
    let mut homes = Vec::new();
    for ((code, name, kind), port) in players.into_iter().zip(&taken) {
        let port = port.as_ref().map_err(|e| anyhow::anyhow!("no port on loopback: {e}"))?;
        let founding = Founding {
            code: code.parse()?,
            name: name.to_owned(),
            kind,
            listen: Some(port.local_addr()?.to_string()),
            root_out: None,
            now: SystemClock::new().now(),
        };
        homes.push(Home::found(&dir.join(code.to_lowercase()), &founding)?);
    }
    drop(taken);
    let charter = found_charter(&homes)?;
    let mut actors = Vec::new();
    for home in homes {
        home.adopt(&charter).await?;
        let consent = keys::load(&home.key_path("consent"))?;
        let app = App::start(&home, Arc::new(SystemClock::new())).await?;
        actors.push(Actor { home, app, consent });
    }
    let [fj, spc, vu] = <[Actor; 3]>::try_from(actors).ok().context("three were founded")?;
    Ok([fj, vu, spc])
}

fn found_charter(homes: &[Home]) -> Result<CharterFile> {
    let member = |home: &Home| CharterMember {
        code: home.card.identity.code().clone(),
        id: home.card.identity.id(),
        observer: !home.card.identity.code().is_country(),
        island: false,
    };
    let charter = Charter {
        name: "Talanoa demonstration".into(),
        members: homes.iter().map(member).collect(),
        purposes: PURPOSES.iter().map(|p| (*p).to_owned()).collect(),
        themes: THEMES.iter().map(|t| (*t).to_owned()).collect(),
        founded_at: SystemClock::new().now(),
    };
    let mut genesis = Envelope::unsigned(&CharterEvent { genesis: charter });
    for home in homes {
        genesis.add_signature(&keys::load(&home.key_path("root"))?);
    }
    let file = CharterFile::new(genesis, homes.iter().map(|h| h.card.clone()).collect())?;
    file.verify()?;
    Ok(file)
}

impl Actor {
    pub fn node(&self) -> &Node {
        &self.app.node
    }

    pub fn node_arc(&self) -> &Arc<Node> {
        &self.app.node
    }

    pub fn dir(&self) -> &Path {
        &self.home.dir
    }

    pub fn consent_key(&self) -> &SigningKey {
        &self.consent
    }

    /// Through the same corridor as `talanoa publish`.
    pub async fn publish(&self, dataset: &str, title: &str, theme: &str, table: &str) -> Result<u64> {
        let node = self.node();
        let staging = node.store.shelf().staging(&format!("incoming-{dataset}"))?;
        staging.file(0)?.write_at(table.as_bytes(), 0)?;
        let publication = Publication {
            guides: Named::default(),
            dataset: dataset.parse()?,
            kind: ReleaseKind::Table,
            description: Description {
                titles: vec![("en".into(), title.into())],
                themes: vec![theme.into()],
                licence: "CC-BY-4.0".into(),
                contact: "figures: Gapminder Systema Globalis".into(),
                ..Description::default()
            },
            class: None,
            lower_class: false,
            strict: true,
            dry_run: false,
        };
        let name = format!("{}.csv", dataset.to_lowercase());
        Ok(publish::publish(node, publication, staging, vec![name]).await?.number)
    }

    pub async fn stop_and_judge(self) -> Result<(String, Report)> {
        let Self { home, app, .. } = self;
        app.stop().await;
        Ok((home.card.identity.code().to_string(), fsck::fsck(&home)))
    }
}

/// As `talanoa get` writes it.
pub fn write_folder(node: &Node, gotten: &Gotten, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (n, file) in gotten.release.distributions.iter().enumerate() {
        let reading = node.store.shelf().read(&gotten.commitment, n as u32, &file.chunk_root)?;
        let mut bytes = Vec::new();
        reading.for_each(|chunk| {
            bytes.extend_from_slice(chunk.bytes());
            Ok(())
        })?;
        fs::write(folder.join(&file.name), bytes)?;
    }
    let json = serde_json::to_vec_pretty(&gotten.provenance)?;
    Ok(fs::write(folder.join(provenance::FILE_NAME), json)?)
}

/// In how many files below `dir` these bytes are found.
pub fn scan(dir: &Path, needle: &[u8]) -> Result<usize> {
    let mut found = 0;
    let mut open: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            } else if entry.file_type()?.is_file() {
                let bytes = fs::read(entry.path())?;
                found += usize::from(bytes.windows(needle.len()).any(|w| w == needle));
            }
        }
    }
    Ok(found)
}
