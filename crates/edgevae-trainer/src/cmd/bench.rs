//! `edgevae bench`

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use edgevae_trainer::bench::{self, BenchOptions, Torch, growth};
use edgevae_trainer::output::OutputFile;

use crate::terminal;

#[derive(Debug, Args)]
pub struct Cmd {
    /// Runs of each measurement; the median is printed
    #[arg(long, value_name = "N", default_value_t = 5)]
    repeats: usize,
    /// Fewer rows and epochs: a look, not a result
    #[arg(long)]
    quick: bool,
    /// All of it as JSON
    #[arg(long)]
    json: bool,
    /// Script that fits the same network with PyTorch and prints JSON with `fit_seconds` [default: PyTorch is not measured]
    #[arg(long, value_name = "FILE.py")]
    torch: Option<PathBuf>,
    /// Python with PyTorch [default: python3]
    #[arg(long, value_name = "PATH", requires = "torch")]
    python: Option<PathBuf>,
    /// Instead: time and memory of a fit against rows, features and width, as a table and as a picture in this file
    #[arg(long, value_name = "FILE.svg", conflicts_with_all = ["json", "torch"])]
    growth: Option<PathBuf>,
    /// Instead: one point of such a curve, ROWS,FEATURES,WIDTH
    #[arg(long, hide = true)]
    point: Option<growth::Point>,
}

impl Cmd {
    pub fn run(self) -> anyhow::Result<()> {
        if let Some(point) = self.point {
            return terminal::print(serde_json::to_string(&growth::measure_here(point)?)?);
        }
        if cfg!(debug_assertions) {
            note!("warning: this build is not optimised; its figures say nothing, build with --release");
        }
        let binary = std::env::current_exe()?;
        let progress = &mut |what: &str| note!("{what} ...");
        if let Some(path) = &self.growth {
            let mut file = OutputFile::create(path)?;
            let growth::Growth { table, svg } = growth::run(&binary, self.quick, progress)?;
            file.write_all(svg.as_bytes())?;
            file.finish()?;
            return terminal::print(table);
        }
        anyhow::ensure!(self.repeats > 0, "--repeats is 0; expected a whole number above 0");
        let torch = self.torch.map(|script| Torch { python: self.python.unwrap_or_else(|| "python3".into()), script });
        let options = BenchOptions { repeats: self.repeats, quick: self.quick, torch, binary };
        let results = bench::run(&options, progress)?;
        if self.json { terminal::print(serde_json::to_string_pretty(&results)?) } else { terminal::print(results) }
    }
}
