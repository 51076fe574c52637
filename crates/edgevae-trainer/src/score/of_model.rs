//! Rows of a file or of memory as a model takes them.

use edgevae_core::ScoreError;
use edgevae_core::format::Missing as Recorded;
use edgevae_core::format::input::Absent;

use super::{RawRows, RowScorer, RowVerdict};
use crate::export::model_file::AnyModel;
use crate::export::remembered::{Damaged, Memory};
use crate::prepare;
use crate::table::block::Block;
use crate::table::options::{Features, Missing, ReadOptions};

/// How rows for a model are read: its columns in their order, its policy for missing cells, its encoder's readings.
pub fn read_options(model: &AnyModel<'_>, label: Option<&str>) -> Result<ReadOptions, Damaged> {
    let mut missing = match model.header().missing {
        Recorded::Error => Missing::Error,
        Recorded::Drop => Missing::Drop,
        // The core fills them, as it does on the device.
        Recorded::Mean => Missing::Mean,
    };
    let mut readings = Vec::new();
    if let AnyModel::Raw(model) = model {
        readings.extend(model.encoder().columns().map(|column| (column.name.to_owned(), prepare::reading(&column))));
        // The encoder fills them, or refuses them by their column.
        if model.encoder().columns().any(|column| column.absent != Absent::Refused) {
            missing = Missing::Mean;
        }
    }
    Ok(ReadOptions {
        remembered: Memory::of(model)?.form,
        label: label.map(str::to_owned),
        features: Features::OfModel(model.columns().into_iter().map(str::to_owned).collect()),
        missing,
        readings,
        ..ReadOptions::default()
    })
}

/// Scores blocks of rows with a model of any kind: rows as they are, or raw ones that are encoded first.
#[derive(Debug)]
pub enum BlockScorer<'m> {
    /// Rows as they are.
    Rows(RowScorer<'m>),
    /// Raw rows.
    Raw(Box<RawRows<'m>>),
}

impl<'m> BlockScorer<'m> {
    /// A scorer for one model; the samples of a block of raw rows are divided among `threads`.
    pub fn new(model: &'m AnyModel<'m>, threads: usize) -> Self {
        match model {
            AnyModel::Raw(model) => Self::Raw(Box::new(RawRows::new(model, threads))),
            model => Self::Rows(RowScorer::new(model)),
        }
    }

    /// Scores the rows of the next block into `verdicts`, which is cleared first.
    ///
    /// # Errors
    /// Place in the block of the first row that has no score, and why; `verdicts` then holds those before it.
    pub fn score(&mut self, block: &Block, verdicts: &mut Vec<RowVerdict>) -> Result<(), (usize, ScoreError)> {
        match self {
            Self::Rows(rows) => rows.score(&block.cells, verdicts),
            Self::Raw(raw) => raw.score(block, verdicts),
        }
    }

    /// Place in the block and label of the row that a verdict belongs to.
    pub fn place(&self, block: &Block, verdict: usize) -> (usize, Option<bool>) {
        match self {
            Self::Rows(_) => (verdict, block.labels.get(verdict).copied()),
            Self::Raw(raw) => (raw.places()[verdict], raw.labels().get(verdict).copied()),
        }
    }

    /// What the network took for the verdicts, sample after sample.
    pub fn samples<'b>(&'b self, block: &'b Block) -> &'b [f32] {
        match self {
            Self::Rows(_) => &block.cells,
            Self::Raw(raw) => raw.samples(),
        }
    }
}
