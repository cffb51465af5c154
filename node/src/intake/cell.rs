//! One cell: how it is read, how it is shown to people, what a spreadsheet would make of it.

use std::borrow::Cow;

const SHOWN_CHARS_MAX: usize = 40;

pub fn text(cell: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(cell)
}

/// Quoted, escaped and cut: a cell of a megabyte must not become a message of one.
pub fn shown(cell: &[u8]) -> String {
    let end = cell.len().min(4 * SHOWN_CHARS_MAX + 4);
    let start: String = text(&cell[..end]).chars().take(SHOWN_CHARS_MAX).collect();
    if start.len() < cell.len() { format!("{start:?}…") } else { format!("{start:?}") }
}

/// A finite decimal number, `1e2` and `-0` included.
pub fn is_number(cell: &[u8]) -> bool {
    let plain = cell.iter().all(|b| b.is_ascii_digit() || b"+-.eE".contains(b));
    plain && text(cell).parse::<f64>().is_ok_and(f64::is_finite)
}

/// `INF` in its spellings, and numbers too large for any reader.
pub fn is_infinite(cell: &[u8]) -> bool {
    // Rust reads "inf" and "infinity" in any case, as statistical packages write them.
    text(cell).parse::<f64>().is_ok_and(f64::is_infinite)
}

/// A spreadsheet would run this. A sign before a number, or alone as a mark of nothing, is harmless.
pub fn is_formula(cell: &[u8]) -> bool {
    match cell.first() {
        Some(b'=' | b'@' | b'\t' | b'\r' | b'\n') => cell.len() > 1,
        Some(b'+' | b'-') => cell.len() > 1 && !is_number(cell),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_and_finite() {
        for good in ["0", "-0", "+3", ".5", "1.", "1e2", "1E-300", "9223372036854775808"] {
            assert!(is_number(good.as_bytes()), "{good}");
        }
        for bad in ["", ".", "-", "e5", "0x1F", "1,234", "1 234", " 1", "1_000", "NaN", "INF", "1e999", "１"]
        {
            assert!(!is_number(bad.as_bytes()), "{bad}");
        }
        for infinite in ["INF", "-INF", "+inf", "Infinity", "1e999"] {
            assert!(is_infinite(infinite.as_bytes()), "{infinite}");
        }
        assert!(!is_infinite(b"NaN") && !is_infinite(b"INFO"));
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_a_formula() {
        for bad in ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "\tx", "\r=x", "\n=x"] {
            assert!(is_formula(bad.as_bytes()), "{bad:?}");
        }
        for good in ["", "-", "=", "-1.5", "+3", "-1e-5", "a=b", "a@b"] {
            assert!(!is_formula(good.as_bytes()), "{good:?}");
        }
    }

    #[test]
    fn a_large_cell_is_shown_by_its_beginning() {
        assert_eq!(shown("é".repeat(1 << 20).as_bytes()), format!("{:?}…", "é".repeat(40)));
        assert_eq!(shown(b"a\x1b[31m"), r#""a\u{1b}[31m""#);
    }
}
