//! Checks a folder of files against its provenance, from the bytes on disk alone.

use std::{collections::BTreeSet, fs, io::Read, path::Path};

use sha2::{Digest, Sha256};
use talanoa_proto::{
    charter::{CharterError, CharterFile},
    consent,
    entry::Declared,
    envelope::{Envelope, EnvelopeError},
    grant::{Grant, Grantee},
    id::{FederationId, MemberId, ObjectId},
    identity::{Identity, IdentityError},
    release::{self, Release},
    trusted::{EntryError, TrustedPeer, VerifiedEntry},
};

use crate::provenance::{DERIVED_FOLDER, FILE_NAME, FORMAT, Proven, Provenance, TERMS_FILE};

const PROVENANCE_BYTES_MAX: u64 = 64 << 20;

/// What the folder proves.
#[derive(Clone, Debug)]
pub struct Verified {
    pub federation: FederationId,
    pub federation_name: String,
    pub member: MemberId,
    pub member_code: String,
    pub member_name: String,
    pub release: Release,
    pub index: u64,
    pub size: u64,
    /// (grant id, grantee code), for a copy made under a grant.
    pub grant: Option<(ObjectId, String)>,
    pub files: Vec<String>,
    /// Beside them lies a folder of tables made from them, which was not judged.
    pub has_derived: bool,
}

/// What the user knows by another way. Without a pin the folder proves only that it is consistent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pins {
    pub federation: Option<FederationId>,
    pub member: Option<MemberId>,
}

