//! The memory of a block of rows: what the network makes of them, feature by feature.

use edgevae_core::Model;
use edgevae_core::head::Representation;
use edgevae_core::head::steps::round_to_steps;

use super::kernel::ALIGN;

/// Numbers of an alignment unit.
const UNIT: usize = ALIGN / size_of::<f32>();

/// Activations of a block of rows, number `i * rows + r` being feature `i` of row `r`, and room for one row of them.
#[derive(Debug)]
pub struct Block {
    rows: usize,
    lengths: [usize; PARTS],
    buffer: Vec<f32>,
    first: usize,
    /// One row's `x`, `mu`, `logvar`, `x_logvar` and residual, one after the other.
    row: Vec<f32>,
    /// One row's `x` in steps, where a head needs them.
    steps: Vec<i16>,
}

const PARTS: usize = 8;

/// The parts of a block, each aligned to [`ALIGN`]; those that no head needs are empty.
pub struct Parts<'b> {
    /// The scaled rows `x`, `[IN][ROWS]`; afterwards the residual `x - x_hat`.
    pub residual: &'b mut [f32],
    /// The scaled rows, kept, `[IN][ROWS]`.
    pub x: &'b mut [f32],
    /// `[LATENT][ROWS]`
    pub mu: &'b mut [f32],
    /// `[LATENT][ROWS]`
    pub logvar: &'b mut [f32],
    /// `[IN][ROWS]`, where the decoder gives a log variance for each row.
    pub x_logvar: &'b mut [f32],
    /// Room for any layer between, `[WIDTH][ROWS]`.
    pub front: &'b mut [f32],
    /// As much again.
    pub back: &'b mut [f32],
    /// Sum of squared residuals, `[ROWS]`.
    pub squares: &'b mut [f32],
}

impl Block {
    pub fn new(model: &Model<'_>, rows: usize) -> Self {
        let needs = model.needs();
        let when = |needed: bool, features: usize| if needed { features * rows } else { 0 };
        let (inputs, latent, width) = (model.inputs(), model.latent(), model.width());
        let lengths = [
            inputs * rows,
            when(needs.x, inputs),
            when(needs.mu, latent),
            when(needs.logvar && model.encoder_logvar().is_some(), latent),
            when(needs.x_logvar && model.decoder_logvar().is_some(), inputs),
            width * rows,
            width * rows,
            rows,
        ];
        let padded: usize = lengths.iter().map(|length| length.next_multiple_of(UNIT)).sum();
        let buffer = vec![0.0; padded + UNIT];
        let first = buffer.as_ptr().align_offset(ALIGN);
        Self {
            rows,
            lengths,
            buffer,
            first,
            row: vec![0.0; 3 * inputs + 2 * latent],
            steps: vec![0; if needs.steps { inputs } else { 0 }],
        }
    }

    pub fn parts(&mut self) -> Parts<'_> {
        let mut rest = &mut self.buffer[self.first..];
        let [residual, x, mu, logvar, x_logvar, front, back, squares] = self.lengths.map(|length| {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(length.next_multiple_of(UNIT));
            rest = after;
            &mut part[..length]
        });
        Parts { residual, x, mu, logvar, x_logvar, front, back, squares }
    }

    pub fn residual_mut(&mut self) -> &mut [f32] {
        self.parts().residual
    }

    /// `Σ residual²` of each row, in the order of the features, `[ROWS]`.
    pub fn sums_of_squares(&mut self) -> &[f32] {
        let rows = self.rows;
        let Parts { residual, squares, .. } = self.parts();
        squares.fill(0.0);
        for feature in residual.chunks_exact(rows) {
            for (sum, residual) in squares.iter_mut().zip(feature) {
                *sum += residual * residual;
            }
        }
        squares
    }

    /// What the network made of one row of the block.
    pub fn representation<'r>(&'r mut self, model: &Model<'r>, row: usize) -> Representation<'r> {
        let rows = self.rows;
        let mut gathered = std::mem::take(&mut self.row);
        gathered.clear();
        let Parts { residual, x, mu, logvar, x_logvar, .. } = self.parts();
        let ends = [x, mu, logvar, x_logvar, residual].map(|part| {
            gathered.extend(part.chunks_exact(rows).map(|feature| feature[row]));
            gathered.len()
        });
        self.row = gathered;
        let [x, mu, logvar, x_logvar, residual] = ends;
        round_to_steps(&self.row[..x], &mut self.steps);
        let own = &self.row[logvar..x_logvar];
        Representation {
            residual: &self.row[x_logvar..residual],
            x: &self.row[..x],
            steps: &self.steps,
            mu: &self.row[x..mu],
            logvar: &self.row[mu..logvar],
            x_logvar: if own.is_empty() { model.feature_logvar() } else { own },
            sampled: &[],
        }
    }
}
