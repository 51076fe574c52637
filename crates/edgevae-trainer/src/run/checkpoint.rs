//! Checkpoint files: a run that was interrupted goes on where it was.
//!
//! Magic `EVCP`, format version, length, a postcard value, and a CRC-32 over all bytes before it. A file that was cut or
//! altered is refused, and one of another version of edgevae too: other code need not go on with the same bits. Two builds
//! of one version are not told apart.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::base::output::{OutputError, OutputFile};
use crate::base::regular;
use crate::export::TOOL;
use crate::fit::Checkpoint;
use crate::options::config::Config;

const MAGIC: [u8; 4] = *b"EVCP";
const VERSION: u8 = 2;
/// Magic, version and length.
const PREFIX: usize = MAGIC.len() + 1 + 8;
const CRC_LEN: usize = 4;
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
    #[error("{path}: damaged: {found}, expected {expected}; start the run anew", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: String,
    },
    /// It has a later format.
    #[error("{path}: checkpoint format {found}, written by a newer edgevae (this one reads format {VERSION}); update", path = path.display())]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u8,
    },
    /// It has an earlier format.
    #[error(
        "{path}: checkpoint format {found}, written by an older edgevae (this one reads format {VERSION}); finish the run \
         with that one or start it anew",
        path = path.display()
    )]
    OlderVersion {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u8,
    },
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

/// The file that this process went on from or wrote last.
static LATEST: Mutex<Option<PathBuf>> = Mutex::new(None);

/// The checkpoint that an interrupted run goes on from, where one lies on disk. For the Ctrl-C handler.
pub fn latest() -> Option<PathBuf> {
    LATEST.lock().ok()?.clone().filter(|path| path.exists())
}

fn set_latest(path: &Path) {
    if let Ok(mut latest) = LATEST.lock() {
        *latest = Some(path.to_owned());
    }
}

/// Where the checkpoint of a run lies: beside its results.
pub fn path_for(out: &Path) -> PathBuf {
    out.with_added_extension("checkpoint")
}

