//! Many rows through a model at once, with the bits of the core.

use edgevae_core::format::{HeadKind, Missing};
use edgevae_core::head::gaussian::{self, LOGVAR_LIMIT, X_LOGVAR_BOUNDS};
use edgevae_core::{Model, ScoreError, SliceDetector, clip, standardize};

use super::block::{Block, Parts};
use super::kernel::{InstructionSet, Kernel, Write};
use super::network::{Layer, Network};

/// Scores rows in blocks, each row in a SIMD lane of its own, to the same bits as
/// [`SliceDetector::score`], which stays the only judge of rows that have no score.
///
/// # Examples
/// ```
/// # use edgevae_trainer::{export::model_file::ModelFile, score::BatchScorer};
/// # let bytes = include_bytes!("../../../edgevae-core/tests/data/small-v1.evae");
/// let file = ModelFile::from_bytes(bytes);
/// let model = file.model()?;
/// let mut scores = [0.0; 2];
/// BatchScorer::new(&model).score(&[35.0, 1.0, 99_999.0, 20.0, 1.0, 101_325.0], &mut scores).unwrap();
/// assert!(scores[0] > scores[1]);
/// # Ok::<(), edgevae_core::LoadError>(())
/// ```
#[derive(Debug)]
pub struct BatchScorer<'m> {
    model: &'m Model<'m>,
    kernel: Kernel,
    network: Network,
    form: Form,
    block: Block,
    scratch: Vec<f32>,
}

/// How the heads of a model score a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The reconstruction error alone: all rows at once.
    Mse,
    /// The core's heads, row by row, on what the network made of the block.
    Heads,
    /// The core alone: a head that runs the decoder again for each of its draws.
    Core,
}

impl Form {
    fn of(model: &Model<'_>) -> Self {
        match &model.header().heads[..] {
            [head] if head.kind == HeadKind::Mse && head.knots == 0 => Self::Mse,
            _ if model.needs().sampled => Self::Core,
            _ => Self::Heads,
        }
    }
}

impl<'m> BatchScorer<'m> {
    /// A scorer with the fastest kernel of this machine.
    pub fn new(model: &'m Model<'m>) -> Self {
        let kernel = Kernel::available().next().expect("the portable kernel is always available");
        Self::with_kernel(model, kernel)
    }

    /// A scorer for one instruction set, to compare them; `None` where the machine lacks it.
    pub fn with(model: &'m Model<'m>, set: InstructionSet) -> Option<Self> {
        Kernel::of(set).map(|kernel| Self::with_kernel(model, kernel))
    }

    fn with_kernel(model: &'m Model<'m>, kernel: Kernel) -> Self {
        Self {
            model,
            kernel,
            network: Network::pack(model, kernel.strip),
            form: Form::of(model),
            block: Block::new(model, kernel.rows),
            scratch: vec![0.0; model.scratch_len()],
        }
    }

    /// The instruction set in use.
    pub fn instruction_set(&self) -> InstructionSet {
        self.kernel.set
    }

    /// Scores rows in raw sensor units; row `i` gets `scores[i]`.
    ///
    /// # Shapes
    /// `rows`: `[ROWS][IN]`, row by row; `scores`: `[ROWS]`.
    ///
    /// # Errors
    /// Place (from 0) of the first row that has no score, and why; the scores before it are valid.
    ///
    /// # Cost
    /// [`Model::multiply_adds`] multiply-adds a row, several rows at once.
    ///
    /// # Panics
    /// When `rows` does not hold one sample for each score.
    pub fn score(&mut self, rows: &[f32], scores: &mut [f32]) -> Result<(), (usize, ScoreError)> {
        let inputs = self.model.inputs();
        assert_eq!(rows.len(), inputs * scores.len(), "one sample for each score");
        if self.form == Form::Core {
            return self.score_by_core(rows, scores, 0, |_| true);
        }
        let block = self.kernel.rows;
        for (number, (rows, scores)) in rows.chunks(inputs * block).zip(scores.chunks_mut(block)).enumerate() {
            self.score_block(rows, scores);
            // NaN and infinity in a sample, and overflow in the network, all end in a score that is not finite.
            if !scores.iter().all(|score| score.is_finite()) {
                self.score_by_core(rows, scores, number * block, |score| !score.is_finite())?;
            }
        }
        Ok(())
    }

