//! From a raw sample to its representation and score: the forward pass, as it is defined.

use core::num::NonZeroUsize;

use crate::dense::{Dense, keep_rolled};
use crate::error::ScoreError;
use crate::head::gaussian::{self, LOGVAR_LIMIT, X_LOGVAR_BOUNDS};
use crate::head::steps::round_to_steps;
use crate::head::{AnyHead, Head as _, Representation};
use crate::memory::{self, Memory};
use crate::model::{Layers, Model};
use crate::range::Furthest;
use crate::scaler::standardize;

/// A score and what it means at the model's threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Higher is more anomalous; finite.
    pub score: f32,
    /// `score > threshold`, or a reading is out of range.
    pub is_anomaly: bool,
    /// A reading lies further from the training rows than the model's [limit](Model::range_limit): an anomaly whatever the
    /// score. `largest` names its feature first.
    pub out_of_range: bool,
}

/// The memory of a detector.
#[derive(Debug)]
pub(crate) struct Buffers<'b> {
    /// `[IN]`; after a score the residual `x - x_hat` at `z = mu`.
    pub residual: &'b mut [f32],
    /// At least `[WIDTH]` of the model.
    pub front: &'b mut [f32],
    /// At least `[WIDTH]` of the model.
    pub back: &'b mut [f32],
    /// At least [`Model::memory_len`].
    pub memory: &'b mut [f32],
}

/// Scores one sample; afterwards `residual` and `memory` hold its representation.
///
/// `x = (raw - mean) / scale`, `x_hat = decoder(mu(encoder(x)))`, `residual = x - x_hat`; the heads make the score of
/// that. Every sum runs in index order.
///
/// One function for detectors of every size: compiled into each, its loops would be unrolled to the last feature.
#[inline(never)]
pub(crate) fn score(model: &Model<'_>, sample: &[f32], buffers: Buffers<'_>) -> Result<Verdict, ScoreError> {
    let Buffers { residual, front, back, memory } = buffers;
    if sample.len() != model.inputs() || residual.len() != model.inputs() {
        return Err(ScoreError::WrongLength { expected: model.inputs(), found: sample.len() });
    }
    let furthest = scale(model, sample, residual)?;
    represent(model, residual, front, back, memory);
    // A head that does not look at the residual sees nothing of a reading that ReLU cut away.
    if !model.is_error_alone() && !sum_of_squares(residual).is_finite() {
        return Err(ScoreError::Overflow);
    }
    let verdict = model.verdict(&memory::representation(model, residual, memory))?;
    let out_of_range = furthest.keep(front, back);
    Ok(Verdict { is_anomaly: verdict.is_anomaly | out_of_range, out_of_range, ..verdict })
}

impl Model<'_> {
    /// The verdict on a representation: what the heads make of it, without a look at the readings.
    ///
    /// One head's raw score is the score; of several it is the mean of their [`Tail`](crate::head::tail::Tail) values.
    ///
    /// # Errors
    /// [`ScoreError::Overflow`] when the score is not finite.
    ///
    /// # Panics
    /// Never.
    pub fn verdict(&self, representation: &Representation<'_>) -> Result<Verdict, ScoreError> {
        let mut sum = 0.0;
        for (head, tail) in self.heads() {
            let raw = head.map_or(f32::NAN, |head| head.score(representation));
            sum += tail.map_or(raw, |tail| tail.surprise(raw));
        }
        // A division by one head's 1 changes no bit.
        let score = sum / self.header().heads.len() as f32;
        // Catches NaN too: overflow inside the network must not read as normal.
        if !score.is_finite() {
            return Err(ScoreError::Overflow);
        }
        Ok(Verdict { score, is_anomaly: self.is_anomaly(score), out_of_range: false })
    }

    /// Writes what each feature contributes to the score.
    ///
    /// One head says so itself. Of several, each distributes its value over the features in the shares of its own
    /// contributions (negative ones count as 0), and the mean of that is written.
    ///
    /// # Shapes
    /// `contributions`: `[IN]`.
    ///
    /// # Panics
    /// Never.
    pub fn explain(&self, representation: &Representation<'_>, contributions: &mut [f32]) {
        let count = self.header().heads.len() as f32;
        contributions.fill(0.0);
        for (head, tail) in self.heads() {
            let Some(head) = head else { continue };
            let Some(tail) = tail else {
                for (feature, slot) in contributions.iter_mut().enumerate() {
                    *slot = head.contribution(representation, feature);
                }
                return;
            };
            let positive = |feature| head.contribution(representation, feature).max(0.0);
            let mut all: f32 = (0..contributions.len()).map(positive).sum();
            let is_beyond = all.is_infinite();
            // Contributions beyond f32 are taken in a unit in which the largest of its numbers is 4, and so are infinite ones.
            let part = |feature| match positive(feature) {
                part if is_beyond => (part * f32::MIN_POSITIVE).min(4.0),
                part => part,
            };
            if is_beyond {
                all = (0..contributions.len()).map(part).sum();
            }
            let value = tail.surprise(head.score(representation)) / count;
            for (feature, slot) in contributions.iter_mut().enumerate() {
                *slot += value * if all > 0.0 { part(feature) / all } else { 0.0 };
            }
        }
    }
}

