//! The training loop: shuffled batches, annealed beta, Adam, early stopping, reproducible from one seed.

pub(crate) mod adam;
mod checkpoint;
pub(crate) mod engine;
pub(crate) mod epoch;
mod error;
pub(crate) mod forward;
pub mod loss;
pub mod measure;
mod members;
pub(crate) mod state;
pub mod vae;
pub(crate) mod windows;

use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::time::Instant;

use crate::fit::vae::{Shape, Vae};
use crate::options::Engine;
use crate::options::beta::BetaSchedule;
use crate::options::likelihood::negative_log_likelihood;
use checkpoint::Next;
pub use checkpoint::{Checkpoint, Checkpoints};
pub(crate) use engine::simd::{Kernel, Level, Sums};
use epoch::{Averages, epoch};
pub use error::FitError;
use forward::Forward;
use state::TrainingState;
use windows::InMemory;
pub use windows::Windows;

/// A latent counts as active when its KL divergence exceeds this, in nats, averaged over the training rows.
///
/// A collapsed latent has `mu = 0` and `logvar = 0` for every row, up to the jitter of the last Adam steps, which leaves
/// about 1e-4 nats; a latent that tells two halves of the data apart carries several tenths. 0.01 is the usual line
/// between (Burda et al. 2016, arXiv:1509.00519, put it at a variance of mu of 0.01, half as much in nats).
pub const ACTIVE_KL: f64 = 0.01;

/// Everything that determines a fit, apart from the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct FitOptions {
    /// What takes the steps.
    pub engine: Engine,
    /// Sizes of the network.
    pub shape: Shape,
    /// Passes over the training rows.
    pub epochs: usize,
    /// Rows in a batch; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Adam's step size.
    pub learning_rate: f32,
    /// The full weight of the KL term.
    pub beta: f32,
    /// How the weight of the KL term gets there.
    pub schedule: BetaSchedule,
    /// Standard deviation of Gaussian noise added to the rows before they are encoded, not to what they are reconstructed
    /// to, in scaled units; 0: none.
    pub input_noise: f32,
    /// Networks that are fitted one after the other from seeds of their own and joined to one.
    pub members: usize,
    /// Stop after so many epochs at the full beta without a new minimum of the validation objective.
    pub patience: Option<usize>,
    /// Determines initial weights, order of rows and noise.
    pub seed: u64,
    /// Worker threads; the result does not depend on it.
    pub threads: usize,
}

/// The averages of one epoch, over its rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counts from 1.
    pub epoch: usize,
    /// Weight of the KL term in this epoch.
    pub beta: f32,
    /// Negative log-likelihood less its constant ([`Likelihood`](crate::options::likelihood::Likelihood)), summed over features,
    /// with sampled `z`: half the squared error where the variance is 1.
    pub reconstruction_loss: f64,
    /// KL summed over latents, nats.
    pub kl: f64,
    /// `reconstruction_loss + beta * kl`.
    pub objective: f64,
    /// The objective of the validation rows at the full beta and `z = mu`, after the epoch.
    pub validation_objective: Option<f64>,
    /// Wall time of the epoch, validation included.
    pub seconds: f64,
}

/// Why a fit ended before its last epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stopped {
    /// The validation objective did not fall for `patience` epochs.
    Patience,
    /// `on_epoch` asked for it.
    Interrupted,
}

/// A fitted network and how it came about.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The network, with the weights of `best_epoch`.
    pub vae: Vae,
    /// One record for each epoch completed.
    pub history: Vec<EpochRecord>,
    /// KL of each latent in nats, averaged over the training rows, of the final network; active above [`ACTIVE_KL`].
    pub kl_per_latent: Vec<f64>,
    /// The epoch (from 1) whose weights were kept: the last one, or with `patience` the one of the smallest validation
    /// objective; of several members the latest.
    pub best_epoch: usize,
    /// Why the fit ended early, if it did.
    pub stopped: Option<Stopped>,
}

impl Fit {
    /// The number of latents whose KL exceeds [`ACTIVE_KL`].
    pub fn active_latents(&self) -> usize {
        self.kl_per_latent.iter().filter(|&&kl| kl > ACTIVE_KL).count()
    }
}