    /// Scores at most a block of rows; one that has no score gets a number that is not finite.
    fn score_block(&mut self, rows: &[f32], scores: &mut [f32]) {
        scale(self.model, rows, self.block.residual_mut(), self.kernel.rows);
        let Parts { residual, x, .. } = self.block.parts();
        x.copy_from_slice(&residual[..x.len()]);
        self.represent();
        let squares = self.block.sums_of_squares();
        let features = self.model.inputs() as f32;
        if self.form == Form::Mse {
            scores.iter_mut().zip(squares).for_each(|(score, sum)| *score = sum / features);
            return;
        }
        scores.iter_mut().zip(squares).for_each(|(score, sum)| *score = *sum);
        for (row, score) in scores.iter_mut().enumerate().filter(|(_, score)| score.is_finite()) {
            let verdict = self.model.verdict(&self.block.representation(self.model, row));
            *score = verdict.map_or(f32::NAN, |verdict| verdict.score);
        }
    }

    /// From the scaled rows to what the network makes of them, as the core's `represent` does for one row.
    fn represent(&mut self) {
        let (kernel, rows) = (self.kernel, self.kernel.rows);
        let Network { encoder, encoder_logvar, decoder, decoder_logvar } = &self.network;
        let Parts { residual, mu, logvar, x_logvar, mut front, mut back, .. } = self.block.parts();
        let lanes = |layer: &Layer| layer.outputs() * rows;
        let log_variance = |layer: &Option<Layer>, input: &[f32], out: &mut [f32], bounds: (f32, f32)| {
            if let Some(layer) = layer {
                kernel.forward(layer, input, out, Write::Replace);
                gaussian::clamp(out, bounds);
            }
        };
        let mut width = 0;
        for (index, layer) in encoder.iter().enumerate() {
            let input = if index == 0 { &*residual } else { &front[..width] };
            if index + 1 == encoder.len() {
                log_variance(encoder_logvar, input, logvar, (-LOGVAR_LIMIT, LOGVAR_LIMIT));
            }
            kernel.forward(layer, input, &mut back[..lanes(layer)], Write::Replace);
            width = lanes(layer);
            std::mem::swap(&mut front, &mut back);
        }
        mu.copy_from_slice(&front[..mu.len()]);
        for (index, layer) in decoder.iter().enumerate() {
            let input = &front[..width];
            if index + 1 == decoder.len() {
                log_variance(decoder_logvar, input, x_logvar, X_LOGVAR_BOUNDS);
                kernel.forward(layer, input, residual, Write::Subtract);
                break;
            }
            kernel.forward(layer, input, &mut back[..lanes(layer)], Write::Replace);
            width = lanes(layer);
            std::mem::swap(&mut front, &mut back);
        }
    }

    /// Scores those rows by the core whose present score `wanted` picks.
    #[cold]
    fn score_by_core(
        &mut self,
        rows: &[f32],
        scores: &mut [f32],
        first: usize,
        wanted: impl Fn(f32) -> bool,
    ) -> Result<(), (usize, ScoreError)> {
        let mut detector = SliceDetector::new(self.model, &mut self.scratch)
            .expect("the scratch has the length that the model asks for");
        for (row, (sample, score)) in rows.chunks_exact(self.model.inputs()).zip(scores).enumerate() {
            if wanted(*score) {
                *score = detector.score(sample).map_err(|error| (first + row, error))?.score;
            }
        }
        Ok(())
    }
}

/// Fills missing readings where the model has fill values, scales the rows and turns them: `x[i][r]` is feature `i` of
/// row `r`, 0 beyond the last row.
fn scale(model: &Model<'_>, rows: &[f32], x: &mut [f32], block: usize) {
    let inputs = model.inputs();
    let fills = (model.missing() == Missing::Mean).then(|| model.fills());
    let limit = model.header().clip;
    let scaler = model.means().iter().zip(model.reciprocals());
    for (feature, (x, (&mean, &reciprocal))) in x.chunks_exact_mut(block).zip(scaler).enumerate() {
        let read = |x: &mut [f32]| {
            for (x, sample) in x.iter_mut().zip(rows.chunks_exact(inputs)) {
                *x = sample[feature];
            }
            if let Some(fills) = fills {
                x.iter_mut().filter(|raw| raw.is_nan()).for_each(|raw| *raw = fills[feature]);
            }
        };
        read(x);
        x.iter_mut().for_each(|x| *x = standardize(*x, mean, reciprocal));
        // A loop without a branch is vectors; few blocks need the one that has them. An infinite reading must stay an error.
        if !x.iter().fold(true, |held, x| held & (x.abs() <= limit)) {
            read(x);
            x.iter_mut().for_each(|x| {
                *x = if x.is_finite() { clip(standardize(*x, mean, reciprocal), limit) } else { f32::NAN };
            });
        }
        x[rows.len() / inputs..].fill(0.0);
    }
}
