//! Rows through a model, float or int8, that takes them as they are.

use edgevae_core::{Model, ScoreError};

use super::BatchScorer;
use super::int8::Int8Rows;
use crate::export::model_file::AnyModel;

/// A row's score and verdict, by either kind of model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowVerdict {
    /// In the unit of the float model.
    pub score: f32,
    /// Above the threshold, or with a reading out of range.
    pub is_anomaly: bool,
    /// Whether a reading is out of range. By a float model `None` in place of `Some(false)`: its files of scores have no
    /// column for it.
    pub out_of_range: Option<bool>,
}

impl RowVerdict {
    /// The score that ranks the row among others: the largest `f32` when it is out of range, since the verdict then is
    /// "anomaly" whatever the score.
    pub fn rank(&self) -> f32 {
        if self.out_of_range == Some(true) { f32::MAX } else { self.score }
    }
}

/// Scores rows with a model of either kind, to the bits of the core.
#[derive(Debug)]
pub enum RowScorer<'m> {
    /// With a float model.
    Float(Box<FloatRows<'m>>),
    /// With an int8 model.
    Int8(Box<Int8Rows<'m>>),
}

/// A float model and room for its scores.
#[derive(Debug)]
pub struct FloatRows<'m> {
    model: &'m Model<'m>,
    scorer: BatchScorer<'m>,
    scores: Vec<f32>,
}

impl<'m> RowScorer<'m> {
    /// A scorer for a model of either kind; of a model with an encoder it takes encoded rows, [`RawRows`](super::RawRows)
    /// raw ones.
    pub fn new(model: &'m AnyModel<'m>) -> Self {
        let float =
            |model| Self::Float(Box::new(FloatRows { model, scorer: BatchScorer::new(model), scores: Vec::new() }));
        match model {
            AnyModel::Float(model) => float(model),
            AnyModel::Raw(model) => float(model.model()),
            AnyModel::Int8(model) => Self::Int8(Box::new(Int8Rows::new(model))),
        }
    }

    /// Scores rows in raw sensor units, in their order, into `verdicts`, which is cleared first.
    ///
    /// # Shapes
    /// `rows`: `[ROWS][IN]`, row by row.
    ///
    /// # Errors
    /// Place (from 0) of the first row that has no score, and why; `verdicts` then holds those before it.
    ///
    /// # Panics
    /// When `rows` does not hold whole samples.
    pub fn score(&mut self, rows: &[f32], verdicts: &mut Vec<RowVerdict>) -> Result<(), (usize, ScoreError)> {
        verdicts.clear();
        match self {
            Self::Float(float) => float.score(rows, verdicts),
            Self::Int8(int8) => int8.score(rows, verdicts),
        }
    }
}

/// The verdict of a float model on a sample that has this score.
pub(super) fn float_verdict(model: &Model<'_>, score: f32, sample: &[f32]) -> RowVerdict {
    let out_of_range = model.is_out_of_range(sample);
    let is_anomaly = model.is_anomaly(score) || out_of_range;
    RowVerdict { score, is_anomaly, out_of_range: out_of_range.then_some(true) }
}

impl FloatRows<'_> {
    fn score(&mut self, rows: &[f32], verdicts: &mut Vec<RowVerdict>) -> Result<(), (usize, ScoreError)> {
        let Self { model, scorer, scores } = self;
        scores.resize(rows.len() / model.inputs(), 0.0);
        let result = scorer.score(rows, scores);
        let scored = result.map_or_else(|(row, _)| row, |()| scores.len());
        let samples = rows.chunks_exact(model.inputs());
        verdicts
            .extend(scores[..scored].iter().zip(samples).map(|(&score, sample)| float_verdict(model, score, sample)));
        result
    }
}
