//! `edgevae sign`

use std::path::{Path, PathBuf};

use clap::Args;
use edgevae_core::format;
use edgevae_trainer::base::output::{self, OutputFile};
use edgevae_trainer::base::regular;
use edgevae_trainer::export::model_file::ModelFile;
use edgevae_trainer::export::signing::SecretKey;

#[derive(Debug, Args)]
pub struct Cmd {
    /// Model file to sign; a signature that it has is replaced
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Secret key, as `edgevae keygen` writes it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Signed model file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Cmd {
    pub fn run(self) -> anyhow::Result<()> {
        let file = ModelFile::open(&self.model)?;
        let key = SecretKey::read(&self.key)?;
        warn_if_others_can_read(&self.key);
        output::refuse_inputs(&self.out, &[("--key", &self.key)])?;
        refuse_other_file(&self.out)?;
        let mut out = OutputFile::create(&self.out)?;
        out.put(&key.sign(file.bytes()))?;
        out.finish()?;
        note!("{}: signed; public key {}", self.out.display(), key.public().to_hex());
        Ok(())
    }
}

/// Refuses to replace what is no model: a slip of the keyboard must not cost a key.
fn refuse_other_file(out: &Path) -> anyhow::Result<()> {
    let Ok(bytes) = regular::read(out) else { return Ok(()) };
    anyhow::ensure!(
        bytes.starts_with(&format::MAGIC),
        "--out {} exists and is no model file, and would be replaced; name another --out or remove it",
        out.display()
    );
    Ok(())
}

#[cfg(unix)]
fn warn_if_others_can_read(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    if let Ok(metadata) = path.metadata()
        && metadata.permissions().mode() & 0o077 != 0
    {
        note!("warning: others can read the secret key; chmod 600 {}", path.display());
    }
}

#[cfg(not(unix))]
fn warn_if_others_can_read(_: &Path) {}
