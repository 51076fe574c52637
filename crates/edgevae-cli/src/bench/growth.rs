//! How time and memory of a fit grow with rows, features and width: a process for each point.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;
use std::time::Instant;

use anyhow::Context as _;
use ndarray::Array2;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::median;
use crate::report::{GrowthCurve, growth_svg};
use edgevae_trainer::base::random::{Purpose, stream};
use edgevae_trainer::fit::vae::Shape;
use edgevae_trainer::fit::{FitOptions, fit};
use edgevae_trainer::options::Engine;
use edgevae_trainer::options::beta::BetaSchedule;
use edgevae_trainer::options::likelihood::Likelihood;
use edgevae_trainer::table::synthetic::MAX_CELLS;

/// Sizes of one fit: `ROWS,FEATURES,WIDTH`, one hidden layer of that width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Rows of the table.
    pub rows: usize,
    /// Its columns.
    pub features: usize,
    /// Width of the hidden layer.
    pub width: usize,
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<usize>, _> = text.split(',').map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[rows, features, width])
                if rows.min(features).min(width) > 0
                    && rows.checked_mul(features).is_some_and(|cells| cells <= MAX_CELLS)
                    && features.checked_mul(width).is_some_and(|weights| weights <= MAX_CELLS) =>
            {
                Ok(Self { rows, features, width })
            }
            _ => Err(format!(
                "`{text}`; expected ROWS,FEATURES,WIDTH, each at least 1, with at most {MAX_CELLS} cells and weights of a layer"
            )),
        }
    }
}

/// What one point took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// One epoch, whole fit.
    pub seconds: f64,
    /// Largest resident set of the process, bytes; `None` where the system does not tell.
    pub peak_bytes: Option<u64>,
}

/// Fits one epoch of noise in this process.
///
/// # Errors
/// What the fit says.
pub fn measure_here(point: Point) -> anyhow::Result<Measured> {
    let mut rng = stream(0, Purpose::Noise, 0);
    let table = Array2::from_shape_fn((point.rows, point.features), |_| StandardNormal.sample(&mut rng));
    let options = FitOptions {
        engine: Engine::Simd,
        shape: Shape { inputs: point.features, hidden: vec![point.width], latent: 8, likelihood: Likelihood::Mse },
        epochs: 1,
        batch_size: 128,
        learning_rate: 1e-3,
        beta: 1.0,
        schedule: BetaSchedule::Constant,
        input_noise: 0.0,
        members: 1,
        patience: None,
        seed: 0,
        threads: 1,
    };
    let start = Instant::now();
    fit(table.view(), None, &options, &mut |_| ControlFlow::Continue(()))?;
    Ok(Measured { seconds: start.elapsed().as_secs_f64(), peak_bytes: peak_bytes() })
}

/// Linux tells the high-water mark of a process in `/proc`.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Fits one epoch in a process of its own.
fn measure(binary: &Path, Point { rows, features, width }: Point) -> anyhow::Result<Measured> {
    let out = Command::new(binary).args(["bench", "--point", &format!("{rows},{features},{width}")]).output()?;
    let said = String::from_utf8_lossy(&out.stderr);
    anyhow::ensure!(
        out.status.success(),
        "a fit of {rows} rows, {features} features, width {width} ended with {}; {}",
        out.status,
        if said.is_empty() { "is the memory too small for it?" } else { said.trim() }
    );
    serde_json::from_slice(&out.stdout).context("edgevae bench --point")
}

/// A table of growth and its picture.
pub struct Growth {
    /// Markdown.
    pub table: String,
    /// A complete SVG file.
    pub svg: String,
}

/// Measures all curves with processes of `binary`, `repeats` of them for each point: their median time, their largest memory.
///
/// # Errors
/// A process that fails; a picture that cannot be drawn.
pub fn run(binary: &Path, repeats: usize, quick: bool, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Growth> {
    let base = Point { rows: 10_000, features: 32, width: 64 };
    let rows: &[usize] = if quick { &[1_000, 10_000] } else { &[10_000, 100_000, 1_000_000, 3_000_000, 10_000_000] };
    let features: &[usize] = if quick { &[4, 32] } else { &[4, 10, 32, 100, 300, 1000, 2000] };
    let widths: &[usize] = if quick { &[8, 64] } else { &[8, 16, 32, 64, 128, 256, 512, 1024] };
    let mut table = String::from(
        "| grows | rows | features | width | seconds an epoch | µs a row | peak memory |\n|---|---|---|---|---|---|---|\n",
    );
    let mut curves = Vec::new();
    type Set = fn(&mut Point, usize);
    let axes: [(&str, &[usize], Set); 3] = [
        ("rows", rows, |point, size| point.rows = size),
        ("features", features, |point, size| point.features = size),
        ("width", widths, |point, size| point.width = size),
    ];
    for (name, sizes, set) in axes {
        let mut points = Vec::new();
        for &size in sizes {
            let mut point = base;
            set(&mut point, size);
            let Point { rows, features, width } = point;
            progress(&format!("{rows} rows, {features} features, width {width}"));
            let runs = (0..repeats).map(|_| measure(binary, point)).collect::<anyhow::Result<Vec<Measured>>>()?;
            let seconds = median(runs.iter().map(|run| run.seconds));
            let peak_bytes = runs.iter().filter_map(|run| run.peak_bytes).max();
            let peak = peak_bytes.map_or("not measured".into(), |bytes| format!("{:.1} MiB", bytes as f64 / 1048576.0));
            let per_row = 1e6 * seconds / rows as f64;
            writeln!(table, "| {name} | {rows} | {features} | {width} | {seconds:.3} | {per_row:.2} | {peak} |")?;
            points.push((size as f64, seconds, peak_bytes.map(|bytes| bytes as f64 / 1048576.0)));
        }
        curves.push(GrowthCurve { name, points });
    }
    Ok(Growth { table, svg: growth_svg(&curves)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_three_sizes_above_zero() {
        assert_eq!("10,4,8".parse(), Ok(Point { rows: 10, features: 4, width: 8 }));
        for bad in ["", "10,4", "10,4,0", "10,4,8,2", "10,4,x", "18446744073709551615,2,2", "2,4294967296,4294967296"] {
            assert!(bad.parse::<Point>().unwrap_err().contains("ROWS,FEATURES,WIDTH"), "{bad}");
        }
    }

    #[test]
    fn a_point_is_measured() {
        let measured = measure_here(Point { rows: 200, features: 4, width: 8 }).unwrap();
        assert!(measured.seconds > 0.0);
        assert!(measured.peak_bytes.is_none_or(|bytes| bytes > 1 << 20), "{measured:?}");
    }
}
