//! The machine-readable files of a run: `metrics.json`, `history.csv`, `scores.csv`.

use std::io::{self, Write};

use serde::Serialize;

use crate::fit::EpochRecord;
use crate::metrics::{self, Confusion};

/// What a labelled set of scores says about a model; a number that cannot be computed is `null`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// Area under the ROC curve.
    pub roc_auc: Option<f64>,
    /// Average precision.
    pub average_precision: Option<f64>,
    /// At the threshold.
    pub precision: Option<f64>,
    /// At the threshold.
    pub recall: Option<f64>,
    /// At the threshold.
    pub f1: Option<f64>,
    /// Share of normal rows flagged at the threshold.
    pub false_alarm_rate: Option<f64>,
    /// Share of anomalies passed at the threshold.
    pub missed_detection_rate: Option<f64>,
    /// Verdicts against labels.
    pub confusion: Option<Confusion>,
}

impl Quality {
    /// Computes every number that these scores allow.
    pub fn of(scores: &[f32], labels: Option<&[bool]>, threshold: f32) -> Self {
        let confusion =
            labels.filter(|labels| !labels.is_empty()).map(|labels| Confusion::at(scores, labels, threshold));
        let at = |rate: fn(&Confusion) -> Option<f64>| confusion.as_ref().and_then(rate);
        Self {
            roc_auc: labels.and_then(|labels| metrics::roc_auc(scores, labels)),
            average_precision: labels.and_then(|labels| metrics::average_precision(scores, labels)),
            precision: at(Confusion::precision),
            recall: at(Confusion::recall),
            f1: at(Confusion::f1),
            false_alarm_rate: at(Confusion::false_alarm_rate),
            missed_detection_rate: at(Confusion::missed_detection_rate),
            confusion,
        }
    }
}

/// `history.csv`: one row for each epoch.
///
/// # Errors
/// What the writer says.
pub fn write_history(history: &[EpochRecord], mut out: impl Write) -> io::Result<()> {
    writeln!(out, "epoch,beta,reconstruction_loss,kl,objective,validation_objective,seconds")?;
    for record in history {
        let EpochRecord { epoch, beta, reconstruction_loss, kl, objective, validation_objective, seconds } = record;
        let validation = validation_objective.map(|value| value.to_string()).unwrap_or_default();
        writeln!(out, "{epoch},{beta},{reconstruction_loss},{kl},{objective},{validation},{seconds:.6}")?;
    }
    Ok(())
}

/// Header of a CSV file of scores.
pub const SCORES_HEADER: &str = "row,score,is_anomaly\n";

/// Appends one line of a CSV file of scores: the data row counted from 1, the shortest decimal that reads back to the
/// same `f32`, and the verdict as 0 or 1.
pub fn push_score_csv(row: u64, score: f32, is_anomaly: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(row).as_bytes());
    out.push(b',');
    out.extend_from_slice(ryu::Buffer::new().format_finite(score).as_bytes());
    out.extend_from_slice(if is_anomaly { b",1\n" } else { b",0\n" });
}

/// Appends one line of a JSON lines file of scores, with the numbers of [`push_score_csv`] and the verdict as a boolean.
pub fn push_score_json(row: u64, score: f32, is_anomaly: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"row\":");
    out.extend_from_slice(itoa::Buffer::new().format(row).as_bytes());
    out.extend_from_slice(b",\"score\":");
    out.extend_from_slice(ryu::Buffer::new().format_finite(score).as_bytes());
    out.extend_from_slice(if is_anomaly { b",\"is_anomaly\":true}\n" } else { b",\"is_anomaly\":false}\n" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_labels_no_number_is_made_up() {
        let quality = Quality::of(&[1.0, 2.0], None, 1.5);
        let json = serde_json::to_string(&quality).unwrap();
        assert!(json.starts_with(r#"{"roc_auc":null,"average_precision":null,"precision":null"#), "{json}");
        assert!(json.ends_with(r#""confusion":null}"#), "{json}");
    }

    #[test]
    fn one_class_leaves_its_rates_out() {
        let quality = Quality::of(&[1.0, 2.0, 3.0], Some(&[false; 3]), 1.5);
        assert_eq!((quality.roc_auc, quality.recall, quality.false_alarm_rate), (None, None, Some(2.0 / 3.0)));
    }

    #[test]
    fn scores_are_written_as_the_shortest_decimal_that_reads_back() {
        for score in [0.1, 1.0, 1e-20, 3.402_823_5e38, 123_456.79, f32::MIN_POSITIVE] {
            let mut line = Vec::new();
            push_score_csv(7, score, true, &mut line);
            let line = String::from_utf8(line).unwrap();
            let cells: Vec<&str> = line.trim_end().split(',').collect();
            assert_eq!((cells[0], cells[1].parse(), cells[2]), ("7", Ok(score), "1"));
            let mut line = Vec::new();
            push_score_json(7, score, true, &mut line);
            let json: serde_json::Value = serde_json::from_slice(&line).unwrap();
            assert_eq!((json["row"].as_u64(), json["is_anomaly"].as_bool()), (Some(7), Some(true)));
            assert_eq!(json["score"].as_f64().unwrap() as f32, score);
        }
        let mut line = Vec::new();
        push_score_csv(1, 0.1, false, &mut line);
        push_score_json(2, 0.1, false, &mut line);
        assert_eq!(line, b"1,0.1,0\n{\"row\":2,\"score\":0.1,\"is_anomaly\":false}\n");
    }

    #[test]
    fn history_has_an_empty_cell_where_nothing_was_validated() {
        let record = EpochRecord {
            epoch: 1,
            beta: 0.5,
            reconstruction_loss: 4.5,
            kl: 2.0,
            objective: 5.5,
            validation_objective: None,
            seconds: 0.25,
        };
        let mut out = Vec::new();
        write_history(&[record], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().nth(1), Some("1,0.5,4.5,2,5.5,,0.250000"));
    }
}
