//! What every folder may use: files that appear whole, numbers as text, random streams, threads.

pub(crate) mod fingerprint;
pub mod memory;
pub mod numbers;
pub mod output;
pub mod random;
pub mod regular;
pub mod threads;
pub mod value;
