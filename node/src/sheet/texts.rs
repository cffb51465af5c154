//! Texts of the sheet, by language and key. They lie in files, so that a translator needs no Rust.

use std::{collections::BTreeMap, sync::LazyLock};

const LANGUAGES: [(&str, &str); 2] =
    [("en", include_str!("texts/en.toml")), ("fr", include_str!("texts/fr.toml"))];

static TEXTS: LazyLock<BTreeMap<&str, Texts>> =
    LazyLock::new(|| LANGUAGES.iter().map(|(lang, file)| (*lang, Texts::parse(file))).collect());

/// `table.key` → text, with names in braces where facts go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(BTreeMap<String, String>);

/// In English where a language is not there.
pub fn of(lang: &str) -> &'static Texts {
    static NONE: Texts = Texts(BTreeMap::new());
    TEXTS.get(lang).or_else(|| TEXTS.get("en")).unwrap_or(&NONE)
}

pub fn languages() -> impl Iterator<Item = &'static str> {
    LANGUAGES.iter().map(|(lang, _)| *lang)
}

impl Texts {
    fn parse(file: &str) -> Self {
        // The files are compiled in, and a test reads every one of them.
        let tables: BTreeMap<String, BTreeMap<String, String>> = toml::from_str(file).unwrap_or_default();
        let texts = tables.into_iter().flat_map(|(table, texts)| {
            texts.into_iter().map(move |(key, text)| (format!("{table}.{key}"), text))
        });
        Self(texts.collect())
    }

    /// What is put in may hold braces: it is not looked at again.
    pub fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        let template = self.0.get(key).map_or(key, String::as_str);
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            text += before;
            let Some((name, after)) = after.split_once('}') else { break };
            text += &values.iter().find(|(n, _)| *n == name).map(|(_, v)| harmless(v)).unwrap_or_default();
            rest = after;
        }
        text + rest
    }
}

/// Words of others must not move the cursor, turn the line round, or look like the end of the page: a draft
/// file goes on with `-----BEGIN`.
pub fn harmless(text: &str) -> String {
    let invisible = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let shown: String =
        text.chars().map(|c| if c.is_control() || invisible(c) { '\u{fffd}' } else { c }).collect();
    shown.replace("--", "\u{2013}\u{2013}")
}

/// `2026-11-24 12:33 UTC`; a midnight is the day alone.
pub fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| time::OffsetDateTime::from_unix_timestamp(s).ok());
    let Some(time) = time else { return format!("{seconds} s") };
    let day = time.date();
    match (time.hour(), time.minute(), time.second()) {
        (0, 0, 0) => day.to_string(),
        (hour, minute, _) => format!("{day} {hour:02}:{minute:02} UTC"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders(text: &str) -> Vec<&str> {
        let mut found: Vec<&str> = text.split('{').skip(1).filter_map(|t| t.split('}').next()).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn every_language_has_the_same_keys_and_placeholders() {
        let english = of("en");
        assert!(english.0.len() > 80, "{}", english.0.len());
        for (lang, _) in LANGUAGES {
            let texts = of(lang);
            let keys = |t: &Texts| t.0.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(texts), keys(english), "{lang}");
            for (key, text) in &texts.0 {
                assert_eq!(placeholders(text), placeholders(&english.0[key]), "{lang} {key}");
            }
        }
    }

    #[test]
    fn an_unknown_language_is_english() {
        assert_eq!(of("tlh"), of("en"));
        assert_ne!(of("fr"), of("en"));
    }

    #[test]
    fn what_is_filled_in_is_text_and_nothing_else() {
        let text =
            of("en").fill("page.given", &[("id", "{from}"), ("from", "\u{1b}[2J\u{202e}x\n-----BEGIN")]);
        assert_eq!(
            text,
            "Grant {from}, given by \u{fffd}[2J\u{fffd}x\u{fffd}\u{2013}\u{2013}\u{2013}\u{2013}-BEGIN."
        );
    }

    #[test]
    fn dates_are_short() {
        assert_eq!(date(1_798_761_600), "2027-01-01");
        assert_eq!(date(1_798_761_660), "2027-01-01 00:01 UTC");
        assert_eq!(date(u64::MAX), "18446744073709551615 s");
    }
}
