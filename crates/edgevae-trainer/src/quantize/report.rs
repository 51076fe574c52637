//! What `edgevae quantize` reports.

use serde::Serialize;

use super::{Comparison, Range, Tuned};
use crate::base::numbers::plural;

/// What `edgevae quantize` reports.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The range of each activation.
    pub ranges: Vec<Range>,
    /// Rows that give the ranges.
    pub calibration_rows: usize,
    /// How many of them were scored to choose among ranges, or to choose the epoch of fine-tuning; the range of the readings
    /// is taken from all.
    pub searched_rows: usize,
    /// Score error of the model that is written: root of the mean squared relative difference to the float scores.
    pub score_error: f64,
    /// What fine-tuning did; `null` without any.
    pub tuned: Option<Tuned>,
    /// Float and int8 side by side.
    #[serde(flatten)]
    pub comparison: Comparison,
}

impl Report {
    /// The report as a file.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain numbers and strings always serialize") + "\n"
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for Range { name, range, rule, score_error } in &self.ranges {
            writeln!(f, "range of {name:<25} {range:>14.4} ({rule}; score error {:.3} %)", 100.0 * score_error)?;
        }
        writeln!(
            f,
            "ranges of readings from {}; score errors from {} of them, spread evenly",
            plural(self.calibration_rows, "calibration row"),
            self.searched_rows
        )?;
        if let Some(Tuned { epochs, kept_epoch, score_error_before, score_error }) = &self.tuned {
            writeln!(
                f,
                "fine-tuned for {epochs} epochs, epoch {kept_epoch} kept: score error {:.3} % where rounding alone has {:.3} %",
                100.0 * score_error,
                100.0 * score_error_before
            )?;
        }
        self.comparison.fmt(f)
    }
}
