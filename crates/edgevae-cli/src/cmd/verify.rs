//! `edgevae verify`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use edgevae_core::{LoadError, Model, QuantizedModel, RawModel, SignatureError};
use edgevae_trainer::base::regular;
use edgevae_trainer::export::model_file::AlignedBytes;
use edgevae_trainer::export::signing::Public;

use crate::terminal;

#[derive(Debug, Args)]
pub struct Cmd {
    /// Signed model file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Key that must have signed it: public (PEM or 64 hexadecimal digits) or secret
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

impl Cmd {
    /// Refuses what a device with this key refuses, by the code that runs there.
    pub fn run(self) -> anyhow::Result<()> {
        let public = Public::read(&self.key)?;
        let key = public.to_core().with_context(|| self.key.display().to_string())?;
        let name = || self.model.display().to_string();
        let bytes = AlignedBytes::new(&regular::read(&self.model).with_context(name)?);
        match Model::from_signed_bytes(bytes.as_slice(), &key) {
            Err(SignatureError::Load(LoadError::NeedsEncoder)) => {
                RawModel::from_signed_bytes(bytes.as_slice(), &key).with_context(name)?;
            }
            Err(SignatureError::Load(LoadError::Quantized)) => {
                QuantizedModel::from_signed_bytes(bytes.as_slice(), &key).with_context(name)?;
            }
            verified => _ = verified.with_context(name)?,
        }
        terminal::print(format_args!("{}: signed with {}", self.model.display(), public.to_hex()))
    }
}
