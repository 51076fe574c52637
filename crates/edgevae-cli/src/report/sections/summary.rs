//! What was trained on what, and the few numbers that matter.

use super::metric;
use crate::report::Report;
use crate::report::html::{Escaped, caution};
use edgevae_trainer::base::numbers::{count, percent, plural, share, significant};

pub(super) fn render(report: &Report) -> String {
    let warnings: String = report.warnings.iter().map(|warning| caution(warning)).collect();
    format!(
        "<header>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n<p class=\"muted\">{}</p>\n{}{warnings}</header>\n",
        Escaped(&report.title),
        Escaped(&sentence(report)),
        Escaped(&report.tool_version),
        strip(report)
    )
}

fn sentence(report: &Report) -> String {
    let data = &report.dataset;
    let with = |anomalies: Option<usize>| anomalies.map_or(String::new(), |n| format!(" ({})", anomalies_of(n)));
    let tested = match data.test_rows {
        0 => "No rows were kept for a test.".to_owned(),
        rows => {
            format!("It was tested on {}{}{}.", plural(rows, "other row"), with(data.test_anomalies), data.tested_on)
        }
    };
    format!(
        "A variational autoencoder learned {}{} of {} from {}. {tested}",
        plural(data.train_rows, "row"),
        with(data.train_anomalies),
        plural(data.features, "feature"),
        data.source,
    )
}

fn anomalies_of(n: usize) -> String {
    match n {
        0 => "no anomalies".to_owned(),
        1 => "1 anomaly".to_owned(),
        n => format!("{} anomalies", count(n)),
    }
}

/// One number of the strip: its name, its value or why there is none, and a line of explanation.
type Tile = (&'static str, Result<String, String>, String);

fn strip(report: &Report) -> String {
    let metrics = &report.metrics;
    let chance = "0.5 is chance, 1 is perfect".to_owned();
    let flagged = report.scored.scores.iter().filter(|score| **score > report.scored.threshold).count();
    let alarms = match (metrics.confusion, metrics.false_alarm_rate) {
        (Some(c), Some(rate)) => {
            let normal = c.fp + c.tn;
            ("False alarms", Ok(percent(rate)), format!("{} of {} normal", count(c.fp), count(normal)))
        }
        _ => {
            ("Flagged", Ok(count(flagged)), format!("of {} {}", count(report.scored.scores.len()), report.scored.rows))
        }
    };
    let detected = metrics.confusion.map_or(String::new(), |c| format!("recall; {}", share(c.tp, c.tp + c.fn_)));
    let tiles: [Tile; 6] = [
        ("ROC-AUC", metric(report, metrics.roc_auc), chance),
        ("Average precision", metric(report, metrics.average_precision), "area under precision-recall".to_owned()),
        ("F1 at the threshold", metric(report, metrics.f1), "of precision and recall".to_owned()),
        ("Anomalies detected", metric(report, metrics.recall), detected),
        alarms,
        ("Threshold", Ok(significant(f64::from(report.scored.threshold), 4)), report.scored.unit.clone()),
    ];
    let mut out = String::from("<dl class=\"strip\">\n");
    for (name, value, note) in tiles {
        out += &format!("<div><dt>{name}</dt>");
        out += &match value {
            Ok(value) => format!("<dd>{}<small>{}</small></dd></div>\n", Escaped(&value), Escaped(&note)),
            Err(reason) => format!("<dd class=\"absent\">{}</dd></div>\n", Escaped(&reason)),
        };
    }
    out + "</dl>\n"
}
