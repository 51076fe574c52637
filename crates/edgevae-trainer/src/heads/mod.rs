//! Heads fitted to a network: what [`edgevae_core::head`] needs to know about the training rows.
//!
//! A head's parameters come from the rows that were fitted; where several stand together, each gets a tail, the
//! distribution of its own scores, so that their mean compares like with like, and a [`weight`] in it.

mod covariance;
mod gram;
mod histogram;
mod isolation;
mod neighbours;
mod tail;

use edgevae_core::format::{HeadKind, HeadSpec};
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use rand_distr::{Distribution, StandardNormal};

use crate::base::random::{Purpose, stream};
use crate::fit::forward::Forward;
use crate::fit::vae::Vae;
use crate::options::Storage;

pub use covariance::Whitening;
pub use isolation::grow as grow_isolation_trees;
pub use tail::fit as fit_tail;

/// What a head counts in the mean of several: stored rows three times what others do. Measured over many data sets
/// (docs/QUALITY.md).
pub fn weight(kind: HeadKind) -> f64 {
    if matches!(kind, HeadKind::Neighbours { .. }) { 3.0 } else { 1.0 }
}

/// What the network makes of the rows that heads are fitted to.
///
/// # Shapes
/// `x`: `[ROWS, IN]`; `mu`: `[ROWS, LATENT]`
#[derive(Clone, Copy, Debug)]
pub struct Fitting<'a> {
    /// The rows, scaled and clipped.
    pub x: ArrayView2<'a, f32>,
    /// Latent means.
    pub mu: ArrayView2<'a, f32>,
    /// The network.
    pub network: &'a Vae,
}

impl Fitting<'_> {
    /// Residuals `x - x_hat` at `z = mu` and latent means side by side, `[ROWS, IN + LATENT]`.
    fn joint(&self) -> Array2<f32> {
        let residual = &self.x - &Forward::new(self.network).decode(self.mu).0;
        concatenate![Axis(1), residual, self.mu]
    }
}

/// A head with its numbers as the model file holds them.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedHead {
    /// What it computes.
    pub kind: HeadKind,
    /// Its parameters.
    pub parameters: Vec<f32>,
    /// Its words in the packed block of the file.
    pub packed: Vec<u32>,
    /// Step, rate and knots of its tail; empty for a head that stands alone.
    pub tail: Vec<f32>,
}

impl FittedHead {
    /// Fits a head to what the network makes of the training rows; `seed` gives the noise of its draws, its trees and the
    /// rows that it stores at random.
    pub fn new(kind: HeadKind, rows: Fitting<'_>, storage: Storage, seed: u64) -> Self {
        let mut random = stream(seed, Purpose::Draws, 0);
        let (mut kind, mut packed) = (kind, Vec::new());
        let parameters = match kind {
            HeadKind::Mse | HeadKind::Nll | HeadKind::Elbo => Vec::new(),
            HeadKind::Mahalanobis => Whitening::fit(rows.mu).parameters(),
            HeadKind::ReconstructionProbability { draws } => {
                (0..usize::from(draws) * rows.mu.ncols()).map(|_| StandardNormal.sample(&mut random)).collect()
            }
            HeadKind::JointMahalanobis { full } => {
                let joint = rows.joint();
                if full { Whitening::fit(joint.view()).parameters() } else { covariance::diagonal(joint.view()) }
            }
            HeadKind::Histogram { bins } => histogram::fit(rows.x, bins),
            HeadKind::Neighbours { rows: count, nearest } => {
                let (count, words) = neighbours::store(rows.x, count, storage, &mut random);
                kind = HeadKind::Neighbours { rows: count, nearest: nearest.min(count.min(255) as u8) };
                packed = words;
                Vec::new()
            }
            HeadKind::Isolation { trees, depth } => {
                packed = isolation::grow(rows.x, trees, depth, &mut random);
                Vec::new()
            }
        };
        Self { kind, parameters, packed, tail: Vec::new() }
    }

    /// As the header of a model file lists it.
    pub fn spec(&self) -> HeadSpec {
        let knots = self.tail.len().saturating_sub(tail::STEP_AND_RATE);
        HeadSpec { kind: self.kind, knots: knots as u8 }
    }
}
