//! `edgevae inspect`

use std::path::PathBuf;

use clap::Args;
use edgevae_trainer::inspect::Inspection;
use edgevae_trainer::model_file::ModelFile;

#[derive(Debug, Args)]
pub struct Cmd {
    /// Model file
    #[arg(value_name = "FILE")]
    model: PathBuf,
    /// All of it as JSON
    #[arg(long)]
    json: bool,
}

impl Cmd {
    pub fn run(self) -> anyhow::Result<()> {
        let file = ModelFile::open(&self.model)?;
        let inspection = Inspection::of(&file.model()?, file.bytes(), file.is_signed());
        if self.json {
            println!("{}", serde_json::to_string_pretty(&inspection)?);
        } else {
            print!("{}", inspection.text());
        }
        Ok(())
    }
}
