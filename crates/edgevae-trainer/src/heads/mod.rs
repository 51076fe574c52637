//! Heads fitted to a network: what [`edgevae_core::head`] needs to know about the training rows.
//!
//! A head's parameters come from the rows that were fitted; where several stand together, each gets a tail, the
//! distribution of its own scores, so that their mean compares like with like.

mod covariance;
mod tail;

use edgevae_core::format::{HeadKind, HeadSpec};
use ndarray::ArrayView2;
use rand_distr::{Distribution, StandardNormal};

use crate::fit::random::{Purpose, stream};

pub use covariance::Whitening;
pub use tail::fit as fit_tail;

/// A head with its numbers as the model file holds them.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedHead {
    /// What it computes.
    pub kind: HeadKind,
    /// Its parameters.
    pub parameters: Vec<f32>,
    /// Step, rate and knots of its tail; empty for a head that stands alone.
    pub tail: Vec<f32>,
}

impl FittedHead {
    /// Fits a head to the latent means of the training rows; `seed` gives the noise of its draws.
    ///
    /// # Shapes
    /// `mu`: `[ROWS, LATENT]`
    pub fn new(kind: HeadKind, mu: ArrayView2<'_, f32>, seed: u64) -> Self {
        let parameters = match kind {
            HeadKind::Mse | HeadKind::Nll | HeadKind::Elbo => Vec::new(),
            HeadKind::Mahalanobis => Whitening::fit(mu).parameters(),
            HeadKind::ReconstructionProbability { draws } => {
                let mut noise = stream(seed, Purpose::Draws, 0);
                (0..usize::from(draws) * mu.ncols()).map(|_| StandardNormal.sample(&mut noise)).collect()
            }
        };
        Self { kind, parameters, tail: Vec::new() }
    }

    /// As the header of a model file lists it.
    pub fn spec(&self) -> HeadSpec {
        let knots = self.tail.len().saturating_sub(tail::STEP_AND_RATE);
        HeadSpec { kind: self.kind, knots: knots as u8 }
    }
}
