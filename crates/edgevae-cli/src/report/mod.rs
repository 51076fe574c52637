//! `report.html`: one self-contained page on a training run, and the score histogram as a picture of its own.
//!
//! [`render`] turns a [`Report`], whose values arrive computed, into HTML with inline CSS and inline SVG: no script, no
//! network, no clock, so the same report gives the same bytes. A value that does not exist (a metric without labels) is
//! named as absent with its reason, never shown as 0.

mod charts;
mod html;
mod input;
mod sections;
mod sweep;
#[cfg(test)]
mod tests;

use std::io;

use plotters::drawing::DrawingAreaErrorKind;

pub use input::{
    CalibrationNote, ComparedScore, Contribution, DatasetSummary, LatentMap, LatentSummary, MOST_WORST_ROWS,
    QuantizedForm, Report, ScoredRows, WorstRow,
};

/// A report that contradicts itself, or a picture that could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Two lists that describe the same things differ in length.
    #[error("report: {what} has {found} entries, expected {expected}")]
    Length {
        /// The list.
        what: &'static str,
        /// Its length by the list that it belongs to.
        expected: usize,
        /// Its length.
        found: usize,
    },
    /// The threshold is infinite or NaN, so that no row could be called flagged or passed.
    #[error("report: the threshold is {0}, expected a finite number")]
    Threshold(f32),
    /// plotters refused to draw.
    #[error("report: the picture {picture} could not be drawn")]
    Drawing {
        /// Identifier of the picture in the page.
        picture: String,
        /// What plotters says.
        source: DrawingAreaErrorKind<io::Error>,
    },
}

/// The report as one HTML page.
///
/// # Errors
/// [`ReportError::Length`] when labels, scores, features and their errors do not belong together,
/// [`ReportError::Threshold`] when the threshold is not finite. Other values that are not finite are left out of the
/// pictures and named in the text.
pub fn render(report: &Report) -> Result<String, ReportError> {
    check_rows(&report.scored)?;
    for score in &report.compared {
        check_rows(&score.scored)?;
    }
    for row in &report.worst_rows {
        let (expected, found) = (report.feature_names.len(), row.contributions.len());
        if expected != found {
            return Err(ReportError::Length { what: "contributions of a row", expected, found });
        }
    }
    Ok(html::page(&report.title, &sections::all(report)?))
}

pub use sweep::{SweepReport, render_sweep};

/// The score histogram as a complete SVG file; an empty sheet that says so when no score is finite.
///
/// Rows with labels have two panels, normal rows above anomalies, each with its own count axis; the threshold runs
/// through both. Scores that span more than a decade or so above their median are drawn on a logarithmic axis.
///
/// # Errors
/// As for [`render`].
pub fn score_histogram_svg(rows: &ScoredRows) -> Result<String, ReportError> {
    check_rows(rows)?;
    match charts::score_histogram(rows)? {
        Some((svg, _)) => Ok(svg),
        None => charts::nothing_to_draw(&format!("There are no {} with a finite score.", rows.rows)),
    }
}

/// How a fit grows with one of its sizes.
#[derive(Clone, Debug)]
pub struct GrowthCurve {
    /// What grows.
    pub name: &'static str,
    /// Size, seconds, and MiB where they are known.
    pub points: Vec<(f64, f64, Option<f64>)>,
}

/// Growth curves as a complete SVG file.
///
/// # Errors
/// [`ReportError::Drawing`].
pub fn growth_svg(curves: &[GrowthCurve]) -> Result<String, ReportError> {
    charts::growth(curves)
}

fn check_rows(rows: &ScoredRows) -> Result<(), ReportError> {
    if let Some(labels) = &rows.labels
        && labels.len() != rows.scores.len()
    {
        return Err(ReportError::Length { what: "labels", expected: rows.scores.len(), found: labels.len() });
    }
    if !rows.threshold.is_finite() {
        return Err(ReportError::Threshold(rows.threshold));
    }
    Ok(())
}
