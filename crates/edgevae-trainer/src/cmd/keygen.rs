//! `edgevae keygen`

use std::path::PathBuf;

use clap::Args;
use edgevae_trainer::output::OutputFile;
use edgevae_trainer::signing::{KeyError, SecretKey};

use crate::terminal;

#[derive(Debug, Args)]
pub struct Cmd {
    /// File for the secret key, readable by you alone; the public key goes beside it with the ending `.pub`
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Cmd {
    pub fn run(self) -> anyhow::Result<()> {
        let public_path = self.out.with_added_extension("pub");
        for path in [&self.out, &public_path] {
            if path.exists() {
                return Err(KeyError::Exists(path.clone()).into());
            }
        }
        let mut secret = OutputFile::create_secret(&self.out)?;
        let mut public = OutputFile::create(&public_path)?;
        let key = SecretKey::generate()?;
        secret.put(key.to_pem().as_bytes())?;
        public.put(key.public().to_pem().as_bytes())?;
        secret.finish()?;
        public.finish()?;
        note!("{}: secret; who has it can sign models for your devices", self.out.display());
        note!("{}: public, {}", public_path.display(), key.public().to_hex());
        terminal::print(key.public().to_rust())
    }
}
