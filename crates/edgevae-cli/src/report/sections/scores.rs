//! The scores and the threshold: histogram, calibration statement and warning.

use crate::report::charts::score_histogram;
use crate::report::html::{caution, figure, paragraph, section};
use crate::report::{Report, ReportError};

pub(super) fn render(report: &Report) -> Result<String, ReportError> {
    let rows = &report.scored;
    let mut body = match score_histogram(rows)? {
        Some((svg, note)) => figure(&svg, &note),
        None => paragraph(&format!("The histogram is left out: there are no {} with a finite score.", rows.rows)),
    };
    body += "<h3>Calibration</h3>\n";
    body += &paragraph(&report.calibration.statement);
    if let Some(warning) = &report.calibration.warning {
        body += &caution(warning);
    }
    body += &paragraph(&format!(
        "A row is flagged when its {} is above {} {}, strictly.",
        rows.score, rows.threshold, rows.unit
    ));
    Ok(section("scores", "Scores and threshold", &body))
}
