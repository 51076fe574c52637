//! PyTorch beside us: run as a process, absent where it cannot be run.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::median;
use crate::vae::Shape;

/// A Python with PyTorch and the script of the same network.
#[derive(Clone, Debug)]
pub struct Torch {
    /// The interpreter.
    pub python: PathBuf,
    /// A script `torch_vae.py TRAIN.csv --threads N --epochs N --hidden W,... --latent N` that prints JSON with `fit_seconds`.
    pub script: PathBuf,
}

/// Prints the GFLOP/s of a product of two square matrices.
const SGEMM: &str = "import sys, time, torch
torch.set_num_threads(1)
n = int(sys.argv[1]); a = torch.randn(n, n); times = []
for _ in range(7):
    start = time.perf_counter(); torch.mm(a, a); times.append(time.perf_counter() - start)
print(2 * n**3 / sorted(times)[3] / 1e9)";

impl Torch {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        // One thread means one: a BLAS keeps a pool of its own.
        command.envs(["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"].map(|name| (name, "1")));
        command
    }

    /// GFLOP/s of its matrix product on one core; `None` where it does not run.
    pub fn sgemm(&self, edge: usize) -> Option<f64> {
        let out = self.command().arg("-c").arg(SGEMM).arg(edge.to_string()).output().ok()?;
        String::from_utf8(out.stdout).ok()?.trim().parse().ok()
    }

    /// Median seconds of a fit on one thread; `None` where it does not run.
    pub fn fit_seconds(&self, data: &Path, shape: &Shape, epochs: usize, repeats: usize) -> Option<f64> {
        let hidden = shape.hidden.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let run = || -> Option<f64> {
            let mut command = self.command();
            command.arg(&self.script).arg(data).args(["--threads", "1", "--epochs", &epochs.to_string()]);
            let out = command.args(["--hidden", &hidden, "--latent", &shape.latent.to_string()]).output().ok()?;
            serde_json::from_slice::<serde_json::Value>(&out.stdout).ok()?["fit_seconds"].as_f64()
        };
        let times: Option<Vec<f64>> = (0..repeats).map(|_| run()).collect();
        Some(median(times?.into_iter()))
    }
}
