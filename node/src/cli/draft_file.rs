//! A draft as people carry it: the page that they read, the unsigned object, the terms that go with it, and the
//! charter and identity by which any machine can make that page again from the object.
//!
//! Attack: somebody on the way changes the text above the object, or the object below the text. Nothing is signed
//! unless the two say the same.

use std::{
    fs,
    io::{IsTerminal, Write},
    path::Path,
};

use anyhow::Context;
use ed25519_dalek::SigningKey;
use talanoa_client::tls::fingerprint;
use talanoa_proto::{
    armour,
    charter::{Card, CharterFile},
    entry::Declared,
    envelope::Envelope,
    grant::Terms,
    identity::Role,
};

use super::exit::Failure;
use crate::sheet::{self, Members};

const DRAFT: &str = "TALANOA DRAFT";
const TERMS: &str = "TALANOA TERMS";

#[derive(Debug)]
pub struct DraftFile {
    pub page: String,
    pub envelope: Envelope,
    /// Empty: none.
    pub terms: String,
    pub charter: CharterFile,
    /// Of the member that signs, as it was when this was drafted.
    pub card: Card,
}

fn refused(message: impl Into<String>, advice: &str) -> Failure {
    Failure::Refused { message: message.into(), advice: Some(advice.to_owned()) }
}

impl DraftFile {
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?.replace('\r', "");
        let bytes = armour::decode(DRAFT, &text).context("not a draft")?;
        let terms = armour::decode(TERMS, &text).map(|b| b.to_vec()).unwrap_or_default();
        let draft = || path.display().to_string();
        Ok(Self {
            page: text.split("-----BEGIN").next().unwrap_or_default().trim_end().to_owned(),
            envelope: Envelope::parse(&bytes).context("not a draft")?,
            terms: String::from_utf8(terms).context("the terms are no text")?,
            charter: CharterFile::from_text(&text).with_context(draft)?,
            card: Card::from_text(&text).with_context(draft)?,
        })
    }

    /// What is signed, made from the object itself; the terms; and what the node added, which is not signed.
    pub fn reread(&self) -> Result<String, Failure> {
        let declared = Declared::of(&self.envelope).map_err(anyhow::Error::from)?;
        let origin = declared.origin();
        let (federation, member) = (self.charter.federation(), self.card.identity.id());
        self.charter.verify().map_err(anyhow::Error::from)?;
        if origin.is_none_or(|o| (o.federation, o.member) != (federation, member)) {
            return Err(refused(
                "the draft is of another federation or member than its charter says",
                "draft it again",
            ));
        }
        self.check_terms(&declared)?;
        let members = Members::new(&self.charter, &self.card.identity);
        let (page, added) = sheet::reread(&declared, &members, &self.page).ok_or_else(|| {
            refused(
                "the text of this draft does not say what its object says: one of the two was changed. Nothing was signed",
                "ask for the draft again, by a way that you trust",
            )
        })?;
        let terms = sheet::shown(&self.terms);
        Ok([page, terms, added].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n"))
    }

    fn check_terms(&self, declared: &Declared) -> Result<(), Failure> {
        let named = match declared {
            Declared::Grant(_, grant) => grant.obligations.terms_sha256.map(|hash| (grant.origin, hash)),
            _ => None,
        };
        let sound = match named {
            Some((origin, hash)) => Terms { origin, text: self.terms.clone() }.hash() == hash,
            None => self.terms.is_empty(),
        };
        let other =
            || refused("the terms in this draft are not the ones that it names", "ask for the draft again");
        sound.then_some(()).ok_or_else(other)
    }

    /// Only with a key that counts for it: another one would be noticed far away, and late.
    pub fn sign(&mut self, key: &SigningKey) -> Result<(), Failure> {
        let identity = &self.card.identity;
        let public = key.verifying_key().into();
        if !identity.keys(Role::Consent, (u32::MAX, u64::MAX)).contains(&public) {
            let message = format!("key {} is no consent key of {}", fingerprint(&public.0), identity.code());
            return Err(refused(message, "talanoa keys lists them; a key delegated since needs a new draft"));
        }
        self.envelope.add_signature(key);
        Ok(())
    }

    /// Over the file that was read, whole or not at all: it may carry the only signature of somebody far away.
    pub fn replace(&self, path: &Path) -> Result<(), Failure> {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(self.text().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
        Ok(())
    }

    pub fn create(&self, path: &Path) -> Result<(), Failure> {
        let file = fs::OpenOptions::new().write(true).create_new(true).open(path);
        let written = file.and_then(|mut f| f.write_all(self.text().as_bytes()));
        Ok(written.with_context(|| format!("{}: not written", path.display()))?)
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n\n{}", self.page, armour::encode(DRAFT, &self.envelope.to_bytes()));
        if !self.terms.is_empty() {
            text += &armour::encode(TERMS, self.terms.as_bytes());
        }
        text + &self.charter.to_text() + &self.card.to_text()
    }
}

pub fn is_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asked of a person at a terminal; a script has said so by being one.
pub fn ask(question: &str, yes: bool) -> Result<(), Failure> {
    if yes || !is_terminal() {
        return Ok(());
    }
    eprint!("{question} (yes or no) ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "yes" | "y" => Ok(()),
        _ => Err(refused("nothing was done", "--yes does it without asking")),
    }
}