/// Fills missing readings where the model has fill values, scales the sample into `x` and clips it.
fn scale(model: &Model<'_>, sample: &[f32], x: &mut [f32]) -> Result<Furthest, ScoreError> {
    let (fills, clip, limit) = (model.fills(), model.header().clip, model.range_limit());
    // One comparison a feature for both.
    let edge = if clip < limit { clip } else { limit };
    let mut furthest = Furthest::default();
    let scaler = model.means().iter().zip(model.reciprocals());
    for (index, ((x, &raw), (&mean, &reciprocal))) in x.iter_mut().zip(sample).zip(scaler).enumerate() {
        // A model without fill values has none to offer, and NaN stays what it is.
        let raw = if raw.is_nan() { fills.get(index).copied().unwrap_or(raw) } else { raw };
        if !raw.is_finite() {
            return Err(ScoreError::NonFinite { index });
        }
        let scaled = standardize(raw, mean, reciprocal);
        *x = if scaled.abs() > edge { furthest.meet(index, scaled, clip, limit) } else { scaled };
        keep_rolled();
    }
    Ok(furthest)
}

/// From the scaled sample in `x` to its representation: the residual in `x`, the rest in `memory`.
fn represent(model: &Model<'_>, x: &mut [f32], front: &mut [f32], back: &mut [f32], memory: &mut [f32]) {
    let (mut layers, mut memory) = (model.layers(), Memory::new(model, memory));
    let (z, back) = encode(model, &mut layers, x, front, back, memory.logvar);
    copy(z, memory.mu);
    copy(x, memory.x);
    if cfg!(feature = "neighbours")
        && let Ok(steps) = bytemuck::try_cast_slice_mut(memory.steps)
    {
        round_to_steps(x, steps);
    }
    if model.needs().sampled {
        average_over_draws(model, &layers, x, z, back, &mut memory);
    }
    decode(model, layers, x, z, back, memory.x_logvar);
}

/// Leaves `mu` at the front of the first buffer it returns, the log variance in `logvar` unless that is empty, and the
/// layers of the decoder in `layers`.
///
/// Layers write to `front` and `back` in turn; they are returned in the order that they then have.
fn encode<'b>(
    model: &Model<'_>,
    layers: &mut Layers<'_>,
    x: &[f32],
    mut front: &'b mut [f32],
    mut back: &'b mut [f32],
    logvar: &mut [f32],
) -> (&'b mut [f32], &'b mut [f32]) {
    let mut width = None;
    for left in (0..model.header().encoder_layers).rev() {
        let Some(layer) = layers.next() else { break };
        let input = width.map_or(Some(x), |width| front.get(..width)).unwrap_or_default();
        if left == 0 {
            log_variance(|| model.encoder_logvar(), input, logvar, (-LOGVAR_LIMIT, LOGVAR_LIMIT));
        }
        layer.forward(input, back);
        width = Some(layer.outputs());
        core::mem::swap(&mut front, &mut back);
    }
    (front, back)
}