impl RunCheckpoint {
    /// The bytes of the file.
    ///
    /// # Panics
    /// Never: what it holds has a form in TOML and in postcard.
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = Body {
            tool: TOOL.into(),
            config: toml::to_string(&self.config).expect("options are TOML"),
            out: self.out.clone(),
            every: self.every,
            fit: self.fit.clone(),
        };
        let body = postcard::to_stdvec(&body).expect("a vector takes all");
        let length = (PREFIX + body.len() + CRC_LEN) as u64;
        let mut bytes = [&MAGIC[..], &[VERSION], &length.to_le_bytes(), &body].concat();
        bytes.extend(CRC.checksum(&bytes).to_le_bytes());
        bytes
    }

    /// Writes the file; the one that was there is replaced when the new one is complete on disk.
    ///
    /// # Errors
    /// [`OutputError`]; the old file is then still there.
    pub fn write(&self, path: &Path) -> Result<(), OutputError> {
        let mut file = OutputFile::create(path)?;
        file.put(&self.to_bytes())?;
        file.finish()?;
        set_latest(path);
        Ok(())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = regular::read(path).map_err(|source| CheckpointError::Read { path: path.to_owned(), source })?;
        let read = Self::from_bytes(&bytes, path)?;
        set_latest(path);
        Ok(read)
    }

    /// What the bytes of the file `path` hold.
    ///
    /// # Errors
    /// [`CheckpointError`], but for [`CheckpointError::Read`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        let Some(rest) = bytes.strip_prefix(&MAGIC) else {
            return Err(CheckpointError::NotACheckpoint(path.to_owned()));
        };
        match rest.first() {
            Some(&found) if found > VERSION => {
                return Err(CheckpointError::NewerVersion { path: path.to_owned(), found });
            }
            Some(&found) if found < VERSION => {
                return Err(CheckpointError::OlderVersion { path: path.to_owned(), found });
            }
            _ => {}
        }
        let damaged =
            |found: String, expected: String| CheckpointError::Damaged { path: path.to_owned(), found, expected };
        let undecodable =
            |error: String| damaged(format!("{error} behind a correct checksum"), "a checkpoint's values".into());
        let body = Self::body(bytes).map_err(|(found, expected)| damaged(found, expected))?;
        let body: Body = postcard::from_bytes(body).map_err(|error| undecodable(error.to_string()))?;
        if body.tool != TOOL {
            return Err(CheckpointError::OtherTool { path: path.to_owned(), found: body.tool });
        }
        let Body { tool: _, config, out, every, fit } = body;
        let config: Config = toml::from_str(&config).map_err(|error| undecodable(error.to_string()))?;
        Ok(Self { config, out, every, fit })
    }

    /// The value in a file that is whole, or what was found and what was expected.
    fn body(bytes: &[u8]) -> Result<&[u8], (String, String)> {
        let sizes = |expected: String| (format!("{} bytes", bytes.len()), expected);
        let least = PREFIX + CRC_LEN;
        let too_short = || sizes(format!("at least {least}"));
        let length = bytes.get(MAGIC.len() + 1..).and_then(|rest| rest.first_chunk()).ok_or_else(too_short)?;
        let length = u64::from_le_bytes(*length);
        if length != bytes.len() as u64 {
            return Err(sizes(length.to_string()));
        }
        let (covered, stored) = bytes.split_last_chunk().ok_or_else(too_short)?;
        let (stored, computed) = (u32::from_le_bytes(*stored), CRC.checksum(covered));
        if stored != computed {
            return Err((format!("checksum {stored:08x}"), format!("{computed:08x}")));
        }
        covered.get(PREFIX..).ok_or_else(too_short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::{run, table::synthetic::Synthetic};
    use edgevae_core::format::Missing;
    use std::fs;
    use std::ops::ControlFlow;

    /// The checkpoint of a small run after its second epoch.
    fn checkpoint() -> RunCheckpoint {
        let dataset = Synthetic { rows: 60, features: 2, ..Synthetic::default() }.generate().unwrap();
        let options =
            Options { hidden: vec![3], latent: 1, epochs: 2, beta_warmup: 1, threads: 1, ..Options::default() };
        let mut last = None;
        let checkpoints = crate::fit::Checkpoints::new(None, 1, |checkpoint| {
            last = Some(checkpoint.clone());
            Ok(())
        });
        run::train_from(checkpoints, &dataset, Missing::Error, &options, &mut |_| ControlFlow::Continue(())).unwrap();
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
    fn what_is_wrong_with_a_file_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.checkpoint");
        checkpoint().write(&path).unwrap();
        assert_eq!(latest(), Some(path.clone()));
        let bytes = fs::read(&path).unwrap();
        let says = |bytes: &[u8], words: &str| {
            fs::write(&path, bytes).unwrap();
            let error = RunCheckpoint::read(&path).unwrap_err().to_string();
            assert!(error.contains("run.checkpoint") && error.contains(words), "{error}");
        };
        let with = |at: usize, byte: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            bytes
        };
        says(&with(4, VERSION + 1), "format 3, written by a newer edgevae (this one reads format 2); update");
        says(&with(4, 1), "format 1, written by an older edgevae");
        says(&with(0, b'x'), "does not begin with `EVCP`");
        let length = bytes.len();
        says(&bytes[..length - 9], &format!("damaged: {} bytes, expected {length}; start", length - 9));
        says(&bytes[..6], "6 bytes, expected at least 17");
        says(&with(40, !bytes[40]), "damaged: checksum ");
        // A correct checksum over numbers that are none.
        let mut sealed = with(PREFIX, 0xff);
        let body = length - CRC_LEN;
        let checksum = CRC.checksum(&sealed[..body]);
        sealed[body..].copy_from_slice(&checksum.to_le_bytes());
        says(&sealed, "behind a correct checksum");
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
