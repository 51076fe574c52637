//! A network fitted to rows of a data set, and what it makes of them.

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2, Axis};

use super::{TrainError, fit_options};
use crate::fit::forward::Forward;
use crate::fit::windows::InMemory;
use crate::fit::{self, Checkpoints, EpochRecord, Fit};
use crate::heads::Fitting;
use crate::options::{Options, Scaling};
use crate::prepare::divide::Rows;
use crate::prepare::scaler::{Scaler, ScalerError};
use crate::table::Dataset;

/// The network, its scaler, and the rows that it was fitted to.
pub(super) struct Network {
    pub scaler: Scaler,
    pub fit: Fit,
    /// The fitted rows, scaled and clipped, `[ROWS, IN]`.
    x: Array2<f32>,
    /// Their latent means, `[ROWS, LATENT]`.
    mu: Array2<f32>,
    /// What the network computes, it computes on these.
    pub workers: rayon::ThreadPool,
}

impl Network {
    /// Scales the rows to fit and fits the network.
    ///
    /// # Errors
    /// [`TrainError::EmptyColumn`], [`TrainError::Fit`].
    pub fn fit(
        checkpoints: &mut Checkpoints<'_>,
        dataset: &Dataset,
        rows: &Rows,
        options: &Options,
        on_epoch: &mut dyn FnMut(&EpochRecord) -> ControlFlow<()>,
    ) -> Result<Self, TrainError> {
        let raw = |indices: &[usize]| dataset.features.select(Axis(0), indices);
        let fit_raw = raw(&rows.fit);
        let scaler = match options.scaling {
            Scaling::Standard => Scaler::fit(fit_raw.view()),
            Scaling::Robust => Scaler::robust(fit_raw.view()),
        };
        let mut scaler = scaler
            .map_err(|ScalerError::NoValues { feature }| TrainError::EmptyColumn(dataset.names[feature].clone()))?;
        scaler.clip = options.clip;
        let validation = options.patience.map(|_| scaler.transform(raw(&rows.validation).view()));
        let x = scaler.transform(fit_raw.view());
        let validation = validation.as_ref().map(|rows| rows.view());
        let mut windows = InMemory(x.view());
        let fit = fit::fit_from(checkpoints, &mut windows, validation, &fit_options(dataset, options), on_epoch)?;
        Self::new(scaler, fit, x, options)
    }

    /// A network that was fitted to rows of which `x` are some or all.
    ///
    /// # Errors
    /// [`TrainError::Fit`] where its threads cannot be started.
    pub fn new(scaler: Scaler, fit: Fit, x: Array2<f32>, options: &Options) -> Result<Self, TrainError> {
        let workers = fit::workers(options.threads)?;
        let (mu, _) = workers.install(|| Forward::new(&fit.vae).encode(x.view()));
        Ok(Self { scaler, fit, x, mu, workers })
    }

    /// The fitted rows, scaled and clipped, `[ROWS, IN]`; of a stream a sample.
    pub fn x(&self) -> ArrayView2<'_, f32> {
        self.x.view()
    }

    /// What heads are fitted to.
    pub fn fitting(&self) -> Fitting<'_> {
        Fitting { x: self.x.view(), mu: self.mu.view(), network: &self.fit.vae }
    }
}
