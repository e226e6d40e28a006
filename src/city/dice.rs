//! Chance, from a seed: the same numbers on every machine.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A stream of random numbers. Each part of a city has its own, so that more of one thing leaves the others as they were.
pub struct Dice {
    source: Pcg64Mcg,
}

impl Dice {
    /// The stream `stream` of a seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mixed = xxhash_rust::xxh3::xxh3_64_with_seed(&stream.to_le_bytes(), seed);
        Dice { source: Pcg64Mcg::seed_from_u64(mixed) }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.source.next_u64()
    }

    /// 0 ≤ x < `end`; 0 for an `end` of 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// `from` ≤ x < `to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from))
    }

    /// 0 ≤ x < 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Exponentially distributed with this mean: the gap between events that do not know of each other.
    pub fn gap(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Log-normally distributed around a median.
    pub fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// How many of something whose mean count is small (Knuth's method for Poisson).
    pub fn count(&mut self, mean: f64) -> usize {
        let limit = (-mean).exp();
        let mut product = self.unit();
        let mut count = 0;
        while product > limit {
            product *= self.unit();
            count += 1;
        }
        count
    }

    /// One of several by weight; the weights need not add up to one. None of an empty list, or of one without weight.
    pub fn weighted<'a, T>(&mut self, choices: &'a [(T, f64)]) -> Option<&'a T> {
        let total: f64 = choices.iter().map(|(_, weight)| weight).sum();
        let mut left = self.unit() * total;
        let chosen = choices.iter().find(|(_, weight)| {
            left -= weight;
            left < 0.0
        });
        chosen.map(|(choice, _)| choice)
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}
