//! Where the rows of a run come from.

use std::fmt::Write as _;
use std::path::PathBuf;

use edgevae_core::format::{self, extras};

use crate::export::model_file::ModelFile;
use crate::export::remembered::Memory;
use crate::prepare::Input;
use crate::run::Trained;
use crate::table::Dataset;
use crate::table::files;
use crate::table::options::Missing;
use crate::table::synthetic::{NORMAL_VARIANCE, Synthetic};

/// Rows of files, those left out not counted.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// All of them.
    pub rows: u64,
    /// Those labelled anomaly; `None` without labels.
    pub anomalies: Option<u64>,
}

/// Where the rows come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Generated.
    Synthetic(Synthetic),
    /// Files, read one after the other.
    Files {
        /// The files.
        paths: Vec<PathBuf>,
        /// What became of rows with missing cells.
        missing: Missing,
        /// How many of them were left out.
        dropped_rows: u64,
        /// Number of each row that was kept, from 1, counted on over the files; `None` when all were.
        row_numbers: Option<Vec<u64>>,
        /// What the files hold when the table is a sample of them, for training on a stream.
        streamed: Option<Counted>,
        /// What the model file remembers of how they were read.
        memory: Box<Memory>,
        /// What became of the columns.
        input: Input,
    },
}

impl Source {
    /// In a word: for titles and error messages.
    pub fn name(&self) -> String {
        match self {
            Self::Synthetic(_) => "reference data set".into(),
            Self::Files { paths, .. } => names(paths),
        }
    }

    /// The policy for missing cells, as the model file records it.
    pub fn missing(&self) -> format::Missing {
        match self {
            Self::Files { missing: Missing::Drop, .. } => format::Missing::Drop,
            // An encoder fills them before the network.
            Self::Files { missing: Missing::Mean, input: Input { section: None, .. }, .. } => format::Missing::Mean,
            Self::Synthetic(_) | Self::Files { .. } => format::Missing::Error,
        }
    }

    /// What became of the columns; `None` of generated rows.
    pub fn input(&self) -> Option<&Input> {
        if let Self::Files { input, .. } = self { Some(input) } else { None }
    }

    /// Bytes of the input section; 0 where the network takes the columns as they are.
    pub fn section_len(&self) -> usize {
        self.input().and_then(|input| input.section.as_ref()).map_or(0, Vec::len)
    }

    /// The model file of a run on these rows: with their input section, where they have one.
    pub fn model_file(&self, trained: &Trained) -> ModelFile {
        let file = match self.input().and_then(|input| input.section.as_ref()) {
            Some(section) => {
                ModelFile::with_input(&trained.model.model().expect("training has loaded this model"), section)
            }
            None => trained.model.clone(),
        };
        let memory = if let Self::Files { memory, .. } = self { memory.encode() } else { None };
        match memory {
            Some(bytes) => file.with_extra(extras::READING, Some(&bytes)).expect("training has loaded this model"),
            None => file,
        }
    }

    /// Rows left out because a cell was missing.
    pub fn dropped_rows(&self) -> u64 {
        match self {
            Self::Synthetic(_) => 0,
            Self::Files { dropped_rows, .. } => *dropped_rows,
        }
    }

    /// What was read.
    pub fn sentence(&self, dataset: &Dataset) -> String {
        let mut text = format!("{}: {} rows, {} features", self.name(), self.rows(dataset), dataset.names.len());
        match self.anomalies(dataset) {
            Some(count) => write!(text, ", {count} labelled anomaly").expect("a string takes all"),
            None => text += ", no labels",
        }
        if self.dropped_rows() > 0 {
            write!(text, "; {} rows with missing cells left out", self.dropped_rows()).expect("a string takes all");
        }
        text
    }

    /// Whether the table is a sample of the rows.
    pub fn is_streamed(&self) -> bool {
        matches!(self, Self::Files { streamed: Some(_), .. })
    }

    /// Rows of the source, those left out not counted.
    pub fn rows(&self, dataset: &Dataset) -> usize {
        match self {
            Self::Files { streamed: Some(Counted { rows, .. }), .. } => *rows as usize,
            _ => dataset.rows(),
        }
    }

    /// Rows of the source that are labelled anomaly, those left out not counted; `None` without labels.
    pub fn anomalies(&self, dataset: &Dataset) -> Option<usize> {
        match self {
            Self::Files { streamed: Some(Counted { anomalies, .. }), .. } => anomalies.map(|count| count as usize),
            _ => dataset.anomalies(),
        }
    }

    /// Number in its source of a row of the table (counted from 0), from 1.
    pub fn row_number(&self, row: usize) -> u64 {
        match self {
            Self::Files { row_numbers: Some(numbers), .. } => numbers[row],
            _ => row as u64 + 1,
        }
    }

    /// Where the rows come from, with the recipe of generated ones.
    pub fn description(&self) -> String {
        match self {
            Self::Synthetic(recipe) => format!(
                "reference data set: normal rows from {} Gaussians of variance {} with means {} from the origin, anomalies {} \
                 from their middle with variance {}, seed {}",
                recipe.components, NORMAL_VARIANCE, recipe.mean_norm, recipe.shift, recipe.variance, recipe.seed
            ),
            Self::Files { paths, .. } => names(paths),
        }
    }
}

/// The file, or the first of several and how many more.
pub fn names(paths: &[PathBuf]) -> String {
    files::named(&paths.iter().map(|path| path.display()).collect::<Vec<_>>())
}
