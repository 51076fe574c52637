//! How well anomalies are told from normal rows: curves, metrics, confusion table.

use super::{metric, missing_labels};
use crate::report::charts::detection_curves;
use crate::report::html::{figure, pairs, paragraph, section};
use crate::report::{Report, ReportError};
use edgevae_trainer::base::numbers::{count, share};
use edgevae_trainer::calibrate::metrics::Confusion;

pub(super) fn render(report: &Report) -> Result<String, ReportError> {
    let mut body = match detection_curves(report)? {
        Some(svg) => figure(
            &svg,
            "Left: recall against false-alarm rate over all thresholds. Right: precision against recall, in the steps \
             whose area is the average precision. The diamond is the calibrated threshold, the dashed line what \
             flagging at random gives.",
        ),
        None => paragraph(&format!(
            "ROC and precision-recall curves are not available ({}).",
            missing_labels(report).unwrap_or("no points")
        )),
    };
    body += &match report.metrics.confusion {
        Some(counts) => confusion_table(counts),
        None => paragraph(&format!(
            "The confusion table is not available ({}).",
            missing_labels(report).unwrap_or("no counts")
        )),
    };
    body += &metrics_table(report);
    Ok(section("detection", "Detection quality", &body))
}

fn confusion_table(c: Confusion) -> String {
    let row = |name: &str, flagged: usize, passed: usize, rate: String| {
        format!(
            "<tr><th scope=\"row\">{name}</th><td class=\"number\">{}</td><td class=\"number\">{}</td>\
             <td class=\"number\">{}</td><td>{rate}</td></tr>\n",
            count(flagged),
            count(passed),
            count(flagged + passed)
        )
    };
    let anomalies = c.tp + c.fn_;
    let normal = c.fp + c.tn;
    format!(
        "<table>\n<caption>Verdicts at the threshold, in rows</caption>\n<thead><tr><th scope=\"col\">label</th>\
         <th scope=\"col\" class=\"number\">flagged</th><th scope=\"col\" class=\"number\">passed</th>\
         <th scope=\"col\" class=\"number\">all</th><th scope=\"col\">errors</th></tr></thead>\n<tbody>\n{}{}{}</tbody>\n</table>\n",
        row("anomaly", c.tp, c.fn_, format!("missed detections: {}", share(c.fn_, anomalies))),
        row("normal", c.fp, c.tn, format!("false alarms: {}", share(c.fp, normal))),
        row("all", c.tp + c.fp, c.tn + c.fn_, format!("wrong: {}", share(c.fn_ + c.fp, anomalies + normal))),
    )
}

fn metrics_table(report: &Report) -> String {
    let metrics = &report.metrics;
    let rows = [
        ("ROC-AUC", metrics.roc_auc),
        ("average precision", metrics.average_precision),
        ("precision at the threshold", metrics.precision),
        ("recall at the threshold", metrics.recall),
        ("F1 at the threshold", metrics.f1),
        ("false-alarm rate at the threshold", metrics.false_alarm_rate),
    ]
    .map(|(name, value)| (name, metric(report, value).unwrap_or_else(|reason| reason)));
    pairs(&format!("Metrics of the {}", report.scored.rows), &rows)
}
