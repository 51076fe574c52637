//! `edgevae samples`

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use edgevae_trainer::base::output::{self, OutputFile};
use edgevae_trainer::export::model_file::ModelFile;

use super::rows::RowsArgs;

#[derive(Debug, Args)]
pub struct Cmd {
    /// Model file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    #[command(flatten)]
    rows: RowsArgs,
    /// File to write: for each row its number (`u32`), then its values in the order of the model (`f32`), little-endian
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// No notes on standard error
    #[arg(long)]
    quiet: bool,
}

impl Cmd {
    pub fn run(self) -> anyhow::Result<()> {
        output::refuse_inputs(&self.out, &[("--model", &self.model), self.rows.input()])?;
        let file = ModelFile::open(&self.model)?;
        let mut out = BufWriter::with_capacity(1 << 16, OutputFile::create(&self.out)?);
        let model = file.any()?;
        let columns = model.columns().len();
        self.rows.read(&model, self.quiet, |block| {
            for (index, sample) in block.cells.chunks_exact(columns).enumerate() {
                let number =
                    u32::try_from(block.row_number(index)).context("more rows than a sample file can number")?;
                out.write_all(&number.to_le_bytes())?;
                sample.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))?;
            }
            Ok(())
        })?;
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.finish()?;
        Ok(())
    }
}
