//! How ids, lists and strings are spelt in a proposal.

use std::collections::BTreeSet;

use crate::intake::cell;

const SHOWN_MAX: usize = 6;

pub fn unique_in(taken: &mut BTreeSet<String>, id: String) -> String {
    let numbered = (2..).map(|n| format!("{id}_{n}"));
    let reserved = ["TIME_PERIOD", "OBS_VALUE"];
    let free = |id: &String| !taken.contains(id) && !reserved.contains(&id.as_str());
    let id = std::iter::once(id.clone()).chain(numbered).find(free).unwrap_or(id);
    taken.insert(id.clone());
    id
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
        let mut taken = BTreeSet::new();
        let ids = ["A", "A", "TIME_PERIOD", "A"].map(|id| unique_in(&mut taken, id.into()));
        assert_eq!(ids, ["A", "A_2", "TIME_PERIOD_2", "A_3"]);
    }

    #[test]
    fn strings_are_escaped() {
        assert_eq!(quoted("a\"b\\c\td\n\u{7f}é"), "\"a\\\"b\\\\c\\td\\u000A\\u007Fé\"");
    }
}
