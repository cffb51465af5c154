//! Canonical profile (PROTOCOL.md section 2): the only bytes accepted are those that this encoder writes.
//!
//! Decoding drops unknown fields and keeps the last of a repeated one; encoding again would then differ.
//! Comparing the two closes every such way to say one thing in two spellings.

use bytes::Bytes;
use prost::Message;

/// Why bytes are not a canonical message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    #[error("not a protobuf message of this type")]
    Malformed,
    #[error("not in the canonical profile: unknown, repeated, unordered or padded fields")]
    Respelled,
}

pub fn decode<M: Message + Default>(bytes: &Bytes) -> Result<M, NotCanonical> {
    let message = M::decode(bytes.clone()).map_err(|_| NotCanonical::Malformed)?;
    if message.encoded_len() != bytes.len() || message.encode_to_vec() != bytes.as_ref() {
        return Err(NotCanonical::Respelled);
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[test]
    fn other_spellings_of_one_message_are_refused() {
        let text = wire::Text { lang: "en".into(), text: "x".into() };
        let good = text.encode_to_vec();
        assert_eq!(decode::<wire::Text>(&good.clone().into()), Ok(text));
        let with = |extra: &[u8]| Bytes::from([good.as_slice(), extra].concat());
        for (what, bytes) in [
            ("unknown field", with(&[0x1a, 0x01, b'z'])),
            ("repeated field", with(&[0x12, 0x01, b'x'])),
            ("default spelled out", Bytes::from_static(&[0x0a, 0x00])),
            ("unordered fields", Bytes::from_static(&[0x12, 1, b'x', 0x0a, 2, b'e', b'n'])),
            ("padded varint", Bytes::from_static(&[0x0a, 0x82, 0x00, b'e', b'n', 0x12, 1, b'x'])),
        ] {
            assert_eq!(decode::<wire::Text>(&bytes), Err(NotCanonical::Respelled), "{what}");
        }
        assert_eq!(decode::<wire::Text>(&with(&[0x12])), Err(NotCanonical::Malformed));
    }
}
