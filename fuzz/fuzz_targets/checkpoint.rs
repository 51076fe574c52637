//! Checkpoint files: any bytes are refused, or go on to the end of the run that they are of.
//!
//! The mutator keeps magic, version, length and checksum right, so that what is tried is what a run makes of the values.
#![no_main]

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::LazyLock;

use crc::{CRC_32_ISO_HDLC, Crc};
use edgevae_core::format::Missing;
use edgevae_trainer::run::checkpoint::RunCheckpoint;
use edgevae_trainer::options::config::Config;
use edgevae_trainer::table::Dataset;
use edgevae_trainer::table::synthetic::Synthetic;
use edgevae_trainer::fit::{Checkpoint, Checkpoints};
use edgevae_trainer::options::Options;
use edgevae_trainer::run;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
/// Magic, version and length.
const PREFIX: usize = 13;
const CRC_LEN: usize = 4;

static ROWS: LazyLock<Dataset> =
    LazyLock::new(|| Synthetic { rows: 24, features: 2, ..Synthetic::default() }.generate().expect("a valid recipe"));

/// Two fits of two members each, of three epochs.
fn options() -> Options {
    let (hidden, latent, epochs, beta_warmup, members, trim) = (vec![2], 1, 3, 1, 2, 0.1);
    Options { hidden, latent, epochs, beta_warmup, members, trim, patience: Some(2), ..Options::default() }
}

/// Runs to the end from a checkpoint, and returns those that it saves.
fn run(from: Option<Checkpoint>) -> Vec<Checkpoint> {
    let mut saved = Vec::new();
    let checkpoints = Checkpoints::new(from, 1, |checkpoint| {
        saved.push(checkpoint.clone());
        Ok(())
    });
    let _ = run::train_from(checkpoints, &ROWS, Missing::Error, &options(), &mut |_| ControlFlow::Continue(()));
    saved
}

/// The files of a whole run.
static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let file = |fit| RunCheckpoint { config: Config::default(), out: "run".into(), every: 1, fit }.to_bytes();
    run(None).into_iter().map(file).collect()
});

fuzz_target!(|input: &[u8]| {
    match RunCheckpoint::from_bytes(input, Path::new("run.checkpoint")) {
        Ok(checkpoint) => drop(run(Some(checkpoint.fit))),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut size = size;
    if size < PREFIX + CRC_LEN || seed % 16 == 0 {
        let file = &FILES[seed as usize / 16 % FILES.len()];
        size = file.len().min(max_size);
        data[..size].copy_from_slice(&file[..size]);
    }
    let body = PREFIX.min(size);
    size = body + fuzzer_mutate(&mut data[body..], size - body, max_size - body);
    if seed % 8 != 1 && size >= PREFIX + CRC_LEN {
        data[5..PREFIX].copy_from_slice(&(size as u64).to_le_bytes());
        let checksum = CRC.checksum(&data[..size - CRC_LEN]);
        data[size - CRC_LEN..size].copy_from_slice(&checksum.to_le_bytes());
    }
    size
});
