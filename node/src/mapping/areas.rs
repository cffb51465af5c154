//! Countries and areas in their three codes. `areas.txt` beside this file is the one home of these facts:
//! alpha-2 and alpha-3 of ISO 3166-1, UN M49, an English name, and other names in use, split by `|`.

use std::{collections::HashMap, sync::LazyLock};

use serde::Deserialize;

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::new(include_str!("areas.txt")));

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// ISO 3166-1 alpha-2: `FJ`
    pub alpha2: &'static str,
    /// ISO 3166-1 alpha-3: `FJI`
    pub alpha3: &'static str,
    /// UN M49, three digits: `242`
    pub m49: &'static str,
    pub name: &'static str,
}

/// How a file writes its areas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Scheme {
    #[serde(rename = "alpha-3")]
    Alpha3,
    #[serde(rename = "alpha-2")]
    Alpha2,
    #[serde(rename = "m49")]
    M49,
    #[serde(rename = "name")]
    Name,
}

struct Table {
    areas: Vec<Area>,
    found_by: HashMap<(Scheme, String), usize>,
}

/// All of them, in the order of their English names.
pub fn all() -> &'static [Area] {
    &TABLE.areas
}

/// Letters may be small or large, and M49 may lack its leading zeros: files write both.
pub fn find(scheme: Scheme, written: &str) -> Option<&'static Area> {
    let place = TABLE.found_by.get(&(scheme, folded(scheme, written)?))?;
    TABLE.areas.get(*place)
}

impl Scheme {
    pub const ALL: [Self; 4] = [Self::Alpha3, Self::Alpha2, Self::M49, Self::Name];

    /// As the mapping file names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alpha3 => "alpha-3",
            Self::Alpha2 => "alpha-2",
            Self::M49 => "m49",
            Self::Name => "name",
        }
    }
}

impl Table {
    fn new(text: &'static str) -> Self {
        let mut table = Self { areas: Vec::new(), found_by: HashMap::new() };
        for line in text.lines() {
            let mut parts = line.splitn(4, ' ');
            let (Some(alpha2), Some(alpha3), Some(m49), Some(names)) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let place = table.areas.len();
            let name = names.split('|').next().unwrap_or_default();
            let codes = [(Scheme::Alpha2, alpha2), (Scheme::Alpha3, alpha3), (Scheme::M49, m49)];
            for (scheme, key) in codes.into_iter().chain(names.split('|').map(|n| (Scheme::Name, n))) {
                if let Some(key) = folded(scheme, key) {
                    table.found_by.insert((scheme, key), place);
                }
            }
            table.areas.push(Area { alpha2, alpha3, m49, name });
        }
        table
    }
}

/// `None`: too long for any code or name, so that a cell of a megabyte is not copied to be looked up.
fn folded(scheme: Scheme, written: &str) -> Option<String> {
    const KEY_BYTES_MAX: usize = 100;
    let written = written.trim();
    if written.len() > KEY_BYTES_MAX {
        return None;
    }
    Some(match scheme {
        Scheme::M49 => written.trim_start_matches('0').to_owned(),
        Scheme::Alpha2 | Scheme::Alpha3 => written.to_ascii_uppercase(),
        Scheme::Name => written.to_lowercase().replace('’', "'"),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_area_is_found_by_each_of_its_codes() {
        assert_eq!(all().len(), 249);
        for area in all() {
            let codes = [area.alpha3, area.alpha2, area.m49, area.name];
            for (scheme, code) in Scheme::ALL.into_iter().zip(codes) {
                assert_eq!(find(scheme, code), Some(area), "{code}");
                assert_eq!(find(scheme, &code.to_lowercase()), Some(area), "{code}");
            }
            assert!(area.alpha2.len() == 2 && area.alpha3.len() == 3 && area.m49.len() == 3, "{area:?}");
            assert!(area.m49.bytes().all(|b| b.is_ascii_digit()), "{area:?}");
        }
        for codes in [|a: &Area| a.alpha2, |a: &Area| a.alpha3, |a: &Area| a.m49, |a: &Area| a.name] {
            assert_eq!(all().iter().map(codes).collect::<HashSet<_>>().len(), all().len());
        }
    }

    #[test]
    fn spellings_of_real_files_are_known() {
        for (scheme, written, alpha2) in [
            (Scheme::Alpha3, "afg", "AF"),
            (Scheme::M49, "4", "AF"),
            (Scheme::Name, " Lao PDR ", "LA"),
            (Scheme::Name, "Côte d’Ivoire", "CI"),
            (Scheme::Name, "Micronesia (Federated States of)", "FM"),
            (Scheme::Alpha2, "NA", "NA"),
        ] {
            assert_eq!(find(scheme, written).map(|a| a.alpha2), Some(alpha2), "{written}");
        }
        for (scheme, written) in [(Scheme::Alpha3, "abkh"), (Scheme::M49, ""), (Scheme::Name, "World")] {
            assert_eq!(find(scheme, written), None, "{written}");
        }
        assert_eq!(find(Scheme::Name, &"a".repeat(1 << 20)), None);
    }
}
