//! SplitMix64: the same world for the same seed, on every machine, with no dependency.

pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// True in so many of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// One or more of them, in their order; with `wanted` in most cases, so that a yes is not rare.
    pub fn some<T: Clone + PartialEq>(&mut self, of: &[T], wanted: Option<&T>) -> Vec<T> {
        let mask = 1 + self.below((1 << of.len()) - 1);
        let wanted = if self.chance(70) { wanted } else { None };
        let mut chosen = Vec::new();
        for (n, item) in of.iter().enumerate() {
            if mask & (1 << n) != 0 || wanted == Some(item) {
                chosen.push(item.clone());
            }
        }
        chosen
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}
