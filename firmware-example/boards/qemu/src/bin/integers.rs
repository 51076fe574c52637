//! Scores integer readings on the emulated core, as a firmware without a floating-point number does.
//!
//! Reads `readings.bin` (`IN` times `i32` a row, little-endian) and writes `integers.bin`: for each row its score, then the score
//! of the low halves of its readings as `i16`, each as a little-endian `u64`. Where there is no floating-point unit
//! `panic_free.sh` sees that its image has no routine that stands in for one.
#![no_std]
#![no_main]
#![allow(missing_docs, reason = "the entry point of riscv-rt is a public function")]

use edgevae_core::quant::Reading;
use edgevae_core::{QuantizedDetector, QuantizedModel};
use qemu::model::{IN, MODEL, WIDTH};
use qemu::{end, entry};
use semihosting::fs::File;
use semihosting::io::{Read as _, Write as _};

type Detector<'m> = QuantizedDetector<'m, IN, WIDTH>;

#[entry]
fn main() -> ! {
    end(run())
}

fn run() -> Result<(), &'static str> {
    let model = QuantizedModel::from_bytes(MODEL).map_err(|_| "the embedded model is no int8 model")?;
    let mut detector = Detector::new(&model).map_err(|_| "the model does not fit the detector")?;
    let mut readings = File::open(c"readings.bin").map_err(|_| "readings.bin cannot be read")?;
    let mut scores = File::create(c"integers.bin").map_err(|_| "integers.bin cannot be written")?;
    let mut row = [0_i32; IN];
    while fill(&mut readings, bytemuck::must_cast_slice_mut(&mut row))? {
        let both = [score(&mut detector, &row)?, score(&mut detector, &row.map(|reading| reading as i16))?];
        let bytes: [u8; 16] = bytemuck::must_cast(both.map(u64::to_le_bytes));
        scores.write_all(&bytes).map_err(|_| "integers.bin cannot be written")?;
    }
    Ok(())
}

fn score<R: Reading>(detector: &mut Detector<'_>, row: &[R; IN]) -> Result<u64, &'static str> {
    detector.score(row).map(|verdict| verdict.score).map_err(|_| "integer readings have a score")
}

/// Fills `bytes`; `false` at the end of the file.
fn fill(file: &mut File, bytes: &mut [u8]) -> Result<bool, &'static str> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read(&mut bytes[filled..]).map_err(|_| "readings.bin cannot be read")? {
            0 if filled == 0 => return Ok(false),
            0 => return Err("readings.bin ends in the middle of a row"),
            read => filled += read,
        }
    }
    Ok(true)
}
