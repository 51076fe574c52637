//! The host side of edgevae as a library: tables, training, calibration, export, scoring, quantization.
//!
//! Rows go one way, and each folder imports only what stands before it in this list:
//!
//! 1. [`base`]: files written whole, numbers as text, random streams, threads
//! 2. [`table`]: rows of files or of memory as one table
//! 3. [`options`]: what a run may be asked for, with ranges and defaults
//! 4. [`prepare`]: what columns hold, their encoding and scale, which row is for what
//! 5. [`fit`]: the network and its training; only here dfdx is known
//! 6. [`heads`]: statistics of training rows that a score needs
//! 7. [`calibrate`]: the threshold, its intervals, metrics
//! 8. [`export`]: model files and their signatures
//! 9. [`score`]: many rows by a model file, to the bits of [`edgevae_core`]; what a score is made of
//! 10. [`quantize`]: the int8 form
//! 11. [`inspect`]: what a model file holds and what it costs on a device
//! 12. [`run`]: all of it in order, from options and a table to a finished run

// A library leaves the terminal to its caller.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod base;
pub mod calibrate;
pub mod export;
pub mod fit;
pub mod heads;
pub mod inspect;
pub mod options;
pub mod prepare;
pub mod quantize;
pub mod run;
pub mod score;
pub mod table;

pub use options::Config as Options;
pub use run::{Model, Run, Trainer};
pub use table::Table;

// Names from before the folders, for work that is under way; they go when it has landed.
#[doc(hidden)]
#[rustfmt::skip]
pub use {
    self::table as data, prepare as input, score as scoring, run as train,
    base::{memory, numbers, output, regular, threads}, calibrate::{metrics, threshold},
    export::{model_file, signing}, fit::{loss, vae}, inspect::target, options::{beta, config, likelihood},
    prepare::scaler, run::{auto, baselines, checkpoint, origin}, score::{explain, results},
};
#[allow(unused_imports)]
pub(crate) use base::fingerprint;
