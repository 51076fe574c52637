//! The model and its int8 form, side by side.

use crate::report::html::{paragraph, section};
use crate::report::{QuantizedForm, Report};
use edgevae_trainer::base::numbers::{count, percent};
use edgevae_trainer::quantize::{self, Side, Tuned};

/// Nothing for a run without an int8 model.
pub(super) fn render(report: &Report) -> String {
    let Some(quantized) = &report.quantized else { return String::new() };
    let comparison = &quantized.report.comparison;
    let mut body = paragraph(&format!(
        "model-int8.evae is model.evae with weights of 8 bits, for scoring in integers. Both scored the same {} rows, each at a \
         threshold of its own that the same calibration rows gave at the same quantile.",
        count(comparison.rows)
    ));
    body += &sides(quantized);
    body += &scores(&quantized.report);
    let quantize::Report { score_error, calibration_rows, searched_rows, .. } = quantized.report;
    body += &paragraph(&format!(
        "Score error: {:.3} %, root of the mean squared relative difference to the float scores, on {} of {} calibration rows.",
        100.0 * score_error,
        count(searched_rows),
        count(calibration_rows)
    ));
    if let Some(Tuned { epochs, kept_epoch, score_error_before, score_error }) = &quantized.report.tuned {
        body += &paragraph(&format!(
            "The weights were fine-tuned for rounding for {epochs} epochs and those of epoch {kept_epoch} kept: the score error on \
             calibration rows is {:.3} % where rounding alone has {:.3} %.",
            100.0 * score_error,
            100.0 * score_error_before
        ));
    }
    section("quantization", "In integers", &body)
}

fn sides(quantized: &QuantizedForm) -> String {
    let comparison = &quantized.report.comparison;
    let mut out = String::from(
        "<div class=\"scroll\">\n<table>\n<caption>Detection by the model and by its int8 form</caption>\n<thead><tr>\
         <th scope=\"col\"></th><th scope=\"col\" class=\"number\">float</th><th scope=\"col\" class=\"number\">int8</th>\
         </tr></thead>\n<tbody>\n",
    );
    let mut row = |name: &str, [float, int8]: [String; 2]| {
        out += &format!(
            "<tr><th scope=\"row\">{name}</th><td class=\"number\">{float}</td><td class=\"number\">{int8}</td></tr>\n"
        );
    };
    let mut line = |name: &str, of: &dyn Fn(&Side) -> String| row(name, [&comparison.float, &comparison.int8].map(of));
    let number = |value: Option<f64>| value.map_or_else(|| "not available".into(), |value| format!("{value:.4}"));
    let rate = |value: Option<f64>| value.map_or_else(|| "not available".into(), percent);
    line("ROC-AUC", &|side| number(side.quality.roc_auc));
    line("average precision", &|side| number(side.quality.average_precision));
    line("false-alarm rate", &|side| rate(side.quality.false_alarm_rate));
    line("missed detections", &|side| rate(side.quality.missed_detection_rate));
    line("false-alarm rate, calibration rows", &|side| rate(side.calibration_false_alarm_rate));
    line("threshold", &|side| side.threshold.to_string());
    row("model file, bytes", quantized.model_bytes.map(count));
    out + "</tbody>\n</table>\n</div>\n"
}

/// How the scores agree, of all rows and of the highest ones.
fn scores(report: &quantize::Report) -> String {
    let comparison = &report.comparison;
    let tail = &comparison.tail;
    let number = |value: Option<f64>| value.map_or_else(|| "not available".into(), |value| format!("{value:.4}"));
    let mut out = format!(
        "<div class=\"scroll\">\n<table>\n<caption>How far the scores agree; the highest float scores by themselves, since rounding \
         tends to keep the mean and lose the tail</caption>\n<thead><tr><th scope=\"col\"></th>\
         <th scope=\"col\" class=\"number\">all {} rows</th><th scope=\"col\" class=\"number\">highest 5 %, {} rows</th></tr></thead>\n\
         <tbody>\n",
        count(comparison.rows),
        count(tail.rows)
    );
    let rows = [
        ("rank correlation", number(comparison.rank_correlation), number(tail.rank_correlation)),
        ("difference of scores, median", percent(comparison.median_difference), percent(tail.median_difference)),
        ("difference of scores, largest", String::new(), percent(tail.largest_difference)),
        ("among the highest of both", String::new(), percent(tail.kept)),
        ("same verdict", format!("{:.2} %", 100.0 * comparison.agreement), String::new()),
        ("with a reading out of the int8 range", count(comparison.out_of_range), String::new()),
    ];
    for (name, all, highest) in rows {
        out += &format!(
            "<tr><th scope=\"row\">{name}</th><td class=\"number\">{all}</td><td class=\"number\">{highest}</td></tr>\n"
        );
    }
    out + "</tbody>\n</table>\n</div>\n"
}
