//! `edgevae bench`: its figures, its comparison, its picture.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use edgevae_tests::{binary, edgevae, names};
use serde_json::Value;

/// Applies `change` to every figure of the ratios, which alone have turns.
fn change(value: &mut Value, change: &dyn Fn(f64) -> f64) {
    match value {
        Value::Object(map) if map.contains_key("median") => {
            map.values_mut().for_each(|turn| *turn = change(turn.as_f64().unwrap()).into());
        }
        Value::Object(map) => map.values_mut().for_each(|inner| self::change(inner, change)),
        Value::Array(list) => list.iter_mut().for_each(|inner| self::change(inner, change)),
        _ => {}
    }
}

#[test]
fn figures_are_told_and_what_became_slower_ends_with_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut results: Value =
        serde_json::from_str(&edgevae(dir.path(), "bench --quick --repeats 1 --json").ok()).unwrap();
    assert_eq!(results["repeats"], 1);
    results["repeats"] = 3.into();
    let shapes: Vec<&str> =
        results["training"].as_array().unwrap().iter().filter_map(|c| c["shape"].as_str()).collect();
    assert_eq!(shapes, ["10-64-32-8", "32-64-8", "100-256-64-16", "640-128-128-128-128-8"]);
    for case in results["training"].as_array().unwrap() {
        let shares: f64 = case["shares"].as_object().unwrap().values().filter_map(Value::as_f64).sum();
        assert!((shares - 1.0).abs() < 1e-9, "{case}");
        assert!(case["fit_share_of_limit"]["median"].as_f64().unwrap() > 0.0, "{case}");
    }
    let formats: Vec<&str> = results["files"].as_array().unwrap().iter().filter_map(|f| f["format"].as_str()).collect();
    assert_eq!(formats, ["CSV", "Parquet"]);
    assert_eq!(results["files"][0]["rows"], 200_000);

    // Training was a thousand times slower before, all else a thousand times faster.
    let (mut before, mut slower) = (results.clone(), results);
    change(&mut before, &|turn| turn * 1000.0);
    change(&mut before["training"], &|turn| turn / 1e6);
    before["files"][1]["format"] = "Arrow".into();
    fs::write(dir.path().join("before.json"), before.to_string()).unwrap();
    let now = edgevae(dir.path(), "bench --quick --repeats 3 --json --compare before.json");
    assert_eq!(now.code, Some(1), "{}", now.stderr);
    let line =
        |ratio: &str| now.stderr.lines().find(|line| line.starts_with(&format!("| {ratio}"))).unwrap_or_default();
    assert!(line("fit 10-64-32-8, share of the sgemm limit").ends_with("| faster |"), "{}", now.stderr);
    assert!(line("scoring in memory, share of the sgemm limit").ends_with("| slower |"), "{}", now.stderr);
    assert!(line("scoring of CSV").ends_with("| slower |"), "{}", now.stderr);
    assert!(line("scoring of Arrow").ends_with("| in one run only |"), "{}", now.stderr);
    serde_json::from_str::<Value>(&now.stdout).unwrap();

    change(&mut slower, &|turn| turn / 1000.0);
    fs::write(dir.path().join("slower.json"), slower.to_string()).unwrap();
    let now = edgevae(dir.path(), "bench --quick --repeats 3 --compare slower.json");
    assert_eq!(now.code, Some(0), "{}", now.stderr);
    assert!(now.stdout.contains("| faster |") && !now.stdout.contains("| slower |"), "{}", now.stdout);

    // What cannot be compared is refused before the work.
    for (key, value, words) in [
        ("quick", Value::from(false), "without --quick"),
        ("instructions", "none".into(), "was made with none"),
        ("cores", 4096.into(), "on 4096 cores"),
        ("repeats", 2.into(), "found a run of 2 turns; expected 3 or more"),
    ] {
        let mut other = slower.clone();
        other[key] = value;
        fs::write(dir.path().join("other.json"), other.to_string()).unwrap();
        edgevae(dir.path(), "bench --quick --repeats 3 --compare other.json").fails_with(&[words]);
    }
}

#[test]
fn files_and_programs_that_are_none_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let bench = |words: &str| edgevae(dir.path(), &format!("bench --quick --repeats 1 {words}"));
    bench("--compare none.json").fails_with(&["none.json: cannot be read"]);
    fs::write(dir.path().join("other.json"), "{\"a\": 1}").unwrap();
    bench("--compare other.json")
        .fails_with(&["other.json: expected what this edgevae's `bench --json` writes", "missing field"]);
    edgevae(dir.path(), "bench --repeats 0").fails_with(&["--repeats is 0; expected a whole number above 0"]);
    bench("--python no-such-python").fails_with(&["no-such-python: cannot be started"]);
}

#[test]
fn growth_is_a_table_and_a_picture() {
    let dir = tempfile::tempdir().unwrap();
    let table = edgevae(dir.path(), "bench --quick --repeats 1 --growth growth.svg").ok();
    assert_eq!(table.lines().filter(|line| line.starts_with("| rows |")).count(), 2, "{table}");
    assert_eq!(table.lines().filter(|line| line.starts_with("| features |")).count(), 2, "{table}");
    assert_eq!(table.lines().filter(|line| line.starts_with("| width |")).count(), 2, "{table}");
    assert!(fs::read_to_string(dir.path().join("growth.svg")).unwrap().contains("</svg>"));
}

#[test]
#[cfg(unix)]
fn temporary_files_go_with_ctrl_c_and_a_place_for_none_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let bench = |temporary: &Path| {
        let mut bench = Command::new(binary());
        bench.args(["bench", "--quick", "--repeats", "1"]).env("TMPDIR", temporary).stdout(Stdio::null());
        bench
    };
    let mut child = bench(dir.path()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while names(dir.path()).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(60), "no temporary folder is made");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(names(dir.path()), [""; 0]);

    fs::write(dir.path().join("file"), "").unwrap();
    let refused = bench(&dir.path().join("file")).output().unwrap();
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(2) && message.contains("set TMPDIR to another folder"), "{message}");
}
