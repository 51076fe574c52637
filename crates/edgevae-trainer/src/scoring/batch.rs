//! Many rows through a model at once, with the bits of the core.

use edgevae_core::format::{Missing, ScoreKind};
use edgevae_core::{Model, ScoreError, SliceDetector, standardize};

use super::kernel::{ALIGN, Activations, InstructionSet, Kernel};
use super::network::Network;

/// Scores rows in blocks, each row in a SIMD lane of its own, to the same bits as
/// [`SliceDetector::score`], which stays the only judge of rows that have no score.
///
/// # Examples
/// ```
/// # use edgevae_trainer::{model_file::ModelFile, scoring::BatchScorer};
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
    /// `None` where this kind of score has no batch form: then the core scores row by row.
    kind: Option<BatchScore>,
    buffer: Vec<f32>,
    scratch: Vec<f32>,
}

/// A kind of score that is computed from the residuals `x - x_hat` of a block.
#[derive(Clone, Copy, Debug)]
enum BatchScore {
    /// `mean((x - x_hat)²)`
    Mse,
}

impl BatchScore {
    fn of(kind: ScoreKind) -> Option<Self> {
        matches!(kind, ScoreKind::Mse).then_some(Self::Mse)
    }

    /// Scores of a block's rows from their residuals, feature by feature; sums in the order of the features.
    ///
    /// # Shapes
    /// `residuals`: `[IN][ROWS]`; `scores`: `[ROWS]`.
    fn of_residuals(self, residuals: &[f32], scores: &mut [f32]) {
        let Self::Mse = self;
        let rows = scores.len();
        scores.fill(0.0);
        for feature in residuals.chunks_exact(rows) {
            for (score, residual) in scores.iter_mut().zip(feature) {
                *score += residual * residual;
            }
        }
        let features = (residuals.len() / rows) as f32;
        scores.iter_mut().for_each(|score| *score /= features);
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
        let numbers = kernel.rows * (model.inputs() + 2 * model.width() + 1);
        Self {
            model,
            kernel,
            network: Network::pack(model, kernel.strip),
            kind: BatchScore::of(model.score_kind()),
            // Room to begin at an aligned number.
            buffer: vec![0.0; numbers + ALIGN / size_of::<f32>()],
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
        let Some(kind) = self.kind else { return self.score_by_core(rows, scores, 0, |_| true) };
        let block = self.kernel.rows;
        for (number, (rows, scores)) in rows.chunks(inputs * block).zip(scores.chunks_mut(block)).enumerate() {
            self.score_block(kind, rows, scores);
            // NaN and infinity in a sample, and overflow in the network, all end in a score that is not finite.
            if !scores.iter().all(|score| score.is_finite()) {
                self.score_by_core(rows, scores, number * block, |score| !score.is_finite())?;
            }
        }
        Ok(())
    }

    fn score_block(&mut self, kind: BatchScore, rows: &[f32], scores: &mut [f32]) {
        let (block, inputs, width) = (self.kernel.rows, self.model.inputs(), self.model.width());
        let first = self.buffer.as_ptr().align_offset(ALIGN);
        let (x, rest) = self.buffer[first..].split_at_mut(inputs * block);
        let (front, rest) = rest.split_at_mut(width * block);
        let (back, rest) = rest.split_at_mut(width * block);
        scale(self.model, rows, x, block);
        self.kernel.subtract_reconstruction(&self.network, Activations { x, front, back });
        let all = &mut rest[..block];
        kind.of_residuals(x, all);
        scores.copy_from_slice(&all[..scores.len()]);
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
    let scaler = model.means().iter().zip(model.reciprocals());
    for (feature, (x, (&mean, &reciprocal))) in x.chunks_exact_mut(block).zip(scaler).enumerate() {
        for (x, sample) in x.iter_mut().zip(rows.chunks_exact(inputs)) {
            *x = sample[feature];
        }
        if let Some(fills) = fills {
            x.iter_mut().filter(|raw| raw.is_nan()).for_each(|raw| *raw = fills[feature]);
        }
        x.iter_mut().for_each(|x| *x = standardize(*x, mean, reciprocal));
        x[rows.len() / inputs..].fill(0.0);
    }
}
