//! The data and the options of the run.

use crate::report::Report;
use crate::report::html::{pairs, section};
use edgevae_trainer::base::numbers::count;

/// Constant columns named one by one; of more, the number says enough.
const MOST_NAMES: usize = 20;

pub(super) fn render(report: &Report) -> String {
    let data = &report.dataset;
    let with = |rows: usize, anomalies: Option<usize>| match anomalies {
        Some(anomalies) => format!("{}, of them {} anomalies", count(rows), count(anomalies)),
        None if data.anomalies.is_some() => count(rows),
        None => format!("{} (no labels)", count(rows)),
    };
    let mut rows = vec![
        ("source", data.source.clone()),
        ("rows", with(data.rows, data.anomalies)),
        ("features", count(data.features)),
        ("rows of the fit", with(data.train_rows, data.train_anomalies)),
    ];
    let kept_out = [
        ("rows for early stopping", data.validation_rows),
        ("rows for the threshold only", data.calibration_rows),
        ("rows to compare heads", data.footing_rows),
        ("rows left out after a first fit", data.trimmed_rows),
    ];
    rows.extend(kept_out.into_iter().filter(|(_, rows)| *rows > 0).map(|(name, rows)| (name, count(rows))));
    rows.push(("test rows", with(data.test_rows, data.test_anomalies)));
    rows.push(("rows dropped for missing cells", count(data.dropped_rows)));
    rows.push(("constant columns (kept with scale 1)", names(&data.constant_columns)));
    rows.extend(data.notes.iter().map(|note| ("note", note.clone())));
    let body = pairs("Data", &rows) + &pairs("Architecture and options", &report.options);
    section("setup", "Data, architecture and options", &body)
}

fn names(columns: &[String]) -> String {
    match columns.len() {
        0 => "none".to_owned(),
        n if n <= MOST_NAMES => columns.join(", "),
        n => format!("{}, and {} more", columns[..MOST_NAMES].join(", "), count(n - MOST_NAMES)),
    }
}
