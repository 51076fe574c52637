//! PyTorch beside us, run as a process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use edgevae_trainer::fit::vae::Shape;

/// A Python with PyTorch and the script of the same network.
#[derive(Clone, Debug)]
pub struct Torch {
    /// The interpreter.
    pub python: PathBuf,
    /// A script `FIT.py TRAIN.csv --threads N --epochs N --hidden W,... --latent N` that prints JSON with `fit_seconds`; without,
    /// `bench/torch_fit.py`, which the program brings along.
    pub script: Option<PathBuf>,
}

/// The network as one would write it with PyTorch.
const FIT: &str = include_str!("torch_fit.py");

/// Prints the GFLOP/s of a product of two square matrices.
const SGEMM: &str = "import sys, time, torch
torch.set_num_threads(1)
n = int(sys.argv[1]); a = torch.randn(n, n); times = []
for _ in range(7):
    start = time.perf_counter(); torch.mm(a, a); times.append(time.perf_counter() - start)
print(2 * n**3 / sorted(times)[3] / 1e9)";

impl Torch {
    /// Whether a Python is there and has PyTorch.
    pub fn is_in(python: &Path) -> bool {
        let mut import = Command::new(python);
        import.args(["-c", "import torch"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        import.status().is_ok_and(|status| status.success())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        // One thread means one: a BLAS keeps a pool of its own.
        command.envs(["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"].map(|name| (name, "1")));
        command
    }

    /// GFLOP/s of its matrix product on one core.
    ///
    /// # Errors
    /// When it does not run, with what it says.
    pub fn sgemm(&self, edge: usize) -> anyhow::Result<f64> {
        let out = self.run(self.command().arg("-c").arg(SGEMM).arg(edge.to_string()))?;
        let speed = out.trim().parse().ok().filter(is_positive);
        speed.with_context(|| format!("{}: found {:?}, expected GFLOP/s", self.python.display(), out.trim()))
    }

    /// Seconds of a fit on one thread.
    ///
    /// # Errors
    /// When it does not run, with what it says, or prints no `fit_seconds`.
    pub fn fit_seconds(&self, data: &Path, shape: &Shape, epochs: usize) -> anyhow::Result<f64> {
        let hidden = shape.hidden.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let mut command = self.command();
        match &self.script {
            Some(script) => command.arg(script),
            None => command.args(["-c", FIT]),
        };
        command.arg(data).args(["--threads", "1", "--epochs", &epochs.to_string()]);
        let out = self.run(command.args(["--hidden", &hidden, "--latent", &shape.latent.to_string()]))?;
        let seconds = serde_json::from_str(&out)
            .ok()
            .and_then(|json: serde_json::Value| json["fit_seconds"].as_f64())
            .filter(is_positive);
        seconds.with_context(|| {
            let script = self.script.as_ref().unwrap_or(&self.python);
            format!("{}: found {:?}, expected JSON with `fit_seconds`", script.display(), out.trim())
        })
    }

    /// What a command prints.
    fn run(&self, command: &mut Command) -> anyhow::Result<String> {
        let out = command.output().with_context(|| format!("{}: cannot be started", self.python.display()))?;
        anyhow::ensure!(
            out.status.success(),
            "{} with PyTorch failed: {}; its messages:\n{}",
            command.get_program().display(),
            out.status,
            String::from_utf8_lossy(&out.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }
}

/// What a measured time or speed is.
fn is_positive(value: &f64) -> bool {
    value.is_finite() && *value > 0.0
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use edgevae_trainer::options::likelihood::Likelihood;

    #[test]
    fn a_peer_that_fails_is_an_error_with_its_messages() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("fit");
        let shape = Shape { inputs: 2, hidden: vec![3], latent: 1, likelihood: Likelihood::Mse };
        let run = |python: &str, text: &str| {
            std::fs::write(&script, text).unwrap();
            let torch = Torch { python: python.into(), script: Some(script.clone()) };
            torch.fit_seconds(Path::new("rows.csv"), &shape, 1).map_err(|error| format!("{error:#}"))
        };
        assert_eq!(run("sh", "echo '{\"fit_seconds\": 1.5}'"), Ok(1.5));
        let error = run("sh", "echo no module named torch >&2; exit 3").unwrap_err();
        assert!(error.contains("no module named torch") && error.contains('3'), "{error}");
        assert!(run("sh", "echo '{\"fit_seconds\": 0}'").unwrap_err().contains("expected JSON with `fit_seconds`"));
        assert!(run("sh", "echo 7").unwrap_err().contains("expected JSON with `fit_seconds`"));
        assert!(run("no-such-python", "").unwrap_err().contains("no-such-python: cannot be started"));
    }
}
