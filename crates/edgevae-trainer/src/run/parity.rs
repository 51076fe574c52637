//! Does the exported model compute what was trained?
//!
//! The network is dfdx's own, in `f32`; what the heads make of its outputs is worked out here in float64.

use edgevae_core::format::HeadKind;
use edgevae_core::head::tail::Tail;
use edgevae_core::head::{AnyHead, Head as _, Representation};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::TrainError;
use crate::export::model_file::ModelFile;
use crate::fit::vae::Vae;
use crate::heads::FittedHead;
use crate::options::likelihood::negative_log_likelihood;
use crate::prepare::scaler::Scaler;
use crate::score;

/// Largest difference between the network as trained (dfdx) and as exported (the core), relative to the score or the
/// threshold, whichever is larger; for a score in nats also half a nat for each feature. Both work in `f32` and add in
/// another order: a few 1e-6 are usual.
///
/// The threshold bounds the ratio from below because a row that is reconstructed almost perfectly has a score that is
/// all rounding, in either of them; a log-likelihood may be 0 while its terms are not. Where every row is so, as in a
/// constant file, the threshold is rounding too: what the rounding of the network's outputs (1e-5)
/// makes of a score is allowed as well.
pub const PARITY_LIMIT: f64 = 1e-4;

/// What the order of additions may change of an output of the network, for rows whose scaled values are near 1: some
/// hundred units in the last place. The layers are linear pieces, so it grows with the largest value of a row.
const ROUNDING: f64 = 1e-5;

/// Rows that a score over draws is compared on: each costs a pass of the decoder for each draw.
const SAMPLED_ROWS: usize = 500;

/// Scores rows with both and returns the largest relative difference and of how many rows it is: those whose difference is
/// the step of a tail, allowed for the rounding before it, have no relative difference that means anything.
///
/// # Shapes
/// `raw`: `[ROWS, IN]` in raw units; `indices`: their places in the data set, for the message.
///
/// # Errors
/// [`TrainError::Parity`] above [`PARITY_LIMIT`].
pub(super) fn compare(
    model: &ModelFile,
    heads: &[FittedHead],
    network: &Vae,
    scaler: &Scaler,
    raw: ArrayView2<'_, f32>,
    indices: &[usize],
) -> Result<(f64, usize), TrainError> {
    let sampled = heads.iter().any(|head| head.kind.needs().sampled);
    let rows = if sampled { indices.len().min(SAMPLED_ROWS) } else { indices.len() };
    let (raw, indices) = (raw.slice(ndarray::s![..rows, ..]), &indices[..rows]);
    let threshold = f64::from(model.model()?.threshold()).abs();
    let core = score::score_rows(model, raw, indices)?;
    let scaled = scaler.transform(raw);
    let reference = Reference::new(network, scaled.view());
    let by_head: Vec<Vec<Expected>> = heads.iter().map(|head| reference.scores(head)).collect();
    let (mut largest, mut compared) = (0.0_f64, 0);
    for (row, (&core, &index)) in core.iter().zip(indices).enumerate() {
        // A tail may be as steep as a step: a difference within the limit before it may be any difference after it.
        let (mut exact, mut low, mut high, mut scale) = (0.0, 0.0, 0.0, threshold);
        for (head, expected) in heads.iter().zip(&by_head) {
            let Expected { score, rounding } = expected[row];
            let floor = if head.kind.needs().x_logvar { 0.5 * scaled.ncols() as f64 } else { 0.0 };
            let alone = score.abs().max(if heads.len() == 1 { threshold } else { 0.0 }).max(floor);
            let slack = rounding.max(PARITY_LIMIT * alone);
            let on_footing = |score: f64| match Tail::new(&head.tail) {
                Some(tail) => f64::from(tail.surprise(score as f32)),
                None => score,
            };
            exact += on_footing(score) / heads.len() as f64;
            low += on_footing(score - slack) / heads.len() as f64;
            high += on_footing(score + slack) / heads.len() as f64;
            scale = scale.max(floor);
        }
        let relative = (f64::from(core) - exact).abs() / exact.abs().max(scale);
        let inside = (low..=high).contains(&f64::from(core));
        if relative.is_nan() || (relative > PARITY_LIMIT && !inside) {
            return Err(TrainError::Parity { row: index + 1, core, dfdx: exact as f32, relative });
        }
        if relative <= PARITY_LIMIT {
            largest = largest.max(relative);
            compared += 1;
        }
    }
    Ok((largest, compared))
}

