//! A model file on the desk: scoring, explanation, calibration, quantization.

use std::path::Path;

use edgevae_core::ScoreError;
use edgevae_core::format::CalibrationSet;
use ndarray::Array2;

use crate::base::output::{OutputError, OutputFile};
use crate::calibrate::threshold::{self, Calibration, ThresholdError};
use crate::export;
use crate::export::model_file::{AnyModel, ModelFile, ModelFileError};
use crate::export::remembered::Damaged;
use crate::inspect::Inspection;
use crate::quantize::{self, Quantization, QuantizeError, Quantized, Tuning};
use crate::score::explain::Explainer;
use crate::score::results::Quality;
use crate::score::{BlockScorer, read_options};
use crate::table::block::{Block, Position};
use crate::table::error::DataError;
use crate::table::options::ReadOptions;
use crate::table::pipeline::for_each_block;
use crate::table::source::Source;
use crate::table::{Rows, Table};

/// Why rows and a model do not go together.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The model file cannot be used.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// The bytes are no model.
    #[error("not a model: {0}")]
    Load(#[from] edgevae_core::LoadError),
    /// What the model remembers of its data cannot be read.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The rows cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A row has no score.
    #[error("{rows}: {position}: {source}; correct or remove the row")]
    Score {
        /// Name of the rows.
        rows: String,
        /// The row.
        position: Position,
        /// What the core said.
        source: ScoreError,
    },
    /// Generated rows where rows of one's own are expected.
    #[error("the reference data set has no rows of your own; expected files or a table in memory")]
    NoRows,
    /// The labels are needed.
    #[error("the rows have no labels; name their column with Table::label")]
    NoLabels,
    /// The threshold cannot be calibrated.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
    /// There is no int8 form.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// An int8 model explains nothing.
    #[error("an int8 model does not explain its scores; use the float model that it was made of")]
    NotExplained,
    /// A model with an encoder, or in integers, has no int8 form.
    #[error("only a float model without an encoder for raw rows has an int8 form; train on columns of numbers")]
    NotQuantizable,
}

/// The score of one row, or of the window that ends with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The row, from 1.
    pub row: u64,
    /// Higher is more anomalous.
    pub score: f32,
    /// Whether the score is above the threshold, or a reading beyond the range of an int8 model.
    pub is_anomaly: bool,
    /// The row's label, where labels were asked for.
    pub label: Option<bool>,
}

/// A model: weights, scaler, heads and threshold.
///
/// # Examples
/// ```no_run
/// use edgevae_trainer::{Model, Table};
///
/// let verdicts = Model::open("model.evae")?.score(&Table::read(["new.csv"])?)?;
/// println!("{} anomalies", verdicts.iter().filter(|verdict| verdict.is_anomaly).count());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    file: ModelFile,
}

impl Model {
    pub(super) fn of(file: ModelFile) -> Self {
        Self { file }
    }

