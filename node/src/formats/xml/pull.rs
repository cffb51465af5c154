//! SDMX-ML as a stream of elements: quick-xml underneath, bounds and refusals on top.
//!
//! No document type, so no entity is ever declared, expanded or fetched: this file opens nothing.

use std::{borrow::Cow, io::Read};

use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};

use super::super::{
    model::{DEPTH_MAX, Pairs, RECORD_BYTES_MAX},
    plain::Plain,
    stop::Stop,
};
use super::{
    faults::{check_encoding, doctype, entity, syntax, truncated},
    names::{Namespaces, check_chars, check_name},
};
use crate::{
    intake::Fault,
    mapping::{Decoded, Encoding},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// `name` and `attributes` are those of the element.
    Open,
    Close,
    /// `text` is a piece of the element's text.
    Text,
    /// The document ended as it should.
    End,
}

pub struct Xml<R: Read> {
    reader: Reader<Plain<Decoded<R>>>,
    buffer: Vec<u8>,
    /// Without its prefix.
    pub name: String,
    pub prefix: String,
    /// With their prefixes.
    pub attributes: Pairs,
    pub text: String,
    /// The line on which the token began.
    pub row: u64,
    depth: usize,
    namespaces: Namespaces,
    /// Something came, so that no declaration may come.
    is_begun: bool,
    has_root: bool,
    /// The file says that it is in an encoding that is not read.
    pub undecoded: Option<Stop>,
}

impl<R: Read> Xml<R> {
    pub fn new(input: R, encoding: Encoding) -> Self {
        let mut reader = Reader::from_reader(Plain::new(Decoded::new(input, encoding)));
        reader.config_mut().expand_empty_elements = true;
        reader.config_mut().check_comments = true;
        Self {
            reader,
            buffer: Vec::new(),
            name: String::new(),
            prefix: String::new(),
            attributes: Pairs::default(),
            text: String::new(),
            row: 1,
            depth: 0,
            namespaces: Namespaces::default(),
            is_begun: false,
            has_root: false,
            undecoded: None,
        }
    }

