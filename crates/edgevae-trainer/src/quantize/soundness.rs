//! Whether an int8 model is sound: what is refused, and what comes with a warning.

use edgevae_core::Model;

use super::{ENOUGH_ROWS, LARGE_ERROR, LEAST_ROWS, MOST_ERROR, Quantization, QuantizeError, WORTH_TUNING, Widest};
use crate::calibrate::threshold::Calibration;
use crate::score::RowVerdict;

/// A greater share of calibration rows above the float model's threshold comes with a warning.
const MOST_ANOMALIES: f64 = 0.5;

impl Quantization<'_> {
    /// Refuses scores that have little to do with the float model's.
    pub(super) fn check_error(&self, model: &Model<'_>, score_error: f64) -> Result<(), QuantizeError> {
        if score_error > MOST_ERROR {
            return Err(QuantizeError::Blind { error: score_error, widest: self.widest(model) });
        }
        Ok(())
    }

    /// Refuses a threshold that no row is above, or every row.
    pub(super) fn check_threshold(
        &self,
        model: &Model<'_>,
        float: &Calibration,
        (int8, verdicts): (&Calibration, &[RowVerdict]),
    ) -> Result<(), QuantizeError> {
        if int8.threshold <= f32::MIN_POSITIVE && float.threshold > f32::MIN_POSITIVE {
            return Err(QuantizeError::Collapsed { float: float.threshold, widest: self.widest(model) });
        }
        let (out, within): (Vec<&RowVerdict>, Vec<&RowVerdict>) =
            verdicts.iter().partition(|verdict| verdict.out_of_range == Some(true));
        let highest = within.iter().fold(0.0, |highest: f32, verdict| highest.max(verdict.score));
        if !out.is_empty() && int8.threshold > highest {
            return Err(QuantizeError::OutOfRange {
                out_of_range: out.len(),
                rows: verdicts.len(),
                quantile: self.quantile,
                widest: self.widest(model),
            });
        }
        Ok(())
    }

    /// The reading that is farthest out among the rows that give the ranges.
    fn widest(&self, model: &Model<'_>) -> Widest {
        let scale = |row: usize, feature: usize| {
            let raw = self.features[[row, feature]];
            edgevae_core::standardize(raw, model.means()[feature], model.reciprocals()[feature])
        };
        let cells = self.ranges_from.iter().flat_map(|&row| (0..model.inputs()).map(move |feature| (row, feature)));
        let finite = cells.filter(|&(row, feature)| scale(row, feature).is_finite());
        let by_magnitude = |a: &(usize, usize), b: &(usize, usize)| {
            scale(a.0, a.1).abs().total_cmp(&scale(b.0, b.1).abs()).then(b.cmp(a))
        };
        let (row, feature) = finite.max_by(by_magnitude).unwrap_or_default();
        Widest {
            place: self.places[row],
            column: model.feature_names().nth(feature).unwrap_or_default().to_owned(),
            reading: self.features[[row, feature]],
            scaled: scale(row, feature),
        }
    }

    /// Of fewer than [`LEAST_ROWS`] the error tells.
    pub(super) fn warn_about_few_rows(&self) -> Option<String> {
        let rows = self.ranges_from.len();
        (LEAST_ROWS..ENOUGH_ROWS)
            .contains(&rows)
            .then(|| format!("{rows} calibration rows are few to take ranges from; give {ENOUGH_ROWS} or more"))
    }

    /// Rows that the float model takes for anomalies are no normal operation of its machine.
    pub(super) fn warn_about_other_rows(&self, model: &Model<'_>, float: &[RowVerdict]) -> Option<String> {
        let quantile = model.calibration().quantile?;
        let share = float.iter().filter(|verdict| verdict.is_anomaly).count() as f64 / float.len() as f64;
        (share > MOST_ANOMALIES).then(|| {
            format!(
                "{:.0} % of the calibration rows are above the float model's own threshold {}, which was set for {:.1} %: are they \
                 normal operation of the machine that it was trained on? The int8 model's ranges and threshold follow them. The \
                 widest reading is {}",
                100.0 * share,
                model.threshold(),
                100.0 * (1.0 - quantile),
                self.widest(model)
            )
        })
    }

    /// A large score error, and rows that cause it: `int8` are the verdicts on the rows that give the ranges.
    pub(super) fn warn_about_error(&self, model: &Model<'_>, score_error: f64, int8: &[RowVerdict]) -> Option<String> {
        let out_of_range = int8.iter().filter(|verdict| verdict.out_of_range == Some(true)).count();
        let is_large = score_error > LARGE_ERROR;
        if !is_large && out_of_range == 0 {
            return None;
        }
        let mut warning = String::new();
        if is_large {
            warning += &format!(
                "the int8 scores differ by {:.1} % from the float ones (root mean square over calibration rows); ",
                100.0 * score_error
            );
        }
        if out_of_range > 0 {
            warning += &format!(
                "calibration rows with a reading out of the int8 model's range, which are anomalies to it: {out_of_range} of {}; ",
                int8.len()
            );
        }
        warning +=
            &format!("the widest reading is {}: correct or remove what is no normal operation", self.widest(model));
        if is_large {
            warning += ", fine-tune with --qat 10, or keep the float model";
        }
        Some(warning)
    }

    /// Columns that stand still in the rows that give the ranges, but those at the mean: they stood still in training too.
    pub(super) fn warn_about_constant_columns(&self, model: &Model<'_>) -> Option<String> {
        let &first = self.ranges_from.first()?;
        let stands_still = |&feature: &usize| {
            let column = self.features.column(feature);
            self.ranges_from.iter().all(|&row| column[row] == column[first]) && column[first] != model.means()[feature]
        };
        let constant: Vec<usize> = (0..model.inputs()).filter(stands_still).collect();
        let names: Vec<&str> = model
            .feature_names()
            .enumerate()
            .filter(|(at, _)| constant.contains(at))
            .map(|(_, name)| name)
            .take(5)
            .collect();
        (!names.is_empty()).then(|| {
            let more = constant.len() - names.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!(
                "{} of {} columns do not change in the calibration rows, so that their ranges say little: {}{more}",
                constant.len(),
                model.inputs(),
                names.join(", ")
            )
        })
    }
}

