//! Artefacts of a structure message, by their names and versions.

use std::collections::HashMap;

/// `AGENCY:ID(1.0)` → the name, and the version where it names one.
pub fn parted(reference: &str) -> (&str, &str) {
    let (name, rest) = reference.split_once('(').unwrap_or((reference, ""));
    (name.trim(), rest.split(')').next().unwrap_or_default().trim())
}

#[derive(Debug)]
pub struct Versions<T>(HashMap<String, Vec<(String, T)>>);

impl<T> Default for Versions<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Versions<T> {
    /// The later of two of one name and version takes the place of the first.
    pub fn insert(&mut self, reference: &str, artefact: T) {
        let (name, version) = (parted(reference).0, canonical(parted(reference).1));
        let all = self.0.entry(name.to_owned()).or_default();
        all.retain(|(v, _)| *v != version);
        all.push((version, artefact));
    }

    pub fn get_or_insert(&mut self, reference: &str) -> &mut T
    where
        T: Default,
    {
        let (name, version) = (parted(reference).0, canonical(parted(reference).1));
        let all = self.0.entry(name.to_owned()).or_default();
        let at = all.iter().position(|(v, _)| *v == version).unwrap_or_else(|| {
            all.push((version, T::default()));
            all.len() - 1
        });
        &mut all[at].1
    }

    /// What the reference means: its version, or of a reference that leaves the version open the last.
    pub fn meant(&self, reference: &str) -> Option<&T> {
        let (name, version) = parted(reference);
        let all = self.0.get(name)?;
        if version.is_empty() || version.contains(['*', '+', '~']) {
            return all.last().map(|(_, artefact)| artefact);
        }
        let version = canonical(version);
        all.iter().find(|(v, _)| *v == version).map(|(_, artefact)| artefact)
    }

    /// The same, or the only version that there is.
    pub fn nearest(&self, reference: &str) -> Option<&T> {
        let only = || match self.0.get(parted(reference).0)?.as_slice() {
            [(_, only)] => Some(only),
            _ => None,
        };
        self.meant(reference).or_else(only)
    }
}

/// 1.0.0, 1.0 and none are one version.
fn canonical(version: &str) -> String {
    let mut version = version;
    while let Some(shorter) = version.strip_suffix(".0") {
        version = shorter;
    }
    if version.is_empty() { "1" } else { version }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_means_its_version() {
        let mut all = Versions::default();
        for (reference, artefact) in [("A:B(1.0)", 1), ("A:B(2.0)", 2), ("A:C", 3), ("A:B(1.0.0)", 4)] {
            all.insert(reference, artefact);
        }
        let meant = |reference: &str| (all.meant(reference).copied(), all.nearest(reference).copied());
        assert_eq!(meant("A:B(1.0)"), (Some(4), Some(4)));
        assert_eq!(meant("A:B(2.0.0)"), (Some(2), Some(2)));
        assert_eq!(meant("A:B(3.0)"), (None, None));
        assert_eq!((meant("A:B(1.0+)"), meant("A:B").0), ((Some(4), Some(4)), Some(4)));
        assert_eq!(
            (meant("A:C(1.0)"), meant("A:C(7.0)"), meant("A:D")),
            ((Some(3), Some(3)), (None, Some(3)), (None, None))
        );
    }
}
