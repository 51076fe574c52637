//! A system that refuses threads: results are the same with fewer, or the error says what to do.
#![cfg(target_os = "linux")]

use edgevae_tests::{Ran, edgevae, edgevae_where};

/// Runs `edgevae` where no thread has room for its stack, unless it asks for a small one.
fn refused(folder: &std::path::Path, words: &str) -> Ran {
    edgevae_where(&[("RUST_MIN_STACK", "1152921504606846976")], folder, words, b"")
}

#[test]
fn a_fit_without_threads_says_so() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 300 --features 4 --out rows.csv").ok();
    let train = "train --data rows.csv --label label --epochs 1 --out run";
    for more in ["", "--stream", "--stream --preset reference"] {
        let words = |threads: u16| format!("{train} {more} --threads {threads}");
        refused(dir.path(), &words(16)).fails_with(&["rows.csv: cannot start 16 threads: ", "set --threads to fewer"]);
        refused(dir.path(), &words(1)).fails_with(&["rows.csv: cannot start 1 thread: ", "ulimit"]);
    }
    let told = refused(dir.path(), "inspect none.evae").stderr;
    let warning = "warning: Ctrl-C may leave a temporary file behind, because what waits for it cannot start: Resource";
    assert!(told.starts_with(warning), "{told}");
    let sweep = "sweep --synth rows=300 --epochs 1 --hidden 4 --latent 1 --seeds 0..3 --jobs 3 --out sweep";
    refused(dir.path(), sweep).fails_with(&["4 of 4 runs failed", "cannot start 1 thread: ", "--jobs"]);
}

#[test]
fn scores_do_not_need_the_threads_that_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    edgevae(dir.path(), "synth --rows 300 --features 4 --out rows.csv").ok();
    let train = "train --data rows.csv --label label --epochs 1 --quiet";
    for (out, more) in [("rows", ""), ("windows", "--window 4")] {
        edgevae(dir.path(), &format!("{train} {more} --out {out}")).ok();
        let model = format!("--model {out}/model.evae --data rows.csv --threads 4 --quiet");
        for words in [format!("score {model}"), format!("evaluate {model} --label label")] {
            assert_eq!(refused(dir.path(), &words).ok(), edgevae(dir.path(), &words).ok(), "{words}");
        }
    }
}
