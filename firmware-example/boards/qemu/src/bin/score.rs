//! Scores the samples of a file on the emulated core, as `edgevae score` does on the desk.
//!
//! Reads `samples.bin` (from `edgevae samples`: the row's number as `u32`, then `IN` times `f32`, little-endian), writes
//! `scores.csv`, and with an int8 model `integers.bin`, its scores as little-endian `u64`. A lamp on standard error shows
//! where the state changes.
#![no_std]
#![no_main]
#![allow(missing_docs, reason = "the entry point of riscv-rt is a public function")]

use core::fmt;

use edgevae_core::{LoadError, Model, QuantizedModel, QuantizedVerdict, ScoreError, Verdict};
use edgevae_firmware::{Board, State, watch};
use qemu::model::{EmbeddedDetector, EmbeddedModel, EmbeddedVerdict, IN, MODEL};
use qemu::{end, entry};
use semihosting::eprintln;
use semihosting::fs::File;
use semihosting::io::{self, Read as _, Write as _};

#[entry]
fn main() -> ! {
    end(run())
}

fn run() -> Result<(), Error> {
    let model = EmbeddedModel::from_bytes(MODEL).map_err(Error::Load)?;
    let mut detector = EmbeddedDetector::new(&model).map_err(Error::Load)?;
    let (samples, scores) = (File::open(c"samples.bin")?, File::create(c"scores.csv")?);
    let integers = if EmbeddedVerdict::IS_INTEGER { Some(File::create(c"integers.bin")?) } else { None };
    let mut board = Emulated { model: &model, samples, scores, integers, row: 0, state: State::Normal };
    board.scores.write_all(EmbeddedVerdict::HEADER)?;
    watch(|sample| detector.score(sample), &mut board)
}

/// A verdict as `edgevae score` writes it.
trait Record: Copy {
    type Model<'m>;
    const HEADER: &[u8];
    const IS_INTEGER: bool = false;

    /// The score, in the unit of the float model.
    fn score(self, model: &Self::Model<'_>) -> f32;
    /// Columns behind the score.
    fn columns(self) -> &'static str;
    fn integer(self) -> u64 {
        0
    }
}

impl Record for Verdict {
    type Model<'m> = Model<'m>;
    const HEADER: &[u8] = b"row,score,is_anomaly\n";

    fn score(self, _: &Model<'_>) -> f32 {
        self.score
    }

    fn columns(self) -> &'static str {
        if self.is_anomaly { ",1\n" } else { ",0\n" }
    }
}

impl Record for QuantizedVerdict {
    type Model<'m> = QuantizedModel<'m>;
    const HEADER: &[u8] = b"row,score,is_anomaly,out_of_range\n";
    const IS_INTEGER: bool = true;

    fn score(self, model: &QuantizedModel<'_>) -> f32 {
        model.rendered(self.score)
    }

    fn columns(self) -> &'static str {
        match (self.is_anomaly, self.out_of_range) {
            (false, _) => ",0,0\n",
            (true, false) => ",1,0\n",
            (true, true) => ",1,1\n",
        }
    }

    fn integer(self) -> u64 {
        self.score
    }
}

/// Files of the host in place of a sensor, its terminal in place of a lamp.
struct Emulated<'m> {
    model: &'m EmbeddedModel<'m>,
    samples: File,
    scores: File,
    integers: Option<File>,
    row: u32,
    state: State,
}

impl Board<IN, EmbeddedVerdict> for Emulated<'_> {
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

    fn show(&mut self, outcome: Result<EmbeddedVerdict, ScoreError>) -> Result<(), Error> {
        let (row, threshold) = (self.row, self.model.header().threshold);
        let score = outcome.map_or(0.0, |verdict| verdict.score(self.model));
        if let Ok(verdict) = outcome {
            let mut line = Line::default();
            line.push(itoa::Buffer::new().format(row));
            line.push(",");
            line.push(ryu::Buffer::new().format_finite(score));
            line.push(verdict.columns());
            self.scores.write_all(line.bytes())?;
            if let Some(integers) = &mut self.integers {
                integers.write_all(&verdict.integer().to_le_bytes())?;
            }
        }
        if State::from(outcome) != self.state {
            self.state = outcome.into();
            match outcome {
                Ok(verdict) if verdict.is_anomaly => {
                    eprintln!("row {row}: lamp on, score {score} above {threshold}");
                }
                Ok(_) => eprintln!("row {row}: lamp off, score {score}"),
                Err(error) => eprintln!("row {row}: lamp blinks, sensor fault: {error}"),
            }
        }
        Ok(())
    }
}

impl Emulated<'_> {
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
    // A row number of at most 10 bytes, a score of at most 16, and ",", ",0,0\n".
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
