//! What one core and its memory can do at best.

use dfdx::prelude::*;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{BenchOptions, median, median_seconds};

/// Best speeds seen in this run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Single-precision matrix product on one core, GFLOP/s: the best of the libraries below.
    pub sgemm: f64,
    /// By `matrixmultiply`, under ndarray.
    pub sgemm_matrixmultiply: f64,
    /// By `gemm` 0.15, under dfdx.
    pub sgemm_gemm: f64,
    /// By PyTorch's BLAS.
    pub sgemm_torch: Option<f64>,
    /// Memory read and written by a copy of 256 MiB on one core, GB/s.
    pub memory: f64,
}

/// Edge of the square matrices: 4 MiB each, large enough for any library to be at its best.
const EDGE: usize = 1024;

/// Multiplications and additions of a product of two such matrices, in billions.
const GFLOP: f64 = 2.0 * (EDGE * EDGE * EDGE) as f64 / 1e9;

/// A matrix to multiply by itself.
pub fn square() -> Array2<f32> {
    Array2::from_shape_fn((EDGE, EDGE), |(i, j)| ((i * 7 + j * 3) % 11) as f32 * 0.1)
}

/// GFLOP/s of `a * a` by `matrixmultiply` on one core.
pub fn matrixmultiply(a: &Array2<f32>) -> f64 {
    GFLOP / median_seconds(1, || drop(std::hint::black_box(a.dot(a))))
}

pub fn measure(options: &BenchOptions) -> anyhow::Result<Limits> {
    let a = square();
    let matrixmultiply = median((0..options.repeats).map(|_| matrixmultiply(&a)));

    let device = Cpu::default();
    let b: Tensor<(usize, usize), f32, Cpu> = device.tensor_from_vec(a.iter().copied().collect(), (EDGE, EDGE));
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let product = || drop(std::hint::black_box(b.clone().matmul(b.clone())));
    let seconds = median_seconds(options.repeats, || match &one {
        Ok(pool) => pool.install(product),
        Err(_) => product(),
    });
    let gemm = GFLOP / seconds;
    let torch = options.torch.as_ref().map(|torch| torch.sgemm(EDGE)).transpose()?;

    let from = vec![1_u8; 256 << 20];
    let mut to = vec![0_u8; from.len()];
    let seconds = median_seconds(options.repeats, || {
        to.copy_from_slice(&from);
        std::hint::black_box(&to);
    });
    Ok(Limits {
        sgemm: matrixmultiply.max(gemm).max(torch.unwrap_or(0.0)),
        sgemm_matrixmultiply: matrixmultiply,
        sgemm_gemm: gemm,
        sgemm_torch: torch,
        memory: 2.0 * from.len() as f64 / seconds / 1e9,
    })
}
