//! Checkpoint files: a run that was interrupted goes on where it was.
//!
//! Magic `EVCP`, format version, length, a postcard value, and a CRC-32 over all bytes before it. A file that was cut or
//! altered is refused, and one of another edgevae too: only the same code is sure to go on with the same bits.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::export::TOOL;
use crate::fit::Checkpoint;
use crate::output::{OutputError, OutputFile};

const MAGIC: [u8; 4] = *b"EVCP";
const VERSION: u8 = 1;
/// Magic, version and length.
const PREFIX: usize = MAGIC.len() + 1 + 8;
const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be read.
    #[error("{path}: {source}; expected a checkpoint written by `edgevae train --checkpoint-every`", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is some other file.
    #[error("{path}: not a checkpoint (it does not begin with `EVCP`)", path = .0.display())]
    NotACheckpoint(PathBuf),
    /// It was cut or altered.
    #[error("{path}: damaged; start the run anew", path = .0.display())]
    Damaged(PathBuf),
    /// Another edgevae wrote it.
    #[error("{path}: written by {found}, this is {TOOL}: another version does not go on with the same bits", path = path.display())]
    OtherTool {
        /// The file.
        path: PathBuf,
        /// Who wrote it.
        found: String,
    },
}

/// Everything that a run needs to go on.
#[derive(Clone, Debug)]
pub struct RunCheckpoint {
    /// Options of the run.
    pub config: Config,
    /// Folder of its results.
    pub out: PathBuf,
    /// Epochs between checkpoints.
    pub every: usize,
    /// Where the fit was.
    pub fit: Checkpoint,
}

#[derive(Serialize, Deserialize)]
struct Body {
    tool: String,
    /// As TOML: a checkpoint holds the options that were given, not a layout of theirs.
    config: String,
    out: PathBuf,
    every: usize,
    fit: Checkpoint,
}

/// Where the checkpoint of a run lies: beside its results.
pub fn path_for(out: &Path) -> PathBuf {
    out.with_added_extension("checkpoint")
}

impl RunCheckpoint {
    /// Writes the file; the one that was there is replaced when the new one is complete on disk.
    ///
    /// # Errors
    /// [`OutputError`]; the old file is then still there.
    pub fn write(&self, path: &Path) -> Result<(), OutputError> {
        let body = Body {
            tool: TOOL.into(),
            config: toml::to_string(&self.config).expect("options are TOML"),
            out: self.out.clone(),
            every: self.every,
            fit: self.fit.clone(),
        };
        let body = postcard::to_stdvec(&body).expect("a vector takes all");
        let length = (PREFIX + body.len() + 4) as u64;
        let mut bytes = [&MAGIC[..], &[VERSION], &length.to_le_bytes(), &body].concat();
        bytes.extend(CRC.checksum(&bytes).to_le_bytes());
        let mut file = OutputFile::create(path)?;
        file.put(&bytes)?;
        file.finish()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = fs::read(path).map_err(|source| CheckpointError::Read { path: path.to_owned(), source })?;
        if !bytes.starts_with(&MAGIC) {
            return Err(CheckpointError::NotACheckpoint(path.to_owned()));
        }
        let damaged = || CheckpointError::Damaged(path.to_owned());
        let body: Body = Self::body(&bytes).ok_or_else(damaged)?;
        if body.tool != TOOL {
            return Err(CheckpointError::OtherTool { path: path.to_owned(), found: body.tool });
        }
        let Body { tool: _, config, out, every, fit } = body;
        Ok(Self { config: toml::from_str(&config).map_err(|_| damaged())?, out, every, fit })
    }

    /// The value in a file that is whole.
    fn body(bytes: &[u8]) -> Option<Body> {
        let (body, stored) = bytes.split_last_chunk()?;
        let length = u64::from_le_bytes(*body.get(MAGIC.len() + 1..)?.first_chunk()?);
        if length != bytes.len() as u64 || CRC.checksum(body) != u32::from_le_bytes(*stored) {
            return None;
        }
        if body.get(MAGIC.len()) != Some(&VERSION) {
            return None;
        }
        postcard::from_bytes(body.get(PREFIX..)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::{data::synthetic::Synthetic, train};
    use edgevae_core::format::Missing;
    use std::ops::ControlFlow;

    /// The checkpoint of a small run after its second epoch.
    fn checkpoint() -> RunCheckpoint {
        let dataset = Synthetic { rows: 60, features: 2, ..Synthetic::default() }.generate().unwrap();
        let options =
            Options { hidden: vec![3], latent: 1, epochs: 2, beta_warmup: 1, threads: 1, ..Options::default() };
        let mut last = None;
        let mut save = |checkpoint: &Checkpoint| {
            last = Some(checkpoint.clone());
            Ok(())
        };
        let checkpoints = crate::fit::Checkpoints { from: None, every: 1, save: &mut save };
        train::train_from(checkpoints, &dataset, Missing::Error, &options, &mut |_| ControlFlow::Continue(())).unwrap();
        let config = Config { epochs: Some(2), hidden: Some(vec![3]), ..Config::default() };
        RunCheckpoint { config, out: "run".into(), every: 1, fit: last.unwrap() }
    }

    #[test]
    fn reads_what_was_written_and_refuses_every_flipped_bit_truncation_and_extension() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.checkpoint");
        let checkpoint = checkpoint();
        checkpoint.write(&path).unwrap();
        let read = RunCheckpoint::read(&path).unwrap();
        assert_eq!((&read.config, &read.fit, read.fit.epochs()), (&checkpoint.config, &checkpoint.fit, 2));

        let mut bytes = fs::read(&path).unwrap();
        let refused = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            RunCheckpoint::read(&path).is_err()
        };
        for bit in (0..8 * bytes.len()).step_by(3) {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(refused(&bytes), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for len in 0..bytes.len() {
            assert!(refused(&bytes[..len]), "{len} bytes");
        }
        assert!(refused(&[&bytes[..], &[0]].concat()));
        assert!(!refused(&bytes));
    }

    #[test]
    fn a_checkpoint_that_cannot_be_written_leaves_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file/run.checkpoint");
        fs::write(dir.path().join("file"), "no folder").unwrap();
        assert!(checkpoint().write(&path).unwrap_err().to_string().contains("run.checkpoint"));
        assert_eq!(path_for(Path::new("runs/a.b")), Path::new("runs/a.b.checkpoint"));
    }
}