/// By how much the float model's ROC-AUC is higher, where that is worth a word.
pub(super) fn warn_about_loss(loss: f64, is_tuned: bool) -> Option<String> {
    let (cause, way_out) = if is_tuned {
        ("after fine-tuning the int8 model still loses", "give more rows of normal operation, or keep the float model")
    } else {
        ("rounding loses", "--qat 10 lowers the error of the scores, compare both reports")
    };
    (loss > WORTH_TUNING).then(|| format!("{cause} {loss:.4} of the ROC-AUC; {way_out}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::threshold;
    use crate::quantize::Tuning;
    use crate::quantize::qat::tests::{coarse, rows};
    use crate::table::block::Position;
    use edgevae_core::format::{CalibrationSet, HeadKind};

    #[test]
    fn a_loss_is_told_with_its_number_before_and_after_fine_tuning() {
        assert_eq!(warn_about_loss(0.002, false), None);
        let told = [false, true].map(|is_tuned| warn_about_loss(0.0123, is_tuned).unwrap());
        assert!(told[0].contains("rounding loses 0.0123 of the ROC-AUC; --qat 10"), "{}", told[0]);
        assert!(told[1].contains("still loses 0.0123 of the ROC-AUC") && !told[1].contains("--qat"), "{}", told[1]);
    }

    #[test]
    fn a_threshold_of_nothing_is_refused_with_the_widest_reading() {
        let file = coarse(HeadKind::Mse);
        let mut features = rows(20, 2, 2.0);
        features[[7, 4]] = -50.0;
        let places: Vec<Position> = (1..=20).map(|row| Position { line: Some(row + 1), row }).collect();
        let all: Vec<usize> = (0..20).collect();
        let quantization = Quantization {
            features: features.view(),
            labels: None,
            places: &places,
            ranges_from: &all,
            threshold_from: &all,
            compared: &all,
            set: CalibrationSet::File,
            quantile: 0.5,
            tuning: Tuning::default(),
        };
        let model = file.model().unwrap();
        let at = |threshold| threshold::at_threshold(&[], threshold).unwrap();
        let check = |float, int8| quantization.check_threshold(&model, &at(float), (&at(int8), &[]));
        let refused = check(0.25, f32::MIN_POSITIVE).unwrap_err().to_string();
        for part in [
            "the int8 threshold is 0 where the float one is 0.25",
            "-50 in line 9 (row 8), column \"e\", 50.0 standard",
        ] {
            assert!(refused.contains(part), "{refused}");
        }
        let warning = |score_error| quantization.warn_about_error(&model, score_error, &[]);
        let large = warning(0.061).unwrap();
        assert!(
            large.contains("differ by 6.1 %") && large.contains("column \"e\"") && large.contains("--qat 10"),
            "{large}"
        );
        assert_eq!(warning(0.049), None);
        // Rows that both reconstruct exactly have no other threshold.
        assert!(check(f32::MIN_POSITIVE, f32::MIN_POSITIVE).is_ok() && check(0.25, 0.2).is_ok());
    }
}
