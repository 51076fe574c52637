//! Which rows are fitted, which calibrate and which only evaluate.

use std::collections::HashSet;

use edgevae_core::format::{CalibrationSet, HeadKind};

use super::split::{self, Split};
use crate::options::{CalibrateOn, Contamination, Options, Preset, SplitBy, TrainOn};
use crate::prepare::scaler::Scaler;
use crate::table::Dataset;

/// Why rows cannot be divided.
#[derive(Debug, thiserror::Error)]
pub enum DivideError {
    /// `--train-on normal` without labels.
    #[error("--train-on normal needs labels; name the label column with --label, or leave --train-on at all")]
    NoLabels,
    /// `--calibrate-on test` without normal rows in the test split.
    #[error("--calibrate-on test needs rows labelled normal in the test split; {0}")]
    NoTestNormals(&'static str),
    /// Too few rows are left for the fit.
    #[error(
        "{left} of {rows} rows are left for the fit, {why}; expected at least 2: give more rows or smaller fractions"
    )]
    TooFewRows {
        /// Rows of the data set.
        rows: usize,
        /// Rows left for the fit.
        left: usize,
        /// What took the others away.
        why: String,
    },
}

pub(crate) const CALIBRATED_ON_TRAINING_ROWS: &str = "no row could be kept out for calibration: the threshold comes from the training rows, whose scores are lower than \
     those of new rows; expect more false alarms than stated";

/// Row indices of a data set by their use; no row is in two of them.
#[derive(Default, PartialEq)]
pub(crate) struct Rows {
    pub fit: Vec<usize>,
    pub validation: Vec<usize>,
    /// Calibration rows out of the training rows; empty when the test split calibrates.
    pub holdout: Vec<usize>,
    /// Rows that bring several heads to one footing: the holdout, else a share of their own where one of the heads stores
    /// rows, else none, and the fitted rows serve.
    pub footing: Vec<usize>,
    /// Rows that a first fit left out of the fit and the footing ([`Options::trim`]).
    pub trimmed: usize,
    pub test: Vec<usize>,
}

impl Rows {
    /// Divides the rows as the options say.
    ///
    /// # Errors
    /// [`DivideError::NoLabels`], [`DivideError::NoTestNormals`], [`DivideError::TooFewRows`].
    pub fn choose(dataset: &Dataset, options: &Options, warnings: &mut Vec<String>) -> Result<Self, DivideError> {
        let rows = dataset.features.nrows();
        let labels = dataset.labels.as_deref();
        let is_normal = |row: &usize| labels.is_none_or(|labels| !labels[*row]);
        let Split { train: mut fit, test } = divided(dataset, options);
        let mut why = format!("{} are for the test", test.len());
        if options.train_on == TrainOn::Normal {
            let all = if labels.is_some() { fit.len() } else { return Err(DivideError::NoLabels) };
            fit.retain(is_normal);
            why += &format!(", {} labelled anomaly are left out", all - fit.len());
        }
        warn_about_labels(labels, &fit, options, warnings);
        let mut holdout = Vec::new();
        let test_calibrates = labels.is_some() && test.iter().any(is_normal);
        if options.calibrate_on.unwrap_or(if test_calibrates { CalibrateOn::Test } else { CalibrateOn::Holdout })
            == CalibrateOn::Holdout
        {
            (fit, holdout) = held_out(&fit, dataset, options, options.calibration_fraction, options.seed);
            why += &format!(", {} for calibration", holdout.len());
            // An anomaly in the holdout would raise the threshold; one in the fit is what `--train-on all` accepts.
            if holdout.iter().any(is_normal) {
                holdout.retain(is_normal);
            }
        }
        let mut chosen = Self { fit, footing: holdout.clone(), holdout, test, ..Self::default() };
        // Told before the fit, though only the calibration needs it.
        chosen.calibration_set(options, chosen.test_normals(labels))?;
        why += &chosen.take_footing(dataset, options);
        if options.patience.is_some() {
            let seed = options.seed.wrapping_add(1);
            (chosen.fit, chosen.validation) =
                held_out(&chosen.fit, dataset, options, options.validation_fraction, seed);
            why += &format!(", {} for early stopping", chosen.validation.len());
        }
        let fit = &chosen.fit;
        if fit.len() < 2 {
            return Err(DivideError::TooFewRows { rows, left: fit.len(), why });
        }
        if fit.len() < options.batch_size {
            warnings.push(format!(
                "{} rows to fit are fewer than a batch of {}: each epoch is one step",
                fit.len(),
                options.batch_size
            ));
        }
        Ok(chosen)
    }

