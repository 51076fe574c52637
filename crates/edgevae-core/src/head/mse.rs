//! The reconstruction error, the reference system's score.

use crate::score::sum_of_squares;

use super::{Head, Representation, Sizes};

/// Squared error averaged over features: `Σ_i residual_i² / IN`, scaled units squared.
///
/// A feature contributes its squared error.
///
/// # Cost
/// `IN` multiply-adds; no parameters, no memory.
#[derive(Clone, Copy, Debug)]
pub struct Mse;

impl Head for Mse {
    #[inline]
    fn score(&self, representation: &Representation<'_>) -> f32 {
        sum_of_squares(representation.residual) / representation.residual.len() as f32
    }

    fn contribution(&self, representation: &Representation<'_>, feature: usize) -> f32 {
        representation.squared_error(feature)
    }

    fn multiply_adds(&self, sizes: Sizes) -> usize {
        sizes.inputs
    }
}
