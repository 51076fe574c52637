//! Loads the embedded model and scores a fixed set of samples, as often as its arguments say.
//!
//! `measure LOADS SCORES` for the instruction counter, which takes the difference of two runs; `measure stack` prints the
//! stack that loading and scoring reach, and the RAM that model and detector hold.
#![no_std]
#![no_main]
#![allow(missing_docs, reason = "the entry point of riscv-rt is a public function")]

use core::hint::black_box;

use edgevae_core::LoadError;
use qemu::model::{EmbeddedDetector, EmbeddedModel, IN, MODEL, next};
use qemu::{end, entry, stack};
use semihosting::experimental::env;
use semihosting::println;

/// Samples that are scored in turn: a count should not hang on the values of one.
const SAMPLES: usize = 8;

#[entry]
fn main() -> ! {
    end(run())
}

fn run() -> Result<(), LoadError> {
    let arguments = env::args::<64>().unwrap_or_else(|error| panic!("no arguments: {error:?}"));
    let mut words = (&arguments).into_iter().skip(1).map(|word| word.expect("arguments are UTF-8"));
    match words.next() {
        Some("stack") => print_stack(),
        loads => {
            let number = |word: Option<&str>| word.and_then(|word| word.parse().ok()).expect("measure LOADS SCORES");
            repeat(number(loads), number(words.next()))
        }
    }
}

/// Deterministic samples of about unit variance.
fn samples() -> [[f32; IN]; SAMPLES] {
    core::array::from_fn(|row| core::array::from_fn(|at| ((row * IN + at) * 37 % 101) as f32 / 29.0 - 1.7))
}

fn repeat(loads: usize, scores: usize) -> Result<(), LoadError> {
    for _ in 0..loads {
        EmbeddedModel::from_bytes(black_box(MODEL))?;
    }
    let model = EmbeddedModel::from_bytes(MODEL)?;
    let mut detector = EmbeddedDetector::new(&model)?;
    let samples = samples();
    for at in 0..scores {
        let _ = black_box(next(&mut detector, black_box(&samples[at % SAMPLES])));
    }
    Ok(())
}

fn print_stack() -> Result<(), LoadError> {
    let mut model = Err(LoadError::NotAModel);
    let load = stack::high_water(|| model = EmbeddedModel::from_bytes(black_box(MODEL)));
    let model = model?;
    let mut detector = EmbeddedDetector::new(&model)?;
    // All of them: a detector of raw rows scores only where a window ends.
    let mut score = 0;
    for sample in &samples() {
        score = score.max(stack::high_water(|| {
            let _ = black_box(next(&mut detector, black_box(sample)));
        }));
    }
    println!("model_bytes {}", MODEL.len());
    println!("load_stack {load}");
    println!("score_stack {score}");
    println!("model_ram {}", size_of_val(&model));
    println!("detector_ram {}", size_of_val(&detector));
    Ok(())
}
