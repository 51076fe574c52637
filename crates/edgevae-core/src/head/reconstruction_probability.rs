//! The likelihood of a row over draws from its own posterior.

use super::{Head, Representation, Sizes};

/// Negative log-likelihood in nats, averaged over `L` draws of `z`: `1/L Σ_l nll(x | z_l)`, `z_l = mu + eps_l * σ`.
///
/// The draws come from a noise table in the model file, so a device needs no random numbers and every target computes
/// the same bits. Named after the reconstruction probability, of which it is the negative, so that higher is more
/// anomalous. A feature contributes its own negative log-likelihood, averaged over the draws.
///
/// # Shapes
/// - `noise`: `[L][LATENT]`, drawn from N(0, 1) by the trainer
///
/// # Cost
/// `L` passes of the decoder and `L * (2 IN + LATENT)` multiply-adds; `L * LATENT` parameters; `2 IN + 3 LATENT` numbers
/// of memory, and `IN` where the decoder gives a log variance for each row.
///
/// # Source
/// An & Cho 2015, "Variational Autoencoder based Anomaly Detection using Reconstruction Probability", algorithm 4.
#[derive(Clone, Copy, Debug)]
pub struct ReconstructionProbability<'a> {
    noise: &'a [f32],
    latent: usize,
}

impl<'a> ReconstructionProbability<'a> {
    pub(crate) fn new(noise: &'a [f32], latent: usize) -> Self {
        Self { noise, latent }
    }

    /// Noise of one draw after the other, `[L][LATENT]`.
    pub(crate) fn noise(&self) -> &'a [f32] {
        self.noise
    }

    fn draws(&self) -> usize {
        self.noise.len().checked_div(self.latent).unwrap_or(0)
    }
}

impl Head for ReconstructionProbability<'_> {
    fn score(&self, representation: &Representation<'_>) -> f32 {
        representation.sampled.iter().fold(0.0, |sum, term| sum + term)
    }

    fn contribution(&self, representation: &Representation<'_>, feature: usize) -> f32 {
        representation.sampled.get(feature).copied().unwrap_or(0.0)
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "counts numbers of a model in memory, each at most a few hundred times"
    )]
    fn multiply_adds(&self, sizes: Sizes) -> usize {
        self.draws() * (sizes.decode + 2 * sizes.inputs + sizes.latent)
    }

    fn is_sound(&self) -> bool {
        self.draws() > 0
    }
}
