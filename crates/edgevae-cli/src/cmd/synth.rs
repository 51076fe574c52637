//! `edgevae synth`

use std::io::BufWriter;
use std::path::PathBuf;

use clap::Args;
use edgevae_trainer::base::output::OutputFile;
use edgevae_trainer::table::{csv, synthetic::Synthetic};

// A negative number is a wrong value and not an unknown flag.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct Cmd {
    /// CSV file to write; its last column is `label` (1: anomaly)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Rows in all
    #[arg(long, default_value_t = Synthetic::default().rows)]
    rows: usize,
    /// Features
    #[arg(long, default_value_t = Synthetic::default().features)]
    features: usize,
    /// Gaussians that the normal rows are drawn from
    #[arg(long, default_value_t = Synthetic::default().components)]
    components: usize,
    /// Fraction of anomalies
    #[arg(long, default_value_t = Synthetic::default().contamination)]
    contamination: f64,
    /// Distance of each Gaussian's mean from the origin
    #[arg(long, default_value_t = Synthetic::default().mean_norm)]
    mean_norm: f64,
    /// Distance of the anomalies' mean from the middle of the normal means
    #[arg(long, default_value_t = Synthetic::default().shift)]
    shift: f64,
    /// Variance of the anomalies in each feature (that of the normals is 0.5)
    #[arg(long, default_value_t = Synthetic::default().variance)]
    variance: f64,
    /// Seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl Cmd {
    pub fn run(self) -> anyhow::Result<()> {
        let Self { out, rows, features, components, contamination, mean_norm, shift, variance, seed } = self;
        let synthetic = Synthetic { rows, features, components, contamination, mean_norm, shift, variance, seed };
        let dataset = synthetic.generate()?;
        let mut file = BufWriter::new(OutputFile::create(&out)?);
        csv::write_csv(&dataset, &mut file)?;
        file.into_inner().map_err(|error| error.into_error())?.finish()?;
        let anomalies = dataset.labels.iter().flatten().filter(|label| **label).count();
        note!("{}: {rows} rows, {features} features, {anomalies} anomalies", out.display());
        note!("next: edgevae train --data {} --label label", out.display());
        Ok(())
    }
}
