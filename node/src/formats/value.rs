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

/// Neumaier's summation: the error of each addition is kept and added at the end, so that millions of
/// small numbers beside a large one are not lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    sum: f64,
    lost: f64,
    numbers: u64,
}

impl Sum {
    pub fn add(&mut self, number: f64) {
        let sum = self.sum + number;
        self.lost += if self.sum.abs() >= number.abs() {
            (self.sum - sum) + number
        } else {
            (number - sum) + self.sum
        };
        self.sum = sum;
        self.numbers += 1;
    }

    /// `None`: no number was added, or the sum is beyond all doubles.
    pub fn total(&self) -> Option<f64> {
        let total = self.sum + self.lost;
        (self.numbers > 0 && total.is_finite()).then_some(total)
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

    #[test]
    fn a_large_number_does_not_swallow_the_small_ones() {
        let mut sum = Sum::default();
        assert_eq!(sum.total(), None);
        [1e100, 1.0, -1e100].into_iter().for_each(|n| sum.add(n));
        assert_eq!(sum.total(), Some(1.0));
        let mut tenths = Sum::default();
        (0..1_000_000).for_each(|_| tenths.add(0.1));
        assert_eq!(tenths.total(), Some(100_000.0));
        [f64::MAX, f64::MAX].into_iter().for_each(|n| tenths.add(n));
        assert_eq!(tenths.total(), None);
    }
}