/// A score by the network as trained.
struct Expected {
    score: f64,
    /// The most that [`ROUNDING`] of the network's outputs changes of it.
    rounding: f64,
}

/// What the network as trained makes of rows.
struct Reference<'a> {
    network: &'a Vae,
    x: ArrayView2<'a, f32>,
    mu: Array2<f32>,
    logvar: Array2<f32>,
    x_hat: Array2<f32>,
    x_logvar: Array2<f32>,
    /// [`ROUNDING`] for each row.
    rounding: Vec<f64>,
}

impl<'a> Reference<'a> {
    fn new(network: &'a Vae, x: ArrayView2<'a, f32>) -> Self {
        let (mu, logvar) = network.encode(x);
        let (x_hat, x_logvar) = network.decode(mu.view());
        let rounding = x.rows().into_iter().map(|row| {
            let largest = row.iter().fold(1.0_f32, |largest, x| largest.max(x.abs()));
            ROUNDING * f64::from(largest)
        });
        Self { network, x, mu, logvar, x_hat, x_logvar, rounding: rounding.collect() }
    }

    /// Raw scores by one head, `[ROWS]`.
    fn scores(&self, head: &FittedHead) -> Vec<Expected> {
        match head.kind {
            HeadKind::Mse => self.by_row(|row| {
                let pairs = self.x.row(row).into_iter().zip(self.x_hat.row(row));
                let score = pairs.map(|(x, x_hat)| f64::from(x - x_hat).powi(2)).sum::<f64>() / self.x.ncols() as f64;
                // The mean error is at most the root of the mean squared one.
                let rounding = self.rounding[row];
                Expected { score, rounding: (2.0 * score.sqrt() + rounding) * rounding }
            }),
            HeadKind::Nll => self.by_row(|row| self.nll(row, &self.x_hat, &self.x_logvar)),
            HeadKind::Elbo => self.by_row(|row| {
                let nll = self.nll(row, &self.x_hat, &self.x_logvar);
                let kl = self.kl(row);
                Expected { score: nll.score + kl.score, rounding: nll.rounding + kl.rounding }
            }),
            HeadKind::Mahalanobis => {
                let gain = triangle_gain(&head.parameters, self.mu.ncols());
                self.by_row(|row| Expected {
                    score: mahalanobis(&head.parameters, self.mu.row(row)),
                    rounding: gain * self.rounding[row],
                })
            }
            HeadKind::JointMahalanobis { full } => {
                let length = self.x.ncols() + self.mu.ncols();
                let gain = if full {
                    triangle_gain(&head.parameters, length)
                } else {
                    head.parameters[length..].iter().map(|w| f64::from(*w).powi(2)).sum::<f64>().sqrt()
                };
                self.by_row(|row| {
                    let residual = self.x.row(row).into_iter().zip(self.x_hat.row(row)).map(|(x, x_hat)| x - x_hat);
                    let joint: Array1<f32> = residual.chain(self.mu.row(row).iter().copied()).collect();
                    let score = if full {
                        mahalanobis(&head.parameters, joint.view())
                    } else {
                        diagonal(&head.parameters, &joint)
                    };
                    Expected { score, rounding: gain * self.rounding[row] }
                })
            }
            HeadKind::Neighbours { rows, nearest } => {
                let bytes: Vec<i8> =
                    head.packed.iter().flat_map(|word| word.to_le_bytes()).map(|byte| byte as i8).collect();
                let stored = &bytes[..usize::from(rows) * self.x.ncols()];
                // Where nothing is clipped, the head holds a row within what a stored byte can be.
                let held = self.x.mapv(|x| edgevae_core::clip(x, 8.0));
                self.by_row(|row| Expected {
                    score: neighbours(stored, usize::from(nearest), held.row(row)),
                    rounding: 0.0,
                })
            }
            HeadKind::Histogram { .. } | HeadKind::Isolation { .. } => self.by_core(head),
            HeadKind::ReconstructionProbability { draws } => {
                let mut sums: Vec<Expected> = self.by_row(|_| Expected { score: 0.0, rounding: 0.0 });
                for eps in head.parameters.chunks_exact(self.mu.ncols()) {
                    let z = Array2::from_shape_fn(self.mu.raw_dim(), |(row, j)| {
                        self.mu[[row, j]] + eps[j] * (0.5 * self.logvar[[row, j]]).exp()
                    });
                    let (x_hat, x_logvar) = self.network.decode(z.view());
                    for (row, sum) in sums.iter_mut().enumerate() {
                        let nll = self.nll(row, &x_hat, &x_logvar);
                        sum.score += nll.score / f64::from(draws);
                        sum.rounding += nll.rounding / f64::from(draws);
                    }
                }
                sums
            }
        }
    }

