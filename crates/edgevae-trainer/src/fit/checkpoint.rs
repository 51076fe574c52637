//! A fit between two epochs, to be continued: what it takes to get the bits of the run that was never interrupted.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::state::TrainingState;
use super::{EpochRecord, Fit, FitError, FitOptions, Stopped, Windows};
use crate::base::fingerprint::Fingerprint;
use crate::fit::vae::Vae;

/// The networks of a run that are complete, and of the next one weights, Adam's moments, the place in the schedules (the
/// epoch), what early stopping remembers, and the history.
///
/// Random numbers need no state: every epoch starts streams of its own from the seed and its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    run: u64,
    networks: Vec<Network>,
    state: TrainingState,
    history: Vec<EpochRecord>,
}

/// A network of the run that needs no more epoch: one member, of the fit that rows are left out by or of the last one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Network {
    parameters: Vec<f32>,
    history: Vec<EpochRecord>,
    kl_per_latent: Vec<f64>,
    best_epoch: usize,
    stopped: Option<Stopped>,
}

impl Checkpoint {
    /// Networks that are complete.
    pub fn networks(&self) -> usize {
        self.networks.len()
    }

    /// Epochs of the next network that are complete.
    pub fn epochs(&self) -> usize {
        self.state.epochs
    }

    /// Checks that every part has the size that these options give it: a checksum says that nothing was altered by chance,
    /// not who wrote it.
    fn check(&self, options: &FitOptions) -> Result<(), FitError> {
        let same = |part, found: usize, expected: usize| {
            if found == expected { Ok(()) } else { Err(FitError::DamagedCheckpoint { part, found, expected }) }
        };
        let at_most = |part, found: usize, expected| same(part, found, found.min(expected));
        let history = |history: &[EpochRecord]| {
            at_most("epochs in a history", history.len(), options.epochs)?;
            let misplaced = history.iter().zip(1..).find(|(record, epoch)| record.epoch != *epoch);
            misplaced.map_or(Ok(()), |(record, epoch)| same("as number of an epoch", record.epoch, epoch))
        };
        let parameters = options.shape.parameters();
        for network in &self.networks {
            same("weights of a complete network", network.parameters.len(), parameters)?;
            same("latents of a complete network", network.kl_per_latent.len(), options.shape.latent)?;
            history(&network.history)?;
            at_most("as best epoch", network.best_epoch, network.history.len())?;
        }
        let TrainingState { adam, best, epochs, waited, .. } = &self.state;
        same("weights", self.state.parameters.len(), parameters)?;
        let (first, second) = adam.sizes();
        same("first moments", first, parameters)?;
        same("second moments", second, parameters)?;
        history(&self.history)?;
        same("complete epochs", *epochs, self.history.len())?;
        if let Some(best) = best {
            same("best weights", best.parameters.len(), parameters)?;
            at_most("as best epoch", best.epoch, *epochs)?;
        }
        at_most("epochs without a better objective", *waited, *epochs)
    }
}

/// Where a run starts and where it leaves its checkpoints: one for all its fits, which take it one after the other.
pub struct Checkpoints<'a> {
    from: Option<Checkpoint>,
    every: usize,
    save: Box<Save<'a>>,
    data: u64,
    /// Of the run, once its first fit has begun.
    run: Option<u64>,
    /// Complete ones, in the order of their fits: those of the checkpoint, then those of this process.
    networks: Vec<Network>,
    /// How many of them the fits have come to.
    taken: usize,
}

/// Stores a checkpoint, or says why not.
type Save<'a> = dyn FnMut(&Checkpoint) -> Result<(), String> + 'a;

/// How the next network of a run comes about.
pub(super) enum Next {
    /// It is complete.
    Complete(Box<Fit>),
    /// It goes on from here.
    From(TrainingState, Vec<EpochRecord>),
    /// Nothing of it is there.
    New,
}

impl<'a> Checkpoints<'a> {
    /// None are saved, and the run starts at its first epoch.
    pub fn none() -> Self {
        Self::new(None, 0, |_| Ok(()))
    }

    /// Continues at `from` instead of at the first epoch, and calls `save` after every so many epochs of each network (0:
    /// never); a message of `save` ends the fit.
    pub fn new(
        from: Option<Checkpoint>,
        every: usize,
        save: impl FnMut(&Checkpoint) -> Result<(), String> + 'a,
    ) -> Self {
        Self { from, every, save: Box::new(save), data: 0, run: None, networks: Vec::new(), taken: 0 }
    }

    /// Whether there is one to go on from or any to save: only then are fingerprints worth their time.
    pub(crate) fn are_used(&self) -> bool {
        self.from.is_some() || self.every > 0
    }

    /// With the fingerprint of what the rows of the fits are made of, beyond what the fits see of it.
    pub(crate) fn of_data(self, data: u64) -> Self {
        Self { data, ..self }
    }

    /// Begins a fit; the first one of a run holds the checkpoint to its rows and options.
    pub(super) fn begin(
        &mut self,
        windows: &dyn Windows,
        validation: Option<ArrayView2<f32>>,
        options: &FitOptions,
    ) -> Result<(), FitError> {
        if self.run.is_some() || !self.are_used() {
            return Ok(());
        }
        let run = fingerprint(self.data, windows, validation, options);
        self.run = Some(run);
        let Some(from) = &mut self.from else { return Ok(()) };
        if from.run != run {
            return Err(FitError::OtherRun);
        }
        from.check(options)?;
        self.networks = std::mem::take(&mut from.networks);
        Ok(())
    }

