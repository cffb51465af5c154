//! What a service says beside or instead of data: shown, and never taken for data.

use std::io::Read;

use super::{
    super::{reading::Reading, stop::Stop},
    pull::{Token, Xml},
};
use crate::intake::{Fault, cell};

/// A footer beside data informs; without data it is the answer, and the file is none that can be published.
pub fn read<R: Read>(xml: &mut Xml<R>, reading: &mut Reading<'_>, has_data: bool) -> Result<(), Stop> {
    messages(xml, |severity, text, row| {
        let is_error = !has_data || severity.eq_ignore_ascii_case("error");
        let make = if is_error { Fault::error } else { Fault::warning };
        reading.sink.fault(make("message.footer", text).at(row));
    })
}

/// `mes:Error`, after its [`Token::Open`], to its end.
pub fn error<R: Read>(xml: &mut Xml<R>, reading: &mut Reading<'_>) -> Result<(), Stop> {
    let mut is_silent = true;
    messages(xml, |_, text, row| {
        is_silent = false;
        reading.sink.fault(Fault::error("message.error", text).at(row));
    })?;
    if is_silent {
        reading.sink.fault(Fault::error("message.error", "an error message that says nothing"));
    }
    Ok(())
}

/// `<Message code="" severity=""><Text>…</Text></Message>`, or `<ErrorMessage code="">`.
fn messages<R: Read>(xml: &mut Xml<R>, mut tell: impl FnMut(&str, String, u64)) -> Result<(), Stop> {
    let mut depth = 1;
    let (mut code, mut severity) = (String::new(), String::new());
    while depth > 0 {
        match xml.next()? {
            Token::Open if xml.name == "Text" => {
                let row = xml.row;
                let text = xml.inner_text()?;
                let said: String = text.chars().filter(|c| !c.is_control()).take(500).collect();
                let shown = cell::shown(code.as_bytes());
                tell(&severity, format!("{} {said}", shown.trim_matches('"')).trim().to_owned(), row);
            }
            Token::Open => {
                if let Some(number) = xml.attribute("code") {
                    code = number.to_owned();
                    severity = xml.attribute("severity").unwrap_or_default().to_owned();
                }
                depth += 1;
            }
            Token::Close => depth -= 1,
            Token::Text => {}
            Token::End => return Ok(()),
        }
    }
    Ok(())
}