    /// Heads that read the scaled row and nothing of the network, in whole numbers or by look-up: there is nothing to
    /// compare.
    fn by_core(&self, head: &FittedHead) -> Vec<Expected> {
        let packed: Vec<f32> = head.packed.iter().map(|&word| f32::from_bits(word)).collect();
        self.by_row(|row| {
            let x = self.x.row(row).to_vec();
            let representation = Representation { x: &x, ..Representation::default() };
            let head = AnyHead::new(head.kind, x.len(), 0, &head.parameters, &packed);
            let score = head.map_or(f64::NAN, |head| f64::from(head.score(&representation)));
            Expected { score, rounding: 0.0 }
        })
    }

    fn by_row(&self, score: impl Fn(usize) -> Expected) -> Vec<Expected> {
        (0..self.x.nrows()).map(score).collect()
    }

    /// Negative log-likelihood of a row with its constant, a density's.
    fn nll(&self, row: usize, x_hat: &Array2<f32>, x_logvar: &Array2<f32>) -> Expected {
        let constant = 0.5 * (2.0 * std::f64::consts::PI).ln() * self.x.ncols() as f64;
        let rounding = self.rounding[row];
        let mut expected = Expected { score: constant, rounding: 0.0 };
        for ((&x_hat, &x), &logvar) in x_hat.row(row).into_iter().zip(self.x.row(row)).zip(x_logvar.row(row)) {
            expected.score += negative_log_likelihood(x_hat, x, logvar);
            let (error, precision) = (f64::from(x - x_hat).abs(), (-f64::from(logvar)).exp());
            expected.rounding += (precision * error * (error / 2.0 + 1.0) + 0.5) * rounding;
        }
        expected
    }

    /// Divergence of a row's posterior from the prior.
    fn kl(&self, row: usize) -> Expected {
        let rounding = self.rounding[row];
        let mut expected = Expected { score: 0.0, rounding: 0.0 };
        for (&mu, &logvar) in self.mu.row(row).into_iter().zip(self.logvar.row(row)) {
            expected.score += crate::fit::kl_term(mu, logvar);
            expected.rounding += (f64::from(mu).abs() + 0.5 * (f64::from(logvar).exp() + 1.0)) * rounding;
        }
        expected
    }
}

/// The most that a change of 1 in each entry changes of [`mahalanobis`].
fn triangle_gain(parameters: &[f32], length: usize) -> f64 {
    let mut triangle = &parameters[length..];
    let mut squares = 0.0;
    for length in 1..=length {
        let (row, below) = triangle.split_at(length);
        squares += row.iter().map(|w| f64::from(w.abs())).sum::<f64>().powi(2);
        triangle = below;
    }
    squares.sqrt()
}

fn mahalanobis(parameters: &[f32], mu: ArrayView1<'_, f32>) -> f64 {
    let (mean, mut triangle) = parameters.split_at(mu.len());
    let centred: Vec<f64> = mu.iter().zip(mean).map(|(mu, mean)| f64::from(*mu) - f64::from(*mean)).collect();
    let mut squares = 0.0;
    for length in 1..=centred.len() {
        let (row, below) = triangle.split_at(length);
        squares += row.iter().zip(&centred).map(|(w, v)| f64::from(*w) * v).sum::<f64>().powi(2);
        triangle = below;
    }
    squares.sqrt()
}

/// As [`mahalanobis`], with the diagonal of the whitening matrix alone.
fn diagonal(parameters: &[f32], joint: &Array1<f32>) -> f64 {
    let (mean, whitening) = parameters.split_at(joint.len());
    let terms = joint.iter().zip(mean).zip(whitening);
    terms.map(|((v, mean), w)| (f64::from(*w) * (f64::from(*v) - f64::from(*mean))).powi(2)).sum::<f64>().sqrt()
}