impl Pins {
    pub fn is_empty(&self) -> bool {
        self.federation.is_none() && self.member.is_none()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("cannot read {path}: {source}")]
    Io { path: String, source: std::io::Error },
    #[error("{FILE_NAME} is not readable as {FORMAT}: {0}")]
    Format(String),
    #[error("charter: {0}")]
    Charter(#[from] CharterError),
    #[error("identity chain: {0}")]
    Identity(#[from] IdentityError),
    #[error("signed object: {0}")]
    Envelope(#[from] EnvelopeError),
    #[error("journal entry: {0}")]
    Entry(#[from] EntryError),
    #[error("the charter does not list the member that signed this release")]
    NotAMember,
    #[error("the proven entry is not a {0}")]
    Kind(&'static str),
    #[error("the grant in {FILE_NAME} does not cover this release")]
    Grant,
    #[error("the terms in {FILE_NAME} are missing, or not those that the grant names")]
    Terms,
    #[error("wrong {what}: pinned {pinned}, found {found}")]
    Pin { what: &'static str, pinned: String, found: String },
    #[error("{0}: this file is not part of the release; move it out of the folder")]
    Unnamed(String),
    #[error("{0}: missing, or not a plain file")]
    Missing(String),
    #[error("{name}: {problem}")]
    File { name: String, problem: String },
}

pub fn verify(dir: &Path, pins: Pins) -> Result<Verified, VerifyError> {
    let provenance = read_provenance(dir)?;
    let charter = CharterFile::from_bytes(&provenance.charter.0)?;
    charter.verify()?;
    let chain = provenance.identity.iter().map(|b| Envelope::parse(&b.0)).collect::<Result<Vec<_>, _>>()?;
    let identity = Identity::from_chain(&chain)?;
    let member = charter.charter.member(&identity.id()).ok_or(VerifyError::NotAMember)?;
    if member.code != *identity.code() {
        return Err(VerifyError::NotAMember);
    }
    check_pins(pins, charter.federation(), identity.id())?;

    let proven = |p: &Proven| prove(p, charter.federation(), &identity);
    let entry = proven(&provenance.release)?;
    let Declared::Release(release) = entry.declared() else { return Err(VerifyError::Kind("release")) };
    let grant = match &provenance.grant {
        None => None,
        Some(p) => Some(check_grant(&proven(p)?, release, &charter, provenance.terms.as_deref())?),
    };
    // Without a grant nothing says whose terms they are.
    check_files(dir, release, grant.as_ref().and_then(|_| provenance.terms_beside()))?;
    Ok(Verified {
        federation: charter.federation(),
        federation_name: charter.charter.name.clone(),
        member: identity.id(),
        member_code: identity.code().to_string(),
        member_name: identity.name().to_owned(),
        release: (**release).clone(),
        index: entry.index(),
        size: entry.size(),
        grant,
        files: release.distributions.iter().map(|d| d.name.clone()).collect(),
        has_derived: is_folder(&dir.join(DERIVED_FOLDER)),
    })
}

fn read_provenance(dir: &Path) -> Result<Provenance, VerifyError> {
    let path = dir.join(FILE_NAME);
    let io = |source| VerifyError::Io { path: path.display().to_string(), source };
    let mut text = String::new();
    fs::File::open(&path).map_err(io)?.take(PROVENANCE_BYTES_MAX).read_to_string(&mut text).map_err(io)?;
    let provenance: Provenance =
        serde_json::from_str(&text).map_err(|e| VerifyError::Format(e.to_string()))?;
    if provenance.format != FORMAT {
        return Err(VerifyError::Format(format!("it says it is {:?}", provenance.format)));
    }
    Ok(provenance)
}

fn check_pins(pins: Pins, federation: FederationId, member: MemberId) -> Result<(), VerifyError> {
    if let Some(pinned) = pins.federation.filter(|&p| p != federation) {
        let (pinned, found) = (pinned.to_string(), federation.to_string());
        return Err(VerifyError::Pin { what: "federation", pinned, found });
    }
    if let Some(pinned) = pins.member.filter(|&p| p != member) {
        let (pinned, found) = (pinned.to_string(), member.to_string());
        return Err(VerifyError::Pin { what: "member", pinned, found });
    }
    Ok(())
}

/// The same state machine that a follower uses, started from nothing.
fn prove(
    proven: &Proven,
    federation: FederationId,
    identity: &Identity,
) -> Result<VerifiedEntry, VerifyError> {
    let envelope = Envelope::parse(&proven.envelope.0)?;
    let epoch = Declared::of(&envelope).map_err(EntryError::from)?.origin().map_or(1, |o| o.epoch);
    let mut trusted = TrustedPeer::new(identity.id(), federation, epoch, identity.clone());
    trusted.advance(&proven.head())?;
    Ok(trusted.verify(&proven.entry())?)
}

fn check_grant(
    entry: &VerifiedEntry,
    release: &Release,
    charter: &CharterFile,
    terms: Option<&str>,
) -> Result<(ObjectId, String), VerifyError> {
    let Declared::Grant(id, grant) = entry.declared() else { return Err(VerifyError::Kind("grant")) };
    let grant: &Grant = grant;
    let covers =
        consent::covers(&grant.scope, &release.dataset, &release.description.themes, release.sensitivity)
            && (grant.from_number..=grant.to_number.unwrap_or(u64::MAX)).contains(&release.number);
    if !covers {
        return Err(VerifyError::Grant);
    }
    let hash = terms.map(|text| Sha256::digest(text).into());
    if grant.obligations.terms_sha256 != hash {
        return Err(VerifyError::Terms);
    }
    let grantee = match &grant.grantee {
        Grantee::Member(id) => charter.charter.member(id).map(|m| m.code.to_string()),
        Grantee::Circle(circle) => Some(format!("circle {}", circle.short())),
        Grantee::AllMembers => Some("all members".to_owned()),
    };
    Ok((*id, grantee.ok_or(VerifyError::Grant)?))
}

/// Not a link: what is skipped must be in plain sight.
fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|m| m.is_dir())
}

/// Exactly the named files, each byte for byte; nothing else in the folder but the terms, which were checked
/// against the grant, and what was derived from the files.
fn check_files(dir: &Path, release: &Release, terms: Option<&str>) -> Result<(), VerifyError> {
    let named: BTreeSet<&str> = release.distributions.iter().map(|d| d.name.as_str()).collect();
    let io = |path: &Path, source| VerifyError::Io { path: path.display().to_string(), source };
    for entry in fs::read_dir(dir).map_err(|e| io(dir, e))? {
        let entry = entry.map_err(|e| io(dir, e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(terms) = terms.filter(|_| name == TERMS_FILE) {
            check_terms(&entry.path(), terms)?;
            continue;
        }
        let is_derived = name == DERIVED_FOLDER && is_folder(&entry.path());
        if name != FILE_NAME && !is_derived && !named.contains(name.as_str()) {
            return Err(VerifyError::Unnamed(name));
        }
    }
    for file in &release.distributions {
        // The name was checked when the manifest was read: it cannot leave the folder.
        debug_assert!(release::is_plain_name(&file.name));
        let path = dir.join(&file.name);
        let plain = fs::symlink_metadata(&path).is_ok_and(|m| m.is_file());
        if !plain {
            return Err(VerifyError::Missing(file.name.clone()));
        }
        let (bytes, sha256) = digest(&path).map_err(|e| io(&path, e))?;
        let problem = if bytes != file.bytes {
            format!("{bytes} bytes, the signed release says {}", file.bytes)
        } else if sha256 != file.sha256 {
            format!(
                "altered: SHA-256 {}, the signed release says {}",
                hex::encode(sha256),
                hex::encode(file.sha256)
            )
        } else {
            continue;
        };
        return Err(VerifyError::File { name: file.name.clone(), problem });
    }
    Ok(())
}

fn check_terms(path: &Path, terms: &str) -> Result<(), VerifyError> {
    let is_plain = fs::symlink_metadata(path).is_ok_and(|m| m.is_file() && m.len() == terms.len() as u64);
    let problem = "altered: not the terms that the grant names".to_owned();
    match is_plain && fs::read(path).is_ok_and(|bytes| bytes == terms.as_bytes()) {
        true => Ok(()),
        false => Err(VerifyError::File { name: TERMS_FILE.to_owned(), problem }),
    }
}

/// Bytes and SHA-256 of a file.
pub fn digest(path: &Path) -> std::io::Result<(u64, [u8; 32])> {
    let mut file = fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut bytes = 0;
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok((bytes, hash.finalize().into()));
        }
        hash.update(&buffer[..n]);
        bytes += n as u64;
    }
}