    pub fn next(&mut self) -> Result<Token, Stop> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let token = loop {
            buffer.clear();
            self.reader.get_mut().grant(RECORD_BYTES_MAX);
            self.row = self.reader.get_ref().line();
            let token = match self.reader.read_event_into(&mut buffer) {
                Ok(event) => self.token(event),
                Err(error) => Err(self.broken(&error)),
            };
            match token {
                Ok(None) => {}
                Ok(Some(token)) => break Ok(token),
                Err(stop) => break Err(stop.at(self.row)),
            }
        };
        self.buffer = buffer;
        token
    }

    /// `None`: nothing that means anything.
    fn token(&mut self, event: Event<'_>) -> Result<Option<Token>, Stop> {
        check_chars(&event)?;
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        Ok(match event {
            Event::Start(element) => {
                self.open(&element)?;
                Some(Token::Open)
            }
            Event::End(_) => {
                self.namespaces.leave(self.depth);
                self.depth = self.depth.saturating_sub(1);
                Some(Token::Close)
            }
            Event::Text(text) if text.contains("]]>") => return Err(syntax("]]> stands in a text")),
            Event::Text(text) => self.take_text(&text.xml10_content())?,
            Event::CData(text) => self.take_text(&text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let text = match reference.resolve_char_ref().map_err(|e| syntax(&e.to_string()))? {
                    Some(char) => {
                        let text = char.to_string();
                        check_chars(&text)?;
                        text
                    }
                    None => resolve_predefined_entity(&reference).ok_or_else(|| entity(&reference))?.into(),
                };
                self.take_text(&text)?
            }
            Event::DocType(_) => return Err(doctype()),
            Event::Decl(_) if !is_first => {
                return Err(syntax("the XML declaration is not at the beginning"));
            }
            Event::Decl(declaration) => {
                let encoding = declaration.encoding().transpose().map_err(|e| syntax(&e.to_string()))?;
                self.undecoded = check_encoding(encoding.as_deref());
                None
            }
            Event::Comment(_) | Event::PI(_) | Event::Empty(_) => None,
            Event::Eof if self.depth > 0 || !self.has_root => return Err(truncated()),
            Event::Eof => Some(Token::End),
        })
    }

    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), Stop> {
        if self.depth == 0 && self.has_root {
            return Err(syntax("there is a second document behind the first"));
        }
        self.has_root = true;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} elements inside each other; reading stopped here");
            return Err(Fault::error("xml.depth", message).into());
        }
        let name = element.name().0;
        check_name(name)?;
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        self.name.clear();
        self.name.push_str(local);
        self.prefix.clear();
        self.prefix.push_str(prefix);
        self.attributes.clear();
        // quick-xml's own check compares all with all: a megabyte of attributes would take minutes.
        for attribute in element.attributes().with_checks(false) {
            let attribute = attribute.map_err(|e| syntax(&e.to_string()))?;
            let at = (attribute.key.0.as_ptr() as usize).wrapping_sub(element.as_ptr() as usize);
            let before = element.as_bytes().get(at.wrapping_sub(1));
            if !before.is_some_and(u8::is_ascii_whitespace) {
                return Err(syntax("there is no space before an attribute"));
            }
            if attribute.value.contains('<') {
                return Err(syntax("< stands in an attribute"));
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|e| match e {
                quick_xml::Error::Escape(quick_xml::escape::EscapeError::UnrecognizedEntity(_, name)) => {
                    entity(&name)
                }
                other => syntax(&other.to_string()),
            })?;
            if let Cow::Owned(_) = value {
                check_chars(&value)?;
            }
            check_name(attribute.key.0)?;
            self.attributes.push(attribute.key.0, &value)?;
        }
        self.namespaces.enter(self.depth, &self.attributes)?;
        self.namespaces.check_prefix(&self.prefix)?;
        self.namespaces.check_attributes(&self.attributes)
    }

    fn take_text(&mut self, text: &str) -> Result<Option<Token>, Stop> {
        if self.depth == 0 {
            let is_blank = text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty();
            return if is_blank { Ok(None) } else { Err(syntax("there is text outside of the document")) };
        }
        self.text.clear();
        self.text.push_str(text);
        Ok(Some(Token::Text))
    }

    /// What quick-xml says is told, unless the text itself ended before it did.
    fn broken(&mut self, error: &quick_xml::Error) -> Stop {
        if let Some(fault) = self.reader.get_mut().take_fault() {
            return fault.into();
        }
        match error {
            quick_xml::Error::Io(error) => Stop::Io(std::io::Error::new(error.kind(), error.to_string())),
            quick_xml::Error::Syntax(quick_xml::errors::SyntaxError::UnclosedDoctype) => doctype(),
            quick_xml::Error::Syntax(error) => {
                let message = format!("the file ends inside of markup, or its markup is broken: {error}");
                Fault::error("xml.syntax", message).into()
            }
            other => syntax(&other.to_string()),
        }
    }

    /// The attribute of this local name, whatever its prefix.
    pub fn attribute(&self, local: &str) -> Option<&str> {
        let is_meant = |name: &str| name.rsplit_once(':').map_or(name, |(_, l)| l) == local;
        self.attributes.iter().find(|(name, _)| is_meant(name)).map(|(_, value)| value)
    }

    /// After [`Token::Open`]: to the end of this element.
    pub fn skip(&mut self) -> Result<(), Stop> {
        let end = self.depth.saturating_sub(1);
        while self.depth > end {
            self.next()?;
        }
        Ok(())
    }

    /// After [`Token::Open`]: all text inside, to the end of this element.
    pub fn inner_text(&mut self) -> Result<String, Stop> {
        let (end, mut all) = (self.depth.saturating_sub(1), String::new());
        while self.depth > end {
            if self.next()? == Token::Text {
                all.push_str(&self.text);
            }
            if all.len() > RECORD_BYTES_MAX {
                let message = format!("a text is longer than {RECORD_BYTES_MAX} bytes; reading stopped here");
                return Err(Stop::from(Fault::error("record.bytes", message)).at(self.row));
            }
        }
        Ok(all.trim().to_owned())
    }
}
