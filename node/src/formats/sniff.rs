//! What a file is, by its first bytes.

use super::stop::Stop;
use crate::{containers::Archive, intake::Fault};

/// Enough for any first line that tells.
pub const BYTES: u64 = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Xml,
    Json,
    Csv,
}

/// Known by their first bytes, beside archives, and not read here. A table may begin with the letters UNA.
const OTHERS: [(&[u8], &str); 4] = [
    (b"%PDF", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"UNA:+", "SDMX-EDI (GESMES), which is not read: export it as SDMX-ML or SDMX-CSV"),
    (b"UNB+", "SDMX-EDI (GESMES), which is not read: export it as SDMX-ML or SDMX-CSV"),
];

pub fn family(first: &[u8]) -> Result<Family, Stop> {
    if first.is_empty() {
        return Err(Fault::error("file.empty", "the file is empty").into());
    }
    if first.starts_with(b"\xff\xfe") || first.starts_with(b"\xfe\xff") {
        let message = "the file is UTF-16; save it as UTF-8";
        return Err(Fault::error("encoding.utf16", message).at_byte(0).into());
    }
    if let Some(archive) = Archive::of(first) {
        let what = match archive {
            Archive::Zip => "a zip archive or a spreadsheet (.xlsx)",
            other => other.name(),
        };
        let message = format!("the file is {what}: unpack it, or save the sheet as CSV");
        return Err(Fault::error("file.format", message).into());
    }
    if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| first.starts_with(magic)) {
        return Err(Fault::error("file.format", format!("the file is {what}")).into());
    }
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    let begin = text.iter().find(|b| !b.is_ascii_whitespace());
    Ok(match begin {
        Some(b'<') => Family::Xml,
        Some(b'{' | b'[') => Family::Json,
        _ => Family::Csv,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_the_family_or_the_reason() {
        assert_eq!(family(b"\xef\xbb\xbf \n<a/>").unwrap(), Family::Xml);
        assert_eq!(family(b" {}").unwrap(), Family::Json);
        for table in ["STRUCTURE,STRUCTURE_ID", "UNAIDS_REGION,year,value\n", "BZh,year,value\nPAC,2018,1\n"]
        {
            assert_eq!(family(table.as_bytes()).unwrap(), Family::Csv);
        }
        for (bytes, code) in [
            (b"".as_slice(), "file.empty"),
            (b"\xff\xfe<\0", "encoding.utf16"),
            (b"\x1f\x8b\x08", "file.format"),
            (b"UNA:+.? '", "file.format"),
            (b"BZh91AY&SY", "file.format"),
        ] {
            let Err(Stop::Fault(fault)) = family(bytes) else { panic!("{code}") };
            assert_eq!(fault.code, code);
        }
    }
}
