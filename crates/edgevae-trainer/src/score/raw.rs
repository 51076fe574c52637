//! Raw rows through a model with an encoder: encoded and windowed by the core, then scored many at once.

use edgevae_core::{RawModel, ScoreError, SliceWindow};

use super::rows::float_verdict;
use super::{RowVerdict, score_all};
use crate::table::block::Block;

/// Scores a series of raw rows, block by block, to the bits of [`RawDetector`](edgevae_core::RawDetector).
///
/// A row that was left out of the source ends the series, as a fault does on the device: the window begins anew behind it.
#[derive(Debug)]
pub struct RawRows<'m> {
    model: &'m RawModel<'m>,
    threads: usize,
    window: SliceWindow<Vec<f32>>,
    row: Vec<f32>,
    sample: Vec<f32>,
    /// Number of the last row in its source.
    last: Option<u64>,
    /// Rows since the last one labelled anomaly, and since the series began.
    since_anomaly: u64,
    samples: Vec<f32>,
    places: Vec<usize>,
    labels: Vec<bool>,
}

impl<'m> RawRows<'m> {
    /// A scorer for one model, whose samples are divided among `threads` threads once they are encoded.
    pub fn new(model: &'m RawModel<'m>, threads: usize) -> Self {
        let (encoded, spec) = (model.encoder().encoded(), model.window());
        let ring = vec![0.0; encoded * usize::from(spec.rows)];
        Self {
            model,
            threads,
            window: SliceWindow::new(spec, encoded, ring).expect("the ring has the window's size"),
            row: vec![0.0; encoded],
            sample: vec![0.0; model.model().inputs()],
            last: None,
            since_anomaly: u64::MAX,
            samples: vec![],
            places: vec![],
            labels: vec![],
        }
    }

    /// Scores the rows of the next block into `verdicts`, which is cleared first: one for each row without a window, else
    /// one for each window that ends in the block.
    ///
    /// # Errors
    /// Place in the block (from 0) of the first row that has no score, and why; `verdicts` then holds those before it.
    pub fn score(&mut self, block: &Block, verdicts: &mut Vec<RowVerdict>) -> Result<(), (usize, ScoreError)> {
        verdicts.clear();
        let encoded = self.encode(block);
        let model = self.model.model();
        let samples = self.samples.chunks_exact(model.inputs());
        let verdict = |(score, sample): (f32, &[f32])| float_verdict(model, score, sample);
        match score_all(model, &self.samples, self.threads) {
            Ok(scores) => {
                verdicts.extend(scores.into_iter().zip(samples).map(verdict));
                encoded
            }
            Err((sample, error)) => {
                let before = &self.samples[..sample * model.inputs()];
                let scores =
                    score_all(model, before, self.threads).expect("the first row without a score is behind them");
                verdicts.extend(scores.into_iter().zip(samples).map(verdict));
                let error = match error {
                    ScoreError::NonFinite { index } => ScoreError::NonFinite { index: self.model.raw_of(index) },
                    error => error,
                };
                Err((self.places[sample], error))
            }
        }
    }

    /// Samples of the block, up to the first row that cannot be encoded.
    fn encode(&mut self, block: &Block) -> Result<(), (usize, ScoreError)> {
        let Self { model, window, row, sample, last, since_anomaly, samples, places, labels, .. } = self;
        samples.clear();
        places.clear();
        labels.clear();
        let encoder = model.encoder();
        for (at, raw) in block.cells.chunks_exact(encoder.raw()).enumerate() {
            let number = block.row_number(at);
            if last.is_some_and(|last| number != last + 1) {
                window.clear();
                *since_anomaly = u64::MAX;
            }
            *last = Some(number);
            encoder.encode(raw, row).map_err(|error| (at, error))?;
            let is_anomaly = block.labels.get(at) == Some(&true);
            *since_anomaly = if is_anomaly { 0 } else { since_anomaly.saturating_add(1) };
            if window.push(row, sample) {
                samples.extend_from_slice(sample);
                places.push(at);
                if !block.labels.is_empty() {
                    labels.push(*since_anomaly < u64::from(model.window().rows));
                }
            }
        }
        Ok(())
    }

    /// Place in the block of the row that each verdict belongs to: the last of its window.
    pub fn places(&self) -> &[usize] {
        &self.places
    }

    /// Whether a row of each verdict's window is labelled anomaly; empty without labels.
    pub fn labels(&self) -> &[bool] {
        &self.labels
    }

    /// The encoded samples of the verdicts, one after the other.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }
}
