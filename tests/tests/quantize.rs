//! From a float model to an int8 one and its scores, through the binary.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use edgevae_tests::{edgevae, names, real_data};
use serde_json::Value;

/// Two features that move together and a constant one; the label marks rows where they do not.
fn table(rows: usize) -> String {
    let mut text = String::from("a,b,c,fault\n");
    for row in 0..rows {
        let t = (row * 37 % 101) as f32 / 101.0;
        let fault = row % 20 == 19;
        let b = 2.0 * t + 0.01 * (row * 53 % 89) as f32 / 89.0 + if fault { 1.5 } else { 0.0 };
        writeln!(text, "{t},{b},5,{}", u8::from(fault)).unwrap();
    }
    text
}

/// A folder with `rows.csv` and a trained `run/`.
fn trained(more: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("rows.csv"), table(400)).unwrap();
    let train = "train --data rows.csv --label fault --epochs 20 --hidden 8 --latent 1 --quiet --out run";
    edgevae(dir.path(), &format!("{train} {more}")).ok();
    dir
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn an_int8_model_scores_calibrates_and_is_inspected_like_a_float_one() {
    let dir = trained("--quantize");
    let quantize = "quantize --model run/model.evae --data rows.csv --label fault --out m8.evae --report m8.json";
    let printed = edgevae(dir.path(), quantize).ok();
    for part in ["ROC-AUC", "missed detections", "false-alarm rate", "rank correlation", "of the 20 highest"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let report = json(&dir.path().join("m8.json"));
    assert_eq!(report["rows"], 400);
    let auc = |side: &str| report[side]["roc_auc"].as_f64().unwrap();
    assert!((auc("float") - auc("int8")).abs() < 0.002, "{report}");
    assert!(report["agreement"].as_f64().unwrap() >= 0.995, "{report}");
    assert!(json(&dir.path().join("run/quantization.json"))["rows"].as_u64().unwrap() < 400, "the test rows alone");

    edgevae(dir.path(), "score --model m8.evae --data rows.csv --out s.csv --quiet").ok();
    let scores = fs::read_to_string(dir.path().join("s.csv")).unwrap();
    assert_eq!(scores.lines().next(), Some("row,score,is_anomaly,out_of_range"));
    assert_eq!(scores.lines().count(), 401);
    let flagged = |text: &str| text.lines().skip(1).filter(|line| line.split(',').nth(2) == Some("1")).count();
    // Rows are scored to the same bits by any number of threads.
    edgevae(dir.path(), "score --model m8.evae --data rows.csv --out s1.csv --quiet --threads 1").ok();
    assert_eq!(fs::read_to_string(dir.path().join("s1.csv")).unwrap(), scores);

    edgevae(dir.path(), "calibrate --model m8.evae --data rows.csv --quantile 0.5 --out m9.evae --quiet").ok();
    edgevae(dir.path(), "score --model m9.evae --data rows.csv --out s9.csv --quiet").ok();
    assert_eq!(flagged(&fs::read_to_string(dir.path().join("s9.csv")).unwrap()), 200);
    let inspected: Value = serde_json::from_str(&edgevae(dir.path(), "inspect m9.evae --json").ok()).unwrap();
    assert_eq!(
        (inspected["numbers"].as_str(), inspected["calibration"]["quantile"].as_f64()),
        (Some("int8"), Some(0.5))
    );
}

#[test]
fn a_reading_out_of_range_is_an_anomaly_and_said_so() {
    let dir = trained("");
    let quantize = "quantize --model run/model.evae --data rows.csv --label fault --out m8.evae --quiet";
    edgevae(dir.path(), quantize).ok();
    fs::write(dir.path().join("far.csv"), "a,b,c\n0.5,1,5\n1e6,1,5\n0.5,-1e30,5\n0.5,1,1e9\n").unwrap();
    let ran = edgevae(dir.path(), "score --model m8.evae --data far.csv --out -");
    let marks: Vec<&str> = ran.stdout.lines().skip(1).map(|line| &line[line.len() - 3..]).collect();
    assert_eq!(marks, ["0,0", "1,1", "1,1", "1,1"], "{}", ran.stdout);
    assert!(ran.stderr.contains("3 have a reading beyond the range of the model"), "{}", ran.stderr);

    fs::write(dir.path().join("labelled.csv"), "a,b,c,fault\n0.5,1,5,0\n1e6,1,5,1\n0.5,-1e30,5,1\n").unwrap();
    let evaluate = "evaluate --model m8.evae --data labelled.csv --label fault --quiet";
    let found: Value = serde_json::from_str(&edgevae(dir.path(), evaluate).ok()).unwrap();
    assert_eq!((found["recall"].as_f64(), found["roc_auc"].as_f64()), (Some(1.0), Some(1.0)), "{found}");
    edgevae(dir.path(), "calibrate --model m8.evae --data far.csv --quantile 0.5 --out m9.evae --quiet").fails_with(&[
        "far.csv",
        "a reading out of the model's range",
        "quantize the float model",
    ]);
}

#[test]
fn what_cannot_be_quantized_is_refused_with_the_reason_and_leaves_nothing() {
    let dir = trained("");
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    let quantize = |data: &str, model: &str, out: &str| {
        edgevae(dir.path(), &format!("quantize --model {model} --data {data} --out {out} --quiet"))
    };
    write("few.csv", &table(9));
    quantize("few.csv", "run/model.evae", "m8.evae").fails_with(&["9 calibration rows", "10"]);
    write("other.csv", "a,c\n1,2\n");
    quantize("other.csv", "run/model.evae", "m8.evae").fails_with(&["other.csv", "b"]);
    assert!(!names(dir.path()).contains(&"m8.evae".to_owned()));

    write("some.csv", &table(50));
    let ran = quantize("some.csv", "run/model.evae", "m8.evae");
    assert!(ran.stderr.contains("50 calibration rows are few"), "{}", ran.stderr);
    ran.ok();
    let still: String = (0..150).map(|row| format!("{},1,5\n", row as f32 / 150.0)).collect();
    write("still.csv", &format!("a,b,c\n{still}"));
    let ran = quantize("still.csv", "run/model.evae", "m8.evae");
    assert!(ran.stderr.contains("1 of 3 columns do not change in the calibration rows"), "{}", ran.stderr);
    edgevae(dir.path(), "quantize --model run/model.evae --data some.csv --out one.evae --report one.evae")
        .fails_with(&["--out and --report", "one.evae"]);
    quantize("some.csv", "m8.evae", "twice.evae").fails_with(&["m8.evae", "int8 model already"]);

    let train = "train --data rows.csv --label fault --epochs 2 --hidden 8 --latent 1 --quiet --out elbo --score elbo";
    edgevae(dir.path(), train).ok();
    quantize("rows.csv", "elbo/model.evae", "e8.evae").fails_with(&["elbo", "no integer form", "--score mse"]);
    edgevae(dir.path(), &train.replace("--out elbo --score elbo", "--out clip --score mse --clip 8")).ok();
    quantize("rows.csv", "clip/model.evae", "c8.evae").fails_with(&["±8 (--clip)", "train without --clip"]);
}

#[test]
fn the_mahalanobis_distance_has_an_integer_form() {
    let dir = trained("--score mahalanobis");
    let quantize =
        "quantize --model run/model.evae --data rows.csv --label fault --out m8.evae --report m8.json --quiet";
    edgevae(dir.path(), quantize).ok();
    let report = json(&dir.path().join("m8.json"));
    assert!(report["rank_correlation"].as_f64().unwrap() > 0.999, "{report}");
    assert!(report["agreement"].as_f64().unwrap() >= 0.995, "{report}");
}

#[test]
fn fine_tuning_is_reported_and_no_worse_than_rounding() {
    let dir = trained("--quantize --qat 5");
    let tuned = json(&dir.path().join("run/quantization.json"))["tuned"].clone();
    let error = |name: &str| tuned[name].as_f64().unwrap();
    assert!(error("score_error") <= error("score_error_before"), "{tuned}");
    let page = fs::read_to_string(dir.path().join("run/report.html")).unwrap();
    assert!(page.contains("<section id=\"quantization\"") && page.contains("fine-tuned for rounding for 5 epochs"));
    assert!(fs::read_to_string(dir.path().join("run/config.toml")).unwrap().contains("qat = 5"));

    let quantize =
        "quantize --model run/model.evae --data rows.csv --label fault --out m8.evae --report m8.json --qat 5";
    let printed = edgevae(dir.path(), quantize).ok();
    assert!(printed.contains("fine-tuned for 5 epochs"), "{printed}");
    let report = json(&dir.path().join("m8.json"));
    assert!(report["agreement"].as_f64().unwrap() >= 0.995, "{report}");
    edgevae(dir.path(), "train --data rows.csv --label fault --qat 5 --out no").fails_with(&["--qat", "--quantize"]);
}

#[test]
fn a_model_trained_on_a_stream_has_an_int8_form_too() {
    let dir = trained("--stream --quantize");
    let report = json(&dir.path().join("run/quantization.json"));
    assert!(report["agreement"].as_f64().unwrap() >= 0.995, "{report}");
    assert!((50..200).contains(&report["rows"].as_u64().unwrap()), "the test rows alone: {report}");
    edgevae(dir.path(), "score --model run/model-int8.evae --data rows.csv --out s.csv --quiet").ok();
    assert_eq!(fs::read_to_string(dir.path().join("s.csv")).unwrap().lines().count(), 401);
}

/// The rows of [`table`] without labels, all normal.
fn normal(rows: usize) -> Vec<String> {
    let row =
        |line: &str| line.rsplit_once(',').map(|(cells, label)| (label == "0").then(|| cells.to_owned())).unwrap();
    table(rows).lines().skip(1).filter_map(row).collect()
}

#[test]
fn a_wild_cell_in_the_calibration_rows_costs_one_row_and_is_told() {
    let dir = trained("");
    let mut rows = normal(400);
    let write = |name: &str, rows: &[String]| {
        fs::write(dir.path().join(name), format!("a,b,c\n{}\n", rows.join("\n"))).unwrap()
    };
    write("tame.csv", &rows);
    rows[2] = "0.5,1e7,5".to_owned();
    write("wild.csv", &rows);
    for more in ["", "--qat 2"] {
        let quantize = |data: &str| {
            let words =
                format!("quantize --model run/model.evae --data {data} --out m8.evae --report m8.json --quiet {more}");
            let ran = edgevae(dir.path(), &words);
            let told = ran.stderr.clone();
            ran.ok();
            (json(&dir.path().join("m8.json")), told)
        };
        let ((tame, quiet), (wild, told)) = (quantize("tame.csv"), quantize("wild.csv"));
        assert_eq!(
            (quiet.as_str(), tame["out_of_range"].as_u64(), wild["out_of_range"].as_u64()),
            ("", Some(0), Some(1))
        );
        let parts =
            ["out of the int8 model's range", "1 of 380", "wild.csv", "10000000 in line 4 (row 3), column \"b\""];
        parts.iter().for_each(|part| assert!(told.contains(part), "{part}: {told}"));
        let number = |report: &Value, key: &str| report[key].as_f64().unwrap();
        assert!(number(&wild, "agreement") >= 0.995 && number(&wild, "rank_correlation") > 0.999, "{wild}");
        let thresholds = [&tame, &wild].map(|report| report["int8"]["threshold"].as_f64().unwrap());
        assert!((thresholds[1] / thresholds[0] - 1.0).abs() < 0.05, "{thresholds:?}");
    }
    edgevae(dir.path(), "score --model m8.evae --data wild.csv --out s.csv --quiet").ok();
    let scores = fs::read_to_string(dir.path().join("s.csv")).unwrap();
    assert!(scores.lines().nth(3).unwrap().ends_with(",1,1"), "{scores}");
    assert_eq!(scores.lines().filter(|line| line.ends_with(",1,1")).count(), 1);
}

#[test]
fn rows_that_would_leave_a_blind_model_are_refused_by_row_and_column() {
    let dir = trained("");
    // Every tenth row: too many to be left out of range, and too far out for a range that tells the others apart.
    let wild = |(at, row): (usize, &String)| if at % 10 == 0 { format!("{at}e5,1,5") } else { row.clone() };
    let rows: Vec<String> = normal(400).iter().enumerate().map(wild).collect();
    fs::write(dir.path().join("wild.csv"), format!("a,b,c\n{}\n", rows.join("\n"))).unwrap();
    for more in ["", "--qat 2"] {
        let quantize = format!("quantize --model run/model.evae --data wild.csv --out m8.evae --quiet {more}");
        edgevae(dir.path(), &quantize).fails_with(&[
            "wild.csv",
            "differ by",
            "expected less than 50 %",
            "line 372 (row 371), column \"a\"",
        ]);
    }
    // One of twenty, where the threshold is to be above all but a hundredth.
    let few: Vec<String> = normal(400)[..19].iter().cloned().chain(["9e5,1,5".to_owned()]).collect();
    fs::write(dir.path().join("few.csv"), format!("a,b,c\n{}\n", few.join("\n"))).unwrap();
    let quantize = "quantize --model run/model.evae --data few.csv --quantile 0.99 --out m8.evae --quiet";
    let parts =
        ["few.csv", "1 of 20 calibration rows are out of", "quantile 0.99", "900000 in line 21 (row 20), column \"a\""];
    edgevae(dir.path(), quantize).fails_with(&parts);
    assert!(!names(dir.path()).contains(&"m8.evae".to_owned()));
}

#[test]
fn rows_of_another_machine_with_the_same_columns_are_told() {
    let dir = trained("");
    let rows: Vec<String> =
        (0..200).map(|row| format!("{},{},{}", 900 + row * 37 % 101, row * 53 % 89, 60 + row % 7)).collect();
    fs::write(dir.path().join("other.csv"), format!("a,b,c\n{}\n", rows.join("\n"))).unwrap();
    let ran = edgevae(dir.path(), "quantize --model run/model.evae --data other.csv --out m8.evae --quiet");
    for part in [
        "other.csv: 100 % of the calibration rows are above the float model's own threshold",
        "which was set for 5.0 %",
        "column \"a\"",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    ran.ok();
}

#[test]
fn an_error_in_a_row_has_its_file_line_and_column() {
    let dir = trained("--missing drop");
    let mut rows = normal(100);
    rows[3] = "0.5,,5".to_owned();
    rows[20] = "0.5,-1e38,5".to_owned();
    fs::write(dir.path().join("far.csv"), format!("a,b,c\n{}\n", rows.join("\n"))).unwrap();
    let far = "quantize --model run/model.evae --data far.csv --out m8.evae --quiet";
    edgevae(dir.path(), far).fails_with(&["far.csv: line 22 (row 21)", "correct or remove the row"]);
    fs::write(dir.path().join("few.csv"), table(5)).unwrap();
    edgevae(dir.path(), &far.replace("far", "few")).fails_with(&["few.csv: 5 calibration rows"]);
    fs::write(dir.path().join("bad.csv"), table(100).replace(",0\n", ",1\n")).unwrap();
    edgevae(dir.path(), &format!("{} --label fault", far.replace("far", "bad")))
        .fails_with(&["bad.csv: all 100 rows are labelled anomalous"]);
}

#[test]
fn train_refuses_what_has_no_integer_form_before_it_fits() {
    let dir = tempfile::tempdir().unwrap();
    // A file that is not there: the refusal does not wait for its rows.
    let train = |more: &str| edgevae(dir.path(), &format!("train --data none.csv --quantize --out run {more}"));
    train("--score elbo").fails_with(&["--quantize", "`elbo` has no integer form"]);
    train("--score combined").fails_with(&["--quantize", "`combined` or `density` has no integer form"]);
    train("--clip 8").fails_with(&["--quantize", "±8 (--clip)"]);
    train("--preset auto").fails_with(&["--quantize needs --preset reference"]);
    assert!(names(dir.path()).is_empty(), "nothing is written");
}

#[test]
fn a_run_is_kept_though_its_int8_form_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("rows.csv"), table(9)).unwrap();
    let train = "train --data rows.csv --label fault --epochs 2 --hidden 4 --latent 1 --quiet --quantize --out run";
    edgevae(dir.path(), train).fails_with(&["--quantize: run holds the run without its int8 form", "calibration rows"]);
    let names = names(&dir.path().join("run"));
    assert!(names.contains(&"model.evae".to_owned()) && !names.contains(&"model-int8.evae".to_owned()), "{names:?}");
}

