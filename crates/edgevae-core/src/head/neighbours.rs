//! How far a row lies from the nearest of the training rows that the file holds.

use super::steps::STEPS;
use super::{Head, Representation, Sizes};

/// Stored values are multiples of this many steps of [`Representation::steps`]: of 1/16 scaled unit.
pub const STEPS_PER_UNIT: i16 = 4;
/// Neighbours that can count.
pub const MAX_NEAREST: usize = 32;

/// Mean Euclidean distance of the scaled sample to the nearest stored rows, scaled units.
///
/// Stored rows are bytes, value `q` standing for `q / 16` scaled units (a clip of 8 fits); the sample is rounded to 1/64.
/// Squared distances are then whole numbers: exact, the same on every target, and cheap without a floating-point unit.
/// A feature contributes its squared difference from the nearest row, in scaled units squared.
///
/// # Shapes
/// - `rows`: `[ROWS][IN]`, `i8`; IN is at most [`MAX_INPUTS`] so that no sum overflows
///
/// # Cost
/// `ROWS * IN` integer multiply-adds and one square root for each neighbour that counts; `ROWS * IN` bytes of file;
/// `IN` numbers and `IN` half numbers of memory, `4 * 32` bytes of stack.
///
/// # Source
/// Ramaswamy, Rastogi & Shim 2000, "Efficient algorithms for mining outliers from large data sets"; mean over the
/// neighbours: Angiulli & Pizzuti 2002.
#[derive(Clone, Copy, Debug)]
pub struct Neighbours<'a> {
    rows: &'a [i8],
    inputs: usize,
    nearest: usize,
}

/// Features up to which a squared distance fits `u32`: each difference is below `2 * 512 + 128` steps.
pub const MAX_INPUTS: usize = 3000;

impl<'a> Neighbours<'a> {
    pub(crate) fn new(packed: &'a [f32], inputs: usize, rows: u16, nearest: u8) -> Self {
        let bytes: &[i8] = bytemuck::try_cast_slice(packed).unwrap_or(&[]);
        let rows = bytes.get(..usize::from(rows).saturating_mul(inputs)).unwrap_or(&[]);
        Self { rows, inputs, nearest: usize::from(nearest) }
    }

    /// How far a value lies from a stored one, in steps.
    fn difference(q: i8, step: i16) -> i16 {
        step.wrapping_sub(i16::from(q).wrapping_mul(STEPS_PER_UNIT))
    }

    /// Squared distance in steps²; wrapping arithmetic that never wraps, for [`MAX_INPUTS`] is checked when a file loads.
    fn squared(row: &[i8], steps: &[i16]) -> u32 {
        let differences = row.iter().zip(steps).map(|(&q, &step)| u32::from(Self::difference(q, step).unsigned_abs()));
        differences.fold(0, |sum, d| d.wrapping_mul(d).wrapping_add(sum))
    }

    fn count(&self) -> usize {
        self.rows.len().checked_div(self.inputs).unwrap_or(0)
    }
}

impl Head for Neighbours<'_> {
    fn score(&self, representation: &Representation<'_>) -> f32 {
        let mut best = [u32::MAX; MAX_NEAREST];
        let best = best.get_mut(..self.nearest).unwrap_or_default();
        for row in self.rows.chunks_exact(self.inputs.max(1)) {
            let mut squared = Self::squared(row, representation.steps);
            if best.last().is_some_and(|&worst| squared < worst) {
                for slot in best.iter_mut() {
                    if squared < *slot {
                        core::mem::swap(slot, &mut squared);
                    }
                }
            }
        }
        let sum = best.iter().fold(0.0, |sum, &squared| sum + libm::sqrtf(squared as f32));
        sum / (self.nearest as f32 * STEPS)
    }

    fn contribution(&self, representation: &Representation<'_>, feature: usize) -> f32 {
        let rows = self.rows.chunks_exact(self.inputs.max(1));
        let nearest = rows.min_by_key(|row| Self::squared(row, representation.steps));
        let pair = nearest.and_then(|row| row.get(feature)).zip(representation.steps.get(feature));
        let difference = pair.map_or(0.0, |(&q, &step)| f32::from(Self::difference(q, step)) / STEPS);
        difference * difference
    }

    fn multiply_adds(&self, _: Sizes) -> usize {
        self.rows.len()
    }

    fn is_sound(&self) -> bool {
        (1..=MAX_NEAREST).contains(&self.nearest) && self.nearest <= self.count() && self.inputs <= MAX_INPUTS
    }
}

#[cfg(test)]
mod tests {
    use super::super::steps::round_to_steps;
    use super::*;

    #[test]
    fn the_nearest_rows_are_found_and_averaged() {
        // Rows (0, 0), (1, 0), (0, 2), (-8, 7.9375) in bytes of 1/16; two words of four bytes.
        let packed: [f32; 2] = bytemuck::cast([0_i8, 0, 16, 0, 0, 32, -128, 127]);
        let mut steps = [0; 2];
        round_to_steps(&[1.0, 2.0], &mut steps);
        assert_eq!(steps, [64, 128]);
        let representation = Representation { steps: &steps, ..Representation::default() };
        let head = |nearest| Neighbours::new(&packed, 2, 4, nearest);
        assert_eq!(head(1).score(&representation), 1.0);
        assert_eq!(head(2).score(&representation), 1.5);
        assert_eq!([0, 1, 2].map(|feature| head(1).contribution(&representation, feature)), [1.0, 0.0, 0.0]);
        assert!(head(4).is_sound());
        assert!(!head(5).is_sound() && !head(0).is_sound());
    }

    #[test]
    fn the_widest_sum_fits() {
        let largest = (2 * 512_u64 + 128).pow(2) * MAX_INPUTS as u64;
        assert!(largest <= u64::from(u32::MAX), "{largest}");
    }
}
