//! Shared helpers of the whole-path tests: the built binary, and where the real data sets are.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The `edgevae` binary of the same profile as the tests, built once.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // target/<profile>/deps/<test> -> target/<profile>
        let test = std::env::current_exe().expect("a test knows its own path");
        let profile = test.ancestors().nth(2).expect("tests lie in target/<profile>/deps");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--locked", "--package", "edgevae-cli", "--bin", "edgevae"]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        build.arg("--target-dir").arg(profile.parent().expect("a profile lies in the target folder"));
        assert!(build.status().expect("cargo runs").success(), "the edgevae binary does not build");
        profile.join(format!("edgevae{}", std::env::consts::EXE_SUFFIX))
    })
}

/// A real data set, or `None` and a clear word where the data sets are not at hand.
///
/// They are looked for in `EDGEVAE_DATA`, else in `../shared/data` beside the repository.
pub fn real_data(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("EDGEVAE_DATA").map_or(beside, PathBuf::from);
    let path = folder.join(name).with_extension("csv");
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {name}.csv is not in {}; set EDGEVAE_DATA to the folder of the data sets", folder.display());
    None
}

/// What a run of the binary came to.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs `edgevae` with words separated by blanks, in a folder.
pub fn edgevae(folder: &Path, words: &str) -> Ran {
    edgevae_with(folder, words, b"")
}

/// Runs `edgevae` with something on its standard input.
pub fn edgevae_with(folder: &Path, words: &str, stdin: &[u8]) -> Ran {
    edgevae_where(&[], folder, words, stdin)
}

/// Runs `edgevae` with variables in its environment.
pub fn edgevae_where(variables: &[(&str, &str)], folder: &Path, words: &str, stdin: &[u8]) -> Ran {
    let mut child = Command::new(binary())
        .args(words.split_whitespace())
        .envs(variables.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // A program that refuses its arguments does not read its input: a closed pipe is no failure of the test.
    let mut input = child.stdin.take().expect("the pipe was asked for");
    let stdin = stdin.to_owned();
    let writer = std::thread::spawn(move || drop(input.write_all(&stdin)));
    let output = child.wait_with_output().expect("the binary ends");
    writer.join().expect("the writer does not panic");
    let text = |bytes| String::from_utf8(bytes).expect("the binary writes UTF-8");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Ran {
    /// Asserts success and returns standard output.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout
    }

    /// Asserts exit code 2 with one message that holds each of `parts` and says nothing twice, and no panic.
    #[track_caller]
    pub fn fails_with(self, parts: &[&str]) {
        assert_eq!(self.code, Some(2), "{}{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not in the message: {}", self.stderr);
        }
        // A name may well stand there twice, and notes before the error may say what it says; a clause of it stands once.
        let error = self.stderr.rsplit("error: ").next().unwrap_or_default();
        for clause in error.split([':', ';', '\n']).map(str::trim).filter(|clause| clause.split(' ').count() > 2) {
            assert_eq!(error.matches(clause).count(), 1, "`{clause}` is told twice: {}", self.stderr);
        }
    }
}

/// Names in a folder, sorted; hidden ones included.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}
