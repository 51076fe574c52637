//! The memory that heads need beside the network's own buffers, cut to a model's sizes.

use crate::head::Representation;
use crate::model::Model;

/// Slices of one block of memory; those that no head asks for are empty.
#[derive(Debug)]
pub(crate) struct Memory<M> {
    /// `[LATENT]`
    pub mu: M,
    /// `[LATENT]`
    pub logvar: M,
    /// `[IN]`, where the decoder gives a log variance for each row.
    pub x_logvar: M,
    /// Standard deviation of the posterior, `[LATENT]`.
    pub sigma: M,
    /// The scaled sample, kept for heads that look at it and over the draws of `z`, `[IN]`.
    pub x: M,
    /// Negative log-likelihood of each feature over the draws, `[IN]`.
    pub sampled: M,
    /// Room for the sample in steps: two in each number, `[IN / 2]` rounded up.
    pub steps: M,
}

impl Memory<usize> {
    /// Lengths of the slices that a model needs.
    fn lengths(model: &Model<'_>) -> Self {
        let needs = model.needs();
        let when = |needed: bool, len: usize| if needed { len } else { 0 };
        let (inputs, latent) = (model.inputs(), model.latent());
        Self {
            mu: when(needs.mu, latent),
            logvar: when(needs.logvar, latent),
            x_logvar: when(needs.x_logvar && model.decoder_logvar().is_some(), inputs),
            sigma: when(needs.sampled, latent),
            x: when(needs.x || needs.sampled, inputs),
            sampled: when(needs.sampled, inputs),
            steps: when(needs.steps, inputs.div_ceil(2)),
        }
    }

    /// Numbers of memory that a model needs.
    #[expect(clippy::arithmetic_side_effects, reason = "at most 7 * 65,535")]
    pub fn len(model: &Model<'_>) -> usize {
        let Self { mu, logvar, x_logvar, sigma, x, sampled, steps } = Self::lengths(model);
        mu + logvar + x_logvar + sigma + x + sampled + steps
    }
}

impl<'m> Memory<&'m mut [f32]> {
    /// Cuts a block; one that is too short gives empty slices.
    pub fn new(model: &Model<'_>, block: &'m mut [f32]) -> Self {
        let lengths = Memory::lengths(model);
        let mut rest = block;
        let mut take = |len: usize| {
            let (slice, after) = core::mem::take(&mut rest).split_at_mut_checked(len).unwrap_or_default();
            rest = after;
            slice
        };
        Self {
            mu: take(lengths.mu),
            logvar: take(lengths.logvar),
            x_logvar: take(lengths.x_logvar),
            sigma: take(lengths.sigma),
            x: take(lengths.x),
            sampled: take(lengths.sampled),
            steps: take(lengths.steps),
        }
    }
}

/// What a scored sample has left in a detector's memory.
pub(crate) fn representation<'r>(model: &Model<'r>, residual: &'r [f32], block: &'r [f32]) -> Representation<'r> {
    let lengths = Memory::lengths(model);
    let mut rest = block;
    let mut take = |len: usize| {
        let (slice, after) = rest.split_at_checked(len).unwrap_or_default();
        rest = after;
        slice
    };
    let (mu, logvar, x_logvar) = (take(lengths.mu), take(lengths.logvar), take(lengths.x_logvar));
    take(lengths.sigma);
    let x_logvar = if x_logvar.is_empty() { model.feature_logvar() } else { x_logvar };
    let (x, sampled) = (take(lengths.x), take(lengths.sampled));
    let steps = bytemuck::try_cast_slice(take(lengths.steps)).unwrap_or(&[]);
    Representation { x, steps, residual, mu, logvar, x_logvar, sampled }
}
