//! Every score that the network allows, on the same rows.

use crate::report::charts::score_panels;
use crate::report::html::{Escaped, figure, paragraph, section};
use crate::report::{ComparedScore, Report, ReportError};
use edgevae_trainer::base::numbers::count;
use edgevae_trainer::run::baselines::Outcome;

pub(super) fn render(report: &Report) -> Result<String, ReportError> {
    if report.compared.is_empty() {
        return Ok(section("compared", "Scores compared", &paragraph("There were no test rows to compare scores on.")));
    }
    let mut body = paragraph(
        "One network, every score that it allows, each with the threshold that the same calibration gives it. The first \
         column is what --score takes; the costs are those of the device.",
    );
    body += &table(&report.compared);
    if let Some(svg) = score_panels(&report.compared)? {
        let labelled = report.compared.iter().any(|score| score.scored.labels.is_some());
        let bars = if labelled {
            "Bars are shares of their class per bin, so that few anomalies are seen beside many normal rows."
        } else {
            "Bars are shares of the rows per bin."
        };
        body += &figure(&svg, &format!("{bars} The bins at either end hold what lies beyond the axis."));
    }
    if !report.baselines.is_empty() {
        body += "<h3>Without a network</h3>\n";
        body += &paragraph(
            "What detectors of a few lines find on the same test rows, fitted to the same scaled rows. They run on the desk \
             only; a model that finds no more is not worth its flash.",
        );
        body += &without_network(&report.baselines);
    }
    Ok(section("compared", "Scores compared", &body))
}

fn without_network(baselines: &[Outcome]) -> String {
    let mut out = String::from(
        "<div class=\"scroll\">\n<table>\n<caption>Quality on the test rows</caption>\n<thead><tr><th scope=\"col\">detector</th>\
         <th scope=\"col\" class=\"number\">ROC-AUC</th><th scope=\"col\" class=\"number\">average precision</th></tr></thead>\n<tbody>\n",
    );
    for Outcome { name, roc_auc, average_precision } in baselines {
        out += &format!("<tr><th scope=\"row\">{name}</th>");
        for value in [roc_auc, average_precision] {
            let value = value.map_or_else(|| "not available".into(), |value| format!("{value:.4}"));
            out += &format!("<td class=\"number\">{value}</td>");
        }
        out += "</tr>\n";
    }
    out + "</tbody>\n</table>\n</div>\n"
}

fn table(scores: &[ComparedScore]) -> String {
    let mut out = String::from(
        "<div class=\"scroll\">\n<table class=\"names\">\n<caption>Quality on the test rows and cost of each score</caption>\n<thead><tr>\
         <th scope=\"col\">score</th>",
    );
    for heading in ["ROC-AUC", "average precision", "F1", "threshold", "multiply-adds", "flash, bytes", "RAM, bytes"] {
        out += &format!("<th scope=\"col\" class=\"number\">{heading}</th>");
    }
    out += "</tr></thead>\n<tbody>\n";
    for score in scores {
        let chosen = if score.chosen { " (in the model file)" } else { "" };
        out += &format!("<tr><th scope=\"row\">{}{chosen}</th>", Escaped(&score.name));
        let metrics = [score.metrics.roc_auc, score.metrics.average_precision, score.metrics.f1];
        let metrics = metrics.map(|value| value.map_or_else(|| "not available".into(), |value| format!("{value:.4}")));
        let costs = [score.multiply_adds, score.model_bytes, score.detector_bytes].map(count);
        let threshold = score.scored.threshold.to_string();
        for cell in metrics.iter().chain([&threshold]).chain(&costs) {
            out += &format!("<td class=\"number\">{cell}</td>");
        }
        out += "</tr>\n";
    }
    out + "</tbody>\n</table>\n</div>\n"
}
