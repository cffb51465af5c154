//! How ids, lists and strings are spelt in a proposal.

use std::collections::{BTreeMap, BTreeSet};

use crate::intake::cell;

const SHOWN_MAX: usize = 6;

/// Ids that are taken, and the number with which each is free: columns of one name come by the thousand.
#[derive(Default)]
pub struct Ids {
    taken: BTreeSet<String>,
    next: BTreeMap<String, u32>,
}

impl Ids {
    pub fn unique(&mut self, id: String) -> String {
        let reserved = ["TIME_PERIOD", "OBS_VALUE"];
        let mut unique = id.clone();
        while reserved.contains(&unique.as_str()) || !self.taken.insert(unique.clone()) {
            let number = self.next.entry(id.clone()).or_insert(1);
            *number += 1;
            unique = format!("{id}_{number}");
        }
        unique
    }
}

/// `First 28 days (number of deaths)` → `FIRST_28_DAYS_NUMBER_OF_DEATHS`
pub fn id_of(name: &str) -> String {
    const ID_CHARS_MAX: usize = 60;
    let mut id = String::new();
    for c in name.chars().map(unaccented) {
        if c.is_ascii_alphanumeric() {
            id.push(c.to_ascii_uppercase());
        } else if !id.is_empty() && !id.ends_with('_') {
            id.push('_');
        }
    }
    id.truncate(ID_CHARS_MAX);
    let id = id.trim_end_matches('_');
    if id.starts_with(|c: char| c.is_ascii_alphabetic()) {
        id.to_owned()
    } else {
        format!("C_{id}").trim_end_matches('_').to_owned()
    }
}

/// Ids are ASCII; accents of the languages of the region lose least.
fn unaccented(c: char) -> char {
    const PLAIN: [(&str, char); 8] = [
        ("àáâãäåāÀÁÂÃÄÅĀ", 'A'),
        ("çÇ", 'C'),
        ("èéêëēÈÉÊËĒ", 'E'),
        ("ìíîïīÌÍÎÏĪ", 'I'),
        ("ñÑ", 'N'),
        ("òóôõöōÒÓÔÕÖŌ", 'O'),
        ("ùúûüūÙÚÛÜŪ", 'U'),
        ("ýÿÝ", 'Y'),
    ];
    PLAIN.iter().find(|(accented, _)| accented.contains(c)).map_or(c, |(_, plain)| *plain)
}

/// Escaped for a comment, and cut.
pub fn listed(values: &[&String]) -> String {
    let shown: Vec<String> = values.iter().take(SHOWN_MAX).map(|v| cell::shown(v.as_bytes())).collect();
    let more = values.len().saturating_sub(SHOWN_MAX);
    if more > 0 { format!("{} and {more} more", shown.join(" ")) } else { shown.join(" ") }
}

/// A basic string of TOML.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\t' => quoted += "\\t",
            c if c.is_control() => quoted += &format!("\\u{:04X}", c as u32),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_of_names() {
        for (name, id) in [
            ("geo", "GEO"),
            ("First 28 days (number of deaths)", "FIRST_28_DAYS_NUMBER_OF_DEATHS"),
            ("2001 edition", "C_2001_EDITION"),
            ("Année", "ANNEE"),
            ("人口", "C"),
            ("", "C"),
        ] {
            assert_eq!(id_of(name), id, "{name}");
        }
        let mut taken = Ids::default();
        let ids = ["A", "A", "TIME_PERIOD", "A_3", "A"].map(|id| taken.unique(id.into()));
        assert_eq!(ids, ["A", "A_2", "TIME_PERIOD_2", "A_3", "A_4"]);
    }

    #[test]
    fn ten_thousand_columns_of_one_name_do_not_count_from_one_each() {
        let mut taken = Ids::default();
        (0..10_000).for_each(|_| drop(taken.unique("C".into())));
        assert_eq!((taken.unique("C".into()).as_str(), taken.next["C"]), ("C_10001", 10_001));
    }

    #[test]
    fn strings_are_escaped() {
        assert_eq!(quoted("a\"b\\c\td\n\u{7f}é"), "\"a\\\"b\\\\c\\td\\u000A\\u007Fé\"");
    }
}
