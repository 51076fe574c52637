//! The negative log-likelihood of a row under the decoder's Gaussian.

use super::gaussian;
use super::{Head, Representation, Sizes};

/// Negative log-likelihood at `z = mu` in nats: `0.5 * Σ_i (ln 2π + logvar_i + residual_i² * exp(-logvar_i))`.
///
/// With a decoder of unit variance it ranks rows as [`Mse`](super::mse::Mse) does. It may be negative: a density may be
/// above 1. A feature contributes its own term.
///
/// # Cost
/// `2 IN` multiply-adds and `IN` exponentials (none at unit variance); no parameters; `IN` numbers of memory where the
/// decoder gives a log variance for each row.
#[derive(Clone, Copy, Debug)]
pub struct Nll;

impl Head for Nll {
    fn score(&self, representation: &Representation<'_>) -> f32 {
        gaussian::nll(representation)
    }

    fn contribution(&self, representation: &Representation<'_>, feature: usize) -> f32 {
        gaussian::nll_of(representation, feature)
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "counts numbers of a model in memory, each at most a few hundred times"
    )]
    fn multiply_adds(&self, sizes: Sizes) -> usize {
        2 * sizes.inputs
    }
}