    /// Where there is no holdout and a head that stores rows stands beside others, takes rows out of the fit that bring
    /// them to one footing, and says how many: a stored row is no distance from itself, so fitted rows would be no footing.
    pub fn take_footing(&mut self, dataset: &Dataset, options: &Options) -> String {
        let heads = options.heads();
        let stores = heads.len() > 1 && heads.iter().any(|kind| matches!(kind, HeadKind::Neighbours { .. }));
        // `auto` compares every score, `density` among them.
        if !self.footing.is_empty() || !(stores || options.preset == Preset::Auto) {
            return String::new();
        }
        (self.fit, self.footing) = held_out(&self.fit, dataset, options, options.calibration_fraction, options.seed);
        format!(", {} to compare heads", self.footing.len())
    }

    /// How many of the test rows are labelled normal; 0 without labels.
    pub fn test_normals(&self, labels: Option<&[bool]>) -> usize {
        labels.map_or(0, |labels| self.test.iter().filter(|&&row| !labels[row]).count())
    }

    /// Rows of the footing that are not those of the holdout.
    pub fn own_footing(&self) -> usize {
        if self.holdout.is_empty() { self.footing.len() } else { 0 }
    }

    /// Where the threshold comes from.
    ///
    /// # Errors
    /// [`DivideError::NoTestNormals`] when the options insist on a test split without normal rows.
    pub fn calibration_set(&self, options: &Options, test_normals: usize) -> Result<CalibrationSet, DivideError> {
        match options.calibrate_on {
            Some(CalibrateOn::Test) if test_normals == 0 => Err(DivideError::NoTestNormals(if self.test.is_empty() {
                "there is no test split (--test-fraction)"
            } else {
                "use --label, or --calibrate-on holdout"
            })),
            Some(CalibrateOn::Test) => Ok(CalibrationSet::TestNormals),
            _ if !self.holdout.is_empty() => Ok(CalibrationSet::Holdout),
            None if test_normals > 0 => Ok(CalibrationSet::TestNormals),
            _ => Ok(CalibrationSet::TrainingRows),
        }
    }
}

/// The rows to train on and those that only evaluation sees, as the options say.
pub fn divided(dataset: &Dataset, options: &Options) -> Split {
    let (rows, fraction) = (dataset.features.nrows(), options.test_fraction);
    match options.split {
        SplitBy::Random => split::stratified(dataset.labels.as_deref(), rows, fraction, options.seed),
        SplitBy::Chronological => split::chronological(rows, fraction, options.split_gap),
        SplitBy::Group(_) => {
            let all: Vec<usize> = (0..rows).collect();
            let (train, test) = split::whole_groups(&all, &dataset.groups, fraction, options.seed);
            Split { train, test }
        }
    }
}

/// Rows taken out of those to train on, `(kept, held_out)`, in the manner of the split: what is held out must be as new to
/// the fit as the test rows are.
fn held_out(
    rows: &[usize],
    dataset: &Dataset,
    options: &Options,
    fraction: f64,
    seed: u64,
) -> (Vec<usize>, Vec<usize>) {
    match options.split {
        SplitBy::Random => split::holdout(rows, fraction, seed),
        SplitBy::Chronological => split::last(rows, fraction, options.split_gap),
        SplitBy::Group(_) => match split::whole_groups(rows, &dataset.groups, fraction, seed) {
            // One group is no choice; rows of it are better than none.
            (_, held_out) if held_out.is_empty() => split::holdout(rows, fraction, seed),
            both => both,
        },
    }
}

/// Number of the rows that a run with these options fits before it leaves any out; `None` where they cannot be divided.
pub fn fitted_rows(dataset: &Dataset, options: &Options) -> Option<usize> {
    Rows::choose(dataset, options, &mut Vec::new()).ok().map(|rows| rows.fit.len())
}

/// The rows to train on, as the options split a data set, in ascending order.
pub fn training_rows(dataset: &Dataset, options: &Options) -> Vec<usize> {
    divided(dataset, options).train
}

