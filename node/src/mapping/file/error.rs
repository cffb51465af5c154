//! What is wrong with a mapping file, and where.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct MappingError {
    /// The first is 1. `None`: the file as a whole.
    pub line: Option<usize>,
    /// For example `dimension.area`; empty where the syntax itself is wrong.
    pub field: String,
    pub message: String,
}

impl MappingError {
    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self { line: None, field: String::new(), message: message.into() }
    }

    pub(super) fn too_long() -> Self {
        Self::whole(format!("longer than {} bytes", super::MAPPING_BYTES_MAX))
    }

    pub(super) fn at(text: &str, offset: usize, field: &str, message: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = Some(before.matches('\n').count() + 1);
        Self { line, field: field.to_owned(), message: message.into() }
    }

    /// What the parser says is about a key (`unknown field`) or about what stands after it.
    pub(super) fn of_toml(text: &str, error: &toml::de::Error) -> Self {
        let message = error.message().replace('\n', "; ");
        let Some(span) = error.span() else { return Self::whole(message) };
        let before = text.get(..span.start).unwrap_or_default().trim_end();
        let field = match before.strip_suffix('=') {
            Some(key) => last_key(key),
            None if message.starts_with("unknown field") => {
                last_key(text.get(span.clone()).unwrap_or_default())
            }
            None => "",
        };
        Self::at(text, span.start, field, message)
    }
}

fn last_key(text: &str) -> &str {
    let text = text.trim_end();
    let start = text.rfind(|c: char| !c.is_ascii_alphanumeric() && !"_-\"".contains(c));
    let key = start.map_or(text, |n| text.get(n..).unwrap_or_default());
    key.trim_matches(|c: char| !c.is_ascii_alphanumeric())
}

impl fmt::Display for MappingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}
