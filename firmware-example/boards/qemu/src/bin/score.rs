//! Scores the samples of a file on the emulated core, as `edgevae score` does on the desk.
//!
//! Reads `samples.bin` (from `edgevae samples`: the row's number as `u32`, then `IN` times `f32`, little-endian), writes
//! `scores.csv`. A lamp on standard error shows where the state changes.
#![no_std]
#![no_main]
#![allow(missing_docs, reason = "the entry point of riscv-rt is a public function")]

use core::fmt;

use edgevae_core::{Detector, LoadError, Model, ScoreError, Verdict};
use edgevae_firmware::{Board, State, watch};
use qemu::model::{IN, MEMORY, MODEL, WIDTH};
use qemu::{end, entry};
use semihosting::eprintln;
use semihosting::fs::File;
use semihosting::io::{self, Read as _, Write as _};

#[entry]
fn main() -> ! {
    end(run())
}

fn run() -> Result<(), Error> {
    let model = Model::from_bytes(MODEL).map_err(Error::Load)?;
    let mut detector = Detector::<IN, WIDTH, MEMORY>::new(&model).map_err(Error::Load)?;
    let (samples, scores) = (File::open(c"samples.bin")?, File::create(c"scores.csv")?);
    let mut board = Emulated { samples, scores, row: 0, threshold: model.threshold(), state: State::Normal };
    board.scores.write_all(b"row,score,is_anomaly\n")?;
    watch(&mut detector, &mut board)
}

/// Files of the host in place of a sensor, its terminal in place of a lamp.
struct Emulated {
    samples: File,
    scores: File,
    row: u32,
    threshold: f32,
    state: State,
}

impl Board<IN> for Emulated {
    type Error = Error;

    fn sample(&mut self, sample: &mut [f32; IN]) -> Result<bool, Error> {
        let mut number = [0; 4];
        if !self.fill(&mut number)? {
            return Ok(false);
        }
        self.row = u32::from_le_bytes(number);
        for value in sample {
            let mut bytes = [0; 4];
            if !self.fill(&mut bytes)? {
                return Err(Error::CutShort(self.row));
            }
            *value = f32::from_le_bytes(bytes);
        }
        Ok(true)
    }

    fn show(&mut self, outcome: Result<Verdict, ScoreError>) -> Result<(), Error> {
        let (row, threshold) = (self.row, self.threshold);
        if let Ok(Verdict { score, is_anomaly }) = outcome {
            let mut line = Line::default();
            line.push(itoa::Buffer::new().format(row));
            line.push(",");
            line.push(ryu::Buffer::new().format_finite(score));
            line.push(if is_anomaly { ",1\n" } else { ",0\n" });
            self.scores.write_all(line.bytes())?;
        }
        if State::from(outcome) != self.state {
            self.state = outcome.into();
            match outcome {
                Ok(verdict) if verdict.is_anomaly => {
                    eprintln!("row {row}: lamp on, score {} above {threshold}", verdict.score);
                }
                Ok(verdict) => eprintln!("row {row}: lamp off, score {}", verdict.score),
                Err(error) => eprintln!("row {row}: lamp blinks, sensor fault: {error}"),
            }
        }
        Ok(())
    }
}

impl Emulated {
    /// Reads four bytes; `false` at the end of the file.
    fn fill(&mut self, bytes: &mut [u8; 4]) -> Result<bool, Error> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.samples.read(&mut bytes[filled..])? {
                0 if filled == 0 => return Ok(false),
                0 => return Err(Error::CutShort(self.row)),
                read => filled += read,
            }
        }
        Ok(true)
    }
}

/// One line of output: every call of the host stops the emulator, so a line is one call.
#[derive(Default)]
struct Line {
    // A row number of at most 10 bytes, a score of at most 16, and ",", ",0\n".
    bytes: [u8; 32],
    length: usize,
}

impl Line {
    fn push(&mut self, text: &str) {
        let free = self.bytes.get_mut(self.length..).unwrap_or_default();
        if let Some(slot) = free.get_mut(..text.len()) {
            slot.copy_from_slice(text.as_bytes());
            self.length += text.len();
        }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Why a run ended early.
enum Error {
    Load(LoadError),
    Host(io::Error),
    CutShort(u32),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Host(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(error) => write!(f, "the model is refused: {error}"),
            Self::Host(error) => write!(f, "samples.bin or scores.csv: {error:?}"),
            Self::CutShort(row) => write!(f, "samples.bin ends in the middle of row {row}"),
        }
    }
}