#[test]
fn explain_takes_the_float_model() {
    let dir = trained("--quantize");
    edgevae(dir.path(), "score --model run/model-int8.evae --data rows.csv --explain 1").fails_with(&[
        "--explain",
        "run/model-int8.evae is an int8 model",
        "give the model that it was made of",
    ]);
}

/// What rounding may cost on data of the world: one wide set, one of a single sensor's kind, one of flat features.
#[test]
fn rounding_costs_little_on_real_data_sets() {
    for name in ["cardio", "thyroid", "wdbc"] {
        let Some(data) = real_data(name) else { continue };
        let data = data.canonicalize().unwrap().display().to_string();
        let dir = tempfile::tempdir().unwrap();
        for score in ["mse", "mahalanobis"] {
            let train = format!("train --data {data} --label label --epochs 20 --quiet --out {score} --score {score}");
            edgevae(dir.path(), &train).ok();
            let quantize = format!(
                "quantize --model {score}/model.evae --data {data} --label label --out m8.evae --report m8.json --quiet"
            );
            edgevae(dir.path(), &quantize).ok();
            let report = json(&dir.path().join("m8.json"));
            let auc = |side: &str| report[side]["roc_auc"].as_f64().unwrap();
            assert!(auc("float") - auc("int8") <= 0.01, "{name}, {score}: {report}");
            assert!(report["agreement"].as_f64().unwrap() >= 0.995, "{name}, {score}: {report}");
        }
    }
}
