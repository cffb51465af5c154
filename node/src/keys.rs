//! Secret keys as files: PKCS#8 PEM, readable by their owner only.

use std::{
    fs,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, spki::der::pem::LineEnding},
};
use zeroize::Zeroizing;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("key file {path}: {source}")]
    Io { path: String, source: std::io::Error },
    #[error("key file {0} is not an Ed25519 key in PKCS#8 PEM")]
    Format(String),
    #[error("key file {0} can be read by others: chmod 600 {0}")]
    Permissions(String),
    #[error("the system gave no randomness: {0}")]
    Randomness(String),
}

pub fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| KeyError::Randomness(e.to_string()))?;
    Ok(bytes)
}

pub fn generate() -> Result<SigningKey, KeyError> {
    let seed = Zeroizing::new(random::<32>()?);
    Ok(SigningKey::from_bytes(&seed))
}

/// Never overwrites: a key that is lost cannot be had again.
pub fn save(path: &Path, key: &SigningKey) -> Result<(), KeyError> {
    let shown = path.display().to_string();
    let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Format(shown.clone()))?;
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(pem.as_bytes())?;
        file.sync_all()?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::File::open(folder)?.sync_all()
    };
    write().map_err(|source| KeyError::Io { path: shown, source })
}

/// All or none: what was written before one fails is removed, so that the command can be given again.
pub fn save_all(files: &[(&Path, &SigningKey)]) -> Result<(), KeyError> {
    for (n, (path, key)) in files.iter().enumerate() {
        if let Err(error) = save(path, key) {
            files[..n].iter().for_each(|(written, _)| drop(fs::remove_file(written)));
            return Err(error);
        }
    }
    Ok(())
}

pub fn load(path: &Path) -> Result<SigningKey, KeyError> {
    let shown = path.display().to_string();
    let read = || -> std::io::Result<(Zeroizing<String>, u32)> {
        let mode = fs::metadata(path)?.permissions().mode();
        Ok((Zeroizing::new(fs::read_to_string(path)?), mode))
    };
    let (pem, mode) = read().map_err(|source| KeyError::Io { path: shown.clone(), source })?;
    if mode & 0o077 != 0 {
        return Err(KeyError::Permissions(shown));
    }
    SigningKey::from_pkcs8_pem(&pem).map_err(|_| KeyError::Format(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.key");
        let key = generate().unwrap();
        save(&path, &key).unwrap();
        assert_eq!(load(&path).unwrap(), key);
        assert!(matches!(save(&path, &key), Err(KeyError::Io { .. })), "never overwritten");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load(&path), Err(KeyError::Permissions(_))));
        fs::write(&path, "no key").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(load(&path), Err(KeyError::Format(_))));
    }
}
