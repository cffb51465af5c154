//! An exact sum of decimals in fixed memory: a column of limbs, carried now and then.

use super::decimal::{DIGITS_MAX, Locale, normalise};

const LIMB_DIGITS: usize = 9;
const LIMB: i64 = 1_000_000_000;
const FRACTION_LIMBS: usize = DIGITS_MAX / LIMB_DIGITS;
/// Two limbs of headroom: 10^18 numbers of the largest size may be added.
const LIMBS: usize = 2 * FRACTION_LIMBS + 2;
/// Each addition grows a limb by less than 10^9; an `i64` holds nine times 10^9 of these.
const CARRY_AFTER: u32 = 1 << 30;

/// Limbs from the least to the greatest; the point lies before limb `FRACTION_LIMBS`.
#[derive(Clone, Debug)]
pub struct Sum {
    limbs: [i64; LIMBS],
    uncarried: u32,
}

impl Default for Sum {
    fn default() -> Self {
        Self { limbs: [0; LIMBS], uncarried: 0 }
    }
}

impl Sum {
    /// Takes only what [`super::decimal::normalise`] gave.
    pub fn add(&mut self, decimal: &str) {
        let (sign, unsigned) = decimal.strip_prefix('-').map_or((1, decimal), |rest| (-1, rest));
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let (fraction_limbs, whole_limbs) = self.limbs.split_at_mut(FRACTION_LIMBS);
        for (limb, digits) in whole_limbs.iter_mut().zip(whole.as_bytes().rchunks(LIMB_DIGITS)) {
            *limb += sign * number(digits);
        }
        for (limb, digits) in fraction_limbs.iter_mut().rev().zip(fraction.as_bytes().chunks(LIMB_DIGITS)) {
            let missing = LIMB_DIGITS.saturating_sub(digits.len()) as u32;
            *limb += sign * number(digits) * 10_i64.pow(missing);
        }
        self.uncarried += 1;
        if self.uncarried == CARRY_AFTER {
            self.carry();
        }
    }

    /// Takes any finite number as XML and JSON write them, `1e-3` and `+.5` too. One with more digits than anybody
    /// counts is taken for the nearest double.
    pub fn add_written(&mut self, number: &str) {
        let is_plain = |b: u8| b.is_ascii_digit() || b == b'.';
        let unsigned = number.strip_prefix('-').unwrap_or(number);
        if unsigned.len() <= DIGITS_MAX && unsigned.bytes().all(is_plain) {
            return self.add(number);
        }
        let nearest = || number.parse::<f64>().unwrap_or_default().to_string();
        if let Ok(decimal) =
            normalise(number, &Locale::default()).or_else(|_| normalise(&nearest(), &Locale::default()))
        {
            self.add(&decimal);
        }
    }

    /// Without zeros at the end of the fraction.
    pub fn total(mut self) -> String {
        self.carry();
        let is_negative = self.limbs.last().is_some_and(|top| *top < 0);
        if is_negative {
            self.limbs.iter_mut().for_each(|limb| *limb = -*limb);
            self.carry();
        }
        let digits: String = self.limbs.iter().rev().map(|limb| format!("{limb:09}")).collect();
        let (whole, fraction) =
            digits.split_at_checked((LIMBS - FRACTION_LIMBS) * LIMB_DIGITS).unwrap_or_default();
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let sign = if is_negative { "-" } else { "" };
        let whole = if whole.is_empty() { "0" } else { whole };
        if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }

    /// Every limb but the greatest becomes 0 … 10^9 - 1; the sign of the sum is that of the greatest.
    fn carry(&mut self) {
        let mut carried = 0;
        let last = LIMBS - 1;
        for (n, limb) in self.limbs.iter_mut().enumerate() {
            *limb += carried;
            if n < last {
                carried = limb.div_euclid(LIMB);
                *limb = limb.rem_euclid(LIMB);
            }
        }
        self.uncarried = 0;
    }
}

fn number(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit.wrapping_sub(b'0') % 10))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(numbers: &[&str]) -> String {
        let mut sum = Sum::default();
        numbers.iter().for_each(|n| sum.add(n));
        sum.total()
    }

    #[test]
    fn nothing_is_rounded() {
        assert_eq!(sum(&[]), "0");
        assert_eq!(sum(&["0.1", "0.2"]), "0.3");
        assert_eq!(sum(&["9223372036854775807", "1", "0.50"]), "9223372036854775808.5");
        assert_eq!(sum(&["-1.5", "1", "0.25"]), "-0.25");
        assert_eq!(sum(&["1", "-1.000"]), "0");
        let (large, small) = ("9".repeat(DIGITS_MAX), format!("0.{}1", "0".repeat(DIGITS_MAX - 1)));
        assert_eq!(sum(&[&large, &large, &small]), format!("1{}8.{}1", "9".repeat(359), "0".repeat(359)));
    }

    #[test]
    fn numbers_of_any_spelling_are_added() {
        let mut sum = Sum::default();
        ["1e100", "1.0", "-1e100", "+.5", "-007", "1e-3", "2."].iter().for_each(|n| sum.add_written(n));
        assert_eq!(sum.clone().total(), "-3.499");
        sum.add_written(&format!("0.{}1", "0".repeat(2 * DIGITS_MAX)));
        sum.add_written(&format!("1{}", "0".repeat(300)));
        assert_eq!(sum.total().len(), 300 + ".501".len());
    }

    proptest! {
        #[test]
        fn it_agrees_with_integers(numbers in proptest::collection::vec(any::<i64>(), 0..20)) {
            let thousandths: i128 = numbers.iter().map(|n| i128::from(*n)).sum();
            let mut sum = Sum::default();
            for n in &numbers {
                let (sign, n) = (if *n < 0 { "-" } else { "" }, n.unsigned_abs());
                sum.add(&format!("{sign}{}.{:03}", n / 1000, n % 1000));
            }
            let total = sum.total();
            let (whole, fraction) = total.split_once('.').unwrap_or((&total, ""));
            let digits: i128 = format!("{whole}{fraction:0<3}").parse().unwrap();
            prop_assert_eq!(digits, thousandths);
        }
    }
}
