//! One file for each subcommand: its flags and what it does with the library.

pub mod bench;
pub mod calibrate;
pub mod evaluate;
pub mod inspect;
pub mod keygen;
pub mod progress;
pub mod quantize;
pub mod rows;
pub mod samples;
pub mod score;
pub mod sign;
pub mod sweep;
pub mod synth;
pub mod train;
pub mod verify;
