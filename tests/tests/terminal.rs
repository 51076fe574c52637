//! Nobody has to read what the binary says: a reader that goes away is no fault and costs no result.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use edgevae_tests::{binary, edgevae, names};

const TRAIN: &str = "train --synth rows=300 --epochs 4 --hidden 4 --latent 1 --out run";

fn spawn(folder: &Path, words: &str, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Child {
    let mut command = Command::new(binary());
    command.args(words.split_whitespace()).current_dir(folder).stdin(Stdio::null());
    command.stdout(stdout).stderr(stderr).spawn().expect("the binary starts")
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), &format!("{TRAIN} --quiet")).ok();
    for words in [
        "inspect run/model.evae".to_owned(),
        "inspect run/model.evae --json".into(),
        "keygen --out secret.pem".into(),
        format!("{TRAIN} --force"),
    ] {
        let mut child = spawn(dir.path(), &words, Stdio::piped(), Stdio::piped());
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{words}: {stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("error"), "{words}: {stderr}");
    }
}

#[test]
fn a_run_writes_its_results_though_nobody_reads_its_notes() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = spawn(dir.path(), TRAIN, Stdio::null(), Stdio::piped());
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(names(&dir.path().join("run")).contains(&"model.evae".to_owned()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), &format!("{TRAIN} --quiet")).ok();
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = spawn(dir.path(), "inspect run/model.evae", full(), Stdio::piped()).wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.starts_with("error: standard output: cannot write: "), "{stderr}");
    assert_eq!(spawn(dir.path(), "inspect none.evae", Stdio::null(), full()).wait().unwrap().code(), Some(2));
}
