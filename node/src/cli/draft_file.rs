//! A draft as people carry it: the page that they read, the unsigned object, and the terms that go with it.

use std::{fs, io::Write, path::Path};

use anyhow::Context;
use talanoa_proto::{armour, envelope::Envelope};

use super::exit::Failure;

const DRAFT: &str = "TALANOA DRAFT";
const TERMS: &str = "TALANOA TERMS";

#[derive(Debug)]
pub struct DraftFile {
    pub page: String,
    pub envelope: Envelope,
    /// Empty: none.
    pub terms: String,
}

impl DraftFile {
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let bytes = armour::decode(DRAFT, &text).context("not a draft")?;
        let terms = armour::decode(TERMS, &text).map(|b| b.to_vec()).unwrap_or_default();
        Ok(Self {
            page: text.split("-----BEGIN").next().unwrap_or_default().trim_end().to_owned(),
            envelope: Envelope::parse(&bytes).context("not a draft")?,
            terms: String::from_utf8(terms).context("the terms are no text")?,
        })
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
        text
    }
}