/// Mean distance to the nearest stored rows, the row rounded to 1/64 as the core does.
fn neighbours(stored: &[i8], nearest: usize, x: ArrayView1<'_, f32>) -> f64 {
    let rounded: Vec<f64> = x.iter().map(|&x| (f64::from(x) * 64.0).round() / 64.0).collect();
    let distance =
        |row: &[i8]| row.iter().zip(&rounded).map(|(&q, x)| (x - f64::from(q) / 16.0).powi(2)).sum::<f64>().sqrt();
    let mut distances: Vec<f64> = stored.chunks_exact(rounded.len()).map(distance).collect();
    distances.select_nth_unstable_by(nearest - 1, f64::total_cmp);
    distances[..nearest].iter().sum::<f64>() / nearest as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Options, Score};
    use crate::run;
    use crate::table::Dataset;
    use edgevae_core::format::Missing;
    use std::ops::ControlFlow;

    #[test]
    fn a_model_that_is_not_the_network_is_refused_whatever_its_score() {
        let features = Array2::from_shape_fn((300, 3), |(row, column)| ((row * (column + 3)) % 17) as f32);
        let names = vec!["a".into(), "b".into(), "c".into()];
        let dataset = Dataset { names, features, ..Dataset::default() };
        for score in [Score::Mse, Score::Nll, Score::Elbo, Score::Mahalanobis, Score::JointMahalanobis, Score::Density]
        {
            let options =
                Options { score, test_fraction: 0.0, hidden: vec![4], latent: 2, epochs: 2, ..Options::default() };
            let fitted =
                run::Fitted::new(&dataset, Missing::Error, &options, &mut |_| ControlFlow::Continue(())).unwrap();
            let trained = fitted.finish(&options).unwrap();
            let heads = fitted.heads(&options).unwrap();
            let rows = &trained.fitted_rows;
            let raw = fitted.raw(rows);
            let parity = |vae: &Vae| compare(&trained.model, &heads, vae, &trained.scaler, raw.view(), rows);
            let vae = &trained.fit.vae;
            assert!(parity(vae).is_ok());
            // A weight of the head of mu, which every score of the network depends on.
            let mut parameters = vae.parameters().as_vec();
            let head_of_mu = vae.shape().layers()[1];
            parameters[head_of_mu.bias().start] += 0.01;
            let other = Vae::from_parameters(vae.shape().clone(), &parameters);
            assert!(matches!(parity(&other), Err(TrainError::Parity { .. })), "{score:?}: {:?}", parity(&other));
        }
    }

    #[test]
    fn a_file_that_does_not_score_as_the_model_that_was_tested_is_refused() {
        let features = Array2::from_shape_fn((300, 2), |(row, column)| ((row * (column + 3)) % 17) as f32);
        let dataset = Dataset { names: vec!["a".into(), "b".into()], features, ..Dataset::default() };
        let trained = |seed| {
            let options = Options { seed, hidden: vec![4], latent: 1, epochs: 2, ..Options::default() };
            run::train(&dataset, Missing::Error, &options, &mut |_| ControlFlow::Continue(())).unwrap()
        };
        let (one, other) = (trained(0), trained(1));
        assert!(run::check_written(&one.model, &dataset, &one).is_ok());
        let written = run::check_written(&other.model, &dataset, &one);
        assert!(matches!(written, Err(TrainError::Written { .. })), "{written:?}");
        let bytes = one.model.bytes();
        let cut = ModelFile::from_bytes(&bytes[..bytes.len() - 4]);
        assert!(matches!(run::check_written(&cut, &dataset, &one), Err(TrainError::Load(_))));
    }

    #[test]
    fn readings_beyond_what_a_stored_byte_can_be_are_the_same_to_both_without_a_clip() {
        // Of 400 rows one lies 19 standard deviations from the mean, some 11 beyond what the head can tell apart.
        let features = Array2::from_shape_fn((400, 2), |(row, column)| match row {
            7 => 400.0,
            row => ((row * (column + 3)) % 17) as f32,
        });
        let dataset = Dataset { names: vec!["a".into(), "b".into()], features, ..Dataset::default() };
        for score in [Score::Neighbours, Score::Density] {
            let options =
                Options { score, test_fraction: 0.0, hidden: vec![4], latent: 1, epochs: 2, ..Options::default() };
            assert_eq!(options.clip, None);
            let trained = run::train(&dataset, Missing::Error, &options, &mut |_| ControlFlow::Continue(())).unwrap();
            assert!(trained.fitted_rows.contains(&7), "the wild row is among those compared");
            assert!(trained.parity.0 <= PARITY_LIMIT && trained.parity.1 > 300, "{:?}", trained.parity);
        }
    }
}