impl FitOptions {
    fn check(&self, train: &ArrayView2<f32>, validation: Option<&ArrayView2<f32>>) -> Result<(), FitError> {
        self.shape.check()?;
        self.schedule.check(self.epochs)?;
        for (option, found) in [
            ("epochs", self.epochs),
            ("batch size", self.batch_size),
            ("members", self.members),
            ("threads", self.threads),
        ] {
            if found == 0 {
                return Err(FitError::Option { option, found: 0.0, expected: "at least 1" });
            }
        }
        if self.patience == Some(0) {
            return Err(FitError::Option { option: "patience", found: 0.0, expected: "at least 1" });
        }
        let rate = self.learning_rate;
        if !(rate.is_finite() && rate > 0.0) {
            let found = rate.into();
            return Err(FitError::Option { option: "learning rate", found, expected: "a positive number" });
        }
        if !(self.beta.is_finite() && self.beta >= 0.0) {
            let found = self.beta.into();
            return Err(FitError::Option { option: "beta", found, expected: "0 or a positive number" });
        }
        if !(self.input_noise.is_finite() && self.input_noise >= 0.0) {
            let found = self.input_noise.into();
            return Err(FitError::Option { option: "input noise", found, expected: "0 or a positive number" });
        }
        if self.patience.is_some() && validation.is_none() {
            return Err(FitError::NoValidation);
        }
        for (rows, part) in [("training", Some(train)), ("validation", validation)] {
            let Some(part) = part else { continue };
            if part.nrows() == 0 {
                return Err(FitError::NoRows(rows));
            }
            if part.ncols() != self.shape.inputs {
                return Err(FitError::Columns { rows, found: part.ncols(), expected: self.shape.inputs });
            }
        }
        Ok(())
    }
}

/// Fits a network to the training rows.
///
/// Minimizes `reconstruction_loss + beta * kl`: the negative log-likelihood summed over features, less its constant,
/// plus beta times the KL divergence summed over latents, both averaged over the batch; at beta 1 the negative ELBO.
/// `on_epoch` sees every epoch as it ends and may end the fit with `ControlFlow::Break`. The same rows and options give
/// the same bits, whatever `threads` is.
///
/// # Shapes
/// - `train`, `validation`: `[ROWS, IN]`, scaled
///
/// # Errors
/// [`FitError`]: options out of range or rows that do not match the network, before anything is computed;
/// [`FitError::NonFinite`] when the objective becomes NaN or infinite.
///
/// # Source
/// Kingma & Welling 2013 (arXiv:1312.6114), algorithm 1; beta: Higgins et al. 2017.
pub fn fit(
    train: ArrayView2<f32>,
    validation: Option<ArrayView2<f32>>,
    options: &FitOptions,
    on_epoch: &mut dyn FnMut(&EpochRecord) -> ControlFlow<()>,
) -> Result<Fit, FitError> {
    let train = train.as_standard_layout();
    fit_from(&mut Checkpoints::none(), &mut InMemory(train.view()), validation, options, on_epoch)
}

/// [`fit`] from a checkpoint, with checkpoints on the way, of rows that come window by window. A run of several fits hands
/// the same `checkpoints` to each.
///
/// The same objective and the same steps, on rows that are shuffled within their window; one window of all rows gives the
/// bits of [`fit`], and so does a fit that goes on from a checkpoint.
///
/// # Errors
/// As [`fit`]; [`FitError::Source`]; [`FitError::OtherRun`] for a checkpoint of other rows or options,
/// [`FitError::DamagedCheckpoint`] for one whose parts do not fit the network; [`FitError::Checkpoint`] when one cannot be
/// saved.
pub fn fit_from(
    checkpoints: &mut Checkpoints<'_>,
    windows: &mut dyn Windows,
    validation: Option<ArrayView2<f32>>,
    options: &FitOptions,
    on_epoch: &mut dyn FnMut(&EpochRecord) -> ControlFlow<()>,
) -> Result<Fit, FitError> {
    options.check(&windows.sample(), validation.as_ref())?;
    checkpoints.begin(windows, validation, options)?;
    let mut fits = Vec::with_capacity(options.members);
    for member in 0..options.members {
        let own = FitOptions { seed: members::seed(options.seed, member), ..options.clone() };
        let (state, history) = match checkpoints.next(&own) {
            Next::Complete(fit) => {
                fits.push(*fit);
                continue;
            }
            Next::From(state, history) => (state, history),
            Next::New => (TrainingState::new(&own.shape, own.seed), Vec::new()),
        };
        let fit = fit_member(state, history, checkpoints, windows, validation, &own, on_epoch)?;
        let interrupted = fit.stopped == Some(Stopped::Interrupted);
        if !interrupted {
            checkpoints.complete(&fit);
        }
        fits.push(fit);
        if interrupted {
            break;
        }
    }
    Ok(Fit::join(&options.shape, fits))
}

