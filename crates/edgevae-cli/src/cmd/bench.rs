//! `edgevae bench`

use std::io::Write as _;
use std::path::PathBuf;

use crate::bench::compare::{self, Comparison};
use crate::bench::{self, BenchOptions, Torch, growth};
use clap::Args;
use edgevae_trainer::base::output::OutputFile;

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
    /// Compare with a run from before, as --json wrote it; exit code 1 where a ratio became worse, by a tenth and in every turn
    #[arg(long, value_name = "FILE.json", conflicts_with = "growth")]
    compare: Option<PathBuf>,
    /// Python with PyTorch [default: python3; where it has none, PyTorch is not measured]
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Script that fits the same network with PyTorch and prints JSON with `fit_seconds` [default: one of our own]
    #[arg(long, value_name = "FILE.py")]
    torch: Option<PathBuf>,
    /// Instead: time and memory of a fit against rows, features and width, as a table and as a picture in this file
    #[arg(long, value_name = "FILE.svg", conflicts_with_all = ["json", "torch", "python"])]
    growth: Option<PathBuf>,
    /// Instead: one point of such a curve, ROWS,FEATURES,WIDTH
    #[arg(long, hide = true)]
    point: Option<growth::Point>,
}

impl Cmd {
    /// Measures; `Ok(true)` when something became slower.
    pub fn run(self) -> anyhow::Result<bool> {
        if let Some(point) = self.point {
            return terminal::print(serde_json::to_string(&growth::measure_here(point)?)?).map(|()| false);
        }
        if cfg!(debug_assertions) {
            note!("warning: this build is not optimised; its figures say nothing, build with --release");
        }
        anyhow::ensure!(self.repeats > 0, "--repeats is 0; expected a whole number above 0");
        let binary = std::env::current_exe()?;
        let progress = &mut |what: &str| note!("{what} ...");
        if let Some(path) = &self.growth {
            let mut file = OutputFile::create(path)?;
            let growth::Growth { table, svg } = growth::run(&binary, self.repeats, self.quick, progress)?;
            file.write_all(svg.as_bytes())?;
            file.finish()?;
            return terminal::print(table).map(|()| false);
        }
        let before = self.compare.as_deref().map(compare::read).transpose()?;
        if let Some(before) = &before {
            compare::check(before, self.quick, self.repeats)?;
        }
        let options = BenchOptions { repeats: self.repeats, quick: self.quick, torch: self.torch(), binary };
        let results = bench::run(&options, progress)?;
        let comparison = before.map(|before| Comparison::new(&before, &results));
        if self.json {
            terminal::print(serde_json::to_string_pretty(&results)?)?;
            if let Some(comparison) = &comparison {
                note!("{comparison}");
            }
        } else {
            terminal::print(results)?;
            if let Some(comparison) = &comparison {
                terminal::print(format_args!("\n{comparison}"))?;
            }
        }
        Ok(comparison.is_some_and(|comparison| comparison.is_slower()))
    }

    /// What was asked for must run; what was not is taken where it is.
    fn torch(&self) -> Option<Torch> {
        let python = self.python.clone().unwrap_or_else(|| "python3".into());
        let asked = self.python.is_some() || self.torch.is_some();
        if !asked && !Torch::is_in(&python) {
            note!("PyTorch is not measured: python3 has none; --python names another Python");
            return None;
        }
        Some(Torch { python, script: self.torch.clone() })
    }
}
