//! The host side of edgevae as a library: data, objective, training loop, calibration, metrics and export.
//!
//! Modules `beta`, `metrics`, `threshold`, `data::split` and `data::synthetic` know no files, no command line and no
//! printing; only `fit`, `loss` and `vae` know dfdx. The forward pass that scores is defined by
//! [`edgevae_core`]; [`scoring`] repeats it for many rows at a time, to the same bits.

// A library leaves the terminal to its caller.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod auto;
pub mod baselines;
pub mod beta;
pub mod checkpoint;
pub mod config;
pub mod data;
pub mod explain;
pub mod export;
mod fingerprint;
pub mod fit;
pub mod heads;
pub mod input;
pub mod inspect;
pub mod likelihood;
pub mod loss;
pub mod memory;
pub mod metrics;
pub mod model_file;
pub mod numbers;
pub mod options;
pub mod origin;
pub mod output;
pub mod quantize;
pub mod regular;
pub mod results;
pub mod scaler;
pub mod scoring;
pub mod signing;
pub mod target;
pub mod threads;
pub mod threshold;
pub mod train;
pub mod vae;