/// Fits one network, from a state that some epochs have left.
fn fit_member(
    mut state: TrainingState,
    mut history: Vec<EpochRecord>,
    checkpoints: &mut Checkpoints<'_>,
    windows: &mut dyn Windows,
    validation: Option<ArrayView2<f32>>,
    options: &FitOptions,
    on_epoch: &mut dyn FnMut(&EpochRecord) -> ControlFlow<()>,
) -> Result<Fit, FitError> {
    let workers = workers(options.threads)?;
    let batch = options.batch_size.min(windows.rows());
    let mut steps = engine::stepper(options, batch);

    let mut stopped = None;
    while state.epochs < options.epochs && stopped.is_none() {
        let start = Instant::now();
        let beta = options.schedule.at(options.beta, state.epochs, options.epochs);
        let terms = workers.install(|| epoch(steps.as_mut(), windows, &mut state, options, beta))?;
        let Averages { reconstruction_loss, kl } = terms;
        let validation_objective = validation.as_ref().map(|rows| {
            let vae = Vae::from_parameters(options.shape.clone(), &state.parameters);
            workers.install(|| objective_at_mu(&vae, *rows, options.beta))
        });
        if let (Some(objective), Some(patience)) = (validation_objective, options.patience)
            && state.watch(objective, beta >= options.beta, patience)
        {
            stopped = Some(Stopped::Patience);
        }
        let record = EpochRecord {
            epoch: state.epochs,
            beta,
            reconstruction_loss,
            kl,
            objective: reconstruction_loss + f64::from(beta) * kl,
            validation_objective,
            seconds: start.elapsed().as_secs_f64(),
        };
        if on_epoch(&record).is_break() {
            stopped = Some(Stopped::Interrupted);
        }
        history.push(record);
        if stopped.is_none() {
            checkpoints.save(&state, &history)?;
        }
    }

    let (parameters, best_epoch) = match state.best {
        Some(best) => (best.parameters, best.epoch),
        None => (state.parameters, state.epochs),
    };
    let vae = Vae::from_parameters(options.shape.clone(), &parameters);
    let sample = windows.sample();
    let kl_per_latent = workers.install(|| kl_per_latent(&vae, sample));
    Ok(Fit { vae, history, kl_per_latent, best_epoch, stopped })
}

/// The threads that dfdx and the steps run on. Outside of them dfdx would start one for each core.
///
/// # Errors
/// [`FitError::Threads`].
pub(crate) fn workers(threads: usize) -> Result<rayon::ThreadPool, FitError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| FitError::Threads { threads, reason: error.to_string() })
}

/// Rows that are looked at together after a fit: what the network makes of all of them may be larger than they are, and
/// threads share them.
const CHUNK: usize = 1024;

/// KL of one latent of one row in nats: `-0.5 * (1 + logvar - mu² - exp(logvar))`.
pub(crate) fn kl_term(mu: f32, logvar: f32) -> f64 {
    let (mu, logvar) = (f64::from(mu), f64::from(logvar));
    -0.5 * (1.0 + logvar - mu * mu - libm::exp(logvar))
}

/// KL of each latent in nats, averaged over the rows, in f64.
fn kl_per_latent(vae: &Vae, rows: ArrayView2<f32>) -> Vec<f64> {
    let forward = Forward::new(vae);
    let mut sums = vec![-0.0; vae.shape().latent];
    for rows in rows.axis_chunks_iter(Axis(0), 16 * CHUNK) {
        let chunks: Vec<_> = rows.axis_chunks_iter(Axis(0), CHUNK).collect();
        // Added row by row, whoever has encoded them.
        let encoded: Vec<_> = chunks.into_par_iter().map(|rows| forward.encode(rows)).collect();
        for (mu, logvar) in &encoded {
            for (mu, logvar) in mu.rows().into_iter().zip(logvar.rows()) {
                sums.iter_mut().zip(mu).zip(logvar).for_each(|((sum, &mu), &logvar)| *sum += kl_term(mu, logvar));
            }
        }
    }
    sums.into_iter().map(|sum: f64| sum / rows.nrows() as f64).collect()
}

/// The objective of rows at `z = mu`, without noise, in f64.
fn objective_at_mu(vae: &Vae, rows: ArrayView2<f32>, beta: f32) -> f64 {
    let forward = Forward::new(vae);
    let loss = rows.axis_chunks_iter(Axis(0), CHUNK).fold(-0.0, |sum, rows| {
        let (x_hat, logvar) = forward.decode(forward.encode(rows).0.view());
        let terms = x_hat.iter().zip(rows).zip(&logvar);
        terms.fold(sum, |sum, ((&x_hat, &x), &logvar)| sum + negative_log_likelihood(x_hat, x, logvar))
    });
    let kl: f64 = kl_per_latent(vae, rows).iter().sum();
    loss / rows.nrows() as f64 + f64::from(beta) * kl
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
