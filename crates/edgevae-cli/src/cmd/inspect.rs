//! `edgevae inspect`

use std::path::PathBuf;

use clap::Args;
use edgevae_trainer::export::model_file::ModelFile;
use edgevae_trainer::inspect::Inspection;
use edgevae_trainer::inspect::target::Core;

use crate::terminal;

#[derive(Debug, Args)]
pub struct Cmd {
    /// Model file
    #[arg(value_name = "FILE")]
    model: PathBuf,
    /// Flash and RAM that it needs on a core, as measured: cortex-m0, -m3, -m4f, -m7, -m33, -m55, rv32imc, rv32imac
    #[arg(long, value_name = "CORE", value_parser = Core::parse)]
    target: Option<Core>,
    /// All of it as JSON
    #[arg(long)]
    json: bool,
}

impl Cmd {
    pub fn run(self) -> anyhow::Result<()> {
        let file = ModelFile::open(&self.model)?;
        anyhow::ensure!(
            self.target.is_none() || !file.is_signed(),
            "{}: --target: the file is signed, and the code that checks a signature is not measured; give the file that was signed",
            self.model.display()
        );
        let inspection = Inspection::of(&file.any()?, file.bytes(), file.is_signed(), self.target);
        if self.json {
            terminal::print(serde_json::to_string_pretty(&inspection)?)
        } else {
            terminal::print(inspection.text())
        }
    }
}