/// Says what labels make impossible, and what they contradict. `fit`: rows to train on.
pub(crate) fn warn_about_labels(labels: Option<&[bool]>, fit: &[usize], options: &Options, warnings: &mut Vec<String>) {
    let Some(labels) = labels else { return };
    let anomalies = labels.iter().filter(|label| **label).count();
    if anomalies == 0 || anomalies == labels.len() {
        let (class, undefined) = if anomalies == 0 {
            ("normal", "ROC-AUC, average precision, precision, recall and F1")
        } else {
            ("an anomaly", "ROC-AUC, average precision, precision and F1")
        };
        warnings.push(format!("every row is labelled {class}: {undefined} cannot be computed and are null"));
    }
    let anomalies = fit.iter().filter(|&&row| labels[row]).count();
    if options.contamination == Contamination::Share(0.0) && anomalies > 0 {
        warnings.push(format!(
            "{anomalies} of the {} training rows are labelled anomaly although --contamination 0 calls them clean; \
             --train-on normal leaves them out",
            fit.len()
        ));
    }
}

/// Says what the fitted rows tell about the columns; `trimmed` of the training rows are not among them.
pub(crate) fn warn_about_columns(dataset: &Dataset, scaler: &Scaler, trimmed: usize, warnings: &mut Vec<String>) {
    let constant = dataset.constant_columns(&scaler.constant);
    if !constant.is_empty() {
        let shown = &constant[..constant.len().min(5)];
        let more = constant.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let columns = if dataset.origins.is_empty() { &dataset.names } else { &dataset.origins };
        let columns = columns.iter().collect::<HashSet<_>>().len();
        let which = match trimmed {
            0 => "the training rows".to_owned(),
            _ => format!("the rows that are fitted after the worst {trimmed} were left out"),
        };
        let varies = scaler.constant.iter().any(|&at| {
            let column = dataset.features.column(at);
            column.iter().any(|value| *value != column[0])
        });
        let way_out =
            if trimmed > 0 && varies { "; where their rare values are normal: --contamination 0" } else { "" };
        // Whole numbers from 2^24 on have neighbours that `f32` makes equal: what varies less than that stands still.
        let coarse = scaler.constant.iter().find(|&&at| scaler.mean[at].abs() >= 16_777_216.0);
        let coarse = coarse.map_or(String::new(), |&at| {
            let mean = scaler.mean[at].abs() as f32;
            let step = mean.next_up() - mean;
            format!("; near {mean:e} a 32-bit float resolves steps of {step}: subtract an offset from what varies less")
        });
        warnings.push(format!(
            "{} of {columns} columns are constant in {which} and kept with scale 1: {}{more}{way_out}{coarse}",
            constant.len(),
            shown.join(", "),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Score;
    use crate::table::synthetic::Synthetic;
    use std::collections::BTreeSet;

    fn reference(rows: usize) -> Dataset {
        Synthetic { rows, ..Synthetic::default() }.generate().unwrap()
    }

    #[test]
    fn columns_that_stand_still_are_named_with_what_to_do() {
        let features = ndarray::array![[1e12f32, 1.0, 0.0], [1e12, 2.0, 0.0], [1e12, 3.0, 1.0]];
        let names = ["far", "moves", "rare"].map(String::from).to_vec();
        let dataset = Dataset { names, features, ..Dataset::default() };
        let scaler = Scaler { mean: vec![1e12, 2.0, 0.0], scale: vec![1.0; 3], constant: vec![0, 2], clip: None };
        let warned = |trimmed: usize| {
            let mut warnings = Vec::new();
            warn_about_columns(&dataset, &scaler, trimmed, &mut warnings);
            warnings.concat()
        };
        let (all, trimmed) = (warned(0), warned(7));
        assert!(all.starts_with("2 of 3 columns are constant in the training rows"), "{all}");
        assert!(all.contains("far, rare; near 1e12 a 32-bit float resolves steps of 65536"), "{all}");
        assert!(
            trimmed.contains("after the worst 7 were left out") && trimmed.contains("--contamination 0"),
            "{trimmed}"
        );
    }

    fn choose(dataset: &Dataset, options: &Options) -> (Rows, CalibrationSet) {
        let rows = Rows::choose(dataset, options, &mut Vec::new()).unwrap();
        let set = rows.calibration_set(options, rows.test_normals(dataset.labels.as_deref())).unwrap();
        (rows, set)
    }

    #[test]
    fn labelled_data_are_calibrated_on_the_normal_test_rows() {
        let (rows, set) = choose(&reference(1000), &Options::default());
        assert_eq!(
            (rows.fit.len(), rows.holdout.len(), rows.test.len(), set),
            (800, 0, 200, CalibrationSet::TestNormals)
        );
    }

    #[test]
    fn unlabelled_data_are_calibrated_on_rows_kept_out_of_the_fit() {
        let dataset = Dataset { labels: None, ..reference(1000) };
        let (rows, set) = choose(&dataset, &Options { patience: Some(3), ..Options::default() });
        assert_eq!((rows.fit.len(), rows.validation.len(), rows.holdout.len()), (576, 64, 160));
        assert_eq!(set, CalibrationSet::Holdout);
        let all: BTreeSet<usize> =
            [&rows.fit, &rows.validation, &rows.holdout, &rows.test].into_iter().flatten().copied().collect();
        assert_eq!(all.len(), 1000, "every row is used, and once");
    }

    #[test]
    fn a_holdout_leaves_known_anomalies_out_of_the_calibration() {
        let dataset = reference(1000);
        let labels = dataset.labels.clone().unwrap();
        let options = Options { calibrate_on: Some(CalibrateOn::Holdout), ..Options::default() };
        let (rows, set) = choose(&dataset, &options);
        assert_eq!(set, CalibrationSet::Holdout);
        assert!(rows.holdout.iter().all(|&row| !labels[row]));
        assert!(rows.fit.iter().any(|&row| labels[row]), "--train-on all keeps anomalies in the fit");
    }

    #[test]
    fn train_on_normal_fits_no_row_labelled_anomaly() {
        let dataset = reference(1000);
        let labels = dataset.labels.clone().unwrap();
        let options = Options { train_on: TrainOn::Normal, ..Options::default() };
        assert!(choose(&dataset, &options).0.fit.iter().all(|&row| !labels[row]));
        let unlabelled = Dataset { labels: None, ..dataset };
        assert!(matches!(Rows::choose(&unlabelled, &options, &mut Vec::new()), Err(DivideError::NoLabels)));
    }

    #[test]
    fn a_score_that_stores_rows_beside_other_heads_takes_a_footing_of_its_own() {
        let dataset = reference(1000);
        for (score, own) in [(Score::Density, 160), (Score::Combined, 0), (Score::Neighbours, 0)] {
            let rows = choose(&dataset, &Options { score, ..Options::default() }).0;
            assert_eq!((rows.own_footing(), rows.fit.len()), (own, 800 - own), "{score:?}");
        }
        let unlabelled = Dataset { labels: None, ..dataset };
        let rows = choose(&unlabelled, &Options { score: Score::Density, ..Options::default() }).0;
        assert_eq!((rows.own_footing(), &rows.footing), (0, &rows.holdout), "the holdout serves");
    }

    #[test]
    fn a_calibration_that_no_test_row_allows_is_refused_before_the_fit() {
        let options = Options { calibrate_on: Some(CalibrateOn::Test), ..Options::default() };
        let dataset = reference(1000);
        assert_eq!(choose(&dataset, &options).1, CalibrationSet::TestNormals);
        let without_test = Options { test_fraction: 0.0, ..options.clone() };
        let unlabelled = Dataset { labels: None, ..dataset.clone() };
        for (dataset, options) in [(&dataset, &without_test), (&unlabelled, &options)] {
            let chosen = Rows::choose(dataset, options, &mut Vec::new());
            assert!(matches!(chosen, Err(DivideError::NoTestNormals(_))));
        }
    }

    #[test]
    fn rows_called_clean_against_their_labels_are_told() {
        let dataset = reference(1000);
        let clean = Options { contamination: Contamination::Share(0.0), ..Options::default() };
        let told = |options: &Options| {
            let mut warnings = Vec::new();
            Rows::choose(&dataset, options, &mut warnings).unwrap();
            warnings.iter().any(|warning| warning.starts_with("16 of the 800 training rows are labelled anomaly"))
        };
        assert!(told(&clean) && !told(&Options::default()));
        assert!(!told(&Options { train_on: TrainOn::Normal, ..clean }));
    }

    #[test]
    fn one_class_and_too_few_rows_are_said() {
        let mut dataset = reference(50);
        dataset.labels = Some(vec![true; 50]);
        let mut warnings = Vec::new();
        let rows = Rows::choose(&dataset, &Options::default(), &mut warnings).unwrap();
        assert_eq!(rows.calibration_set(&Options::default(), 0).unwrap(), CalibrationSet::Holdout);
        assert!(warnings[0].contains("labelled an anomaly"), "{warnings:?}");
        assert!(warnings[1].contains("fewer than a batch"), "{warnings:?}");
        let options = Options { train_on: TrainOn::Normal, ..Options::default() };
        assert!(matches!(
            Rows::choose(&dataset, &options, &mut Vec::new()),
            Err(DivideError::TooFewRows { rows: 50, left: 0, .. })
        ));
    }
}
