//! The sections of the page, in reading order: result first, then how it came about, then how to repeat it.

mod compared;
mod dataset;
mod detection;
mod quantization;
mod repeat;
mod scores;
mod summary;
mod training;
mod worst_rows;

use super::{Report, ReportError};

/// All sections as HTML.
pub(super) fn all(report: &Report) -> Result<String, ReportError> {
    Ok([
        summary::render(report),
        scores::render(report)?,
        detection::render(report)?,
        compared::render(report)?,
        quantization::render(report),
        worst_rows::render(report),
        training::render(report)?,
        dataset::render(report),
        repeat::render(report),
    ]
    .concat())
}

/// Why the label metrics of a report are absent, or `None` when both classes are there.
fn missing_labels(report: &Report) -> Option<&'static str> {
    let Some(labels) = &report.scored.labels else { return Some("no labels") };
    match (labels.contains(&true), labels.contains(&false)) {
        (true, true) => None,
        (false, true) => Some("no anomaly among the labels"),
        (true, false) => Some("no normal row among the labels"),
        (false, false) => Some("no labelled rows"),
    }
}

/// A metric with four decimals, or `Err` with why it is not available.
fn metric(report: &Report, value: Option<f64>) -> Result<String, String> {
    match value {
        Some(value) if value.is_finite() => Ok(format!("{value:.4}")),
        _ => Err(format!("not available ({})", missing_labels(report).unwrap_or("undefined: no row was flagged"))),
    }
}
