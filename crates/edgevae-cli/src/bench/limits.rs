//! What one core and its memory can do at best.

use dfdx::prelude::*;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{BenchOptions, median, median_seconds};

/// Best speeds seen in this run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Single-precision matrix product on one core, GFLOP/s: the better of both libraries below, which each turn measures again.
    pub sgemm: f64,
    /// By `matrixmultiply`, under ndarray.
    pub sgemm_matrixmultiply: f64,
    /// By `gemm` 0.15, under dfdx.
    pub sgemm_gemm: f64,
    /// By PyTorch's BLAS, for comparison: not every run has it, so no share refers to it.
    pub sgemm_torch: Option<f64>,
    /// Memory read and written by a copy of 256 MiB on one core, GB/s.
    pub memory: f64,
}

/// Edge of the square matrices: 4 MiB each, large enough for any library to be at its best.
const EDGE: usize = 1024;

/// Multiplications and additions of a product of two such matrices, in billions.
const GFLOP: f64 = 2.0 * (EDGE * EDGE * EDGE) as f64 / 1e9;

/// A matrix that each library multiplies by itself.
pub struct Square {
    of_ndarray: Array2<f32>,
    of_dfdx: Tensor<(usize, usize), f32, Cpu>,
    one: rayon::ThreadPool,
}

impl Square {
    /// # Errors
    /// A thread that the system refuses.
    pub fn new() -> anyhow::Result<Self> {
        let of_ndarray = Array2::from_shape_fn((EDGE, EDGE), |(i, j)| ((i * 7 + j * 3) % 11) as f32 * 0.1);
        let of_dfdx = Cpu::default().tensor_from_vec(of_ndarray.iter().copied().collect(), (EDGE, EDGE));
        Ok(Self { of_ndarray, of_dfdx, one: rayon::ThreadPoolBuilder::new().num_threads(1).build()? })
    }

    /// GFLOP/s on one core by `matrixmultiply` and by `gemm`, one product each.
    fn both(&self) -> [f64; 2] {
        let seconds = [
            median_seconds(1, || drop(std::hint::black_box(self.of_ndarray.dot(&self.of_ndarray)))),
            self.one.install(|| {
                median_seconds(1, || drop(std::hint::black_box(self.of_dfdx.clone().matmul(self.of_dfdx.clone()))))
            }),
        ];
        seconds.map(|seconds| GFLOP / seconds)
    }

    /// The limit of one core at this moment, GFLOP/s.
    pub fn limit(&self) -> f64 {
        let [matrixmultiply, gemm] = self.both();
        matrixmultiply.max(gemm)
    }
}

pub fn measure(options: &BenchOptions, square: &Square) -> anyhow::Result<Limits> {
    let turns: Vec<[f64; 2]> = (0..options.repeats).map(|_| square.both()).collect();
    let [matrixmultiply, gemm] = [0, 1].map(|library| median(turns.iter().map(|turn| turn[library])));
    let torch = options.torch.as_ref().map(|torch| torch.sgemm(EDGE)).transpose()?;

    let from = vec![1_u8; 256 << 20];
    // Copied once before the clock runs: fresh memory is handed out page by page.
    let mut to = from.clone();
    let seconds = median_seconds(options.repeats, || {
        to.copy_from_slice(&from);
        std::hint::black_box(&to);
    });
    Ok(Limits {
        sgemm: matrixmultiply.max(gemm),
        sgemm_matrixmultiply: matrixmultiply,
        sgemm_gemm: gemm,
        sgemm_torch: torch,
        memory: 2.0 * from.len() as f64 / seconds / 1e9,
    })
}
