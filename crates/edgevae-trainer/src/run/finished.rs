//! A finished training run.

use super::baselines;
use super::error::RunError;
use super::origin::Source;
use super::{Fitted, Trained, check_written, compare_baselines, compare_scores};
use crate::export::model_file::ModelFile;
use crate::fit::EpochRecord;
use crate::options::{Config, Options, Preset, Score};
use crate::quantize::{QuantizeError, Quantized};
use crate::score::results::Quality;
use crate::table::Dataset;
use crate::table::block::Position;

use super::model::Model;

/// A finished training run: the model and everything that is known about it.
pub struct Run {
    /// The samples, with the features of the network.
    pub dataset: Dataset,
    /// Where they come from.
    pub source: Source,
    /// The options that repeat the run.
    pub config: Config,
    /// The options of the fit, those that `auto` chose among them.
    pub options: Options,
    /// The fit, the calibration and the scores of the test rows.
    pub trained: Trained,
    /// Every score that the network allows, where they were compared.
    pub compared: Vec<(Score, Trained)>,
    /// Detectors without a network on the same rows, where they were compared.
    pub baselines: Vec<baselines::Outcome>,
    /// The int8 form, where one was asked for and made.
    pub quantized: Option<Quantized>,
    /// Why there is no int8 form although one was asked for.
    pub refused: Option<QuantizeError>,
    model: ModelFile,
}

/// What comes of a fitted network.
pub(super) struct Outcome {
    trained: Trained,
    compared: Vec<(Score, Trained)>,
    baselines: Vec<baselines::Outcome>,
    quantized: Option<Quantized>,
    refused: Option<QuantizeError>,
    model: ModelFile,
}

impl Run {
    pub(super) fn new(dataset: Dataset, source: Source, config: Config, options: Options, outcome: Outcome) -> Self {
        let Outcome { trained, compared, baselines, quantized, refused, model } = outcome;
        Self { dataset, source, config, options, trained, compared, baselines, quantized, refused, model }
    }

    /// The model, with the encoder of its rows where they need one.
    pub fn model(&self) -> Model {
        Model::of(self.model.clone())
    }

    /// The model file.
    pub fn file(&self) -> &ModelFile {
        &self.model
    }

    /// Metrics of the test rows.
    pub fn quality(&self) -> Quality {
        self.trained.quality()
    }

    /// One record for each epoch.
    pub fn history(&self) -> &[EpochRecord] {
        &self.trained.fit.history
    }

    /// What the user should know about this run.
    pub fn warnings(&self) -> &[String] {
        &self.trained.warnings
    }
}

impl Fitted<'_> {
    /// Calibrates and evaluates, next to other scores and detectors where `compare` says so, and exports.
    pub(super) fn outcome(
        &self,
        config: &Config,
        options: &Options,
        source: &Source,
        compare: bool,
    ) -> Result<Outcome, RunError> {
        let of_rows = |error| RunError::of(source.name(), error);
        let mut trained = self.finish(options).map_err(of_rows)?;
        let (compared, warnings) = if compare { compare_scores(self, options) } else { Default::default() };
        trained.warnings.extend(warnings);
        let quantized = (config.quantize == Some(true)).then(|| {
            let place = |row| Position { line: None, row: source.row_number(row) };
            let places: Vec<Position> = (0..self.dataset.rows()).map(place).collect();
            self.quantize(&trained, options, config.qat.unwrap_or(0), &places)
        });
        let (quantized, refused) = match quantized {
            Some(Err(error)) => (None, Some(error)),
            quantized => (quantized.and_then(Result::ok), None),
        };
        if let Some(quantized) = &quantized {
            trained.warnings.extend(quantized.warnings.iter().map(|warning| format!("int8: {warning}")));
        }
        let (baselines, warning) =
            if compare { compare_baselines(self, &trained, options) } else { Default::default() };
        trained.warnings.extend(warning);
        let model = source.model_file(&trained);
        trained.warnings.extend(over_budget(&model, options));
        check_written(&model, self.dataset, &trained).map_err(of_rows)?;
        Ok(Outcome { trained, compared, baselines, quantized, refused, model })
    }
}

/// A warning about a model that is larger than its budget.
fn over_budget(model: &ModelFile, options: &Options) -> Option<String> {
    let (bytes, budget) = (model.bytes().len(), options.flash_budget);
    let way_out = match options.preset {
        Preset::Auto => "use fewer columns (--features, --ignore) or a larger budget",
        Preset::Reference => "use --preset auto or a larger budget",
    };
    (bytes > budget.0).then(|| format!("the model takes {bytes} bytes, more than --flash-budget {budget}; {way_out}"))
}