    /// The next network of the run.
    pub(super) fn next(&mut self, options: &FitOptions) -> Next {
        if let Some(network) = self.networks.get(self.taken) {
            self.taken += 1;
            let Network { parameters, history, kl_per_latent, best_epoch, stopped } = network.clone();
            let vae = Vae::from_parameters(options.shape.clone(), &parameters);
            return Next::Complete(Box::new(Fit { vae, history, kl_per_latent, best_epoch, stopped }));
        }
        self.from.take().map_or(Next::New, |from| Next::From(from.state, from.history))
    }

    /// Takes a network that is complete into the checkpoints to come.
    pub(super) fn complete(&mut self, fit: &Fit) {
        if !self.are_used() {
            return;
        }
        let Fit { vae, history, kl_per_latent, best_epoch, stopped } = fit.clone();
        let parameters = vae.parameters().as_vec();
        self.networks.push(Network { parameters, history, kl_per_latent, best_epoch, stopped });
        self.taken += 1;
    }

    /// Saves a checkpoint, if it is time for one.
    pub(super) fn save(&mut self, state: &TrainingState, history: &[EpochRecord]) -> Result<(), FitError> {
        let (Some(run), Some(0)) = (self.run, state.epochs.checked_rem(self.every)) else { return Ok(()) };
        let (networks, state, history) = (self.networks.clone(), state.clone(), history.to_vec());
        (self.save)(&Checkpoint { run, networks, state, history }).map_err(FitError::Checkpoint)
    }
}

/// What the result of a run depends on, in 64 bits: data, options without the number of threads, and the rows of the first
/// fit (of a stream their number and a sample).
fn fingerprint(data: u64, windows: &dyn Windows, validation: Option<ArrayView2<f32>>, options: &FitOptions) -> u64 {
    let mut fingerprint = Fingerprint::default();
    fingerprint.number(data);
    fingerprint.text(&format!("{:?}", FitOptions { threads: 0, ..options.clone() }));
    fingerprint.number(windows.rows() as u64);
    for rows in [Some(windows.sample()), validation].into_iter().flatten() {
        fingerprint.text(&format!("{:?}", rows.shape()));
        fingerprint.cells(rows);
    }
    fingerprint.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::adam::Adam;
    use crate::fit::state::Best;
    use crate::fit::vae::Shape;
    use crate::fit::windows::InMemory;
    use crate::fit::{BetaSchedule, fit_from};
    use crate::options::likelihood::Likelihood;
    use ndarray::Array2;
    use std::ops::ControlFlow;

    #[test]
    fn parts_that_do_not_fit_the_network_are_refused_whatever_the_checksum_says() {
        let rows = Array2::from_shape_fn((40, 2), |(i, j)| ((3 * i + j) % 7) as f32 - 3.0);
        let shape = Shape { inputs: 2, hidden: vec![3], latent: 1, likelihood: Likelihood::Mse };
        let options = FitOptions {
            engine: crate::options::Engine::Simd,
            shape,
            epochs: 3,
            batch_size: 8,
            learning_rate: 1e-3,
            beta: 1.0,
            schedule: BetaSchedule::Constant,
            input_noise: 0.0,
            members: 2,
            patience: Some(3),
            seed: 0,
            threads: 1,
        };
        let run = |from: Option<Checkpoint>| {
            let mut saved = Vec::new();
            let mut checkpoints = Checkpoints::new(from, 1, |checkpoint| {
                saved.push(checkpoint.clone());
                Ok(())
            });
            let go_on = &mut |_: &EpochRecord| ControlFlow::Continue(());
            let mut windows = InMemory(rows.view());
            let fit = fit_from(&mut checkpoints, &mut windows, Some(rows.view()), &options, go_on);
            drop(checkpoints);
            fit.map(|_| saved)
        };
        let saved = run(None).unwrap();
        let whole = &saved[4];
        assert_eq!((whole.networks(), whole.epochs(), run(Some(whole.clone())).unwrap().len()), (1, 2, 1));

        type Break = fn(&mut Checkpoint);
        let broken: [(&str, Break); 15] = [
            ("weights", |c| c.state.parameters.truncate(5)),
            ("first moments", |c| c.state.adam = Adam::new(c.state.parameters.len() - 5)),
            ("best weights", |c| c.state.best.as_mut().unwrap().parameters.push(0.0)),
            ("as best epoch", |c| c.state.best.as_mut().unwrap().epoch = 3),
            ("complete epochs", |c| c.state.epochs = usize::MAX),
            ("complete epochs", |c| c.state.epochs = 1),
            ("complete epochs", |c| (c.state.epochs, c.state.best) = (0, None::<Best>)),
            ("epochs in a history", |c| c.history.extend(c.history.clone())),
            ("as number of an epoch", |c| c.history[1].epoch = 9),
            ("epochs without a better", |c| c.state.waited = usize::MAX),
            ("weights of a complete", |c| c.networks[0].parameters.truncate(1)),
            ("latents of a complete", |c| c.networks[0].kl_per_latent.clear()),
            ("epochs in a history", |c| c.networks[0].history.extend(c.history.clone())),
            ("as number of an epoch", |c| c.networks[0].history.rotate_left(1)),
            ("as best epoch", |c| c.networks[0].best_epoch = 4),
        ];
        for (part, break_it) in broken {
            let mut checkpoint = whole.clone();
            break_it(&mut checkpoint);
            let error = run(Some(checkpoint)).unwrap_err();
            assert!(
                matches!(error, FitError::DamagedCheckpoint { part: found, .. } if found.starts_with(part)),
                "{part}: {error}"
            );
        }
    }
}
