//! The command line: names, help texts and nothing else.

use clap::{Parser, Subcommand};

use crate::cmd;

/// Learns what normal looks like on a workstation, recognises what is not on a microcontroller.
#[derive(Debug, Parser)]
#[command(name = "edgevae", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fit a model, calibrate its threshold, evaluate and export it
    Train(Box<cmd::train::Cmd>),
    /// Score rows with the code that runs on the device
    Score(cmd::score::Cmd),
    /// Write a CSV file's rows as the binary samples that the firmware example reads
    Samples(cmd::samples::Cmd),
    /// Metrics of a model on a labelled file
    Evaluate(cmd::evaluate::Cmd),
    /// Take a new threshold for the same weights from (normal) data
    Calibrate(cmd::calibrate::Cmd),
    /// Make an int8 model of a float model, for small cores
    Quantize(cmd::quantize::Cmd),
    /// What a model file holds
    Inspect(cmd::inspect::Cmd),
    /// Make a key pair that signs models
    Keygen(cmd::keygen::Cmd),
    /// Sign a model, so that devices with the public key take no other
    Sign(cmd::sign::Cmd),
    /// Check a model's signature as a device does
    Verify(cmd::verify::Cmd),
    /// Train over a grid of options and seeds, in parallel; goes on where it was stopped
    Sweep(Box<cmd::sweep::Cmd>),
    /// Write the reference data set, or a variant of it, as CSV
    Synth(cmd::synth::Cmd),
    /// Measure training and scoring on this machine, beside its limits
    Bench(cmd::bench::Cmd),
}

impl Command {
    /// Runs it; `Ok(true)` when the exit code is to tell of a finding: anomalies, or what became slower.
    pub fn run(self) -> anyhow::Result<bool> {
        match self {
            Self::Train(cmd) => cmd.run().map(|()| false),
            Self::Score(cmd) => cmd.run(),
            Self::Samples(cmd) => cmd.run().map(|()| false),
            Self::Evaluate(cmd) => cmd.run().map(|()| false),
            Self::Calibrate(cmd) => cmd.run().map(|()| false),
            Self::Quantize(cmd) => cmd.run().map(|()| false),
            Self::Inspect(cmd) => cmd.run().map(|()| false),
            Self::Keygen(cmd) => cmd.run().map(|()| false),
            Self::Sign(cmd) => cmd.run().map(|()| false),
            Self::Verify(cmd) => cmd.run().map(|()| false),
            Self::Sweep(cmd) => cmd.run().map(|()| false),
            Self::Synth(cmd) => cmd.run().map(|()| false),
            Self::Bench(cmd) => cmd.run(),
        }
    }
}
