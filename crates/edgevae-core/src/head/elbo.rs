//! The negative evidence lower bound of a row.

use super::gaussian;
use super::{Head, Representation, Sizes};

/// Negative evidence lower bound at `z = mu` in nats: negative log-likelihood plus the KL divergence of the row's
/// posterior from the prior, whatever beta the training used.
///
/// A feature contributes its term of the likelihood. The KL belongs to the row as a whole and to no feature, so the
/// contributions sum up to the score less the KL.
///
/// # Cost
/// `2 IN + 2 LATENT` multiply-adds, `LATENT` exponentials and those of [`Nll`](super::nll::Nll); no parameters;
/// `2 LATENT` numbers of memory and those of `Nll`.
///
/// # Source
/// Kingma & Welling 2013 (arXiv:1312.6114), equation 3, with `z = mu` in place of the expectation.
#[derive(Clone, Copy, Debug)]
pub struct Elbo;

impl Head for Elbo {
    fn score(&self, representation: &Representation<'_>) -> f32 {
        gaussian::nll(representation) + gaussian::kl(representation.mu, representation.logvar)
    }

    fn contribution(&self, representation: &Representation<'_>, feature: usize) -> f32 {
        gaussian::nll_of(representation, feature)
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "counts numbers of a model in memory, each at most a few hundred times"
    )]
    fn multiply_adds(&self, sizes: Sizes) -> usize {
        2 * (sizes.inputs + sizes.latent)
    }
}
