//! How a page is laid out: sections, wrapped lines, and the mark at the end of each term.

use super::texts::{Texts, harmless};

const WIDTH: usize = 80;
const DAY_SECONDS: u64 = 86_400;

/// Who sees to it that a term is kept.
#[derive(Clone, Copy, Debug)]
pub enum Mark {
    Publisher,
    Reader,
    Proof,
    Contract,
}

impl Mark {
    const ALL: [Self; 4] = [Self::Publisher, Self::Reader, Self::Proof, Self::Contract];

    fn key(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Reader => "reader",
            Self::Proof => "proof",
            Self::Contract => "contract",
        }
    }
}

/// A page as it grows.
#[derive(Debug)]
pub struct Page<'a> {
    pub texts: &'a Texts,
    text: String,
}

impl<'a> Page<'a> {
    pub fn new(texts: &'a Texts, title: &str) -> Self {
        Self { texts, text: format!("{}\n", texts.fill(title, &[])) }
    }

    pub fn section(&mut self, title: &str) {
        self.text += &format!("\n{}\n", self.texts.fill(title, &[]));
    }

    /// A sentence that is no term.
    pub fn say(&mut self, key: &str, values: &[(&str, &str)]) {
        let sentence = self.texts.fill(key, values);
        self.wrap("  ", &sentence);
    }

    /// One of several things, a step further in.
    pub fn item(&mut self, key: &str, values: &[(&str, &str)]) {
        let item = self.texts.fill(key, values);
        self.wrap("    ", &item);
    }

    /// Somebody's own words, line by line.
    pub fn quote(&mut self, text: &str) {
        text.lines().for_each(|line| self.wrap("  ", &harmless(line)));
    }

    pub fn term(&mut self, mark: Mark, key: &str, values: &[(&str, &str)]) {
        let term = self.texts.fill(key, values);
        let mark = self.texts.fill(&format!("mark.{}", mark.key()), &[]);
        self.wrap("  ", &format!("{term} [{mark}]"));
    }

    /// Lines after the first hang a step further in.
    fn wrap(&mut self, indent: &str, text: &str) {
        let mut line = indent.to_owned();
        let mut begun = false;
        for word in text.split(' ') {
            if begun && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.text += &line;
                self.text.push('\n');
                line = format!("{indent}  ");
            } else if begun {
                line.push(' ');
            }
            line += word;
            begun = true;
        }
        self.text += &line;
        self.text.push('\n');
    }

    /// Only the marks' meaning follows: the page is done.
    pub fn legend(mut self) -> String {
        self.section("legend.title");
        for mark in Mark::ALL {
            self.say(&format!("legend.{}", mark.key()), &[]);
        }
        self.end()
    }

    pub fn end(mut self) -> String {
        self.text.truncate(self.text.trim_end().len());
        self.text
    }

    pub fn span(&self, seconds: u64) -> String {
        let (unit, count) = match seconds {
            DAY_SECONDS => ("day", 1),
            s if s % DAY_SECONDS == 0 => ("days", s / DAY_SECONDS),
            s if s % 3600 == 0 => ("hours", s / 3600),
            s => ("seconds", s),
        };
        self.texts.fill(&format!("span.{unit}"), &[("count", &count.to_string())])
    }
}
