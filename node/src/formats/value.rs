//! Measures: what is a number, and a sum that does not lose digits on the way.

use crate::intake::{Fault, cell};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Not reported: empty, `NaN`, and the `#N/A` of SDMX 3.1.
    Missing,
    Number(f64),
    Infinite,
    /// Not a number; the text itself stays as it was written.
    Text,
}

pub fn read(written: &str) -> Value {
    match written {
        "" | "NaN" | "#N/A" => Value::Missing,
        // Rust's parse rounds the decimal once, to the nearest double.
        _ if cell::is_number(written.as_bytes()) => written.parse().map_or(Value::Text, Value::Number),
        _ if cell::is_infinite(written.as_bytes()) => Value::Infinite,
        _ => Value::Text,
    }
}

impl Value {
    /// What is said of one that is written where a number belongs.
    pub fn doubt(self, written: &str) -> Option<Fault> {
        let shown = cell::shown(written.as_bytes());
        match self {
            Self::Missing | Self::Number(_) => None,
            Self::Infinite => {
                Some(Fault::error("value.infinite", format!("{shown} is no number that can be published")))
            }
            Self::Text => Some(Fault::warning("value.not_a_number", format!("{shown} is not a number"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (written, number) in [
            ("-0", -0.0),
            ("1e2", 100.0),
            ("9223372036854775808", 9_223_372_036_854_775_808.0),
            ("18446744073709551617", 18_446_744_073_709_551_616.0),
            ("0.1", 0.1),
        ] {
            assert_eq!(read(written), Value::Number(number), "{written}");
        }
        assert_eq!(["", "NaN", "#N/A"].map(read), [Value::Missing; 3]);
        assert_eq!(["INF", "-INF", "1e999"].map(read), [Value::Infinite; 3]);
        assert_eq!([":", "12,4", "0x1F", "true"].map(read), [Value::Text; 4]);
    }
}
