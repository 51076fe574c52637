//! Standard normal numbers in blocks.

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use super::level::{Kernel, LANES, Lanes, Level, Sums};
use super::math::{cos_sin, ln};

/// Draws standard normal numbers, two [`Lanes`] at a time, from a ChaCha stream.
///
/// `r = sqrt(-2 ln u)`, `(r cos a, r sin a)`: `u` has 24 random bits, so that no number lies beyond ±5.9 (one in 10^8
/// would); the angle has 22 within its quarter of the circle, and two more choose the quarter.
///
/// # Source
/// Box & Muller 1958.
pub fn fill_normal(rng: &mut ChaCha8Rng, words: &mut Vec<u32>, level: Level, out: &mut [Lanes]) {
    words.resize(out.len().next_multiple_of(2) * LANES, 0);
    rng.fill(&mut words[..]);
    level.run(BoxMuller { words, out });
}

/// [`fill_normal`] row by row, `[ROWS * width]`.
pub fn fill_by_row(
    rng: &mut ChaCha8Rng,
    words: &mut Vec<u32>,
    lanes: &mut Vec<Lanes>,
    rows: usize,
    width: usize,
) -> Vec<f32> {
    lanes.resize(rows.div_ceil(LANES) * width, [0.0; LANES]);
    fill_normal(rng, words, Level::best(), lanes);
    super::by_row(lanes, rows, width)
}

struct BoxMuller<'a> {
    words: &'a [u32],
    out: &'a mut [Lanes],
}

impl Kernel for BoxMuller<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Sums>(self) {
        let (words, _) = self.words.as_chunks::<{ 2 * LANES }>();
        for (out, words) in self.out.chunks_mut(2).zip(words) {
            let (mut first, mut second) = ([0.0; LANES], [0.0; LANES]);
            for l in 0..LANES {
                (first[l], second[l]) = pair(words[l], words[LANES + l]);
            }
            out[0] = first;
            if let Some(out) = out.get_mut(1) {
                *out = second;
            }
        }
    }
}

#[inline(always)]
fn pair(radius: u32, angle: u32) -> (f32, f32) {
    let u = ((radius >> 8) as i32 as f32 + 0.5) * (1.0 / 16_777_216.0);
    let r = (-2.0 * ln(u)).sqrt();
    // 22 bits, centred: the quarter of the circle around angle 0.
    let a = ((angle >> 10) as i32 as f32 + 0.5) * (std::f32::consts::FRAC_PI_2 / 4_194_304.0);
    let (c, s) = cos_sin(a - std::f32::consts::FRAC_PI_4);
    let (c, s) = if angle & 1 == 0 { (c, s) } else { (s, c) };
    let r = if angle & 2 == 0 { r } else { -r };
    (r * c, r * s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn draw(lanes: usize, level: Level) -> Vec<f32> {
        let mut out = vec![[0.0; LANES]; lanes];
        fill_normal(&mut ChaCha8Rng::seed_from_u64(1), &mut Vec::new(), level, &mut out);
        out.into_flattened()
    }

    #[test]
    fn moments_are_those_of_the_standard_normal() {
        let z: Vec<f64> = draw(1 << 16, Level::best()).into_iter().map(f64::from).collect();
        let n = z.len() as f64;
        let moment = |k: i32| z.iter().map(|z| z.powi(k)).sum::<f64>() / n;
        // Five standard errors of each moment: variance of z^k is E z^2k - (E z^k)^2.
        for (k, expected, variance) in
            [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0), (6, 15.0, 10_170.0)]
        {
            let bound = 5.0 * f64::sqrt(variance / n);
            assert!((moment(k) - expected).abs() < bound, "moment {k}: {} ± {bound}", moment(k));
        }
    }

    #[test]
    fn the_distribution_is_the_normal_one_by_kolmogorov_and_smirnov() {
        let mut z = draw(1 << 14, Level::best());
        z.sort_by(f32::total_cmp);
        let n = z.len() as f64;
        let distance = |(k, &z): (usize, &f32)| {
            let cdf = libm::erfc(-f64::from(z) / f64::sqrt(2.0)) / 2.0;
            (cdf - k as f64 / n).abs().max(((k + 1) as f64 / n - cdf).abs())
        };
        let largest = z.iter().enumerate().map(distance).fold(0.0, f64::max);
        // 1.95 / sqrt(n) is exceeded once in a thousand draws; the seed is fixed.
        assert!(largest < 1.95 / n.sqrt(), "{largest}");
    }

    #[test]
    fn the_two_numbers_of_a_pair_are_not_correlated_nor_are_neighbours() {
        let z = draw(1 << 14, Level::best());
        for lag in [1, LANES, 2 * LANES] {
            let products = z.iter().zip(&z[lag..]).map(|(a, b)| f64::from(a * b));
            let mean = products.sum::<f64>() / (z.len() - lag) as f64;
            assert!(mean.abs() < 5.0 / (z.len() as f64).sqrt(), "lag {lag}: {mean}");
        }
    }

    #[test]
    fn every_level_draws_the_same_bits_and_an_odd_count_drops_the_last() {
        let bits = |lanes, level| draw(lanes, level).into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let best = bits(8, Level::best());
        for level in Level::available() {
            assert_eq!(bits(8, level), best, "{}", level.name());
        }
        assert_eq!(bits(7, Level::best()), best[..7 * LANES]);
    }

    #[test]
    fn no_word_gives_anything_but_a_finite_number() {
        for radius in [0, 1, u32::MAX, 1 << 31] {
            for angle in [0, 1, 2, 3, u32::MAX, 1 << 31] {
                let (a, b) = pair(radius, angle);
                assert!(a.is_finite() && b.is_finite() && a.hypot(b) < 5.9, "{radius} {angle}");
            }
        }
    }
}