/// `x -= x_hat(z)`, `z` at the front of `front`; the last layer, which may be wider than both buffers, goes through `back`
/// a group of outputs at a time. The log variance of each feature goes to `x_logvar` unless that is empty.
fn decode<'b>(
    model: &Model<'_>,
    mut layers: Layers<'_>,
    x: &mut [f32],
    mut front: &'b mut [f32],
    mut back: &'b mut [f32],
    x_logvar: &mut [f32],
) {
    let mut width = model.latent();
    while let Some(layer) = layers.next() {
        let Some(input) = front.get(..width) else { return };
        if layers.len() == 0 {
            log_variance(|| model.decoder_logvar(), input, x_logvar, X_LOGVAR_BOUNDS);
            let mut others = layer;
            for x in x.chunks_mut(back.len().max(1)) {
                let group;
                (group, others) = others.split_at(x.len(), width);
                group.forward(input, back);
                for (x, x_hat) in x.iter_mut().zip(&*back) {
                    *x -= x_hat;
                    keep_rolled();
                }
            }
        } else {
            layer.forward(input, back);
            core::mem::swap(&mut front, &mut back);
        }
        width = layer.outputs();
    }
}

/// Nothing where no head asks for it, and then not even a look at the file.
fn log_variance<'a>(layer: impl Fn() -> Option<Dense<'a>>, input: &[f32], logvar: &mut [f32], bounds: (f32, f32)) {
    if logvar.is_empty() {
        return;
    }
    if let Some(layer) = layer() {
        layer.forward(input, logvar);
        gaussian::clamp(logvar, bounds);
    }
}

/// `memory.sampled[i] = 1/L Σ_l nll(x_i | z_l)` with `z_l = mu + eps_l * σ`; leaves `x` and `z = mu` as they were.
fn average_over_draws(
    model: &Model<'_>,
    decoder: &Layers<'_>,
    x: &mut [f32],
    z: &mut [f32],
    back: &mut [f32],
    memory: &mut Memory<&mut [f32]>,
) {
    let heads = model.heads().filter_map(|(head, _)| head);
    let Some(noise) = heads.filter_map(|head| noise(&head)).next() else { return };
    for (sigma, logvar) in memory.sigma.iter_mut().zip(memory.logvar.iter()) {
        *sigma = libm::expf(0.5 * logvar);
    }
    memory.sampled.fill(0.0);
    let latent = NonZeroUsize::new(model.latent()).unwrap_or(NonZeroUsize::MIN);
    let draws = noise.len() / latent;
    for eps in noise.chunks_exact(latent.get()) {
        let posterior = memory.mu.iter().zip(memory.sigma.iter());
        for ((z, eps), (mu, sigma)) in z.iter_mut().zip(eps).zip(posterior) {
            *z = mu + eps * sigma;
        }
        copy(memory.x, x);
        decode(model, decoder.clone(), x, z, back, memory.x_logvar);
        let logvar = if memory.x_logvar.is_empty() { model.feature_logvar() } else { &*memory.x_logvar };
        let drawn = Representation { residual: x, x_logvar: logvar, ..Representation::default() };
        for (feature, sum) in memory.sampled.iter_mut().enumerate() {
            *sum += gaussian::nll_of(&drawn, feature);
        }
    }
    for sum in memory.sampled.iter_mut() {
        *sum /= draws as f32;
    }
    copy(memory.x, x);
    copy(memory.mu, z);
}

/// The noise table of the head that has one.
fn noise<'a>(head: &AnyHead<'a>) -> Option<&'a [f32]> {
    match head {
        #[cfg(feature = "reconstruction-probability")]
        AnyHead::ReconstructionProbability(head) => Some(head.noise()),
        #[allow(unreachable_patterns, reason = "reachable when another head is compiled in")]
        _ => None,
    }
}

/// `Σ_i x_i²`, in the order of `i`.
pub(crate) fn sum_of_squares(x: &[f32]) -> f32 {
    let mut sum = 0.0;
    for x in x {
        sum += x * x;
        keep_rolled();
    }
    sum
}

/// Copies as many numbers as the shorter slice has.
fn copy(from: &[f32], to: &mut [f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}
