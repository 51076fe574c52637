//! `edgevae keygen`

use std::io::ErrorKind;
use std::path::PathBuf;

use clap::Args;
use edgevae_trainer::base::output::{OutputError, OutputFile};
use edgevae_trainer::export::signing::{KeyError, SecretKey};

use crate::terminal;

#[derive(Debug, Args)]
pub struct Cmd {
    /// File for the secret key, readable by you alone; the public key goes beside it with the ending `.pub`
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Somebody made a key of that name in the meantime.
fn if_exists(error: OutputError) -> anyhow::Error {
    match error {
        OutputError::Write { path, source } if source.kind() == ErrorKind::AlreadyExists => {
            KeyError::Exists(path).into()
        }
        other => other.into(),
    }
}

impl Cmd {
    pub fn run(self) -> anyhow::Result<()> {
        let public_path = self.out.with_added_extension("pub");
        for path in [&self.out, &public_path] {
            // A link to nothing is there too.
            if path.symlink_metadata().is_ok() {
                return Err(KeyError::Exists(path.clone()).into());
            }
        }
        let mut secret = OutputFile::create_secret(&self.out)?;
        let mut public = OutputFile::create(&public_path)?;
        let key = SecretKey::generate()?;
        secret.put(key.to_pem().as_bytes())?;
        public.put(key.public().to_pem().as_bytes())?;
        public.finish_new().map_err(if_exists)?;
        if let Err(error) = secret.finish_new() {
            // Nobody has this half without the other.
            let _ = std::fs::remove_file(&public_path);
            return Err(if_exists(error));
        }
        note!("{}: secret; who has it can sign models for your devices", self.out.display());
        note!("{}: public, {}", public_path.display(), key.public().to_hex());
        terminal::print(key.public().to_rust())
    }
}
