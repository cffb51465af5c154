//! Signed things as text that survives e-mail and paper: base64 between BEGIN and END lines (RFC 7468).

use base64ct::{Base64, Encoding};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArmourError {
    #[error("no line \"-----BEGIN {0}-----\" found: is this the right file?")]
    NotFound(String),
    #[error("the text between BEGIN {0} and END {0} is damaged: ask for the file again")]
    Damaged(String),
}

const COLUMNS: usize = 76;

pub fn encode(label: &str, bytes: &[u8]) -> String {
    let base64 = Base64::encode_string(bytes);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in base64.as_bytes().chunks(COLUMNS) {
        text.extend(line.iter().map(|&b| char::from(b)));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// The first block of that label; text around it is ignored, so that people may write above it.
pub fn decode(label: &str, text: &str) -> Result<Vec<u8>, ArmourError> {
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let body = text.split_once(&begin).ok_or_else(|| ArmourError::NotFound(label.into()))?.1;
    let damaged = || ArmourError::Damaged(label.into());
    let body = body.split_once(&end).ok_or_else(damaged)?.0;
    let base64: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    Base64::decode_vec(&base64).map_err(|_| damaged())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back_with_words_around_it_and_other_line_ends() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let text = format!("Dear colleague,\n\n{}\nvinaka", encode("TALANOA CARD", &bytes));
        assert_eq!(decode("TALANOA CARD", &text), Ok(bytes.clone()));
        assert_eq!(decode("TALANOA CARD", &text.replace('\n', "\r\n")), Ok(bytes));
        assert_eq!(decode("TALANOA DRAFT", &text), Err(ArmourError::NotFound("TALANOA DRAFT".into())));
        assert_eq!(
            decode("TALANOA CARD", &text.replace("AAECAwQF", "AA*CAwQF")),
            Err(ArmourError::Damaged("TALANOA CARD".into()))
        );
    }
}
