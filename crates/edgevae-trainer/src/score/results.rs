//! The machine-readable files of a run: `metrics.json`, `history.csv`, `scores.csv`.

use std::io::{self, Write};

use serde::Serialize;

use crate::calibrate::metrics::{self, Confusion};
use crate::fit::EpochRecord;
use crate::score::RowVerdict;

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

/// Header of a CSV file of scores; those of an int8 model have a column more, and two more for each of the `explained`
/// features of the largest contributions.
pub fn scores_header(has_range: bool, explained: usize) -> String {
    let range = if has_range { ",out_of_range" } else { "" };
    let columns = (1..=explained).map(|place| format!(",feature_{place},contribution_{place}"));
    format!("row,score,is_anomaly{range}{}\n", columns.collect::<String>())
}

/// Appends one line of a CSV file of scores: the data row counted from 1, the shortest decimal that reads back to the
/// same `f32`, the verdict as 0 or 1, and by an int8 model whether a reading was out of range.
pub fn push_score_csv(row: u64, verdict: RowVerdict, out: &mut Vec<u8>) {
    let RowVerdict { score, is_anomaly, out_of_range } = verdict;
    out.extend_from_slice(itoa::Buffer::new().format(row).as_bytes());
    out.push(b',');
    out.extend_from_slice(ryu::Buffer::new().format_finite(score).as_bytes());
    out.extend_from_slice(if is_anomaly { b",1" } else { b",0" });
    out.extend_from_slice(match out_of_range {
        None => b"\n",
        Some(false) => b",0\n",
        Some(true) => b",1\n",
    });
}

/// Appends one line of a JSON lines file of scores, with the numbers of [`push_score_csv`] and verdicts as booleans.
pub fn push_score_json(row: u64, verdict: RowVerdict, out: &mut Vec<u8>) {
    let RowVerdict { score, is_anomaly, out_of_range } = verdict;
    out.extend_from_slice(b"{\"row\":");
    out.extend_from_slice(itoa::Buffer::new().format(row).as_bytes());
    out.extend_from_slice(b",\"score\":");
    out.extend_from_slice(ryu::Buffer::new().format_finite(score).as_bytes());
    out.extend_from_slice(if is_anomaly { b",\"is_anomaly\":true" } else { b",\"is_anomaly\":false" });
    out.extend_from_slice(match out_of_range {
        None => b"}\n",
        Some(false) => b",\"out_of_range\":false}\n",
        Some(true) => b",\"out_of_range\":true}\n",
    });
}

/// Adds features and contributions to the line that [`push_score_csv`] has just ended.
pub fn explain_csv(features: &[(&str, f32)], out: &mut Vec<u8>) {
    out.pop();
    for (name, contribution) in features {
        out.push(b',');
        if name.contains([',', '"', '\n', '\r']) {
            out.extend_from_slice(format!("\"{}\"", name.replace('"', "\"\"")).as_bytes());
        } else {
            out.extend_from_slice(name.as_bytes());
        }
        out.push(b',');
        out.extend_from_slice(ryu::Buffer::new().format(*contribution).as_bytes());
    }
    out.push(b'\n');
}

/// Adds features and contributions to the line that [`push_score_json`] has just ended.
pub fn explain_json(features: &[(&str, f32)], out: &mut Vec<u8>) {
    let object = |&(feature, contribution): &(&str, f32)| {
        let contribution = contribution.is_finite().then_some(contribution);
        serde_json::json!({ "feature": feature, "contribution": contribution })
    };
    let list = serde_json::Value::Array(features.iter().map(object).collect());
    out.truncate(out.len().saturating_sub(2));
    out.extend_from_slice(format!(",\"explain\":{list}}}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(score: f32, is_anomaly: bool) -> RowVerdict {
        RowVerdict { score, is_anomaly, out_of_range: None }
    }

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
            push_score_csv(7, verdict(score, true), &mut line);
            let line = String::from_utf8(line).unwrap();
            let cells: Vec<&str> = line.trim_end().split(',').collect();
            assert_eq!((cells[0], cells[1].parse(), cells[2]), ("7", Ok(score), "1"));
            let mut line = Vec::new();
            push_score_json(7, verdict(score, true), &mut line);
            let json: serde_json::Value = serde_json::from_slice(&line).unwrap();
            assert_eq!((json["row"].as_u64(), json["is_anomaly"].as_bool()), (Some(7), Some(true)));
            assert_eq!(json["score"].as_f64().unwrap() as f32, score);
        }
        let mut line = Vec::new();
        push_score_csv(1, verdict(0.1, false), &mut line);
        push_score_json(2, verdict(0.1, false), &mut line);
        assert_eq!(line, b"1,0.1,0\n{\"row\":2,\"score\":0.1,\"is_anomaly\":false}\n");
    }

    #[test]
    fn a_reading_out_of_range_is_written_beside_the_verdict_of_an_int8_model() {
        let mut lines = Vec::new();
        for out_of_range in [Some(true), Some(false)] {
            let verdict = RowVerdict { out_of_range, ..verdict(0.5, true) };
            push_score_csv(3, verdict, &mut lines);
            push_score_json(3, verdict, &mut lines);
        }
        let expected = "3,0.5,1,1\n{\"row\":3,\"score\":0.5,\"is_anomaly\":true,\"out_of_range\":true}\n\
                        3,0.5,1,0\n{\"row\":3,\"score\":0.5,\"is_anomaly\":true,\"out_of_range\":false}\n";
        assert_eq!(String::from_utf8(lines).unwrap(), expected);
        assert_eq!(scores_header(true, 0).split(',').count(), 4);
    }

    #[test]
    fn explanations_are_columns_in_csv_and_a_list_in_json() {
        let (mut csv, mut json) = (Vec::new(), Vec::new());
        push_score_csv(1, verdict(0.5, true), &mut csv);
        push_score_json(1, verdict(0.5, true), &mut json);
        let features = [("motor, left", 0.25), ("oil", 0.125)];
        explain_csv(&features, &mut csv);
        explain_json(&features, &mut json);
        assert_eq!(scores_header(false, 2), "row,score,is_anomaly,feature_1,contribution_1,feature_2,contribution_2\n");
        assert_eq!(String::from_utf8(csv).unwrap(), "1,0.5,1,\"motor, left\",0.25,oil,0.125\n");
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(
            (&json["explain"][0]["feature"], &json["explain"][1]["contribution"]),
            (&"motor, left".into(), &0.125.into())
        );
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
