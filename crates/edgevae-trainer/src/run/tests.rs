//! What a run does with its rows, seen from its result.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use super::*;
use crate::Trainer;
use crate::options::{CalibrateOn, Config, Scaling, SplitBy};
use crate::table::Table;
use crate::table::synthetic::Synthetic;

fn small() -> Options {
    Options { hidden: vec![4], latent: 2, epochs: 3, batch_size: 32, ..Options::default() }
}

fn trained(dataset: &Dataset, options: &Options) -> Trained {
    train(dataset, Missing::Error, options, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn reference(rows: usize) -> Dataset {
    Synthetic { rows, ..Synthetic::default() }.generate().unwrap()
}

#[test]
fn trimming_leaves_the_rows_of_the_highest_scores_out_of_the_fit() {
    let mut dataset = Dataset { labels: None, ..reference(300) };
    let far = 0..10;
    far.clone().for_each(|row| dataset.features.row_mut(row).fill(60.0));
    let without = trained(&dataset, &small());
    assert!(without.fitted_rows.iter().any(|row| far.contains(row)), "the control");
    let trimmed = trained(&dataset, &Options { trim: 0.1, ..small() });
    assert!(trimmed.fitted_rows.iter().all(|row| !far.contains(row)), "{:?}", trimmed.fitted_rows);
    assert_eq!(trimmed.fitted_rows.len() + without.fitted_rows.len() / 10, without.fitted_rows.len());
}

#[test]
fn the_test_rows_change_no_byte_of_a_model_whose_threshold_comes_from_a_holdout() {
    let dataset = reference(300);
    let options = Options { score: Score::Density, calibrate_on: Some(CalibrateOn::Holdout), ..small() };
    let first = trained(&dataset, &options);
    let mut other = dataset.clone();
    first.test_rows.iter().for_each(|&row| other.features.row_mut(row).mapv_inplace(|value| 3.0 * value + 1.0));
    let second = trained(&other, &options);
    assert_ne!(first.test_scores, second.test_scores, "the control");
    assert!(first.model.bytes() == second.model.bytes());

    let mut other = dataset.clone();
    first.fitted_rows.iter().take(5).for_each(|&row| other.features.row_mut(row).fill(9.0));
    assert!(first.model.bytes() != trained(&other, &options).model.bytes(), "the control");
}

#[test]
fn stored_rows_count_three_times_what_another_head_does() {
    let dataset = reference(300);
    let options = Options { score: Score::Density, ..small() };
    let go_on = &mut |_: &EpochRecord| ControlFlow::Continue(());
    let fitted = Fitted::new(&dataset, Missing::Error, &options, go_on).unwrap();
    let heads = fitted.heads(&options).unwrap();
    // The first number of a tail is its step times the head's weight.
    let steps: Vec<(&str, f32)> = heads.iter().map(|head| (head.kind.name(), head.tail[0])).collect();
    let least = steps.iter().map(|(_, step)| *step).fold(f32::INFINITY, f32::min);
    for (name, step) in steps {
        let expected = if name == "neighbours" { 3.0 } else { 1.0 };
        assert!((step / least - expected).abs() < 1e-5, "{name}: {}", step / least);
    }
}

/// A file with a column of numbers, every tenth of which is far away.
fn heavy_tailed(dir: &std::path::Path) -> std::path::PathBuf {
    let mut text = "a,b\n".to_owned();
    for row in 0..2000 {
        let a = if row % 10 == 3 { 1e4 } else { f64::from(row % 7) };
        writeln!(text, "{a},{}", row % 11).unwrap();
    }
    let path = dir.join("rows.csv");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn robust_scaling_is_that_of_the_median_on_streams_as_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = heavy_tailed(dir.path());
    let mean = |stream: bool, scaling: Scaling| {
        let config = Config::default().stream(stream).scaling(scaling).hidden([4]).latent(1usize).epochs(1usize);
        let table = Table::read([path.clone()]).unwrap();
        Trainer::new(config).fit(&table).unwrap().trained.scaler.mean[0]
    };
    for stream in [false, true] {
        assert!(mean(stream, Scaling::Standard) > 900.0, "the control");
        assert!((2.0..=4.0).contains(&mean(stream, Scaling::Robust)), "stream {stream}");
    }
}

#[test]
fn no_reading_is_in_a_window_that_is_fitted_and_in_one_that_tests() {
    for (rows, stride) in [(8_u16, 1_u16), (8, 3), (5, 2)] {
        let config = Config::default().data([std::path::PathBuf::from("a.csv")]).window(rows).stride(stride);
        let options = config.options();
        assert_eq!(options.split, SplitBy::Chronological);
        let windows = Dataset { labels: None, ..reference(200) };
        let split = divide::divided(&windows, &options);
        let last_reading = split.train.iter().max().unwrap() * usize::from(stride) + usize::from(rows) - 1;
        let first_of_test = split.test.iter().min().unwrap() * usize::from(stride);
        assert!(last_reading < first_of_test, "window {rows}, stride {stride}: {last_reading} {first_of_test}");
    }
}

#[test]
fn a_category_that_no_training_row_has_stands_out_from_every_one_that_they_have() {
    let dir = tempfile::tempdir().unwrap();
    let rows = |kinds: &[&str], count: usize| {
        let mut text = "kind,level\n".to_owned();
        (0..count).for_each(|row| writeln!(text, "{},{}", kinds[row % kinds.len()], row % 9).unwrap());
        text
    };
    let (train, new) = (dir.path().join("train.csv"), dir.path().join("new.csv"));
    std::fs::write(&train, rows(&["pump", "fan"], 400)).unwrap();
    std::fs::write(&new, rows(&["pump", "fan", "robot"], 18)).unwrap();
    let config = Config::default().hidden([8]).latent(2usize).epochs(5usize);
    let run = Trainer::new(config).fit(&Table::read([train]).unwrap()).unwrap();
    let verdicts = run.model().score(&Table::read([new]).unwrap()).unwrap();
    let scores: Vec<f32> = verdicts.iter().map(|verdict| verdict.score).collect();
    let of = |robot: bool| scores.iter().enumerate().filter(move |(row, _)| (row % 3 == 2) == robot).map(|(_, s)| *s);
    let (known, unseen) = (of(false).fold(0.0, f32::max), of(true).fold(f32::INFINITY, f32::min));
    // sqrt(n + 1) deviations of the feature for all other levels, squared, over four features: about n / 4.
    assert!(unseen > 20.0 * known && unseen > 40.0, "known {known}, unseen {unseen}");
}