    /// Reads and checks a model file.
    ///
    /// # Errors
    /// [`ModelError::File`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        Ok(Self { file: ModelFile::open(path.as_ref())? })
    }

    /// Checks the bytes of a model file.
    ///
    /// # Errors
    /// [`ModelError::Load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let file = ModelFile::from_bytes(bytes);
        file.any()?;
        Ok(Self { file })
    }

    /// The bytes of the model file.
    pub fn bytes(&self) -> &[u8] {
        self.file.bytes()
    }

    /// Writes the model file, whole or not at all.
    ///
    /// # Errors
    /// [`OutputError`] with the path.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), OutputError> {
        let mut file = OutputFile::create(path.as_ref())?;
        file.put(self.bytes())?;
        file.finish()
    }

    /// The threshold that scores are compared with.
    pub fn threshold(&self) -> f32 {
        self.any().header().threshold
    }

    /// Shapes, sizes, threshold and heads of the model.
    pub fn inspect(&self) -> Inspection {
        Inspection::of(&self.any(), self.bytes(), self.file.is_signed(), None)
    }

    /// Scores every row, or every window that ends in one, in the order of the rows; columns are found by name.
    ///
    /// # Errors
    /// [`ModelError`]: rows that cannot be read, a column that is missing, or a row that has no score.
    pub fn score(&self, table: &Table) -> Result<Vec<Verdict>, ModelError> {
        let mut verdicts = Vec::new();
        self.pass(table, |block, scorer, found| {
            verdicts.extend(found.iter().enumerate().map(|(at, verdict)| {
                let (place, label) = scorer.place(block, at);
                let (row, score) = (block.row_number(place), verdict.rank());
                Verdict { row, score, is_anomaly: verdict.is_anomaly, label }
            }));
        })?;
        Ok(verdicts)
    }

    /// Metrics of labelled rows.
    ///
    /// # Errors
    /// As [`Model::score`], and [`ModelError::NoLabels`].
    pub fn evaluate(&self, table: &Table) -> Result<Quality, ModelError> {
        let verdicts = self.score(table)?;
        let scores: Vec<f32> = verdicts.iter().map(|verdict| verdict.score).collect();
        let labels: Option<Vec<bool>> = verdicts.iter().map(|verdict| verdict.label).collect();
        Ok(Quality::of(&scores, Some(&labels.ok_or(ModelError::NoLabels)?), self.threshold()))
    }

    /// For each score the `count` columns of the largest contributions, the largest first, by name.
    ///
    /// # Errors
    /// As [`Model::score`], and [`ModelError::NotExplained`].
    pub fn explain(&self, table: &Table, count: usize) -> Result<Vec<Vec<(String, f32)>>, ModelError> {
        let any = self.any();
        let mut explainer = Explainer::of(&any).ok_or(ModelError::NotExplained)?;
        let (names, inputs) = (any.columns(), usize::from(any.header().inputs));
        let mut explained = Vec::new();
        self.pass(table, |block, scorer, found| {
            for sample in scorer.samples(block).chunks_exact(inputs).take(found.len()) {
                let top = explainer.top(sample, count).iter();
                explained.push(top.map(|of| (names[of.feature].to_owned(), of.value)).collect());
            }
        })?;
        Ok(explained)
    }

    /// The same weights with the threshold at a quantile of the scores of these rows, those labelled anomaly left out.
    ///
    /// # Errors
    /// As [`Model::score`], and [`ModelError::Threshold`].
    pub fn calibrate(&self, table: &Table, quantile: f64) -> Result<(Self, Calibration), ModelError> {
        let normal = self.score(table)?.into_iter().filter(|verdict| verdict.label != Some(true));
        let scores: Vec<f32> = normal.map(|verdict| verdict.score).collect();
        let calibration = threshold::calibrate(&scores, quantile)?;
        let set = CalibrationSet::File;
        let file = match self.any() {
            AnyModel::Float(model) => export::recalibrated(&model, &calibration, set),
            AnyModel::Raw(raw) => {
                let recalibrated = export::recalibrated(raw.model(), &calibration, set);
                ModelFile::with_input(&recalibrated.model()?, raw.encoder().section())
            }
            AnyModel::Int8(model) => quantize::recalibrated(&model, &calibration, set)?,
        };
        file.any()?;
        Ok((Self { file }, calibration))
    }

    /// The int8 form of the model, with ranges and threshold from these rows, those labelled anomaly left out.
    ///
    /// # Errors
    /// As [`Model::score`], [`ModelError::NotQuantizable`] and [`ModelError::Quantize`].
    pub fn quantize(&self, table: &Table) -> Result<(Self, quantize::Report), ModelError> {
        let any = self.any();
        let AnyModel::Float(model) = &any else { return Err(ModelError::NotQuantizable) };
        let (mut cells, mut labels, mut places) = (Vec::new(), Vec::new(), Vec::new());
        self.blocks(table, &any, |block| {
            cells.extend_from_slice(&block.cells);
            labels.extend_from_slice(&block.labels);
            places.extend((0..block.len()).map(|row| block.position(row)));
            Ok(())
        })?;
        let features = Array2::from_shape_vec((places.len(), model.inputs()), cells).expect("rows are whole");
        let labels = table.label.is_some().then_some(&labels[..]);
        let all: Vec<usize> = (0..places.len()).collect();
        let normal: Vec<usize> = all.iter().copied().filter(|&row| labels.is_none_or(|labels| !labels[row])).collect();
        let quantization = Quantization {
            features: features.view(),
            labels,
            places: &places,
            ranges_from: &normal,
            threshold_from: &normal,
            compared: &all,
            set: CalibrationSet::File,
            quantile: model.calibration().quantile.unwrap_or(0.95),
            tuning: Tuning::default(),
        };
        let Quantized { file, report, .. } = quantization.of(model)?;
        Ok((Self { file }, report))
    }

    fn any(&self) -> AnyModel<'_> {
        self.file.any().expect("the file was loaded when the model was made")
    }

    /// Scores the rows block by block, in order.
    fn pass(
        &self,
        table: &Table,
        mut each: impl FnMut(&Block, &BlockScorer<'_>, &[crate::score::RowVerdict]) + Send,
    ) -> Result<(), ModelError> {
        let any = self.any();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (mut scorer, mut verdicts) = (BlockScorer::new(&any, cores), Vec::new());
        let rows = table.rows.paths();
        self.blocks(table, &any, |block| {
            scorer.score(block, &mut verdicts).map_err(|(row, source)| {
                let name = rows.first().map(|path| path.display().to_string()).unwrap_or_default();
                ModelError::Score { rows: name, position: block.position(row), source }
            })?;
            each(block, &scorer, &verdicts);
            Ok(())
        })
    }

    /// Hands the rows to `each` as the model takes them.
    fn blocks(
        &self,
        table: &Table,
        any: &AnyModel<'_>,
        mut each: impl FnMut(&Block) -> Result<(), ModelError> + Send,
    ) -> Result<(), ModelError> {
        if let Rows::Reference = table.rows {
            return Err(ModelError::NoRows);
        }
        let options = ReadOptions { memory: table.rows.memory(), ..read_options(any, table.label.as_deref())? };
        for path in table.rows.paths() {
            let mut source = Source::open(&path, &options)?;
            for_each_block(&mut source, 1, || (), |(), _| (), |(), block| each(block))?;
        }
        Ok(())
    }
}
